"""Answers → bytes, by the engine's own serialisers."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import IO, Final, Literal

import pyoxigraph as ox

from vetgraph import media
from vetgraph.media import Media
from vetgraph.store import Answer
from vetgraph.vocab import PREFIXES

_GRAPH_FORMATS: Final = {
    media.TURTLE: ox.RdfFormat.TURTLE,
    media.N_TRIPLES: ox.RdfFormat.N_TRIPLES,
    media.RDF_XML: ox.RdfFormat.RDF_XML,
    media.JSON_LD: ox.RdfFormat.JSON_LD,
    media.TRIG: ox.RdfFormat.TRIG,
    media.N_QUADS: ox.RdfFormat.N_QUADS,
}

_RESULT_FORMATS: Final = {
    media.RESULTS_JSON: ox.QueryResultsFormat.JSON,
    media.RESULTS_XML: ox.QueryResultsFormat.XML,
    media.CSV: ox.QueryResultsFormat.CSV,
    media.TSV: ox.QueryResultsFormat.TSV,
}


_PREFIXED: Final = frozenset((media.TURTLE, media.TRIG, media.RDF_XML))
"""Formats in which prefixes make a difference."""


def kind_of(answer: Answer) -> Literal["solutions", "boolean", "graph"]:
    """Return what an answer is made of: a graph, solutions or a boolean."""
    if isinstance(answer, ox.QuerySolutions):
        return "solutions"
    return "boolean" if isinstance(answer, ox.QueryBoolean) else "graph"


def write_answer(answer: Answer, kind: Media) -> bytes:
    """Return an answer in a media type that can carry it. Raises KeyError where it can't."""
    stream = io.BytesIO()
    write_answer_to(stream, answer, kind)
    return stream.getvalue()


def write_answer_to(stream: IO[bytes], answer: Answer, kind: Media) -> None:
    """Write an answer in a media type that can carry it, as it is evaluated. Raises KeyError where it can't."""
    if isinstance(answer, ox.QueryBoolean) and kind in (media.CSV, media.TSV):
        # SPARQL 1.1 CSV and TSV know no boolean; the word itself is what spreadsheets read.
        stream.write(b"true\n" if answer else b"false\n")
    elif isinstance(answer, ox.QuerySolutions | ox.QueryBoolean):
        answer.serialize(stream, format=_RESULT_FORMATS[kind])
    elif kind in _PREFIXED:
        write_quads_to(stream, answer, kind)
    else:
        answer.serialize(stream, format=_GRAPH_FORMATS[kind])


def write_quads_to(stream: IO[bytes], quads: Iterable[ox.Triple] | Iterable[ox.Quad], kind: Media) -> None:
    """Write triples or quads in a graph format, with the project's prefixes where it has any."""
    ox.serialize(quads, stream, format=_GRAPH_FORMATS[kind], prefixes=PREFIXES)


def write_quads(quads: Iterable[ox.Triple] | Iterable[ox.Quad], kind: Media) -> bytes:
    """Return triples or quads in a graph format."""
    stream = io.BytesIO()
    write_quads_to(stream, quads, kind)
    return stream.getvalue()
