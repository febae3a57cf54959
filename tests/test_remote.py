"""The same service in front of stores elsewhere: the native Oxigraph server and Virtuoso 7, started for these tests."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pyoxigraph as ox
import pytest

from benchmarks import virtuoso as setup
from vetgraph.queries import Catalogue, SavedQuery, read_catalogue, with_values
from vetgraph.store import GraphStore

TOKEN = "a-token-for-tests"
TRUST = 2
"""Seconds for which the services under test trust an answer of their store."""

JSON = "application/sparql-results+json"
SHARE = 1 if os.environ.get("TEST_OPTIONAL") == "required" else 5
"""Every so many-th saved query is asked."""

# Why an engine's answer may be another one.
NO_ORDER = "GROUP_CONCAT puts its parts in no order"
NUMBERS = "booleans come out as numbers"
DURATIONS = "durations and months are not kept as they were written"
PLAIN = "what is put together of texts of one language has none"
OWN = "it has graphs of its own"
FEWER = "evaluates OPTIONAL, BIND, paths or aggregates otherwise than the standard"

Rows = Counter[Any]


@dataclass(frozen=True)
class Engine:
    """A store elsewhere with our data: its name, its port, how a service is told of it, and where it is not alike."""

    name: str
    port: int
    address: str
    environment: dict[str, str]
    differs: dict[str, str] = field(default_factory=dict)
    raw_update: str = ""


class Reply(NamedTuple):
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(url: str, data: dict[str, str] | bytes | None = None, method: str | None = None, **headers: str) -> Reply:
    """What an address answers; header names are written with underscores."""
    body = urllib.parse.urlencode(data).encode() if isinstance(data, dict) else data
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, told, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return Reply(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        return Reply(error.code, error.headers, error.read())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, "it did not come to that in time"
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        return ask(url).status < 500
    except OSError:
        return False


@contextmanager
def running(command: list[str], folder: Path, ready: str) -> Iterator[None]:
    """A server of somebody else's, from when it answers to the end of the context."""
    with (folder / "out").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        try:
            until(lambda: process.poll() is not None or answers(ready))
            assert process.poll() is None, (folder / "out").read_text()
            yield
        finally:
            process.kill()
            process.wait(timeout=20)


# -- engines ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def missing(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Skip with the command that installs what is missing; fail where optional suites must run."""
    plugin: Any = request.config.pluginmanager.get_plugin(str(Path(__file__).with_name("conftest.py")))
    skip: Callable[[str, str], None] = plugin.optional
    return skip


@contextmanager
def oxigraph(data: bytes, folder: Path, missing: Callable[[str, str], None]) -> Iterator[Engine]:
    beside = Path(sys.executable).with_name("oxigraph")
    binary = shutil.which("oxigraph") or (str(beside) if beside.exists() else None)
    if binary is None:
        missing("no native Oxigraph server", "pip install oxigraph")
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    with running([str(binary), "serve", "--bind", f"127.0.0.1:{port}"], folder, f"{root}/query?query=ASK%7B%7D"):
        assert ask(f"{root}/store", data, "POST", Content_Type="application/n-quads").status == 204
        environment = {"VETGRAPH_STORE_UPDATE": f"{root}/update"}
        differs = {"page-actors": NO_ORDER}
        yield Engine("oxigraph", port, f"{root}/query", environment, differs, f"{root}/update")


