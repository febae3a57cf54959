"""What is judged, in which context, and what is said about it."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Thread

import pyshacl
import pytest
import rdflib
from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, Store, parse

from vetgraph.errors import ContentError, EngineError
from vetgraph.validation import Context, Report, Severity, Shapes, read, to_text, validate, validate_store
from vetgraph.vocab import ID, RDF, SH, VET, expand

DATA = Path(__file__).parent / "data" / "validation"

PREFIXES = """@prefix vet: <https://w3id.org/vetgraph/ontology#> .
@prefix id: <https://w3id.org/vetgraph/id/> .
@prefix role: <https://w3id.org/vetgraph/scheme/role/> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
START = PREFIXES.count("\n")


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    return Shapes.load(
        [("shapes.ttl", (DATA / "shapes.ttl").read_text())],
        [("ontology.ttl", (DATA / "ontology.ttl").read_text())],
    )


@pytest.fixture
def store() -> Store:
    store = Store()
    store.load(path=DATA / "store.trig", format=RdfFormat.TRIG)
    return store


@pytest.fixture
def context(store: Store) -> Context:
    return Context(store, version=7)


def turtle(body: str, name: str = "new.ttl"):
    return read((PREFIXES + body).encode(), "ttl", name)


def quad(slug: str, predicate: str, value) -> Quad:
    return Quad(NamedNode(ID + slug), NamedNode(predicate), value, NamedNode(expand("graph:one")))


def rules(report: Report) -> list[tuple[str, str, str]]:
    """Return (thing, property, constraint) of the violations."""
    return sorted(
        (found.focus_name, found.path or "", found.component.rpartition("#")[2].removesuffix("ConstraintComponent"))
        for found in report.findings
        if found.severity is Severity.VIOLATION
    )


GOOD = 'id:new a vet:Agreement ; skos:prefLabel "New"@en ; vet:party id:anefore .'


def test_a_reference_to_a_published_body_conforms(shapes, context):
    report = validate(turtle(GOOD), shapes, context)
    assert report.conforms
    assert report.findings == ()
    assert report.version == "7"
    assert report.judged == 1


def test_a_reference_to_a_body_that_does_not_exist_is_a_violation_at_its_object(shapes, context):
    report = validate(turtle(GOOD.replace("id:anefore", "id:anefor")), shapes, context)
    (found,) = report.findings
    assert not report.conforms
    assert found.rule == expand("shapes:DanglingReference")
    assert found.component == SH + "ClassConstraintComponent"
    assert "id:anefor, which exists neither here" in found.problem
    assert found.advice is not None
    assert found.advice.startswith("Did you mean id:anefore?")
    assert "Name the bodies that signed." in found.advice
    assert found.position is not None
    assert (found.position.line, found.position.column) == (START + 1, GOOD.index("id:anefore") + 1)


def test_dangling_references_are_found_where_no_shape_looks(shapes, context):
    report = validate(turtle("id:x vet:about id:nowhere , id:anefore ; vet:role role:fund ."), shapes, context)
    assert [(found.value_text, found.component) for found in report.findings] == [
        ("id:nowhere", expand("shapes:DanglingReference")),
        ("role:fund", expand("shapes:DanglingReference")),
    ]
    assert "role:funds" in (report.findings[1].advice or "")


def test_what_the_submission_itself_describes_is_no_dangling_reference(shapes, context):
    both = 'id:new a vet:Agreement ; skos:prefLabel "New"@en ; vet:party id:other . id:other a vet:Agency .'
    assert validate(turtle(both), shapes, context).conforms


def test_several_files_are_judged_together(shapes, context):
    files = [turtle(GOOD.replace("id:anefore", "id:other"), "a.ttl"), turtle("id:other a vet:Agency .", "b.ttl")]
    report = validate(files, shapes, context)
    assert report.conforms
    assert report.files == ("a.ttl", "b.ttl")


def test_subclasses_come_from_the_ontology(shapes):
    both = 'id:new a vet:Agreement ; skos:prefLabel "New"@en ; vet:party id:other . id:other a vet:Agency .'
    assert validate(turtle(both), shapes).conforms


def test_alone_what_is_not_described_cannot_be_told(shapes):
    report = validate(turtle("id:x vet:about id:luxembourg ."), shapes)
    (found,) = report.findings
    assert report.conforms
    assert not report.in_context
    assert report.version is None
    assert found.severity is Severity.INFO
    assert "judged alone" in found.problem


