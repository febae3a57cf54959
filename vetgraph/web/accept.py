"""What an Accept header asks for (RFC 9110 section 12.5.1): pure functions, remembered per header.

>>> best("text/csv;q=0.5, application/sparql-results+xml", media.carrying("solutions")).suffix
'xml'
>>> wants_page("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
True
"""

from __future__ import annotations

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
