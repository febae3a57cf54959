"""The command line as a process: answers, exit codes, and errors as one sentence."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pyoxigraph as ox
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., AbstractContextManager[str]]

PREFIXES = """@prefix id: <https://w3id.org/vetgraph/id/> .
@prefix vet: <https://w3id.org/vetgraph/ontology#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
"""


def assert_one_sentence(result: subprocess.CompletedProcess[str], code: int, words: str) -> None:
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_query_by_name(vetgraph: Run) -> None:
    result = vetgraph("query", "areas-without-evaluation")
    assert result.returncode == 0, result.stderr
    assert "Recognition of learning outcomes" in result.stdout
    assert result.stdout.rstrip().endswith("rows)")


def test_query_text_in_each_form(vetgraph: Run) -> None:
    text = "SELECT ?x WHERE { VALUES ?x { 1 2 } } ORDER BY ?x"
    assert vetgraph("query", "-e", text, "--format", "csv").stdout.split() == ["x", "1", "2"]
    rows = json.loads(vetgraph("query", "-e", text, "--format", "json").stdout)["results"]["bindings"]
    assert [row["x"]["value"] for row in rows] == ["1", "2"]
    assert "<sparql" in vetgraph("query", "-e", text, "--format", "xml").stdout
    assert "(2 rows)" in vetgraph("query", "-e", text).stdout
    graph = vetgraph("query", "-e", "CONSTRUCT WHERE { <https://w3id.org/vetgraph/id/anefore> a ?t }")
    assert "NationalAgency" in graph.stdout


def test_query_file_and_list(vetgraph: Run, tmp_path: Path) -> None:
    path = tmp_path / "mine.rq"
    path.write_text("ASK { ?s a <https://w3id.org/vetgraph/ontology#LegalAct> }")
    assert vetgraph("query", str(path)).stdout == "true\n"
    assert "areas-without-evaluation" in vetgraph("query").stdout


def test_query_a_remote_endpoint(vetgraph: Run, server_url: str) -> None:
    local = vetgraph("query", "areas-without-evaluation", "--format", "csv")
    remote = vetgraph("query", "areas-without-evaluation", "--format", "csv", "--endpoint", f"{server_url}/sparql")
    assert remote.returncode == 0, remote.stderr
    assert remote.stdout == local.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["query", "-e", "SELECT * WHERE {"], "line 1, column"),
        (["query", "no-such-query"], "no saved query no-such-query"),
        (["query", "areas-without-evaluation", "--param", "x"], "has no value"),
        (["query", "areas-without-evaluation", "--param", "x=1"], "has no parameter x"),
        (["query", "-e", "ASK {}", "--format", "turtle"], "can't be written as turtle"),
        (["query", "-e", "ASK {}", "--endpoint", "http://127.0.0.1:9/"], "did not answer"),
        (["query", "-e", "SELECT * { SERVICE <http://127.0.0.1:9/> {} }"], "asks no other hosts"),
        (["validate", "/nowhere.ttl"], "/nowhere.ttl"),
        (["check", "--only", "everything"], "There is no check everything"),
        (["check", "--coverage"], "VETGRAPH_SOURCES"),
        (["import", "/nowhere.toml"], "/nowhere.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_errors_are_one_sentence(vetgraph: Run, arguments: list[str], words: str) -> None:
    assert_one_sentence(vetgraph(*arguments), 2, words)


def test_a_wrong_setting_is_one_sentence(vetgraph: Run, environment: dict[str, str]) -> None:
    result = vetgraph("settings", env={**environment, "VETGRAPH_STOER": "x"})
    assert_one_sentence(result, 2, "There is no setting VETGRAPH_STOER")


def test_settings_shows_the_values_in_force(vetgraph: Run, environment: dict[str, str]) -> None:
    assert environment["VETGRAPH_STORE"] in vetgraph("settings").stdout


def test_validate_exit_codes_and_position(vetgraph: Run, tmp_path: Path) -> None:
    good = tmp_path / "good.ttl"
    good.write_text(PREFIXES + "id:anefore vet:supervisedBy id:menje .\n")
    assert vetgraph("validate", str(good)).returncode == 0
    bad = tmp_path / "bad.ttl"
    bad.write_text(PREFIXES + "\nid:anefore vet:supervisedBy id:nobody .\n")
    result = vetgraph("validate", str(bad))
    assert result.returncode == 1, result.stderr
    assert f"{bad.name}:5:" in result.stdout
    assert "id:nobody" in result.stdout
    broken = tmp_path / "broken.ttl"
    broken.write_text(PREFIXES + "id:anefore vet:supervisedBy .\n")
    assert_one_sentence(vetgraph("validate", str(broken)), 2, "line 4")


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_validate_forms_are_json(vetgraph: Run, tmp_path: Path, form: str) -> None:
    path = tmp_path / "bad.ttl"
    path.write_text(PREFIXES + "id:anefore vet:supervisedBy id:nobody .\n")
    assert json.loads(vetgraph("validate", str(path), "--format", form).stdout)


def test_export(vetgraph: Run, tmp_path: Path) -> None:
    target = tmp_path / "all.nq"
    result = vetgraph("export", str(target), "--format", "nq")
    assert result.returncode == 0, result.stderr
    assert "vetgraph/id/anefore" in target.read_text()


def test_build_prints_counts(vetgraph: Run, environment: dict[str, str], tmp_path: Path) -> None:
    result = vetgraph("build", env={**environment, "VETGRAPH_STORE": str(tmp_path / "store")})
    assert result.returncode == 0, result.stderr
    assert "Version 1 is published" in result.stdout
    assert "graph/lu-mobility-fiche-2021" in result.stdout


def test_check_shows_coverage(vetgraph: Run, sources: Path, environment: dict[str, str]) -> None:
    result = vetgraph("check", "--coverage", env={**environment, "VETGRAPH_SOURCES": str(sources)})
    assert result.returncode == 0, result.stdout
    assert result.stdout.count(" characters ") == 5


def test_import_says_what_it_would_do(vetgraph: Run, root: Path, tmp_path: Path) -> None:
    mapping = root / "data" / "timeline-entries" / "developments.toml"
    dry = vetgraph("import", str(mapping), "--dry-run", "--out", str(tmp_path))
    assert dry.returncode == 0, dry.stderr
    assert "nothing was written" in dry.stdout
    assert list(tmp_path.iterdir()) == []
    done = vetgraph("import", str(mapping), "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    committed = (mapping.parent / "developments.ttl").read_text()
    assert (tmp_path / "developments.ttl").read_text() == committed


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with the same little graph in each format that can be loaded, every one with a blank node."""
    text = b'<urn:a> <urn:p> _:b .\n_:b <urn:q> "x" .\n'
    triples = list(ox.parse(text, ox.RdfFormat.N_TRIPLES))
    for suffix in ("ttl", "nt", "nq", "trig", "rdf", "jsonld"):
        form = ox.RdfFormat.from_extension(suffix)
        ox.serialize(triples, str(tmp_path / f"data.{suffix}"), format=form, prefixes={"u": "urn:"})
    (tmp_path / "data.nt.gz").write_bytes(gzip.compress(text))
    return tmp_path


