"""Where a worker's answers come from: a store of its own process, or what the caller names instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pyoxigraph as ox

from vetgraph.engine.asking import bindings, named, names_dataset, translated
from vetgraph.engine.corrections import corrected
from vetgraph.engine.deltas import Delta
from vetgraph.engine.jobs import QueryJob, StoreJob, UpdateJob, ValidateJob
from vetgraph.engine.labelling import Find, finder
from vetgraph.engine.scratch import Scratch
from vetgraph.engine.storing import stored
from vetgraph.engine.updates import changed
from vetgraph.errors import VetgraphError
from vetgraph.store import Answer, graph_name

if TYPE_CHECKING:
    from vetgraph.engine.judging import Lore


class StoreSource:
    """Answers from a store that this process has in memory or on disk.

    ``copy`` makes a store of the same data for changes; without it the store itself is changed, so that it has to be
    one that nobody else has and that is thrown away afterwards, such as a forked process's. ``lore`` is what
    validations need to know of the store, where somebody has found it out before.
    """

    def __init__(
        self, store: ox.Store, copy: Callable[[], ox.Store] | None = None, *, lore: Lore | None = None
    ) -> None:
        self.store = store
        self._copy = copy
        self._lore = lore

    def query(self, job: QueryJob) -> Answer:
        """Start to evaluate a query; what comes out is evaluated while it is read.

        Where the protocol names graphs, they are the whole dataset; else the query's own FROM is, else all graphs
        (SPARQL 1.1 Protocol section 2.1.4). Raises RequestErrors where the query can't be answered as it stands.
        """
        given = bool(job.default_graphs or job.named_graphs)
        dataset: dict[str, Any] = {
            "base_iri": job.base,
            "use_default_graph_as_union": job.union and not given and not names_dataset(job.text),
        }
        if given:
            # An empty list is not None: with None the query's own FROM NAMED would hold.
            dataset |= {"default_graph": named(job.default_graphs), "named_graphs": named(job.named_graphs)}
        draft = corrected(job.text, ask=lambda text: self._asked(text, dataset))
        try:
            return self.store.query(
                draft.text, **dataset, substitutions=bindings(job.bindings) if job.bindings else None
            )
        except (SyntaxError, ValueError, RuntimeError, OSError) as problem:
            raise translated(problem, draft) from None

    def _asked(self, text: str, dataset: dict[str, Any]) -> bool:
        """Answer an ASK query that a correction makes of a part of a text; what does not parse is told of the whole."""
        try:
            return bool(self.store.query(text, **dataset))
        except (SyntaxError, ValueError, RuntimeError, OSError):
            return False

    def labels(self, language: str) -> Find:
        """Return what finds labels of things in a language."""
        return finder(self.store, language)

    def follow(self, deltas: Iterable[Delta]) -> None:
        """Make changes that have led to a later version, in a store in memory."""
        for delta in deltas:
            delta.apply(self.store)
            if self._lore is not None:
                self._lore.follow(delta, self.store)

    def change(self, job: UpdateJob | StoreJob) -> tuple[dict[str, Any], bytes]:
        """Return what a change is: how much, in which graphs, whether the graph existed; and the net delta's text."""
        scratch = Scratch(self.store, self._copy)
        if isinstance(job, UpdateJob):
            delta, existed = changed(scratch, job), True
        else:
            delta, existed = stored(scratch, job)
        head = {"added": len(delta.added), "removed": len(delta.removed), "existed": existed}
        return {**head, "graphs": by_graph(delta)}, delta.to_bytes()

    def judge(self, job: ValidateJob) -> tuple[dict[str, Any], bytes]:
        """Return the report on a validation: the head of the answer, and the report."""
        # pySHACL and rdflib are loaded by the few workers that need them.
        from vetgraph.engine.judging import judged

        # What a validation puts into a store is not taken out of it again where the worker ends with the job.
        return judged(job, self._copy() if self._copy else self.store, lore=self._lore)


def by_graph(delta: Delta, most: int = 20) -> dict[str, list[int]]:
    """Return how many triples a delta adds and removes in each graph, up to some graphs; "" is the default graph."""
    counts: dict[str, list[int]] = {}
    for place, quads in enumerate((delta.added, delta.removed)):
        for quad in quads:
            counts.setdefault(graph_name(quad.graph_name), [0, 0])[place] += 1
    return dict(sorted(counts.items())[:most])


class Broken:
    """What stands in for a source that could not be opened: tells why to whoever asks."""

    def __init__(self, error: VetgraphError) -> None:
        self.error = error

    def query(self, job: QueryJob) -> Answer:
        """Raise why."""
        raise self.error

    def labels(self, language: str) -> Find:
        """Raise why."""
        raise self.error

    def change(self, job: UpdateJob | StoreJob) -> tuple[dict[str, Any], bytes]:
        """Raise why."""
        raise self.error

    def judge(self, job: ValidateJob) -> tuple[dict[str, Any], bytes]:
        """Raise why."""
        raise self.error
