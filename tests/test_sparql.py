"""The tokenizer that keeps SERVICE out, whatever it hides in."""

from __future__ import annotations

import pytest

from vetgraph.errors import NotAllowed
from vetgraph.sparql import Request, answer, keywords
from vetgraph.store import memory_store

EMPTY = memory_store([])


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }",
        "SELECT * { service<http://127.0.0.1:9/> { ?s ?p ?o } }",
        "SELECT * { SeRvIcE#comment\n<http://127.0.0.1:9/> { ?s ?p ?o } }",
        "SELECT * { SERVICE SILENT ?x { ?s ?p ?o } }",
        "SELECT * { FILTER(?a<?b)SERVICE<http://127.0.0.1:9/>{ ?s ?p ?o } }",
        "PREFIX : <http://127.0.0.1:9/> SELECT * { ?a ?x ?b FILTER(?a<?b)SERVICE :x#>\n{ ?s ?p ?o } }",
        "PREFIX : <http://127.0.0.1:9/> SELECT * { ?a ?x ?b FILTER(?a<?b)SERVICE:x#>\n{ ?s ?p ?o } }",
        'SELECT * { ?s ?p "a" SERVICE <http://127.0.0.1:9/> { ?s ?p "b" } }',
        "SELECT * { { SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } } } }",
    ],
)
def test_service_is_refused_wherever_it_stands(text: str) -> None:
    with pytest.raises(NotAllowed, match="asks no other hosts"):
        answer(EMPTY, Request(text))


@pytest.mark.parametrize(
    "text",
    [
        'SELECT * { ?s ?p "SERVICE" }',
        "SELECT * { ?s ?p '''a ' SERVICE''' }",
        'SELECT * { ?s ?p """ " SERVICE \\""" """ }',
        "SELECT * { ?s <http://example.org/SERVICE> ?o } # SERVICE",
        "PREFIX ex: <http://example.org/> SELECT * { ?s ex:service ?o ; ex:a-service ?service }",
        "PREFIX service: <http://example.org/> SELECT * { ?s service:x ?o }",
    ],
)
def test_the_word_in_texts_names_and_comments_is_no_keyword(text: str) -> None:
    assert "SERVICE" not in keywords(text)
    answer(EMPTY, Request(text))


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA { <http://e/a> <http://e/b> 1 }",
        "DELETE WHERE { ?s ?p ?o }",
        "LOAD <http://127.0.0.1:9/>",
        "CLEAR ALL",
    ],
)
def test_updates_are_refused_with_the_way_to_change_the_graph(text: str) -> None:
    with pytest.raises(NotAllowed, match="takes no updates"):
        answer(EMPTY, Request(text))
