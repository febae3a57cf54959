"""The SPARQL endpoint: SPARQL 1.1 Protocol for queries and updates, a page for browsers.

Queries for machines are answered here only under servers without the asynchronous front; pages and updates always.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, request

from vetgraph import media, results
from vetgraph.dataset.service import service_description
from vetgraph.engine.backend import Caller, Change, caller
from vetgraph.engine.functions import is_deterministic
from vetgraph.engine.history import Intent
from vetgraph.engine.jobs import QueryJob
from vetgraph.errors import BadParameter, LimitExceeded, UnsupportedMedia, VetgraphError
from vetgraph.queries import query_form
from vetgraph.web import access, headers, pages, protocol
from vetgraph.web.accept import wants_page
from vetgraph.web.negotiation import accepted, cacheable, kept, passing, respond, root_url
from vetgraph.web.problems import problem_of
from vetgraph.web.protocol import Plan, Protocol
from vetgraph.web.state import service
from vetgraph.web.tables import ROWS_SHOWN, Table, table_from

if TYPE_CHECKING:
    from vetgraph.engine.bridge import SyncAnswer

blueprint = Blueprint("sparql", __name__)

BYTES_SHOWN: Final = 4_000_000
"""Most bytes of an answer that a page is made of; the download has them all."""

PAGE_MEDIA: Final = {
    "solutions": media.RESULTS_JSON.type,
    "boolean": media.RESULTS_JSON.type,
    "graph": media.TURTLE.type,
}


@blueprint.get("/sparql")
def by_get() -> Response:
    """Answer a query in the address; without one, describe the service or show the page."""
    plan = _protocol().asked(request.method, fields(), request.query_string)
    if plan:
        return answered(plan)
    if "update" in request.args:
        raise BadParameter("An update is not sent by GET, which changes nothing; send it by POST.", parameter="update")
    choice = accepted((*media.carrying("graph"), media.HTML))
    if choice is media.HTML or wants_page(request.headers.get("Accept", "")):
        return cacheable(respond(pages.sparql_page("", None, None), media.HTML.header), vary="Accept, Accept-Language")
    triples = service_description(service().engine.version, service().settings, f"{root_url()}/sparql")
    return cacheable(respond(results.write_quads(triples, choice), choice.header))


@blueprint.post("/sparql")
def by_post() -> Response:
    """Answer a query, or carry out an update, in a form or as the body (SPARQL 1.1 Protocol sections 2.1 and 2.2)."""
    body = request.get_data(cache=False)
    if protocol.is_update(fields(), request.query_string, body):
        return updated(body)
    plan = _protocol().asked("POST", fields(), request.query_string, body)
    if plan:
        return answered(plan)
    if protocol.reads_body("POST", fields()):
        raise BadParameter("The form has neither `query` nor `update`.", parameter="query")
    known = [protocol.FORM, protocol.QUERY, protocol.UPDATE]
    raise UnsupportedMedia(
        f"POST a query or an update as {', '.join(known)}, not as {request.mimetype or 'nothing said'}.",
        available=known,
    )


def fields() -> dict[str, str]:
    """Return the request's headers by their lower-case names."""
    return {name.lower(): value for name, value in request.headers.items()}


def _protocol() -> Protocol:
    return protocol.protocol_of(service().settings)


def asking(seconds: float, *, chosen: str | None = None, at: int | None = None) -> Caller:
    """Return who sent the request, with the seconds that it may take from now."""
    return caller(request.remote_addr or "", seconds, chosen=chosen, at=at)


# -- queries ---------------------------------------------------------------------------------------------


def answered(plan: Plan) -> Response:
    """Answer a query in the format that the request prefers, or on the page."""
    if plan.page:
        return shown(plan)
    answer = service().engine.answer(plan.job, asking(plan.seconds, chosen=plan.id, at=plan.at))
    return written(answer, lasting=is_deterministic(plan.job.text))


def written(answer: SyncAnswer, *, lasting: bool = True) -> Response:
    """Return the response for an answer: whole with an ETag, or as it comes. ``lasting`` says that it may be kept.

    Only what is whole when its headers leave has a tag: what comes may still end early.
    """
    kind = media.by_type(answer.media)
    content_type = kind.header if kind else answer.media
    if answer.whole is not None:
        response = respond(answer.whole, content_type)
        response = cacheable(response, version=answer.version) if lasting else passing(response)
    else:
        response = Response(_pieces(answer), content_type=content_type)
        response = kept(response) if lasting else passing(response)
        response.call_on_close(answer.close)
    return told(response, answer)


