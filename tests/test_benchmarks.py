"""The benchmarks: data true to the shapes, a comparison that tells answers apart, a report of what was measured."""

from __future__ import annotations

import doctest
import http.server
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from benchmarks import answers, generate, load, mix, records, report, verdicts
from benchmarks.answers import Answer
from benchmarks.load import Crowd, Endpoint, TooSlow
from benchmarks.peers import CONTENDERS, Ours, Virtuoso
from benchmarks.records import Point, Records
from benchmarks.servers import Options, Unstarted
from benchmarks.verdicts import Results, Spread, Target

ROOT = Path(__file__).resolve().parents[1]
XSD = "http://www.w3.org/2001/XMLSchema#"


def written(out: Path, triples: int, seed: int = 1) -> bytes:
    """What the generator writes as a process of its own."""
    command = [sys.executable, "-m", "benchmarks.generate", "--triples", str(triples), "--seed", str(seed)]
    subprocess.run([*command, "--out", str(out)], cwd=ROOT, check=True, capture_output=True, timeout=60)
    return out.read_bytes()


# -- data -------------------------------------------------------------------------------------


@pytest.mark.parametrize("triples", [2_000, 3_000, 10_000])
def test_the_size_asked_for_is_met(triples: int, tmp_path: Path) -> None:
    text = written(tmp_path / "data.nq", triples)
    store = ox.Store()
    store.bulk_load(text, format=ox.RdfFormat.N_QUADS)
    assert abs(len(store) - triples) <= triples * 0.02
    assert len(store) == text.count(b"\n"), "a triple is said twice"
    assert json.loads((tmp_path / "data.json").read_text())["triples"] == len(store)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    first = written(tmp_path / "first.nq", 3_000, seed=1)
    assert written(tmp_path / "again.nq", 3_000, seed=1) == first
    assert written(tmp_path / "other.nq", 3_000, seed=2) != first


def test_with_and_without_graphs_the_same_is_said(tmp_path: Path) -> None:
    quads = ox.parse(written(tmp_path / "data.nq", 3_000), format=ox.RdfFormat.N_QUADS)
    triples = ox.parse(written(tmp_path / "data.nt", 3_000), format=ox.RdfFormat.N_TRIPLES)
    assert [quad.triple for quad in quads] == [quad.triple for quad in triples]