@contextmanager
def virtuoso(data: bytes, folder: Path, missing: Callable[[str, str], None]) -> Iterator[Engine]:
    binary, shell = shutil.which("virtuoso-t"), shutil.which("isql-vt")
    if binary is None or shell is None:
        missing("no Virtuoso", "apt-get install virtuoso-opensource")
    sql, port = free_port(), free_port()
    root = f"http://127.0.0.1:{port}"
    setup.configure(folder, port, sql, folder, buffers=20_000, seconds=6)
    (folder / "data.nq").write_bytes(data)
    with running([str(binary), *setup.OPTIONS], folder, f"{root}/sparql"):
        command = setup.orders(str(shell), sql, folder / "data.nq", "urn:none")
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
        environment = {
            # It wants a digest for writing, and takes blank nodes and large graphs by the Graph Store Protocol only.
            "VETGRAPH_STORE_UPDATE": f"{root}/sparql-auth",
            "VETGRAPH_STORE_GRAPHS": f"{root}/sparql-graph-crud-auth",
            "VETGRAPH_STORE_USER": "dba",
            "VETGRAPH_STORE_PASSWORD": "dba",
        }
        yield Engine("virtuoso", port, f"{root}/sparql", environment, VIRTUOSO)


VIRTUOSO: dict[str, str] = {
    **dict.fromkeys(
        (
            "acts-of-a-country-by-date",
            "chamber-behind-the-computer-licence-centre",
            "criteria-for-centres-in-alliances",
            "dilemmas-of-learning-agreement-templates",
            "evaluation-of-guidance-measures",
            "mobility-schemes-with-target-groups-and-funds",
            "partners-marking-each-sector",
            "targets-with-values-and-setters",
        ),
        PLAIN,
    ),
    **dict.fromkeys(
        (
            "allowances-of-mobile-learners",
            "days-from-signature-to-entry-into-force",
            "largest-and-smallest-amounts",
            "largest-total-grant-of-a-strategic-partnership",
            "longest-stays-of-students",
            "rules-of-strategic-partnerships",
            "supports-with-amounts-payers-and-ages",
            "timeline-of-training-without-borders",
        ),
        DURATIONS,
    ),
    **dict.fromkeys(
        (
            "courses-and-projects-by-eqf-level",
            "does-a-presented-centre-teach-trade",
            "is-epos-a-responsible-body",
            "is-portugal-listed-for-netinvet",
            "is-there-a-european-credit-system-for-vet",
            "is-training-without-borders-renewed",
            "key-competences",
            "visibility-of-recognition-contact-points",
        ),
        NUMBERS,
    ),
    **dict.fromkeys(
        (
            "effects-of-covid-19",
            "organisations-proposed-for-alliances",
            "page-areas",
            "page-conflicts",
            "page-countries",
            "page-disputes",
            "relations-between-bodies",
        ),
        FEWER,
    ),
    **dict.fromkeys(
        ("page-actors",),
        NO_ORDER,
    ),
    **dict.fromkeys(
        ("page-graphs",),
        OWN,
    ),
}
"""Saved queries to which Virtuoso 7 gives another answer than the embedded engine, and why; strict."""

ENGINES = {"oxigraph": oxigraph, "virtuoso": virtuoso}


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest,
    store: GraphStore,
    tmp_path_factory: pytest.TempPathFactory,
    missing: Callable[[str, str], None],
) -> Iterator[Engine]:
    """A store elsewhere that holds the session's data."""
    data = ox.serialize(store.dump(), format=ox.RdfFormat.N_QUADS)
    with ENGINES[request.param](data, tmp_path_factory.mktemp(request.param), missing) as started:
        yield started


@pytest.fixture(scope="module")
def front(engine: Engine, start_server: Callable[..., AbstractContextManager[Any]]) -> Iterator[str]:
    """The service in front of that store."""
    environment = {"VETGRAPH_ADMIN_TOKEN": TOKEN, "VETGRAPH_STORE_TRUST": str(TRUST), **engine.environment}
    with start_server("--store", engine.address, **environment) as url:
        until(lambda: ask(f"{url}/sparql?query=ASK%7B%7D").status == 200)
        yield str(url)


# -- reading ------------------------------------------------------------------------------------------------


