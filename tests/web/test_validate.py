"""Validation over HTTP: what is handed in, how the report comes back, what is refused."""

from __future__ import annotations

import contextlib
import io
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
import rdflib
from flask.testing import FlaskClient

Problem = Callable[..., dict[str, Any]]

PREFIXES = """@prefix id: <https://w3id.org/vetgraph/id/> .
@prefix vet: <https://w3id.org/vetgraph/ontology#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
"""
GOOD = PREFIXES + "id:anefore vet:supervisedBy id:menje .\n"
BAD = PREFIXES + "id:anefore vet:supervisedBy\n    id:nobody .\n"
SH = rdflib.Namespace("http://www.w3.org/ns/shacl#")


def post(client: FlaskClient, data: str, accept: str | None = None, kind: str = "text/turtle", query: str = "") -> Any:
    headers = {"Accept": accept} if accept else {}
    return client.post(f"/validate{query}", data=data.encode(), content_type=kind, headers=headers)


@pytest.mark.parametrize(
    ("accept", "content_type", "format_"),
    [
        (None, "text/turtle", "turtle"),
        ("text/turtle", "text/turtle", "turtle"),
        ("application/ld+json", "application/ld+json", "json-ld"),
        ("application/n-triples", "application/n-triples", "nt"),
    ],
)
def test_the_report_as_rdf(client: FlaskClient, accept: str | None, content_type: str, format_: str) -> None:
    response = post(client, BAD, accept)
    assert (response.status_code, response.mimetype) == (200, content_type)
    graph = rdflib.Graph().parse(data=response.data, format=format_)
    report = graph.value(None, rdflib.RDF.type, SH.ValidationReport)
    assert graph.value(report, SH.conforms) == rdflib.Literal(False)
    values = {str(value) for value in graph.objects(None, SH.value)}
    assert "https://w3id.org/vetgraph/id/nobody" in values


def test_a_conforming_submission_is_200_and_conforms(client: FlaskClient) -> None:
    graph = rdflib.Graph().parse(data=post(client, GOOD).data, format="turtle")
    assert set(graph.objects(None, SH.conforms)) == {rdflib.Literal(True)}


def test_json_has_line_and_column(client: FlaskClient) -> None:
    report = post(client, BAD, "application/json").get_json()
    assert report["conforms"] is False
    text = json.dumps(report)
    assert '"line": 5' in text
    assert '"column": 5' in text


def test_text_and_sarif_and_page(client: FlaskClient) -> None:
    assert "id:nobody" in post(client, BAD, "text/plain").text
    sarif = json.loads(post(client, BAD, "application/sarif+json").data)
    assert sarif["version"] == "2.1.0"
    page = post(client, BAD, "text/html")
    assert page.mimetype == "text/html"
    assert "id:nobody" in page.text


@pytest.mark.parametrize("language", ["en", "fr", "de", "nl"])
def test_the_words_are_in_the_reader_s_language(client: FlaskClient, language: str) -> None:
    texts = {tag: post(client, BAD, "text/plain", query=f"?lang={tag}").text for tag in ("en", language)}
    assert (texts["en"] == texts[language]) == (language == "en")


@pytest.mark.parametrize(
    ("data", "context", "conforms"), [(GOOD, "store", True), (BAD, "store", False), (BAD, "none", True)]
)
def test_references_are_judged_where_the_store_is_the_context(
    client: FlaskClient, data: str, context: str, conforms: bool
) -> None:
    report = post(client, data, "application/json", query=f"?context={context}").get_json()
    assert report["conforms"] is conforms


def test_a_file_with_shapes_of_its_own(client: FlaskClient) -> None:
    shapes = """@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix ex: <http://example.org/> .
    ex:S a sh:NodeShape ; sh:targetClass ex:C ; sh:property [ sh:path ex:p ; sh:minCount 1 ] ."""
    data = "@prefix ex: <http://example.org/> . ex:x a ex:C ."
    response = client.post(
        "/validate?context=none",
        data={"data": (io.BytesIO(data.encode()), "d.ttl"), "shapes": (io.BytesIO(shapes.encode()), "s.ttl")},
        headers={"Accept": "text/turtle"},
    )
    graph = rdflib.Graph().parse(data=response.data, format="turtle")
    assert set(graph.objects(None, SH.sourceConstraintComponent)) == {SH.MinCountConstraintComponent}


def test_pasted_text_of_a_form(client: FlaskClient) -> None:
    form = {"text": BAD.replace("\n", "\r\n"), "format": "ttl", "context": "store"}
    report = client.post("/validate", data=form, headers={"Accept": "application/json"}).get_json()
    assert '"line": 5' in json.dumps(report)


def test_json_ld_that_names_our_own_context(client: FlaskClient) -> None:
    document = {
        "@context": "https://w3id.org/vetgraph/context.jsonld",
        "id": "https://w3id.org/vetgraph/id/anefore",
        "supervisedBy": "https://w3id.org/vetgraph/id/menje",
    }
    response = post(client, json.dumps(document), "application/json", "application/ld+json")
    assert response.get_json()["conforms"] is True


BOMB = """<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="&b;"/></rdf:RDF>"""
REMOTE = json.dumps({"@context": "http://127.0.0.1:9/context.jsonld", "@id": "http://example.org/x"})


