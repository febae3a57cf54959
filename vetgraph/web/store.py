"""The Graph Store HTTP Protocol (SPARQL 1.1): whole graphs, read by anybody, written by the maintainer.

``?graph=`` names a graph, ``?default`` is the unnamed one: what is stored there, also where queries see the union.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from flask import Blueprint, Response, request

from vetgraph import media
from vetgraph.engine.backend import Change
from vetgraph.engine.history import Intent
from vetgraph.engine.jobs import Action, QueryJob, StoreJob
from vetgraph.errors import BadParameter, NotAcceptable, NotFound, PreconditionFailed, UnsupportedMedia
from vetgraph.media import Media
from vetgraph.vocab import BASE, GRAPH
from vetgraph.web import access, headers, protocol
from vetgraph.web.negotiation import kept, respond
from vetgraph.web.sparql import asking, changing, fields, reported, written
from vetgraph.web.state import service

blueprint = Blueprint("store", __name__)

READABLE: Final = tuple(kind for kind in media.carrying("graph") if kind not in (media.TRIG, media.N_QUADS))
"""What a graph can be sent in; the others hold datasets."""

TRIES: Final = 5
"""How often a conditional write looks again because another write came in between."""

_CONTENT: Final = "CONSTRUCT { ?s ?p ?o } WHERE { ?s ?p ?o }"
_TAG: Final = re.compile(r"(?P<stamp>.+)-(?P<graph>[0-9a-f]{12})-\w+")


@blueprint.get("/store")
def read() -> Response:
    """Answer with a graph; ``HEAD`` with the same headers (sections 5.2 and 5.7)."""
    parameters = protocol.parsed(request.query_string)
    graph, choice = named(parameters), _format(parameters)
    version, seconds = protocol.at(parameters), protocol.seconds(parameters, service().settings)
    now = _look(graph, version, seconds)
    if not now.exists:
        raise _unknown(graph)
    tag = f"{now.stamp}-{_checksum(graph)}-{choice.suffix}"
    if request.method == "HEAD" or request.if_none_match.contains(tag):
        response = respond(b"", choice.header)
    else:
        # Of the version that was looked into: another may have been published since.
        response = written(service().engine.answer(_content(graph, choice), asking(seconds, at=now.at or version)))
    response.set_etag(tag)
    response.headers[headers.VERSION] = str(now.version)
    return kept(response).make_conditional(request)  # type: ignore[return-value]


@blueprint.put("/store")
def replace() -> Response:
    """Put a graph in the place of another (section 5.3)."""
    return _write("put", named(protocol.parsed(request.query_string)), _documents)


@blueprint.post("/store")
def add() -> Response:
    """Add to a graph; where none is named, make a new one (section 5.5)."""
    parameters = protocol.parsed(request.query_string)
    new = "graph" not in parameters and "default" not in parameters
    return _write("post", GRAPH + uuid.uuid4().hex if new else named(parameters), _documents)


@blueprint.patch("/store")
def patch() -> Response:
    """Carry out an update on a graph (section 5.6): what it says without GRAPH is said of this one."""
    return _write("patch", named(protocol.parsed(request.query_string)), _update)


@blueprint.delete("/store")
def delete() -> Response:
    """Delete a graph (section 5.4)."""
    return _write("delete", named(protocol.parsed(request.query_string)), tuple)


# -- what a request names ----------------------------------------------------------------------------------


def named(parameters: protocol.Parameters) -> str | None:
    """Return the graph that a request names, None for the default graph. Raises BadParameter."""
    graphs = parameters.get("graph", [])
    if "default" in parameters and not graphs:
        return None
    if "default" in parameters or len(graphs) != 1:
        raise BadParameter("Name one graph: `?graph=` with its IRI, or `?default`.", parameter="graph")
    return protocol.iri(graphs[0], "graph")


def _format(parameters: protocol.Parameters) -> Media:
    """Return the format of ``format=``, else of Accept. Raises BadParameter and NotAcceptable."""
    wished = protocol.wished_media(parameters, request.headers.get("Accept", ""))["graph"]
    choice = media.by_type(wished or "")
    if choice is None:
        available = [kind.type for kind in media.carrying("graph")]
        raise NotAcceptable(f"A graph can be had as {', '.join(available)}.", available=available)
    return choice


def _documents() -> tuple[tuple[str, bytes], ...]:
    """Return the documents of the body, one or those of a form, each with its media type. Raises UnsupportedMedia."""
    if request.mimetype != "multipart/form-data":
        protocol.check_charset(fields())
        return ((_readable(request.mimetype), request.get_data(cache=False)),)
    files = list(request.files.items(multi=True))
    if not files or request.form:
        raise BadParameter("Each part of the form is a file: give it a file name and a Content-Type.")
    return tuple((_readable(file.mimetype, file.filename or name), file.read()) for name, file in files)


def _readable(type_: str, file: str = "") -> str:
    """Return the media type of a document, by the end of its file's name where it is not said."""
    kind = media.by_type(type_) or media.by_suffix(file.rpartition(".")[2])
    if kind not in READABLE:
        available = [each.type for each in READABLE]
        what = f"{file}: a" if file else "A"
        raise UnsupportedMedia(
            f"{what} graph is sent as {', '.join(available)}, not as {type_ or 'nothing said'}.", available=available
        )
    assert kind is not None
    return kind.type


