"""Choose a media type, and build responses that caches and clients understand."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from flask import Response, request

from vetgraph.errors import NotAcceptable, PreconditionFailed
from vetgraph.media import Media
from vetgraph.versions import Version
from vetgraph.web import accept, headers, texts
from vetgraph.web.state import looks_back, service

PAST: Final = "public, max-age=86400"
"""What caches may do with the answer of an address that names an old version, whose data never change."""

IMMUTABLE: Final = "public, max-age=31536000, immutable"
"""What caches may do with an answer that stays the same for ever (RFC 8246)."""


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
    response: Response,
    *,
    vary: str = "Accept",
    modified: datetime | Version | None = None,
    version: int | None = None,
) -> Response:
    """Give a response a strong ETag, its age and what it varies by; answer 304 or 412 where conditions ask for it.

    The tag is a checksum of version, media type and body (RFC 9110 section 8.8.3). ``modified`` says when what the
    response tells last changed; as a version it is the one in the tag, so that the tag outlives versions that changed
    nothing of it. ``version`` is given where the answer does not come from the version that the request reads. Raises
    PreconditionFailed.
    """
    changed = modified if isinstance(modified, Version) else None
    number = version if version is not None else (changed or service().store.version).number
    digest = sha256(response.get_data())
    digest.update(response.content_type.encode())
    response.set_etag(f"v{number}-{digest.hexdigest()[:20]}")
    if isinstance(modified, datetime):
        response.last_modified = modified
    else:
        response.last_modified = changed.built if changed else service().built_of(number)
    return conditional(kept(response, vary=vary))


def conditional(response: Response, *, length: int | None = None) -> Response:
    """Answer the conditions of a request, given a response with its validators (RFC 9110 section 13.2.2).

    ``length`` is that of a whole body of which parts may be asked for. Raises PreconditionFailed.
    """
    if request.method not in ("GET", "HEAD") or response.status_code != HTTPStatus.OK:
        return response
    etag, _ = response.get_etag()
    if request.if_match:
        met = request.if_match.star_tag or (etag is not None and request.if_match.is_strong(etag))
    else:
        since, modified = request.if_unmodified_since, response.last_modified
        met = since is None or modified is None or modified <= since
    if not met:
        raise PreconditionFailed(
            f"What {request.path} answers is no longer what If-Match or If-Unmodified-Since expects; read it again.",
            version=service().version,
        )
    # What was expected has been judged; Werkzeug would judge it once more, and otherwise.
    environ = {name: value for name, value in request.environ.items() if name != "HTTP_IF_MATCH"}
    if length is None:
        return response.make_conditional(environ)  # type: ignore[return-value]
    return response.make_conditional(environ, accept_ranges=True, complete_length=length)  # type: ignore[return-value]


def kept(response: Response, *, vary: str = "Accept") -> Response:
    """Let caches keep a response; say what it varies by, which is no language where the address names one.

    Readers ask each time whether it still holds; what shared caches may do is a setting. What an address says of an
    old version stays as it is.
    """
    names = [name.strip() for name in vary.split(",") if name.strip()]
    if texts.asked_language() is not None:
        names = [name for name in names if name != "Accept-Language"]
    if names:
        response.headers["Vary"] = ", ".join(names)
    seconds = service().settings.shared_age
    control = PAST if looks_back() else f"{headers.CACHE}, s-maxage={seconds:g}" if seconds else headers.CACHE
    response.headers["Cache-Control"] = control
    return response


def settle(response: Response) -> Response:
    """Say of an answer that says nothing itself what caches may do with it, and what a problem varies by."""
    if request.method not in ("GET", "HEAD"):
        return response
    said = response.headers
    if response.status_code >= HTTPStatus.BAD_REQUEST:
        # A problem is JSON or a page, and a page has a language.
        response.vary.update(("Accept",) if texts.asked_language() else ("Accept", "Accept-Language"))
        said.setdefault("Cache-Control", "no-store")
    elif request.endpoint == "static":
        said["Cache-Control"] = IMMUTABLE if "v" in request.args else headers.CACHE
    elif "Cache-Control" not in said:
        if response.status_code in (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.SEE_OTHER):
            kept(response, vary=said.get("Vary", ""))
        else:
            said["Cache-Control"] = "no-store"
    return response


def passing(response: Response, *, vary: str = "Accept") -> Response:
    """Keep caches from keeping a response: the next answer to the same question may be another."""
    response.headers["Vary"] = vary
    response.headers["Cache-Control"] = "no-store"
    return response


def root_url() -> str:
    """Return the address under which the reader reaches the service, without a final slash."""
    return service().settings.public_url or request.url_root.rstrip("/")
