"""Choose a media type, and build responses that caches and clients understand."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256

from flask import Response, request

from vetgraph.errors import NotAcceptable
from vetgraph.media import Media
from vetgraph.web import accept, headers
from vetgraph.web.state import service


def accepted(choices: tuple[Media, ...]) -> Media:
    """Return the choice that the request's Accept header prefers; the first where it has none.

    Raises NotAcceptable, which lists what there is.
    """
    best = accept.best(request.headers.get("Accept", ""), choices)
    if best:
        return best
    names = ", ".join(choice.type for choice in choices)
    raise NotAcceptable(
        f"None of the media types in Accept can be had here; available are {names}.",
        available=[choice.type for choice in choices],
    )


def prefers(media: Media, others: tuple[Media, ...]) -> bool:
    """Whether the request names a media type and would rather have it than any of the others."""
    return accept.prefers(request.headers.get("Accept", ""), media, others)


def respond(body: bytes | str, content_type: str, *, status: int = 200) -> Response:
    """Return a response; the application adds the headers that all answers have."""
    return Response(body, status=status, content_type=content_type)


def cacheable(
    response: Response, *, vary: str = "Accept", modified: datetime | None = None, version: int | None = None
) -> Response:
    """Give a response a strong ETag, its age and what it varies by; answer 304 where it is known.

    The tag is a checksum of version, address, media type and body (RFC 9110 section 8.8.3). The version is the
    published one where the answer does not come from another.
    """
    digest = sha256(response.get_data())
    digest.update(response.content_type.encode())
    response.set_etag(f"v{service().version if version is None else version}-{digest.hexdigest()[:20]}")
    if version is None:
        response.last_modified = modified or service().built
    return kept(response, vary=vary).make_conditional(request)  # type: ignore[return-value]


def kept(response: Response, *, vary: str = "Accept") -> Response:
    """Let caches keep a response, and ask each time whether it still holds; say what it varies by."""
    if vary:
        response.headers["Vary"] = vary
    response.headers["Cache-Control"] = headers.CACHE
    return response


def passing(response: Response, *, vary: str = "Accept") -> Response:
    """Keep caches from keeping a response: the next answer to the same question may be another."""
    response.headers["Vary"] = vary
    response.headers["Cache-Control"] = "no-store"
    return response


def root_url() -> str:
    """Return the address under which the reader reaches the service, without a final slash."""
    return service().settings.public_url or request.url_root.rstrip("/")
