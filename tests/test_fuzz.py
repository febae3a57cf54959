"""Nothing that a client can send ends in a 5xx, but for the limits and the queue, which are answers of their own.

By default a fixed set of cases runs, the same each time; ``TEST_OPTIONAL=required`` runs many more, new each time
(a failure prints what reproduces it).
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vetgraph import media
from vetgraph.vocab import PREFIXES

ROOT = Path(__file__).resolve().parents[1]
SCRAPS = tomllib.loads((ROOT / "tests" / "hostile" / "scraps.toml").read_text("utf-8"))
THOROUGH = os.environ.get("TEST_OPTIONAL") == "required"
TOKEN = "a-token-for-tests"
FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"
LIMIT = 1.0
"""Seconds for a query: what runs away must not hold up the others here."""


def scraps(table: str, name: str) -> st.SearchStrategy[str]:
    return st.sampled_from(SCRAPS[table][name])


def many(default: int, thorough: int) -> settings:
    return settings(
        max_examples=thorough if THOROUGH else default,
        derandomize=not THOROUGH,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


# -- the service and its clients ------------------------------------------------------------------------


@dataclass
class Reply:
    """What came back for which request; status 0 where the connection was closed without a word.

    ``cut`` where it was closed within the answer, which is how one ends that reaches its limit on the way.
    """

    request: bytes = field(repr=False)
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False

    def __str__(self) -> str:
        return f"{self.request[:3000]!r} → {self.status} {self.body[:1000]!r}"


class Door:
    """A client that sends whatever it is told to."""

    def __init__(self, port: int) -> None:
        self.port = port

    def raw(self, data: bytes, *, end: bool = False, seconds: float = 20) -> Reply:
        """Return the reply to some bytes; ``end`` says that no more will come."""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as sock:
            try:
                sock.sendall(data)
                if end:
                    sock.shutdown(socket.SHUT_WR)
                reply = http.client.HTTPResponse(sock, method=data.partition(b" ")[0].decode("latin-1"))
                reply.begin()
                headers = {name.lower(): value for name, value in reply.getheaders()}
                try:
                    return Reply(data, reply.status, headers, reply.read())
                except http.client.IncompleteRead as rest:
                    return Reply(data, reply.status, headers, rest.partial, cut=True)
            except TimeoutError:
                raise
            except (OSError, http.client.HTTPException):
                return Reply(data)

    def ask(self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes | None = None) -> Reply:
        """Return the reply to a request that is well-formed HTTP, whatever else it is."""
        lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        return self.raw("\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b""))

    def query(self, text: str, **headers: str) -> Reply:
        """Return the reply to a query, sent as a form."""
        body = urlencode({"query": text}, errors="surrogatepass").encode()
        return self.ask("POST", "/sparql", {"Content-Type": FORM, **headers}, body)


def honest(reply: Reply) -> None:
    """Assert that a reply is one that a client may get: an answer, its own mistake, or a limit."""
    assert reply.status != 0, str(reply)
    assert reply.status == 200 or not reply.cut, str(reply)
    if reply.body and reply.headers.get("content-type", "").startswith("application/problem+json"):
        problem = json.loads(reply.body)
        assert problem["status"] == reply.status
        assert problem["detail"]
    if reply.status >= 500:
        assert reply.status == 503, str(reply)
        if reply.request.startswith(b"HEAD"):
            return
        slug = problem["type"].rpartition("/")[2]
        assert slug in {"limit-exceeded", "busy"}, str(reply)
    assert b"Traceback" not in reply.body, str(reply)


@pytest.fixture(scope="module")
def door(
    start_server: Callable[..., AbstractContextManager[Any]],
    store_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Door]:
    """A service on a copy of the store; whatever was sent, it is alive at the end, and has no fault in its log."""
    folder = tmp_path_factory.mktemp("fuzzed") / "store"
    shutil.copytree(store_folder, folder)
    with start_server(
        VETGRAPH_STORE=str(folder),
        VETGRAPH_ADMIN_TOKEN=TOKEN,
        VETGRAPH_QUERY_TIMEOUT=str(LIMIT),
        VETGRAPH_QUERY_TIMEOUT_MAX=str(LIMIT),
        VETGRAPH_WORKER_MEMORY=str(1 << 28),
        VETGRAPH_MAX_BODY="200000",
    ) as server:
        yield Door(server.port)
        assert server.process.poll() is None
        told = server.log.read_text("utf-8", "replace")
        assert "Traceback" not in told, told[-4000:]
        assert "unforeseen" not in told, told[-4000:]


@pytest.fixture(autouse=True)
def alive(door: Door) -> Iterator[None]:
    """After each test the service answers as ever."""
    yield
    reply = door.query("ASK { <https://w3id.org/vetgraph/id/anefore> ?p ?o }", Accept="text/csv")
    assert (reply.status, reply.body) == (200, b"true\n")


# -- the text of queries ----------------------------------------------------------------------------------

VARIABLES = scraps("sparql", "variables")
IRIS = scraps("sparql", "iris")
TERMS = VARIABLES | IRIS | scraps("sparql", "literals")
FUNCTIONS = scraps("sparql", "functions")
OPERATORS = scraps("sparql", "operators")


def _expressions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    call = st.builds(lambda name, given: f"{name}({', '.join(given)})", FUNCTIONS, st.lists(inner, max_size=4))
    infix = st.builds(lambda left, sign, right: f"({left} {sign} ({right}))", inner, OPERATORS, inner)
    return call | infix | inner.map(lambda one: f"!{one}")


def _paths(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.builds(lambda sign, parts: f"({sign.join(parts)})", st.sampled_from("/|"), st.lists(inner, max_size=4))
    return several | st.builds(str.__add__, inner, st.sampled_from("*+?")) | inner.map(lambda one: f"^({one})")


EXPRESSIONS = st.recursive(TERMS, _expressions, max_leaves=8)
PATHS = st.recursive(IRIS, _paths, max_leaves=5) | VARIABLES
TRIPLES = st.builds(lambda s, p, o: f"{s} {p} {o} .", TERMS, PATHS, TERMS)
ROWS = st.lists(TERMS | st.just("UNDEF"), max_size=5).map(" ".join)


def _groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    parts = TRIPLES | st.builds("VALUES {} {{ {} }}".format, VARIABLES, ROWS)
    parts |= st.builds("{} {}".format, scraps("sparql", "groups"), inner)
    parts |= st.builds("{} UNION {}".format, inner, inner)
    parts |= inner.map("{{ SELECT DISTINCT * {} LIMIT 3 }}".format)
    parts |= EXPRESSIONS.map("FILTER({})".format) | EXPRESSIONS.map("BIND({} AS ?z)".format)
    return st.lists(parts, max_size=5).map(lambda several: "{ " + " ".join(several) + " }")


GROUPS = st.recursive(TRIPLES.map("{{ {} }}".format), _groups, max_leaves=8)
KNOWN = "".join(f"PREFIX {name}: <{PREFIXES[name]}>\n" for name in ("vet", "id", "skos", "xsd"))
MADE = st.builds((KNOWN + "{} {} {}").format, scraps("sparql", "forms"), GROUPS, scraps("sparql", "ends"))
SAVED = sorted(path.read_text("utf-8") for path in (ROOT / "queries").glob("*.rq"))
TIMES = st.sampled_from([100, 3_000, 30_000, 150_000])
HUGE = st.tuples(scraps("sparql", "starts"), scraps("sparql", "repeated"), TIMES, scraps("sparql", "stops"))


@st.composite
def scratched(draw: st.DrawFn) -> str:
    """Return a saved query with slices taken out, doubled, or replaced."""
    text = draw(st.sampled_from(SAVED))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        piece = draw(scraps("sparql", "scratches") | st.just(text[start:end] * 2) | FUNCTIONS | OPERATORS)
        text = text[:start] + piece + text[end:]
    return text


@many(70, 700)
@given(MADE)
def test_queries_made_from_the_grammar(door: Door, text: str) -> None:
    honest(door.query(text))


@many(40, 400)
@given(scratched())
def test_saved_queries_with_scratches(door: Door, text: str) -> None:
    honest(door.query(text, Accept="text/csv, text/turtle"))


@many(40, 300)
@given(st.text() | st.text("{}()<>?\"'\\#@^.;,*/|!= \nSELCTWHROPINAF0129:_"))
def test_random_text(door: Door, text: str) -> None:
    honest(door.query(text))


@many(25, 120)
@given(HUGE)
def test_huge_tokens_and_deep_nesting(door: Door, parts: tuple[str, str, int, str]) -> None:
    start, part, times, end = parts
    honest(door.query(start + part * times + end))


@many(25, 200)
@given(st.binary() | st.binary().map(lambda some: b"ASK { ?s ?p '" + some + b"' }"))
def test_bytes_that_are_no_text(door: Door, body: bytes) -> None:
    honest(door.ask("POST", "/sparql", {"Content-Type": QUERY}, body))
    honest(door.ask("GET", "/sparql?query=" + quote(body)))


@many(30, 300)
@given(st.lists(st.builds("{} {}".format, scraps("sparql", "updates"), GROUPS), min_size=1, max_size=3).map(" ; ".join))
def test_updates_made_from_the_grammar(door: Door, text: str) -> None:
    # Patterns see a graph of their own, so that what the other tests read stays.
    headers = {"Content-Type": UPDATE, "Authorization": f"Bearer {TOKEN}"}
    honest(door.ask("POST", "/sparql?using-graph-uri=urn:g", headers, (KNOWN + text).encode()))


# -- headers, parameters, bodies ----------------------------------------------------------------------------

VISIBLE = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=60)
MEDIA = scraps("http", "media")
ACCEPTS = VISIBLE | MEDIA | st.lists(MEDIA, max_size=300).map(",".join)
HEADERS = st.fixed_dictionaries(
    {}, optional={"Accept": ACCEPTS, **{name: VISIBLE | scraps("headers", name) for name in SCRAPS["headers"]}}
)
METHODS = scraps("http", "methods")
ADDRESSES = scraps("http", "addresses")
NAMES = scraps("http", "parameters")
VALUES = scraps("http", "values") | NAMES | st.text(max_size=20).map(lambda text: quote(text, errors="replace"))
PARAMETERS = st.lists(st.builds("{}={}".format, NAMES, VALUES), max_size=6).map("&".join)
TEXTS = scraps("bodies", "texts") | PARAMETERS
BODIES = st.tuples(st.binary(max_size=200) | TEXTS.map(str.encode), st.just(1))
BODIES |= st.tuples(scraps("bodies", "repeated").map(str.encode), TIMES)


@many(70, 800)
@given(METHODS, ADDRESSES, HEADERS)
def test_headers(door: Door, method: str, address: str, headers: dict[str, str]) -> None:
    honest(door.ask(method, address, headers))


@many(70, 400)
@given(ADDRESSES, PARAMETERS)
def test_parameters(door: Door, address: str, parameters: str) -> None:
    honest(door.ask("GET", f"{address}{'&' if '?' in address else '?'}{parameters}"))
    honest(door.ask("POST", "/sparql", {"Content-Type": FORM}, parameters.encode()))


@many(70, 800)
@given(METHODS, ADDRESSES, ACCEPTS, BODIES, st.booleans())
def test_bodies(door: Door, method: str, address: str, kind: str, body: tuple[bytes, int], known: bool) -> None:
    part, times = body
    # What would empty the whole store comes without a token.
    known = known and part != b"CLEAR ALL"
    headers = {"Content-Type": kind, **({"Authorization": f"Bearer {TOKEN}"} if known else {})}
    honest(door.ask(method, address, headers, part * times))


# -- what is hardly HTTP --------------------------------------------------------------------------------------

HARDLY = st.builds(
    lambda line, headers, end: "\r\n".join([line, "Host: a", *headers, "", end]).encode(),
    scraps("http", "lines") | st.just(f"GET /{'x' * 70_000} HTTP/1.1"),
    st.lists(scraps("http", "framing") | st.just("X: " + "y" * 70_000), max_size=3),
    scraps("http", "ends"),
)


@many(80, 800)
@given(HARDLY | st.binary(max_size=300))
def test_what_is_hardly_http(door: Door, data: bytes) -> None:
    # 501 and 505 speak of HTTP itself: a transfer coding, or a version of the protocol, that is not there.
    reply = door.raw(data, end=True)
    assert reply.status in {0, *range(200, 500), 501, 505}, str(reply)


@many(15, 60)
@given(st.integers(0, 200), st.booleans())
def test_a_request_that_breaks_off(door: Door, cut: int, reset: bool) -> None:
    whole = (
        f"POST /sparql HTTP/1.1\r\nHost: a\r\nContent-Type: {QUERY}\r\nContent-Length: 300\r\n\r\nASK {{ ?s".encode()
    )
    with socket.create_connection(("127.0.0.1", door.port), 5) as sock:
        sock.sendall(whole[:cut])
        if reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


# -- the document -------------------------------------------------------------------------------------------------

CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance"),
)
CONFIG = """
hooks = "hooks.py"
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "503"]
"""
HOOKS = """
import schemathesis

@schemathesis.serializer("application/sparql-update", "application/sparql-query", *{types})
def as_text(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
"""
"""Tells Schemathesis how to send what it has no words for."""


def test_requests_made_from_the_document(door: Door, tmp_path: Path) -> None:
    if importlib.util.find_spec("schemathesis") is None:
        (pytest.fail if THOROUGH else pytest.skip)("no Schemathesis; enable with: pip install 'vetgraph[fuzz]'")
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    (tmp_path / "hooks.py").write_text(HOOKS.format(types=[kind.type for kind in media.carrying("graph")]))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", "--no-color"]
    command += [f"http://127.0.0.1:{door.port}/openapi.json", "-H", f"Authorization: Bearer {TOKEN}"]
    command += ["--checks", ",".join(CHECKS), "--warnings", "off", "--continue-on-failure"]
    # What is made once for each version takes its time where each moment makes a new one.
    command += ["--request-timeout", "60"]
    if THOROUGH:
        command += ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "4"]
    else:
        command += ["--phases", "examples,fuzzing", "--max-examples", "2", "--seed", "1", "--exclude-tag", "Pages"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=400, cwd=tmp_path)
    assert result.returncode == 0, result.stdout[-8000:] + result.stderr[-2000:]
