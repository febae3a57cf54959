"""Addresses that pages link to: things of ours, other sites, this page in another language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode

from flask import has_request_context, request

from vetgraph.vocab import BASE, DATASET, GRAPH, ONTOLOGY, QUERY, SHAPES, path_of
from vetgraph.web import texts
from vetgraph.web.negotiation import root_url
from vetgraph.web.state import looks_back, service

_WEB: Final = re.compile(r"https?://[^\s<>\"{}|^`\\]+\Z", re.IGNORECASE)
_DOCUMENTED: Final = ("id/", "scheme/", "source/", "distribution/", "version/")


def kept(path: str) -> str:
    """Return an address of ours with the language and the version that the reader chose, if that is so.

    Only what stands in the address is kept: nobody's choice is stored.
    """
    asked = texts.asked_language()
    chosen = {"lang": asked or "", "at": str(service().version) if looks_back() else ""}
    query = urlencode({name: value for name, value in chosen.items() if value})
    if not query:
        return path
    before, hash_, anchor = path.partition("#")
    return f"{before}{'&' if '?' in before else '?'}{query}{hash_}{anchor}"


def address(iri: str) -> str:
    """Return the page about a thing of ours, or nothing where the IRI is not ours."""
    path = path_of(iri)
    if path is None or not path:
        return ""
    if iri.startswith(GRAPH):
        return kept(f"/sources#graph-{quote(iri[len(GRAPH) :])}")
    if iri.startswith(QUERY):
        return kept(f"/queries/{quote(iri[len(QUERY) :])}")
    if iri in (ONTOLOGY, SHAPES) or iri.startswith((ONTOLOGY + "#", SHAPES + "#")):
        base, hash_, term = path.partition("#")
        return kept(f"/{base}{hash_}{quote(term)}")
    return kept(document(iri)) if path.startswith(_DOCUMENTED) or iri == DATASET else ""


def document(iri: str, suffix: str = "") -> str:
    """Return the document about a thing of ours, in a format."""
    return f"/doc/{quote(path_of(iri) or '')}{suffix and '.'}{suffix}"


def outside(value: str) -> str:
    """Return an address elsewhere that may be made a link (http and https only), else nothing."""
    return value if _WEB.match(value) and not value.startswith(BASE) else ""


def here(**changes: str | None) -> str:
    """Return the address of this page with some parameters changed, or taken away where None."""
    if not has_request_context():
        return "/"
    values = {**request.args.to_dict(), **changes}
    query = urlencode({name: value for name, value in values.items() if value})
    return quote(request.path) + (f"?{query}" if query else "")


def rooted(path: str) -> str:
    """Return an address of ours in full."""
    return root_url() + path


def result_address(name: str, suffix: str, bindings: Mapping[str, str]) -> str:
    """Return where a saved query's result can be downloaded in a format."""
    query = urlencode(bindings)
    return f"/api/queries/{quote(name)}.{suffix}" + (f"?{query}" if query else "")


def query_address(text: str, suffix: str = "") -> str:
    """Return the page on which a query stands ready to run, or its result in a format."""
    values = {"query": text, "format": suffix}
    return kept("/sparql?" + urlencode({name: value for name, value in values.items() if value}))


def graph_address(graph: str, suffix: str) -> str:
    """Return where all triples of a named graph can be had in a format."""
    return query_address(f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}", suffix)
