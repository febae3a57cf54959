"""Validate submitted RDF: for scripts by ``POST /validate``, for people by the form of the same address."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, request

from vetgraph import about, media
from vetgraph.errors import BadParameter, NotAcceptable, RequestError, TooLarge
from vetgraph.media import HTML
from vetgraph.validation import FORMS, Report, Shapes, Submission, read, render, validate
from vetgraph.vocab import BASE, LANGUAGES
from vetgraph.web import pages
from vetgraph.web.negotiation import respond
from vetgraph.web.problems import problem_of
from vetgraph.web.state import service

blueprint = Blueprint("validation", __name__)

FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class Upload:
    """What a request hands in: data, shapes of its own or none, and whether the store is the context."""

    data: Submission
    shapes: Shapes
    in_context: bool


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
    return respond(render(_judge(_upload()), choice, language=_language()), _content_type(choice))


def _as_page() -> Response:
    try:
        return respond(pages.validate_page(request.form, _judge(_upload()), None), HTML.header)
    except RequestError as error:
        page = pages.validate_page(request.form, None, problem_of(error))
        return respond(page, HTML.header, status=error.status)


def _judge(upload: Upload) -> Report:
    context = service().context() if upload.in_context else None
    return validate(upload.data, upload.shapes, context, language=_language())


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


def _upload() -> Upload:
    context = request.values.get("context", "store")
    if context not in ("store", "none"):
        raise BadParameter(f"context is {context!r}; give `store` or `none`.", parameter="context")
    shapes = service().shapes
    given = _part("shapes")
    if given is not None:
        shapes = shapes.uploaded(given)
    data = _part("data") if request.mimetype in FORM_TYPES else _body()
    if data is None:
        raise BadParameter("Hand in RDF as the body, as the file `data`, or as `text` in the form.", parameter="data")
    return Upload(data, shapes, context == "store")


def _limit() -> int:
    return service().settings.max_body


def _read(data: bytes, kind: str | None, name: str) -> Submission:
    """Return what was handed in; JSON-LD may name our own context, which is not fetched but known."""
    own = {BASE + "context.jsonld": about.jsonld_context(service().store)}
    return read(data, kind, name, limit=_limit(), contexts=own)


def _body() -> Submission:
    if request.content_length and request.content_length > _limit():
        raise TooLarge(f"The body has {request.content_length} bytes; the limit is {_limit()}.", limit=_limit())
    if not request.get_data():
        raise BadParameter("The body is empty: POST the RDF that is to be checked.", parameter="data")
    return _read(request.get_data(), request.mimetype or media.TURTLE.type, "body")


def _part(name: str) -> Submission | None:
    """Return the RDF that a form hands in as a file, or as text in a field of the same name."""
    file = request.files.get(name)
    if file is not None and file.filename:
        kind = request.form.get(f"{name}-format") or None
        known = file.mimetype if media.by_type(file.mimetype or "") else None
        return _read(file.read(), kind or known, file.filename)
    text = request.form.get(name) or (request.form.get("text") if name == "data" else None)
    if text:
        kind = request.form.get(f"{name}-format") or request.form.get("format") or "ttl"
        # Browsers send line ends as CRLF; columns and lines are those that the editor sees.
        return _read(text.replace("\r\n", "\n").encode(), kind, "text")
    return None