def term(value: Any) -> Any:
    """A term as it is compared: numbers by value, blank nodes as blank."""
    if isinstance(value, ox.BlankNode):
        return "a blank node"
    if isinstance(value, ox.Literal):
        if value.datatype.value.rpartition("#")[2] in ("integer", "decimal", "double"):
            return float(value.value)
        return value.value, value.language, value.datatype.value
    return None if value is None else value.value


def compared(answer: Any) -> Rows:
    if isinstance(answer, ox.QueryBoolean):
        return Counter([bool(answer)])
    if isinstance(answer, ox.QuerySolutions):
        names = sorted(variable.value for variable in answer.variables)
        return Counter(tuple(term(row[name]) for name in names) for row in answer)
    return graph(answer)


def graph(triples: Iterable[Any]) -> Rows:
    """A graph as it is compared: a set, in which blank nodes have no names."""
    return Counter({(term(t.subject), term(t.predicate), term(t.object)) for t in triples})


def parsed(reply: Reply) -> Rows:
    assert reply.status == 200, reply.body
    kind = reply.headers.get_content_type()
    results = ox.QueryResultsFormat.from_media_type(kind)
    if results:
        return compared(ox.parse_query_results(reply.body, format=results))
    return graph(ox.parse(reply.body, format=ox.RdfFormat.from_media_type(kind)))


CATALOGUE: Catalogue = read_catalogue(Path(__file__).resolve().parents[1])
SAVED = [saved for number, saved in enumerate(CATALOGUE) if number % SHARE == 0]


def test_saved_queries_have_the_answers_of_the_embedded_engine(engine: Engine, front: str, store: GraphStore) -> None:
    found = {saved.name: differs(saved, front, store) for saved in SAVED}
    expected = {name for name in engine.differs if name in found}
    assert {name for name, differing in found.items() if differing} == expected
    assert len(expected) < len(found) / 4


def differs(saved: SavedQuery, front: str, store: GraphStore) -> bool:
    """Whether the answers to a saved query, with its examples as values, are not the same."""
    values = {parameter.name: parameter.example for parameter in saved.parameters if parameter.required}
    bindings = saved.bindings(values)
    here = compared(store.query(saved.text, bindings=bindings))
    wants = "application/n-triples" if saved.kind in ("CONSTRUCT", "DESCRIBE") else JSON
    there = ask(f"{front}/sparql", {"query": with_values(saved.text, bindings)}, Accept=wants)
    return there.status != 200 or parsed(there) != here


FORMATS = {
    "SELECT ?a ?l { ?a a <https://w3id.org/vetgraph/ontology#NationalAgency> ; "
    "<http://www.w3.org/2004/02/skos/core#prefLabel> ?l }": (JSON, "application/sparql-results+xml"),
    "ASK { ?a a <https://w3id.org/vetgraph/ontology#NationalAgency> }": (JSON, "application/sparql-results+xml"),
    "CONSTRUCT { ?a a ?c } WHERE { ?a a <https://w3id.org/vetgraph/ontology#NationalAgency> ; a ?c }": (
        "text/turtle",
        "application/n-triples",
        "application/rdf+xml",
        "application/ld+json",
        "application/trig",
    ),
}


@pytest.mark.parametrize(("query", "wanted"), [(query, wanted) for query, kinds in FORMATS.items() for wanted in kinds])
def test_every_format_is_made_of_what_the_store_sends(front: str, store: GraphStore, query: str, wanted: str) -> None:
    reply = ask(f"{front}/sparql", {"query": query}, Accept=wanted)
    assert reply.headers.get_content_type() == wanted
    assert parsed(reply) == compared(store.query(query))


@pytest.mark.parametrize("wanted", ["text/csv", "text/tab-separated-values"])
def test_tables_are_made_of_what_the_store_sends(front: str, wanted: str) -> None:
    reply = ask(f"{front}/sparql", {"query": next(iter(FORMATS))}, Accept=wanted)
    assert reply.headers.get_content_type() == wanted
    assert "Anefore" in reply.body.decode()


