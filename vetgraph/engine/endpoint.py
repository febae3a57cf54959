"""A store elsewhere: a SPARQL 1.1 endpoint that is asked over one connection and told by its protocols.

What it says of our texts becomes our errors here. The version of its data is kept in the store itself, since several
services may stand in front of it: each write through one of them leaves a mark in a graph of its own, in the same
request, and the number of marks is the version. Whoever writes past us leaves none.
"""

from __future__ import annotations

import base64
import http.client
import io
import json
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import IO, Any, Final, Literal, cast
from urllib.parse import urlencode, urlsplit

import pyoxigraph as ox

from vetgraph.client import AGENT, CHUNK, RESULTS, results_of
from vetgraph.errors import (
    EngineError,
    LimitExceeded,
    QuerySyntaxError,
    Unavailable,
    UnsupportedQuery,
    VetgraphError,
)
from vetgraph.hints import explained
from vetgraph.isolation import isolated
from vetgraph.settings import Settings
from vetgraph.syntax import Draft
from vetgraph.vocab import BASE, GRAPH, PREFIXES, XSD

Union = Literal["own", "parameter", "listed", "none", "unknown"]
"""How an endpoint comes to see all its graphs as one: by itself, when asked to, as a list of them, or not at all."""

GRAPHS: Final = "application/n-triples, text/turtle;q=0.8, application/rdf+xml;q=0.5"
"""What is accepted as an answer to CONSTRUCT and DESCRIBE."""

VERSIONS: Final = GRAPH + "versions"
"""The graph with a mark for each write through us."""

CONNECT: Final = 10.0
"""Seconds to wait for a connection."""

MOST_LISTED: Final = 300
"""Graphs that are named in each request to an endpoint that has no other way to see them as one."""

_MARK: Final = PREFIXES["prov"] + "endedAtTime"
_COUNTED: Final = PREFIXES["dcat"] + "version"
_NO_FUNCTION: Final = ("is not supported", "custom function", "Undefined procedure", "unknown function")
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Place:
    """Where an endpoint is, what it wants to see of us, and how it sees its graphs as one."""

    query: str
    update: str = ""
    graphs: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    union: Union = "own"
    listed: tuple[str, ...] = ()
    virtuoso: bool = False

    @classmethod
    def of(cls, settings: Settings) -> Place:
        """Return the place that the settings name."""
        return cls(
            settings.endpoint,
            settings.store_update or settings.endpoint,
            settings.store_graphs,
            settings.store_user,
            settings.store_password,
            settings.store_token,
        )

    @classmethod
    def from_json(cls, text: str) -> Place:
        """Return the place that a JSON text tells."""
        told = json.loads(text)
        return cls(**{**told, "listed": tuple(told["listed"])})

    def as_json(self) -> str:
        """Return the place as a JSON text, for the processes that ask it. Holds secrets: not to be shown."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Mark:
    """The version of an endpoint's data as far as marks tell, what it is counted on from, and when it was made."""

    number: int
    counted: int = 0
    at: datetime | None = None


