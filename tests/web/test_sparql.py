"""The endpoint by the SPARQL 1.1 Protocol, in every format, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
import rdflib
from flask.testing import FlaskClient

Problem = Callable[..., dict[str, Any]]

ACTS = """PREFIX vet: <https://w3id.org/vetgraph/ontology#> PREFIX id: <https://w3id.org/vetgraph/id/>
SELECT ?date WHERE { id:law-lu-2017-06-22 vet:actDate ?date }"""
ANEFORE = "DESCRIBE <https://w3id.org/vetgraph/id/anefore>"
ASK = "ASK { ?s a <https://w3id.org/vetgraph/ontology#LegalAct> }"


def ask(client: FlaskClient, query: str, accept: str | None, **parameters: Any) -> Any:
    headers = {} if accept is None else {"Accept": accept}
    return client.get("/sparql", query_string={"query": query, **parameters}, headers=headers)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/sparql-results+json"),
        ("*/*", "application/sparql-results+json"),
        ("application/sparql-results+json", "application/sparql-results+json"),
        ("application/json", "application/sparql-results+json"),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("text/csv", "text/csv"),
        ("text/tab-separated-values", "text/tab-separated-values"),
        ("text/csv;q=0.5, application/sparql-results+xml;q=0.9", "application/sparql-results+xml"),
        ("application/pdf, text/csv;q=0.1", "text/csv"),
        ("text/*", "text/csv"),
        ("application/sparql-results+json;q=0, */*;q=0.1", "application/sparql-results+xml"),
    ],
)
def test_solutions_in_the_format_asked_for(client: FlaskClient, accept: str | None, content_type: str) -> None:
    response = ask(client, ACTS, accept)
    assert response.status_code == 200
    assert response.mimetype == content_type
    assert "2017-06-22" in response.text
    assert "Accept" in response.headers["Vary"]


def test_each_format_says_the_same(client: FlaskClient) -> None:
    from_json = json.loads(ask(client, ACTS, "application/sparql-results+json").text)
    assert [row["date"]["value"] for row in from_json["results"]["bindings"]] == ["2017-06-22"]
    xml = ElementTree.fromstring(ask(client, ACTS, "application/sparql-results+xml").text)
    literal = xml.find(".//{http://www.w3.org/2005/sparql-results#}literal")
    assert literal is not None
    assert literal.text == "2017-06-22"
    assert ask(client, ACTS, "text/csv").text.split() == ["date", "2017-06-22"]
    assert "2017-06-22" in ask(client, ACTS, "text/tab-separated-values").text.splitlines()[1]


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        ("text/turtle", "turtle"),
        ("application/n-triples", "nt"),
        ("application/ld+json", "json-ld"),
        ("application/rdf+xml", "xml"),
        ("application/trig", "trig"),
        ("application/n-quads", "nquads"),
    ],
)
def test_a_graph_in_each_format_is_the_same_graph(client: FlaskClient, accept: str, format_: str) -> None:
    response = ask(client, ANEFORE, accept)
    assert response.mimetype == accept
    dataset = rdflib.Dataset(default_union=True)
    dataset.parse(data=response.data, format=format_)
    graph = rdflib.Graph().parse(data=ask(client, ANEFORE, "text/turtle").data, format="turtle")
    assert {t[:3] for t in dataset.quads()} == set(graph)
    assert len(graph) > 5


@pytest.mark.parametrize(
    ("accept", "body"),
    [
        ("application/sparql-results+json", '"boolean":true'),
        ("text/csv", "true\n"),
        ("text/tab-separated-values", "true\n"),
    ],
)
def test_a_boolean(client: FlaskClient, accept: str, body: str) -> None:
    assert body in ask(client, ASK, accept).text


def test_format_parameter_overrides_accept(client: FlaskClient, assert_problem: Problem) -> None:
    assert ask(client, ACTS, "text/html", format="csv").mimetype == "text/csv"
    assert_problem(ask(client, ACTS, None, format="pdf"), 400, "bad-parameter")


def test_nothing_acceptable_is_406_and_lists_what_there_is(client: FlaskClient, assert_problem: Problem) -> None:
    problem = assert_problem(ask(client, ACTS, "image/png"), 406, "not-acceptable")
    assert "text/csv" in problem["available"]


def test_post_as_form_and_as_body(client: FlaskClient) -> None:
    form = client.post("/sparql", data={"query": ACTS})
    body = client.post("/sparql", data=ACTS.encode(), content_type="application/sparql-query")
    assert form.get_json(force=True) == body.get_json(force=True)


def test_dataset_parameters_narrow_what_is_seen(client: FlaskClient) -> None:
    count = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"
    graph = "https://w3id.org/vetgraph/graph/curation"
    whole = int(ask(client, count, "text/csv").text.split()[1])
    one = int(ask(client, count, "text/csv", **{"default-graph-uri": graph}).text.split()[1])
    by_name = f"SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}"
    assert 0 < one < whole
    assert one == int(ask(client, by_name, "text/csv").text.split()[1])
    none = ask(client, count, "text/csv", **{"named-graph-uri": graph}).text.split()[1]
    assert none == "0"


def test_default_graph_is_the_union_of_the_named_graphs(client: FlaskClient) -> None:
    house = "https://w3id.org/vetgraph/id/house-of-guidance"
    text = f"SELECT (COUNT(DISTINCT ?g) AS ?graphs) WHERE {{ GRAPH ?g {{ <{house}> ?p ?o }} }}"
    assert int(ask(client, text, "text/csv").text.split()[1]) >= 3


SERVICE = "SELECT * { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }"
UPDATE = "application/sparql-update"
QUERY = "application/sparql-query"


def get(query: str, **parameters: str) -> dict[str, Any]:
    return {"query_string": {"query": query, **parameters}}


def post(data: Any, content_type: str | None = None) -> dict[str, Any]:
    return {"method": "POST", "data": data, "content_type": content_type}


@pytest.mark.parametrize(
    ("request_", "status", "slug", "words"),
    [
        (get("SELECT * WHERE {\n ?s ?p"), 400, "query-syntax", "line 2, column"),
        (get(""), 400, "query-syntax", "does not parse"),
        ({"query_string": "query=ASK%7B%7D&query=ASK%7B%7D"}, 400, "bad-parameter", "exactly one"),
        (get(ASK, **{"default-graph-uri": "nowhere"}), 400, "bad-parameter", "absolute IRI"),
        (get(SERVICE), 403, "not-allowed", "SERVICE"),
        (get("INSERT DATA { <a:a> <a:b> 1 }"), 403, "not-allowed", "takes no updates"),
        ({"query_string": {"update": "CLEAR ALL"}}, 403, "not-allowed", "takes no updates"),
        (post({"update": "LOAD <http://127.0.0.1:9/>"}), 403, "not-allowed", "takes no updates"),
        (post(b"CLEAR ALL", UPDATE), 403, "not-allowed", "updates"),
        (post(ASK.encode(), "text/plain"), 415, "unsupported-media-type", "text/plain"),
        (post({"nothing": "1"}), 400, "bad-parameter", "exactly one"),
        (post(b"\xff", QUERY), 400, "query-syntax", "UTF-8"),
        ({"method": "PUT"}, 405, None, "does not answer PUT"),
        (get("SELECT (<http://example.org/f>(1) AS ?x) {}"), 400, "unsupported-query", "not supported"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_requests_are_told_what_to_do(
    client: FlaskClient, assert_problem: Problem, request_: dict[str, Any], status: int, slug: str | None, words: str
) -> None:
    problem = assert_problem(client.open("/sparql", **request_), status, slug)
    assert words in problem["detail"]


def test_syntax_errors_have_line_and_column(client: FlaskClient, assert_problem: Problem) -> None:
    problem = assert_problem(ask(client, "SELECT *\nWHERE { ?s ?p ?o", None), 400)
    assert (problem["line"], problem["column"]) == (2, 17)


def test_without_a_query_machines_get_the_description_and_browsers_the_page(client: FlaskClient) -> None:
    graph = rdflib.Graph().parse(data=client.get("/sparql", headers={"Accept": "text/turtle"}).data, format="turtle")
    sd = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
    assert (None, sd.feature, sd.UnionDefaultGraph) in graph
    named = {str(o) for o in graph.objects(None, sd.name)}
    assert "https://w3id.org/vetgraph/graph/lu-mobility-fiche-2021" in named
    page = client.get("/sparql", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.mimetype == "text/html"
    assert "<textarea" in page.text


def test_browsers_see_results_as_a_table(client: FlaskClient) -> None:
    page = ask(client, ACTS, "text/html,application/xhtml+xml,*/*;q=0.8")
    assert page.mimetype == "text/html"
    assert "2017-06-22" in page.text


def test_etag_brings_304_and_the_version_is_in_the_header(client: FlaskClient) -> None:
    first = ask(client, ACTS, "text/csv")
    assert first.headers["Vetgraph-Version"] == "1"
    again = client.get(
        "/sparql", query_string={"query": ACTS}, headers={"Accept": "text/csv", "If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    other = ask(client, ACTS, "text/tab-separated-values")
    assert other.headers["ETag"] != first.headers["ETag"]
