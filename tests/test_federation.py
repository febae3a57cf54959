"""SERVICE and LOAD: what is on the list is asked, as the standard says; nothing else is, in whichever disguise."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import pytest

from vetgraph.engine import hosts
from vetgraph.engine.hosts import AllowList
from vetgraph.errors import NotAllowed, Unavailable

TOKEN = "a-token-for-tests"
JSON = "application/sparql-results+json"
PREFIXES = """PREFIX id: <https://w3id.org/vetgraph/id/> PREFIX v: <https://w3id.org/vetgraph/ontology#>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#> """

Start = Callable[..., AbstractContextManager[Any]]


class Reply(NamedTuple):
    status: int
    headers: Any
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def problem(self, status: int, slug: str) -> str:
        """The sentence of a problem that has to be of this kind."""
        assert (self.status, self.json["type"]) == (status, f"/problems/{slug}"), self.body
        return str(self.json["detail"])


def post(url: str, **parameters: str) -> Reply:
    headers = {"Accept": f"{JSON}, application/n-triples;q=0.9", "Authorization": f"Bearer {TOKEN}"}
    request = urllib.request.Request(url, urllib.parse.urlencode(parameters).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return Reply(response.status, response.headers, response.read().decode())
    except urllib.error.HTTPError as error:
        return Reply(error.code, error.headers, error.read().decode())


def rows(reply: Reply) -> Counter[tuple[tuple[str, str], ...]]:
    """The solutions, whatever their order; a blank node is one whatever its label."""
    assert reply.status == 200, reply.body
    found = reply.json["results"]["bindings"]
    return Counter(tuple(sorted((name, _told(term)) for name, term in row.items())) for row in found)


def _told(term: dict[str, str]) -> str:
    if term["type"] == "bnode" or "/.well-known/genid/" in term["value"]:
        return "a blank node"
    return json.dumps(term, sort_keys=True)


class Outside(http.server.BaseHTTPRequestHandler):
    """A host elsewhere that answers in all the wrong ways, and counts what it is asked."""

    asked: list[str]
    turtle = b'@prefix : <http://load.example/> . :service :load [ :p "loaded" ] ; :more <relative> .'
    results = b'{"head":{"vars":["s"]},"results":{"bindings":[%b]}}'

    def do_GET(self) -> None:
        self.asked.append(self.path)
        name = self.path.partition("?")[0].strip("/").replace("-", "_").replace(".ttl", "")
        with contextlib.suppress(OSError):
            getattr(self, name, self.nothing)()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *arguments: Any) -> None:
        pass

    def send(self, body: bytes, kind: str, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for header, value in headers.items():
            self.send_header(header, value)
        self.end_headers()
        self.wfile.write(body)

    def nothing(self) -> None:
        self.send(b"no such thing", "text/plain", 404)

    def data(self) -> None:
        self.send(self.turtle, "text/plain" if self.path.endswith(".ttl") else "text/turtle")

    def broken(self) -> None:
        self.send(b"<a> <b> ", "text/turtle")

    def page(self) -> None:
        self.send(b"<html>", "text/html")

    def one(self) -> None:
        self.send(self.results % b'{"s":{"type":"literal","value":"one"}}', JSON)

    def blank(self) -> None:
        same = b'{"s":{"type":"bnode","value":"b0"}}'
        self.send(self.results % b",".join((same, same, b'{"s":{"type":"bnode","value":"b1"}}')), JSON)

    def many(self) -> None:
        row = b'{"s":{"type":"literal","value":"x"}},'
        self.send(self.results % (row * 100_000 + row[:-1]), JSON)

    def huge(self) -> None:
        self.send(b"", JSON)
        while True:
            self.wfile.write(b" " * 1_000_000)

    def slow(self) -> None:
        self.send(b"", JSON)
        while True:
            self.wfile.write(b" ")
            time.sleep(0.2)

    def moved(self) -> None:
        self.send(b"", "text/plain", 302, Location=urllib.parse.unquote(self.path.partition("?")[2]))


class World(NamedTuple):
    front: str
    empty: str
    endpoint: str
    outside: str
    asked: list[str]


@pytest.fixture(scope="module")
def outside() -> Iterator[tuple[str, list[str]]]:
    """The address of the host that answers in all the wrong ways, and what it was asked."""
    asked: list[str] = []
    handler = type("Handler", (Outside,), {"asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def world(start_server: Start, server_url: Any, outside: tuple[str, list[str]]) -> Iterator[World]:
    """A service that may ask another one with the same data, and a host that answers in all the wrong ways."""
    listed = f"127.0.0.1:{server_url.port},{outside[0]},localhost,nowhere.invalid"
    environment = {"VETGRAPH_ALLOW_HOSTS": listed, "VETGRAPH_ADMIN_TOKEN": TOKEN}
    with start_server(**environment) as front, start_server("--empty", **environment) as empty:
        yield World(f"{front}/sparql", f"{empty}/sparql", f"{server_url}/sparql", f"http://{outside[0]}", outside[1])


# -- the same answers ---------------------------------------------------------------------------------------

PATTERNS = {
    "join": "?a a v:NationalAgency . @ { ?a skos:prefLabel ?l }",
    "join of many": "?a a v:Country . @ { ?a skos:prefLabel ?l FILTER(LANG(?l) = 'fr') } FILTER(STR(?l) < 'C')",
    "optional": "?a a v:Organisation OPTIONAL { @ { ?a v:never ?x } } OPTIONAL { @ { ?a skos:prefLabel ?l } ?a a ?c }",
    "union": "{ ?a a v:NationalAgency } UNION { @ { ?a a v:Organisation } }",
    "minus": "?a a v:Organisation MINUS { @ { ?a skos:prefLabel ?l FILTER(CONTAINS(?l, 'National')) } }",
    "nothing": "?a a v:NationalAgency . @ { ?a v:never ?x }",
    "no variables": "?a a v:NationalAgency . @ { id:anefore a v:NationalAgency }",
    "no variables, no solution": "?a a v:NationalAgency . @ { id:anefore a v:Never }",
    "no variables, twice": "?a a v:NationalAgency . @ { { id:anefore a v:NationalAgency } UNION { } }",
    "unbound": "?a a v:NationalAgency . @ { ?b a v:NationalAgency OPTIONAL { ?b v:never ?x } } BIND(BOUND(?x) AS ?y)",
    "duplicates": "@ { SELECT ?c { ?a a ?c . ?a a v:Organisation } }",
    "subquery": "@ { SELECT ?t (COUNT(*) AS ?n) { ?c skos:inScheme ?t } GROUP BY ?t } ?t a skos:ConceptScheme",
    "blank nodes": "@ { ?s <http://www.w3.org/ns/shacl#or> ?list } ?s a ?kind",
    "values of all kinds": "@ { ?a ?p ?o . ?a a v:NationalAgency } FILTER(ISLITERAL(?o))",
    "next to a triple": "?a a v:NationalAgency @ { ?a skos:prefLabel ?l } . ?a a ?c",
    "in a graph": "GRAPH ?g { ?a a v:NationalAgency @ { ?a skos:prefLabel ?l } }",
}
"""Patterns with a group that here is evaluated in place, there by another host that has the same data."""


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_service_is_a_group_that_another_host_evaluates(world: World, pattern: str) -> None:
    query = f"{PREFIXES} SELECT * {{ {pattern} }}"
    here = rows(post(world.front, query=query.replace("@", "")))
    there = rows(post(world.front, query=query.replace("@", f"SERVICE <{world.endpoint}>")))
    assert there == here
    assert here or pattern in (PATTERNS["nothing"], PATTERNS["no variables, no solution"])


def test_other_forms_take_a_service(world: World) -> None:
    clause = f"SERVICE <{world.endpoint}> {{ ?a a v:NationalAgency }}"
    assert post(world.front, query=f"{PREFIXES} ASK {{ {clause} }}").json["boolean"] is True
    graph = post(world.front, query=f"{PREFIXES} CONSTRUCT {{ ?a a v:Found }} {{ {clause} }}")
    assert graph.status == 200
    assert "ontology#Found" in graph.body


def test_an_endpoint_is_named_by_a_prefix_or_a_base(world: World) -> None:
    start = world.endpoint.removesuffix("sparql")
    for text in (
        f"PREFIX e: <{start}> {PREFIXES} ASK {{ SERVICE e:sparql {{ ?a a v:Organisation }} }}",
        f"BASE <{start}> ASK {{ service <sparql> {{ ?a a <https://w3id.org/vetgraph/ontology#Organisation> }} }}",
    ):
        assert post(world.front, query=text).json["boolean"] is True


def test_an_answer_with_a_service_is_not_kept(world: World) -> None:
    query = f"SELECT * {{ SERVICE <{world.outside}/one> {{ ?s ?p ?o }} }}"
    before = world.asked.count("/one")
    replies = [post(world.front, query=query) for _ in range(2)]
    assert world.asked.count("/one") == before + 2
    assert all(reply.headers["ETag"] is None for reply in replies)


def test_a_blank_node_becomes_an_iri_of_its_own(world: World) -> None:
    found = post(world.front, query=f"SELECT * {{ SERVICE <{world.outside}/blank> {{ ?s ?p ?o }} }}").json
    first, second, third = (row["s"]["value"] for row in found["results"]["bindings"])
    assert first == second != third
    assert re.match(r"https://w3id\.org/vetgraph/\.well-known/genid/", third)


def test_an_update_takes_a_service(world: World) -> None:
    clause = f"SERVICE <{world.endpoint}> {{ ?a a v:Organisation }}"
    text = f"{PREFIXES} INSERT {{ GRAPH <x:g> {{ ?a a v:Seen }} }} WHERE {{ {clause} }}"
    assert post(world.empty, update=text).status in (200, 204)
    seen = rows(post(world.empty, query=f"{PREFIXES} SELECT ?a {{ ?a a v:Seen }}"))
    assert seen == rows(post(world.endpoint, query=f"{PREFIXES} SELECT DISTINCT ?a {{ ?a a v:Organisation }}"))


# -- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <http://example.org/sparql> { ?s ?p ?o } }",
        "SELECT * { SERVICE SILENT <http://example.org/sparql> { ?s ?p ?o } }",
        "SELECT * { SERVICE <http://127.0.0.1:9/sparql> { ?s ?p ?o } }",
        "SELECT * { SERVICE <file:///etc/passwd> { ?s ?p ?o } }",
        "SELECT * { SERVICE <http://user@nowhere.invalid/> { ?s ?p ?o } }",
    ],
)
def test_a_host_that_is_not_listed_is_not_asked(world: World, text: str) -> None:
    post(world.front, query=text).problem(403, "not-allowed")


def test_a_clause_within_a_clause_has_to_be_listed_too(world: World) -> None:
    inner = "SERVICE <http://example.org/sparql> { ?s ?p ?o }"
    told = post(world.front, query=f"SELECT * {{ SERVICE <{world.outside}/one> {{ {inner} }} }}")
    assert "example.org" in told.problem(403, "not-allowed")


def test_without_a_list_nobody_is_asked(server_url: Any, outside: tuple[str, list[str]]) -> None:
    before = len(outside[1])
    told = post(f"{server_url}/sparql", query=f"SELECT * {{ SERVICE <http://{outside[0]}/one> {{ ?s ?p ?o }} }}")
    told.problem(403, "not-allowed")
    assert len(outside[1]) == before


def test_a_listed_name_with_an_address_of_ones_own_network_is_not_asked(world: World) -> None:
    address = world.empty.replace("127.0.0.1", "localhost")
    told = post(world.front, query=f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}")
    assert "not a public address" in told.problem(403, "not-allowed")


@pytest.mark.parametrize("target", ["http://127.0.0.1:9/", "http://localhost:9/one", "file:///etc/passwd"])
def test_a_redirect_does_not_lead_past_the_list(world: World, target: str) -> None:
    address = f"{world.outside}/moved?{urllib.parse.quote(target)}"
    post(world.front, query=f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}").problem(403, "not-allowed")
    post(world.empty, update=f"LOAD <{address}>").problem(403, "not-allowed")


def test_a_redirect_to_a_listed_host_is_followed(world: World) -> None:
    address = f"{world.outside}/moved?{urllib.parse.quote(world.outside + '/one')}"
    assert len(rows(post(world.front, query=f"SELECT * {{ SERVICE <{address}> {{ ?s ?p ?o }} }}"))) == 1


def test_redirects_come_to_an_end(world: World) -> None:
    address = "/moved?"
    for _ in range(7):
        address = f"/moved?{urllib.parse.quote(address)}"
    told = post(world.front, query=f"SELECT * {{ SERVICE <{world.outside}{address}> {{ ?s ?p ?o }} }}")
    assert "redirected" in told.problem(503, "unavailable")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT * { ?s ?p ?e . SERVICE ?e { ?s ?q ?o } }", "line 1, column 23 asks ?e"),
        (
            "SELECT * {\n ?s ?p ?o FILTER EXISTS { SERVICE <ENDPOINT> { ?s ?q ?o } } }",
            "line 2, column 27 stands within EXISTS",
        ),
    ],
)
def test_what_can_not_be_fetched_beforehand_is_told(world: World, text: str, words: str) -> None:
    told = post(world.front, query=text.replace("ENDPOINT", world.endpoint))
    assert words in told.problem(400, "unsupported-query")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("SELECT * {\n SERVICE <ENDPOINT> { ?s ?p } }", 2, -1),
        ("SELECT * {\n SERVICE <ENDPOINT> { ?s\n ?p ?o } }\nORDER BYE ?s", 4, 7),
        ("SELECT * { SERVICE <ENDPOINT> }", 1, 12),
    ],
)
def test_a_text_that_does_not_parse_asks_nobody(world: World, text: str, line: int, column: int) -> None:
    before = len(world.asked)
    told = post(world.front, query=text.replace("ENDPOINT", f"{world.outside}/one"))
    told.problem(400, "query-syntax")
    assert told.json["line"] == line
    assert column in (-1, told.json["column"])
    assert len(world.asked) == before


