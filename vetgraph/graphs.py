"""Turtle files in canonical form.

Canonical form: the leading block of ``#`` comments is kept, prefixes are those of
:mod:`vetgraph.vocab` that the file uses, subjects are sorted by IRI with the header
(an ontology or concept scheme) first, predicates and objects in a fixed order.

Run ``python -m vetgraph.graphs FILE…`` to rewrite files in place.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import pyoxigraph as ox
from rdflib import OWL, RDF, SKOS, BNode, Graph
from rdflib.compare import to_canonical_graph
from rdflib.plugins.serializers.turtle import TurtleSerializer
from rdflib.term import Node

from vetgraph.vocab import PREFIXES

HEADERS = (OWL.Ontology, SKOS.ConceptScheme)


class _StableTurtle(TurtleSerializer):
    """rdflib's Turtle writer with an order that depends on nothing but the triples."""

    def orderSubjects(self) -> list[Any]:  # noqa: N802 - the name is rdflib's
        subjects = list(self._subjects)
        inlined = [s for s in subjects if isinstance(s, BNode) and self._references[s] == 1]
        top = [s for s in subjects if s not in set(inlined)]
        return sorted(top, key=self._subject_key) + sorted(inlined)

    def _subject_key(self, subject: Node) -> tuple[bool, bool, str]:
        header = any((subject, RDF.type, kind) in self.store for kind in HEADERS)
        return (not header, isinstance(subject, BNode), str(subject))


def parse_turtle(text: str, base: str | None = None) -> Graph:
    """Return the graph that a Turtle text says, with the project's prefixes bound.

    Raises rdflib's parser errors as they are: use this for our own, checked files.
    """
    graph = Graph(bind_namespaces="none")
    graph.parse(data=text, format="turtle", publicID=base)
    return graph


def canonical(text: str) -> str:
    """Return a Turtle text in canonical form; equal graphs give equal texts."""
    graph = parse_turtle(text)
    if any(isinstance(term, BNode) for triple in graph for term in triple):
        graph = _with_bound_prefixes(to_canonical_graph(graph))
    else:
        graph = _with_bound_prefixes(graph)
    body = _write(graph)
    comments = _leading_comments(text)
    return comments + ("\n" if comments else "") + body


def _with_bound_prefixes(graph: Any) -> Graph:
    bound = Graph(bind_namespaces="none")
    for prefix, namespace in PREFIXES.items():
        bound.bind(prefix, namespace)
    for triple in graph:
        bound.add(triple)
    return bound


def _write(graph: Graph) -> str:
    stream = BytesIO()
    serializer = _StableTurtle(graph)
    serializer.serialize(stream, encoding="utf-8")
    return stream.getvalue().decode("utf-8").strip() + "\n"


def _leading_comments(text: str) -> str:
    lines = []
    for line in text.splitlines(keepends=True):
        if not line.startswith("#"):
            break
        lines.append(line)
    return "".join(lines)


def turtle(triples: Iterable[ox.Triple]) -> str:
    """Return triples as Turtle for people: known prefixes, subjects sorted and grouped."""
    graph = _from_engine(triples)
    return _write(_with_bound_prefixes(graph))


def _from_engine(triples: Iterable[ox.Triple]) -> Graph:
    """Return the rdflib graph of the engine's triples: the one bridge between the two."""
    graph = Graph(bind_namespaces="none")
    data = ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES)
    assert data is not None
    graph.parse(data=data, format="nt")
    return graph


def main(names: list[str]) -> int:
    """Rewrite files in canonical form; return the number of files changed."""
    changed = 0
    for name in names:
        path = Path(name)
        before = path.read_text(encoding="utf-8")
        after = canonical(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed += 1
    return changed


if __name__ == "__main__":
    main(sys.argv[1:])
