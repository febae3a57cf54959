"""What pages say of themselves in their head, for search engines: schema.org as JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import unescape
from http import HTTPStatus
from typing import Any, Final

import pyoxigraph as ox
from flask import Blueprint, Response, request
from markupsafe import Markup

from vetgraph import media, schemaorg
from vetgraph.dataset.citation import AUTHOR, KEYWORDS
from vetgraph.dataset.describing import DESCRIPTION, PUBLISHER, TITLE
from vetgraph.errors import VetgraphError
from vetgraph.schemaorg import Json
from vetgraph.store import memory_store
from vetgraph.vocab import DATASET, LANGUAGES, LICENCE
from vetgraph.web import links, linksets, reading, signposting, texts
from vetgraph.web.negotiation import root_url
from vetgraph.web.resources import described
from vetgraph.web.state import service

blueprint = Blueprint("metadata", __name__)

LISTS: Final = frozenset(
    (
        *("/countries", "/actors", "/legal-acts", "/agreements", "/areas", "/developments", "/conflicts"),
        *("/sources", "/queries", "/ontology", "/shapes", "/history"),
    )
)
KINDS: Final[Mapping[str, str]] = {**dict.fromkeys(LISTS, "CollectionPage"), "/about": "AboutPage"} | {
    "/search": "SearchResultsPage"
}
"""Address → schema.org's class of the page."""

FILES: Final = (("/dump.trig.gz", "application/trig"), ("/dump.nq.gz", "application/n-quads"))


@blueprint.app_context_processor
def _give() -> dict[str, Any]:
    """Give templates what they need for their head."""
    return {"structured": structured, "canonical": canonical}


@blueprint.after_app_request
def _signpost(response: Response) -> Response:
    """Say of a page that is not a thing's what it is and under what licence, where the route has not."""
    before = response.headers.get("Link", "")
    if response.status_code != HTTPStatus.OK or response.mimetype != media.HTML.type or 'rel="license"' in before:
        return response
    if request.path == "/about":
        told = signposting.dataset_links(linksets.files(all_=False))
    else:
        told = signposting.site_links(canonical(), KINDS.get(request.path, "WebPage"))
    response.headers["Link"] = ", ".join([*told, *filter(None, [before])])
    return response


def canonical() -> str:
    """Return the address under which a page should be known: its own, in the language that the address names.

    Languages are alternates of each other, so none is the canonical address of another.
    """
    return links.rooted(links.here(lang=texts.asked_language(), format=None))


def structured(title: str, thing: str = "") -> Markup:
    """Return the data block of a page: the site, the page, and what the page is about; empty where nothing is there."""
    try:
        graph = _graph(unescape(title), thing)
    except VetgraphError:
        # A page that tells of a problem has nothing to say of itself.
        return Markup("")
    return block(graph)


def block(graph: list[Json]) -> Markup:
    """Return the element that holds some nodes; no text in them can end it (HTML section 4.12.1.3)."""
    text = json.dumps({"@context": schemaorg.CONTEXT, "@graph": graph}, ensure_ascii=False).replace("<", "\\u003c")
    return Markup('<script type="application/ld+json">{}</script>').format(Markup(text))  # noqa: S704 - no "<" in it


def _graph(title: str, thing: str) -> list[Json]:
    root, language = root_url(), texts.language()
    about = request.path in ("/", "/about")
    kind = KINDS.get(request.path, "ItemPage" if thing else "WebPage")
    main = thing or (DATASET if about else "")
    graph = [
        schemaorg.website(root, LANGUAGES, LICENCE),
        schemaorg.webpage(root, canonical(), language, title, kind, main),
    ]
    if main == DATASET:
        graph.append(_dataset(root, language))
    elif main:
        graph.append(_teller(language, main, title).thing(main))
    return graph


def _teller(language: str, thing: str, title: str) -> schemaorg.Teller:
    """Return who tells of a thing, which the page calls by its title."""

    def address(iri: str) -> str:
        return links.rooted(links.address(iri).partition("?")[0]) if links.address(iri) else iri

    def name(iri: str) -> str:
        return title if iri == thing else reading.label(iri).text

    store = service().store
    if next(iter(store.quads(ox.NamedNode(thing))), None) is None:
        # What is computed, such as a file of the dataset, is in no graph.
        store = memory_store(described(thing, labels=False).quads)
    return schemaorg.Teller(store, language, name, address)


def _dataset(root: str, language: str) -> Json:
    version = service().store.version
    author = {"@type": "Organization", "@id": PUBLISHER, "name": AUTHOR}
    facts = {
        "name": TITLE[language],
        "description": DESCRIPTION[language],
        "license": LICENCE,
        "creator": author,
        "publisher": author,
        "version": str(version.number),
        "dateModified": version.built.isoformat(),
        "keywords": list(KEYWORDS),
        "inLanguage": list(LANGUAGES),
    }
    return schemaorg.dataset(DATASET, root, facts, [(root + path, type_) for path, type_ in FILES])
