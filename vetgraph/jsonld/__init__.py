"""JSON-LD: the context, a frame and a schema for each class, and documents in every profile. No Flask in here."""

from __future__ import annotations

from typing import Final

from vetgraph.jsonld.context import newest
from vetgraph.jsonld.profiles import COMPACTED, EXPANDED, FLATTENED, FRAMED, PROFILES, write

DEFAULT: Final = COMPACTED
"""The profile that is sent where none is asked for."""


def context_address(number: int | None = None) -> str:
    """Return the path at which a version of the context is served; the newest where none is named.

    >>> context_address(1)
    '/context/1.jsonld'
    """
    return f"/context/{newest() if number is None else number}.jsonld"


__all__ = ["COMPACTED", "DEFAULT", "EXPANDED", "FLATTENED", "FRAMED", "PROFILES", "context_address", "newest", "write"]
