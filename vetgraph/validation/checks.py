"""Checks that SHACL can't say well: references to nothing, undeclared terms, stray concepts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pyoxigraph import NamedNode, Quad, Store

from vetgraph.validation import wording
from vetgraph.validation.paths import Path
from vetgraph.validation.positions import Term
from vetgraph.validation.report import Finding, Severity
from vetgraph.validation.telling import DANGLING, Teller
from vetgraph.validation.terms import defined_elsewhere, nearest_elsewhere
from vetgraph.vocab import BASE, ID, RDF, SCHEME, SHAPES, SKOS, SOURCE, VET, shorten

UNDECLARED: Final = SHAPES + "#UndeclaredTerm"
OUTSIDE_SCHEME: Final = SHAPES + "#ConceptOutsideScheme"
UNKNOWN_PREDICATE: Final = SHAPES + "#UnknownPredicate"

_TYPE: Final = NamedNode(RDF + "type")
_CONCEPT: Final = NamedNode(SKOS + "Concept")
_IN_SCHEME: Final = NamedNode(SKOS + "inScheme")
_THINGS: Final = (ID, SOURCE, SCHEME)


@dataclass(frozen=True)
class Scope:
    """What the checks look at: the quads in question, and the store that they are part of."""

    store: Store
    quads: tuple[Quad, ...]
    whole: bool = False
    """True where the quads are all that the store has, so that nothing else can use a predicate."""


def missing(store: Store, quads: Iterable[Quad]) -> frozenset[Term]:
    """Return the things under our base that quads refer to and nobody describes."""
    asked: dict[NamedNode, bool] = {}
    for quad in quads:
        value = quad.object
        if not isinstance(value, NamedNode) or not value.value.startswith(_THINGS):
            continue
        if value not in asked:
            asked[value] = next(iter(store.quads_for_pattern(value, None, None, None)), None) is None
    return frozenset(value for value, gone in asked.items() if gone)


@dataclass
class Checks:
    """The checks of one validation; what SHACL already said is not said again."""

    scope: Scope
    teller: Teller
    said: set[tuple[Term, Term | None]] = field(default_factory=set)
    said_paths: set[tuple[Term, str]] = field(default_factory=set)

    def heed(self, findings: Iterable[Finding]) -> None:
        """Remember what SHACL has found."""
        for finding in findings:
            if finding.rule == DANGLING:
                self.said.add((finding.focus, finding.value))
            for iri in finding.path_iris:
                self.said_paths.add((finding.focus, iri))

    def run(self) -> Iterator[Finding]:
        """Yield the findings of all checks."""
        yield from self.dangling()
        if self.teller.shapes.terms.declared:
            yield from self.undeclared()
            yield from self.predicates()
        yield from self.concepts()

    def dangling(self) -> Iterator[Finding]:
        """Yield references to things that exist nowhere."""
        for quad in self.scope.quads:
            value = quad.object
            if not isinstance(value, NamedNode) or value not in self.teller.missing:
                continue
            if (quad.subject, value) in self.said:
                continue
            self.said.add((quad.subject, value))
            key = self.teller.missing_key(value)
            severity = Severity.VIOLATION if key == "dangling" else Severity.INFO
            yield self._finding(quad, DANGLING, key, self.teller.missing_advice(value), severity)

    def undeclared(self) -> Iterator[Finding]:
        """Yield terms in the ontology's namespace that the ontology does not declare."""
        terms = self.teller.shapes.terms
        here = {
            quad.subject.value
            for quad in self.scope.quads
            if quad.predicate == _TYPE and isinstance(quad.subject, NamedNode)
        }
        done: set[tuple[Term, str]] = set()
        for quad in self.scope.quads:
            for term in (quad.predicate, quad.object):
                if not isinstance(term, NamedNode) or not term.value.startswith(VET):
                    continue
                if term.value in terms.declared or term.value in here:
                    continue
                if (quad.subject, term.value) in done:
                    continue
                done.add((quad.subject, term.value))
                near = terms.nearest_term(term.value) if self.teller.may_suggest() else None
                advices = wording.advice("undeclared")
                if near:
                    advices = wording.advice("suggest", limit=shorten(near))
                yield self._finding(quad, UNDECLARED, "undeclared", advices, Severity.VIOLATION, term=term)

    def concepts(self) -> Iterator[Finding]:
        """Yield concepts that are in no code list, or in another than their address says."""
        for quad in self.scope.quads:
            if quad.predicate == _TYPE and quad.object == _CONCEPT:
                found = self.scope.store.quads_for_pattern(quad.subject, _IN_SCHEME, None, None)
                if next(iter(found), None) is not None:
                    continue
                if (quad.subject, _IN_SCHEME.value) in self.said_paths:
                    continue
                yield self._finding(quad, OUTSIDE_SCHEME, "noScheme", wording.advice("noScheme"), Severity.VIOLATION)
            elif quad.predicate == _IN_SCHEME and isinstance(quad.subject, NamedNode):
                scheme = quad.subject.value.rpartition("/")[0]
                other = isinstance(quad.object, NamedNode) and quad.object.value != scheme
                if other and quad.subject.value.startswith(SCHEME):
                    advices = wording.advice("otherScheme")
                    yield self._finding(quad, OUTSIDE_SCHEME, "otherScheme", advices, Severity.VIOLATION)

    def predicates(self) -> Iterator[Finding]:
        """Yield predicates of other vocabularies that are misspelt or that nobody else uses."""
        first: dict[NamedNode, Quad] = {}
        for quad in self.scope.quads:
            first.setdefault(quad.predicate, quad)
        mine: set[tuple[Term, NamedNode, Term]] = {
            (quad.subject, quad.predicate, quad.object) for quad in self.scope.quads
        }
        for predicate, quad in first.items():
            if predicate.value.startswith(BASE):
                continue
            defined = defined_elsewhere(predicate.value)
            if defined:
                continue
            if defined is False:
                advices = wording.advice("unknownPredicate")
                near = nearest_elsewhere(predicate.value) if self.teller.may_suggest() else None
                if near:
                    advices = wording.advice("suggest", limit=shorten(near))
                key, severity = "notInVocabulary", Severity.WARNING
            elif self.scope.whole or self._is_used(predicate, mine):
                continue
            else:
                key, severity = "unknownPredicate", Severity.INFO
                advices = wording.advice("unknownPredicate")
            yield self._finding(quad, UNKNOWN_PREDICATE, key, advices, severity, term=predicate)

    def _is_used(self, predicate: NamedNode, mine: set[tuple[Term, NamedNode, Term]]) -> bool:
        shapes = self.teller.shapes
        if predicate.value in shapes.predicates or predicate.value in shapes.terms.mentioned:
            return True
        return any(
            (quad.subject, quad.predicate, quad.object) not in mine
            for quad in self.scope.store.quads_for_pattern(None, predicate, None, None)
        )

    def orphaned(self, removed: Iterable[Quad]) -> Iterator[Finding]:
        """Yield what still refers to things that a change leaves without any description."""
        store = self.scope.store
        for subject in {quad.subject for quad in removed}:
            if next(iter(store.quads_for_pattern(subject, None, None, None)), None) is not None:
                continue
            for quad in store.quads_for_pattern(None, None, subject, None):
                yield self._finding(quad, DANGLING, "orphaned", wording.advice("orphaned"), Severity.VIOLATION)

    def _finding(
        self,
        quad: Quad,
        rule: str,
        key: str,
        advices: dict[str, str],
        severity: Severity,
        term: NamedNode | None = None,
    ) -> Finding:
        path = Path("iri", quad.predicate.value)
        value: Term = term or quad.object
        spot = None
        if term is not None and term == quad.predicate:
            for place in self.teller.finder.places:
                spot = spot or place.predicates.get((quad.subject, term))
        return self.teller.finding(
            quad.subject,
            severity=severity,
            rule=rule,
            component=rule,
            problems=wording.problem(key, value=self.teller.show(value)),
            advices=advices,
            path=path,
            value=value,
            position=spot,
        )
