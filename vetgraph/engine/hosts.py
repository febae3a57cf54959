"""Other hosts: which may be asked, at which address, and how much of an answer is taken.

A name is resolved once; its address is looked at, and the connection goes to that very address. A name that says
something else the second time it is asked for (DNS rebinding) gains nothing by it. Redirects are followed to listed
hosts only, each looked at like the first.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from vetgraph.client import AGENT
from vetgraph.errors import LimitExceeded, NotAllowed, Unavailable

SETTING: Final = "VETGRAPH_ALLOW_HOSTS"
REDIRECTS: Final = 5
CHUNK: Final = 1 << 16

_PORTS: Final = {"http": 80, "https": 443}
_MOVED: Final = (301, 302, 303, 307, 308)
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Place:
    """Where a request goes: the parts of its URL, with the port always said."""

    url: str
    secure: bool
    host: str
    port: int
    target: str

    @property
    def name(self) -> str:
        """The host as it is written in a header: with the port where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.secure else "http"] else f"{host}:{self.port}"


@dataclass(frozen=True)
class Limits:
    """How much may be taken: seconds for the whole of a request, bytes of its answer."""

    seconds: float
    size: int


@dataclass(frozen=True)
class Reply:
    """What a host answered: the address it came from in the end, its media type, its bytes."""

    url: str
    media: str
    body: bytes


class AllowList:
    """The hosts that may be asked, each written ``host`` or ``host:port``; an IPv6 address with a port in brackets."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._entries = frozenset(_entry(text) for text in entries)

    def place(self, url: str) -> Place:
        """Return where a URL leads. Raises NotAllowed where its host is not listed, or it is no http(s) address."""
        place = _place(url)
        if not self._lists(place.host, place.port):
            raise NotAllowed(
                f"This service may not ask {place.name}: its operator names the hosts that it may in {SETTING}."
            )
        return place

    def address(self, place: Place) -> str:
        """Return the address to connect to. Raises NotAllowed for one that is not public, Unavailable for none.

        An address inside the operator's own network is reached only where the list says it on purpose: as the address
        itself, or as the host with its port. What is link-local, multicast or unspecified has to be listed itself.
        """
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in _resolved(place)]
        for address in found:
            if self._is_fit(address, place):
                return str(address)
        shown = ", ".join(map(str, found))
        raise NotAllowed(
            f"{place.name} is at {shown}, which is not a public address; to allow it, name the address itself, or the "
            f"host with its port, in {SETTING}."
        )

    def _lists(self, host: str, port: int) -> bool:
        return (host, port) in self._entries or (host, None) in self._entries

    def _is_fit(self, address: Address, place: Place) -> bool:
        if self._lists(str(address), place.port):
            return True
        inner = _unwrapped(address)
        if inner.is_link_local or inner.is_multicast or inner.is_unspecified:
            return False
        return inner.is_global or (place.host, place.port) in self._entries


def _entry(text: str) -> tuple[str, int | None]:
    """Return host and port of an entry of the list; the port is None where any will do."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(text.strip("[]"))), None
    host, colon, port = text.rpartition(":")
    if colon and port.isdigit():
        return _host(host.strip("[]")), int(port)
    return _host(text), None


def _host(text: str) -> str:
    """Return a host in the one form in which it is compared."""
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(text))
    host = text.rstrip(".").lower()
    with contextlib.suppress(UnicodeError):
        return host.encode("idna").decode("ascii") if not host.isascii() else host
    return host


def _place(url: str) -> Place:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or port == 0:
        raise NotAllowed(f"<{url}> is not asked: only plain http and https addresses are, without a user name.")
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = f"?{quote(parts.query, safe='/%:@!$&()*+,;=~-._?')}" if parts.query else ""
    return Place(url, parts.scheme == "https", _host(parts.hostname), port or _PORTS[parts.scheme], path + query)