def test_load_reads_every_format_and_keeps_blank_nodes_of_files_apart(vetgraph: Run, data: Path) -> None:
    store = str(data / "store")
    files = sorted(str(path) for path in data.glob("data.*"))
    assert len(files) == 7
    result = vetgraph("load", *files, "--graph", "urn:g", "--store", store, "--reason", "to try it")
    assert result.returncode == 0, result.stderr
    # Seven blank nodes of seven files, in two triples each.
    assert "all graphs        14" in result.stdout
    assert "Version 1 is published" in result.stdout
    again = vetgraph("load", files[0], "--graph", "urn:g", "--replace", "--store", store)
    assert "all graphs         2" in again.stdout, again.stderr
    plain = vetgraph("load", files[0], "--store", store)
    assert "default graph         2" in plain.stdout, plain.stderr
    told = json.loads(vetgraph("history", "--json", "--store", store).stdout)
    assert [(each["number"], each["added"], each["removed"]) for each in told] == [(3, 2, 0), (2, 2, 14), (1, 14, 0)]
    assert [each["reason"] for each in told] == ["data.jsonld", "data.jsonld", "to try it"]
    assert {each["kind"] for each in told} == {"load"}


def test_history_pins(vetgraph: Run, data: Path, environment: dict[str, str]) -> None:
    variables = {**environment, "VETGRAPH_STORE": str(data / "store"), "VETGRAPH_KEEP_VERSIONS": "1"}
    assert vetgraph("load", str(data / "data.nt"), env=variables).returncode == 0
    assert vetgraph("history", "--pin", "1", env=variables).stdout == "Version 1 is pinned.\n"
    for _ in range(2):
        assert vetgraph("load", str(data / "data.nt"), env=variables).returncode == 0
    lines = vetgraph("history", env=variables).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["3", "2", "1"]
    assert ["removed" in line for line in lines] == [False, True, False]
    assert "pinned" in lines[2]
    assert_one_sentence(vetgraph("history", "--pin", "2", env=variables), 2, "Version 2 is not there")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("broken.ttl", "<urn:a> <urn:b> 1 .\n<urn:a> rubbish", "broken.ttl, line 2, column"),
        ("data.csv", "a,b", "no suffix of a format that can be loaded"),
        ("data.nt.gz", "no gzip", "data.nt.gz can't be read"),
        ("nowhere.nt", None, "No such file"),
    ],
)
def test_load_refuses_as_a_whole(vetgraph: Run, tmp_path: Path, name: str, text: str | None, words: str) -> None:
    (tmp_path / "good.nt").write_text("<urn:a> <urn:b> <urn:c> .\n")
    if text is not None:
        (tmp_path / name).write_text(text)
    store = tmp_path / "store"
    arguments = ("load", str(tmp_path / "good.nt"), str(tmp_path / name), "--store", str(store))
    assert_one_sentence(vetgraph(*arguments), 2, words)
    assert not (store / "current").exists()


def test_a_store_elsewhere_is_not_for_files(vetgraph: Run, data: Path, environment: dict[str, str]) -> None:
    variables = {**environment, "VETGRAPH_STORE": "http://127.0.0.1:9/sparql"}
    for command in (["load", str(data / "data.nt")], ["backup", str(data / "b.tar")], ["history"], ["build"]):
        assert_one_sentence(vetgraph(*command, env=variables), 2, "give --store DIR")


def test_serve_begins_an_empty_store_once(vetgraph: Run, start_server: Start, tmp_path: Path, data: Path) -> None:
    store = tmp_path / "empty"
    with start_server("--store", str(store), "--empty") as url:
        assert rows(url) == "0"
        # The command line writes while the server runs, and the server sees it.
        assert vetgraph("load", str(data / "data.nt"), "--store", str(store)).returncode == 0
        deadline = time.monotonic() + 20
        while rows(url) != "2":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert_one_sentence(vetgraph("serve", "--store", str(store), "--empty"), 2, "leave out --empty")
    with start_server("--store", str(store)) as url:
        assert rows(url) == "2"


def rows(url: str) -> str:
    query = urllib.parse.urlencode({"query": "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"})
    request = urllib.request.Request(f"{url}/sparql?{query}", headers={"Accept": "text/csv"})
    with urllib.request.urlopen(request) as answer:
        return str(answer.read().decode().split()[1])
