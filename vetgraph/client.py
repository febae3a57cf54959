"""Other SPARQL endpoints: asked through SPARQLWrapper, and their answers read as they come."""

from __future__ import annotations

import http.client
import io
import urllib.error
from collections.abc import Iterable, Mapping
from typing import IO, Any, Final, Protocol, cast

import pyoxigraph as ox

from vetgraph.errors import EngineError
from vetgraph.store import Answer
from vetgraph.syntax import keywords

AGENT: Final = "vetgraph (+https://w3id.org/vetgraph/)"
TIMEOUT: Final = 60
"""Seconds to wait for an endpoint."""

RESULTS: Final = "application/sparql-results+json, application/sparql-results+xml;q=0.8"
"""What is accepted as an answer to SELECT and ASK."""

CHUNK: Final = 1 << 16

_FORMS: Final = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
_GRAPH_FORMS: Final = ("CONSTRUCT", "DESCRIBE")

_ASKED: Final = "__ASK_RETVAL"
"""The variable in which Virtuoso answers ``ASK`` where it takes it for a SELECT."""


def ask_endpoint(endpoint: str, text: str) -> Answer:
    """Return the answer of another endpoint to a query. Raises EngineError with what it said."""
    # Loads rdflib: not for those who never ask anybody.
    from SPARQLWrapper import JSON, TURTLE, SPARQLWrapper
    from SPARQLWrapper.SPARQLExceptions import SPARQLWrapperException

    wrapper = SPARQLWrapper(endpoint, agent=AGENT)
    wrapper.setTimeout(TIMEOUT)
    # The long form of a query does not fit into every server's limit on addresses.
    wrapper.setMethod("POST")
    wrapper.setQuery(text)
    graph = wants_graph(text)
    wrapper.setReturnFormat(TURTLE if graph else JSON)
    try:
        body: bytes = wrapper.query().response.read()
    except (SPARQLWrapperException, urllib.error.URLError, http.client.HTTPException, OSError) as problem:
        raise EngineError(f"The endpoint {endpoint} did not answer: {_reason(problem)}.") from None
    try:
        return _read(body, graph=graph)
    except SyntaxError as problem:
        raise EngineError(f"The endpoint {endpoint} answered in an unexpected format: {problem.msg}.") from None


def wants_graph(text: str) -> bool:
    """Whether a query is answered by a graph: CONSTRUCT and DESCRIBE are."""
    return next((word for word in keywords(text) if word in _FORMS), "") in _GRAPH_FORMS


def _reason(problem: Exception) -> str:
    lines = str(getattr(problem, "reason", "") or problem).strip().splitlines()
    return " ".join(line.strip() for line in lines)[:300]


def _read(body: bytes, *, graph: bool) -> Answer:
    if not graph:
        return ox.parse_query_results(body, format=ox.QueryResultsFormat.JSON)
    store = ox.Store()
    store.load(io.BytesIO(body), format=ox.RdfFormat.TURTLE)
    answer = store.query("CONSTRUCT WHERE { ?s ?p ?o }")
    assert isinstance(answer, ox.QueryTriples)
    return answer


class Readable(Protocol):
    """Something that bytes can be read from as they come, such as a response."""

    def read1(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes that are there, waiting only where there are none; none at the end."""


def results_of(source: Readable, kind: str) -> ox.QuerySolutions | ox.QueryBoolean:
    """Return the results that a response holds, read as they are asked for. Raises SyntaxError.

    ``kind`` is the response's media type. What Virtuoso writes otherwise than the standard is put right.
    """
    form = ox.QueryResultsFormat.from_media_type(kind) or ox.QueryResultsFormat.JSON
    results = ox.parse_query_results(cast("IO[bytes]", Mended(source)), format=form)
    if isinstance(results, ox.QuerySolutions) and [each.value for each in results.variables] == [_ASKED]:
        row = next(iter(results), None)
        answered = row and row[_ASKED]
        told = b"true" if isinstance(answered, ox.Literal) and answered.value == "1" else b"false"
        return ox.parse_query_results(b'{"head":{},"boolean":%b}' % told, format=ox.QueryResultsFormat.JSON)
    return results


class Mended:
    """Bytes of SPARQL results as they come, with the labels of Virtuoso's blank nodes made such.

    Virtuoso writes ``nodeID://b10001``, which is no label. What is replaced can't stand within a string or an element.
    """

    _FAULTS: Final = (
        (b'"bnode", "value": "nodeID://', b'"bnode", "value": "'),
        (b"<bnode>nodeID://", b"<bnode>"),
    )

    def __init__(self, source: Readable) -> None:
        self._source = source
        self._kept = b""
        self._data = b""

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        while not self._data:
            fresh = self._source.read1(CHUNK)
            if not fresh:
                self._data, self._kept = self._kept, b""
                break
            self._take(self._kept + fresh)
        if size < 0:
            size = len(self._data)
        data, self._data = self._data[:size], self._data[size:]
        return data

    def _take(self, data: bytes) -> None:
        """Mend what is whole; keep the end where a fault may have begun in it."""
        for wrong, right in self._FAULTS:
            if b"nodeID" in data:
                data = data.replace(wrong, right)
        kept = max(_overlap(data, wrong) for wrong, _ in self._FAULTS)
        self._data, self._kept = data[: len(data) - kept], data[len(data) - kept :]


def _overlap(data: bytes, wrong: bytes) -> int:
    """Return how many of the last bytes are the beginning of something.

    >>> _overlap(b"ab<bnod", b"<bnode>")
    5
    """
    start = data.find(wrong[:1], max(0, len(data) - len(wrong) + 1))
    while start >= 0:
        if wrong.startswith(data[start:]):
            return len(data) - start
        start = data.find(wrong[:1], start + 1)
    return 0


def solutions_of(body: bytes, kind: str) -> Iterable[Mapping[str, Any]]:
    """Yield the solutions of a whole body as mappings from names to terms. Raises SyntaxError."""
    results = results_of(io.BytesIO(body), kind)
    if not isinstance(results, ox.QuerySolutions):
        raise SyntaxError("a table was asked for")
    names = [variable.value for variable in results.variables]
    for solution in results:
        yield {name: solution[name] for name in names if solution[name] is not None}
