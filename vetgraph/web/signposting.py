"""Where machines go from here: FAIR Signposting levels 1 and 2 as Link headers (RFC 8288) and link sets (RFC 9264).

A thing's page is its landing page: ``cite-as`` names the thing, ``describedby`` the documents for machines, ``item``
the one that has every statement with the graph that makes it. Header and link set are written from the same links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from vetgraph import media, schemaorg
from vetgraph.dataset.describing import PUBLISHER
from vetgraph.jsonld.model import model
from vetgraph.jsonld.schemas import MEDIA as SCHEMA
from vetgraph.media import HTML, Media
from vetgraph.vocab import DATASET, LICENCE
from vetgraph.web.negotiation import root_url

LINKSETS: Final = {"json": "application/linkset+json", "txt": "application/linkset"}
"""Suffix → media type of a link set (RFC 9264 section 4)."""

ABOUT_PAGE: Final = schemaorg.NAMESPACE + "AboutPage"
FORMATS: Final = (HTML, *media.carrying("graph"))
DESCRIBING: Final = (media.TURTLE, media.JSON_LD)
ITEM: Final = media.TRIG


@dataclass(frozen=True)
class Link:
    """A link from one address to another, with its relation, and the media type at its end where that is one."""

    anchor: str
    relation: str
    target: str
    type: str = ""

    @property
    def header(self) -> str:
        """The link as a value of a Link header of its anchor."""
        return f'<{self.target}>; rel="{self.relation}"' + (f'; type="{self.type}"' if self.type else "")


def links(iri: str, stem: str, *, types: Iterable[str], formats: Iterable[Media], page: bool) -> list[str]:
    """Return the values of the Link header of the document /doc/{stem} about an IRI; a ``page`` is for people."""
    address = f"{root_url()}/doc/{quote(stem)}"
    types = list(types)
    told = list(of_page(iri, address, types, formats))
    if not page:
        told = [link for link in told if link.relation != "item" and link.target != ABOUT_PAGE]
        told += of_data(iri, address, address)
        told.append(Link(address, "describedby", f"{root_url()}/schemas/{model().class_of(types).name}.json", SCHEMA))
    return [link.header for link in (*told, *_sets(address, stem))]


def dataset_links(items: Iterable[tuple[str, str]]) -> list[str]:
    """Return the values of the Link header of the dataset's landing page; items are its files: address, media type."""
    address = f"{root_url()}/about"
    return [link.header for link in (*of_dataset(address, items), *_sets(address, "about"))]


def site_links(address: str, kind: str) -> list[str]:
    """Return the values of the Link header of a page that is about no one thing; ``kind`` is schema.org's class."""
    told = (
        Link(address, "canonical", address),
        Link(address, "license", LICENCE),
        Link(address, "author", PUBLISHER),
        Link(address, "type", schemaorg.NAMESPACE + kind),
        Link(address, "collection", f"{root_url()}/about", HTML.type),
    )
    return [link.header for link in told]


def of_page(iri: str, address: str, types: Iterable[str], formats: Iterable[Media]) -> Iterator[Link]:
    """Yield the links of a thing's page at an address."""
    yield Link(address, "cite-as", iri)
    yield Link(address, "canonical", address)
    for kind in formats:
        yield Link(address, "alternate", address if kind is HTML else f"{address}.{kind.suffix}", kind.type)
    for kind in DESCRIBING:
        yield Link(address, "describedby", f"{address}.{kind.suffix}", kind.type)
    yield Link(address, "item", f"{address}.{ITEM.suffix}", ITEM.type)
    yield Link(address, "license", LICENCE)
    yield Link(address, "author", PUBLISHER)
    yield Link(address, "type", ABOUT_PAGE)
    types = list(types)
    yield Link(address, "type", schemaorg.NAMESPACE + schemaorg.type_of(types))
    for kind_ in types:
        yield Link(address, "type", kind_)


def of_data(iri: str, address: str, anchor: str) -> Iterator[Link]:
    """Yield the links from a document for machines back to what it is about, and to the page at an address."""
    yield Link(anchor, "describes", iri)
    yield Link(anchor, "collection", address, HTML.type)


def of_dataset(address: str, items: Iterable[tuple[str, str]]) -> Iterator[Link]:
    """Yield the links of the dataset's landing page at an address."""
    yield Link(address, "cite-as", DATASET)
    yield Link(address, "canonical", address)
    for path in ("/.well-known/void", "/catalog"):
        for kind in DESCRIBING:
            yield Link(address, "describedby", f"{root_url()}{path}?format={kind.suffix}", kind.type)
    for target, type_ in items:
        yield Link(address, "item", target, type_)
    yield Link(address, "license", LICENCE)
    yield Link(address, "author", PUBLISHER)
    yield Link(address, "type", ABOUT_PAGE)
    yield Link(address, "type", schemaorg.NAMESPACE + "Dataset")


def _sets(anchor: str, stem: str) -> Iterator[Link]:
    for suffix, type_ in LINKSETS.items():
        yield Link(anchor, "linkset", f"{root_url()}/linkset/{quote(stem)}.{suffix}", type_)
