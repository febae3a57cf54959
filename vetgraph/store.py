"""The quad store behind one small face: a snapshot that is read, never written.

Engine errors become ours here: SyntaxError → QuerySyntaxError, the rest → EngineError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from vetgraph.errors import EngineError, NotFound, QuerySyntaxError, UnsupportedQuery

Answer = ox.QuerySolutions | ox.QueryTriples | ox.QueryBoolean
Term = ox.NamedNode | ox.BlankNode | ox.Literal

POINTER: Final = "current"
"""Name of the file in the store's folder that holds the number of the published version."""


@dataclass(frozen=True)
class Version:
    """What is known of one version: its number, when it was built and from what."""

    number: int
    built: datetime
    fingerprint: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def triples(self) -> int:
        """Triples over all named graphs."""
        return sum(self.counts.values())

    def as_json(self) -> str:
        """Return the version as a JSON text."""
        return json.dumps({**asdict(self), "built": self.built.isoformat()}, indent=2)


def version_from_json(text: str) -> Version:
    """Return the version that a JSON text describes."""
    values = json.loads(text)
    return Version(**{**values, "built": datetime.fromisoformat(values["built"])})


class GraphStore:
    """One version of the data, safe to share between threads.

    `union` says whether a query without GRAPH sees all named graphs as one.
    """

    def __init__(self, store: ox.Store, version: Version, *, union: bool = True) -> None:
        self._store = store
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
    return GraphStore(store, Version(number, datetime.now(UTC), counts=graph_counts(store)), union=union)


def graph_counts(store: ox.Store) -> dict[str, int]:
    """Return the number of triples in each named graph."""
    rows = store.query("SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g ORDER BY ?g")
    assert isinstance(rows, ox.QuerySolutions)
    return {row["g"].value: int(row["n"].value) for row in rows}


def current_version(folder: Path) -> Version | None:
    """Return the published version of a store's folder, or None where nothing is built yet."""
    try:
        number = int((folder / POINTER).read_text("ascii"))
        return version_from_json((folder / "versions" / f"{number}.json").read_text("utf-8"))
    except FileNotFoundError:
        return None


def open_store(folder: Path, *, union: bool = True) -> GraphStore:
    """Open the published version of a store's folder for reading.

    Raises NotFound where nothing is built yet, EngineError where the files can't be read.
    """
    version = current_version(folder)
    if version is None:
        raise NotFound(f"There is no snapshot in {folder}; run `vetgraph build` first.")
    try:
        store = ox.Store.read_only(str(folder / "versions" / str(version.number)))
    except (OSError, ValueError) as problem:
        raise EngineError(
            f"The snapshot in {folder} can't be opened ({problem}); run `vetgraph build` to make a new one."
        ) from problem
    return GraphStore(store, version, union=union)
