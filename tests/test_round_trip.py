"""Every format of a document says the same: JSON-LD → graph equals Turtle → graph, whoever parses it.

By default for a sample in which every class occurs; ``TEST_OPTIONAL=required`` takes every resource in the store.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pyoxigraph as ox
import pytest
import rdflib
from flask import Flask
from flask.testing import FlaskClient
from pyld import jsonld
from rdflib.compare import isomorphic

from vetgraph import media
from vetgraph.media import Media
from vetgraph.store import GraphStore
from vetgraph.vocab import BASE, RDF

THOROUGH = os.environ.get("TEST_OPTIONAL") == "required"
GRAPHS = media.carrying("graph")
RDFLIB = {"ttl": "turtle", "jsonld": "json-ld", "nt": "nt", "rdf": "xml", "trig": "trig", "nq": "nquads"}
STEP = 150
"""One resource in so many is in the sample, besides the first of each class."""

Triples = set[tuple[Any, Any, Any]]


# -- what there is --------------------------------------------------------------------------------------


def resources(store: GraphStore) -> list[str]:
    """Return the IRIs of ours that the store describes and that have a document of their own, sorted."""
    subjects = {quad.subject.value for quad in store.quads() if isinstance(quad.subject, ox.NamedNode)}
    # What has a hash is in the document before it, and that of all terms is no description of one thing.
    return sorted(iri for iri in subjects if iri.startswith(BASE) and "#" not in iri and iri.count("/") > 4)


def sample(store: GraphStore) -> list[str]:
    """Return the first resource of each class, and one in some of the rest."""
    every = resources(store)
    first: dict[str, str] = {}
    for quad in store.quads(None, ox.NamedNode(RDF + "type")):
        first[quad.object.value] = min(first.get(quad.object.value, "~"), quad.subject.value)
    return sorted({*every[::STEP]} | ({*first.values()} & {*every}))


@pytest.fixture(scope="module")
def chosen(store: GraphStore) -> list[str]:
    found = sample(store)
    assert len(found) > 100
    return found


def document(iri: str, suffix: str) -> str:
    return f"/doc/{quote(iri.removeprefix(BASE))}.{suffix}"


def body(client: FlaskClient, address: str) -> bytes:
    answer = client.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.text[:300]}"
    return answer.data


# -- graphs that are the same -----------------------------------------------------------------------------


def dataset(quads: Iterable[ox.Quad]) -> ox.Dataset:
    """Return a dataset whose blank nodes have canonical names (RDFC-1.0), so that equal means isomorphic."""
    found = ox.Dataset(quads)
    if any(isinstance(term, ox.BlankNode) for quad in found for term in (quad.subject, quad.object, quad.graph_name)):
        found.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return found


def parsed(data: bytes, kind: Media) -> ox.Dataset:
    form = ox.RdfFormat.from_media_type(kind.type)
    assert form
    return dataset(ox.parse(data, format=form))


def difference(one: ox.Dataset, other: ox.Dataset) -> str:
    """Return what one dataset says and the other does not, in a few lines; empty where both say the same."""
    if one == other:
        return ""
    lines = [f"  {sign} {quad}" for sign, a, b in (("-", one, other), ("+", other, one)) for quad in a if quad not in b]
    return "\n".join(lines[:6])


def faults(client: FlaskClient, iris: Iterable[str], suffixes: Iterable[str]) -> Iterator[str]:
    """Yield, for each document that does not say in a format what it says in Turtle, how it differs."""
    for iri in iris:
        turtle = parsed(body(client, document(iri, "ttl")), media.TURTLE)
        assert any(quad.subject.value == iri for quad in turtle if isinstance(quad.subject, ox.NamedNode)), iri
        for suffix in suffixes:
            kind = media.by_suffix(suffix)
            assert kind
            differing = difference(turtle, parsed(body(client, document(iri, suffix)), kind))
            if differing:
                yield f"{document(iri, suffix)}\n{differing}"


def test_json_ld_says_what_turtle_says(client: FlaskClient, store: GraphStore, chosen: list[str]) -> None:
    several = resources(store) if THOROUGH else chosen
    found = list(faults(client, several, ["jsonld"]))
    assert not found, f"{len(found)} of {len(several)}:\n" + "\n".join(found[:10])


def test_the_other_formats_of_triples_say_what_turtle_says(client: FlaskClient, chosen: list[str]) -> None:
    found = list(faults(client, chosen, ["nt", "rdf"]))
    assert not found, f"{len(found)} of {len(chosen)}:\n" + "\n".join(found[:10])


def test_named_graphs_say_what_turtle_says_and_who_says_it(
    client: FlaskClient, store: GraphStore, chosen: list[str]
) -> None:
    for iri in chosen:
        turtle = parsed(body(client, document(iri, "ttl")), media.TURTLE)
        quads = [parsed(body(client, document(iri, suffix)), media.by_suffix(suffix)) for suffix in ("trig", "nq")]  # type: ignore[arg-type]
        assert not difference(*quads), iri
        together = dataset(ox.Quad(quad.subject, quad.predicate, quad.object) for quad in quads[0])
        assert not difference(turtle, together), iri
        stated = {quad for quad in quads[0] if quad.subject == ox.NamedNode(iri)}
        named = {quad for quad in stated if quad.graph_name != ox.DefaultGraph()}
        assert named == {quad for quad in store.quads(ox.NamedNode(iri)) if not _blank(quad)} | {
            quad for quad in named if _blank(quad)
        }, iri


def _blank(quad: ox.Quad) -> bool:
    return isinstance(quad.subject, ox.BlankNode) or isinstance(quad.object, ox.BlankNode)


# -- other parsers -------------------------------------------------------------------------------------------


def rdflib_graph(data: bytes, suffix: str) -> rdflib.Graph:
    """Return what rdflib reads, the named graphs of a dataset as one graph."""
    if suffix not in ("trig", "nq"):
        return rdflib.Graph().parse(data=data, format=RDFLIB[suffix])
    found = rdflib.Dataset(default_union=True)
    found.parse(data=data, format=RDFLIB[suffix])
    whole = rdflib.Graph()
    for triple in found.triples((None, None, None)):
        whole.add(triple)
    return whole


@pytest.mark.parametrize("suffix", [kind.suffix for kind in GRAPHS])
def test_rdflib_parses_every_format(client: FlaskClient, chosen: list[str], suffix: str) -> None:
    for iri in chosen[:: 1 if THOROUGH else 5]:
        found = rdflib_graph(body(client, document(iri, suffix)), suffix)
        assert isomorphic(found, rdflib_graph(body(client, document(iri, "nt")), "nt")), document(iri, suffix)


@pytest.fixture
def pyld(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Any:
    """PyLD, which reads contexts from this service and from nowhere else."""
    client = app.test_client()

    def load(url: str, options: Any) -> dict[str, Any]:
        place = urlsplit(url)
        assert place.hostname in ("localhost", "w3id.org"), f"a document names a context elsewhere: {url}"
        answer = client.get(place.path.removeprefix("/vetgraph"))
        assert answer.status_code == 200, url
        return {
            "contentType": answer.mimetype,
            "contextUrl": None,
            "documentUrl": url,
            "document": answer.get_json(True),
        }

    monkeypatch.setattr(jsonld, "_default_document_loader", load)
    return jsonld


PROFILES = ("compacted", "expanded", "flattened", "framed")


@pytest.mark.parametrize("profile", [None, *PROFILES])
def test_pyld_reads_every_profile(client: FlaskClient, pyld: Any, chosen: list[str], profile: str | None) -> None:
    for iri in chosen[:: 1 if THOROUGH else 7]:
        asked = f"?profile=http://www.w3.org/ns/json-ld%23{profile}" if profile else ""
        text = body(client, document(iri, "jsonld") + asked)
        quads = pyld.to_rdf(json.loads(text), {"format": "application/n-quads", "base": BASE})
        turtle = parsed(body(client, document(iri, "ttl")), media.TURTLE)
        found = parsed(quads.encode(), media.N_QUADS)
        if profile == "framed":
            # A frame shows the thing alone: less than the whole, and nothing else.
            assert {quad for quad in found if not _blank(quad)} <= {*turtle}, iri
            continue
        differing = difference(turtle, found)
        assert not differing, f"{iri} {profile}\n{differing}"
