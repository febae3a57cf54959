"""Linked data: an IRI of ours → 303 → the document about it, in every format."""

from __future__ import annotations

import json

import pyoxigraph as ox
from flask import Blueprint, Response, redirect, request

from vetgraph import about, graphs, media, resources, results
from vetgraph.errors import NotFound
from vetgraph.media import HTML, JSON_LD, Media
from vetgraph.vocab import BASE, RDF
from vetgraph.web import pages
from vetgraph.web.negotiation import accepted, cacheable, respond, root_url
from vetgraph.web.state import service

blueprint = Blueprint("resources", __name__)

FORMATS = (HTML, media.TURTLE, media.JSON_LD, media.N_TRIPLES, media.RDF_XML)


@blueprint.get("/<any(id, scheme, source, graph, query):kind>/<path:rest>")
def identify(kind: str, rest: str) -> Response:
    """Send the reader from a thing to the document about it (httpRange-14: 303 See Other)."""
    path = f"{kind}/{rest}"
    if next(iter(service().store.quads(_node(path))), None) is None:
        raise NotFound(f"There is nothing with the IRI {BASE}{path}.")
    choice = accepted(FORMATS)
    suffix = "" if choice is HTML else f".{choice.suffix}"
    response = redirect(f"{root_url()}/doc/{path}{suffix}", code=303)
    response.headers["Vary"] = "Accept"
    return response  # type: ignore[return-value]


def _node(path: str) -> ox.NamedNode:
    try:
        return ox.NamedNode(resources.iri_of(path))
    except ValueError:
        raise NotFound(f"{path} is not a name of ours: it can't be part of an IRI.") from None


@blueprint.get("/doc/<path:path>")
def document(path: str) -> Response:
    """Answer with the document about a thing, in the format of its suffix or of Accept."""
    stem, choice = _split(path)
    iri = _node(stem).value
    triples = resources.describe(service().store, iri)
    if choice is HTML:
        response = respond(pages.resource_page(iri), HTML.header)
    else:
        response = respond(write(triples, choice), choice.header)
    _link(response, stem, iri, triples)
    explicit = stem != path
    return cacheable(response, vary=_vary(choice, explicit))


def _vary(choice: Media, explicit: bool) -> str:
    languages = ["Accept-Language"] if choice is HTML else []
    return ", ".join(languages if explicit else ["Accept", *languages])


def _split(path: str) -> tuple[str, Media]:
    """Return a document's path without suffix, and its format."""
    stem, dot, suffix = path.rpartition(".")
    choice = media.by_suffix(suffix) if dot else None
    if choice in FORMATS and choice is not None:
        return stem, choice
    return path, accepted(FORMATS)


def write(triples: list[ox.Triple], choice: Media) -> bytes:
    """Return triples in a format; Turtle and JSON-LD in the form that people read."""
    if choice is media.TURTLE:
        return graphs.turtle(triples).encode("utf-8")
    if choice is JSON_LD:
        return graphs.json_ld(triples).encode("utf-8")
    return results.write_quads(triples, choice)


def _link(response: Response, stem: str, iri: str, triples: list[ox.Triple]) -> None:
    """Say in Link headers (RFC 8288) where the other formats, the IRI and the licence are."""
    root = root_url()
    links = [f'<{root}/doc/{stem}.{kind.suffix}>; rel="alternate"; type="{kind.type}"' for kind in FORMATS]
    links.append(f'<{root}/doc/{stem}.ttl>; rel="describedby"; type="text/turtle"')
    links.append(f'<{root}/doc/{stem}>; rel="canonical"')
    links.append(f'<{about.LICENCE}>; rel="license"')
    links += [
        f'<{t.object.value}>; rel="type"'
        for t in triples
        if isinstance(t.subject, ox.NamedNode)
        and t.subject.value == iri
        and t.predicate.value == RDF + "type"
        and isinstance(t.object, ox.NamedNode)
    ]
    response.headers["Link"] = ", ".join(links)


GRAPH_FORMATS = media.carrying("graph")


@blueprint.get("/<any(ontology, shapes):name>")
@blueprint.get("/<any(ontology, shapes):name>.<suffix>")
def bundle(name: str, suffix: str | None = None) -> Response:
    """Answer with the whole ontology (schemes and alignments included) or all shapes."""
    choice = media.by_suffix(suffix) if suffix else accepted((*GRAPH_FORMATS, HTML))
    if choice is HTML:
        return cacheable(respond(pages.bundle_page(name), HTML.header), vary="Accept, Accept-Language")
    if choice is None or choice not in GRAPH_FORMATS:
        known = ", ".join(f"/{name}.{kind.suffix}" for kind in GRAPH_FORMATS)
        raise NotFound(f"{request.path} does not exist; there are {known}.")
    slugs = ("ontology", "schemes") if name == "ontology" else ("shapes",)
    quads = [quad for slug in slugs for quad in service().store.dump(f"{BASE}graph/{slug}")]
    triples = [ox.Triple(q.subject, q.predicate, q.object) for q in quads]
    return cacheable(respond(results.write_quads(triples, choice), choice.header), vary="" if suffix else "Accept")


@blueprint.get("/context.jsonld")
def context() -> Response:
    """Answer with the JSON-LD context of the ontology's terms."""
    body = json.dumps(about.jsonld_context(service().store), indent=2, ensure_ascii=False)
    return cacheable(respond(body + "\n", JSON_LD.header), vary="")