@pytest.mark.parametrize(
    ("data", "kind", "query", "status", "words"),
    [
        (PREFIXES + "id:a id:b .\n", "text/turtle", "", 400, "line 4"),
        ("", "text/turtle", "", 400, "empty"),
        (GOOD, "image/png", "", 415, "image/png"),
        (GOOD, "text/turtle", "?context=moon", 400, "`store` or `none`"),
        (GOOD, "text/turtle", "?format=pdf", 400, "pdf"),
        (BOMB, "application/rdf+xml", "", 400, ""),
        (REMOTE, "application/ld+json", "", 400, "context"),
    ],
    ids=["syntax", "empty", "media type", "context", "format", "entities", "remote context"],
)
def test_what_is_refused(
    client: FlaskClient, assert_problem: Problem, data: str, kind: str, query: str, status: int, words: str
) -> None:
    problem = assert_problem(post(client, data, kind=kind, query=query), status)
    assert words in problem["detail"]


def test_a_syntax_error_shows_the_offending_line(client: FlaskClient, assert_problem: Problem) -> None:
    problem = assert_problem(post(client, PREFIXES + "id:a id:b .\n"), 400, "unreadable-data")
    assert problem["line"] == 4
    assert problem["text"] == "id:a id:b ."


def with_shapes(client: FlaskClient, constraint: str, accept: str = "application/json", query: str = "") -> Any:
    shapes = f"""@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix ex: <http://example.org/> .
    ex:S a sh:NodeShape ; sh:targetNode <https://w3id.org/vetgraph/id/anefore> ; {constraint} ."""
    files = {"data": (io.BytesIO(GOOD.encode()), "d.ttl"), "shapes": (io.BytesIO(shapes.encode()), "s.ttl")}
    return client.post(f"/validate{query}", data=files, headers={"Accept": accept})


@pytest.mark.parametrize("context", ["none", "store"])
@pytest.mark.parametrize(("wanted", "conforms"), [("menje", False), ("nobody", True)])
def test_uploaded_shapes_may_run_queries(client: FlaskClient, context: str, wanted: str, conforms: bool) -> None:
    iri = f"<https://w3id.org/vetgraph/id/{wanted}>"
    supervised = "https://w3id.org/vetgraph/ontology#supervisedBy"
    select = f"SELECT $this ?value {{ $this <{supervised}> ?value . FILTER(?value = {iri}) }}"
    constraint = f'sh:sparql [ sh:message "Not that one." ; sh:select "{select}" ]'
    response = with_shapes(client, constraint, query=f"?context={context}")
    assert response.status_code == 200
    report = response.get_json()
    assert report["conforms"] is conforms
    assert conforms or "Not that one." in response.text


@pytest.mark.parametrize(
    ("constraint", "status", "slug"),
    [
        ('sh:sparql [ sh:select "SELECT $this { SERVICE <http://127.0.0.1:9/> {} }" ]', 400, "bad-parameter"),
        ('sh:sparql [ sh:select "SELECT $this {" ]', 400, "bad-parameter"),
        ('sh:js [ sh:jsFunctionName "f" ]', 403, "not-allowed"),
        ("sh:rule [ a sh:TripleRule ]", 403, "not-allowed"),
    ],
)
def test_shapes_that_reach_beyond_the_data_are_refused(
    client: FlaskClient, assert_problem: Problem, constraint: str, status: int, slug: str
) -> None:
    assert_problem(with_shapes(client, constraint), status, slug)


def first(url: str, triples: str) -> None:
    """Validate once: our own shapes are read for it, which a busy machine may not do within the limit."""
    form = urllib.parse.urlencode({"data": triples}).encode()
    for _ in range(5):
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/validate", form, timeout=30).close()
            return


def test_a_query_in_shapes_that_never_ends_is_ended(start_server: Callable[..., Any]) -> None:
    triples = "".join(f"<http://example.org/{n}> <http://example.org/p> {n} .\n" for n in range(300))
    body = "?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l FILTER(?c + ?f + ?i + ?l < 0)"
    shapes = f"""@prefix sh: <http://www.w3.org/ns/shacl#> .
    <http://example.org/S> a sh:NodeShape ; sh:targetNode <http://example.org/1> ;
      sh:sparql [ sh:select "SELECT $this {{ $this ?p ?o . {body} }}" ] ."""
    with start_server("--empty", VETGRAPH_QUERY_TIMEOUT="3") as url:
        first(url, triples)
        started = time.monotonic()
        form = urllib.parse.urlencode({"data": triples, "shapes": shapes}).encode()
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/validate", form, timeout=30)
        assert caught.value.status == 503
        assert json.load(caught.value)["type"] == "/problems/limit-exceeded"
        assert time.monotonic() - started < 4


def test_a_heavy_validation_is_ended_and_keeps_nobody_waiting(start_server: Callable[..., Any]) -> None:
    acts = "".join(f'<http://example.org/{n}> a vet:LegalAct ; vet:actDate "x{n}" .\n' for n in range(19_000))
    refused: list[tuple[int, str]] = []

    def submit(url: str) -> None:
        heavy = urllib.request.Request(
            f"{url}/validate?timeout=3", (PREFIXES + acts).encode(), {"Content-Type": "text/turtle"}
        )
        try:
            urllib.request.urlopen(heavy, timeout=30).close()
        except urllib.error.HTTPError as error:
            with error:
                refused.append((error.code, json.load(error)["type"]))

    with start_server() as url:
        heavy = threading.Thread(target=submit, args=(url,))
        heavy.start()
        longest = 0.0
        while heavy.is_alive():
            started = time.monotonic()
            urllib.request.urlopen(f"{url}/sparql?query=ASK%7B%7D", timeout=30).close()
            longest = max(longest, time.monotonic() - started)
        heavy.join()
    assert refused == [(503, "/problems/limit-exceeded")]
    assert longest < 1.5
