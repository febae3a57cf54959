"""The command line as a process: answers, exit codes, and errors as one sentence."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

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
