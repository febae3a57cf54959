"""Reconciliation: candidates for a query, by its name, its types and what else is known of the thing.

Scores are from 0 to 100. A thing is said to be a match only where one of its labels is the name, but for letter case,
accents and punctuation, nothing that was given speaks against it, and no other thing is as good.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import pyoxigraph as ox

from vetgraph.search.finding import Hit, Wish, find, look_up
from vetgraph.search.index import Index
from vetgraph.search.matching import candidates
from vetgraph.search.queries import STARTS, Property, Query, Value, iri_of
from vetgraph.search.words import fold, likeness
from vetgraph.store import GraphStore, Term
from vetgraph.vocab import RDF

COUNTRY: Final = "country"
"""The property that stands for whatever ties a thing to a country."""

LIKE: Final = 0.85
"""Likeness from which a text counts as the name of a value."""

AGAINST: Final = 0.5
UNKNOWN: Final = 0.9
OTHER_TYPE: Final = 0.7
"""What a score is multiplied by: for a value that is another, for one that is not known, for another type."""

MOST_SCANNED: Final = 20_000
"""Statements of a property that are looked through where only values are given, at most."""


@dataclass
class Found:
    """A candidate: the thing, its score, what speaks for it, and whether it is certain."""

    hit: Hit
    score: float
    exact: bool
    features: dict[str, float | bool] = field(default_factory=dict)
    contradicted: bool = False
    match: bool = False


@dataclass
class Reconciler:
    """Answers queries about one version; remembers the labels that it looked up, so it is made for one batch."""

    index: Index
    store: GraphStore
    _known: dict[str, list[str]] = field(default_factory=dict)

    def answer(self, query: Query) -> list[Found]:
        """Return the candidates of a query, the best first."""
        found = self._named(query) if query.text.strip() else self._having(query)
        for one in found:
            self._weigh(one, query)
        found = sorted((one for one in found if one.score), key=lambda one: (-one.score, not one.exact, one.hit.iri))
        _decide(found)
        return found[: query.limit]

    def values(self, hit: Hit, property_: str) -> list[Term]:
        """Return the values of a property of a thing, each once, in a fixed order."""
        if property_ == COUNTRY:
            return [ox.NamedNode(iri) for iri in hit.countries]
        try:
            pattern = ox.NamedNode(hit.iri), ox.NamedNode(property_)
        except ValueError:
            return []
        found = {quad.object for quad in self.store.quads(*pattern) if not isinstance(quad.object, ox.Triple)}
        return sorted(found, key=str)

    def _named(self, query: Query) -> list[Found]:
        iri = iri_of(query.text)
        if iri.startswith(STARTS) and (known := look_up(self.index, [iri])):
            return [Found(hit, 100.0, True, {"identifier": True}) for hit in known]
        kinds = query.types[:1] if query.strict == "all" else query.types
        named = candidates(self.index, query.text, kinds=kinds, starts=STARTS)
        if not named and query.strict == "should":
            named = candidates(self.index, query.text, starts=STARTS)
        return [
            Found(
                one.hit, 100 * one.likeness, one.exact, {"name": round(100 * one.likeness, 1), "same_name": one.exact}
            )
            for one in named
        ]

    def _having(self, query: Query) -> list[Found]:
        """Return what has the values that are given where no name is."""
        sets = [self._holders(one) for one in query.properties]
        iris = set.intersection(*sets) if sets else set()
        return [Found(hit, 100.0, True) for hit in look_up(self.index, sorted(iris))]

    def _holders(self, wanted: Property) -> set[str]:
        if wanted.id == COUNTRY:
            countries = {iri for value in wanted.values for iri in self._meant(value)}
            return {hit.iri for hit in find(self.index, "", Wish(countries=countries, starts=STARTS, limit=1000)).hits}
        try:
            predicate = ox.NamedNode(wanted.id)
        except ValueError:
            return set()
        found: set[str] = set()
        for number, quad in enumerate(self.store.quads(None, predicate)):
            if number >= MOST_SCANNED:
                break
            subject, object_ = quad.subject, quad.object
            if not isinstance(subject, ox.NamedNode) or isinstance(object_, ox.Triple):
                continue
            if subject.value.startswith(STARTS) and self._is_one(object_, wanted.values):
                found.add(subject.value)
        return found

    def _meant(self, value: Value) -> list[str]:
        """Return the things that a value may mean: the one with that IRI, or those that are called so."""
        text = str(value)
        if text.startswith(STARTS):
            return [text]
        return [one.hit.iri for one in candidates(self.index, text, starts=STARTS) if one.exact]

    def _weigh(self, one: Found, query: Query) -> None:
        """Take from a score what speaks against a candidate, and note what was looked at."""
        if query.types:
            fits = [type_ in one.hit.types for type_ in query.types]
            one.features["type"] = all(fits) if query.strict == "all" else any(fits)
            if not one.features["type"]:
                one.contradicted = True
                one.score *= OTHER_TYPE if query.strict == "should" else 0.0
        for wanted in query.properties:
            values = [ox.NamedNode(type_) for type_ in one.hit.types] if wanted.id == RDF + "type" else None
            known = self.values(one.hit, wanted.id) if values is None else values
            met = any(self._is_one(term, wanted.values) for term in known)
            one.features[f"property {wanted.id}"] = met
            if not met:
                one.contradicted = one.contradicted or bool(known)
                one.score *= AGAINST if known else UNKNOWN
        one.score = round(one.score, 2)

    def _is_one(self, term: Term, values: Iterable[Value]) -> bool:
        return any(self._means(term, value) for value in values)

    def _means(self, term: Term, value: Value) -> bool:
        """Whether a value that a client gave means a term."""
        text = str(value).lower() if isinstance(value, bool) else str(value).strip()
        if isinstance(term, ox.Literal):
            return _same_literal(term, value, text)
        if isinstance(term, ox.BlankNode):
            return False
        if term.value in (text, iri_of(text)):
            return True
        return any(_alike(fold(label), fold(text)) for label in self._labels(term.value))

    def _labels(self, iri: str) -> list[str]:
        if iri not in self._known:
            self._known[iri] = [label.text for hit in look_up(self.index, [iri]) for label in hit.labels]
        return self._known[iri]


def _same_literal(term: ox.Literal, value: Value, text: str) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(term.value) == float(value)
        except ValueError:
            return False
    # A date may be given by its year or its month.
    return term.value == text or _alike(fold(term.value), fold(text)) or term.value.startswith(f"{text}-")


def _alike(one: str, other: str) -> bool:
    if not one or one == other:
        return bool(one)
    # Texts of other lengths can't be as alike as that, and comparing them takes longest.
    close = len(other) > 3 and min(len(one), len(other)) >= 0.75 * max(len(one), len(other))
    return close and likeness(one, other) >= LIKE


def _decide(found: list[Found]) -> None:
    """Say of the best whether it is certain."""
    if not found:
        return
    best = found[0]
    rivals = [one for one in found[1:] if one.exact and one.score >= best.score]
    best.match = best.exact and not best.contradicted and not rivals
