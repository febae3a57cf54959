"""Workers and their zygote, as real processes: the same answers from memory and disk, ends at limits, and deaths."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import platform
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vetgraph.engine import frames, jobs, partial
from vetgraph.engine.confinement import big_stack
from vetgraph.engine.deltas import Delta
from vetgraph.engine.diagnosis import diagnose
from vetgraph.engine.jobs import QueryJob, StoreJob, UpdateJob
from vetgraph.errors import EngineError, LimitExceeded, StoreDamaged, UnsupportedQuery, VetgraphError

CSV = "text/csv"
JSON = "application/sparql-results+json"
MiB = 1 << 20


# -- a front in miniature: how zygote and workers are talked to ---------------------------------------------------


class Nursery:
    """A zygote process: ask it, fork from it, close it."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "vetgraph.engine.zygote", "--fd", str(theirs.fileno())]
        with theirs, big_stack():
            self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        self.socket.settimeout(30)
        self.ended: dict[int, int] = {}

    def ask(self, do: str, **what: Any) -> tuple[dict[str, Any], list[int]]:
        self.socket.send(json.dumps({"do": do, **what}).encode())
        while True:
            data, descriptors, _, _ = socket.recv_fds(self.socket, 1 << 16, 3)
            reply = json.loads(data)
            if "ended" not in reply:
                break
            self.ended[reply["ended"]] = reply["status"]
        if "error" in reply:
            raise frames.error_of(data)
        return reply, descriptors

    def fork(self, source: str, path: Path | None = None, *, network: bool = False, **limits: int) -> Front:
        reply, (link, pidfd, stderr) = self.ask("fork", source=source, path=str(path), network=network, limits=limits)
        return Front(self, reply["pid"], socket.socket(fileno=link), pidfd, stderr)

    def status_of(self, pid: int) -> int:
        for _ in range(500):
            self.ask("status")
            if pid in self.ended:
                return self.ended[pid]
            time.sleep(0.01)
        raise AssertionError(f"worker {pid} has not ended")

    def close(self) -> None:
        self.socket.close()
        self.process.wait(timeout=10)


class Reply:
    """The frames of an answer, put together."""

    def __init__(self, found: list[frames.Frame]) -> None:
        self.kinds = b"".join(kind for kind, _ in found)
        self.error = frames.error_of(found[-1][1]) if found[-1][0] == frames.ERROR else None
        self.head: dict[str, Any] = {}
        self.data = b"".join(payload for kind, payload in found if kind == frames.DATA)
        for kind, payload in found:
            if kind == frames.WHOLE:
                self.head, self.data = frames.split(payload)
            elif kind != frames.DATA:
                self.head |= json.loads(payload)

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.data)["results"]["bindings"]
        return found


class Front:
    """The front's end of one worker."""

    def __init__(self, nursery: Nursery, pid: int, link: socket.socket, pidfd: int, stderr: int) -> None:
        self.nursery, self.pid, self.pidfd, self.stderr = nursery, pid, pidfd, stderr
        link.settimeout(30)
        self.channel = frames.Channel(link)

    def send(self, job: jobs.Job) -> None:
        self.channel.send(frames.frame(frames.JOB, jobs.encoded(job)))

    def do(self, job: jobs.Job) -> Reply:
        self.send(job)
        return Reply(list(self.channel.replies()))

    def query(self, text: str, **more: Any) -> Reply:
        return self.do(QueryJob(text, **more))

    def kill(self) -> None:
        signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def death(self, memory: int | None = None) -> VetgraphError:
        """Why the worker died."""
        status = self.nursery.status_of(self.pid)
        return diagnose(status, os.pread(self.stderr, 1 << 16, 0), memory=memory)

    def close(self) -> None:
        self.channel.socket.close()
        os.close(self.pidfd)
        os.close(self.stderr)


# -- data ---------------------------------------------------------------------------------------------------------

E = "http://example.org/"
HOSTILE = ['},{"x":{"type":"uri"', '}},{"', '"bindings":[', "},{}", '\\"},{\\', "\n\r\t", "é 漢 🎓", "]}}"]


