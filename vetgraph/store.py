"""The quad store behind one small face: a snapshot that is read, never written.

Engine errors become ours here: SyntaxError → QuerySyntaxError, the rest → EngineError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox

from vetgraph.errors import EngineError, QuerySyntaxError, StoreDamaged, UnsupportedQuery
from vetgraph.versions import Hold, Version, current_version, hold, version_at

__all__ = [
    "Answer",
    "GraphStore",
    "Term",
    "Version",
    "current_version",
    "graph_counts",
    "graph_name",
    "memory_store",
    "open_store",
]

Answer = ox.QuerySolutions | ox.QueryTriples | ox.QueryBoolean
Term = ox.NamedNode | ox.BlankNode | ox.Literal


class GraphStore:
    """One version of the data, safe to share between threads.

    `union` says whether a query without GRAPH sees all named graphs as one.
    """

    def __init__(self, store: ox.Store, version: Version, *, union: bool = True, hold: Hold | None = None) -> None:
        self._store = store
        self._hold = hold
        self.version = version
        self.union = union

    def query(
        self,
        text: str,
        *,
        bindings: Mapping[str, Term] | None = None,
        default_graphs: Iterable[str] = (),
        named_graphs: Iterable[str] = (),
    ) -> Answer:
        """Answer a SPARQL query; `bindings` maps variable names to the terms that replace them.

        Dataset arguments follow SPARQL 1.1 Protocol section 2.1.4: where any is given, the query
        sees just these graphs. Raises QuerySyntaxError or EngineError.
        """
        default, named = list(default_graphs), list(named_graphs)
        given = bool(default or named)
        try:
            return self._store.query(
                text,
                use_default_graph_as_union=self.union and not given,
                default_graph=[ox.NamedNode(name) for name in default] if given else None,
                named_graphs=[ox.NamedNode(name) for name in named] if given else None,
                substitutions={ox.Variable(k): v for k, v in (bindings or {}).items()} or None,
            )
        except SyntaxError as problem:
            raise _syntax_error(str(problem.msg or problem)) from None
        except (ValueError, RuntimeError, OSError) as problem:
            if "is not supported" in str(problem):
                raise UnsupportedQuery(f"The query can't be answered: {problem}.") from None
            raise EngineError(f"The engine could not answer the query: {problem}.") from problem

    def select(self, text: str, **bindings: Term) -> list[dict[str, Term | None]]:
        """Return the solutions of a SELECT query as dicts of terms, unbound variables as None."""
        answer = self.query(text, bindings=bindings)
        if not isinstance(answer, ox.QuerySolutions):
            raise TypeError("select() wants a SELECT query")
        names = [variable.value for variable in answer.variables]
        return [{name: solution[name] for name in names} for solution in answer]

    def graphs(self) -> list[str]:
        """Return the IRIs of the named graphs, sorted."""
        return sorted(str(g.value) for g in self._store.named_graphs())

    def quads(
        self, subject: Term | None = None, predicate: ox.NamedNode | None = None, object_: Term | None = None
    ) -> Iterator[ox.Quad]:
        """Return the quads that match a pattern, over all graphs."""
        return self._store.quads_for_pattern(subject, predicate, object_, None)  # type: ignore[arg-type]

    def said(
        self, subjects: Iterable[ox.NamedNode], predicates: Sequence[ox.NamedNode]
    ) -> dict[ox.NamedNode, list[ox.Quad]]:
        """Return, of each subject that has any of some properties, the quads of the first property that it has."""
        found: dict[ox.NamedNode, list[ox.Quad]] = {}
        for subject in subjects:
            for predicate in predicates:
                if quads := list(self.quads(subject, predicate)):
                    found[subject] = quads
                    break
        return found

    def dump(self, graph: str | None = None) -> list[ox.Quad]:
        """Return the quads of one named graph, or of all, in a fixed order."""
        name = ox.NamedNode(graph) if graph else None
        return sorted(self._store.quads_for_pattern(None, None, None, name), key=str)

    @property
    def engine(self) -> ox.Store:
        """The engine's own store, for the validation engine, which reads it natively."""
        return self._store


_QUERY_POSITION = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)
_CHARACTER_CLASS = re.compile(r"\[[^\[\]]*\.\.[^\]]*\](\s*\|?\s*)?")


def _syntax_error(message: str) -> QuerySyntaxError:
    """Return our error for the engine's message, with line and column from 1."""
    match = _QUERY_POSITION.search(message)
    if not match:
        return QuerySyntaxError(f"The query does not parse: {message}.")
    line, column = int(match[1]), int(match[2])
    expected = " ".join(_CHARACTER_CLASS.sub("", match[3]).split())
    return QuerySyntaxError(
        f"The query does not parse at line {line}, column {column}: {expected[:300]}.",
        line=line,
        column=column,
    )


def memory_store(quads: Iterable[ox.Quad], *, union: bool = True, number: int = 0) -> GraphStore:
    """Return a store in memory that holds some quads."""
    store = ox.Store()
    store.bulk_extend(quads)
    counts = graph_counts(store)
    version = Version(number, datetime.now(UTC), counts=counts, unnamed=len(store) - sum(counts.values()))
    return GraphStore(store, version, union=union)


def graph_counts(store: ox.Store) -> dict[str, int]:
    """Return the number of triples in each named graph, empty ones included, sorted by name."""
    counts = dict.fromkeys(sorted(graph_name(term) for term in store.named_graphs()), 0)
    rows = store.query("SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g")
    assert isinstance(rows, ox.QuerySolutions)
    counts.update((graph_name(row["g"]), int(row["n"].value)) for row in rows)
    return counts


def graph_name(term: ox.NamedNode | ox.BlankNode | ox.DefaultGraph) -> str:
    """Return a graph's name as :class:`Version` counts it: an IRI, ``_:label``, or nothing for the default graph."""
    if isinstance(term, ox.DefaultGraph):
        return ""
    return term.value if isinstance(term, ox.NamedNode) else str(term)


def open_store(folder: Path, *, union: bool = True, at: int | None = None) -> GraphStore:
    """Open a version of a store's folder for reading, the published one by default.

    The version stays on disk for as long as the result is in use. Raises NotFound where there is none,
    StoreDamaged where the files can't be read, StoreFormat where a later release wrote them.
    """
    kept = hold(folder, at)
    version = version_at(folder, kept.number)
    try:
        store = ox.Store.read_only(str(kept.path))
    except (OSError, ValueError, RuntimeError) as problem:
        raise StoreDamaged(
            f"The snapshot in {kept.path} can't be opened ({problem}); restore it from a backup "
            "(`vetgraph restore FILE`), or run `vetgraph build` to make a new one.",
            path=str(kept.path),
        ) from problem
    return GraphStore(store, version, union=union, hold=kept)
