"""SHACL property paths: as text, as steps that can be walked backwards, as triples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Final

from rdflib import BNode, Graph, URIRef
from rdflib.term import Node

from vetgraph.vocab import RDF, SH, shorten

_DEEPEST: Final = 8


@dataclass(frozen=True)
class Path:
    """A path: ``kind`` is iri, inverse, sequence, alternative, star, plus or option."""

    kind: str
    iri: str = ""
    parts: tuple[Path, ...] = ()

    @property
    def iris(self) -> tuple[str, ...]:
        """The predicates, in order."""
        if self.kind == "iri":
            return (self.iri,)
        return tuple(iri for part in self.parts for iri in part.iris)

    def __str__(self) -> str:
        match self.kind:
            case "iri":
                name = shorten(self.iri)
                return f"<{name}>" if name == self.iri else name
            case "inverse":
                return f"^{self._inner()}"
            case "sequence":
                return "/".join(self._shown(part) for part in self.parts)
            case "alternative":
                return "|".join(self._shown(part) for part in self.parts)
        return self._inner() + {"star": "*", "plus": "+", "option": "?"}[self.kind]

    def _inner(self) -> str:
        return self._shown(self.parts[0])

    @staticmethod
    def _shown(part: Path) -> str:
        return f"({part})" if part.kind in {"sequence", "alternative"} else str(part)


@dataclass(frozen=True)
class Step:
    """One edge of a path: a predicate, against its direction or not, once or repeated."""

    predicate: str
    inverse: bool = False
    repeated: bool = False


_MARKS: Final = {
    "inversePath": "inverse",
    "zeroOrMorePath": "star",
    "oneOrMorePath": "plus",
    "zeroOrOnePath": "option",
}


def read_path(graph: Graph, node: Node, depth: int = 0) -> Path | None:
    """Return the path at a node of a shapes graph, or None where it is malformed."""
    if isinstance(node, URIRef):
        return Path("iri", str(node))
    if depth > _DEEPEST:
        return None
    items = _items(graph, node)
    if items:
        return _path("sequence", items, graph, depth)
    for name, kind in _MARKS.items():
        inner = graph.value(node, URIRef(SH + name))
        if inner is not None:
            return _path(kind, [inner], graph, depth)
    choices = graph.value(node, URIRef(SH + "alternativePath"))
    return None if choices is None else _path("alternative", _items(graph, choices), graph, depth)


def _items(graph: Graph, node: Node) -> list[Node]:
    items: list[Node] = []
    while node != URIRef(RDF + "nil") and len(items) < 100:
        first = graph.value(node, URIRef(RDF + "first"))
        rest = graph.value(node, URIRef(RDF + "rest"))
        if first is None or rest is None:
            break
        items.append(first)
        node = rest
    return items


def _path(kind: str, nodes: list[Node], graph: Graph, depth: int) -> Path | None:
    parts = [read_path(graph, node, depth + 1) for node in nodes]
    known = tuple(part for part in parts if part is not None)
    return Path(kind, parts=known) if known and len(known) == len(parts) else None


def ways(path: Path, *, inverse: bool = False) -> list[tuple[Step, ...]]:
    """Return every sequence of steps that a path allows; a repetition stands for all its lengths."""
    match path.kind:
        case "iri":
            return [(Step(path.iri, inverse),)]
        case "inverse":
            return ways(path.parts[0], inverse=not inverse)
        case "alternative":
            return [way for part in path.parts for way in ways(part, inverse=inverse)]
        case "sequence":
            parts = reversed(path.parts) if inverse else path.parts
            choices = product(*(ways(part, inverse=inverse) for part in parts))
            return [tuple(step for way in choice for step in way) for choice in choices]
    inner = ways(path.parts[0], inverse=inverse)
    if path.kind == "option":
        return [(), *inner]
    again = [tuple(Step(s.predicate, s.inverse, repeated=True) for s in way) for way in inner]
    return [(), *again] if path.kind == "star" else again


def write_path(path: Path, say: Callable[[Node, str, Node], None]) -> Node:
    """Give a path's triples to ``say`` and return the node that stands for it."""
    if path.kind == "iri":
        return URIRef(path.iri)
    if path.kind in {"sequence", "alternative"}:
        head = _write_list([write_path(part, say) for part in path.parts], say)
        if path.kind == "sequence":
            return head
        node = BNode()
        say(node, SH + "alternativePath", head)
        return node
    mark = next(name for name, kind in _MARKS.items() if kind == path.kind)
    node = BNode()
    say(node, SH + mark, write_path(path.parts[0], say))
    return node


def _write_list(nodes: list[Node], say: Callable[[Node, str, Node], None]) -> Node:
    head: Node = URIRef(RDF + "nil")
    for node in reversed(nodes):
        cell = BNode()
        say(cell, RDF + "first", node)
        say(cell, RDF + "rest", head)
        head = cell
    return head
