"""What the document about a thing says, in whose words, page by page; and what became of things that are no more."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote, unquote

import pyoxigraph as ox
import pytest
from flask import Flask
from flask.testing import FlaskClient

from vetgraph.settings import Settings
from vetgraph.store import GraphStore, memory_store
from vetgraph.vocab import BASE, LABELS
from vetgraph.web import create_app

from .conftest import Http

Problem = Callable[..., dict[str, Any]]
DOC = BASE + "doc/"
LARGE = "source/lu-mobility-fiche-2021"
FACT = ox.Triple(
    ox.NamedNode(f"{BASE}id/anefore"), ox.NamedNode(f"{BASE}ontology#supervisedBy"), ox.NamedNode(f"{BASE}id/menje")
)


def quads_of(client: FlaskClient, address: str) -> list[ox.Quad]:
    response = client.get(address)
    assert response.status_code == 200, response.text
    format_ = ox.RdfFormat.from_media_type(response.mimetype)
    assert format_ is not None
    return list(ox.parse(response.data, format=format_))


def triples_of(client: FlaskClient, address: str) -> set[ox.Triple]:
    return {quad.triple for quad in quads_of(client, address)}


def iris(triples: Iterable[ox.Triple]) -> set[ox.NamedNode]:
    terms = (term for triple in triples for term in (triple.subject, triple.predicate, triple.object))
    return {term for term in terms if isinstance(term, ox.NamedNode)}


# -- what it says -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["id/anefore", "id/luxembourg", "scheme/thematic-area/recognition", "ontology%23Claim"]
)
def test_both_directions_are_there_whole(client: FlaskClient, store: GraphStore, path: str) -> None:
    said = triples_of(client, f"/doc/{path}.nt")
    node = ox.NamedNode(BASE + unquote(path))
    stored = {quad.triple for quad in (*store.quads(node), *store.quads(object_=node))}
    for quad in stored:
        blank = [term for term in (quad.subject, quad.object) if isinstance(term, ox.BlankNode)]
        assert blank or quad in said, quad
    assert len(stored) > 10


def test_everything_that_is_mentioned_has_its_labels(client: FlaskClient, store: GraphStore) -> None:
    said = quads_of(client, "/doc/id/anefore.nq")
    mentioned = iris(quad.triple for quad in said) | {
        q.graph_name for q in said if isinstance(q.graph_name, ox.NamedNode)
    }
    labels = {quad.triple for quad in said if quad.predicate.value in LABELS}
    for node in mentioned:
        known = [[q.triple for q in store.quads(node, ox.NamedNode(name))] for name in LABELS]
        wanted = next((found for found in known if found), [])
        assert set(wanted) <= labels, node
    assert len(labels) > 200


def test_labels_can_be_left_out(client: FlaskClient) -> None:
    """Without labels there is what is said of the thing, its own name among it, and nothing besides."""
    whole, bare = triples_of(client, "/doc/id/anefore.nt"), triples_of(client, "/doc/id/anefore.nt?labels=no")
    assert bare < whole
    assert {triple.predicate.value for triple in whole - bare} <= set(LABELS)
    node, document = ox.NamedNode(f"{BASE}id/anefore"), ox.NamedNode(f"{DOC}id/anefore")
    assert all(node in (t.subject, t.object) or t.subject == document for t in bare)
    assert any(t.subject == node and t.predicate.value in LABELS for t in bare)


def test_named_graphs_say_what_they_say(client: FlaskClient, store: GraphStore) -> None:
    quads = quads_of(client, "/doc/id/anefore.nq")
    graphs = {q.graph_name for q in store.quads(FACT.subject, FACT.predicate, FACT.object)}
    assert {q.graph_name for q in quads if q.triple == FACT} == graphs
    for quad in quads:
        if isinstance(quad.graph_name, ox.NamedNode):
            assert next(iter(store.quads(*quad.triple)), None) is not None
        else:
            assert quad.subject.value.startswith((DOC, f"{BASE}dataset", f"{BASE}version/", "https://creativecommons"))
    assert set(quads_of(client, "/doc/id/anefore.trig")) == set(quads)


def test_a_document_speaks_of_itself(client: FlaskClient, store: GraphStore) -> None:
    document = ox.NamedNode(f"{DOC}id/anefore")
    said = {
        (t.predicate.value, t.object.value) for t in triples_of(client, "/doc/id/anefore.nt") if t.subject == document
    }
    graphs = {q.graph_name.value for q in store.quads(ox.NamedNode(f"{BASE}id/anefore"))}
    for predicate, value in (
        ("http://xmlns.com/foaf/0.1/primaryTopic", f"{BASE}id/anefore"),
        ("http://rdfs.org/ns/void#inDataset", f"{BASE}dataset"),
        ("http://purl.org/dc/terms/license", "https://creativecommons.org/licenses/by/4.0/"),
        ("http://www.w3.org/ns/dcat#version", "1"),
        ("http://purl.org/dc/terms/modified", store.version.built.isoformat()),
        *(("http://www.w3.org/ns/prov#wasDerivedFrom", graph) for graph in graphs),
    ):
        assert (predicate, value) in said


# -- where it is ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ttl", "text/turtle", "turtle", "TTL"])
def test_the_format_may_be_a_parameter(client: FlaskClient, name: str) -> None:
    response = client.get("/doc/id/anefore", query_string={"format": name}, headers={"Accept": "text/html"})
    assert response.mimetype == "text/turtle"
    assert "Accept" not in response.headers["Vary"].split(", ")
    assert response.data == client.get("/doc/id/anefore.ttl").data
    led = client.get("/id/anefore", query_string={"format": name, "labels": "no"})
    assert led.headers["Location"].endswith("/doc/id/anefore.ttl?labels=no")


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/doc/id/anefore?format=pdf", 400, "trig"),
        ("/id/anefore?format=csv", 400, "jsonld"),
        ("/ontology?format=csv", 400, "jsonld"),
        ("/doc/id/anefore?labels=maybe", 400, "labels=no"),
        ("/doc/id/anefore?page=0", 400, "from 1"),
        ("/doc/id/anefore?page=x", 400, "from 1"),
        ("/doc/id/anefore?page=2", 404, "last page is 1"),
        ("/doc/id/anefore.docx", 404, "anefore.docx"),
        ("/dataset/x", 404, "/dataset/x"),
        ("/distribution/nothing", 404, "nothing"),
        ("/version/99", 404, "99"),
        ("/ontology/9.9.9", 404, "versionIRI"),
        ("/source/nobody", 404, "/search"),
    ],
)
def test_what_can_t_be_had_is_told(
    client: FlaskClient, assert_problem: Problem, address: str, status: int, words: str
) -> None:
    assert words in assert_problem(client.get(address, headers={"Accept": "*/*"}), status)["detail"]


def test_406_lists_what_there_is(client: FlaskClient, assert_problem: Problem) -> None:
    for address in ("/doc/id/anefore", "/id/anefore", "/ontology", "/dataset"):
        problem = assert_problem(client.get(address, headers={"Accept": "image/png, text/csv"}), 406)
        assert {"text/html", "text/turtle", "application/trig", "application/n-quads"} <= set(problem["available"])


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "address", ["/id/anefore", "/doc/id/anefore.trig", "/dataset", "/ontology.ttl", "/ontology/0.1.0"]
)
def test_head_and_options(client: FlaskClient, method: str, address: str) -> None:
    response = client.open(address, method=method, headers={"Origin": "https://example.org"})
    assert response.data == b""
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in response.headers
    if method == "HEAD":
        get = client.get(address)
        assert (response.status_code, response.headers.get("ETag")) == (get.status_code, get.headers.get("ETag"))
    else:
        assert response.status_code == 200
        assert {"GET", "HEAD", "OPTIONS"} <= set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize(
    ("address", "accept", "location"),
    [
        ("/", "text/turtle", "/doc/dataset.ttl"),
        ("/", "application/ld+json, text/html;q=0.5", "/doc/dataset.jsonld"),
        ("/dataset", "text/html", "/doc/dataset"),
        ("/ontology/0.1.0", "text/turtle", "/ontology.ttl"),
        ("/shapes/0.1.0", "application/n-quads", "/shapes.nq"),
        ("/ontology/alignments", "application/trig", "/ontology.trig"),
        ("/distribution/ontology.ttl", "application/n-triples", "/doc/distribution/ontology.ttl.nt"),
    ],
)
def test_other_names_lead_to_their_documents(client: FlaskClient, address: str, accept: str, location: str) -> None:
    response = client.get(address, headers={"Accept": accept})
    assert response.status_code == 303
    assert response.headers["Location"].endswith(location)
    assert "Accept" in response.headers["Vary"]
    assert client.get(location, headers={"Accept": accept}).mimetype in accept


def test_every_name_under_the_base_has_an_address(app: Flask, store: GraphStore) -> None:
    """Each IRI of ours, wherever it stands in a statement, is answered by a route that knows its kind."""
    adapter = app.url_map.bind("localhost")
    terms = {t for quad in store.quads() for t in (quad.subject, quad.predicate, quad.object, quad.graph_name)}
    paths = {
        t.value.removeprefix(BASE).partition("#")[0]
        for t in terms
        if isinstance(t, ox.NamedNode) and t.value.startswith(BASE)
    }
    assert len(paths) > 10_000
    kinds: dict[str, list[str]] = {}
    for path in sorted(paths):
        endpoint, _ = adapter.match("/" + quote(path), method="GET")
        kinds.setdefault(f"{endpoint} {path.partition('/')[0]}", []).append(path)
    client = app.test_client()
    for paths_of_kind in kinds.values():
        for path in paths_of_kind[:: max(1, len(paths_of_kind) // 8)]:
            response = client.get("/" + quote(path), headers={"Accept": "application/n-triples"}, follow_redirects=True)
            assert response.status_code == 200, path


# -- pages ------------------------------------------------------------------------------------------


def relations(link: str) -> dict[str, str]:
    return {relation: target for target, relation in re.findall(r'<([^>]*)>; rel="(first|prev|next|last)"', link)}


def test_many_links_come_in_pages(client: FlaskClient, store: GraphStore) -> None:
    """Following ``next`` from the first page to the last gives every statement once."""
    node = ox.NamedNode(BASE + LARGE)
    incoming: set[ox.Triple] = set()
    address: str | None = f"/doc/{LARGE}.nt?labels=no"
    pages = 0
    while address:
        response = client.get(address)
        assert response.status_code == 200
        said = {quad.triple for quad in ox.parse(response.data, format=ox.RdfFormat.N_TRIPLES)}
        here = {t for t in said if t.object == node != t.subject and not t.subject.value.startswith(DOC)}
        assert here
        assert not here & incoming
        incoming |= here
        links = relations(response.headers["Link"])
        pages += 1
        assert ("prev" in links) == (pages > 1)
        assert "labels=no" in links["first"]
        totals = {t.object.value for t in said if t.predicate.value.endswith("hydra/core#totalItems")}
        address = links.get("next")
    assert incoming == {quad.triple for quad in store.quads(object_=node) if quad.subject != node}
    assert totals == {str(len(incoming))}
    assert pages == -(-len(incoming) // 500) > 3


def test_pages_are_told_in_rdf_and_dereference(client: FlaskClient) -> None:
    said = triples_of(client, f"/doc/{LARGE}.nt?page=2")
    hydra = {t.predicate.value.rpartition("#")[2]: t.object.value for t in said if "hydra/core#" in t.predicate.value}
    assert hydra["view"] == f"{DOC}{LARGE}?page=2"
    assert hydra["next"] == f"{DOC}{LARGE}?page=3"
    assert hydra["previous"] == hydra["first"] == f"{DOC}{LARGE}?page=1"
    following = client.get("/" + hydra["next"].removeprefix(BASE), headers={"Accept": "text/turtle"})
    assert following.status_code == 200
    assert not any(t.subject == ox.NamedNode(BASE + LARGE) and t.predicate.value.endswith("format") for t in said)


def test_what_fits_on_one_page_has_none(client: FlaskClient) -> None:
    response = client.get("/doc/id/luxembourg.nt")
    assert b"hydra" not in response.data
    assert not relations(response.headers["Link"])


# -- what is no more --------------------------------------------------------------------------------

RETIRED = f"""
PREFIX id: <{BASE}id/> PREFIX owl: <http://www.w3.org/2002/07/owl#> PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#> PREFIX sh: <http://www.w3.org/ns/shacl#>
INSERT DATA {{ GRAPH <{BASE}graph/reference> {{
  id:new skos:prefLabel "New"@en .
  id:old skos:prefLabel "Old"@en ; owl:deprecated true ; dcterms:isReplacedBy id:new .
  id:away skos:prefLabel "Away"@en ; owl:deprecated true ; dcterms:isReplacedBy <https://example.org/there> .
  id:over skos:prefLabel "Over"@en ; owl:deprecated true .
  id:kept skos:prefLabel "Kept"@en ; owl:deprecated false ; skos:exactMatch <https://example.org/there> .
  <https://example.org/there> skos:prefLabel "There"@en , "Là"@fr ; skos:altLabel "Yonder"@en .
  id:shape sh:property [ sh:in ( id:first id:kept id:last ) ; sh:name "choice"@en ] , [ sh:name "other"@en ] .
}} }}
"""


@pytest.fixture(scope="module")
def retired() -> FlaskClient:
    """A service on things of which some are retired."""
    store = ox.Store()
    store.update(RETIRED)
    return create_app(Settings(), memory_store(store, number=1)).test_client()


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("/id/old", "http://localhost/id/new"),
        ("/doc/id/old.ttl", "http://localhost/doc/id/new.ttl"),
        ("/doc/id/old?labels=no", "http://localhost/doc/id/new?labels=no"),
        ("/id/away", "https://example.org/there"),
    ],
)
def test_a_retired_thing_leads_to_its_successor(retired: FlaskClient, address: str, location: str) -> None:
    response = retired.get(address, headers={"Accept": "text/turtle"})
    assert response.status_code == 301
    assert response.headers["Location"] == location


def test_a_retired_thing_without_successor_is_gone(retired: FlaskClient, assert_problem: Problem) -> None:
    for address in ("/id/over", "/doc/id/over", "/doc/id/over.nt"):
        assert_problem(retired.get(address, headers={"Accept": "*/*"}), 410, "gone")
    assert retired.get("/doc/id/kept.nt").status_code == 200


def test_names_of_things_of_others_come_too(retired: FlaskClient) -> None:
    said = retired.get("/doc/id/kept.nt").text
    assert '<https://example.org/there> <http://www.w3.org/2004/02/skos/core#prefLabel> "There"@en .' in said
    assert '"L\\u00E0"@fr' in said or '"Là"@fr' in said
    assert "Yonder" not in said


def test_parts_without_a_name_come_whole(retired: FlaskClient) -> None:
    """From a list that holds a thing, up to what has the list, and down to its end; but nothing beside it."""
    turtle = retired.get("/doc/id/kept.ttl?labels=no").text
    assert re.search(
        r"^id:shape sh:property \[\n\s+sh:in \( id:first id:kept id:last \) ;\n\s+sh:name \"choice\"@en\n\s+\] \.$",
        turtle,
        re.MULTILINE,
    ), turtle
    assert "other" not in turtle
    whole = retired.get("/doc/id/shape.ttl?labels=no").text
    assert "( id:first id:kept id:last )" in whole
    assert "other" in whole


def test_a_withdrawn_thing_is_gone_and_says_where_it_was(
    start_server: Callable[..., AbstractContextManager[str]], token: str
) -> None:
    """The last version that described it can still be read."""
    with start_server("--empty", VETGRAPH_ADMIN_TOKEN=token) as url:
        client = Http(url)
        thing = f'<{BASE}id/brief> <http://www.w3.org/2004/02/skos/core#prefLabel> "Brief"@en'
        told = client.update(f"INSERT DATA {{ GRAPH <{BASE}graph/x> {{ {thing} }} }}")
        last = told.get_json()["version"]
        assert client.get("/doc/id/brief.nt").status_code == 200
        client.update(f"DELETE DATA {{ GRAPH <{BASE}graph/x> {{ {thing} }} }}")
        for address in ("/id/brief", "/doc/id/brief.nt"):
            answer = client.get(address, "*/*")
            assert answer.status_code == 410, answer.text
            assert answer.get_json()["version"] == last
        assert client.get("/id/never", "*/*").status_code == 404
        earlier = client.get(f"/doc/id/brief.nt?at={last}")
        assert earlier.status_code == 200
        assert "Brief" in earlier.text
