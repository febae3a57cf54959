"""The SPARQL endpoint: SPARQL 1.1 Protocol for queries, a page for browsers."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from vetgraph import about, media, results, sparql
from vetgraph.errors import BadParameter, QuerySyntaxError, RequestError, UnsupportedMedia, VetgraphError
from vetgraph.media import Media
from vetgraph.web import pages
from vetgraph.web.negotiation import accepted, cacheable, prefers, respond, root_url
from vetgraph.web.problems import problem_of
from vetgraph.web.state import service

blueprint = Blueprint("sparql", __name__)

FORM = "application/x-www-form-urlencoded"
QUERY_BODY = "application/sparql-query"
UPDATE_BODY = "application/sparql-update"
MACHINE = tuple(kind for kind in media.TABLE if kind is not media.HTML)


@blueprint.get("/sparql")
def by_get() -> Response:
    """Answer a query in the address; without one, describe the service or show the page."""
    if "update" in request.args:
        raise sparql.refuse_update()
    if "query" in request.args:
        return run(wanted(request.args))
    if prefers(media.HTML, MACHINE):
        page = pages.sparql_page("", None, None)
        return cacheable(respond(page, media.HTML.header), vary="Accept, Accept-Language")
    choice = accepted(media.carrying("graph"))
    triples = about.service_description(service().store, f"{root_url()}/sparql")
    return cacheable(respond(results.write_quads(triples, choice), choice.header))


@blueprint.post("/sparql")
def by_post() -> Response:
    """Answer a query in a form or as the body (SPARQL 1.1 Protocol sections 2.1.2 and 2.1.3)."""
    kind = request.mimetype
    if kind == UPDATE_BODY or (kind == FORM and "update" in request.form):
        raise sparql.refuse_update()
    if kind == FORM:
        return run(wanted(request.form))
    if kind == QUERY_BODY:
        if "query" in request.args:
            raise BadParameter("The query is given in the body; take it out of the address.", parameter="query")
        return run(wanted(request.args, text=_body_text()))
    raise UnsupportedMedia(
        f"POST a query as {FORM} or {QUERY_BODY}, not as {kind or 'nothing said'}.",
        available=[FORM, QUERY_BODY],
    )


def _body_text() -> str:
    try:
        return request.get_data().decode("utf-8")
    except UnicodeDecodeError:
        raise QuerySyntaxError("The query is not UTF-8 text; send it in UTF-8.") from None


def wanted(parameters: MultiDict[str, str], text: str | None = None) -> sparql.Request:
    """Return the query that some parameters ask for. Raises BadParameter."""
    if text is None:
        texts = parameters.getlist("query")
        if len(texts) != 1:
            raise BadParameter(f"Give exactly one `query`, not {len(texts)}.", parameter="query")
        text = texts[0]
    graphs = {}
    for name in ("default-graph-uri", "named-graph-uri"):
        graphs[name] = tuple(parameters.getlist(name))
        for iri in graphs[name]:
            if ":" not in iri:
                raise BadParameter(f"{name} is {iri!r}; give an absolute IRI.", parameter=name)
    return sparql.Request(text, graphs["default-graph-uri"], graphs["named-graph-uri"])


def run(query: sparql.Request) -> Response:
    """Answer a query in the format that the request prefers."""
    if prefers(media.HTML, MACHINE) and "format" not in request.values:
        return show(query)
    answer = sparql.answer(service().store, query)
    kinds = media.carrying(results.kind_of(answer))
    choice = _by_parameter(kinds) or accepted(kinds)
    return cacheable(respond(results.write_answer(answer, choice), choice.header))


FORMAT_NAMES = {"turtle": "ttl", "n3": "ttl", "json-ld": "jsonld", "rdf+xml": "rdf", "n-triples": "nt"}
"""Names beside suffixes and media types under which clients such as SPARQLWrapper ask for formats."""


def _by_parameter(kinds: tuple[Media, ...]) -> Media | None:
    """Return the format that ``format=`` names, where this kind of answer can be had in it.

    Clients send the parameter along with Accept and mean the latter where the former does not fit.
    Raises BadParameter where no format at all is called so.
    """
    name = request.values.get("format", "").lower()
    if not name:
        return None
    choice = media.by_suffix(FORMAT_NAMES.get(name, name)) or media.by_type(name)
    if choice is None:
        known = ", ".join(kind.suffix for kind in kinds)
        raise BadParameter(f"format is {name!r}; this answer can be had as {known}.", parameter="format")
    return choice if choice in kinds else None


def show(query: sparql.Request) -> Response:
    """Answer a query, or say what is wrong with it, on the page."""
    try:
        answer = sparql.answer(service().store, query)
        page = pages.sparql_page(query.text, answer, None)
        return cacheable(respond(page, media.HTML.header), vary="Accept, Accept-Language")
    except VetgraphError as error:
        status = error.status if isinstance(error, RequestError) else 500
        return respond(pages.sparql_page(query.text, None, problem_of(error)), media.HTML.header, status=status)