def test_blank_nodes_of_one_answer_hang_together(front: str) -> None:
    shacl = "http://www.w3.org/ns/shacl#"
    query = f"CONSTRUCT WHERE {{ ?shape <{shacl}or> ?list . ?list ?p ?o }}"
    reply = ask(f"{front}/sparql", {"query": query}, Accept="application/n-triples")
    triples = [quad.triple for quad in ox.parse(reply.body, format=ox.RdfFormat.N_TRIPLES)]
    named = {t.object for t in triples if t.predicate.value == f"{shacl}or"}
    assert named
    assert named <= {t.subject for t in triples}


def test_names_come_with_the_rows(front: str) -> None:
    query = "SELECT ?a ?c { ?a a <https://w3id.org/vetgraph/ontology#NationalAgency> ; a ?c }"
    reply = ask(f"{front}/sparql", {"query": query, "labels": "fr"}, Accept=JSON)
    assert reply.json["head"]["vars"] == ["a", "aLabel", "c", "cLabel"]
    labels = {row["a"]["value"].rpartition("/")[2]: row["aLabel"]["value"] for row in reply.json["results"]["bindings"]}
    assert labels["anefore"] == "Anefore"


def test_rows_are_bounded(
    engine: Engine, start_server: Callable[..., AbstractContextManager[Any]], store: GraphStore
) -> None:
    with start_server("--store", engine.address, VETGRAPH_MAX_ROWS="7", **engine.environment) as url:
        until(lambda: ask(f"{url}/sparql?query=ASK%7B%7D").status == 200)
        reply = ask(f"{url}/sparql", {"query": "SELECT ?s { ?s ?p ?o } LIMIT 100"}, Accept=JSON)
        assert len(reply.json["results"]["bindings"]) == 7
        assert reply.json["meta"] == {"partial": True, "reason": "rows", "limit": 7}


def test_the_protocols_graphs_are_passed_on(front: str, store: GraphStore) -> None:
    name = "https://w3id.org/vetgraph/graph/curation"
    query = "SELECT ?s ?p ?o { ?s ?p ?o }"
    there = ask(f"{front}/sparql", {"query": query, "default-graph-uri": name}, Accept=JSON)
    assert sum(parsed(there).values()) == store.version.counts[name]


@pytest.mark.parametrize(
    ("query", "status", "slug"),
    [
        ("SELECT * { ?s ?p }", 400, "query-syntax"),
        ("SELECT (<http://example.org/f>(1) AS ?x) {}", 400, "unsupported-query"),
        ("SELECT * { SERVICE <http://example.org/> { ?s ?p ?o } }", 403, "not-allowed"),
        ("DEFINE get:soft 'soft' SELECT * { ?s ?p ?o }", 403, "not-allowed"),
    ],
)
def test_what_is_wrong_is_told_as_ever(front: str, query: str, status: int, slug: str) -> None:
    reply = ask(f"{front}/sparql", {"query": query})
    assert (reply.status, reply.json["type"]) == (status, f"/problems/{slug}"), reply.body


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * " + "{" * 3000 + "?s ?p ?o" + "}" * 3000,
        "SELECT * { ?s ?p ?o FILTER" + "(" * 5000 + "true" + ")" * 5000 + " }",
        "SELECT * { ?s ?p ?o FILTER(" + "!" * 9000 + "true) }",
        "SELECT * { { ?s ?p ?o }" + " UNION { ?s ?p ?o }" * 7000 + " }",
    ],
    ids=["groups", "parentheses", "negations", "unions"],
)
def test_what_overflows_a_stack_is_not_passed_on(front: str, query: str) -> None:
    reply = ask(f"{front}/sparql", {"query": query})
    assert (reply.status, reply.json["type"]) == (400, "/problems/unsupported-query"), reply.body[:300]
    assert ask(f"{front}/sparql?query=ASK%7B?a%20?b%20?c%7D").status == 200