def test_the_data_conform_without_a_warning(
    tmp_path: Path, vetgraph: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    written(tmp_path / "data.nq", 10_000)
    told = vetgraph("validate", "--alone", str(tmp_path / "data.nq"))
    assert told.returncode == 0, told.stdout + told.stderr
    judged = re.search(r"Violations: 0\. Warnings: 0\. Notes: 0\. Things judged: (\d+)\.", told.stdout)
    assert judged, told.stdout
    assert int(judged[1]) > 1_000


def test_the_data_are_streamed_a_document_at_a_time() -> None:
    pieces: list[int] = []
    generate.generate(40_000, 1, lambda text: pieces.append(text.count("\n")))
    assert len(pieces) == 1 + 8
    assert max(pieces) <= generate.PER_DOCUMENT + generate.SECTION


def test_too_small_a_size_is_refused_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.generate", "--triples", "5", "--out", str(tmp_path / "data.nq")]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert told.returncode == 2
    assert "5 is not in the range x>=2000" in told.stderr


# -- queries ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stores() -> tuple[ox.Store, ox.Store, generate.Summary]:
    """The same data put in forwards and backwards, so that rows come in different orders."""
    lines: list[str] = []
    summary = generate.generate(60_000, 1, lambda text: lines.extend(text.splitlines(keepends=True)))
    forwards, backwards = ox.Store(), ox.Store()
    forwards.bulk_load("".join(lines).encode(), format=ox.RdfFormat.N_QUADS)
    for quad in ox.parse("".join(reversed(lines)).encode(), format=ox.RdfFormat.N_QUADS):
        backwards.add(quad)
    return forwards, backwards, summary


def answered(store: ox.Store, question: mix.Question, subject: str) -> Answer:
    result = store.query(question.texts([subject])[0], use_default_graph_as_union=True)
    if isinstance(result, ox.QueryTriples):
        return answers.of_triples(result.serialize(format=ox.RdfFormat.N_TRIPLES) or b"")
    return answers.of_rows(result.serialize(format=ox.QueryResultsFormat.JSON) or b"")


def test_the_mix_has_every_kind() -> None:
    questions = mix.read_all()
    assert len(questions) >= 14
    assert {question.kind for question in questions} == set(mix.KINDS)
    assert all(question.question.endswith((".", "?")) for question in questions)


@pytest.mark.parametrize("question", mix.read_all(), ids=lambda question: question.name)
def test_every_query_finds_something_and_the_same_in_any_order(
    question: mix.Question, stores: tuple[ox.Store, ox.Store, generate.Summary]
) -> None:
    forwards, backwards, summary = stores
    for subject in mix.sample(generate.subjects(summary), 5, seed=1) if question.varies else [""]:
        answer = answered(forwards, question, subject)
        assert answer.size > 0
        assert answers.difference(answer, answered(backwards, question, subject)) == ""


def test_look_ups_ask_for_many_things() -> None:
    summary = generate.Summary(triples=0, documents=1, units=1000, seed=1)
    subjects = mix.sample(generate.subjects(summary), 2000, seed=1)
    assert len(set(subjects)) == 2000
    question = next(one for one in mix.read_all() if one.name == "look-up")
    assert len(set(question.texts(subjects))) == 2000


# -- comparing answers ------------------------------------------------------------------------


def rows(*bindings: dict[str, dict[str, str]]) -> Answer:
    said = {"head": {"vars": ["x", "y"]}, "results": {"bindings": list(bindings)}}
    return answers.of_rows(json.dumps(said).encode())


def literal(value: str, datatype: str = "", language: str = "", kind: str = "literal") -> dict[str, str]:
    more = {"datatype": XSD + datatype} if datatype else {"xml:lang": language} if language else {}
    return {"type": kind, "value": value, **more}


A, B = {"type": "uri", "value": "http://example.org/a"}, {"type": "uri", "value": "http://example.org/b"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rows({"x": A}, {"x": B}), rows({"x": B}, {"x": A})),
        (rows({"x": A, "y": B}), rows({"y": B, "x": A})),
        (rows({"x": literal("20", "integer")}), rows({"x": literal("2.0E1", "double", kind="typed-literal")})),
        (rows({"x": literal("0.1", "decimal")}), rows({"x": literal("0.10", "decimal")})),
        (rows({"x": literal("word")}), rows({"x": literal("word", "string")})),
        (rows({"x": literal("mot", language="fr")}), rows({"x": literal("mot", language="FR")})),
        (rows({"x": {"type": "bnode", "value": "b0"}}), rows({"x": {"type": "bnode", "value": "nodeID://7"}})),
    ],
    ids=["order", "columns", "numbers", "zeros", "strings", "tags", "blank"],
)
def test_answers_that_say_the_same_are_equal(one: Answer, other: Answer) -> None:
    assert answers.difference(one, other) == ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (rows({"x": A}), rows({"x": B})),
        (rows({"x": A}, {"x": A}), rows({"x": A})),
        (rows({"x": A}), rows({"y": A})),
        (rows({"x": A}), rows({"x": A, "y": B})),
        (rows({"x": literal("20", "integer")}), rows({"x": literal("20")})),
        (rows({"x": literal("mot", language="fr")}), rows({"x": literal("mot", language="en")})),
        (rows({"x": literal("2004-05-01", "date")}), rows({"x": literal("2004-05-02", "date")})),
        (rows(), rows({"x": A})),
    ],
    ids=["values", "repeated", "names", "unbound", "number-or-text", "languages", "dates", "empty"],
)
def test_answers_that_differ_are_told_apart(one: Answer, other: Answer) -> None:
    assert "instead of" in answers.difference(one, other)
    assert "instead of" in answers.difference(other, one)


def test_graphs_are_compared_up_to_blank_nodes_and_numbers() -> None:
    one = answers.of_triples(b'<http://a> <http://p> _:x .\n_:x <http://q> "1"^^<%sinteger> .\n' % XSD.encode())
    other = answers.of_triples(b'_:n7 <http://q> "1.0"^^<%sdecimal> .\n<http://a> <http://p> _:n7 .\n' % XSD.encode())
    loose = answers.of_triples(b'_:n7 <http://q> "1.0"^^<%sdecimal> .\n<http://a> <http://p> _:n8 .\n' % XSD.encode())
    assert answers.difference(one, other) == ""
    assert answers.difference(one, loose) != ""


