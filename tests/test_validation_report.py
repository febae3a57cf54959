"""The report in all its forms says the same thing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import rdflib
from pyoxigraph import RdfFormat, Store, parse
from rdflib import RDF, SH, Literal, URIRef

from vetgraph.errors import BadParameter
from vetgraph.validation import FORMS, Context, Report, Shapes, read, render, to_json, to_sarif, to_text, validate
from vetgraph.vocab import ID, LANGUAGES, VET, expand

DATA = Path(__file__).parent / "data" / "validation"
TEXT = (DATA / "new.ttl").read_text()


@pytest.fixture(scope="module")
def report() -> Report:
    shapes = Shapes.load(
        [("shapes.ttl", (DATA / "shapes.ttl").read_text())], [("ontology.ttl", (DATA / "ontology.ttl").read_text())]
    )
    store = Store()
    store.load(path=DATA / "store.trig", format=RdfFormat.TRIG)
    return validate(read(TEXT.encode(), "ttl", "drafts/new one.ttl"), shapes, Context(store, version=7))


def test_text_is_grouped_by_thing_with_places_and_advice(report):
    assert to_text(report) == (DATA / "report.txt").read_text()


def test_text_is_capped_and_says_so(report):
    text = to_text(report, limit=2)
    assert text.count("violation:") == 2
    assert "Findings not shown here: 5." in text


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ["manque.", "Donnez un libellé en anglais.", "Non conforme.", "Violations : 5.", "Deuxième"]),
        ("de", ["Verstoß:", "fehlt.", "Nicht konform.", "Meinten Sie id:anefore?"]),
        ("nl", ["overtreding:", "ontbreekt.", "Niet conform.", "Geef een Engels label."]),
    ],
)
def test_text_speaks_the_language_asked(report, language, words):
    text = render(report, "text", language=language).decode()
    missing = [word for word in words if word not in text]
    # Labels are those of the language in which the report was made.
    assert missing in ([], ["Deuxième"])


def test_json_has_every_fact(report):
    tree = json.loads(render(report, "json"))
    assert {key: tree[key] for key in tree if key != "things"} == {
        "conforms": False,
        "counts": {"violation": 5, "warning": 1, "info": 1},
        "triples": 12,
        "judged": 3,
        "unjudged": 0,
        "language": "en",
        "context": "store",
        "version": "7",
        "files": ["drafts/new one.ttl"],
    }
    thing = tree["things"][0]
    assert (thing["iri"], thing["name"], thing["label"]) == (ID + "new", "id:new", "id:new")
    code = thing["findings"][2]
    assert code.pop("problems")["de"] == "“opn” ist keiner der erlaubten Werte: 1, closed, open."
    assert code.pop("advices")["fr"] == "Vouliez-vous dire “open” ?"
    assert code == {
        "severity": "violation",
        "problem": "“opn” is not one of the allowed values: 1, closed, open.",
        "advice": "Did you mean “open”?",
        "property": {"name": "code", "path": "vet:code", "iris": [VET + "code"]},
        "value": {"type": "literal", "value": "opn", "text": "“opn”"},
        "position": {"file": "drafts/new one.ttl", "line": 7, "column": 14, "endLine": 7, "endColumn": 19},
        "graph": None,
        "rule": expand("shapes:AgreementShape-code"),
        "shape": expand("shapes:AgreementShape-code"),
        "component": str(SH.InConstraintComponent),
    }


@pytest.mark.parametrize("form", ["turtle", "ntriples", "jsonld"])
def test_rdf_is_the_standard_report(report, form):
    graph = rdflib.Graph()
    graph.parse(data=render(report, form), format={"turtle": "turtle", "ntriples": "nt", "jsonld": "json-ld"}[form])
    (root,) = graph.subjects(RDF.type, SH.ValidationReport)
    assert graph.value(root, SH.conforms) == Literal(False)
    results = list(graph.objects(root, SH.result))
    assert len(results) == 7
    assert all((result, RDF.type, SH.ValidationResult) in graph for result in results)
    for name in ("focusNode", "resultSeverity", "sourceConstraintComponent", "resultMessage"):
        assert all((result, SH[name], None) in graph for result in results)
    (missing,) = graph.subjects(SH.sourceConstraintComponent, SH.MinCountConstraintComponent)
    assert graph.value(missing, SH.focusNode) == URIRef(ID + "new")
    assert graph.value(missing, SH.resultPath) == URIRef(expand("skos:prefLabel"))
    assert graph.value(missing, SH.sourceShape) == URIRef(expand("shapes:AgreementShape-label"))
    assert {message.language for message in graph.objects(missing, SH.resultMessage)} == set(LANGUAGES)
    (inverse,) = [r for r in results if graph.value(r, SH.focusNode) == URIRef(ID + "luxembourg")]
    path = graph.value(inverse, SH.resultPath)
    assert graph.value(path, SH.inversePath) == URIRef(VET + "about")
    pointer = graph.value(missing, URIRef("http://www.w3.org/ns/earl#pointer"))
    assert graph.value(pointer, URIRef("http://www.w3.org/2009/pointers#lineNumber")) == Literal(5)


def test_our_own_checks_are_results_too(report):
    triples = list(parse(render(report, "ntriples"), RdfFormat.N_TRIPLES))
    components = {str(quad.object) for quad in triples if quad.predicate.value == str(SH.sourceConstraintComponent)}
    assert f"<{expand('shapes:UndeclaredTerm')}>" in components
    assert f"<{expand('shapes:UnknownPredicate')}>" in components


def test_sarif_has_what_the_standard_asks(report):
    log = json.loads(render(report, "sarif"))
    assert (log["version"], list(log)) == ("2.1.0", ["$schema", "version", "runs"])
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "vetgraph"
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["artifacts"] == [{"location": {"uri": "drafts/new%20one.ttl"}}]
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert set(rule) <= {
            "id",
            "name",
            "shortDescription",
            "fullDescription",
            "help",
            "helpUri",
            "defaultConfiguration",
        }
        assert rule["help"]["text"]
    assert len(run["results"]) == 7
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        assert result["message"]["text"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert all(isinstance(value, int) and value >= 1 for value in region.values())
        assert (region["endLine"], region["endColumn"]) > (region["startLine"], region["startColumn"])
    first = run["results"][1]
    assert first["ruleId"] == "shapes:DanglingReference"
    assert first["locations"][0]["physicalLocation"]["region"] == {
        "startLine": 6,
        "startColumn": 15,
        "endLine": 6,
        "endColumn": 24,
    }
    assert first["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == ID + "new"


def test_sarif_levels_follow_severities(report):
    results = to_sarif(report)["runs"][0]["results"]
    assert [result["level"] for result in results] == [
        {"violation": "error", "warning": "warning", "info": "note"}[found.severity.value] for found in report.findings
    ]


def test_reports_without_findings_and_without_positions():
    shapes = Shapes.load([("shapes.ttl", (DATA / "shapes.ttl").read_text())])
    fine = validate(read(b"", "ttl", "/tmp/x.ttl"), shapes)
    assert to_json(fine)["things"] == []
    assert to_sarif(fine)["runs"][0]["artifacts"] == [{"location": {"uri": "file:///tmp/x.ttl"}}]
    assert b"conforms true" in render(fine, "turtle")
    hidden = json.dumps({"@graph": {"@type": VET + "Agreement"}})
    found = validate(read(hidden.encode(), "jsonld", "x"), shapes)
    assert not found.conforms
    assert all(finding.position is None for finding in found.findings)
    location = to_sarif(found)["runs"][0]["results"][0]["locations"][0]
    assert location["physicalLocation"] == {"artifactLocation": {"uri": "x"}}
    assert "x:" not in to_text(found)


def test_every_form_has_a_media_type_and_others_are_refused(report):
    for form, media in FORMS.items():
        assert "/" in media
        assert render(report, form).decode()
    with pytest.raises(BadParameter) as caught:
        render(report, "pdf")
    assert caught.value.facts["available"] == tuple(FORMS)


def test_values_with_braces_and_line_ends_stay_whole():
    shapes = Shapes.load([("shapes.ttl", (DATA / "shapes.ttl").read_text())])
    text = f"<x:a> a <{VET}Agreement> ; <{VET}code> " + '"{limit}\\n{value}" .'
    report = validate(read(text.encode(), "ttl", "x"), shapes)
    (found,) = [each for each in report.findings if each.path == "vet:code"]
    assert found.problem.startswith("“{limit} {value}” is not one of")