# -- hosts that fail ----------------------------------------------------------------------------------------

FAILURES = {
    "refused connection": ("http://127.0.0.1:CLOSED/", 503, "unavailable"),
    "no address": ("http://nowhere.invalid/", 503, "unavailable"),
    "not found": ("OUTSIDE/nothing-here", 503, "unavailable"),
    "not a result": ("OUTSIDE/page", 503, "unavailable"),
    "too many solutions": ("OUTSIDE/many", 503, "limit-exceeded"),
    "too many bytes": ("OUTSIDE/huge", 503, "limit-exceeded"),
    "too slow": ("OUTSIDE/slow", 503, "limit-exceeded"),
}


@pytest.mark.parametrize(("address", "status", "slug"), FAILURES.values(), ids=FAILURES)
def test_a_host_that_fails_fails_the_query_unless_silent(
    start_server: Start, world: World, address: str, status: int, slug: str
) -> None:
    address = address.replace("OUTSIDE", world.outside)
    if "CLOSED" in address:
        # The port of the other service itself is listed; this one belongs to nobody any more.
        address = address.replace("CLOSED", world.outside.rpartition(":")[2]).replace("127.0.0.1", "nowhere.invalid")
    clause = f"<{address}> {{ ?s ?p ?o }}"
    started = time.monotonic()
    post(world.front, query=f"SELECT * {{ SERVICE {clause} }}", timeout="3").problem(status, slug)
    silent = post(world.front, query=f"SELECT * {{ SERVICE SILENT {clause} }}", timeout="20")
    assert silent.json["head"]["vars"], "the variables are in scope all the same"
    assert rows(silent) == Counter([()])
    assert time.monotonic() - started < 20
    assert rows(post(world.front, query="SELECT (1 AS ?one) {}"))