def test_alone_the_code_lists_are_still_known(shapes):
    report = validate(turtle("id:x vet:role role:nothing ."), shapes)
    assert not report.conforms


def test_a_missing_property_points_at_the_thing(shapes, context):
    report = validate(turtle("\nid:new a vet:Agreement ;\n    vet:party id:anefore ."), shapes, context)
    (found,) = report.findings
    assert found.problem == "is missing."
    assert found.advice == "Give one label in English."
    assert found.property_name == "preferred label"
    assert found.path == "skos:prefLabel"
    assert (found.position.line, found.position.column) == (START + 2, 1)


def test_too_many_values_point_at_the_property(shapes, context):
    text = GOOD[:-1] + ';\n  vet:signedOn "2020-01-01"^^xsd:date , "2021-01-01"^^xsd:date .'
    (found,) = validate(turtle(text), shapes, context).findings
    assert found.problem == "number of values: 2; allowed: at most 1."
    assert (found.position.line, found.position.column) == (START + 2, 3)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('"2020-13-45"^^xsd:date', "“2020-13-45”^^xsd:date is not a valid xsd:date."),
        ('"2020"', "“2020” is a plain text, but must be xsd:date."),
        ("2020", "“2020”^^xsd:integer is of type xsd:integer, but must be xsd:date."),
        ('"x"@en', "“x”@en is a text in a language, but must be xsd:date."),
        ("id:anefore", "id:anefore is an IRI, but must be xsd:date."),
    ],
)
def test_a_wrong_value_is_shown_and_pointed_at(shapes, context, value, problem):
    report = validate(turtle(GOOD[:-1] + f"; vet:signedOn {value} ."), shapes, context)
    found = next(each for each in report.findings if each.path == "vet:signedOn")
    assert found.problem == problem
    lines = (PREFIXES + GOOD[:-1] + f"; vet:signedOn {value} .").splitlines()
    assert lines[found.position.line - 1][found.position.column - 1 :].startswith(value)


def test_plain_strings_are_the_same_in_shapes_and_store(shapes, context):
    # pySHACL's own adapter reads "open" from the store as "open"^^xsd:string and finds it not in the list.
    for code in ('"open"', '"open"^^xsd:string', "1", "01"):
        assert validate(turtle(GOOD[:-1] + f"; vet:code {code} ."), shapes, context).conforms


def test_a_value_out_of_a_list_gets_the_list_and_the_nearest(shapes, context):
    (found,) = validate(turtle(GOOD[:-1] + '; vet:code "opn" .'), shapes, context).findings
    assert found.problem == "“opn” is not one of the allowed values: 1, closed, open."
    assert found.advice == "Did you mean “open”?"


def test_normalised_literals_are_found_in_the_file(shapes, context):
    text = GOOD[:-1] + "; vet:code 007 ."
    (found,) = validate(turtle(text), shapes, context).findings
    assert found.value_text == "“007”^^xsd:integer"
    assert found.position.column == text.index("007") + 1


def test_messages_of_queries_keep_their_languages_and_values(shapes, context):
    text = GOOD[:-1] + '; vet:signedOn "2020-01-01"^^xsd:date ; vet:endedOn "2019-01-01"^^xsd:date .'
    (found,) = validate(turtle(text), shapes, context, language="fr").findings
    assert found.advice == "2019-01-01 précède 2020-01-01."
    assert found.advices == {"en": "2019-01-01 is before 2020-01-01.", "fr": found.advice}
    assert found.problem == "ne respecte pas une règle de accord."
    assert found.position.column == text.index('"2020') + 1


def test_warnings_do_not_keep_data_from_conforming(shapes, context):
    text = GOOD[:-1] + '; vet:endedOn "2020" , "2021" .'
    report = validate(turtle(text), shapes, context)
    assert report.conforms
    assert report.counts == {"violation": 0, "warning": 1, "info": 0}


def test_reports_speak_four_languages(shapes, context):
    report = validate(turtle("id:new a vet:Agreement ; vet:party id:anefore ."), shapes, context)
    said = {language: report.in_language(language).findings[0] for language in ("en", "fr", "de", "nl")}
    assert [said[language].problem for language in said] == ["is missing.", "manque.", "fehlt.", "ontbreekt."]
    assert said["nl"].advice == "Geef een Engels label."
    assert said["nl"].property_name == "preferred label"  # no Dutch name: English
    assert validate(turtle(GOOD), shapes, context, language="fr-LU").language == "fr"
    assert validate(turtle(GOOD), shapes, context, language="xx").language == "en"


