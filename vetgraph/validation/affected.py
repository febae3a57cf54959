"""Which things a change makes worth judging, and by which shapes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from pyoxigraph import Literal, NamedNode, Quad, Store

from vetgraph.validation import bridge
from vetgraph.validation.paths import Step
from vetgraph.validation.positions import Term
from vetgraph.validation.shapes import Shapes, Target
from vetgraph.vocab import RDF, RDFS

MOST: Final = 2_000
"""Most things that are judged although the change only touches them."""

_TYPE: Final = NamedNode(RDF + "type")
_SUBCLASS: Final = NamedNode(RDFS + "subClassOf")


@dataclass
class Affected:
    """Focus nodes by shape: those that the change is about, and those that it merely touches."""

    direct: dict[Any, list[Term] | None] = field(default_factory=dict)
    """None where the shape is to find its targets by itself."""
    touched: dict[Any, list[Term]] = field(default_factory=lambda: defaultdict(list))
    judged: set[Term] = field(default_factory=set)
    unjudged: int = 0


class Membership:
    """Which shapes target a term, asked of a store."""

    def __init__(self, store: Store, shapes: Shapes) -> None:
        self.store, self.shapes = store, shapes
        self._above: dict[NamedNode, frozenset[str]] = {}
        self._by_class: dict[str, list[int]] = defaultdict(list)
        self._by_node: dict[Any, list[int]] = defaultdict(list)
        self._by_subject: dict[str, list[int]] = defaultdict(list)
        self._by_object: dict[NamedNode, list[int]] = defaultdict(list)
        for number, target in enumerate(shapes.targets):
            for name in target.classes:
                self._by_class[name].append(number)
            for node in target.nodes:
                self._by_node[bridge.to_oxigraph(node)].append(number)
            for name in target.subjects_of:
                self._by_subject[name].append(number)
            for name in target.objects_of:
                self._by_object[NamedNode(name)].append(number)

    def targets(self, term: Term) -> list[Target]:
        """Return the shapes whose targets include a term."""
        found = set(self._by_node.get(term, ()))
        for name in self.classes(term):
            found.update(self._by_class.get(name, ()))
        for name in self._predicates(term):
            found.update(self._by_subject.get(name, ()))
        for predicate, numbers in self._by_object.items():
            if self._has(None, predicate, term):
                found.update(numbers)
        return [self.shapes.targets[number] for number in sorted(found)]

    def _predicates(self, term: Term) -> set[str]:
        if isinstance(term, Literal):
            return set()
        return {quad.predicate.value for quad in self.store.quads_for_pattern(term, None, None, None)}

    def _has(self, subject: Any, predicate: NamedNode, value: Any) -> bool:
        found = self.store.quads_for_pattern(subject, predicate, value, None)
        return next(iter(found), None) is not None

    def classes(self, term: Term) -> frozenset[str]:
        """Return a term's classes with those above them."""
        if isinstance(term, Literal):
            return frozenset()
        found: set[str] = set()
        for quad in self.store.quads_for_pattern(term, _TYPE, None, None):
            if isinstance(quad.object, NamedNode):
                found |= self._with_above(quad.object)
        return frozenset(found)

    def _with_above(self, node: NamedNode) -> frozenset[str]:
        if node not in self._above:
            seen, ahead = {node}, [node]
            while ahead:
                for quad in self.store.quads_for_pattern(ahead.pop(), _SUBCLASS, None, None):
                    if isinstance(quad.object, NamedNode) and quad.object not in seen:
                        seen.add(quad.object)
                        ahead.append(quad.object)
            self._above[node] = frozenset(each.value for each in seen)
        return self._above[node]


def affected(store: Store, shapes: Shapes, changed: Iterable[Quad]) -> Affected:
    """Return what to judge when these quads have been added to or removed from a store."""
    found, member = Affected(), Membership(store, shapes)
    quads = list(changed)
    about: dict[Term, None] = {quad.subject: None for quad in quads}
    direct: dict[Any, list[Term]] = defaultdict(list)
    objects_of = frozenset(name for target in shapes.targets for name in target.objects_of)
    about.update((quad.object, None) for quad in quads if quad.predicate.value in objects_of)
    for term in about:
        targets = member.targets(term)
        for target in targets:
            direct[target.shape].append(term)
        if targets:
            found.judged.add(term)
    found.direct.update(direct)
    _add_touched(found, member, about, quads)
    return found


def _add_touched(found: Affected, member: Membership, about: dict[Term, None], quads: list[Quad]) -> None:
    pairs: dict[tuple[Term, Any], None] = {}
    for term, target in _reached(member, quads):
        if term not in about:
            pairs[term, target] = None
    touched: set[Term] = set()
    mine: dict[Term, list[Target]] = {}
    for term, target in pairs:
        if term not in touched and len(touched) >= MOST:
            found.unjudged += 1
            continue
        if term not in mine:
            mine[term] = member.targets(term)
        if target in mine[term]:
            touched.add(term)
            found.touched[target.shape].append(term)
    found.judged |= touched


def _reached(member: Membership, quads: list[Quad]) -> Iterable[tuple[Term, Target]]:
    """Yield (term, shape) where the shape, started at the term, may read a changed triple."""
    walked: set[tuple[Term, int]] = set()
    for quad in quads:
        for reading in member.shapes.readings.get(quad.predicate.value, ()):
            at = quad.object if reading.step.inverse else quad.subject
            if (at, id(reading)) in walked:
                continue
            walked.add((at, id(reading)))
            ahead: set[Any] = {at}
            if reading.step.repeated:
                ahead = _back(member.store, ahead, reading.step)
            for step in reversed(reading.before):
                ahead = _back(member.store, ahead, step)
            for term in ahead:
                yield term, reading.target
    asking = [target for target in member.shapes.targets if target.asks]
    for term in {quad.object for quad in quads if isinstance(quad.object, NamedNode)}:
        for target in asking:
            yield term, target


def _back(store: Store, nodes: set[Any], step: Step) -> set[Any]:
    """Return the terms from which a step leads to some nodes."""
    reached: set[Any] = set(nodes) if step.repeated else set()
    ahead = list(nodes)
    predicate = NamedNode(step.predicate)
    while ahead and len(reached) <= 2 * MOST:
        node = ahead.pop()
        for before in _predecessors(store, node, predicate, inverse=step.inverse):
            if before not in reached:
                reached.add(before)
                if step.repeated:
                    ahead.append(before)
    return reached


def _predecessors(store: Store, node: Any, predicate: NamedNode, *, inverse: bool) -> list[Term]:
    if inverse:
        if isinstance(node, Literal):
            return []
        return [quad.object for quad in store.quads_for_pattern(node, predicate, None, None)]
    return [quad.subject for quad in store.quads_for_pattern(None, predicate, node, None)]