# -- documents ----------------------------------------------------------------------------------------------


def test_a_document_is_loaded(world: World) -> None:
    update = (
        f"PREFIX o: <{world.outside}/> LOAD o:data INTO GRAPH <x:loaded> ;\n"
        f"INSERT DATA {{ <x:a> <x:b> 'LOAD <x>' }} ; LOAD <{world.outside}/data.ttl>"
    )
    before = int(post(world.empty, query="ASK {}").headers["Vetgraph-Version"])
    assert post(world.empty, update=update).status in (200, 204)
    query = "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s <http://load.example/more> ?o } } GROUP BY ?g"
    found = post(world.empty, query=query)
    assert [row["g"]["value"] for row in found.json["results"]["bindings"]] == ["x:loaded"]
    assert int(found.headers["Vetgraph-Version"]) == before + 1
    relative = post(world.empty, query="SELECT ?o { GRAPH <x:loaded> { ?s <http://load.example/more> ?o } }")
    assert f"{world.outside}/relative" in relative.body


@pytest.mark.parametrize(
    ("address", "status", "slug"),
    [
        ("OUTSIDE/broken", 400, "unreadable-data"),
        ("OUTSIDE/page", 400, "unreadable-data"),
        ("OUTSIDE/nothing-here", 503, "unavailable"),
        ("http://example.org/data.ttl", 403, "not-allowed"),
        ("file:///etc/passwd", 403, "not-allowed"),
    ],
)
def test_a_document_that_can_not_be_had_changes_nothing(world: World, address: str, status: int, slug: str) -> None:
    address = address.replace("OUTSIDE", world.outside)
    before = post(world.empty, query="ASK {}").headers["Vetgraph-Version"]
    post(world.empty, update=f"INSERT DATA {{ <x:never> <x:b> 1 }} ; LOAD <{address}>").problem(status, slug)
    assert post(world.empty, query="ASK { <x:never> ?p ?o }").json["boolean"] is False
    assert post(world.empty, update=f"LOAD SILENT <{address}>").status in (200, 204)
    assert post(world.empty, query="ASK {}").headers["Vetgraph-Version"] == before


