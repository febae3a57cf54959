"""`vetgraph check` passes on the content, and each of its checks fails on a planted fault."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from vetgraph import checks
from vetgraph.checks import consistency, hygiene
from vetgraph.checks.workspace import Fault
from vetgraph.loading import find_content

HEAD = """@prefix id: <https://w3id.org/vetgraph/id/> .
@prefix vet: <https://w3id.org/vetgraph/ontology#> .
@prefix scheme: <https://w3id.org/vetgraph/scheme/> .
@prefix thematic-area: <https://w3id.org/vetgraph/scheme/thematic-area/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix vs: <http://www.w3.org/2003/06/sw-vocab-status/ns#> .
@prefix oa: <http://www.w3.org/ns/oa#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix source: <https://w3id.org/vetgraph/source/> .
"""
LINE = HEAD.count("\n") + 1
LABELS = {"en": "planted", "fr": "planté", "de": "gepflanzt", "nl": "geplant"}


def term(name: str, extra: str = "", *, without: str = "", **labels: str) -> str:
    """A class of the ontology with everything that one needs, or all but one thing."""
    lines = {
        "rdfs:isDefinedBy": "<https://w3id.org/vetgraph/ontology>",
        "vs:term_status": '"testing"',
        "skos:definition": '"What was planted."@en',
        **{f"rdfs:label@{tag}": f'"{text}"@{tag}' for tag, text in {**LABELS, **labels}.items()},
    }
    said = " ; ".join(f"{key.partition('@')[0]} {value}" for key, value in lines.items() if key != without)
    return f"{name} a owl:Class ; {said}{extra} ."


@pytest.fixture
def copy(tmp_path: Path, root: Path) -> Path:
    """A copy of the content that a test may spoil."""
    for folder in ("ontology", "shapes", "data", "queries"):
        shutil.copytree(root / folder, tmp_path / folder)
    return tmp_path


def faults(root: Path, name: str) -> list[Fault]:
    return [fault for outcome in checks.run(find_content(root), only=[name]) for fault in outcome.faults]


@pytest.mark.parametrize("name", checks.CHECKS)
def test_the_content_passes(name: str) -> None:
    outcomes = list(checks.run(find_content(), only=[name]))
    assert [outcome.as_text() for outcome in outcomes if outcome.faults] == []


def plant(root: Path, text: str, folder: str = "data/reference") -> str:
    path = root / folder / "planted.ttl"
    path.write_text(HEAD + text + "\n")
    return f"{folder}/planted.ttl"


def assert_found(found: list[Fault], place: str, term: str, words: str) -> None:
    matching = [f for f in found if f.place == place and term in f.term and words in f.message]
    assert matching, "\n".join(fault.as_text() for fault in found) or "no fault found"


def test_syntax_names_file_and_line(copy: Path) -> None:
    name = plant(copy, "id:x a")
    assert any(f.place.startswith(name) and "line" in f.message for f in faults(copy, "syntax"))


def test_syntax_of_queries(copy: Path) -> None:
    head = "".join(f'#+ title.{language} = "t"\n' for language in ("en", "fr", "de", "nl"))
    (copy / "queries" / "planted.rq").write_text(head + '#+ description = "d"\nSELECT * WHERE {\n  ?s ?p\n}\n')
    assert_found(faults(copy, "syntax"), "queries/planted.rq:9", "", "does not parse")
    (copy / "queries" / "planted.rq").write_text('#+ title.en = "t"\nASK {}\n')
    assert_found(faults(copy, "syntax"), "queries/planted.rq:1", "", "lacks title.fr")
    (copy / "queries" / "planted.rq").write_text(
        head + '#+ description = "d"\n#+ [parameters.x]\n#+ type = "iri"\nASK {}\n'
    )
    assert_found(faults(copy, "syntax"), "queries/planted.rq:1", "x", "does not use")
    (copy / "queries" / "planted.rq").write_text(
        head + '#+ description = "d"\n#+ [parameters.x]\n#+ type = "iri"\nSELECT ?y WHERE { ?x a ?y }\n'
    )
    assert_found(faults(copy, "syntax"), "queries/planted.rq:1", "x", "not among the selected")


def test_only_syntax_is_reported_where_files_do_not_parse(copy: Path) -> None:
    plant(copy, "id:x a")
    assert [outcome.name for outcome in checks.run(find_content(copy))] == ["syntax"]
    assert [outcome.name for outcome in checks.run(find_content(copy), only=["hygiene"])] == ["syntax"]


def test_canonical_names_the_first_line_that_differs(copy: Path) -> None:
    path = copy / "data" / "reference" / "planted.ttl"
    path.write_text("@prefix id: <https://w3id.org/vetgraph/id/> .\n\nid:b a id:c .\n\nid:a a id:c .\n")
    assert_found(faults(copy, "canonical"), "data/reference/planted.ttl:3", "id:b", "not in canonical form")


def test_terms_catches_a_typo_and_suggests(copy: Path) -> None:
    name = plant(copy, "id:anefore dcterms:subjct id:menje .")
    assert_found(faults(copy, "terms"), f"{name}:{LINE}", "dcterms:subjct", "Did you mean dcterms:subject?")


def test_terms_looks_at_types(copy: Path) -> None:
    name = plant(copy, "id:anefore a skos:Concpt .")
    assert_found(faults(copy, "terms"), f"{name}:{LINE}", "skos:Concpt", "Did you mean skos:Concept?")


PLANTED = {
    "missing-label": ("ontology", term("vet:planted", without="rdfs:label@nl"), "vet:planted", "language nl"),
    "missing-definition": (
        "ontology",
        term("vet:planted", without="skos:definition"),
        "vet:planted",
        "no English definition",
    ),
    "missing-metadata": ("ontology", term("vet:planted", without="vs:term_status"), "vet:planted", "vs:term_status"),
    "duplicate-label": ("ontology", term("vet:planted", en="legal act"), "vet:planted", "legal act"),
    "several-labels": ("data/reference", 'id:anefore skos:prefLabel "Another"@en .', "id:anefore", "several labels"),
    "subclass-cycle": ("ontology", "vet:Actor rdfs:subClassOf vet:NationalAgency .", "vet:Actor", "its own ancestor"),
    "undeclared-term": ("data/reference", "id:anefore vet:supervisdBy id:menje .", "id:anefore", "vet:supervisdBy"),
    "unused-term": ("ontology", term("vet:planted"), "vet:planted", "used nowhere"),
    "deprecated-term": (
        "ontology",
        "vet:supervisedBy owl:deprecated true .",
        "id:anefore",
        "deprecated term vet:supervisedBy",
    ),
    "stray-blanks": ("data/reference", 'id:anefore skos:altLabel "Anefore asbl "@fr .', "id:anefore", "blanks"),
    "header": ("ontology", "<https://w3id.org/vetgraph/planted> a owl:Ontology .", "planted", "dcterms:license"),
    "unlabelled-node": (
        "data/reference",
        "id:planted a vet:City ; vet:inCountry id:luxembourg .",
        "id:planted",
        "no English label",
    ),
    "untyped-node": ("data/reference", 'id:planted skos:prefLabel "Planted"@en .', "id:planted", "no type"),
    "dangling-reference": ("data/reference", "id:anefore vet:supervisedBy id:nobody .", "id:anefore", "id:nobody"),
    "wrong-namespace": (
        "data/reference",
        "id:anefore <http://schema.org/member> id:menje .",
        "id:anefore",
        "http://schema.org/member",
    ),
    "string-year": ("data/reference", 'id:anefore vet:foundedIn "2017" .', "id:anefore", "xsd:gYear"),
    "concept-outside-scheme": (
        "data/reference",
        'thematic-area:planted a skos:Concept ; skos:prefLabel "x"@en .',
        "thematic-area:planted",
        "without its scheme",
    ),
    "concept-language": (
        "ontology/schemes",
        'thematic-area:planted a skos:Concept ; skos:prefLabel "x"@en , "x"@fr , "x"@de .',
        "thematic-area:planted",
        "language nl",
    ),
    "orphan-node": (
        "data/reference",
        'id:planted a vet:City ; skos:prefLabel "Planted"@en .',
        "id:planted",
        "nothing links to it",
    ),
}


def test_every_hygiene_rule_has_a_planted_fault() -> None:
    assert set(PLANTED) == set(hygiene.rules())


@pytest.mark.parametrize("rule", PLANTED)
def test_hygiene_finds(rule: str, copy: Path) -> None:
    folder, text, term, words = PLANTED[rule]
    plant(copy, text, folder)
    found = [fault for fault in faults(copy, "hygiene") if f"[{rule}]" in fault.message]
    assert any(term in fault.term and words in fault.message for fault in found), found
    # The fault is placed in a file, at a line.
    assert all(fault.place.rpartition(":")[2].isdigit() for fault in found)


CONTRADICTION = "id:anefore a vet:LegalAct ."


def test_consistency_names_the_thing(copy: Path) -> None:
    plant(copy, CONTRADICTION)
    found = faults(copy, "consistency")
    assert any(f.term == "id:anefore" and "exclude each other" in f.message for f in found)


def test_consistency_by_hermit(copy: Path, java: str) -> None:
    plant(copy, CONTRADICTION)
    assert any("HermiT finds" in fault.message for fault in faults(copy, "consistency"))


def test_hermit_finds_a_class_that_can_have_no_instance(copy: Path, java: str) -> None:
    plant(copy, term("vet:planted", " ; rdfs:subClassOf vet:Country , vet:City"), "ontology")
    assert any(f.term == "vet:planted" and "no instance" in f.message for f in faults(copy, "consistency"))


def test_consistency_by_rules_where_java_is_missing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency.shutil, "which", lambda _name: None)
    plant(copy, CONTRADICTION)
    assert any("OWL 2 RL finds" in fault.message for fault in faults(copy, "consistency"))


def test_shapes_name_file_line_and_what_to_do(copy: Path) -> None:
    law = "<https://w3id.org/vetgraph/scheme/legal-act-type/law>"
    act = f'id:planted a vet:LegalAct ; skos:prefLabel "Planted act"@en ; vet:actType {law}'
    name = plant(copy, f"{act} ; vet:jurisdiction id:luxembourg .")
    assert_found(faults(copy, "shapes"), f"{name}:{LINE}", "id:planted", "vet:actDate")


def planted_range(name: str, *, start: int, end: int) -> str:
    return (
        f"id:{name} a vet:Evidence ; oa:hasSource source:be-fl-mobility-timeline-2024 ; "
        f"oa:hasSelector id:{name}-selector . id:{name}-selector oa:start {start} ; oa:end {end} ."
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (planted_range("ev-001-5-4", start=5, end=4), "outside its document"),
        (planted_range("ev-001-5-9", start=5, end=8), "should be id:ev-001-5-8"),
        ("id:ev-001-5-9 a vet:Evidence .", "no document"),
    ],
    ids=["end before start", "name differs from range", "no document"],
)
def test_evidence_finds(copy: Path, text: str, words: str) -> None:
    name = plant(copy, text)
    assert_found(faults(copy, "evidence"), f"{name}:{LINE}", "id:ev-001-5", words)


def test_evidence_files_are_up_to_date_where_the_sources_are_at_hand(copy: Path, sources: Path) -> None:
    plant(copy, "id:planted prov:wasDerivedFrom id:ev-001-5-9 .", "data/be-fl-mobility-timeline-2024")
    outcome = next(iter(checks.run(find_content(copy), only=["evidence"], sources=sources)))
    assert any("evidence.ttl" in f.place and "not up to date" in f.message for f in outcome.faults)


def test_competency_finds_other_rows_and_no_rows(copy: Path, root: Path) -> None:
    head = "".join(f'#+ title.{language} = "t"\n' for language in ("en", "fr", "de", "nl")) + '#+ description = "d"\n'
    (copy / "queries" / "planted.rq").write_text(head + "SELECT ?x WHERE { ?x a <http://example.org/Nothing> }\n")
    assert_found(faults(copy, "competency"), "queries/planted.rq:1", "planted", "answers nothing")
    expected = copy / "tests" / "competency"
    expected.mkdir(parents=True)
    (expected / "planted.csv").write_text("x\nhttp://example.org/a\n")
    assert_found(faults(copy, "competency"), "queries/planted.rq:1", "planted", "other rows")


def test_the_command_says_what_failed(vetgraph: Callable[..., object]) -> None:
    result = vetgraph("check", "--only", "syntax")
    assert getattr(result, "returncode", None) == 0
    assert "syntax       ok" in str(getattr(result, "stdout", ""))