def test_labels_come_from_the_store(shapes, context):
    report = validate(turtle("id:agreement-old vet:signedOn 1 ."), shapes, context)
    assert report.things()[0].label == "Old agreement"
    assert report.things()[0].name == "id:agreement-old"


# --- what a change touches --------------------------------------------------------------------------


def test_existing_things_that_a_change_breaks_are_reported(shapes, context):
    # CountryShape counts agreements against the direction: Luxembourg now has two.
    report = validate(turtle(GOOD[:-1] + "; vet:about id:luxembourg ."), shapes, context)
    assert rules(report) == [("id:luxembourg", "^vet:about", "MaxCount")]
    assert report.findings[0].position.line == START + 1
    assert report.judged == 2


def test_faults_that_were_there_before_are_not_blamed_on_a_change(shapes, context):
    # France has no label, but the submission only mentions it.
    assert validate(turtle(GOOD[:-1] + "; vet:about id:france ."), shapes, context).conforms
    # When the submission speaks about France, it is judged.
    assert not validate(turtle('id:france skos:altLabel "FR" .'), shapes, context).conforms


def test_paths_are_followed_backwards(shapes, context, store):
    # id:involvement looks at the code of what it is about, two steps away.
    code = Quad(
        NamedNode(ID + "agreement-old"), NamedNode(VET + "code"), Literal("open"), NamedNode(expand("graph:one"))
    )
    report = validate(turtle(""), shapes, context, removes=[code])
    assert rules(report) == [("id:involvement", "vet:about/vet:code", "HasValue")]
    assert code in context.store


def test_a_removed_thing_must_not_be_referred_to(shapes, context):
    gone = [quad for quad in context.store if quad.subject == NamedNode(ID + "anefore")]
    report = validate(turtle(""), shapes, context, removes=gone)
    assert ("id:agreement-old", "vet:party", "DanglingReference") in rules(report)
    assert validate(turtle(GOOD), shapes, context).conforms


def test_a_change_of_class_is_judged_where_the_class_is_asked_for(shapes, context):
    gone = [
        quad
        for quad in context.store
        if quad.subject == NamedNode(ID + "anefore") and quad.object == NamedNode(VET + "Agency")
    ]
    report = validate(turtle("id:anefore a vet:Country ."), shapes, context, removes=gone)
    assert ("id:agreement-old", "vet:party", "Class") in rules(report)


def test_hubs_are_capped_and_the_rest_is_counted(shapes, context, monkeypatch):
    monkeypatch.setattr("vetgraph.validation.affected.MOST", 1)
    more = [
        each
        for number in range(5)
        for each in (
            quad(f"i{number}", RDF + "type", NamedNode(VET + "Involvement")),
            quad(f"i{number}", VET + "about", NamedNode(ID + "agreement-old")),
        )
    ]
    context.apply(more)
    report = validate(turtle('id:agreement-old vet:code "closed" .'), shapes, context)
    assert report.unjudged == 5
    assert "5" in to_text(report)


# --- our own checks ----------------------------------------------------------------------------------


def test_undeclared_terms_are_violations_with_the_nearest_term(shapes, context):
    report = validate(turtle("id:x vet:abuot id:luxembourg .\nid:y a vet:Agrement ."), shapes, context)
    assert [(found.rule, found.value_text, found.advice, found.position.line) for found in report.findings] == [
        (expand("shapes:UndeclaredTerm"), "vet:abuot", "Did you mean vet:about?", START + 1),
        (expand("shapes:UndeclaredTerm"), "vet:Agrement", "Did you mean vet:Agreement?", START + 2),
    ]
    assert report.findings[0].position.column == 6


def test_a_term_that_the_submission_declares_is_declared(shapes, context):
    text = "vet:mentor a <http://www.w3.org/2002/07/owl#ObjectProperty> . id:x vet:mentor id:anefore ."
    assert validate(turtle(text), shapes, context).conforms


