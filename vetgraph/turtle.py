"""Turtle and TriG for people: grouped by subject, in an order that depends on nothing but what is said.

Only prefixes that are used are declared. A blank node that one statement points at stands inside it, lists as lists;
others get labels by what is said of them. Written on the engine's terms, for rdflib's writer takes some nine times as
long, and has no TriG in a fixed order.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

import pyoxigraph as ox

from vetgraph.vocab import PREFIXES, RDF, SKOS, XSD

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Name = ox.NamedNode | ox.BlankNode | ox.DefaultGraph
Said = dict[ox.NamedNode, list[Term]]
"""What is said of one subject: property → values."""

INDENT: Final = "    "
DEEPEST: Final = 16
"""Blank nodes within one another, at most; a deeper one gets a label."""

MOST_MARKS: Final = 30_000
"""Looks at blank nodes, at most, to tell them apart."""

LONGEST: Final = 100
"""Characters of a list that stands on one line, at most."""

_TYPE: Final = ox.NamedNode(RDF + "type")
_FIRST: Final = ox.NamedNode(RDF + "first")
_REST: Final = ox.NamedNode(RDF + "rest")
_NIL: Final = ox.NamedNode(RDF + "nil")
_AHEAD: Final = {_TYPE: 0, ox.NamedNode(SKOS + "prefLabel"): 1}
"""Properties that stand before all others."""

_PREFIXES: Final = {namespace: prefix for prefix, namespace in PREFIXES.items()}
_LOCAL: Final = re.compile(r"(.*[/#])([A-Za-z0-9_](?:[A-Za-z0-9_.\-]*[A-Za-z0-9_\-])?)\Z", re.DOTALL)
_BARE: Final = {
    XSD + "integer": re.compile(r"[+-]?[0-9]+\Z"),
    XSD + "decimal": re.compile(r"[+-]?[0-9]*\.[0-9]+\Z"),
    XSD + "double": re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]+\Z"),
    XSD + "boolean": re.compile(r"(?:true|false)\Z"),
}
"""Datatypes whose literals Turtle may write without quotes (section 2.5.2), with the forms in which it may."""


def turtle(triples: Iterable[ox.Triple], first: Sequence[str] = ()) -> str:
    """Return triples as Turtle; the things with the IRIs in ``first`` come first."""
    return trig((ox.Quad(t.subject, t.predicate, t.object) for t in triples), first)


def trig(quads: Iterable[ox.Quad], first: Sequence[str] = ()) -> str:
    """Return quads as TriG, the default graph before the named ones; the things in ``first`` come first in each."""
    found = list(dict.fromkeys(quads))
    shape = _Shape(found)
    return _Writer(shape, _labels(found) if shape.labelled else {}, first).document()


def _labels(quads: Iterable[ox.Quad]) -> dict[Term | Name, str]:
    """Return labels for the blank nodes of some quads, by what is said of them.

    Each node is told from others by its statements, then by what its neighbours were told by, and so on; one of those
    that still look the same is set apart, and the rest told from that one. RDFC-1.0 would tell apart even what this
    does not, but a few nodes that all point at each other keep it busy for hours.
    """
    about: dict[ox.BlankNode, list[ox.Quad]] = defaultdict(list)
    for quad in quads:
        for node in {node for term in quad for node in _blanks_in(term)}:
            about[node].append(quad)
    marks = dict.fromkeys(about, "")
    kinds = 0
    for _ in range(MOST_MARKS // max(1, len(about))):
        marks = {node: _mark(node, said, marks) for node, said in about.items()}
        tally = Counter(marks.values())
        if len(tally) == len(about):
            break
        if len(tally) == kinds:
            alike = min(mark for mark, many in tally.items() if many > 1)
            marks[min((n for n, mark in marks.items() if mark == alike), key=str)] = ""
        kinds = len(tally)
    order = sorted(about, key=lambda node: (marks[node], node.value))
    return {node: f"_:b{number}" for number, node in enumerate(order)}


def _mark(node: ox.BlankNode, quads: list[ox.Quad], marks: dict[ox.BlankNode, str]) -> str:
    def word(term: object) -> str:
        if isinstance(term, ox.Triple):
            return f"({word(term.subject)} {term.predicate} {word(term.object)})"
        if isinstance(term, ox.BlankNode):
            return "here" if term == node else marks[term]
        return str(term)

    told = sorted(" ".join(map(word, quad)) for quad in quads)
    return sha256("\n".join((marks[node], *told)).encode()).hexdigest()


class _Shape:
    """Which blank nodes stand inside the one statement that points at them, which are lists, which need labels."""

    def __init__(self, quads: Iterable[ox.Quad]) -> None:
        self.said: dict[tuple[Name, Term], Said] = {}
        self._parents: dict[ox.BlankNode, tuple[Name, Term, ox.NamedNode]] = {}
        self._pointers: Counter[ox.BlankNode] = Counter()
        self._graphs: dict[ox.BlankNode, set[Name]] = defaultdict(set)
        for quad in quads:
            self._note(quad)
        self.tops = {node for node in self._graphs if not self._pointers[node] and len(self._graphs[node]) == 1}
        self.inside = {node for node, many in self._pointers.items() if many == 1 and len(self._graphs[node]) == 1}
        self.cells = self._cells()
        self._take_out()
        self.labelled = set(self._graphs) - self.tops - self.inside

    def _note(self, quad: ox.Quad) -> None:
        subject, predicate, object_, graph = quad
        self.said.setdefault((graph, subject), {}).setdefault(predicate, []).append(object_)
        if isinstance(subject, ox.BlankNode):
            self._graphs[subject].add(graph)
        if isinstance(object_, ox.BlankNode):
            self._graphs[object_].add(graph)
            self._pointers[object_] += 1
            self._parents[object_] = (graph, subject, predicate)
        for node in (*_blanks_in(graph), *(_blanks_in(object_) if isinstance(object_, ox.Triple) else ())):
            # Nothing can stand inside a triple term, or the name of a graph.
            self._graphs[node].add(graph)
            self._pointers[node] += 2

    def _cells(self) -> set[ox.BlankNode]:
        """Return the blank nodes that are cells of well-formed lists, found from the end of each to its head."""
        found: set[ox.BlankNode] = set()
        for _, end in self.said:
            node: Term = end
            tail: Term = _NIL
            while isinstance(node, ox.BlankNode) and node not in found and self._is_cell(node, tail):
                found.add(node)
                _, parent, predicate = self._parents[node]
                if predicate != _REST:
                    break
                node, tail = parent, node
        return found

    def _is_cell(self, node: ox.BlankNode, tail: Term) -> bool:
        if node not in self.inside:
            return False
        said = self.said.get((self._parents[node][0], node), {})
        return set(said) == {_FIRST, _REST} and said[_REST] == [tail] and len(said[_FIRST]) == 1

    def _take_out(self) -> None:
        """Take those out of the nodes inside others that are too deep, or that only lead back to themselves."""
        depths: dict[Term, int] = {}
        for start in list(self.inside):
            path: dict[Term, ox.BlankNode] = {}
            node: Term = start
            while isinstance(node, ox.BlankNode) and node in self.inside and node not in depths and node not in path:
                path[node] = node
                node = self._parents[node][1]
            if node in path:
                way = list(path.values())
                self.inside.difference_update(way[way.index(path[node]) :])
            self._measure(list(path.values()), depths, depths.get(node, 0))

    def _measure(self, path: list[ox.BlankNode], depths: dict[Term, int], depth: int) -> None:
        """Note how deep the nodes of a path stand, the last of which stands in one of a known depth."""
        for node in reversed(path):
            _, parent, predicate = self._parents[node]
            depth += not (predicate == _REST and node in self.cells and parent in self.cells)
            if depth > DEEPEST:
                self.inside.discard(node)
            depth = depth if node in self.inside else 0
            depths[node] = depth


def _blanks_in(term: object) -> Iterator[ox.BlankNode]:
    """Yield the blank nodes of a term: itself, or those of a triple term (RDF 1.2 section 3.1)."""
    if isinstance(term, ox.BlankNode):
        yield term
    elif isinstance(term, ox.Triple):
        yield from _blanks_in(term.subject)
        yield from _blanks_in(term.object)


class _Writer:
    """Writes the blocks of a document first, so that the prefixes that they use are known, then the head."""

    def __init__(self, shape: _Shape, labels: dict[Term | Name, str], first: Sequence[str]) -> None:
        self._shape = shape
        self._ahead = {iri: number for number, iri in enumerate(first)}
        self._used: set[str] = set()
        self._words = dict(labels)

    def document(self) -> str:
        """Return the text."""
        subjects: dict[Name, list[Term]] = {}
        for graph, subject in self._shape.said:
            subjects.setdefault(graph, []).append(subject)
        blocks = "\n".join(self._graph(name, subjects[name]) for name in sorted(subjects, key=self._name_key))
        head = "".join(f"@prefix {name}: <{PREFIXES[name]}> .\n" for name in PREFIXES if name in self._used)
        return f"{head}\n{blocks}" if head else blocks

    def _graph(self, name: Name, subjects: list[Term]) -> str:
        named = sorted((s for s in subjects if isinstance(s, ox.NamedNode)), key=self._subject_key)
        labelled = sorted((s for s in subjects if s in self._shape.labelled), key=self._word)
        tops = sorted(f"[] {self._about(name, s, 0)} .\n" for s in subjects if s in self._shape.tops)
        outer = 0 if isinstance(name, ox.DefaultGraph) else 1
        blocks = [f"{self._word(s)} {self._about(name, s, outer)} .\n" for s in (*named, *labelled)]
        if not outer:
            return "\n".join((*blocks, *tops))
        inside = "\n".join(INDENT + block for block in (*blocks, *tops))
        return f"{self._word(name)} {{\n{inside}}}\n"

    def _name_key(self, name: Name) -> tuple[int, str]:
        return (0, "") if isinstance(name, ox.DefaultGraph) else (1, self._word(name))

    def _subject_key(self, subject: ox.NamedNode) -> tuple[int, str]:
        return (self._ahead.get(subject.value, len(self._ahead)), subject.value)

    def _about(self, graph: Name, subject: Term, depth: int) -> str:
        """Return what is said of a subject, on lines that are indented one step deeper than the subject."""
        said = self._shape.said[graph, subject]
        step = "\n" + INDENT * (depth + 1)
        parts = []
        for predicate in sorted(said, key=self._predicate_key):
            values = sorted(self._value(graph, value, depth + 1) for value in said[predicate])
            word = "a" if predicate == _TYPE else self._word(predicate)
            parts.append(f"{word} {f',{step}{INDENT}'.join(values)}")
        return f" ;{step}".join(parts)

    def _predicate_key(self, predicate: ox.NamedNode) -> tuple[int, str]:
        # The type is written `a`, which needs no prefix.
        return (_AHEAD.get(predicate, len(_AHEAD)), "" if predicate == _TYPE else self._word(predicate))

    def _value(self, graph: Name, value: Term, depth: int) -> str:
        """Return a value: a list, a blank node with all that is said of it, or a word."""
        if value in self._shape.cells and value in self._shape.inside:
            return self._list(graph, value, depth)
        if value not in self._shape.inside:
            return self._word(value)
        if (graph, value) not in self._shape.said:
            return "[]"
        step = "\n" + INDENT * (depth + 1)
        return f"[{step}{self._about(graph, value, depth)}\n{INDENT * depth}]"

    def _list(self, graph: Name, cell: Term, depth: int) -> str:
        items = []
        while cell != _NIL:
            said = self._shape.said[graph, cell]
            items.append(self._value(graph, said[_FIRST][0], depth + 1))
            cell = said[_REST][0]
        line = f"( {' '.join(items)} )"
        if len(line) <= LONGEST and "\n" not in line:
            return line
        step = "\n" + INDENT * (depth + 1)
        return f"({step}{step.join(items)}\n{INDENT * depth})"

    def _word(self, term: Term | Name) -> str:
        known = self._words.get(term)
        if known is None:
            known = self._words[term] = self._written(term)
        return known

    def _written(self, term: Term | Name) -> str:
        if isinstance(term, ox.NamedNode):
            return self._name(term)
        if isinstance(term, ox.Literal):
            return self._literal(term)
        if isinstance(term, ox.Triple):
            # The engine reads no long strings in here.
            last = str(term.object) if isinstance(term.object, ox.Literal) else self._word(term.object)
            return f"<<( {self._word(term.subject)} {self._word(term.predicate)} {last} )>>"
        return str(term)

    def _name(self, node: ox.NamedNode) -> str:
        match = _LOCAL.match(node.value)
        prefix = _PREFIXES.get(match[1]) if match else None
        if match is None or prefix is None:
            return str(node)
        self._used.add(prefix)
        return f"{prefix}:{match[2]}"

    def _literal(self, literal: ox.Literal) -> str:
        datatype = literal.datatype.value
        bare = _BARE.get(datatype)
        if bare and bare.match(literal.value):
            return literal.value
        if literal.language or datatype == XSD + "string":
            return _in_lines(literal) if "\n" in literal.value else str(literal)
        return f"{ox.Literal(literal.value)}^^{self._name(literal.datatype)}"


def _in_lines(literal: ox.Literal) -> str:
    """Return a text of several lines as it stands, in three quotes (Turtle section 2.5.1)."""
    text = literal.value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r")
    rest = str(literal).rpartition('"')[2]
    return f'"""{text}"""{rest}'
