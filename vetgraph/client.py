"""Other SPARQL endpoints, through SPARQLWrapper."""

from __future__ import annotations

import http.client
import io
import urllib.error
from typing import Final

import pyoxigraph as ox
from SPARQLWrapper import JSON, TURTLE, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import SPARQLWrapperException

from vetgraph.errors import EngineError
from vetgraph.queries import query_form
from vetgraph.store import Answer

AGENT: Final = "vetgraph (+https://w3id.org/vetgraph/)"
TIMEOUT: Final = 60
"""Seconds to wait for an endpoint."""


def ask_endpoint(endpoint: str, text: str) -> Answer:
    """Return the answer of another endpoint to a query. Raises EngineError with what it said."""
    wrapper = SPARQLWrapper(endpoint, agent=AGENT)
    wrapper.setTimeout(TIMEOUT)
    # The long form of a query does not fit into every server's limit on addresses.
    wrapper.setMethod("POST")
    wrapper.setQuery(text)
    graph = query_form(text) in ("CONSTRUCT", "DESCRIBE")
    wrapper.setReturnFormat(TURTLE if graph else JSON)
    try:
        body: bytes = wrapper.query().response.read()
    except (SPARQLWrapperException, urllib.error.URLError, http.client.HTTPException, OSError) as problem:
        raise EngineError(f"The endpoint {endpoint} did not answer: {_reason(problem)}.") from None
    try:
        return _read(body, graph=graph)
    except SyntaxError as problem:
        raise EngineError(f"The endpoint {endpoint} answered in an unexpected format: {problem.msg}.") from None


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
