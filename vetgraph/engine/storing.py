"""An operation of the Graph Store Protocol → the net delta (SPARQL 1.1 Graph Store HTTP Protocol).

PUT replaces a graph (section 5.3), POST adds to it (5.5), DELETE drops it (5.4), PATCH applies an update to it (5.7).
Blank nodes of a document are always new ones: their labels mean nothing beyond it (RDF 1.1 Concepts section 3.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pyoxigraph as ox

from vetgraph.engine.asking import named
from vetgraph.engine.deltas import Delta
from vetgraph.engine.jobs import StoreJob, UpdateJob
from vetgraph.engine.scratch import DEFAULT, Graph, Scratch
from vetgraph.engine.updates import changed, replace_graph
from vetgraph.errors import BadParameter, UnreadableData, UnsupportedMedia
from vetgraph.store import graph_name

READ: Final = {
    form.media_type: form
    for form in (
        ox.RdfFormat.TURTLE,
        ox.RdfFormat.N_TRIPLES,
        ox.RdfFormat.RDF_XML,
        ox.RdfFormat.JSON_LD,
        ox.RdfFormat.N3,
        ox.RdfFormat.TRIG,
        ox.RdfFormat.N_QUADS,
    )
}
"""The media types of documents that are read."""

_PLACE: Final = re.compile(r"^(?:Parser error )?(?:at|between) line .*?: |^Parser error: ")


def stored(scratch: Scratch, job: StoreJob) -> tuple[Delta, bool]:
    """Return the net delta of an operation, and whether there was such a graph before.

    Raises UnreadableData, UnsupportedMedia and BadParameter for documents, what updates raise for a patch, and
    BadParameter where a patch would change another graph.
    """
    graph: Graph = named((job.graph,))[0] if job.graph is not None else DEFAULT
    existed = scratch.exists(graph)
    if job.action == "delete":
        scratch.drop(graph)
    elif job.action == "patch":
        return _patched(scratch, job, graph), existed
    else:
        added = [quad for number in range(len(job.parts)) for quad in document(job, number, graph)]
        removed = scratch.quads(graph) if job.action == "put" else []
        scratch.change(removed, added)
        # A graph that was put is there, whether it has triples or not.
        scratch.create(graph)
    return scratch.delta(), existed


def document(job: StoreJob, number: int, graph: Graph) -> Iterator[ox.Quad]:
    """Yield the triples of a part of the body, as quads of a graph. Raises as :func:`stored` does."""
    media, body = job.parts[number]
    form = READ.get(media.partition(";")[0].strip().lower())
    name = "the document" if len(job.parts) == 1 else f"part {number + 1}"
    if form is None:
        raise UnsupportedMedia(
            f"{name[0].upper()}{name[1:]} is {media}; a graph is read from {', '.join(READ)}.", available=tuple(READ)
        )
    try:
        for quad in ox.parse(body, form, base_iri=job.base, rename_blank_nodes=True):
            if quad.graph_name != DEFAULT:
                raise BadParameter(
                    f"{name[0].upper()}{name[1:]} has a graph of its own, {quad.graph_name}; send a document that is "
                    "one graph, and its name as `graph=`.",
                    parameter="graph",
                )
            yield replace_graph(quad, graph)
    except SyntaxError as problem:
        raise _unreadable(problem, body, name) from None
    except (ValueError, OSError) as problem:
        raise UnreadableData(f"{name[0].upper()}{name[1:]} can't be read: {problem}.", file=name) from None


def _unreadable(problem: SyntaxError, body: bytes, name: str) -> UnreadableData:
    line, column = problem.lineno or None, problem.offset or None
    why = _PLACE.sub("", problem.msg or str(problem)).strip().rstrip(".")
    where = f"line {line}, column {column} of {name}" if line else name
    lines = body.split(b"\n")
    shown = lines[line - 1][:300].decode("utf-8", "replace").rstrip("\r") if line and line <= len(lines) else None
    return UnreadableData(f"In {where}: {why}.", file=name, line=line, column=column, text=shown)


def _patched(scratch: Scratch, job: StoreJob, graph: Graph) -> Delta:
    """Return the net delta of an update that is about one graph: what stands outside of GRAPH means that one."""
    (_, text) = job.parts[0]
    update = UpdateJob(text.decode("utf-8", "replace"), union=False, base=job.base)
    delta = changed(scratch, update, scope=job.graph)
    touched = {
        *(graph_name(quad.graph_name) for quad in (*delta.added, *delta.removed)),
        *delta.created,
        *delta.dropped,
    }
    for name in sorted(touched - {graph_name(graph)}):
        other = f"<{name}>" if name else "the default graph"
        raise BadParameter(
            f"The update would change {other}; a PATCH is about the graph that it is sent to. Send it to /sparql.",
            parameter="graph",
            graph=name,
        )
    return delta
