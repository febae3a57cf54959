"""Describe an IRI, and say which document answers for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pyoxigraph as ox

from vetgraph.errors import NotFound
from vetgraph.store import GraphStore
from vetgraph.vocab import BASE, SKOS

INCOMING_LIMIT: Final = 2000
"""Most incoming links that one description holds."""


def iri_of(path: str) -> str:
    """Return the IRI that a document path speaks of."""
    return BASE + path


def describe(store: GraphStore, iri: str) -> list[ox.Triple]:
    """Return what is known of a thing: its triples, those that point at it, and labels for both.

    Nodes that exist for one thing only, such as an evidence node's selector, are described with it.
    Raises NotFound where no graph mentions the IRI as a subject.
    """
    node = ox.NamedNode(iri)
    outgoing = list(_outgoing(store, node))
    if not outgoing:
        raise NotFound(f"Nothing is known of {iri}; search the lists of actors, acts and areas.")
    incoming = sorted({_triple(q) for q in store.quads(object_=node)}, key=str)[:INCOMING_LIMIT]
    triples = dict.fromkeys([*outgoing, *incoming])
    triples |= dict.fromkeys(_labels(store, {*triples}))
    return list(triples)


def _triple(quad: ox.Quad) -> ox.Triple:
    return ox.Triple(quad.subject, quad.predicate, quad.object)


def _outgoing(store: GraphStore, node: ox.NamedNode | ox.BlankNode) -> Iterable[ox.Triple]:
    seen = {node}
    waiting = [node]
    while waiting:
        subject = waiting.pop()
        for quad in sorted(store.quads(subject), key=str):
            yield _triple(quad)
            object_ = quad.object
            if _belongs(object_, node) and object_ not in seen:
                seen.add(object_)  # type: ignore[arg-type]
                waiting.append(object_)  # type: ignore[arg-type]


def _belongs(term: object, node: ox.NamedNode | ox.BlankNode) -> bool:
    """Whether a node exists only as a part of another: blank, or named after it."""
    if isinstance(term, ox.BlankNode):
        return True
    return isinstance(term, ox.NamedNode) and isinstance(node, ox.NamedNode) and term.value == f"{node.value}-selector"


def _labels(store: GraphStore, triples: set[ox.Triple]) -> Iterable[ox.Triple]:
    label = ox.NamedNode(SKOS + "prefLabel")
    mentioned = {t.object for t in triples} | {t.subject for t in triples}
    for node in sorted((n for n in mentioned if isinstance(n, ox.NamedNode)), key=str):
        if node.value.startswith(BASE):
            for quad in sorted(store.quads(node, label), key=str):
                yield _triple(quad)
