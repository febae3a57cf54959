"""Every node is reachable from a country, document, organisation or code list by links alone.

Links count in both directions, for a reader can follow both. Evidence does not count: a node that
only shares a passage, or a document, with the rest says nothing of anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyoxigraph as ox

from vetgraph import reasoning
from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.vocab import GRAPH, ID, OA, PROV, RDF, SKOS, VET, shorten

Node = ox.NamedNode | ox.BlankNode

ROOTS: Final = frozenset((VET + "Country", VET + "SourceDocument", VET + "Organisation", SKOS + "ConceptScheme"))
"""Kinds of things that a reader can start from, their subclasses included; so is any page that evidence is of."""

EVIDENCE: Final = frozenset((PROV + "wasDerivedFrom", PROV + "hadPrimarySource", VET + "source", VET + "sourceOf"))
"""Links that say where something is said, not what."""

ASIDE: Final = frozenset((VET + "Evidence", VET + "PageEvidence", OA + "TextPositionSelector"))
"""Kinds of nodes that are evidence; they are neither asked for nor passed through."""

OTHERS: Final = frozenset(GRAPH + slug for slug in ("ontology", "shapes", "queries"))
"""Graphs that hold no data."""


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield the nodes of the data that no path of links joins to a country, document, body or list."""
    store = ox.Store()
    store.bulk_extend(workspace.engine)
    reasoning.infer(store)
    links = list(_links(store))
    kinds: dict[Node, set[str]] = {}
    for one, property_, other in links:
        if property_ == RDF + "type":
            kinds.setdefault(one, set()).add(other.value)
    roots = {node for node, types in kinds.items() if types & ROOTS}
    roots |= {other for _, property_, other in links if property_ == OA + "hasSource"}
    aside = {node for node, types in kinds.items() if types & ASIDE}
    reached = _reached(_neighbours(links, aside), roots)
    for node in sorted(kinds.keys() - reached - aside, key=str):
        if isinstance(node, ox.NamedNode) and node.value.startswith(ID):
            message = "no link leads to it from any country, document, organisation or list; say what it is about."
            yield Fault(workspace.place(node), shorten(node.value), message)


def _links(store: ox.Store) -> Iterator[tuple[Node, str, Node]]:
    """Return the links between nodes that the data state, or that follow from them."""
    for quad in store:
        if isinstance(quad.graph_name, ox.NamedNode) and quad.graph_name.value not in OTHERS:
            one, other = quad.subject, quad.object
            if isinstance(one, ox.NamedNode | ox.BlankNode) and isinstance(other, ox.NamedNode | ox.BlankNode):
                yield one, quad.predicate.value, other


def _neighbours(links: list[tuple[Node, str, Node]], aside: set[Node]) -> dict[Node, set[Node]]:
    """Return what each node is linked to, whichever end a link is stated at."""
    found: dict[Node, set[Node]] = {}
    for one, property_, other in links:
        if property_ != RDF + "type" and property_ not in EVIDENCE and one not in aside and other not in aside:
            found.setdefault(one, set()).add(other)
            found.setdefault(other, set()).add(one)
    return found


def _reached(neighbours: dict[Node, set[Node]], roots: set[Node]) -> set[Node]:
    """Return what breadth-first search finds from some roots, the roots included."""
    reached, edge = set(roots), set(roots)
    while edge:
        edge = {other for node in edge for other in neighbours.get(node, ())} - reached
        reached |= edge
    return reached
