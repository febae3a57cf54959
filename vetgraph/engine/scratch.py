"""A scratch: one version, and what a change has done to it so far, without a word to the store that others read.

What is added and removed is kept beside the store, net: what was there is not added, what was not there is not removed.
Only when a later operation has to see what earlier ones did is it written to a copy that will be thrown away: in memory
the worker's own, on disk one of hard links.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from vetgraph.engine.deltas import BULK, Delta
from vetgraph.engine.faults import translated
from vetgraph.engine.files import link_or_copy
from vetgraph.store import graph_name

Graph = ox.NamedNode | ox.BlankNode | ox.DefaultGraph

DEFAULT: Final = ox.DefaultGraph()


class Scratch:
    """A store to be changed, and the net change. ``copy`` makes a store of the same data that may be written to."""

    def __init__(self, store: ox.Store, copy: Callable[[], ox.Store] | None = None) -> None:
        self._store = store
        self._copy = copy
        # What was touched: whether it is there now, and whether it was.
        self._is: dict[ox.Quad, bool] = {}
        self._was: dict[ox.Quad, bool] = {}
        self._exists: dict[Graph, bool] = {}
        self._existed: dict[Graph, bool] = {}
        self._pending: list[tuple[bool, ox.Quad | Graph]] = []

    # -- reading ----------------------------------------------------------------------------------------------

    @property
    def store(self) -> ox.Store:
        """The store as the operations so far have left it."""
        if self._pending:
            self._write()
        return self._store

    def __contains__(self, quad: ox.Quad) -> bool:
        is_there = self._is.get(quad)
        return quad in self._store if is_there is None else is_there

    def exists(self, graph: Graph) -> bool:
        """Return whether there is a graph of that name; the default graph always is."""
        if graph == DEFAULT:
            return True
        if graph not in self._exists:
            self._exists[graph] = self._existed[graph] = self._store.contains_named_graph(graph)
        return self._exists[graph]

    def quads(self, graph: Graph) -> list[ox.Quad]:
        """Return the quads of a graph."""
        return list(self.store.quads_for_pattern(None, None, None, graph))

    def graphs(self) -> list[Graph]:
        """Return the names of the named graphs."""
        return list(self.store.named_graphs())

    def everywhere(self, triple: ox.Triple) -> list[ox.Quad]:
        """Return the quads of a triple, in whichever graphs it is."""
        return list(self.store.quads_for_pattern(triple.subject, triple.predicate, triple.object, None))

    # -- changing ---------------------------------------------------------------------------------------------

    def change(self, removed: Iterable[ox.Quad], added: Iterable[ox.Quad]) -> None:
        """Remove some quads, then add some (SPARQL 1.1 Update section 3.1.3); graphs come into being with a quad."""
        adding = dict.fromkeys(added)
        for quad in dict.fromkeys(removed):
            if quad not in adding and quad in self:
                self._take(quad)
        for quad in adding:
            if quad not in self:
                self._put(quad)

    def create(self, graph: Graph) -> None:
        """Create a named graph that holds nothing yet."""
        if not self.exists(graph):
            self._exists[graph] = True
            self._pending.append((True, graph))

    def clear(self, graph: Graph) -> None:
        """Remove the quads of a graph."""
        for quad in self.quads(graph):
            self._take(quad)

    def drop(self, graph: Graph) -> None:
        """Remove the quads of a graph, and its name."""
        self.clear(graph)
        if graph != DEFAULT and self.exists(graph):
            self._exists[graph] = False
            self._pending.append((False, graph))

    def delta(self) -> Delta:
        """Return the net change; graphs that come into being with their first triple are not told apart."""
        added = tuple(quad for quad, is_there in self._is.items() if is_there and not self._was[quad])
        removed = tuple(quad for quad, is_there in self._is.items() if not is_there and self._was[quad])
        filled = {quad.graph_name for quad in added}
        changed = [graph for graph, exists in self._exists.items() if exists != self._existed[graph]]
        named = [graph for graph in changed if isinstance(graph, ox.NamedNode) and graph not in filled]
        return Delta(
            added=added,
            removed=removed,
            created=tuple(graph_name(graph) for graph in named if self._exists[graph]),
            dropped=tuple(graph_name(graph) for graph in named if not self._exists[graph]),
        )

    def _take(self, quad: ox.Quad) -> None:
        self._was.setdefault(quad, True)
        self._is[quad] = False
        self._pending.append((False, quad))

    def _put(self, quad: ox.Quad) -> None:
        self.create(quad.graph_name)
        self._was.setdefault(quad, False)
        self._is[quad] = True
        self._pending.append((True, quad))

    def _write(self) -> None:
        """Write what was done since the last time to a store that may be written to."""
        if self._copy is not None:
            self._store, self._copy = self._copy(), None
        adding: list[ox.Quad] = []
        for is_there, what in self._pending:
            if is_there and isinstance(what, ox.Quad):
                adding.append(what)
                continue
            self._extend(adding)
            if isinstance(what, ox.Quad):
                self._store.remove(what)
            elif is_there:
                self._store.add_graph(what)
            else:
                self._store.remove_graph(what)
        self._extend(adding)
        self._pending.clear()

    def _extend(self, quads: list[ox.Quad]) -> None:
        if len(quads) < BULK:
            self._store.extend(quads)
        else:
            self._store.bulk_extend(quads)
        quads.clear()


def scratch_folder(checkpoint: Path, pid: int) -> Path:
    """Return where a worker's copy of a checkpoint lies; whoever finds it after that process ended may remove it."""
    return checkpoint.parent.parent / "scratch" / str(pid)


def copy_of(checkpoint: Path) -> ox.Store:
    """Return a store that may be written to, with a checkpoint's data: hard links, which no writing changes."""
    folder = scratch_folder(checkpoint, os.getpid())
    with translated(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(exist_ok=True)
        link_or_copy(checkpoint, folder)
        return ox.Store(str(folder))
