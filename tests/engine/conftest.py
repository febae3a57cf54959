"""Fixtures for tests of the engine and the front: a client that measures, services to be hard on, their processes."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

TOKEN = "a-maintainer"
JSON = "application/sparql-results+json"
LOOK_UP = "SELECT ?p ?o { <https://w3id.org/vetgraph/id/anefore> ?p ?o }"
CROSS = "{ ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"

_TEN_DOZEN = " ".join(str(number) for number in range(120))
ENDLESS = "{{ {} }}".format(" ".join(f"VALUES ?{name} {{ {_TEN_DOZEN} }}" for name in "abcd"))
"""A pattern with 207 million solutions, the first of them at once."""


@dataclass
class Reply:
    """An answer: how long its first byte and its last took, and whether it came to its end (``whole``)."""

    status: int
    headers: dict[str, str]
    body: bytes
    first: float
    seconds: float
    whole: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def rows(self) -> list[dict[str, Any]]:
        return list(self.json["results"]["bindings"])


@dataclass
class Client:
    """A client of a service, with an address of its own (all of 127.0.0.0/8 is this machine)."""

    url: str
    address: str = "127.0.0.1"
    headers: dict[str, str] = field(default_factory=dict)

    def request(self, method: str, target: str, body: bytes | Iterator[bytes] | None = None, **headers: str) -> Reply:
        """Send a request, headers by their names with underscores, and read its answer."""
        port = int(self.url.rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(self.address, 0))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        started = time.monotonic()
        try:
            connection.request(method, target, body, {"Accept": JSON, **self.headers, **named})
            response = connection.getresponse()
            first = time.monotonic() - started
            try:
                data, whole = response.read(), True
            except (http.client.IncompleteRead, ConnectionError) as cut:
                data, whole = getattr(cut, "partial", b""), False
            told = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, told, data, first, time.monotonic() - started, whole)
        finally:
            connection.close()

    def ask(self, query: str, *, fresh: bool = True, headers: dict[str, str] | None = None, **parameters: Any) -> Reply:
        """Ask a query by GET; ``fresh``: past the cache."""
        control = {"Cache-Control": "no-store"} if fresh else {}
        target = "/sparql?" + urlencode({"query": query, **parameters})
        return self.request("GET", target, None, **control, **(headers or {}))

    def post(self, query: str, **parameters: Any) -> Reply:
        """Ask a query by POST."""
        form = urlencode({"query": query, **parameters}).encode()
        return self.request("POST", "/sparql", form, Content_Type="application/x-www-form-urlencoded")

    def update(self, text: str, **parameters: Any) -> Reply:
        """Send an update with the maintainer's token."""
        return self.request(
            "POST",
            "/sparql?" + urlencode(parameters),
            text.encode(),
            Content_Type="application/sparql-update",
            Authorization=f"Bearer {TOKEN}",
        )

    def running(self) -> list[dict[str, Any]]:
        """Return what is under way."""
        listed = self.request("GET", "/queries/running", Authorization=f"Bearer {TOKEN}")
        assert listed.status == 200, listed.body
        return list(listed.json)

    def open(self, target: str) -> socket.socket:
        """Send a GET request and read nothing; the caller closes the socket."""
        port = int(self.url.rpartition(":")[2])
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
        sock.bind((self.address, 0))
        sock.connect(("127.0.0.1", port))
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nAccept: {JSON}\r\nCache-Control: no-store\r\n\r\n".encode())
        return sock

    def open_query(self, query: str, **parameters: Any) -> socket.socket:
        """Ask a query and read nothing of its answer; the caller closes the socket."""
        return self.open("/sparql?" + urlencode({"query": query, **parameters}))

    @contextmanager
    def asking(self, query: str = LOOK_UP, pause: float = 0.01) -> Iterator[list[Reply]]:
        """Ask a query again and again meanwhile; the list fills with the answers."""
        replies: list[Reply] = []
        stop = threading.Event()

        def again() -> None:
            while not stop.is_set():
                replies.append(self.ask(query))
                stop.wait(pause)

        thread = threading.Thread(target=again)
        thread.start()
        try:
            yield replies
        finally:
            stop.set()
            thread.join()


@dataclass
class Tree:
    """The processes of a service, as /proc tells: the command, the front, what makes workers, workers."""

    root: int

    def children(self, pid: int) -> list[int]:
        """Return the children of a process that are alive."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                if int(fields[1]) == pid and fields[0] != "Z":
                    found.append(int(path.parent.name))
        return found

    @property
    def front(self) -> int:
        """The front's process."""
        return self.children(self.root)[0]

    @property
    def makers(self) -> list[int]:
        """The processes that make workers."""
        return [pid for pid in self.children(self.front) if b"zygote" in _command(pid)]

    @property
    def workers(self) -> list[int]:
        """The workers."""
        return [pid for maker in self.makers for pid in self.children(maker)]

    @property
    def everyone(self) -> list[int]:
        """All processes, the command first."""
        found = [self.root]
        for pid in found:
            found += self.children(pid)
        return found

    def handles(self) -> int:
        """Return how many files the front has open."""
        return len(os.listdir(f"/proc/{self.front}/fd"))  # noqa: PTH208

    def memory(self) -> int:
        """Return the bytes that the front has resident."""
        pages = int(Path(f"/proc/{self.front}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Wait until something is so: ``eventually(lambda: …)``."""

    def wait(holds: Callable[[], bool], seconds: float = 10, what: str = "it") -> None:
        until = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < until, f"{what} did not happen within {seconds} s"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def busy_server(start_server: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """A service on the session's snapshot, to be hard on."""
    with start_server(
        VETGRAPH_ADMIN_TOKEN=TOKEN, VETGRAPH_WORKERS="2", VETGRAPH_QUERY_TIMEOUT="20", VETGRAPH_CACHE="64000000"
    ) as url:
        yield url


@pytest.fixture(scope="session")
def tight_server(start_server: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """A service with little of everything."""
    with start_server(
        VETGRAPH_ADMIN_TOKEN=TOKEN,
        VETGRAPH_WORKERS="1",
        VETGRAPH_QUEUE="6",
        VETGRAPH_QUEUE_PER_CLIENT="3",
        VETGRAPH_WORKER_MEMORY=str(1 << 27),
        VETGRAPH_MAX_BODY="300000",
        VETGRAPH_MEMORY="0",
        VETGRAPH_CACHE="600000",
    ) as url:
        yield url


@pytest.fixture(scope="session")
def open_server(start_server: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    """A service on an empty store of its own, to be written to."""
    with start_server("--empty", VETGRAPH_ADMIN_TOKEN=TOKEN, VETGRAPH_WORKERS="2") as url:
        yield url


@pytest.fixture
def client(busy_server: str) -> Client:
    """A client of the service that is to be hard on."""
    return Client(busy_server)


@pytest.fixture
def tree(busy_server: Any) -> Tree:
    """The processes of that service."""
    return Tree(busy_server.process.pid)


@pytest.fixture
def neighbour(busy_server: str) -> Client:
    """Somebody else."""
    return Client(busy_server, "127.0.0.77")


@pytest.fixture
def writer(open_server: str) -> Client:
    """A client of the service that can be written to."""
    return Client(open_server)