def test_documents_and_descriptions_come_from_the_store(engine: Engine, front: str, server_url: Any) -> None:
    for path in ("/doc/id/anefore.nt", "/ontology.nt"):
        there, here = (parsed(ask(f"{root}{path}")) for root in (front, server_url))
        # When it was last changed is known of our own store only.
        found = {row for row in here - there if not row[1].endswith("dc/terms/modified")}
        missing = {row for row in found if engine.name == "oxigraph" or "boolean" not in str(row)}
        assert not missing


@pytest.mark.parametrize("path", ["/", "/countries", "/actors", "/areas", "/doc/id/anefore", "/queries", "/sources"])
def test_pages_are_shown(front: str, path: str) -> None:
    reply = ask(f"{front}{path}", Accept="text/html")
    assert reply.status == 200
    assert b"</html>" in reply.body


def test_the_data_are_counted(front: str, store: GraphStore) -> None:
    reply = ask(f"{front}/.well-known/void", Accept="application/n-triples")
    triples = {t[2] for t in parsed(reply) if t[1] == "http://rdfs.org/ns/void#triples"}
    assert float(store.version.counts["https://w3id.org/vetgraph/graph/curation"]) in triples


# -- writing ------------------------------------------------------------------------------------------------


def version(front: str) -> int:
    return int(ask(f"{front}/sparql?query=ASK%7B%7D").headers["Vetgraph-Version"])


def change(front: str, update: str) -> Reply:
    return ask(f"{front}/sparql", {"update": update}, Authorization=f"Bearer {TOKEN}")


def test_an_update_is_seen_at_once_and_raises_the_version(front: str) -> None:
    query = {"query": "SELECT ?o { GRAPH <http://example.org/g> { ?s ?p ?o } }"}
    before = version(front)
    tags = {ask(f"{front}/sparql", query, Accept=JSON).headers["ETag"] for _ in range(2)}
    done = change(front, "INSERT DATA { GRAPH <http://example.org/g> { <x:a> <x:b> 'SERVICE é' } } ; # and no more")
    assert done.status in (200, 204), done.body
    reply = ask(f"{front}/sparql", query, Accept=JSON)
    assert [row["o"]["value"] for row in reply.json["results"]["bindings"]] == ["SERVICE é"]
    assert reply.headers["ETag"] not in tags
    assert version(front) == before + 1
    assert change(front, "DELETE WHERE { GRAPH <http://example.org/g> { ?s ?p ?o } }").status in (200, 204)
    assert not parsed(ask(f"{front}/sparql", query, Accept=JSON))
    assert version(front) == before + 2


def test_a_version_is_never_given_twice(front: str) -> None:
    """Also where the marks are removed from which it is counted."""
    before = version(front)
    change(front, "CLEAR GRAPH <https://w3id.org/vetgraph/graph/versions>")
    assert version(front) == before + 1
    change(front, "INSERT DATA { GRAPH <http://example.org/g> { <x:a> <x:b> 2 } }")
    assert version(front) == before + 2


def test_an_update_that_does_not_parse_changes_nothing(front: str) -> None:
    before = version(front)
    reply = change(front, "INSERT DATA { GRAPH <x:g> { <x:a> <x:b> } }")
    assert (reply.status, reply.json["type"]) == (400, "/problems/query-syntax")
    assert version(front) == before


def test_without_the_token_nothing_is_written(front: str) -> None:
    before = version(front)
    assert ask(f"{front}/sparql", {"update": "INSERT DATA { GRAPH <x:g> { <x:a> <x:b> 1 } }"}).status == 401
    assert version(front) == before