class Endpoint:
    """One connection to an endpoint. Not for several threads at once; one answer at a time."""

    def __init__(self, place: Place, seconds: float | None = None, *, whole: bool = False) -> None:
        """``seconds`` is how long to wait for each piece of an answer; ``whole`` reads all of it at once."""
        self.place = place
        self._whole = whole
        self._seconds = seconds
        self._parts = urlsplit(place.query)
        self._connection: http.client.HTTPConnection | None = None
        self._response: http.client.HTTPResponse | None = None

    @property
    def server(self) -> str:
        """What the endpoint calls itself; empty before it has answered."""
        return self._response.headers.get("Server", "") if self._response is not None else ""

    def close(self) -> None:
        """End the connection, and with it what the endpoint may still be at for us."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._response = None

    def results(self, text: str, parameters: Iterable[tuple[str, str]] = ()) -> ox.QuerySolutions | ox.QueryBoolean:
        """Return the answer to SELECT or ASK, read from the wire as it is used.

        Raises RequestErrors for what the endpoint does not take, LimitExceeded where it has cut its answer short,
        Unavailable where it can't be had, EngineError where it fails or answers something else.
        """
        # Virtuoso takes many times as long to write JSON.
        accept = "application/sparql-results+xml" if self.place.virtuoso else RESULTS
        response = self._asked(text, accept, parameters)
        with _understood(self.place):
            return results_of(self._body(response), response.headers.get_content_type())

    def triples(self, text: str, parameters: Iterable[tuple[str, str]] = ()) -> Iterator[ox.Triple]:
        """Return the answer to CONSTRUCT or DESCRIBE, likewise."""
        response = self._asked(text, GRAPHS, parameters)
        form = ox.RdfFormat.from_media_type(response.headers.get_content_type()) or ox.RdfFormat.TURTLE
        return self._triples(
            ox.parse(cast("IO[bytes]", self._body(response)), format=form, base_iri=BASE, lenient=True)
        )

    def select(self, text: str, parameters: Iterable[tuple[str, str]] = ()) -> list[dict[str, Any]]:
        """Return all solutions of a SELECT query of our own, unbound variables as None. Raises as :meth:`results`."""
        answer = self.results(text, parameters)
        assert isinstance(answer, ox.QuerySolutions)
        names = [variable.value for variable in answer.variables]
        with _understood(self.place):
            return [{name: solution[name] for name in names} for solution in answer]

    def ask(self, text: str, parameters: Iterable[tuple[str, str]] = ()) -> bool:
        """Return the answer to an ASK query of our own. Raises as :meth:`results`."""
        return bool(self.results(text, parameters))

    def _body(self, response: http.client.HTTPResponse) -> Body | io.BytesIO:
        body = Body(response, self.place)
        return io.BytesIO(b"".join(iter(body.read1, b""))) if self._whole else body

    def _triples(self, quads: Iterable[Any]) -> Iterator[ox.Triple]:
        with _understood(self.place):
            for quad in quads:
                yield quad.triple

    def _asked(self, text: str, accept: str, parameters: Iterable[tuple[str, str]]) -> http.client.HTTPResponse:
        body = urlencode([("query", text), *parameters]).encode()
        headers = {"Accept": accept, "Content-Type": _FORM, "User-Agent": AGENT, **_authorization(self.place)}
        response = self._exchanged(body, headers)
        if response.status != 200:
            said = response.read(2000).decode("utf-8", "replace")
            raise refusal(self.place, response.status, said, text)
        _check_whole(self.place, response)
        return response

    def _exchanged(self, body: bytes, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Send a query and return the response. A connection that has gone stale is made anew, once."""
        if self._response is not None and not self._response.isclosed():
            self.close()  # the answer before was not read to its end
        kept = self._connection is not None
        target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        try:
            connection = self._connected()
            connection.request("POST", target, body, dict(headers))
            self._response = connection.getresponse()
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            if kept and not isinstance(problem, TimeoutError):
                return self._exchanged(body, headers)
            raise unreachable(self.place, problem) from None
        return self._response

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._parts.hostname or "", self._parts.port
            if self._parts.scheme == "https":
                context = ssl.create_default_context()
                self._connection = http.client.HTTPSConnection(host, port, timeout=CONNECT, context=context)
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=CONNECT)
            self._connection.connect()
            # How long an answer may take is for whoever asks: a worker is ended at its deadline.
            self._connection.sock.settimeout(self._seconds)
        return self._connection


class Body:
    """A response's bytes as they come; the end of the connection is not taken for the end of the answer."""

    def __init__(self, response: http.client.HTTPResponse, place: Place) -> None:
        self._response = response
        self._place = place

    def read1(self, size: int = -1, /) -> bytes:
        """Return bytes that are there; none at the end. Raises Unavailable where the answer breaks off."""
        try:
            data = self._response.read1(size)
        except (OSError, http.client.HTTPException) as problem:
            raise unreachable(self._place, problem) from None
        if not data and self._response.length:
            raise unreachable(self._place, http.client.IncompleteRead(b"", self._response.length))
        return data

    def read(self, size: int = -1, /) -> bytes:
        """Return bytes that are there, at most so many, without waiting for all of them."""
        return self.read1(size if size > 0 else CHUNK)