def _pieces(answer: SyncAnswer) -> Iterator[bytes]:
    with answer:
        yield from answer


def told(response: Response, answer: SyncAnswer) -> Response:
    """Say in a response under which id a query ran and which version it read."""
    response.headers[headers.QUERY] = answer.id
    response.headers[headers.VERSION] = str(answer.version)
    return response


def shown(plan: Plan) -> Response:
    """Answer a query, or say what is wrong with it, on the page."""
    try:
        answer = service().engine.answer(for_page(plan.job), asking(plan.seconds, chosen=plan.id, at=plan.at))
        page = respond(pages.sparql_page(plan.job.text, tabulated(answer), None), media.HTML.header)
        cut = answer.end and answer.end.partial and answer.end.partial.get("reason") == "time"
        vary = "Accept, Accept-Language"
        if cut or not is_deterministic(plan.job.text):
            return told(passing(page, vary=vary), answer)
        return told(cacheable(page, vary=vary, version=answer.version), answer)
    except VetgraphError as error:
        problem = pages.sparql_page(plan.job.text, None, problem_of(error))
        response = respond(problem, media.HTML.header, status=error.status)
        response.headers.update(headers.of_error(error))
        return response


def for_page(job: QueryJob) -> QueryJob:
    """Return a query as a page asks it: in formats that the page reads, and of a table no more rows than it shows.

    A graph is cut by the reader: nothing in its formats could say that it was.
    """
    graph = query_form(job.text) in ("CONSTRUCT", "DESCRIBE")
    return replace(job, media=PAGE_MEDIA, rows=job.rows if graph else min(job.rows or ROWS_SHOWN, ROWS_SHOWN))


def tabulated(answer: SyncAnswer) -> Table:
    """Return an answer as a page shows it. Raises LimitExceeded where it is too much for one."""
    graph = answer.kind == "graph"
    pieces: list[bytes] = []
    size = lines = 0
    with answer:
        for piece in answer:
            pieces.append(piece)
            size += len(piece)
            lines += piece.count(b"\n")
            if graph and lines > ROWS_SHOWN:
                break
            if size > BYTES_SHOWN:
                raise _too_much()
    body = b"".join(pieces)
    if graph and lines > ROWS_SHOWN:
        body = b"\n".join(body.split(b"\n", ROWS_SHOWN)[:ROWS_SHOWN])
    more = lines > ROWS_SHOWN if graph else bool(answer.end and answer.end.partial)
    try:
        return table_from(body, graph=graph, more=more)
    except RecursionError:
        raise _too_much() from None


def _too_much() -> LimitExceeded:
    return LimitExceeded(
        "The answer is too large for a page; download it in one of the formats instead.",
        limit=BYTES_SHOWN,
        unit="bytes",
    )


# -- updates ---------------------------------------------------------------------------------------------


def updated(body: bytes) -> Response:
    """Carry out an update for the maintainer, and tell what it changed."""
    agent = access.maintainer()
    job = _protocol().update(fields(), request.query_string, body)
    parameters = protocol.parsed(request.query_string, body if request.mimetype == protocol.FORM else b"")
    intent = Intent("update", agent, protocol.reason(parameters))
    change = service().engine.change(job, intent, changing(parameters))
    return reported(change)


def changing(parameters: protocol.Parameters) -> Caller:
    """Return who sent a write, with the seconds that it may take."""
    chosen = request.headers.get(headers.QUERY)
    seconds = protocol.seconds(parameters, service().settings)
    return asking(seconds, chosen=protocol.chosen_id(chosen) if chosen else None)


def reported(change: Change, *, status: int = 200) -> Response:
    """Return the response that tells what a change did, as far as the store counts, and in which version it is."""
    members = {"version": change.version.number, "added": change.added, "removed": change.removed}
    counted = {name: value for name, value in members.items() if value is not None}
    response = respond(json.dumps(counted) + "\n", "application/json", status=status)
    response.headers[headers.VERSION] = str(change.version.number)
    response.headers["Cache-Control"] = "no-store"
    return response