def _resolved(place: Place) -> list[str]:
    try:
        found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unavailable(f"{place.name} could not be reached: no address is known for it.") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _unwrapped(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def fetch(
    url: str, allowed: AllowList, limits: Limits, *, headers: Mapping[str, str], body: bytes | None = None
) -> Reply:
    """Return what a listed host answers; with a body by POST, else by GET.

    Raises NotAllowed for a host or an address that may not be asked, LimitExceeded where the answer takes longer or
    is larger than it may be, Unavailable where there is none or it is an error.
    """
    ends = time.monotonic() + limits.seconds
    for _ in range(REDIRECTS + 1):
        place = allowed.place(url)
        with _asked(place, allowed, limits, ends, headers, body) as response:
            if response.status not in _MOVED:
                return _reply(place, response, limits)
            url = urljoin(url, response.headers.get("Location", ""))
            body = None if response.status == 303 else body
    raise Unavailable(f"{url} could not be had: it is redirected more than {REDIRECTS} times.")


@contextlib.contextmanager
def _asked(
    place: Place, allowed: AllowList, limits: Limits, ends: float, headers: Mapping[str, str], body: bytes | None
) -> Iterator[http.client.HTTPResponse]:
    """Ask, and end the connection when the time is up, however slowly bytes trickle in."""
    connection = _connection(place, allowed.address(place), ends)
    late = threading.Event()
    timer: threading.Timer | None = None
    try:
        connection.connect()
        timer = _cutting(connection.sock, ends, late)
        connection.request("GET" if body is None else "POST", place.target, body, {**_fixed(place), **headers})
        yield connection.getresponse()
        if late.is_set():
            # An answer that ends with its connection looks whole when we cut it.
            raise TimeoutError
    except (OSError, http.client.HTTPException) as problem:
        if late.is_set() or isinstance(problem, TimeoutError):
            raise too_slow(place.name, limits.seconds) from None
        raise Unavailable(f"{place.name} could not be reached: {_said(problem)}.") from None
    finally:
        if timer is not None:
            timer.cancel()
        connection.close()


def _cutting(sock: socket.socket, ends: float, late: threading.Event) -> threading.Timer:
    """Start to wait for a moment at which the connection is ended, and take note where it comes to that."""

    def cut() -> None:
        late.set()
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, ends - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    return timer


def _fixed(place: Place) -> dict[str, str]:
    return {"Host": place.name, "User-Agent": AGENT, "Accept-Encoding": "identity", "Connection": "close"}


def _connection(place: Place, address: str, ends: float) -> http.client.HTTPConnection:
    """Return a connection to an address that answers to the name of a place."""
    seconds = max(0.001, ends - time.monotonic())
    if not place.secure:
        return http.client.HTTPConnection(address, place.port, timeout=seconds)
    return _Secured(address, place, timeout=seconds)


class _Secured(http.client.HTTPSConnection):
    """TLS with an address, where the certificate has to be that of the host's name."""

    def __init__(self, address: str, place: Place, timeout: float) -> None:
        self._name = place.host
        self._certain = ssl.create_default_context()
        super().__init__(address, place.port, timeout=timeout, context=self._certain)

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._certain.wrap_socket(self.sock, server_hostname=self._name)


def _reply(place: Place, response: http.client.HTTPResponse, limits: Limits) -> Reply:
    if response.status != 200:
        said = " ".join(response.read(300).decode("utf-8", "replace").split())
        raise Unavailable(f"{place.name} answered {response.status} {response.reason}: {said or 'nothing more'}.")
    body = bytearray()
    while data := response.read1(CHUNK):
        body += data
        if len(body) > limits.size:
            raise LimitExceeded(
                f"{place.name} answered with more than the {limits.size} bytes that are taken from another host.",
                limit=limits.size,
                unit="bytes",
            )
    if response.length:
        # The connection ended before the length that was announced: cut by us for being late, or by them.
        raise http.client.IncompleteRead(b"", response.length)
    return Reply(place.url, response.headers.get_content_type(), bytes(body))


def too_slow(name: str, seconds: float) -> LimitExceeded:
    """Return the error for a host that took longer than it may."""
    return LimitExceeded(
        f"{name} did not answer in full within the {seconds:.3g} seconds that other hosts are given.",
        limit=round(seconds, 3),
        unit="seconds",
    )


def _said(problem: Exception) -> str:
    text = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return " ".join(str(text).split())[:200].rstrip(".")
