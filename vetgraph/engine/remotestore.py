"""The reading face of a store elsewhere: what pages, documents and descriptions ask of a ``GraphStore``.

Asks our own bounded questions only; queries of users go through workers. Each thread has a connection of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import pyoxigraph as ox

from vetgraph.engine.elsewhere import SECONDS, Counts
from vetgraph.engine.jobs import QueryJob
from vetgraph.engine.remote import RemoteSource, Triples
from vetgraph.errors import NotAllowed
from vetgraph.store import Answer, GraphStore, Term
from vetgraph.versions import Version

MOST_COPIED: Final = 2_000_000
"""Triples of the largest store that is copied, to validate in its context."""

MOST_AT_ONCE: Final = 200
"""Things that one question asks about."""


class RemoteStore(GraphStore):
    """One version of the data of a store elsewhere. Safe to share between threads.

    What the store says changes under a version where others write to it. Blank nodes have no name from one question
    to the next, so nothing can be asked about one.
    """

    def __init__(self, version: Version, *, union: bool = True) -> None:
        """``version`` is one of the backend's, which knows where it is."""
        super().__init__(ox.Store(), version, union=union)
        assert isinstance(version.counts, Counts)
        self._place = version.counts.place
        self._local = threading.local()
        self._copied: ox.Store | None = None
        self._copying = threading.Lock()

    def query(
        self,
        text: str,
        *,
        bindings: Mapping[str, Term] | None = None,
        default_graphs: Iterable[str] = (),
        named_graphs: Iterable[str] = (),
    ) -> Answer:
        """Answer a query, its values standing in the text as VALUES. Raises as ``Endpoint.results``."""
        told = {name: str(term) for name, term in (bindings or {}).items()}
        job = QueryJob(text, tuple(default_graphs), tuple(named_graphs), union=self.union, bindings=told)
        answer = self._source().query(job)
        if isinstance(answer, Triples):
            return _as_answer(answer)
        found: ox.QuerySolutions | ox.QueryBoolean = answer
        return found

    def graphs(self) -> list[str]:
        """Return the IRIs of the named graphs, sorted."""
        rows = self.select("SELECT DISTINCT ?g WHERE { GRAPH ?g { ?s ?p ?o } }")
        return sorted(row["g"].value for row in rows if isinstance(row["g"], ox.NamedNode))

    def quads(
        self, subject: Term | None = None, predicate: ox.NamedNode | None = None, object_: Term | None = None
    ) -> Iterator[ox.Quad]:
        """Return the quads that match a pattern, over all named graphs; none for a blank node."""
        if isinstance(subject, ox.BlankNode) or isinstance(object_, ox.BlankNode):
            return iter(())
        return self._matching({"s": subject, "p": predicate, "o": object_})

    def said(
        self, subjects: Iterable[ox.NamedNode], predicates: Sequence[ox.NamedNode]
    ) -> dict[ox.NamedNode, list[ox.Quad]]:
        """Return, of each subject that has any of some properties, the quads of the first; some subjects at a time."""
        found: dict[ox.NamedNode, dict[ox.NamedNode, list[ox.Quad]]] = {}
        names, waiting = " ".join(map(str, predicates)), list(subjects)
        for start in range(0, len(waiting), MOST_AT_ONCE):
            things = " ".join(map(str, waiting[start : start + MOST_AT_ONCE]))
            pattern = f"VALUES ?s {{ {things} }} VALUES ?p {{ {names} }} GRAPH ?g {{ ?s ?p ?o }}"
            for row in self.select(f"SELECT ?s ?p ?o ?g WHERE {{ {pattern} }}"):
                quad = ox.Quad(*(row[name] for name in "spog"))  # type: ignore[arg-type]
                found.setdefault(quad.subject, {}).setdefault(quad.predicate, []).append(quad)  # type: ignore[arg-type]
        return {
            subject: next(several[predicate] for predicate in predicates if predicate in several)
            for subject, several in found.items()
        }

    def dump(self, graph: str | None = None) -> list[ox.Quad]:
        """Return the quads of one named graph, or of all, in a fixed order."""
        return sorted(self._matching({"g": ox.NamedNode(graph) if graph else None}), key=str)

    @property
    def engine(self) -> ox.Store:
        """A copy of the data, for the validation engine. Raises NotAllowed where they are too many."""
        with self._copying:
            if self._copied is None:
                if self.version.triples > MOST_COPIED:
                    raise NotAllowed(
                        f"The store behind this service holds {self.version.triples} triples, more than are copied to "
                        "validate in their context; validate with context=none."
                    )
                copied = ox.Store()
                copied.bulk_extend(self._matching({}))
                self._copied = copied
            return self._copied

    def _matching(self, given: Mapping[str, Term | None]) -> Iterator[ox.Quad]:
        terms = {name: given.get(name) for name in "gspo"}
        words = {name: f"?{name}" if term is None else str(term) for name, term in terms.items()}
        wanted = " ".join(word for word in words.values() if word.startswith("?")) or "*"
        pattern = f"GRAPH {words['g']} {{ {words['s']} {words['p']} {words['o']} }}"
        for row in self.select(f"SELECT {wanted} WHERE {{ {pattern} }}"):
            graph, *triple = (row.get(name) or terms[name] for name in "gspo")
            yield ox.Quad(*triple, graph)  # type: ignore[call-arg, arg-type]

    def _source(self) -> RemoteSource:
        if not hasattr(self._local, "source"):
            self._local.source = RemoteSource(self._place, SECONDS, whole=True)
        source: RemoteSource = self._local.source
        return source


def _as_answer(triples: Triples) -> ox.QueryTriples:
    """Return triples as an answer of the engine's own, which whoever shows answers knows."""
    store = ox.Store()
    store.extend(ox.Quad(triple.subject, triple.predicate, triple.object) for triple in triples)
    answer = store.query("CONSTRUCT WHERE { ?s ?p ?o }")
    assert isinstance(answer, ox.QueryTriples)
    return answer