def test_concepts_belong_to_the_list_of_their_address(shapes, context):
    text = """role:new a skos:Concept .
role:other a skos:Concept ; skos:inScheme <https://w3id.org/vetgraph/scheme/certainty> .
<https://w3id.org/vetgraph/scheme/certainty> a skos:ConceptScheme ."""
    report = validate(turtle(text), shapes, context)
    assert {(found.focus_name, found.rule) for found in report.findings} == {
        ("role:new", expand("shapes:ConceptOutsideScheme")),
        ("role:other", expand("shapes:ConceptOutsideScheme")),
    }


def test_predicates_of_other_vocabularies(shapes, context):
    text = """id:x skos:prefLable "x"@en ; <http://purl.org/dc/terms/title> "t" ;
    <http://example.org/p> 1 ; vet:code "open" ."""
    report = validate(turtle(text), shapes, context)
    assert [(found.severity, found.value_text, found.advice) for found in report.findings] == [
        (Severity.WARNING, "skos:prefLable", "Did you mean skos:prefLabel?"),
        (
            Severity.INFO,
            "<http://example.org/p>",
            "Check the spelling; if it is meant, nothing needs doing.",
        ),
    ]
    assert report.conforms


def test_a_predicate_that_the_published_data_use_is_known(shapes, context):
    context.apply(
        [Quad(NamedNode(ID + "a"), NamedNode("http://example.org/p"), Literal("1"), NamedNode(expand("graph:one")))]
    )
    assert validate(turtle("id:x <http://example.org/p> 1 ."), shapes, context).findings == ()


# --- the context stays as it is ------------------------------------------------------------------------


def test_validating_leaves_no_trace(shapes, context):
    context.learn(shapes.terms)
    before = set(context.store)
    validate(
        turtle(GOOD + " id:anefore a vet:Agency . id:bad a vet:Agreement ; vet:about id:luxembourg ."), shapes, context
    )
    assert set(context.store) == before


def test_a_context_is_a_copy_unless_asked(shapes, store):
    size = len(store)
    validate(turtle(GOOD), shapes, Context(store))
    assert len(store) == size
    adopted = Context(store, copy=False)
    assert adopted.store is store


def test_a_context_keeps_up_with_what_is_published(shapes, context):
    new = Quad(
        NamedNode(ID + "anefor"),
        NamedNode("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"),
        NamedNode(VET + "Agency"),
    )
    text = turtle(GOOD.replace("id:anefore", "id:anefor"))
    context.apply([new], version=8)
    assert validate(text, shapes, context).conforms
    assert validate(text, shapes, context).version == "8"
    context.apply(removes=[new])
    assert not validate(text, shapes, context).conforms


