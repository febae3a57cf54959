"""The site about itself: what robots may read, where everything is, who made it and how to cite it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from flask import Blueprint, Response, render_template

from vetgraph import media
from vetgraph.dataset.catalogue import VERSION
from vetgraph.dataset.citation import TYPES, Citation
from vetgraph.dataset.graphs import ours
from vetgraph.engine.dumping import names
from vetgraph.errors import NotFound
from vetgraph.vocab import BASE, GRAPH, LANGUAGES
from vetgraph.web import linksets, pages, signposting
from vetgraph.web.dataset import versions
from vetgraph.web.figures import mark
from vetgraph.web.negotiation import cacheable, respond, root_url
from vetgraph.web.state import service

blueprint = Blueprint("site", __name__)

XML: Final = "application/xml; charset=utf-8"
PER_FILE: Final = 10_000
"""Addresses in one file of the sitemap; the protocol allows 50,000 and 50 MB."""

FORBIDDEN: Final = ("/sparql?", "/validate", "/api/", "/store", "/dump", "/*?page=", "/*?at=", "/*?lang=")
"""Addresses from which a search engine learns nothing, and that cost much or are without end."""

DOCUMENTS: Final = ("id/", "scheme/", "source/")
"""Kinds of things whose documents are pages for people."""

MADE: Final = "http://www.sitemaps.org/schemas/sitemap/0.9"


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Answer with what robots may read (RFC 9309), and where the sitemap is."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in FORBIDDEN), "Allow: /", ""]
    lines += [f"Sitemap: {root_url()}/sitemap.xml", ""]
    return cacheable(respond("\n".join(lines), "text/plain; charset=utf-8"), vary="")


@blueprint.get("/sitemap.xml")
def sitemap() -> Response:
    """Answer with the list of the sitemap's files."""
    found = ["pages", *(str(number) for number in range(1, len(_documents(mark(service().store))) + 1))]
    day = service().built.date().isoformat()
    entries = (
        f"<sitemap><loc>{root_url()}/sitemap/{name}.xml</loc><lastmod>{day}</lastmod></sitemap>" for name in found
    )
    return _xml("sitemapindex", entries)


@blueprint.get("/sitemap/<name>.xml")
def part_of_sitemap(name: str) -> Response:
    """Answer with one file of the sitemap: the lists and tools, or some of the things. Raises NotFound."""
    if name == "pages":
        return _xml("urlset", (_page(path) for path in _pages()), ' xmlns:xhtml="http://www.w3.org/1999/xhtml"')
    parts = _documents(mark(service().store))
    if not (name.isascii() and name.isdigit() and len(name) < 9 and 0 < int(name) <= len(parts)):
        raise NotFound(f"The sitemap has no file {name}; /sitemap.xml lists those that there are.")
    entries = (f"<url><loc>{escape(root_url())}/doc/{path}</loc></url>" for path in parts[int(name) - 1])
    return _xml("urlset", entries)


def _xml(kind: str, entries: Iterable[str], more: str = "") -> Response:
    inside = "\n".join(entries)
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{kind} xmlns="{MADE}"{more}>\n{inside}\n</{kind}>\n'
    return cacheable(respond(body, XML), vary="")


def _page(path: str) -> str:
    """Return a page's entry, with the same page in each language."""
    address = escape(root_url() + path)
    others = "".join(
        f'<xhtml:link rel="alternate" hreflang="{code}" href="{address}?lang={code}"/>' for code in LANGUAGES
    )
    return f"<url><loc>{address}</loc>{others}</url>"


def _pages() -> Iterator[str]:
    """Yield the paths of pages that are not about one thing of the graph."""
    yield from ("/", *(path for _, path in pages.SECTIONS), "/about", "/ontology", "/shapes")
    yield from (f"/queries/{quote(query.name)}" for query in service().queries.questions)


@lru_cache(maxsize=2)
def _documents(_mark: str) -> list[tuple[str, ...]]:
    """Return the paths of the documents about things, in files of the sitemap."""
    found = service().store.select(
        "SELECT DISTINCT ?thing WHERE { ?thing a ?class . "
        f'FILTER(isIRI(?thing) && STRSTARTS(STR(?thing), "{BASE}")) }}'
    )
    iris = (row["thing"].value.removeprefix(BASE) for row in found if row["thing"] is not None)
    paths = sorted(quote(path) for path in iris if path.startswith(DOCUMENTS))
    return [tuple(paths[start : start + PER_FILE]) for start in range(0, len(paths), PER_FILE)]


@blueprint.get("/about")
def about() -> Response:
    """Answer with what the dataset is: licence, citation, versions, files, whom to turn to."""
    store, settings = service().store, service().settings
    citation = Citation.of(store.version, root_url())
    body = render_template(
        "about.html",
        citation=citation,
        versions=list(reversed(versions())),
        files=_files(),
        contact=settings.contact,
        contact_words=settings.contact.removeprefix("mailto:").removeprefix("https://"),
        base=BASE,
        version_base=VERSION,
    )
    response = respond(body, media.HTML.header)
    response.headers["Link"] = ", ".join(signposting.dataset_links(linksets.files(all_=False)))
    return cacheable(response, vary="Accept-Language")


def _files() -> list[dict[str, Any]]:
    """Return each graph with its size and the names of its files."""
    store = service().store
    known = names(store)
    return [
        {"graph": graph, "triples": store.version.counts[graph], "files": [n for n in known if _is_of(n, graph)]}
        for graph in ours(store.version.counts)
    ]


def _is_of(name: str, graph: str) -> bool:
    slug = graph.removeprefix(GRAPH)
    return name in (f"dump/{slug}.ttl.gz", f"dump/{slug}.nt.gz")


@blueprint.get("/citation.<any(bib, cff, ris):suffix>")
def citation(suffix: str) -> Response:
    """Answer with the citation of the version, to keep with others."""
    found = Citation.of(service().store.version, root_url())
    response = respond(found.written(suffix), TYPES[suffix])
    response.headers["Content-Disposition"] = f"attachment; filename=vetgraph-{found.number}.{suffix}"
    return cacheable(response, vary="")
