"""What a search looks at: every label of every thing in a version, and what the thing is filtered by."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

import pyoxigraph as ox

from vetgraph.search.words import is_acronym
from vetgraph.store import GraphStore
from vetgraph.vocab import BASE, DCTERMS, GRAPH, PREFIXES, PROV, RDF, RDFS, SH, SKOS, VET

ROLES: Final[Mapping[str, float]] = {
    "preferred": 1.0,
    "title": 0.97,
    "acronym": 0.97,
    "alternative": 0.93,
    "hidden": 0.88,
    "code": 0.85,
}
"""What a label is to its thing, and how much a match with it counts; the weightiest first."""

LABELS: Final[Mapping[str, str]] = {
    SKOS + "prefLabel": "preferred",
    RDFS + "label": "preferred",
    PREFIXES["foaf"] + "name": "preferred",
    PREFIXES["schema"] + "name": "preferred",
    SH + "name": "preferred",
    DCTERMS + "title": "title",
    VET + "officialTitle": "title",
    SKOS + "altLabel": "alternative",
    DCTERMS + "alternative": "alternative",
    VET + "sourceName": "alternative",
    SKOS + "hiddenLabel": "hidden",
    SKOS + "notation": "code",
}
"""Properties that give labels, with their role. An alternative label that looks like an acronym is one."""

COUNTRY: Final = VET + "Country"
COUNTRIES: Final = (
    *(VET + name for name in ("inCountry", "jurisdiction", "territory", "locatedIn", "coversPlace")),
    *(VET + name for name in ("participantPlace", "party")),
    DCTERMS + "spatial",
)
"""Properties that tie a thing to a country, or to a place that is in one."""

DERIVED: Final = PROV + "wasDerivedFrom"
LOOKED_AT: Final = (*LABELS, *COUNTRIES, RDF + "type", DERIVED)
"""The properties that a search rests on: what changes no statement with one of them changes no index."""

INFERRED: Final = GRAPH + "inferred"

KINDS: Final = (
    (BASE + "id/", 1.0),
    (BASE + "source/", 1.0),
    (BASE + "scheme/", 0.95),
    (BASE + "ontology", 0.85),
    (BASE + "query/", 0.8),
    (BASE + "graph/", 0.8),
    (BASE + "shapes", 0.6),
)
"""How much a thing counts by the beginning of its IRI: who searches wants facts before the terms that say them."""

ELSEWHERE: Final = 0.7

NODES: Final = {
    **dict.fromkeys((VET + "Evidence", VET + "PageEvidence"), 0.4),
    **{
        VET + name: 0.8
        for name in ("Claim", "Hyperlink", "Involvement", "Observation", "PolicyStatus", "Score", "StageRecord")
    },
}
"""Classes of what is there to say something of others, with how much that counts less."""


class Name(NamedTuple):
    """One label of a thing: its text, its language (empty where it has none), and its role."""

    text: str
    language: str
    role: str


@dataclass
class Thing:
    """A thing with its labels, its classes, the countries that it belongs to and the graphs that speak of it."""

    iri: str
    names: list[Name] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)

    @property
    def prior(self) -> float:
        """How much the thing counts before anything is asked."""
        weight = next((weight for start, weight in KINDS if self.iri.startswith(start)), ELSEWHERE)
        return weight * min((NODES.get(type_, 1.0) for type_ in self.types), default=1.0)


def harvest(store: GraphStore) -> list[Thing]:
    """Return everything in a version that has an IRI and a label, in the order of the IRIs."""
    things: dict[str, Thing] = {}
    sources: dict[str, set[str]] = defaultdict(set)
    for predicate, role in LABELS.items():
        for quad in store.quads(predicate=ox.NamedNode(predicate)):
            if isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.Literal):
                iri, label = quad.subject.value, quad.object
                own = "acronym" if role == "alternative" and is_acronym(label.value) else role
                things.setdefault(iri, Thing(iri)).names.append(Name(label.value, label.language or "", own))
                sources[iri].add(_graph(quad))
    _add_types(store, things)
    _add_countries(store, things)
    for quad in store.quads(predicate=ox.NamedNode(DERIVED)):
        if isinstance(quad.subject, ox.NamedNode) and quad.subject.value in things:
            sources[quad.subject.value].add(_graph(quad))
    for iri, thing in things.items():
        thing.names = _once(thing.names)
        thing.sources = sorted(sources[iri] - {INFERRED, ""})
    return [things[iri] for iri in sorted(things)]


def _graph(quad: ox.Quad) -> str:
    return quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else ""


def _once(names: Iterable[Name]) -> list[Name]:
    """Return each text of a language once, in its weightiest role."""
    order = list(ROLES)
    found: dict[tuple[str, str], Name] = {}
    for name in sorted(names, key=lambda name: (order.index(name.role), name)):
        found.setdefault((name.text, name.language), name)
    return list(found.values())


def _pairs(store: GraphStore, predicate: str) -> Iterator[tuple[str, str]]:
    for quad in store.quads(predicate=ox.NamedNode(predicate)):
        if isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.NamedNode):
            yield quad.subject.value, quad.object.value


def _add_types(store: GraphStore, things: Mapping[str, Thing]) -> None:
    """Give things their classes, the most special first: our own where there are some."""
    found: dict[str, set[str]] = defaultdict(set)
    for subject, type_ in _pairs(store, RDF + "type"):
        found[subject].add(type_)
    sizes = Counter(type_ for types in found.values() for type_ in types)
    for iri in found.keys() & things.keys():
        ours = {type_ for type_ in found[iri] if type_.startswith(VET)}
        things[iri].types = sorted(ours or found[iri], key=lambda type_: (sizes[type_], type_))


def _add_countries(store: GraphStore, things: Mapping[str, Thing]) -> None:
    """Give things the countries that they belong to, by themselves or through a place in a country."""
    countries = {iri for iri, thing in things.items() if COUNTRY in thing.types}
    places: dict[str, set[str]] = defaultdict(set)
    for predicate in COUNTRIES:
        for subject, place in _pairs(store, predicate):
            places[subject].add(place)
    for iri, thing in things.items():
        near = places.get(iri, set())
        far = {country for place in near for country in places.get(place, ())}
        thing.countries = sorted(({iri} | near | far) & countries if iri not in countries else {iri})


def fingerprint(things: Iterable[Thing]) -> str:
    """Return a checksum of what a search looks at: two versions with the same one share an index."""
    digest = blake2b(digest_size=12)
    for thing in things:
        digest.update(repr(thing).encode())
    return digest.hexdigest()