def test_an_update_that_does_not_parse_loads_nothing(world: World) -> None:
    before = len(world.asked)
    told = post(world.empty, update=f"LOAD <{world.outside}/data> ;\nINSERT DATA {{ <x:a> <x:b> }}")
    told.problem(400, "query-syntax")
    assert told.json["line"] == 2
    assert len(world.asked) == before


# -- addresses ----------------------------------------------------------------------------------------------

INNER = [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "172.16.0.1",
    "100.64.0.1",
    "::1",
    "fc00::1",
    "::ffff:7f00:1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::1",
]
NEVER = ["169.254.169.254", "0.0.0.0", "224.0.0.1", "fe80::1", "::", "ff02::1", "::ffff:a9fe:a9fe"]


def resolving(monkeypatch: pytest.MonkeyPatch, address: str) -> list[str]:
    """Have every name resolve to an address; return the names that were asked for."""
    names: list[str] = []

    def resolve(host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        names.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return names


@pytest.mark.parametrize("address", INNER + NEVER)
def test_an_address_that_is_not_public_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, address)
    allowed = AllowList(["data.example"])
    with pytest.raises(NotAllowed):
        allowed.address(allowed.place("http://data.example/sparql"))


@pytest.mark.parametrize("address", INNER + NEVER)
def test_an_address_is_reached_where_it_is_listed_itself(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, address)
    allowed = AllowList(["data.example", address])
    assert allowed.address(allowed.place("http://data.example/sparql")) == address
    with_port = AllowList(["data.example", f"[{address}]:81" if ":" in address else f"{address}:81"])
    with pytest.raises(NotAllowed):
        with_port.address(with_port.place("http://data.example/sparql"))