def example_quads() -> Iterator[ox.Quad]:
    kind, name, links = (ox.NamedNode(E + word) for word in ("kind", "name", "links"))
    label = ox.NamedNode("http://www.w3.org/2000/01/rdf-schema#label")
    for number in range(2000):
        thing, graph = ox.NamedNode(f"{E}{number}"), ox.NamedNode(f"{E}g{number % 3}")
        yield ox.Quad(thing, kind, ox.NamedNode(f"{E}kind{number % 7}"), graph)
        yield ox.Quad(thing, name, ox.Literal(f"{HOSTILE[number % 8]}{number}"), graph)
        yield ox.Quad(thing, links, ox.NamedNode(f"{E}{number * 7 % 2000}"), graph)
    yield ox.Quad(ox.NamedNode(E + "default"), name, ox.Literal("in the default graph"))
    yield ox.Quad(ox.BlankNode("kept"), name, ox.Literal("blank"), ox.NamedNode(E + "g0"))
    for language, text in (("en", "zero"), ("fr", "zéro")):
        yield ox.Quad(ox.NamedNode(E + "0"), label, ox.Literal(text, language=language), ox.NamedNode(E + "g1"))


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a version on disk."""
    folder = tmp_path_factory.mktemp("store")
    store = ox.Store(str(folder / "made"))
    store.bulk_extend(example_quads())
    store.add_graph(ox.NamedNode(E + "empty"))
    store.flush()
    (folder / "versions").mkdir()
    store.backup(str(folder / "versions" / "1"))
    return folder / "versions" / "1"


@pytest.fixture(scope="module")
def reference(version: Path) -> ox.Store:
    """The same data in this process."""
    return ox.Store.read_only(str(version))


@pytest.fixture(scope="module")
def nursery(version: Path) -> Iterator[Nursery]:
    zygote = Nursery()
    reply, _ = zygote.ask("load", path=str(version), version=1)
    assert reply == {"ready": 1, "triples": 6004}
    yield zygote
    zygote.close()
    assert zygote.process.returncode == 0


@pytest.fixture
def fork(nursery: Nursery, version: Path) -> Iterator[Callable[..., Front]]:
    """Fork a worker: ``fork("memory")``, ``fork("disk", memory=…)``."""
    with contextlib.ExitStack() as stack:

        def make(source: str = "memory", **more: Any) -> Front:
            worker = nursery.fork(source, version, **more)
            stack.callback(worker.close)
            return worker

        yield make


@pytest.fixture(params=["memory", "disk"])
def worker(request: pytest.FixtureRequest, fork: Callable[..., Front]) -> Front:
    return fork(request.param)


# -- answers ------------------------------------------------------------------------------------------------------

QUERIES = {
    "rows": "SELECT ?n { <http://example.org/5> <http://example.org/name> ?n }",
    "many rows": "SELECT * { ?s <http://example.org/name> ?n }",
    "none": "SELECT * { ?s <http://example.org/none> ?n }",
    "no variables": "SELECT * { <http://example.org/5> <http://example.org/kind> <http://example.org/kind5> }",
    "graphs": "SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g",
    "empty graph": "ASK { GRAPH <http://example.org/empty> {} }",
    "true": "ASK { ?s ?p ?o }",
    "default graph": "SELECT * { <http://example.org/default> ?p ?o }",
    "own dataset": "SELECT (COUNT(*) AS ?n) FROM <http://example.org/g1> { ?s ?p ?o }",
    "own named": "SELECT (COUNT(*) AS ?n) FROM NAMED <http://example.org/g1> { GRAPH ?g { ?s ?p ?o } }",
    "graph": "CONSTRUCT { ?s <http://example.org/is> ?k } { ?s <http://example.org/kind> ?k }",
    "described": "DESCRIBE <http://example.org/17>",
    "deep": f"SELECT * {'{' * 20_000} ?s <http://example.org/kind> ?k {'}' * 20_000}",
}


def table(data: bytes, form: ox.QueryResultsFormat) -> object:
    found = ox.parse_query_results(data, form)
    if isinstance(found, ox.QueryBoolean):
        return bool(found)
    return sorted(str([row[name] for name in found.variables]) for row in found)


@pytest.mark.parametrize("text", QUERIES.values(), ids=QUERIES)
@pytest.mark.parametrize("union", [True, False], ids=["union", "plain"])
def test_answers_are_the_engines(worker: Front, reference: ox.Store, text: str, union: bool) -> None:
    reply = worker.query(
        text, union=union, media={"graph": "application/n-triples", "solutions": JSON, "boolean": JSON}
    )
    if "deep" not in QUERIES or text != QUERIES["deep"]:
        expected = reference.query(text, use_default_graph_as_union=union and "FROM" not in text)
    else:
        expected = reference.query("SELECT * { ?s <http://example.org/kind> ?k }", use_default_graph_as_union=union)
    assert reply.error is None
    if isinstance(expected, ox.QueryTriples):
        assert reply.head["kind"] == "graph"
        assert set(ox.parse(reply.data, ox.RdfFormat.N_TRIPLES)) == {ox.Quad(*triple) for triple in expected}
    else:
        data = expected.serialize(format=ox.QueryResultsFormat.JSON)
        assert table(reply.data, ox.QueryResultsFormat.JSON) == table(data, ox.QueryResultsFormat.JSON)


@pytest.mark.parametrize(
    ("media", "form"),
    [
        (JSON, ox.QueryResultsFormat.JSON),
        ("application/sparql-results+xml", ox.QueryResultsFormat.XML),
        ("text/tab-separated-values", ox.QueryResultsFormat.TSV),
    ],
)
def test_every_format_of_rows_streams(
    worker: Front, reference: ox.Store, media: str, form: ox.QueryResultsFormat
) -> None:
    reply = worker.query(QUERIES["many rows"], media={"solutions": media}, seconds=30)
    assert reply.kinds.startswith(b"HD")
    assert reply.kinds.endswith(b"DE")
    assert reply.head == {"kind": "solutions", "media": media, "rows": None, "partial": None}
    expected = reference.query(QUERIES["many rows"], use_default_graph_as_union=True).serialize(format=form)
    assert table(reply.data, form) == table(expected, form)


@pytest.mark.parametrize("media", ["text/turtle", "application/ld+json", "application/rdf+xml", "application/trig"])
def test_every_format_of_graphs(worker: Front, reference: ox.Store, media: str) -> None:
    reply = worker.query(QUERIES["graph"], media={"graph": media})
    form = ox.RdfFormat.from_media_type(media)
    assert form
    expected = {ox.Quad(*triple) for triple in reference.query(QUERIES["graph"], use_default_graph_as_union=True)}
    assert set(ox.parse(reply.data, form)) == expected


def test_the_protocols_dataset_is_the_whole_dataset(worker: Front) -> None:
    count = (
        "SELECT (COUNT(*) AS ?n) FROM NAMED <http://example.org/g2> { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"
    )

    def counted(**graphs: tuple[str, ...]) -> int:
        return int(worker.query(count, **graphs).rows()[0]["n"]["value"])

    one = counted(default_graphs=(E + "g1",))
    assert one == 2003
    assert counted(named_graphs=(E + "g1",)) == one
    assert counted(default_graphs=(E + "g1", E + "g1"), named_graphs=(E + "g1",)) == 2 * one
    assert counted(default_graphs=(E + "none",)) == 0


def test_values_are_bound_and_relative_names_resolved(worker: Front) -> None:
    text = "SELECT ?s ?n { ?s <name> ?n FILTER(?n = ?wanted) }"
    bindings = {"s": f"<{E}8>", "wanted": json.dumps(HOSTILE[0] + "8")}
    rows = worker.query("SELECT ?s ?n ?wanted { ?s <name> ?n FILTER(?n = ?wanted) }", base=E, bindings=bindings).rows()
    assert [row["n"]["value"] for row in rows] == [HOSTILE[0] + "8"]
    assert worker.query(text, base=E, bindings={"s": "not a term"}).error is not None


def test_a_kind_of_answer_that_is_not_accepted_is_told(worker: Front) -> None:
    error = worker.query("ASK {}", media={"solutions": JSON, "boolean": None}).error
    assert error is not None
    assert error.status == 406
    assert CSV in error.facts["available"]  # type: ignore[operator]


def test_labels_come_beside_iris(worker: Front) -> None:
    reply = worker.query(
        "SELECT ?s ?k { VALUES ?s { <http://example.org/0> } ?s <http://example.org/kind> ?k }", labels="fr"
    )
    document = json.loads(reply.data)
    assert document["head"]["vars"] == ["s", "sLabel", "k", "kLabel"]
    assert document["results"]["bindings"][0]["sLabel"]["value"] == "zéro"


def test_one_worker_answers_many_queries_and_survives_refusals(worker: Front) -> None:
    for text, status in (
        ("SELECT * {", 400),
        ("SELECT (<http://example.org/f>(1) AS ?x) {}", 400),
        ("SELECT * { SERVICE <http://127.0.0.1:9/> {} }", 403),
        ("INSERT DATA { <http://a> <http://b> 1 }", 400),
        ("CONSTRUCT { ?s ?p ?o } { ?s ?p ?o } LIMIT x", 400),
    ):
        reply = worker.query(text)
        assert reply.error is not None, text
        assert reply.error.status == status
        assert "last" not in reply.head
        assert worker.query("ASK {}").data == b'{"head":{},"boolean":true}'


def test_a_syntax_error_has_its_place(worker: Front) -> None:
    error = worker.query("SELECT * {\n  ?s ?p ?o .\n  FILTER(?o = = 1)\n}").error
    assert error is not None
    assert (error.facts["line"], error.facts["column"]) == (3, 15)


# -- limits -------------------------------------------------------------------------------------------------------

ENDLESS = "SELECT * { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"


def test_at_the_limit_of_time_json_ends_well_formed(worker: Front) -> None:
    started = time.monotonic()
    reply = worker.query(ENDLESS, seconds=0.3, limit=5)
    assert time.monotonic() - started < 0.8
    document = json.loads(reply.data)
    assert document["meta"] == {"partial": True, "reason": "time", "limit": 5}
    assert reply.head["partial"] == {"reason": "time", "limit": 5}
    assert all(len(row) == 9 for row in document["results"]["bindings"])
    assert worker.query("ASK {}").error is None


@pytest.mark.parametrize("media", [CSV, "application/sparql-results+xml"])
def test_at_the_limit_of_time_other_formats_end_in_an_error(worker: Front, media: str) -> None:
    reply = worker.query(ENDLESS, seconds=0.2, media={"solutions": media})
    assert isinstance(reply.error, LimitExceeded)
    assert reply.error.facts["unit"] == "seconds"
    assert reply.kinds.startswith(b"HD")
    assert worker.query("ASK {}").error is None


def test_rows_that_are_followed_by_silence_end_well_formed(fork: Callable[..., Front]) -> None:
    worker = fork()
    numbers = " ".join(map(str, range(1000)))
    search = "?a ?b ?x . ?d ?e ?f . ?g ?h ?i FILTER(CONCAT(STR(?x), STR(?f), STR(?i)) = 'never')"
    silence = f"BIND(IF(?n < 9000, 0, EXISTS {{ {search} }}) AS ?c)"
    reply = worker.query(f"SELECT * {{ VALUES ?n {{ {numbers} 9999 }} {silence} }}", seconds=0.6)
    document = json.loads(reply.data)
    assert reply.head["partial"] == {"reason": "time", "limit": 0.6}
    assert document["meta"]["reason"] == "time"
    assert [row["n"]["value"] for row in document["results"]["bindings"]] == [str(n) for n in range(len(reply.rows()))]
    assert len(reply.rows()) > 50
    assert reply.head["last"] is True
    assert worker.nursery.status_of(worker.pid) == 0


def test_at_the_limit_of_rows(worker: Front) -> None:
    reply = worker.query(QUERIES["many rows"], rows=10)
    assert len(reply.rows()) == 10
    assert json.loads(reply.data)["meta"] == {"partial": True, "reason": "rows", "limit": 10}
    assert reply.head["partial"] == {"reason": "rows", "limit": 10}
    assert isinstance(worker.query(QUERIES["many rows"], rows=10, media={"solutions": CSV}).error, LimitExceeded)
    assert isinstance(worker.query(QUERIES["graph"], rows=10).error, LimitExceeded)
    exact = worker.query(f"{QUERIES['many rows']} LIMIT 10", rows=10, media={"solutions": CSV})
    assert (exact.error, exact.head["partial"], exact.data.count(b"\r\n")) == (None, None, 11)


def test_the_first_bytes_do_not_wait_for_the_last(worker: Front) -> None:
    started = time.monotonic()
    worker.send(QueryJob(ENDLESS, seconds=20))
    replies = worker.channel.replies()
    assert next(replies)[0] == frames.HEAD
    assert next(replies)[0] == frames.DATA
    # The limit is ten times as far away.
    assert time.monotonic() - started < 2
    worker.kill()


def test_a_slow_reader_holds_up_the_worker_not_its_memory(worker: Front) -> None:
    worker.query("ASK {}")
    before = memory_of(worker.pid)
    worker.send(QueryJob(ENDLESS, media={"solutions": CSV}))
    time.sleep(0.6)
    assert memory_of(worker.pid) < before + 16 * MiB
    states = {task.read_text().split()[2] for task in Path(f"/proc/{worker.pid}/task").glob("*/stat")}
    assert states == {"S"}
    worker.kill()


def memory_of(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def test_the_stage_can_be_seen(fork: Callable[..., Front]) -> None:
    def stage(worker: Front) -> set[str]:
        return {task.read_text().strip() for task in Path(f"/proc/{worker.pid}/task").glob("*/comm")}

    worker = fork()
    worker.query("ASK {}")
    worker.send(QueryJob("SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"))
    time.sleep(0.1)
    assert "vg:plan" in stage(worker)
    worker.kill()
    worker = fork()
    worker.send(QueryJob(ENDLESS))
    time.sleep(0.3)
    assert "vg:send" in stage(worker)
    worker.kill()


# -- ends in good order, from any bytes ---------------------------------------------------------------------------

_texts = st.one_of(st.text(max_size=12), st.sampled_from(HOSTILE), st.lists(st.sampled_from(HOSTILE)).map("".join))
_terms = st.one_of(
    st.none(),
    st.builds(ox.Literal, _texts),
    st.just(ox.NamedNode(E + "x")),
    st.builds(lambda text: ox.Triple(ox.NamedNode(E), ox.NamedNode(E), ox.Literal(text)), _texts),
)


def written(rows: list[list[Any]]) -> bytes:
    """Rows as the engine writes them: from a query whose VALUES they are."""

    def said(term: Any) -> str:
        if term is None:
            return "UNDEF"
        return f"<<( {term.subject} {term.predicate} {term.object} )>>" if isinstance(term, ox.Triple) else str(term)

    values = " ".join(f"({' '.join(map(said, row))})" for row in rows)
    data = (
        ox.Store()
        .query(f"SELECT ?a ?type ?value {{ VALUES (?a ?type ?value) {{ {values} }} }}")
        .serialize(format=ox.QueryResultsFormat.JSON)
    )
    assert data
    return data


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(_terms, min_size=3, max_size=3), max_size=12), st.randoms(use_true_random=False))
def test_a_document_can_be_closed_wherever_it_stops(rows: list[list[Any]], chance: random.Random) -> None:
    whole = written(rows)
    expected = json.loads(whole)["results"]["bindings"]
    start = partial.head_end(whole)
    for stop in sorted({start, *(chance.randrange(start, len(whole)) for _ in range(20))}):
        data = whole[:stop]
        for end in (partial.last_row_end(data) or start, partial.last_row_end_by_reading(data, headed=False) or start):
            found = json.loads(data[:end] + partial.closing("time", 1))["results"]["bindings"]
            assert found == expected[: len(found)]
    # Reading finds every row that has ended before the data do.
    end = partial.last_row_end_by_reading(whole, headed=False)
    assert json.loads(whole[: end or start] + partial.closing("time", 1))["results"]["bindings"] == expected


def test_rows_that_bind_nothing_are_sent_as_well(fork: Callable[..., Front]) -> None:
    reply = fork().query("SELECT ?none { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }", seconds=0.3)
    rows = reply.rows()
    assert len(rows) > 10_000
    assert not any(rows)


def test_a_row_of_any_length_is_whole(fork: Callable[..., Front]) -> None:
    pairs = "?s <http://example.org/name> ?o . ?x <http://example.org/kind> <http://example.org/kind1>"
    text = f"SELECT (GROUP_CONCAT(?o) AS ?all) {{ {pairs} }}"
    reply = fork().query(text, seconds=30)
    (row,) = reply.rows()
    assert len(row["all"]["value"]) > 2 * MiB


# -- deaths -------------------------------------------------------------------------------------------------------


def dies(worker: Front, text: str) -> None:
    with pytest.raises((EOFError, ConnectionError)):
        worker.query(text)


def test_too_much_memory_is_told(fork: Callable[..., Front]) -> None:
    worker = fork(memory=64 * MiB)
    dies(worker, "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY ?a ?d")
    error = worker.death(memory=64 * MiB)
    assert isinstance(error, LimitExceeded)
    assert (error.facts["unit"], error.facts["limit"]) == ("bytes", 64 * MiB)
    assert "64 MiB" in error.detail


def test_sorting_what_can_not_be_compared_is_told(fork: Callable[..., Front]) -> None:
    chance = random.Random(1)
    values = " ".join(chance.choice(('"%d"', "%d", "%d.5")) % chance.randrange(10_000) for _ in range(3000))
    worker = fork()
    dies(worker, f"SELECT ?o {{ VALUES ?o {{ {values} }} }} ORDER BY ?o")
    error = worker.death()
    assert isinstance(error, UnsupportedQuery)
    assert "STR(?x)" in error.detail


def test_nesting_beyond_all_bounds_is_told(fork: Callable[..., Front]) -> None:
    worker = fork()
    dies(worker, f"SELECT * {'{' * 900_000} {'}' * 900_000}")
    error = worker.death()
    assert isinstance(error, UnsupportedQuery)
    assert "nested" in error.detail


def test_being_killed_is_told(fork: Callable[..., Front]) -> None:
    worker = fork()
    worker.send(QueryJob(ENDLESS.replace("*", "(COUNT(*) AS ?n)")))
    worker.kill()
    with pytest.raises((EOFError, ConnectionError)):
        list(worker.channel.replies())
    error = worker.death()
    assert type(error) is EngineError
    assert "killed" in error.detail


def test_a_death_that_nobody_saw_is_told() -> None:
    assert isinstance(diagnose(None, b"memory allocation of 10 bytes failed"), LimitExceeded)
    assert "unexpected" in diagnose(6, b"thread panicked at src/x.rs:1:1:\nan unexpected thing.\nnote").detail
    assert diagnose(None, b"").status == 500


# -- changes ------------------------------------------------------------------------------------------------------


def said(reply: Reply) -> list[str]:
    return Delta.from_bytes(reply.data).to_bytes().decode().splitlines()


def test_an_update_gives_its_delta_and_the_worker_ends(worker: Front) -> None:
    reply = worker.do(
        UpdateJob("DELETE { ?s <kind> ?k } INSERT { ?s <was> ?k } WHERE { ?s <kind> ?k ; <name> '},{}3' }", base=E)
    )
    assert said(reply) == [f"- <{E}3> <{E}kind> <{E}kind3> <{E}g0> .", f"+ <{E}3> <{E}was> <{E}kind3> ."]
    assert reply.head["graphs"] == {"": [1, 0], E + "g0": [0, 1]}
    assert reply.head["last"] is True
    assert worker.nursery.status_of(worker.pid) == 0


def test_operations_see_earlier_ones_and_nothing_stays_behind(
    worker: Front, version: Path, reference: ox.Store
) -> None:
    before = len(reference)
    texts = ("CLEAR GRAPH <g1>", "INSERT DATA { GRAPH <new> { <a> <b> <c> } }", "INSERT { <all> <count> ?n } WHERE "
             "{ SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } }")  # fmt: skip
    reply = worker.do(UpdateJob(" ; ".join(texts), base=E, union=False))
    assert (reply.head["added"], reply.head["removed"]) == (2, 2003)
    assert f'+ <{E}all> <{E}count> "4001"^^<http://www.w3.org/2001/XMLSchema#integer> .' in said(reply)
    worker.nursery.status_of(worker.pid)
    assert not list((version.parents[1]).glob("scratch/*"))
    assert len(ox.Store.read_only(str(version))) == before


def test_an_update_that_is_killed_leaves_nothing(fork: Callable[..., Front], version: Path) -> None:
    worker = fork("disk")
    endless = ENDLESS.replace("SELECT *", "INSERT { ?a ?h ?i } WHERE")
    worker.send(UpdateJob(f"INSERT DATA {{ <http://a> <http://b> 1 }} ; {endless}"))
    for _ in range(500):
        if list(version.parents[1].glob(f"scratch/{worker.pid}/CURRENT")):
            break
        time.sleep(0.01)
    else:
        raise AssertionError("no scratch was made")
    worker.kill()
    worker.nursery.status_of(worker.pid)
    assert not list((version.parents[1]).glob("scratch/*"))


def test_an_operation_on_a_graph(worker: Front) -> None:
    body = f"<{E}x> <{E}y> <{E}z> .".encode()
    reply = worker.do(StoreJob("put", E + "empty", (("text/turtle", body),)))
    assert said(reply) == [f"+ <{E}x> <{E}y> <{E}z> <{E}empty> ."]
    assert (reply.head["existed"], reply.head["last"]) == (True, True)


def test_a_long_delta_comes_in_pieces(worker: Front) -> None:
    reply = worker.do(UpdateJob("DROP ALL"))
    assert reply.kinds.startswith(b"HD")
    assert reply.kinds.endswith(b"E")
    assert (reply.head["removed"], reply.head["last"]) == (6004, True)
    assert len(Delta.from_bytes(reply.data).removed) == 6004


@pytest.mark.parametrize("text", ["INSERT DATA {", "CLEAR ALL ; DROP GRAPH <http://none>"])
def test_an_update_that_fails_ends_its_worker_too(worker: Front, text: str) -> None:
    reply = worker.do(UpdateJob(text))
    assert reply.error is not None
    assert 400 <= reply.error.status < 500
    assert reply.head["last"] is True
    assert worker.nursery.status_of(worker.pid) == 0


# -- the zygote ---------------------------------------------------------------------------------------------------


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def assert_gone(*pids: int) -> None:
    for _ in range(300):
        if not any(map(is_alive, pids)):
            return
        time.sleep(0.01)
    raise AssertionError(f"still there: {[pid for pid in pids if is_alive(pid)]}")


def test_a_zygote_follows_versions_by_their_deltas(version: Path, tmp_path: Path) -> None:
    quad = ox.Quad(ox.BlankNode("kept"), ox.NamedNode(E + "name"), ox.Literal("blank"), ox.NamedNode(E + "g0"))
    new = ox.Quad(ox.NamedNode(E + "new"), ox.NamedNode(E + "name"), ox.Literal("new"))
    delta = Delta(added=(new,), removed=(quad,), created=(E + "created",), dropped=(E + "empty",))
    path = tmp_path / "2.delta.gz"
    path.write_bytes(gzip.compress(delta.to_bytes()))
    nursery = Nursery()
    try:
        nursery.ask("load", path=str(version), version=1)
        old = nursery.fork("memory")
        assert nursery.ask("advance", version=2, delta=str(path))[0] == {"ready": 2, "triples": 6004}
        fresh = nursery.fork("memory")
        ask = 'ASK { ?s ?p "blank" GRAPH <http://example.org/empty> {} }'
        assert json.loads(old.query(ask).data)["boolean"] is True
        assert json.loads(fresh.query(ask).data)["boolean"] is False
        assert (
            json.loads(fresh.query("ASK { ?s ?p 'new' GRAPH <http://example.org/created> {} }").data)["boolean"] is True
        )
        old.close()
        fresh.close()
    finally:
        nursery.close()


def has_huge_pages() -> bool:
    major, minor = (int(part) for part in platform.release().split(".")[:2])
    return (major, minor) >= (6, 1) and Path("/sys/kernel/mm/transparent_hugepage").is_dir()


def in_huge_pages(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(rollup.partition("AnonHugePages:")[2].split()[0]) << 10


@pytest.mark.skipif(not has_huge_pages(), reason="this kernel does not gather pages on demand")
def test_what_a_zygote_holds_moves_to_huge_pages_and_stays_as_it_is(version: Path, reference: ox.Store) -> None:
    nursery = Nursery()
    try:
        nursery.ask("load", path=str(version), version=1)
        before = nursery.fork("memory")
        until = time.monotonic() + 10
        # What validations need is some tens of megabytes by itself.
        while (gathered := in_huge_pages(nursery.process.pid)) < 8 << 20 and time.monotonic() < until:
            time.sleep(0.05)
        assert gathered >= 8 << 20
        after = nursery.fork("memory")
        for worker in (before, after):
            found = worker.query("SELECT ?g ?s ?p ?o { GRAPH ?g { ?s ?p ?o } }")
            assert len(found.rows()) == len(reference) - 1
            worker.close()
    finally:
        nursery.close()


def test_closing_the_socket_ends_a_zygote_and_its_workers(version: Path) -> None:
    nursery = Nursery()
    busy, idle = (nursery.fork("disk", version) for _ in range(2))
    idle.query("ASK {}")
    busy.send(QueryJob(ENDLESS.replace("*", "(COUNT(*) AS ?n)")))
    nursery.close()
    assert_gone(busy.pid, idle.pid)
    busy.close()
    idle.close()


def test_killing_a_zygote_ends_its_workers(version: Path) -> None:
    nursery = Nursery()
    worker = nursery.fork("disk", version)
    worker.send(QueryJob(ENDLESS.replace("*", "(COUNT(*) AS ?n)")))
    nursery.process.kill()
    nursery.close()
    assert_gone(worker.pid)
    worker.close()


def test_killing_the_front_ends_its_zygote() -> None:
    program = (
        "import socket, subprocess, sys, time\n"
        "ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "command = [sys.executable, '-m', 'vetgraph.engine.zygote', '--fd', str(theirs.fileno())]\n"
        "zygote = subprocess.Popen(command, pass_fds=[theirs.fileno()])\n"
        'ours.send(b\'{"do":"status"}\'); ours.recv(1000)\n'
        "print(zygote.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    front = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert front.stdout
    pid = int(front.stdout.readline())
    assert is_alive(pid)
    front.kill()
    front.communicate()
    assert_gone(pid)


def test_a_damaged_version_is_told_and_the_zygote_goes_on(version: Path, tmp_path: Path) -> None:
    broken = tmp_path / "versions" / "3"
    broken.mkdir(parents=True)
    for path in version.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    for path in broken.glob("*.sst"):
        path.write_bytes(b"nothing of the kind")
    nursery = Nursery()
    try:
        with pytest.raises(StoreDamaged):
            nursery.ask("load", path=str(broken), version=3)
        with pytest.raises(EngineError):
            nursery.fork("memory")
        worker = nursery.fork("disk", broken)
        reply = worker.query("SELECT * { ?s ?p ?o } LIMIT 1")
        assert reply.error is not None
        worker.close()
        nursery.ask("load", path=str(version), version=1)
        worker = nursery.fork("memory")
        assert worker.query("ASK {}").error is None
        worker.close()
    finally:
        nursery.close()


def test_workers_may_end_while_a_zygote_loads(version: Path) -> None:
    nursery = Nursery()
    try:
        for _ in range(5):
            workers = [nursery.fork("disk", version) for _ in range(4)]
            for worker in workers:
                worker.kill()
            assert nursery.ask("load", path=str(version), version=1)[0]["ready"] == 1
            for worker in workers:
                assert os.WTERMSIG(nursery.status_of(worker.pid)) == signal.SIGKILL
                worker.close()
    finally:
        nursery.close()


def test_workers_hold_their_version_on_disk(fork: Callable[..., Front], version: Path) -> None:
    worker = fork("disk")
    worker.query("ASK {}")
    use = version.with_suffix(".use")
    with use.open() as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        worker.kill()
        worker.nursery.status_of(worker.pid)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_workers_get_nothing_of_each_other(nursery: Nursery, fork: Callable[..., Front]) -> None:
    first, second = fork(), fork()
    first.query("ASK {}")
    second.query("ASK {}")
    targets = [str(path.readlink()) for path in Path(f"/proc/{second.pid}/fd").iterdir()]
    assert sum(target.startswith("socket:") for target in targets) == 1
    assert not any("pidfd" in target for target in targets)
    # Whoever holds the other end of the first one's socket keeps it alive: nobody but this process does.
    first.channel.socket.close()
    assert_gone(first.pid)


def test_without_fork_a_worker_is_a_program_of_its_own(version: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-m", "vetgraph.engine.worker", "--fd", str(theirs.fileno()), "--path", str(version)]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        channel = frames.Channel(ours)
        channel.send(frames.frame(frames.JOB, jobs.encoded(QueryJob(QUERIES["rows"]))))
        assert Reply(list(channel.replies())).rows()[0]["n"]["value"] == HOSTILE[5] + "5"
    assert process.wait(timeout=10) == 0


def test_many_forks_at_once(nursery: Nursery) -> None:
    workers = [nursery.fork("memory") for _ in range(12)]
    answers: list[bytes] = []
    threads = [threading.Thread(target=lambda w=w: answers.append(w.query(QUERIES["rows"]).data)) for w in workers]  # type: ignore[misc]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == 1
    assert len(answers) == 12
    for worker in workers:
        worker.close()
        nursery.status_of(worker.pid)
