"""Syntax errors: the very place, and what to write instead."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vetgraph.errors import QuerySyntaxError
from vetgraph.hints import LONGEST, explained

EX = "PREFIX ex: <http://example.org/> "


def refused(text: str, *, update: bool = False) -> QuerySyntaxError:
    """Return our error for a text that the engine refuses."""
    store = ox.Store()
    with pytest.raises(SyntaxError) as caught:
        (store.update if update else store.query)(text, base_iri="http://example.org/")
    return explained(str(caught.value.msg or caught.value), text, update=update)


# The column is where the faulty token starts; in the text it is marked by ¦.
QUERIES = [
    ("SELECT * {\n ?s ¦vet:bar ?o }", "PREFIX vet: <https://w3id.org/vetgraph/ontology#>"),
    ("SELECT * { <relative> ¦foo:bar ?o }", "PREFIX foo: <http://example.org/>"),
    ("SELECT * { ?s ¦foo:bar ?o }", "PREFIX foo: <http://example.org/>"),
    ("SELECT * { ?s ?p ¦http://example.org/ }", "between < and >"),
    ("SELECT * { ?s <a b¦> ?o }", "between < and >, without spaces"),
    ("PREFIX ¦ex <http://e/> SELECT * {}", "with a colon"),
    ("PREFIX ex: ¦http://e/ SELECT * {}", "between < and >"),
    ("PREFIX ex: <http://e/> ¦. SELECT * {}", "no dot"),
    ("¦@prefix ex: <http://e/> . SELECT * {}", "without @"),
    ("SELECT * {\n ?s ?p ?o¦", "The { at line 1, column 10 is not closed"),
    ("SELECT * { FILTER(?x = 1 ¦}", None),
    ("SELECT * { ?s ?p ?o }¦}", "one } too many"),
    ("SELECT * { ?s ?p ?o . ?x ¦= 1 }", "BIND(expression AS ?x)"),
    ("SELECT * { ?s ?p ?o . ?x ¦:= 1 }", "BIND(expression AS ?x)"),
    ("SELECT * { BIND(?x = 1¦) }", "BIND wants the value first"),
    ("SELECT * { BIND(1 AS ?x) BIND(2 AS ?x) ¦}", "?x has a value already"),
    ("SELECT ?a¦, ?b { ?a ?p ?b }", "without commas"),
    ("SELECT ¦COUNT(*) { ?s ?p ?o }", "SELECT (COUNT(*) AS ?count)"),
    ("SELECT DISTINCT ¦COUNT(?x) { ?s ?p ?x }", "SELECT (COUNT(*) AS ?count)"),
    ("SELECT (COUNT(*) ¦?n) {}", "AS ?n"),
    ("SELECT ?my¦-var { ?s ?p ?o }", "no hyphen"),
    ("SELECT * WHERE ¦?s ?p ?o", "The pattern after WHERE"),
    ("SELECT * { OPTIONAL ¦?s ?p ?o }", "The pattern after OPTIONAL"),
    ("SELECT * { FILTER ¦?x > 1 }", "FILTER(…)"),
    ("SELECT * { ?s ?p ?o FILTER(?o =¦= 1) }", "one ="),
    ("SELECT * { FILTER(?x ¦AND ?y) }", "Write && instead of AND"),
    ("SELECT * { FILTER(?x ¦LIKE 'y') }", "CONTAINS(text, part)"),
    ("SELECT * { FILTER(¦CONTAIN(?x, 'y')) }", "is it CONTAINS?"),
    ("SELECT * { FILTER(¦FUBAR(?x)) }", "called by their IRI"),
    ("SELECT * { FILTER NOT ¦EXIST { ?s ?p ?o } }", "Is it EXISTS?"),
    ("¦SELCT * {}", "Is it SELECT?"),
    ("SELECT * { ?s ?p ¦“x” }", "straight quotation marks"),
    ("SELECT * { ?s ?p ¦'abc }", "not closed in its line"),
    ("SELECT * { ?s ?p ?o , ¦}", "take the comma out"),
    ("SELECT * { ?s a ¦}", "not whole"),
    ("SELECT * { ?s ?p ?o } GROUP ¦?s", "Write GROUP BY"),
    ("SELECT * { ?s ?p ?o } ORDER BY DESC ¦?s", "DESC(…)"),
    ("SELECT * { ?s ?p ?o } LIMIT ¦?x", "a whole number"),
    ("SELECT * { ?s ?p ?o } LIMIT 10 ¦ORDER BY ?s", "The order is"),
    ("SELECT * { ?s ?p ?o ¦LIMIT 10 }", "after the last }"),
    ("¦INSERT DATA { <http://a> <http://b> 1 }", "This is an update"),
]

UPDATES = [
    ("¦SELECT * {}", "This is a query"),
    ("CLEAR ¦XYZ", "GRAPH <…>, DEFAULT, NAMED or ALL"),
    ("INSERT { <http://a> <http://b> 1 }¦", "need WHERE"),
    ("INSERT DATA { <http://a> <http://b> 1 } ¦INSERT DATA { <http://a> <http://b> 2 }", "by a semicolon"),
    ("INSERT DATA { <http://a> ¦skos:note 1 }", "PREFIX skos: <http://www.w3.org/2004/02/skos/core#>"),
]


@pytest.mark.parametrize(("marked", "words"), QUERIES, ids=[text for text, _ in QUERIES])
def test_a_usual_mistake_is_recognised_where_it_is(marked: str, words: str | None) -> None:
    check(marked, words, update=False)


@pytest.mark.parametrize(("marked", "words"), UPDATES, ids=[text for text, _ in UPDATES])
def test_a_usual_mistake_in_an_update_too(marked: str, words: str) -> None:
    check(marked, words, update=True)


def check(marked: str, words: str | None, *, update: bool) -> None:
    before, _, after = marked.partition("¦")
    error = refused(before + after, update=update)
    place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    assert (error.facts["line"], error.facts["column"]) == place, error.detail
    assert f"line {place[0]}, column {place[1]}" in error.detail
    if words is None:
        assert "hint" not in error.facts
    else:
        assert words in str(error.facts["hint"])
        assert error.detail.endswith(str(error.facts["hint"]))


@pytest.mark.parametrize(
    ("text", "words", "update"),
    [
        ("SELECT ?s ?p { ?s ?p ?o } GROUP BY ?s", "neither grouped nor aggregated", False),
        ("SELECT (?s AS ?s) { ?s ?p ?o }", "choose another name after AS", False),
        ("SELECT ?s ?s { ?s ?p ?o }", "stands twice in SELECT", False),
        ("INSERT DATA { ?s ?p 1 }", "INSERT DATA takes no variables", True),
        ("DELETE DATA { _:a <http://b> 1 }", "DELETE DATA takes neither", True),
    ],
)
def test_what_is_no_fault_of_the_grammar_is_said_in_words(text: str, words: str, update: bool) -> None:
    assert words in refused(text, update=update).detail


@pytest.mark.parametrize("text", ["", "  \n"])
def test_an_empty_text_is_called_empty(text: str) -> None:
    assert "is empty" in explained("error at 1:1: expected SELECT", text).detail


def test_a_very_long_text_has_the_place_that_the_engine_names() -> None:
    error = refused("SELECT * {\n" + "?s ?p ?o .\n" * (LONGEST // 10) + "}}")
    assert error.facts["line"] == LONGEST // 10 + 2


def test_no_hint_for_what_is_declared() -> None:
    assert "not declared" not in refused(EX + "SELECT * { ?s ex:a ex:b ex:c }").detail


@given(st.text(st.sampled_from(list("SELECT*?s {}<>\"'.;,=:()@#\n\\a1-&|!")), max_size=60))
def test_any_text_is_explained(text: str) -> None:
    for update in (False, True):
        error = explained("error at 1:1: expected SELECT", text, update=update)
        assert error.detail.startswith("The update does" if update else "The query does")
        assert "\n" not in error.detail