def test_graphs_are_stored(front: str) -> None:
    address = f"{front}/store?graph=http://example.org/stored"
    writes = {"Authorization": f"Bearer {TOKEN}", "Content_Type": "text/turtle"}
    many = "".join(f"<x:{n}> <x:p> [ <x:q> {n} ] .\n" for n in range(6000)).encode()
    assert ask(address, many, "PUT", **writes).status == 201
    count = {"query": "SELECT (COUNT(*) AS ?n) { GRAPH <http://example.org/stored> { ?s ?p ?o } }"}
    assert parsed(ask(f"{front}/sparql", count, Accept=JSON)) == Counter([(12000.0,)])
    assert ask(address, b"<x:a> <x:b> 'one'@en .", "PUT", **writes).status in (200, 204)
    assert ask(address, b"<x:a> <x:b> 2 .", "POST", **writes).status in (200, 204)
    got = ask(address, Accept="application/n-triples")
    assert {t[2] for t in parsed(got)} == {2.0, ("one", "en", f"{RDF}langString")}
    assert ask(address, b"<x:a> <x:b>", "PUT", **writes).json["type"] == "/problems/unreadable-data"
    assert ask(address, None, "DELETE", Authorization=f"Bearer {TOKEN}").status in (200, 204)
    assert ask(address, None, "DELETE", Authorization=f"Bearer {TOKEN}").status == 404
    assert ask(address).status == 404


RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"


def test_what_others_write_is_seen_when_trust_has_ended(engine: Engine, front: str) -> None:
    if not engine.raw_update:
        pytest.skip("the same for every store; tried on Oxigraph")
    query = {"query": "ASK { <x:others> ?p ?o }"}
    assert ask(f"{front}/sparql", query, Accept=JSON).json["boolean"] is False
    ask(engine.raw_update, {"update": "INSERT DATA { GRAPH <x:others> { <x:others> <x:p> 1 } }"})
    until(lambda: ask(f"{front}/sparql", query, Accept=JSON).json["boolean"], TRUST + 5)


# -- limits -------------------------------------------------------------------------------------------------


def test_a_store_that_is_not_there_is_told(start_server: Callable[..., AbstractContextManager[Any]]) -> None:
    with start_server("--store", f"http://127.0.0.1:{free_port()}/query") as url:
        reply = ask(f"{url}/sparql?query=ASK%7B%7D")
        assert (reply.status, reply.json["type"]) == (503, "/problems/unavailable")
        assert "127.0.0.1" in reply.json["detail"]
        assert ask(f"{url}/", Accept="text/html").status == 503


def connections(port: int) -> set[str]:
    """The local ports of open connections to a port of this machine."""
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    wanted = f"0100007F:{port:04X}"
    return {local for _, local, remote, state, *_ in lines if remote == wanted and state == "01"}


@pytest.mark.skipif(sys.platform != "linux", reason="looks at connections in /proc")
def test_a_runaway_is_cut_at_its_deadline_and_its_connection_closed(engine: Engine, front: str) -> None:
    """The last test of an engine: not every store stops what nobody waits for any more."""
    query = {"query": "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", "timeout": "1"}
    replies: list[Reply] = []
    started = time.monotonic()
    thread = threading.Thread(target=lambda: replies.append(ask(f"{front}/sparql", query, Accept=JSON)))
    thread.start()
    time.sleep(0.6)
    during = connections(engine.port)
    thread.join()
    assert time.monotonic() - started < 1.5
    assert (replies[0].status, replies[0].json["type"]) == (503, "/problems/limit-exceeded")
    until(lambda: bool(during - connections(engine.port)), 5)


def test_a_long_answer_that_is_cut_says_so(engine: Engine, front: str) -> None:
    if engine.name == "virtuoso":
        pytest.skip("Virtuoso sends nothing before it has all of an answer")
    query = {"query": "SELECT * { ?a ?b ?c . ?d ?e ?f }", "timeout": "1"}
    started = time.monotonic()
    reply = ask(f"{front}/sparql", query, Accept=JSON)
    assert time.monotonic() - started < 1.5
    assert reply.json["meta"]["partial"] is True
    assert reply.json["results"]["bindings"]
