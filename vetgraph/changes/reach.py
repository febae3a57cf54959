"""How far a change reaches: the IRIs whose descriptions it may have changed.

A description holds what is said of a thing in both directions, the nodes that belong to it, and the labels of what it
mentions. So a triple reaches its subject, its object and its graph; from a blank node it reaches whoever leads to that
node; a label reaches all that mention its thing; and what is said of a graph reaches all that the graph speaks of.
It is never too little; a little too much costs one needless transfer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import pyoxigraph as ox

from vetgraph.engine.deltas import Delta
from vetgraph.store import graph_name
from vetgraph.vocab import BASE, LABELS, SELECTOR

MOST: Final = 100_000
"""IRIs from which on a change is taken to reach everything."""

Node = ox.NamedNode | ox.BlankNode


def reached(delta: Delta, after: ox.Store, since: Iterable[Delta] = ()) -> set[str] | None:
    """Return the IRIs under our base whose descriptions a change may have changed; None where that may be all.

    ``after`` is the version that the change made, or a later one with the changes ``since``. What they removed still
    counts as a way from one node to another.
    """
    if len(delta) > MOST:
        return None
    reach = _Reach(after, [quad for each in (delta, *since) for quad in each.removed])
    try:
        reach.follow((*delta.added, *delta.removed))
    except OverflowError:
        return None
    found = {node.value for node in reach.nodes if isinstance(node, ox.NamedNode)}
    found |= {iri.removesuffix(SELECTOR) for iri in found}
    return {iri for iri in (*found, *delta.created, *delta.dropped) if iri.startswith(BASE)}


class _Reach:
    def __init__(self, after: ox.Store, removed: list[ox.Quad]) -> None:
        self._after = after
        self._removed = ox.Store()
        self._removed.extend(removed)
        self.nodes: set[Node] = set()

    def follow(self, quads: Iterable[ox.Quad]) -> None:
        named: set[Node] = set()
        subjects: set[Node] = set()
        for quad in quads:
            self._add(quad.subject, quad.object, quad.graph_name)
            subjects.add(quad.subject)  # type: ignore[arg-type]
            if quad.predicate.value in LABELS:
                named.add(quad.subject)  # type: ignore[arg-type]
        for node in named:
            self._mentioning(node)
        for node in subjects:
            if isinstance(node, ox.NamedNode):
                for store in (self._after, self._removed):
                    self._add_ends(store.quads_for_pattern(None, None, None, node))
        self._climb()

    def _add(self, *terms: object) -> None:
        self.nodes.update(term for term in terms if isinstance(term, ox.NamedNode | ox.BlankNode))
        if len(self.nodes) > MOST:
            raise OverflowError

    def _add_ends(self, quads: Iterable[ox.Quad]) -> None:
        for quad in quads:
            self._add(quad.subject, quad.object)

    def _mentioning(self, node: Node) -> None:
        """Add whoever shows the name of a node: its neighbours, and both ends of a property."""
        self._add_ends(self._quads(None, None, node))
        self._add_ends(self._quads(node, None, None))
        if isinstance(node, ox.NamedNode):
            self._add_ends(self._quads(None, node, None))

    def _climb(self) -> None:
        """Add whoever blank nodes belong to, however many lie between."""
        waiting = [node for node in self.nodes if isinstance(node, ox.BlankNode)]
        seen = set(waiting)
        while waiting:
            node = waiting.pop()
            for quad in (*self._quads(None, None, node), *self._quads(node, None, None)):
                self._add(quad.subject, quad.object)
                fresh = [one for one in (quad.subject, quad.object) if isinstance(one, ox.BlankNode)]
                waiting += [one for one in fresh if one not in seen]
                seen.update(fresh)

    def _quads(self, subject: Node | None, predicate: ox.NamedNode | None, object_: Node | None) -> Iterator[ox.Quad]:
        for store in (self._after, self._removed):
            yield from store.quads_for_pattern(subject, predicate, object_, None)


def contents(delta: Delta) -> set[str]:
    """Return the names of the graphs whose triples a change changed; nothing for the default graph."""
    touched = {graph_name(quad.graph_name) for quad in (*delta.added, *delta.removed)}
    return {*touched, *delta.created, *delta.dropped}
