"""Headers that all answers of the service share, whichever door they leave by."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from vetgraph.errors import Unauthorized, VetgraphError

VERSION: Final = "Vetgraph-Version"
QUERY: Final = "Vetgraph-Query"

EVERY: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "Accept-Ranges, Allow, Content-Digest, Content-Range, ETag, Last-Modified, Link, Location, Memento-Datetime, "
        "Repr-Digest, Retry-After, Vetgraph-Partial, Vetgraph-Query, Vetgraph-Version, WWW-Authenticate"
    ),
}
"""What every answer has: any page on the web may read it, no browser guesses what it is."""

PREFLIGHT: Final[Mapping[str, str]] = {
    "Access-Control-Allow-Headers": (
        "Accept, Accept-Datetime, Accept-Language, Authorization, Cache-Control, Content-Type, If-Match, "
        "If-Modified-Since, If-None-Match, If-Range, If-Unmodified-Since, Range, Vetgraph-Query"
    ),
    "Access-Control-Max-Age": "86400",
}
"""What an answer to OPTIONS has besides (Fetch standard, CORS protocol); methods are those of its Allow header.

Writes from other pages are open as well: they need a token that no browser sends by itself.
"""

POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy of pages: nothing but our own styles and images, no script at all."""

CACHE: Final = "public, max-age=0, must-revalidate"
"""Caches may keep an answer, and ask each time whether it still holds."""


def of_error(error: VetgraphError) -> dict[str, str]:
    """Return the headers that an error's answer has besides (RFC 9110 sections 10.2.3 and 11.6.1)."""
    found: dict[str, str] = {}
    wait = error.facts.get("retry_after")
    if isinstance(wait, int | float):
        found["Retry-After"] = str(max(1, math.ceil(wait)))
    if isinstance(error, Unauthorized):
        found["WWW-Authenticate"] = 'Bearer realm="vetgraph"'
    return found
