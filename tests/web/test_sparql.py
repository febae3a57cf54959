"""The endpoint by the SPARQL 1.1 Protocol, in every format, and what it refuses; by both doors of the service."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
import rdflib

from vetgraph.store import GraphStore

Problem = Callable[..., dict[str, Any]]

ACTS = """PREFIX vet: <https://w3id.org/vetgraph/ontology#> PREFIX id: <https://w3id.org/vetgraph/id/>
SELECT ?date WHERE { id:law-lu-2017-06-22 vet:actDate ?date }"""
ANEFORE = "DESCRIBE <https://w3id.org/vetgraph/id/anefore>"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ASK = "ASK { ?s a <https://w3id.org/vetgraph/ontology#LegalAct> }"


def ask(door: Any, query: str, accept: str | None, **parameters: Any) -> Any:
    headers = {} if accept is None else {"Accept": accept}
    return door.open("/sparql", query_string={"query": query, **parameters}, headers=headers)


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
def test_solutions_in_the_format_asked_for(door: Any, accept: str | None, content_type: str) -> None:
    response = ask(door, ACTS, accept)
    assert response.status_code == 200
    assert response.mimetype == content_type
    assert "2017-06-22" in response.text
    assert "Accept" in response.headers["Vary"]


def test_each_format_says_the_same(door: Any) -> None:
    from_json = json.loads(ask(door, ACTS, "application/sparql-results+json").text)
    assert [row["date"]["value"] for row in from_json["results"]["bindings"]] == ["2017-06-22"]
    xml = ElementTree.fromstring(ask(door, ACTS, "application/sparql-results+xml").text)
    literal = xml.find(".//{http://www.w3.org/2005/sparql-results#}literal")
    assert literal is not None
    assert literal.text == "2017-06-22"
    assert ask(door, ACTS, "text/csv").text.split() == ["date", "2017-06-22"]
    assert "2017-06-22" in ask(door, ACTS, "text/tab-separated-values").text.splitlines()[1]


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
def test_a_graph_in_each_format_is_the_same_graph(door: Any, accept: str, format_: str) -> None:
    response = ask(door, ANEFORE, accept)
    assert response.mimetype == accept
    dataset = rdflib.Dataset(default_union=True)
    dataset.parse(data=response.data, format=format_)
    graph = rdflib.Graph().parse(data=ask(door, ANEFORE, "text/turtle").data, format="turtle")
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
def test_a_boolean(door: Any, accept: str, body: str) -> None:
    assert body in ask(door, ASK, accept).text


def test_format_parameter_overrides_accept(door: Any, assert_problem: Problem) -> None:
    assert ask(door, ACTS, "text/html", format="csv").mimetype == "text/csv"
    assert_problem(ask(door, ACTS, None, format="pdf"), 400, "bad-parameter")


def test_nothing_acceptable_is_406_and_lists_what_there_is(door: Any, assert_problem: Problem) -> None:
    problem = assert_problem(ask(door, ACTS, "image/png"), 406, "not-acceptable")
    assert "text/csv" in problem["available"]


def test_post_as_form_and_as_body(door: Any) -> None:
    form = door.open("/sparql", method="POST", data={"query": ACTS})
    body = door.open("/sparql", method="POST", data=ACTS.encode(), content_type="application/sparql-query")
    assert form.get_json(force=True) == body.get_json(force=True)


def test_dataset_parameters_narrow_what_is_seen(door: Any) -> None:
    count = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"
    graph = "https://w3id.org/vetgraph/graph/curation"
    whole = int(ask(door, count, "text/csv").text.split()[1])
    one = int(ask(door, count, "text/csv", **{"default-graph-uri": graph}).text.split()[1])
    by_name = f"SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}"
    assert 0 < one < whole
    assert one == int(ask(door, by_name, "text/csv").text.split()[1])
    none = ask(door, count, "text/csv", **{"named-graph-uri": graph}).text.split()[1]
    assert none == "0"


def test_default_graph_is_the_union_of_the_named_graphs(door: Any) -> None:
    house = "https://w3id.org/vetgraph/id/house-of-guidance"
    text = f"SELECT (COUNT(DISTINCT ?g) AS ?graphs) WHERE {{ GRAPH ?g {{ <{house}> ?p ?o }} }}"
    assert int(ask(door, text, "text/csv").text.split()[1]) >= 3


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
        (get("INSERT DATA { <a:a> <a:b> 1 }"), 400, "query-syntax", "This is an update"),
        ({"query_string": {"update": "CLEAR ALL"}}, 400, "bad-parameter", "POST"),
        ({"query_string": {"update": "CLEAR ALL", "query": ASK}}, 400, "bad-parameter", "POST"),
        (post({"update": "LOAD <http://127.0.0.1:9/>"}), 403, "not-allowed", "VETGRAPH_ADMIN_TOKEN"),
        (post(b"CLEAR ALL", UPDATE), 403, "not-allowed", "VETGRAPH_ADMIN_TOKEN"),
        (post(ASK.encode(), "text/plain"), 415, "unsupported-media-type", "text/plain"),
        (post({"nothing": "1"}), 400, "bad-parameter", "neither `query` nor `update`"),
        (post(b"\xff", QUERY), 400, "query-syntax", "UTF-8"),
        ({"method": "PUT"}, 405, None, "does not answer PUT"),
        (get("SELECT (<http://example.org/f>(1) AS ?x) {}"), 400, "unsupported-query", "no function"),
        (get("SELECT * { FILTER(<http://example.org/f>(1)) }"), 400, "unsupported-query", "no function"),
        (get(ASK, timeout="soon"), 400, "bad-parameter", "seconds"),
        (get(ASK, at="last"), 400, "bad-parameter", "version"),
        (get(ASK, at="987654"), 404, "not-found", "987654"),
        (get(ASK, labels="!"), 400, "bad-parameter", "language"),
        (get(ASK, **{"using-graph-uri": "http://a"}), 400, "bad-parameter", "default-graph-uri"),
        ({**get(ASK), "headers": {"Vetgraph-Query": "no id"}}, 400, "bad-parameter", "8 to 64"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_bad_requests_are_told_what_to_do(
    door: Any, assert_problem: Problem, request_: dict[str, Any], status: int, slug: str | None, words: str
) -> None:
    problem = assert_problem(door.open("/sparql", **request_), status, slug)
    assert words in problem["detail"]


def test_syntax_errors_have_line_and_column(door: Any, assert_problem: Problem) -> None:
    problem = assert_problem(ask(door, "SELECT *\nWHERE { ?s ?p ?o", None), 400)
    assert (problem["line"], problem["column"]) == (2, 17)
    assert "not closed" in problem["hint"]
    undeclared = assert_problem(ask(door, "# é\nSELECT *\nWHERE { ?s vet:p ?o }", None), 400)
    assert (undeclared["line"], undeclared["column"]) == (3, 12)
    assert "add PREFIX vet: <https://w3id.org/vetgraph/ontology#> at the top" in undeclared["detail"]


def test_a_query_s_own_dataset_clause_counts_beside_the_union(door: Any) -> None:
    graph = "https://w3id.org/vetgraph/graph/curation"
    own = ask(door, f"SELECT (COUNT(*) AS ?n) FROM <{graph}> WHERE {{ ?s ?p ?o }}", "text/csv").text
    assert own == ask(door, f"SELECT (COUNT(*) AS ?n) WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}", "text/csv").text
    other = "https://w3id.org/vetgraph/graph/reference"
    stated = ask(
        door,
        f"SELECT (COUNT(*) AS ?n) FROM <{graph}> WHERE {{ ?s ?p ?o }}",
        "text/csv",
        **{"default-graph-uri": other},
    ).text
    assert stated != own


def test_relative_iris_have_the_base_of_the_graph(door: Any) -> None:
    text = "SELECT ?type { <id/anefore> a ?type FILTER(?type = <ontology#NationalAgency>) }"
    assert ask(door, text, "text/csv").text.split()[1:] == ["https://w3id.org/vetgraph/ontology#NationalAgency"]


def test_names_in_the_reader_s_language_stand_beside_iris(door: Any) -> None:
    text = "SELECT ?type { <https://w3id.org/vetgraph/id/anefore> a ?type } ORDER BY ?type"
    plain = list(csv.DictReader(ask(door, text, "text/csv").text.splitlines()))
    for language, name in (("en", "National agency"), ("fr", "Agence nationale")):
        labelled = list(csv.DictReader(ask(door, text, "text/csv", labels=language).text.splitlines()))
        assert [row["type"] for row in labelled] == [row["type"] for row in plain]
        assert name.lower() in {row["typeLabel"].lower() for row in labelled}
    answer = json.loads(ask(door, text, "application/json", labels="fr").text)
    assert answer["head"]["vars"] == ["type", "typeLabel"]
    assert all(row["typeLabel"]["type"] == "literal" for row in answer["results"]["bindings"] if "typeLabel" in row)


def test_a_large_answer_arrives_whole(door: Any) -> None:
    text = "SELECT ?s ?p ?o { ?s ?p ?o } LIMIT 20000"
    response = ask(door, text, "text/tab-separated-values")
    assert response.status_code == 200
    assert len(response.text.splitlines()) == 20_001
    assert response.headers["Vetgraph-Version"] == "1"


def test_head_has_the_headers_of_get(door: Any) -> None:
    got = door.open("/sparql", query_string={"query": ACTS, "format": "csv"})
    head = door.open("/sparql", method="HEAD", query_string={"query": ACTS, "format": "csv"})
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "ETag", "Vary", "Vetgraph-Version", "Cache-Control"):
        assert head.headers[name] == got.headers[name], name


def test_what_changes_by_itself_is_not_to_be_kept(door: Any) -> None:
    first, second = (ask(door, "SELECT (RAND() AS ?x) {}", "text/csv") for _ in range(2))
    assert first.text != second.text
    assert first.headers["Cache-Control"] == "no-store"
    assert "ETag" not in first.headers
    pages = [ask(door, "SELECT (RAND() AS ?x) {}", BROWSER) for _ in range(2)]
    assert pages[0].text != pages[1].text
    assert pages[0].headers["Cache-Control"] == "no-store"


def test_every_page_of_the_web_may_ask(door: Any) -> None:
    preflight = door.open("/sparql", method="OPTIONS", headers={"Origin": "http://e"})
    methods = set(preflight.headers["Access-Control-Allow-Methods"].replace(" ", "").split(","))
    assert methods == {"GET", "HEAD", "POST", "OPTIONS"}
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"].lower()
    for response in (ask(door, ACTS, None), ask(door, "nonsense", None)):
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "Vetgraph-Query" in response.headers["Access-Control-Expose-Headers"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


# -- the description --------------------------------------------------------------------------------------

SD = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
VOID = rdflib.Namespace("http://rdfs.org/ns/void#")


def described(door: Any) -> rdflib.Graph:
    response = door.open("/sparql", headers={"Accept": "text/turtle"})
    assert response.status_code == 200, response.text
    return rdflib.Graph().parse(data=response.data, format="turtle")


def test_the_description_says_what_there_is(door: Any, store: GraphStore) -> None:
    graph = described(door)
    (endpoint,) = graph.subjects(rdflib.RDF.type, SD.Service)
    assert graph.value(endpoint, SD.endpoint) == endpoint
    assert str(endpoint).endswith("/sparql")
    features = set(graph.objects(endpoint, SD.feature))
    assert features == {SD.UnionDefaultGraph, SD.EmptyGraphs}
    assert set(graph.objects(endpoint, SD.supportedLanguage)) == {SD.SPARQL11Query, SD.SPARQL12Query}
    assert not set(graph.objects(endpoint, SD.inputFormat))
    assert len(set(graph.objects(endpoint, SD.resultFormat))) == 10
    counts = {
        str(graph.value(node, SD.name)): graph.value(graph.value(node, SD.graph), VOID.triples)
        for node in graph.objects(None, SD.namedGraph)
    }
    assert counts == {name: rdflib.Literal(count) for name, count in store.version.counts.items()}


def test_the_description_of_a_service_that_takes_writes(writable: Any) -> None:
    writable.update("CREATE GRAPH <http://e/empty> ; INSERT DATA { <http://e/a> <http://e/p> 1 }")
    graph = described(writable)
    (endpoint,) = graph.subjects(rdflib.RDF.type, SD.Service)
    assert str(endpoint) == f"{writable.url}/sparql"
    assert set(graph.objects(endpoint, SD.feature)) == {SD.EmptyGraphs}
    assert {SD.SPARQL11Update, SD.SPARQL12Update} <= set(graph.objects(endpoint, SD.supportedLanguage))
    assert len(set(graph.objects(endpoint, SD.inputFormat))) == 4
    assert {str(name) for name in graph.objects(None, SD.name)} == {"http://e/empty"}
    (default,) = graph.objects(None, SD.defaultGraph)
    assert graph.value(default, VOID.triples) == rdflib.Literal(1)


# -- the page ---------------------------------------------------------------------------------------------


def test_without_a_query_browsers_get_the_page(door: Any) -> None:
    page = door.open("/sparql", headers={"Accept": BROWSER})
    assert page.mimetype == "text/html"
    assert "<textarea" in page.text
    assert "30 seconds" in page.text


def test_browsers_see_results_as_a_table(door: Any) -> None:
    page = ask(door, ACTS, BROWSER)
    assert page.mimetype == "text/html"
    assert "2017-06-22" in page.text
    assert "<table" in page.text
    posted = door.open("/sparql", method="POST", data={"query": ACTS}, headers={"Accept": BROWSER})
    assert "2017-06-22" in posted.text
    assert ask(door, ACTS, None, format="html").mimetype == "text/html"


def test_browsers_see_a_yes_and_a_graph(door: Any) -> None:
    assert '<p class="answer">Yes</p>' in ask(door, ASK, BROWSER).text
    assert "id:anefore prov:wasDerivedFrom" in ask(door, ANEFORE, BROWSER).text


@pytest.mark.parametrize("form", ["SELECT *", "CONSTRUCT { ?s ?p ?o }"])
def test_a_page_shows_no_more_than_it_can_hold(door: Any, form: str) -> None:
    page = ask(door, f"{form} {{ ?s ?p ?o }}", BROWSER)
    assert page.status_code == 200
    assert "There is more than a page can show" in page.text
    assert len(page.data) < 4_000_000


LARGE = f"SELECT ?x {{ BIND('{'y' * 5000}' AS ?o) BIND(CONCAT({', '.join(['?o'] * 1000)}) AS ?x) }}"
"""One row of 5 MB."""


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("SELECT * { ?s vet:p ?o }", 400, "PREFIX vet:"),
        (SERVICE, 403, "SERVICE"),
        (LARGE, 503, "page"),
    ],
    ids=["syntax", "service", "large"],
)
def test_what_is_wrong_is_said_above_the_query(door: Any, query: str, status: int, words: str) -> None:
    page = door.open("/sparql", method="POST", data={"query": query}, headers={"Accept": BROWSER})
    assert (page.status_code, page.mimetype) == (status, "text/html")
    alert = page.text.partition('role="alert"')[2].partition("</div>")[0]
    assert words in alert
    assert html.escape(query[:10]) in page.text


def test_terms_nested_without_end_are_no_page(door: Any) -> None:
    depth = 3000
    query = "SELECT ?x { BIND(" + "<<( <x:a> <x:p> " * depth + "1" + " )>>" * depth + " AS ?x) }"
    page = door.open("/sparql", method="POST", data={"query": query}, headers={"Accept": BROWSER})
    assert page.status_code in (400, 503)
    assert door.open("/healthz").status_code == 200


def test_etag_brings_304_and_the_version_is_in_the_header(door: Any) -> None:
    first = ask(door, ACTS, "text/csv")
    assert first.headers["Vetgraph-Version"] == "1"
    again = door.open(
        "/sparql", query_string={"query": ACTS}, headers={"Accept": "text/csv", "If-None-Match": first.headers["ETag"]}
    )
    assert (again.status_code, again.data) == (304, b"")
    other = ask(door, ACTS, "text/tab-separated-values")
    assert other.headers["ETag"] != first.headers["ETag"]
