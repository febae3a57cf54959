"""What changed, for those who follow: an Atom feed, a Linked Data Event Stream, and changes since a version or time."""

from __future__ import annotations

import json
from typing import Final
from urllib.parse import urlencode

import pyoxigraph as ox
from flask import Blueprint, Response, request

from vetgraph import media
from vetgraph.changes import Past, index_of, telling
from vetgraph.changes.atom import feed
from vetgraph.changes.telling import TOLD, VERSION, Change, Node
from vetgraph.engine.history import Entry
from vetgraph.errors import BadParameter, NotFound
from vetgraph.media import JSON, RDF_PATCH, Media
from vetgraph.versions import Version
from vetgraph.web import resources, wishes
from vetgraph.web.memento import moment_of
from vetgraph.web.negotiation import IMMUTABLE, PAST, cacheable, conditional, kept, respond, root_url
from vetgraph.web.state import Service, service

blueprint = Blueprint("changes", __name__)

PAGE: Final = 50
"""Changes on a page of the feed and of the stream."""

MOST: Final = 1000
"""Changes that one answer to ``since=`` tells, at most."""

ATOM: Final = Media("application/atom+xml", "atom", "Atom", frozenset())
GRAPH: Final = media.carrying("graph")


def _change(entry: Entry, most: int = telling.LISTED) -> Change:
    return Change(index_of(service().settings.store).step(entry), most)


def _vary() -> str:
    return "" if request.args.get("format") else "Accept"


def _written(triples: list[ox.Triple], choice: Media, modified: Version | None = None) -> Response:
    body = resources.written(triples, choice)
    return cacheable(respond(body, choice.header), vary=_vary(), modified=modified)


# -- since a version or a time ------------------------------------------------------------------------------


@blueprint.get("/changes")
def since() -> Response:
    """List the changes after a version or a time, the oldest first; without either, from the beginning."""
    choice = wishes.form((JSON, *GRAPH))
    past = service().known_past()
    start, limit = _start(past), _limit()
    found = past.after(start, limit)
    newest = past.newest
    last = found[-1].version.number if found else max(start, newest)
    changes = [_change(entry) for entry in found]
    more = f"{root_url()}/changes?{_query(since=str(last))}" if last < newest else None
    if choice is JSON:
        told = {"since": start, "newest": newest, "next": more, "changes": [telling.as_json(one) for one in changes]}
        text = json.dumps(told, ensure_ascii=False, indent=2) + "\n"
        response = cacheable(respond(text, JSON.type), vary=_vary())
    else:
        response = _written([triple for one in changes for triple in telling.triples(one)], choice)
    if more:
        response.headers["Link"] = f'<{more}>; rel="next"'
    return response


def _query(**changed: str) -> str:
    return urlencode({**request.args.to_dict(), **changed})


def _start(past: Past) -> int:
    """Return the number of the version after which changes are wanted. Raises BadParameter."""
    value = request.args.get("since", "").strip()
    if not value:
        return 0
    if value.isascii() and value.isdigit() and len(value) < 16:
        return int(value)
    version = past.at(moment_of(value, "since"))
    return version.number if version else 0


def _limit() -> int:
    value = request.args.get("limit", "") or "100"
    if not (value.isascii() and value.isdigit() and 0 < len(value) < 9 and int(value) > 0):
        raise BadParameter(f"limit is {value[:40]!r}; give a whole number from 1 to {MOST}.", parameter="limit")
    return min(int(value), MOST)


# -- one change ------------------------------------------------------------------------------------------------


@blueprint.get("/changes/<int:number>")
def one(number: int) -> Response:
    """Answer with the change that made a version: as JSON, RDF, or an RDF patch with all of its triples."""
    choice = wishes.form((JSON, *GRAPH, RDF_PATCH))
    entry = _entry(service().known_past(), number)
    if choice is RDF_PATCH:
        return _patch(entry)
    change = _change(entry, TOLD)
    if choice is JSON:
        text = json.dumps(telling.as_json(change), ensure_ascii=False, indent=2) + "\n"
        response = cacheable(respond(text, JSON.type), vary=_vary(), modified=entry.version)
    else:
        response = _written(telling.triples(change), choice, entry.version)
    response.headers["Cache-Control"] = PAST
    return response


