"""What a text is put to the engine with, and what the engine says of it in our words.

SyntaxError → QuerySyntaxError with the place in the user's text, a function that the engine does not have →
UnsupportedQuery, the rest → EngineError.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pyoxigraph as ox

from vetgraph.errors import BadParameter, EngineError, UnsupportedQuery, VetgraphError
from vetgraph.hints import explained
from vetgraph.syntax import Draft, keywords

AnyTerm = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple

_NO_FUNCTION: Final = ("is not supported", "custom function")


def names_dataset(text: str) -> bool:
    """Return whether a query has a FROM clause, which the engine would pass over in favour of the union."""
    return "from" in text.lower() and "FROM" in keywords(text)


def translated(problem: Exception, draft: Draft, *, update: bool = False) -> VetgraphError:
    """Return our error for what the engine says of a text."""
    what = "update" if update else "query"
    if isinstance(problem, SyntaxError):
        return draft.relocated(explained(str(problem.msg or problem), draft.text, update=update))
    if any(words in str(problem) for words in _NO_FUNCTION):
        return UnsupportedQuery(f"The {what} can't be answered: {str(problem).rstrip('.')}.")
    return EngineError(f"The engine could not answer the {what}: {str(problem).rstrip('.')}.")


def bindings(told: Mapping[str, str]) -> dict[ox.Variable, AnyTerm]:
    """Return the terms of variables, given in N-Triples. Raises BadParameter where one is none."""
    return {ox.Variable(name): _term(name, text) for name, text in told.items()}


def _term(name: str, text: str) -> AnyTerm:
    try:
        (quad,) = ox.parse(f"<x:s> <x:p> {text} .".encode(), ox.RdfFormat.N_TRIPLES)
    except (SyntaxError, ValueError):
        raise BadParameter(f"The value of ?{name} is no term in N-Triples: {text}", parameter=name) from None
    term: AnyTerm = quad.object
    return term


def named(graphs: tuple[str, ...]) -> list[Any]:
    """Return the names of graphs as the engine's terms. Raises BadParameter where one is no IRI."""
    try:
        # The engine would count the triples of a graph that is named twice twice.
        return [ox.NamedNode(iri) for iri in dict.fromkeys(graphs)]
    except ValueError as problem:
        raise BadParameter(f"The name of a graph is no absolute IRI: {problem}.", parameter="graph") from None
