"""Linked data: 303, formats, links, caching."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import rdflib
from flask.testing import FlaskClient
from pyld import jsonld
from rdflib.compare import isomorphic

Problem = Callable[..., dict[str, Any]]
FORMATS = {
    "ttl": "text/turtle",
    "jsonld": "application/ld+json",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "trig": "application/trig",
    "nq": "application/n-quads",
}
THINGS = (
    "id/anefore",
    "id/law-lu-2017-06-22",
    "id/mobility-in-vet-be-fl",
    "scheme/thematic-area",
    "scheme/thematic-area/recognition",
    "source/lu-guidance-2025",
    "graph/lu-guidance-2025",
    "query/areas-without-evaluation",
    "dataset",
    "version/1",
)


def graph_of(data: bytes, suffix: str) -> rdflib.Graph:
    """What a document says, whichever graphs say it."""
    names = {"ttl": "turtle", "nt": "nt", "rdf": "xml", "jsonld": "json-ld", "trig": "trig", "nq": "nquads"}
    dataset = rdflib.Dataset().parse(data=data, format=names[suffix])
    merged = rdflib.Graph()
    for subject, predicate, object_, _ in dataset.quads():
        merged.add((subject, predicate, object_))
    return merged


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_thing_leads_to_its_document_by_303(client: FlaskClient, thing: str, suffix: str) -> None:
    response = client.get(f"/{thing}", headers={"Accept": FORMATS[suffix]})
    assert response.status_code == 303
    assert response.headers["Location"].endswith(f"/doc/{thing}.{suffix}")
    assert "Accept" in response.headers["Vary"]


def test_a_browser_is_led_to_the_page(client: FlaskClient) -> None:
    response = client.get("/id/anefore", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert response.headers["Location"].endswith("/doc/id/anefore")


@pytest.mark.parametrize("thing", THINGS)
def test_every_format_says_the_same(client: FlaskClient, thing: str) -> None:
    turtle = graph_of(client.get(f"/doc/{thing}.ttl").data, "ttl")
    iri = rdflib.URIRef(f"https://w3id.org/vetgraph/{thing}")
    assert (iri, None, None) in turtle
    for suffix, type_ in FORMATS.items():
        by_suffix = client.get(f"/doc/{thing}.{suffix}")
        assert by_suffix.mimetype == type_
        assert isomorphic(graph_of(by_suffix.data, suffix), turtle)
        assert client.get(f"/doc/{thing}", headers={"Accept": type_}).data == by_suffix.data


@pytest.mark.parametrize("thing", THINGS)
def test_json_ld_by_an_independent_processor_equals_turtle(client: FlaskClient, thing: str) -> None:
    document = client.get(f"/doc/{thing}.jsonld").get_json(force=True)
    quads = jsonld.to_rdf(document, {"format": "application/n-quads"})
    from_json_ld = rdflib.Graph().parse(data=quads, format="nt")
    assert isomorphic(from_json_ld, graph_of(client.get(f"/doc/{thing}.ttl").data, "ttl"))


def test_the_context_gives_the_ontology_s_terms(client: FlaskClient) -> None:
    context = client.get("/context.jsonld").get_json(force=True)
    document = {
        **context,
        "id": "https://w3id.org/vetgraph/id/anefore",
        "supervisedBy": "https://w3id.org/vetgraph/id/menje",
    }
    expanded = jsonld.expand(document)
    assert expanded[0]["https://w3id.org/vetgraph/ontology#supervisedBy"] == [
        {"@id": "https://w3id.org/vetgraph/id/menje"}
    ]


def test_a_description_has_both_directions_and_labels(client: FlaskClient) -> None:
    graph = graph_of(client.get("/doc/id/menje.ttl").data, "ttl")
    vet, id_ = (rdflib.Namespace(f"https://w3id.org/vetgraph/{part}") for part in ("ontology#", "id/"))
    assert (id_.anefore, vet.supervisedBy, id_.menje) in graph
    assert "Anefore" in {str(label) for label in graph.objects(id_.anefore, rdflib.SKOS.prefLabel)}


def test_links_name_formats_licence_and_type(client: FlaskClient) -> None:
    link = client.get("/doc/id/anefore.ttl").headers["Link"]
    for suffix, type_ in FORMATS.items():
        assert f'/doc/id/anefore.{suffix}>; rel="alternate"; type="{type_}"' in link
    assert 'creativecommons.org/licenses/by/4.0/>; rel="license"' in link
    assert '<https://w3id.org/vetgraph/ontology#NationalAgency>; rel="type"' in link
    assert '<http://localhost/doc/id/anefore>; rel="canonical"' in link


@pytest.mark.parametrize(
    "address",
    ["/doc/id/anefore.ttl", "/ontology.ttl", "/shapes.ttl", "/.well-known/void", "/context.jsonld", "/dump.trig.gz"],
)
def test_conditional_requests(client: FlaskClient, address: str) -> None:
    first = client.get(address)
    assert first.status_code == 200
    assert first.headers["Vetgraph-Version"] == "1"
    for header, value in (
        ("If-None-Match", first.headers["ETag"]),
        ("If-Modified-Since", first.headers["Last-Modified"]),
    ):
        assert client.get(address, headers={header: value}).status_code == 304
    assert client.head(address).headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    ("address", "accept", "status"),
    [
        ("/id/nobody", "*/*", 404),
        ("/doc/id/nobody", "text/turtle", 404),
        ("/doc/id/nobody.ttl", "*/*", 404),
        ("/id/a%20b%3Cc", "*/*", 404),
        ("/id/anefore", "image/png", 406),
        ("/doc/id/anefore", "image/png", 406),
        ("/ontology.pdf", "*/*", 404),
        ("/nothing-here", "*/*", 404),
    ],
)
def test_what_is_not_there_is_a_problem(
    client: FlaskClient, assert_problem: Problem, address: str, accept: str, status: int
) -> None:
    assert_problem(client.get(address, headers={"Accept": accept}), status)


@pytest.mark.parametrize("name", ["ontology", "shapes"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_ontology_and_shapes_as_a_whole(client: FlaskClient, name: str, suffix: str) -> None:
    response = client.get(f"/{name}.{suffix}")
    assert response.mimetype == FORMATS[suffix]
    graph = graph_of(response.data, suffix)
    assert (rdflib.URIRef(f"https://w3id.org/vetgraph/{name}"), rdflib.RDF.type, rdflib.OWL.Ontology) in graph
    assert client.get(f"/{name}", headers={"Accept": FORMATS[suffix]}).data == response.data