class _understood:  # noqa: N801 — reads as a word in a `with`
    """Makes what can't be parsed an error of the endpoint's."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: object) -> None:
        if isinstance(problem, SyntaxError):
            raise EngineError(
                f"The store at {host_of(self._place)} answered what can't be read: {problem.msg}."
            ) from None


def host_of(place: Place) -> str:
    """Return what people are told of a place: its host."""
    return urlsplit(place.query).netloc.rpartition("@")[2]


def unreachable(place: Place, problem: Exception) -> VetgraphError:
    """Return the error for an endpoint that does not answer, or stops in the middle."""
    reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return Unavailable(f"The store at {host_of(place)} could not be asked: {reason}.", retry_after=5)


def refusal(place: Place, status: int, said: str, text: str, *, update: bool = False) -> VetgraphError:
    """Return our error for an endpoint's refusal of a text."""
    words = _first_line(said)
    if any(sign in said for sign in _NO_FUNCTION):
        return UnsupportedQuery(f"The store at {host_of(place)} lacks what the text asks for: {words}.")
    if status == 400:
        return complaint(text, update=update) or UnsupportedQuery(
            f"The store at {host_of(place)} does not take this text: {words}."
        )
    if status in (401, 403):
        what = "takes no updates" if update else "answers no queries"
        return Unavailable(f"The store at {host_of(place)} {what} from this service ({status}): {words}.")
    if status in (408, 429, 502, 503, 504):
        return Unavailable(
            f"The store at {host_of(place)} is not to be had at present ({status}): {words}.", retry_after=5
        )
    return EngineError(f"The store at {host_of(place)} failed ({status}): {words}.")


def complaint(text: str, *, update: bool = False) -> QuerySyntaxError | None:
    """Return what is wrong with a text by our own reading of it; None where nothing is."""
    draft = isolated(Draft.of(text), update=update)
    try:
        if update:
            ox.Store().update(draft.text, base_iri=BASE)
        else:
            ox.Store().query(draft.text, base_iri=BASE)
    except SyntaxError as problem:
        return draft.relocated(explained(str(problem.msg or problem), draft.text, update=update))
    except (ValueError, RuntimeError, OSError):
        pass
    return None


def _first_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[0][:300].rstrip(".") if lines else "it says no more"


def _check_whole(place: Place, response: http.client.HTTPResponse) -> None:
    """Raise LimitExceeded where the endpoint says that it has cut its answer short."""
    rows = response.headers.get("X-SPARQL-MaxRows")
    if rows or response.headers.get("X-SQL-State", "").startswith("S1TAT"):
        limit = f"limit of {rows} rows" if rows else "limit of time"
        raise LimitExceeded(
            f"The store at {host_of(place)} ended the answer at its own {limit}, so it is not the whole answer; ask "
            "for less.",
            limit=int(rows) if rows and rows.isdigit() else None,
            unit="rows" if rows else "seconds",
        )


def _authorization(place: Place) -> dict[str, str]:
    if place.token:
        return {"Authorization": f"Bearer {place.token}"}
    if place.user:
        pair = base64.b64encode(f"{place.user}:{place.password}".encode()).decode("ascii")
        return {"Authorization": f"Basic {pair}"}
    return {}


# Writing.


def send(
    place: Place, url: str, body: bytes | None, kind: str, *, method: str = "POST", seconds: float | None = None
) -> tuple[int, str]:
    """Have an endpoint write something; return the status and what it says. Raises Unavailable.

    Knows Basic and Digest; follows no redirect, as what is written would be lost on the way.
    """
    headers = {"Content-Type": kind, "User-Agent": AGENT, **_permission(place, url, method, seconds)}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 — the operator's own address
    opener = urllib.request.build_opener(_Straight())
    try:
        with opener.open(request, timeout=seconds) as response:
            return int(response.status), response.read(2000).decode("utf-8", "replace")
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read(2000).decode("utf-8", "replace")
    except (OSError, ValueError, http.client.HTTPException) as problem:
        raise unreachable(place, problem) from None


