"""One table of media types: what each is called, its suffix, and what it can carry.

>>> by_suffix("ttl").type
'text/turtle'
>>> [m.suffix for m in carrying("solutions")]
['json', 'xml', 'csv', 'tsv']
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Carries = Literal["graph", "dataset", "solutions", "boolean", "page"]


@dataclass(frozen=True)
class Media:
    """A media type: its name for people, its suffix, other names it goes by, what it carries."""

    type: str
    suffix: str
    name: str
    carries: frozenset[Carries]
    aliases: tuple[str, ...] = ()

    @property
    def header(self) -> str:
        """The value of a Content-Type header."""
        text = self.type.startswith("text/") or self.type.endswith(("json", "xml"))
        return f"{self.type}; charset=utf-8" if text else self.type


def _media(type_: str, suffix: str, name: str, carries: set[Carries], *aliases: str) -> Media:
    return Media(type_, suffix, name, frozenset(carries), aliases)


TURTLE: Final = _media("text/turtle", "ttl", "Turtle", {"graph"}, "application/x-turtle")
JSON_LD: Final = _media("application/ld+json", "jsonld", "JSON-LD", {"graph", "dataset"})
N_TRIPLES: Final = _media("application/n-triples", "nt", "N-Triples", {"graph"})
RDF_XML: Final = _media("application/rdf+xml", "rdf", "RDF/XML", {"graph"})
TRIG: Final = _media("application/trig", "trig", "TriG", {"graph", "dataset"})
N_QUADS: Final = _media("application/n-quads", "nq", "N-Quads", {"graph", "dataset"})
RESULTS_JSON: Final = _media(
    "application/sparql-results+json", "json", "JSON", {"solutions", "boolean"}, "application/json"
)
RESULTS_XML: Final = _media(
    "application/sparql-results+xml",
    "xml",
    "XML",
    {"solutions", "boolean"},
    "application/xml",
    "text/xml",
)
CSV: Final = _media("text/csv", "csv", "CSV", {"solutions", "boolean"})
TSV: Final = _media("text/tab-separated-values", "tsv", "TSV", {"solutions", "boolean"})
HTML: Final = _media("text/html", "html", "HTML", {"page"}, "application/xhtml+xml")

JSON: Final = _media("application/json", "json", "JSON", set())
LINK_FORMAT: Final = _media("application/link-format", "link", "Link format", set())
RDF_PATCH: Final = _media("application/rdf-patch", "rdfp", "RDF Patch", set())
"""What some addresses say in JSON of their own, as links (RFC 6690), or as a change; no format of a graph."""

TABLE: Final = (
    TURTLE,
    JSON_LD,
    N_TRIPLES,
    RDF_XML,
    TRIG,
    N_QUADS,
    RESULTS_JSON,
    RESULTS_XML,
    CSV,
    TSV,
    HTML,
)
"""Every media type, the preferred one of each kind first."""

_BY_SUFFIX: Final = {media.suffix: media for media in TABLE}
_BY_TYPE: Final = {name: media for media in TABLE for name in (media.type, *media.aliases)}


def by_suffix(suffix: str) -> Media | None:
    """Return the media type with that file suffix (without the dot), if any."""
    return _BY_SUFFIX.get(suffix.lower())


def by_type(name: str) -> Media | None:
    """Return the media type of that name, parameters ignored, if any.

    >>> by_type("text/turtle; charset=utf-8").suffix
    'ttl'
    """
    return _BY_TYPE.get(name.partition(";")[0].strip().lower())


_NAMES: Final = {
    "turtle": "ttl",
    "n3": "ttl",
    "json-ld": "jsonld",
    "rdf+xml": "rdf",
    "n-triples": "nt",
    "n-quads": "nq",
}
"""Names beside suffixes and media types under which clients such as SPARQLWrapper ask for formats."""


def called(name: str) -> Media | None:
    """Return the media type that goes by a name, as ``format=`` has it: suffix, media type, or a usual name.

    >>> called("turtle") is called("text/turtle") is called("ttl") is TURTLE
    True
    """
    known = name.strip().lower().replace(" ", "+")
    return by_suffix(_NAMES.get(known, known)) or by_type(known)


def carrying(what: Carries) -> tuple[Media, ...]:
    """Return the media types that can carry something, the preferred first."""
    return tuple(media for media in TABLE if what in media.carries)