def test_threads_share_a_context(shapes, context):
    reports: list[tuple[int, Report]] = []

    def judge(number: int) -> None:
        body = f"id:n{number} a vet:Agreement ; vet:party id:{'anefore' if number % 2 else 'nobody'} ."
        reports.append((number, validate(turtle(body), shapes, context)))

    threads = [Thread(target=judge, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 8
    assert all(len(report.findings) == (1 if number % 2 else 2) for number, report in reports)


def test_blank_nodes_of_two_submissions_do_not_meet(shapes, context):
    context.apply(parse(b"_:b <http://example.org/p> 1 .", RdfFormat.TURTLE))
    report = validate(turtle("_:b a vet:Agreement ; vet:party id:anefore ."), shapes, context)
    (found,) = report.findings
    assert found.focus_name == "_:b"


# --- everything, and robustness -----------------------------------------------------------------------


def test_a_whole_store_is_judged(shapes, store):
    for quad in shapes.terms.quads:
        store.add(Quad(quad.subject, quad.predicate, quad.object, NamedNode(expand("graph:ontology"))))
    report = validate_store(store, shapes, version=3)
    assert rules(report) == [("id:france", "skos:prefLabel", "MinCount")]
    assert report.version == "3"
    submission = read((DATA / "store.trig").read_bytes(), "trig", "store.trig")
    (found,) = validate_store(store, shapes, positions=[submission]).findings
    assert str(found.position) == "store.trig:9:5"


def test_the_findings_are_those_of_pyshacl_on_an_rdflib_graph(shapes, store):
    bad = """
    id:a a vet:Agreement ; vet:party id:luxembourg ; vet:signedOn 1 , "2020-01-01"^^xsd:date ; vet:code "nope" .
    id:b a vet:Agreement ; skos:prefLabel "one"@en , "two"@en , "three" ; vet:about id:luxembourg .
    id:c a vet:Involvement ; vet:about id:a .
    """
    store.load(PREFIXES + bad, format=RdfFormat.TURTLE)
    store.load((DATA / "ontology.ttl").read_bytes(), format=RdfFormat.TURTLE)
    ours = {
        (found.focus.value, found.component, getattr(found.value, "value", None))
        for found in validate_store(store, shapes).findings
        if found.component.startswith(SH)
    }
    data = rdflib.Graph()
    for each in store:
        data.parse(data=f"{each.subject} {each.predicate} {each.object} .", format="nt")
    shapes_graph = rdflib.Graph().parse(DATA / "shapes.ttl")
    _conforms, report, _text = pyshacl.validate(data, shacl_graph=shapes_graph)

    def text(node):
        return None if node is None else str(node)

    theirs = {
        (
            str(report.value(result, rdflib.SH.focusNode)),
            str(report.value(result, rdflib.SH.sourceConstraintComponent)),
            text(report.value(result, rdflib.SH.value)),
        )
        for result in report.objects(None, rdflib.SH.result)
    }
    assert ours == theirs
    assert len(ours) > 8


def test_ten_thousand_violations_are_all_in_the_report_and_capped_in_the_text(shapes, context):
    body = "\n".join(f"id:n{number} a vet:Agreement ." for number in range(5_000))
    start = time.process_time()
    report = validate(turtle(body), shapes, context)
    assert time.process_time() - start < 30
    assert report.counts["violation"] == 10_000
    text = to_text(report)
    assert "Findings not shown here: 9800." in text
    assert text.count("violation:") == 200


def test_cycles_end(shapes, context):
    text = "id:a a vet:Agreement ; vet:about id:b . id:b vet:about id:a ; a vet:Agreement ; vet:party id:a ."
    assert not validate(turtle(text), shapes, context).conforms


def test_deep_blank_nodes_and_huge_literals(shapes, context):
    deep = "[ vet:about " * 400 + "id:luxembourg" + " ]" * 400
    huge = "x" * 1_000_000
    text = f'{deep} a vet:Agreement ; vet:party "{huge}" .'
    report = validate(turtle(text), shapes, context)
    assert {found.component.rpartition("#")[2] for found in report.findings} >= {"ClassConstraintComponent"}
    assert all(len(found.value_text or "") < 200 for found in report.findings)
    assert all(len(found.problem) < 600 for found in report.findings)


def test_a_number_too_long_for_python_is_ill_typed(shapes, context):
    text = GOOD[:-1] + f'; vet:signedOn "{"9" * 5000}"^^xsd:integer .'
    assert not validate(turtle(text), shapes, context).conforms


def test_nothing_submitted_conforms(shapes, context):
    report = validate(turtle(""), shapes, context)
    assert report.conforms
    assert report.judged == 0
    assert "No triples were submitted." in to_text(report)


def test_a_shape_that_pyshacl_cannot_evaluate_is_a_clear_error(context):
    broken = (DATA / "shapes.ttl").read_text().replace("SELECT $this ?path", "SELEKT $this ?path")
    shapes = Shapes.load([("shapes.ttl", broken)])
    with pytest.raises(EngineError, match="shapes:AgreementShape can't be evaluated"):
        validate(turtle(GOOD), shapes, context)
    assert len(list(context.store.quads_for_pattern(NamedNode(ID + "new"), None, None, None))) == 0


def test_shapes_that_do_not_parse_are_content_errors():
    with pytest.raises(ContentError, match=r"bad\.ttl, line 1"):
        Shapes.load([("bad.ttl", "this is not Turtle")])
    with pytest.raises(ContentError, match="not in order"):
        Shapes.load([("bad.ttl", "@prefix sh: <http://www.w3.org/ns/shacl#> . <x:s> a sh:PropertyShape .")])


def test_shapes_say_what_they_are(shapes):
    info = next(each for each in shapes.shapes if each.iri == expand("shapes:AgreementShape-party"))
    assert info.names == {"en": "party", "fr": "partie"}
    assert str(info.path) == "vet:party"
    assert info.messages["en"] == "Name the bodies that signed."


def test_a_small_submission_is_judged_quickly(shapes, context):
    submission = turtle(GOOD)
    validate(submission, shapes, context)
    start = time.process_time()
    for _ in range(5):
        validate(turtle(GOOD), shapes, context)
    assert (time.process_time() - start) / 5 < 0.5
