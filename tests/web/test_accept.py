"""Which format each Accept header gets (RFC 9110 section 12.5.1), for documents and for the ontology."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

HTML, TURTLE, JSON_LD = "text/html", "text/turtle", "application/ld+json"
TRIPLES, RDF_XML, TRIG, QUADS = (
    "application/n-triples",
    "application/rdf+xml",
    "application/trig",
    "application/n-quads",
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
RDFLIB = "application/rdf+xml,text/rdf+n3;q=0.9,application/xhtml+xml;q=0.5, */*;q=0.1"
JENA = (
    "text/turtle,application/n-triples;q=0.9,application/ld+json;q=0.8,application/rdf+xml;q=0.7,"
    "application/trig,application/n-quads;q=0.9,text/trix;q=0.8,*/*;q=0.5"
)
COMUNICA = (
    "application/n-quads,application/trig;q=0.95,application/ld+json;q=0.9,application/n-triples;q=0.8,"
    "text/turtle;q=0.6,application/rdf+xml;q=0.5,text/html;q=0.2,*/*;q=0.1"
)

CASES = [
    ("", HTML),
    ("*/*", HTML),
    (FIREFOX, HTML),
    (RDFLIB, RDF_XML),
    (JENA, TURTLE),
    (COMUNICA, JSON_LD),
    ("text/turtle", TURTLE),
    ("application/x-turtle", TURTLE),
    ("TEXT/Turtle", TURTLE),
    ("text/turtle;charset=utf-8", TURTLE),
    ("application/trig", TRIG),
    ("application/n-quads", QUADS),
    ("application/trig, text/turtle;q=0.9", TRIG),
    ("application/n-quads;q=0.9, application/n-triples;q=0.8", QUADS),
    ("text/turtle;q=0.5, application/rdf+xml;q=0.8", RDF_XML),
    ("text/turtle;q=0.8, application/rdf+xml;q=0.5", TURTLE),
    ("application/*", JSON_LD),
    ("text/*", HTML),
    ("text/*, text/html;q=0.1", TURTLE),
    ("text/turtle;q=0, text/*", HTML),
    ("*/*, text/html;q=0, text/turtle;q=0", JSON_LD),
    ("*/*;q=0.5, application/n-triples;q=0.6", TRIPLES),
    ("application/n-triples;q=0.1, */*;q=0.01", TRIPLES),
    ("image/png, application/ld+json;q=0.001", JSON_LD),
    ('application/ld+json;profile="http://www.w3.org/ns/json-ld#expanded"', JSON_LD),
    ("image/png", None),
    ("image/*, audio/*", None),
    ("text/turtle;q=0", None),
    ("*/*;q=0", None),
    ("text/csv", None),
]


@pytest.mark.parametrize(("accept", "type_"), CASES)
def test_a_document_comes_as_it_is_asked_for(client: FlaskClient, accept: str, type_: str | None) -> None:
    response = client.get("/doc/id/anefore", headers={"Accept": accept} if accept else {})
    if type_ is None:
        assert response.status_code == 406
        assert response.get_json(force=True)["available"] == [HTML, TURTLE, JSON_LD, TRIPLES, RDF_XML, TRIG, QUADS]
    else:
        assert response.status_code == 200
        assert response.mimetype == type_
    assert "Accept" in response.headers["Vary"].split(", ")


@pytest.mark.parametrize(("accept", "type_"), [("", TURTLE), ("*/*", TURTLE), (COMUNICA, JSON_LD), ("text/csv", None)])
def test_the_ontology_comes_as_data_first(client: FlaskClient, accept: str, type_: str | None) -> None:
    response = client.head("/ontology", headers={"Accept": accept} if accept else {})
    assert (response.status_code, response.mimetype if type_ else None) == (200 if type_ else 406, type_)


PROFILE = "http://www.w3.org/ns/json-ld#"


@pytest.mark.parametrize("name", ["compacted", "expanded", "flattened", "framed"])
def test_profiles_of_json_ld(client: FlaskClient, name: str) -> None:
    """Asked for in Accept or by parameter; said back in Content-Type (JSON-LD 1.1, section 6)."""
    wanted = f'application/ld+json;profile="{PROFILE}{name}"'
    by_header = client.get("/doc/id/anefore", headers={"Accept": f"{wanted}, application/ld+json;q=0.1"})
    by_parameter = client.get("/doc/id/anefore.jsonld", query_string={"profile": PROFILE + name})
    by_both = client.get("/doc/id/anefore.jsonld", headers={"Accept": wanted})
    for response in (by_header, by_parameter, by_both):
        assert response.headers["Content-Type"] == f'application/ld+json; profile="{PROFILE}{name}"'
        assert response.data == by_header.data
        assert "Accept" in response.headers["Vary"].split(", ")
    assert isinstance(by_header.get_json(force=True), list) == (name == "expanded")


def test_an_unknown_profile_is_as_none(client: FlaskClient) -> None:
    plain = client.get("/doc/id/anefore.jsonld")
    odd = client.get("/doc/id/anefore.jsonld", headers={"Accept": 'application/ld+json;profile="http://example.org/p"'})
    assert odd.data == plain.data
    assert "profile" not in odd.headers["Content-Type"]