def _update() -> tuple[tuple[str, bytes], ...]:
    if request.mimetype != protocol.UPDATE:
        raise UnsupportedMedia(
            f"PATCH takes {protocol.UPDATE}, not {request.mimetype or 'nothing said'}.", available=[protocol.UPDATE]
        )
    protocol.check_charset(fields())
    return ((protocol.UPDATE, request.get_data(cache=False)),)


# -- reading ------------------------------------------------------------------------------------------------


def _content(graph: str | None, kind: Media) -> QueryJob:
    graphs = () if graph is None else (graph,)
    return QueryJob(_CONTENT, default_graphs=graphs, union=False, media={"graph": kind.type})


@dataclass(frozen=True)
class Look:
    """What a look at a graph found: whether it is there, and the state of the data."""

    exists: bool
    version: int
    stamp: str

    @property
    def at(self) -> int | None:
        """The version to ask for to read the same; None for stores that keep but one."""
        return self.version if self.stamp == f"v{self.version}" else None


def _look(graph: str | None, at: int | None, seconds: float) -> Look:
    """Look whether there is a graph; the default graph always is."""
    pattern = "" if graph is None else f"GRAPH <{graph}> {{}}"
    job = QueryJob(f"ASK {{ {pattern} }}", union=False, media={"boolean": media.CSV.type})
    engine = service().engine
    with engine.answer(job, asking(seconds, at=at)) as answer:
        stamp = f"v{answer.version}" if engine.stamp.isdigit() else engine.stamp
        return Look(answer.read().strip() == b"true", answer.version, stamp)


def _unknown(graph: str | None) -> NotFound:
    return NotFound(f"There is no graph <{graph}>; the service description lists those that there are.")


def _checksum(graph: str | None) -> str:
    return sha256((graph or "").encode()).hexdigest()[:12]


# -- writing ------------------------------------------------------------------------------------------------


def _write(action: Action, graph: str | None, parts: Callable[[], tuple[tuple[str, bytes], ...]]) -> Response:
    """Carry out a write for the maintainer, under the conditions that the request names."""
    agent = access.maintainer()
    job = StoreJob(action, graph, parts(), base=graph or BASE)
    change = _changed(job, agent)
    if action == "delete" and not change.existed:
        raise _unknown(graph)
    if action == "delete" or change.existed or graph is None:
        return reported(change)
    response = reported(change, status=201)
    response.headers["Location"] = graph
    return response


def _changed(job: StoreJob, agent: str) -> Change:
    parameters = protocol.parsed(request.query_string)
    me = changing(parameters)
    why = protocol.reason(parameters)
    for left in reversed(range(TRIES)):
        base = _expected_version(job.graph)
        try:
            return service().engine.change(job, Intent("store", agent, why, base), me)
        except PreconditionFailed:
            # Another write was published in between; it may well be to another graph.
            if base is None or not left:
                raise
    raise AssertionError("the last try either returns or raises")


def _expected_version(graph: str | None) -> int | None:
    """Return the version on which the request's conditions hold, None where it has none (RFC 9110 section 13.1).

    Raises PreconditionFailed.
    """
    wanted, unwanted = request.if_match, request.if_none_match
    if not (wanted or unwanted):
        return None
    now = _look(graph, None, service().settings.query_timeout)
    known = _known(unwanted.as_set(), graph)
    if unwanted and now.exists and (unwanted.star_tag or now.stamp in known):
        raise _failed(now, "There is such a graph already, which If-None-Match rules out")
    if wanted and not (now.exists and (wanted.star_tag or _holds(_known(wanted.as_set(), graph), graph, now))):
        raise _failed(now, "The graph is not in the state that If-Match names")
    return now.version


def _known(tags: Iterable[str | None], graph: str | None) -> set[str]:
    """Return the states that tags of a graph stand for."""
    # An empty tag comes as None.
    found = (_TAG.fullmatch(tag or "") for tag in tags)
    return {match["stamp"] for match in found if match and match["graph"] == _checksum(graph)}


def _holds(stamps: set[str], graph: str | None, now: Look) -> bool:
    """Whether a graph is as it was in one of some states: also where other graphs have changed since."""
    if now.stamp in stamps:
        return True
    versions = [int(stamp[1:]) for stamp in stamps if re.fullmatch(r"v[0-9]{1,15}", stamp)]
    return any(_sum(graph, version) == _sum(graph, now.version) for version in versions)


def _sum(graph: str | None, version: int) -> int | None:
    """Return a checksum of a graph's triples in a version, whatever their order; None where it is not kept."""
    total, rest = 0, b""
    try:
        asker = asking(service().settings.query_timeout_max, at=version)
        with service().engine.answer(_content(graph, media.N_TRIPLES), asker) as answer:
            for piece in answer:
                *lines, rest = (rest + piece).split(b"\n")
                total += sum(int.from_bytes(sha256(line).digest(), "big") for line in lines)
    except NotFound:
        return None
    return total


def _failed(now: Look, what: str) -> PreconditionFailed:
    return PreconditionFailed(
        f"{what}; read it again and make the change on what it is now (version {now.version}).", version=now.version
    )
