"""What an Accept header asks for (RFC 9110 section 12.5.1): pure functions, remembered per header.

>>> best("text/csv;q=0.5, application/sparql-results+xml", media.carrying("solutions")).suffix
'xml'
>>> wants_page("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
True
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from vetgraph import media
from vetgraph.media import Carries, Media

KINDS: Final[tuple[Carries, ...]] = ("solutions", "boolean", "graph")
"""What an answer to a query can be."""

_REMEMBERED: Final = 512
"""Headers that are remembered; a client sends the same one with each request."""


_PROFILE: Final = re.compile(r';\s*profile\s*=\s*"?\s*([^";,\s]+)', re.IGNORECASE)
"""The first profile of a media range; some clients forget the quotes."""


@lru_cache(_REMEMBERED)
def parsed(header: str) -> MIMEAccept:
    """Return a header in parts, most specific first. Parameters such as ``charset`` make no difference here."""
    parts = parse_accept_header(header, MIMEAccept)
    return MIMEAccept([(value.partition(";")[0].strip().lower(), quality) for value, quality in parts])


def best(header: str, choices: Iterable[Media]) -> Media | None:
    """Return the choice that a header prefers, the first where it has no preference; None where none will do."""
    choices = tuple(choices)
    accept = parsed(header)
    if not accept:
        return choices[0]
    choice = max(choices, key=lambda media: _quality(accept, media))
    return choice if _quality(accept, choice) > 0 else None


def plainest(header: str, choices: Iterable[Media], chosen: Media) -> Media:
    """Return the choice for a document, given the one that a header prefers: triples for those who read anything.

    Clients that read RDF of any kind, such as Comunica, name all of its formats, those with named graphs a little
    before the others, and then look in the default graph only. A server may weigh formats itself (RFC 9110 section
    12.1): where a header names most formats of a graph, its favourite among those that only carry triples is taken.
    Who names one or two is taken at their word.
    """
    if chosen not in _WITH_NAMES:
        return chosen
    accept = parsed(header)
    named = [kind for kind in media.carrying("graph") if _quality(accept, kind) > 0 and kind.type in dict(accept)]
    triples = [kind for kind in choices if kind in named and kind not in _WITH_NAMES]
    if len(named) < _MOST or not triples:
        return chosen
    return max(triples, key=lambda kind: _quality(accept, kind))


_WITH_NAMES: Final = (media.TRIG, media.N_QUADS)
_MOST: Final = 4


@lru_cache(_REMEMBERED)
def profile(header: str, kind: Media) -> str | None:
    """Return the first profile that a header asks a media type in (RFC 6906), by preference; None where it names none.

    >>> profile('application/ld+json;profile="http://www.w3.org/ns/json-ld#expanded"', media.JSON_LD)
    'http://www.w3.org/ns/json-ld#expanded'
    """
    for value, quality in parse_accept_header(header, MIMEAccept):
        asked = _PROFILE.search(value)
        if asked and quality > 0 and value.partition(";")[0].strip().lower() == kind.type:
            return asked[1]
    return None


def prefers(header: str, kind: Media, others: Iterable[Media]) -> bool:
    """Whether a header names a media type and would rather have it than any of the others."""
    accept = parsed(header)
    own = _quality(accept, kind)
    named = {value for value, _ in accept}
    return kind.type in named and own > 0 and all(own >= _quality(accept, other) for other in others)


_MACHINE: Final = tuple(kind for kind in media.TABLE if kind is not media.HTML)


@lru_cache(_REMEMBERED)
def wants_page(header: str) -> bool:
    """Whether whoever sends a header would rather have a page than any format for machines."""
    return prefers(header, media.HTML, _MACHINE)


@lru_cache(_REMEMBERED)
def media_by_kind(header: str) -> Mapping[str, str | None]:
    """Return the media type for each kind of answer, None where a header takes none that can carry it."""
    return {kind: _type(best(header, media.carrying(kind))) for kind in KINDS}


def _type(choice: Media | None) -> str | None:
    return choice.type if choice else None


def _quality(accept: MIMEAccept, kind: Media) -> float:
    """Return how much a media type is wanted: wildcards count for its own name, not for its aliases."""
    named = {value for value, _ in accept}
    return max(accept.quality(kind.type), *(accept.quality(a) for a in kind.aliases if a in named), 0.0)