@pytest.mark.parametrize("address", INNER + NEVER)
def test_a_host_with_its_port_may_be_in_ones_own_network(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    resolving(monkeypatch, address)
    allowed = AllowList(["data.example:8890"])
    place = allowed.place("http://data.example:8890/sparql")
    if address in NEVER:
        with pytest.raises(NotAllowed):
            allowed.address(place)
    else:
        assert allowed.address(place) == address
    with pytest.raises(NotAllowed):
        allowed.place("http://data.example:8891/sparql")


def test_a_public_address_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "93.184.215.14")
    allowed = AllowList(["Data.Example."])
    assert allowed.address(allowed.place("https://DATA.example/sparql")) == "93.184.215.14"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://data.example/",
        "file:///etc/passwd",
        "http:///x",
        "http://data.example@evil.example/",
        "http://evil.example/?http://data.example/",
        "http://data.example.evil.example/",
        "http://data.example:0/",
        "http://data.example:99999/",
        "http://evil.example\\@data.example/",
    ],
)
def test_an_address_that_only_looks_listed_is_refused(url: str) -> None:
    with pytest.raises(NotAllowed):
        AllowList(["data.example"]).place(url)


def test_a_name_is_resolved_once(monkeypatch: pytest.MonkeyPatch, outside: tuple[str, list[str]]) -> None:
    """What was looked at is what is connected to, whatever the name says later."""
    port = outside[0].rpartition(":")[2]
    ours = socket.getaddrinfo
    names: list[str] = []

    def resolve(host: str, *arguments: Any, **options: Any) -> Any:
        if host != "data.example":
            return ours(host, *arguments, **options)
        names.append(host)
        return ours("127.0.0.1" if len(names) == 1 else "127.0.0.2", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    limits = hosts.Limits(5, 10_000)
    reply = hosts.fetch(f"http://data.example:{port}/data", AllowList([f"data.example:{port}"]), limits, headers={})
    assert reply.media == "text/turtle"
    assert names == ["data.example"]


def test_a_connection_that_trickles_is_cut(outside: tuple[str, list[str]]) -> None:
    started = time.monotonic()
    with pytest.raises(Unavailable):
        hosts.fetch(f"http://{outside[0]}/slow", AllowList([outside[0]]), hosts.Limits(0.5, 10_000), headers={})
    assert time.monotonic() - started < 5
