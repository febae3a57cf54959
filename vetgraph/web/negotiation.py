"""Choose a media type, and build responses that caches and clients understand."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from flask import Response, request

from vetgraph.errors import NotAcceptable
from vetgraph.media import Media
from vetgraph.web.state import service

VERSION_HEADER = "Vetgraph-Version"


def accepted(choices: tuple[Media, ...]) -> Media:
    """Return the choice that the request's Accept header prefers; the first where it has none.

    Raises NotAcceptable, which lists what there is.
    """
    if not request.accept_mimetypes:
        return choices[0]
    best = max(choices, key=_quality)
    if _quality(best) > 0:
        return best
    names = ", ".join(choice.type for choice in choices)
    raise NotAcceptable(
        f"None of the media types in Accept can be had here; available are {names}.",
        available=[choice.type for choice in choices],
    )


def _quality(media: Media) -> float:
    """Return how much a media type is wanted: wildcards count for its own name, not for its aliases."""
    accept = request.accept_mimetypes
    named = {value.partition(";")[0].lower() for value, _ in accept}
    return max(accept.quality(media.type), *(accept.quality(a) for a in media.aliases if a in named), 0.0)


def prefers(media: Media, others: tuple[Media, ...]) -> bool:
    """Whether the request names a media type and would rather have it than any of the others."""
    named = {value for value, _ in request.accept_mimetypes}
    own = _quality(media)
    return media.type in named and own > 0 and all(own >= _quality(other) for other in others)


def respond(body: bytes | str, content_type: str, *, status: int = 200) -> Response:
    """Return a response; the application adds the headers that all answers have."""
    return Response(body, status=status, content_type=content_type)


def cacheable(response: Response, *, vary: str = "Accept", modified: datetime | None = None) -> Response:
    """Give a response a strong ETag, its age and what it varies by; answer 304 where it is known.

    The tag is a checksum of version, address, media type and body (RFC 9110 section 8.8.3).
    """
    digest = sha256(response.get_data())
    digest.update(response.content_type.encode())
    response.set_etag(f"v{service().version}-{digest.hexdigest()[:20]}")
    response.last_modified = modified or service().built
    if vary:
        response.headers["Vary"] = vary
    response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    return response.make_conditional(request)  # type: ignore[return-value]


def root_url() -> str:
    """Return the address under which the reader reaches the service, without a final slash."""
    return service().settings.public_url or request.url_root.rstrip("/")