class _Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any) -> None:
        return None


def _permission(place: Place, url: str, method: str, seconds: float | None) -> dict[str, str]:
    """Return the header that lets us write: by Digest where the endpoint asks for that, else as for queries."""
    if not place.user or place.token:
        return _authorization(place)
    # Asked without a body: with one, a server that says no may close before it has read all of it.
    request = urllib.request.Request(url, headers={"User-Agent": AGENT})  # noqa: S310 — the operator's own address
    try:
        with urllib.request.build_opener(_Straight()).open(request, timeout=seconds):
            return _authorization(place)
    except urllib.error.HTTPError as answer:
        scheme, _, challenge = answer.headers.get("WWW-Authenticate", "").partition(" ")
        answer.close()
    except (OSError, ValueError, http.client.HTTPException) as problem:
        raise unreachable(place, problem) from None
    if scheme.lower() != "digest":
        return _authorization(place)
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, place.user, place.password)  # None: any realm
    asked = dict(urllib.request.parse_keqv_list(urllib.request.parse_http_list(challenge)))
    digest = urllib.request.AbstractDigestAuthHandler(passwords)
    told = digest.get_authorization(urllib.request.Request(url, method=method), asked)  # noqa: S310
    return {"Authorization": f"Digest {told}"}


def mark() -> str:
    """Return the operation that leaves the mark of a write."""
    moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    triple = f'<{BASE}version/{uuid.uuid4()}> <{_MARK}> "{moment}"^^<{XSD}dateTime>'
    return f"INSERT DATA {{ GRAPH <{VERSIONS}> {{ {triple} }} }}"


def counted_from(number: int) -> str:
    """Return the operation that has the marks counted on from a number, as earlier ones were removed."""
    return f"INSERT DATA {{ GRAPH <{VERSIONS}> {{ <{BASE}> <{_COUNTED}> {number} }} }}"


def current_mark(endpoint: Endpoint) -> Mark:
    """Return the version of an endpoint's data: 1 where no mark was left yet. Raises as ``Endpoint.results``."""
    rows = endpoint.select(
        f"SELECT ?p (COUNT(*) AS ?n) (MAX(?o) AS ?most) WHERE {{ GRAPH <{VERSIONS}> {{ ?s ?p ?o }} }} GROUP BY ?p"
    )
    number, counted, at = 1, 0, None
    for row in rows:
        name, count, most = (getattr(row[key], "value", "") for key in ("p", "n", "most"))
        if name == _MARK:
            number, at = number + int(count), _moment(most)
        elif name == _COUNTED:
            counted = int(most)
    return Mark(number + counted, counted, at)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def found_union(endpoint: Endpoint) -> tuple[Union, tuple[str, ...]]:
    """Return how an endpoint comes to see all its graphs as one, by trying, and the graphs where these must be listed.

    Raises as ``Endpoint.results``.
    """
    sample = endpoint.select("SELECT ?s ?p ?o WHERE { GRAPH ?g { ?s ?p ?o } FILTER(ISIRI(?s) && ISIRI(?o)) } LIMIT 1")
    if not sample:
        return "unknown", ()
    triple = " ".join(str(sample[0][name]) for name in ("s", "p", "o"))
    if endpoint.ask(f"ASK {{ {triple} }}"):
        return "own", ()
    if endpoint.ask(f"ASK {{ {triple} }}", [("union-default-graph", "")]):
        return "parameter", ()
    rows = endpoint.select(f"SELECT DISTINCT ?g WHERE {{ GRAPH ?g {{ ?s ?p ?o }} }} LIMIT {MOST_LISTED + 1}")
    graphs = tuple(sorted(row["g"].value for row in rows))
    return ("listed", graphs) if len(graphs) <= MOST_LISTED else ("none", ())


def is_virtuoso(endpoint: Endpoint) -> bool:
    """Whether an endpoint is a Virtuoso, which reads and writes some things otherwise than the standards."""
    endpoint.ask("ASK { ?s ?p ?o }")
    return "virtuoso" in endpoint.server.lower()