def test_what_is_no_answer_is_refused() -> None:
    for body in (b"", b"<html>", b"[]", b'{"head": {}}'):
        with pytest.raises(ValueError, match=r".+"):
            answers.of_rows(body)
    with pytest.raises(ValueError, match="no triples that can be read"):
        answers.of_triples(b"<html>")


def test_whoever_answers_unlike_most_is_named() -> None:
    right, wrong = [rows({"x": A})], [rows({"x": B})]
    told = answers.differences({"odd": wrong, "one": right, "two": right})
    assert told["one"] == told["two"] == ""
    assert told["odd"].startswith("1 instead of 1 rows")


# -- making requests --------------------------------------------------------------------------


class Slowly(http.server.BaseHTTPRequestHandler):
    """Answers after as many seconds as the path says, or refuses."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        word = self.path.strip("/?")
        time.sleep(0 if word == "refuse" else float(word))
        self.send_response(503 if word == "refuse" else 200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"done\n")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def slow_server() -> Iterator[Endpoint]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slowly)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Endpoint(server.server_port, "/", {"Accept": "text/plain"})
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_crowd_counts_answers_and_waits_for_the_last(slow_server: Endpoint) -> None:
    sample = Crowd(slow_server, ["?0.05"], seconds=0.3, limit=5, seed=1).measure(4)
    assert sample.faults == 0
    assert 4 <= sample.requests <= 4 * 6
    assert sample.rate == pytest.approx(sample.requests / sample.seconds)
    assert 50 <= sample.p50 <= sample.p99


def test_a_crowd_counts_refusals_as_faults(slow_server: Endpoint) -> None:
    sample = Crowd(slow_server, ["?0.01", "?refuse"], seconds=0.3, limit=5, seed=1).measure(2)
    assert sample.faults > 0
    assert sample.requests > 0


def test_requests_are_given_up_at_the_limit(slow_server: Endpoint) -> None:
    with pytest.raises(TooSlow):
        load.fetch(slow_server, "?5", limit=0.1)
    with pytest.raises(TooSlow):
        Crowd(slow_server, ["?5"], seconds=0.1, limit=0.1, seed=1).measure(2)


def test_a_server_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unstarted, match="install it with: apt-get install virtuoso-opensource"):
        _ = Virtuoso(Options()).found
    assert Path(Ours(Options()).found).resolve() == Path(sys.executable).resolve()


# -- verdicts and report ----------------------------------------------------------------------


@pytest.fixture
def raw(tmp_path: Path) -> Records:
    """Raw results of three rounds: ours three times as fast as Oxigraph, rdflib-endpoint too slow, Virtuoso wrong."""
    kept = Records(tmp_path / "1M" / "raw", "1M")
    found = {
        "rows": 7,
        "limit": 30.0,
        "differences": {"ours": "", "oxigraph-disk": "", "rdflib-endpoint": "", "virtuoso": "6 instead of 7 rows"},
        "alone": {"ours": 0.01, "oxigraph-disk": 0.03, "rdflib-endpoint": 10.0, "virtuoso": 0.1},
    }
    kept.write("data", {"triples": 1_000_004, "processors": 2})
    kept.write("compare", {"star": found, "look-up": {**found, "rows": 18}})
    kept.write("servers", {"ours": {"version": "9", "start": 0.5, "memory": 2**20}, "virtuoso": {"missing": "no"}})
    for number in (1, 2, 3):
        for question in ("star", "look-up"):
            kept.add(Point(number, "ours", question, 32, 300.0 * number, 300, 0, 2.0, 5.0, "wrk"))
            kept.add(Point(number, "oxigraph-disk", question, 32, 100.0 * number, 100, 0, 9.0, 20.0, "wrk"))
            kept.add(Point(number, "rdflib-endpoint", question, 32, skipped="one request takes 10.0 s"))
    run = {"when": "2000-01-01", "command": "python -m benchmarks.run --work FOLDER", "processor": "some"}
    (tmp_path / "runs.json").write_text(json.dumps([run]))
    return kept


def test_ratios_are_formed_within_rounds(raw: Records) -> None:
    results = Results(raw, mix.read_all())
    assert results.ratio("ours", "oxigraph-disk", "star", 32) == Spread(3.0, 3.0, 3.0)
    assert results.ratio("ours", "virtuoso", "star", 32) is None
    # One answer takes it ten seconds on its one processor: a tenth of an answer a second at most.
    assert results.ratio("ours", "rdflib-endpoint", "star", 32) == Spread(6000, 3000, 9000, bound=True)


@pytest.mark.parametrize(
    ("least", "verdict"),
    [(2.0, "met"), (3.0, "met"), (4.0, "missed: 75 % of what was asked"), (0.0, "told")],
)
def test_targets_are_judged(raw: Records, least: float, verdict: str) -> None:
    judged = Target("ours", "oxigraph-disk", ("join",), least, "joins").judge(Results(raw, mix.read_all()))
    assert judged.verdict == verdict
    assert judged.measured.startswith("3× on average; least 3× (star at 32)")


def test_a_target_met_by_some_is_met_on_average(raw: Records) -> None:
    for number in (1, 2, 3):
        raw.add(Point(number, "ours", "star", 1, 100.0, 100, 0, 2.0, 5.0, "wrk"))
        raw.add(Point(number, "oxigraph-disk", "star", 1, 80.0, 80, 0, 2.0, 5.0, "wrk"))
    target = Target("ours", "oxigraph-disk", ("join",), 1.5, "joins")
    assert target.judge(Results(raw, mix.read_all())).verdict == "met on average"


def test_what_nobody_measured_is_not_called_met(raw: Records) -> None:
    results = Results(raw, mix.read_all())
    told = {verdict.what: verdict.verdict for verdict in verdicts.promises(results)}
    assert told.pop("p99 of look-ups at 32 connections, in medians") == "met"
    assert set(told.values()) == {"not measured"}
    assert Target("ours", "virtuoso", ("join",), 3.0, "joins").judge(results).verdict == "not measured"


def test_a_lower_bound_below_the_target_decides_nothing(raw: Records) -> None:
    target = Target("ours", "rdflib-endpoint", ("join",), 80_000.0, "joins")
    assert target.judge(Results(raw, mix.read_all())).verdict == "met where it could be measured, 1 points could not"


def test_the_report_says_what_was_measured(raw: Records, tmp_path: Path) -> None:
    report.write(tmp_path, tmp_path / "RESULTS.md")
    text = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert "| star | join | 7 | 600 | 200 · 3× | > 3,000× | – |" in text
    assert "- virtuoso, star: 6 instead of 7 rows\n" in text
    assert (
        "- rdflib-endpoint could not be measured, being too slow for the limit or failing: look-up at 32, star at 32.\n"
        in text
    )
    assert "| joins, uncached, against Oxigraph on disk | ≥ 2× |" in text
    assert str(tmp_path) not in text


def test_a_line_cut_off_by_a_kill_is_left_out(raw: Records) -> None:
    before = raw.points()
    with (raw.folder / records.POINTS).open("a") as stream:
        stream.write('\n{"round": 4, "contender": "ou')
    assert raw.points() == before
    raw.add(Point(5, "ours", "star", 32, 300.0, 300, 0, 2.0, 5.0, "wrk"))
    assert [point.round for point in raw.points()] == [*(point.round for point in before), 5]


def test_nothing_measured_is_said_in_a_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.report", "--work", str(tmp_path)]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert told.returncode == 1
    assert "holds no raw results; measure with: python -m benchmarks.run" in told.stderr


@pytest.mark.parametrize("module", [records, report, verdicts], ids=lambda module: module.__name__)
def test_examples_in_docstrings_hold(module: object) -> None:
    failed, tried = doctest.testmod(module)  # type: ignore[arg-type]
    assert (failed, tried > 0) == (0, True)


def test_targets_name_contenders_that_are_there() -> None:
    names = {one.name for one in CONTENDERS}
    assert {name for target in verdicts.TARGETS for name in (target.one, target.other)} <= names
