"""The only error handler: our tree and Werkzeug's own errors → RFC 9457, or HTML for a browser."""

from __future__ import annotations

import json
import logging
import uuid
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from vetgraph import errors
from vetgraph.media import HTML
from vetgraph.web import headers, pages
from vetgraph.web.state import service

PROBLEM_JSON = "application/problem+json"
blueprint = Blueprint("problems", __name__)
log = logging.getLogger(__name__)


def register(app: Flask) -> None:
    """Make an application answer every error in one shape."""
    app.register_error_handler(errors.VetgraphError, on_known)
    app.register_error_handler(HTTPException, on_http)
    app.register_error_handler(Exception, on_unforeseen)


def problem_of(error: errors.VetgraphError) -> dict[str, Any]:
    """Return the members of a problem (RFC 9457 section 3.1) for one of our errors."""
    return {
        "type": f"/problems/{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        **error.facts,
    }


def on_known(error: errors.VetgraphError) -> Response:
    """Answer for an error of our own tree; faults are logged in full, limits that were reached are not."""
    if error.status >= 500 and not isinstance(error, errors.Unavailable):
        log.error("%s", error.detail, exc_info=error)
    response = answer(problem_of(error))
    response.headers.update(headers.of_error(error))
    return response


def on_http(error: HTTPException) -> Response:
    """Answer for an error that Werkzeug raised: unknown address, wrong method, too large."""
    if isinstance(error, RequestEntityTooLarge):
        limit = service().settings.max_body
        return on_known(errors.TooLarge(f"The body is larger than the {limit} bytes that are read.", limit=limit))
    if error.code == errors.NotFound.status:
        return on_known(errors.NotFound(_advice(404) or ""))
    if error.code in (301, 302, 307, 308):
        return error.get_response()  # type: ignore[return-value]
    code = error.code or 500
    phrase = HTTPStatus(code).phrase
    response = answer(
        {
            "type": f"/problems/{_slug(phrase)}",
            "title": phrase,
            "status": code,
            "detail": _advice(code) or str(error.description),
        }
    )
    for name, value in error.get_headers():
        if name.lower() in ("allow", "content-range"):
            response.headers[name] = value
    return response


def _slug(phrase: str) -> str:
    return phrase.lower().replace(" ", "-")


def _advice(code: int) -> str | None:
    if code == 404:
        return f"There is nothing at {request.path}. Start at / or look a name up in /actors or /queries."
    if code == 405:
        return f"{request.path} does not answer {request.method}; the Allow header lists what it does."
    return None


def on_unforeseen(error: Exception) -> Response:
    """Answer for a fault of ours with an id to look up in the log, and nothing of its inside."""
    number = uuid.uuid4().hex[:12]
    log.error("unforeseen fault %s", number, exc_info=error)
    return answer(
        {
            "type": "/problems/internal-error",
            "title": "Internal error",
            "status": 500,
            "detail": f"Something went wrong on our side. Please report it with the number {number}.",
            "number": number,
        }
    )


def answer(problem: dict[str, Any]) -> Response:
    """Return a problem as JSON, or as a page where the reader is a browser."""
    wants = request.accept_mimetypes
    if wants.best_match([PROBLEM_JSON, "application/json", HTML.type]) == HTML.type and HTML.type in wants.values():
        body, content_type = pages.problem_page(problem), HTML.header
    else:
        body, content_type = json.dumps(problem, ensure_ascii=False) + "\n", PROBLEM_JSON
    response = Response(body, status=int(problem["status"]), content_type=content_type)
    # What is missing or wrong now may be there in a moment: no cache keeps it (RFC 9111 section 4.2.2 would allow it).
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept, Accept-Language"
    return response


def _leaves(kind: type[errors.VetgraphError]) -> list[type[errors.VetgraphError]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in _leaves(child))]


def _meanings() -> dict[str, tuple[str, int, str]]:
    """Return slug → title, status and meaning, of our errors and of those that HTTP itself knows."""
    known = {_slug(s.phrase): (s.phrase, int(s), f"{s.description}.") for s in HTTPStatus if 400 <= s < 500}
    for kind in _leaves(errors.VetgraphError):
        known[kind.slug] = (kind.title, kind.status, " ".join((kind.__doc__ or "").split()))
    return known


@blueprint.get("/problems/<slug>")
def explain(slug: str) -> Response:
    """Say what a kind of problem means."""
    if slug not in _meanings():
        raise errors.NotFound(f"No problem of this service is called {slug}.")
    title, status, meaning = _meanings()[slug]
    page = pages.problem_page({"type": f"/problems/{slug}", "title": title, "status": status, "detail": meaning})
    return Response(page, content_type=HTML.header)