def _entry(past: Past, number: int) -> Entry:
    try:
        return past.entry(number)
    except NotFound:
        raise NotFound(f"There is no change {number}; the newest is {past.newest}.") from None


def _patch(entry: Entry) -> Response:
    change = _change(entry, most=1 << 60)
    if change.step.delta is None:
        raise NotFound(f"There is no patch for version {change.number}. {change.note}")
    response = Response(telling.patch(change), content_type=RDF_PATCH.type)
    response.set_etag(f"v{change.number}-{entry.version.built.timestamp():.0f}-patch")
    response.last_modified = entry.version.built
    kept(response, vary=_vary()).headers["Cache-Control"] = PAST
    return conditional(response)


def described(state: Service, iri: str) -> list[ox.Triple] | None:
    """Return what is said of a version and of the change that made it; None for other IRIs and unknown versions."""
    number = iri.removeprefix(VERSION)
    if not (iri.startswith(VERSION) and number.isascii() and number.isdigit() and len(number) < 16):
        return None
    past = state.past
    if past is None or int(number) > state.version:
        return None
    try:
        return telling.triples(_change(past.entry(int(number)), TOLD))
    except NotFound:
        return None


resources.virtual.append(described)


# -- Atom ------------------------------------------------------------------------------------------------------


@blueprint.get("/feed.atom")
def atom() -> Response:
    """Answer with the feed of changes, the newest first; ``before=`` names the version before which a page begins."""
    past = service().known_past()
    before = request.args.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) < 16):
        raise BadParameter(f"before is {before[:40]!r}; give the number of a version.", parameter="before")
    found = past.before(int(before) if before else past.newest + 1, PAGE)
    root = root_url()
    links = {
        "self": (f"{root}/feed.atom" + (f"?before={before}" if before else ""), ATOM.type),
        "first": (f"{root}/feed.atom", ATOM.type),
    }
    if found and found[-1].version.number > 1:
        links["next"] = (f"{root}/feed.atom?before={found[-1].version.number}", ATOM.type)
    addresses = {
        entry.version.number: (
            f"{root}/doc/version/{entry.version.number}",
            f"{root}/changes/{entry.version.number}?format={RDF_PATCH.suffix}",
        )
        for entry in found
    }
    updated = telling.stamp(found[0].version.built if found else service().built)
    body = feed([_change(entry) for entry in found], updated, links, addresses)
    return cacheable(respond(body, ATOM.type), vary="")


# -- LDES ------------------------------------------------------------------------------------------------------


@blueprint.get("/ldes")
def stream() -> Response:
    """Answer with the first page of the event stream, which leads to all others."""
    choice = wishes.form(GRAPH)
    address = f"{root_url()}/ldes"
    starts = service().known_past().starts(PAGE)
    leads = [Node(f"{address}/{page}", telling.stamp(built)) for page, built in starts]
    return _written(telling.stream(address, Node(address, ""), (), leads), choice)


@blueprint.get("/ldes/<int:page>")
def fragment(page: int) -> Response:
    """Answer with a page of the event stream; one that is full never changes again."""
    choice = wishes.form(GRAPH)
    past = service().known_past()
    newest = past.newest
    if page < 1 or (page - 1) * PAGE > newest:
        raise NotFound(f"The stream has no page {page}; /ldes leads to those there are.")
    address = f"{root_url()}/ldes"
    numbers = range((page - 1) * PAGE + 1, page * PAGE + 1)
    found = [entry for entry in past.after(numbers[0] - 1, PAGE) if entry.version.number in numbers]
    full = newest >= numbers[-1]
    last = found[-1].version if found else None
    leads = [Node(f"{address}/{page + 1}", telling.stamp(last.built))] if full and last else []
    own = Node(f"{address}/{page}", "")
    triples = telling.stream(address, own, [_change(entry) for entry in found], leads)
    response = _written(triples, choice, last)
    if full:
        response.headers["Cache-Control"] = IMMUTABLE
    return response
