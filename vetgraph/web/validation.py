"""Validate submitted RDF: for scripts by ``POST /validate``, for people by the form of the same address.

What is handed in is neither parsed nor judged here but by a worker, under the limits that a query has.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Response, request

from vetgraph import media
from vetgraph.engine.bridge import SyncAnswer
from vetgraph.engine.jobs import ValidateJob
from vetgraph.engine.judging import PAGE
from vetgraph.errors import BadParameter, LimitExceeded, NotAcceptable, RequestError, TooLarge
from vetgraph.jsonld.context import by_path
from vetgraph.media import HTML
from vetgraph.validation import FORMS
from vetgraph.vocab import BASE, LANGUAGES
from vetgraph.web import pages
from vetgraph.web.negotiation import respond, root_url
from vetgraph.web.problems import problem_of
from vetgraph.web.protocol import seconds
from vetgraph.web.sparql import asking
from vetgraph.web.state import service

blueprint = Blueprint("validation", __name__)

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")

Document = tuple[str, str, bytes]
"""Media type or suffix (empty where the name tells), name, and bytes of what was handed in."""


@blueprint.get("/validate")
def form() -> Response:
    """Show the form."""
    return respond(pages.validate_page({}, None, None), HTML.header)


@blueprint.post("/validate")
def submit() -> Response:
    """Answer with the report; 200 whenever the data could be read and judged."""
    choice = _report_format()
    if choice == "html":
        return _as_page()
    answer = _judged(choice)
    if answer.whole is not None:
        return respond(answer.whole, _content_type(choice))
    response = Response(_pieces(answer), content_type=_content_type(choice))
    response.call_on_close(answer.close)
    return response


def _as_page() -> Response:
    try:
        with _judged(PAGE) as answer:
            report: dict[str, Any] = json.loads(answer.read())
        return respond(pages.validate_page(request.form, report, None), HTML.header)
    except (RequestError, LimitExceeded) as error:
        page = pages.validate_page(request.form, None, problem_of(error))
        return respond(page, HTML.header, status=error.status)


def _pieces(answer: SyncAnswer) -> Iterator[bytes]:
    with answer:
        yield from answer


def _judged(form: str) -> SyncAnswer:
    """Have a worker judge what was handed in; return the report in a form."""
    state = service()
    in_context = _in_context()
    data, shapes = _documents()
    # The version that new jobs read: the one that is published may be a moment ahead of it.
    current = state.engine.version.number
    job = ValidateJob(
        (data,) if shapes is None else (data, shapes),
        version=current if in_context else None,
        form=form,
        language=_language(),
        contexts=_contexts(data, shapes),
    )
    caller = asking(seconds(dict(request.values.lists()), state.settings))
    return state.engine.answer(job, caller)


def _content_type(choice: str) -> str:
    return f"{FORMS[choice]}; charset=utf-8"


def _report_format() -> str:
    """Return the form of report that ``format=`` or Accept asks for; Turtle where neither does."""
    named = request.args.get("format")
    if named:
        known = {"ttl": "turtle", "nt": "ntriples"}.get(named, named)
        if known not in (*FORMS, "html"):
            raise BadParameter(f"format is {named!r}; there are {', '.join([*FORMS, 'html'])}.", parameter="format")
        return known
    if not request.accept_mimetypes:
        return "turtle"
    types = {"text/turtle": "turtle", **{type_: name for name, type_ in FORMS.items()}, HTML.type: "html"}
    best = request.accept_mimetypes.best_match(list(types))
    if best is None:
        raise NotAcceptable(
            f"The report can be had as {', '.join(types)}; Accept takes none of them.", available=list(types)
        )
    return types[best]


def _language() -> str:
    return request.values.get("lang") or request.accept_languages.best_match(LANGUAGES) or "en"


def _in_context() -> bool:
    context = request.values.get("context", "store")
    if context not in ("store", "none"):
        raise BadParameter(f"context is {context!r}; give `store` or `none`.", parameter="context")
    return context == "store"


def _documents() -> tuple[Document, Document | None]:
    """Return the data, and the shapes where there are some."""
    data = _part("data") if request.mimetype in FORM_TYPES else _body()
    if data is None:
        raise BadParameter("Hand in RDF as the body, as the file `data`, or as `text` in the form.", parameter="data")
    return data, _part("shapes")


def _contexts(*documents: Document | None) -> dict[str, object]:
    """Return our own JSON-LD contexts by their addresses, where a document names them: none is fetched."""
    roots = {BASE.rstrip("/"), root_url()}
    known = {root + path: text for root in roots for path, text in by_path().items()}
    named = {each[2] for each in documents if each is not None}
    return {
        address: json.loads(text) for address, text in known.items() if any(address.encode() in data for data in named)
    }


def _measured(kind: str | None, name: str, data: bytes) -> Document:
    limit = service().settings.max_body
    if len(data) > limit:
        raise TooLarge(f"{name} has {len(data):,} bytes; at most {limit:,} are read. Submit it in parts.", limit=limit)
    return kind or "", name, data


def _body() -> Document:
    limit = service().settings.max_body
    if request.content_length and request.content_length > limit:
        raise TooLarge(f"The body has {request.content_length} bytes; the limit is {limit}.", limit=limit)
    if not request.get_data():
        raise BadParameter("The body is empty: POST the RDF that is to be checked.", parameter="data")
    return _measured(request.mimetype or media.TURTLE.type, "body", request.get_data())


def _part(name: str) -> Document | None:
    """Return the RDF that a form hands in as a file, or as text in a field of the same name."""
    file = request.files.get(name)
    if file is not None and file.filename:
        kind = request.form.get(f"{name}-format") or None
        known = file.mimetype if media.by_type(file.mimetype or "") else None
        return _measured(kind or known, file.filename, file.read())
    text = request.form.get(name) or (request.form.get("text") if name == "data" else None)
    if text:
        kind = request.form.get(f"{name}-format") or request.form.get("format") or "ttl"
        # Browsers send line ends as CRLF; columns and lines are those that the editor sees.
        return _measured(kind, "text", text.replace("\r\n", "\n").encode())
    return None
