"""The pages of all terms and of all rules: what the graph says of them, and what the data do with them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import pyoxigraph as ox
from flask import render_template

from vetgraph.dataset.statistics import Statistics, Use
from vetgraph.vocab import OWL, RDF, RDFS, SKOS, VET, expand
from vetgraph.web import diagram, reading, texts
from vetgraph.web.diagram import Diagram, Relation
from vetgraph.web.figures import figures
from vetgraph.web.reading import Label, Row, each, grouped, solutions

ALIGNED: Final = (
    RDFS + "subClassOf",
    RDFS + "subPropertyOf",
    OWL + "equivalentClass",
    OWL + "equivalentProperty",
    OWL + "inverseOf",
    RDFS + "seeAlso",
    SKOS + "closeMatch",
    SKOS + "exactMatch",
)
"""Properties that lead from a term of ours to one of another vocabulary, the strictest first."""

BROADER: Final = (RDFS + "subClassOf", RDFS + "subPropertyOf")
SHOWN: Final = 12
"""Properties of a class, or classes of a property, that its entry names."""

EVERYWHERE: Final = 1 / 3
"""Share of the classes above which a property that they all have says nothing of any, such as its source."""

RELATIONS: Final = 4
"""Relations of a class in the diagram, at most."""


@dataclass(frozen=True)
class Companion:
    """A term that goes together with another, and in how many triples."""

    iri: str
    triples: int


@dataclass(frozen=True)
class Sample:
    """A triple as an example: the thing, and the value as a term."""

    subject: str
    value: ox.NamedNode | ox.Literal | None


@dataclass(frozen=True)
class Term:
    """A class or a property: what the ontology says of it, and what the data do with it.

    ``count`` is of things for a class, of triples for a property; None where this is not known. ``values`` are the
    classes and datatypes of what the property has.
    """

    iri: str
    is_class: bool
    definition: str
    usage: str
    broader: Sequence[str]
    inverse: Sequence[str]
    domain: Sequence[str]
    range: Sequence[str]
    alignments: Sequence[tuple[str, str]]
    count: int
    companions: Sequence[Companion]
    values: Sequence[str]
    example: str
    sample: Sample | None


class _Data:
    """Statistics by term."""

    def __init__(self, found: Statistics) -> None:
        self.found = found
        self.by_class: dict[str, list[Companion]] = defaultdict(list)
        self.by_property: dict[str, list[Companion]] = defaultdict(list)
        self.values: dict[str, dict[str, int]] = defaultdict(dict)
        for class_, name, triples in found.pairs:
            self.by_class[class_].append(Companion(name, triples))
            self.by_property[name].append(Companion(class_, triples))
        for use in found.uses:
            if use.kind != "none":
                kept = self.values[use.property]
                kept[use.object] = max(kept.get(use.object, 0), use.triples)

    def companions(self, iri: str, *, is_class: bool) -> list[Companion]:
        """Return our own terms that a term goes together with, the most frequent first."""
        several = (self.by_class if is_class else self.by_property)[iri]
        own = [one for one in several if one.iri.startswith(VET)]
        return sorted(own, key=lambda one: (-one.triples, one.iri))[:SHOWN]

    def kinds(self, iri: str) -> list[str]:
        """Return the kinds of values that a property has, ours and datatypes, the most frequent first."""
        found = sorted(self.values[iri].items(), key=lambda item: (-item[1], item[0]))
        return [kind for kind, _ in found if kind.startswith((VET, expand("xsd:"), RDF, SKOS))][:SHOWN]


def ontology_page() -> str:
    """Return the page of all classes, properties and code lists."""
    rows = grouped(solutions("page-ontology"), lambda row: row["term"])
    data = _Data(figures())
    terms = sorted((_term(iri, several, data) for iri, several in rows.items()), key=lambda t: reading.sort_key(t.iri))
    schemes = grouped(solutions("page-schemes"), lambda row: row["scheme"])
    drawn = _diagram([term for term in terms if term.is_class], data)
    return render_template("ontology.html", terms=terms, schemes=schemes, diagram=drawn)


def _term(iri: str, rows: Sequence[Row], data: _Data) -> Term:
    said: dict[str, list[Row]] = grouped(rows, lambda row: row["property"])
    is_class = OWL + "Class" in _values(said, RDF + "type")
    size = data.found.whole
    sample = data.found.samples.get(iri)
    return Term(
        iri,
        is_class,
        _text(said, SKOS + "definition"),
        _text(said, expand("vann:usageNote")),
        [one for name in BROADER for one in _values(said, name) if one.startswith(VET)],
        [one for one in _values(said, OWL + "inverseOf") if one.startswith(VET)],
        _values(said, RDFS + "domain"),
        _values(said, RDFS + "range"),
        [(name, one) for name in ALIGNED for one in _values(said, name) if not one.startswith(VET)],
        (size.classes if is_class else size.properties).get(iri, 0),
        data.companions(iri, is_class=is_class),
        [] if is_class else data.kinds(iri),
        data.found.instances.get(iri, "") if is_class else "",
        _sample(sample) if sample and not is_class else None,
    )


def _values(said: dict[str, list[Row]], name: str) -> list[str]:
    return each(said.get(name, ()), "value")


def _text(said: dict[str, list[Row]], name: str) -> str:
    """Return the English text of a property."""
    terms = [row.term("value") for row in said.get(name, ())]
    return next((term.value for term in terms if isinstance(term, ox.Literal) and term.language == "en"), "")


def _sample(sample: tuple[str, str]) -> Sample:
    """Return an example from a subject and a term in N-Triples."""
    subject, written = sample
    parsed = next(iter(ox.parse(f"<{subject}> <{subject}> {written} .".encode(), format=ox.RdfFormat.N_TRIPLES)), None)
    value = parsed.object if parsed is not None else None
    return Sample(subject, value if isinstance(value, ox.NamedNode | ox.Literal) else None)


def _diagram(classes: Sequence[Term], data: _Data) -> Diagram:
    """Return the diagram of the classes: what is narrower, and what leads most often where."""
    parents = {term.iri: next(iter(term.broader), "") for term in classes}
    relations = _relations(data.found.uses, set(parents))
    return diagram.of(
        {term.iri: (reading.label(term.iri).text, texts.number(term.count)) for term in classes},
        parents,
        {term.iri: _heard(relations.get(term.iri, ()), term.iri, parents) for term in classes},
        {term.iri: term.count for term in classes},
    )


def _relations(uses: Iterable[Use], classes: set[str]) -> dict[str, list[Use]]:
    """Return the links between our classes, for each class and property to the class that most of them lead to."""
    best: dict[tuple[str, str], Use] = {}
    for use in uses:
        known = use.kind == "class" and {use.subject, use.object} <= classes and use.property.startswith(VET)
        if known and use.triples > getattr(best.get((use.subject, use.property)), "triples", 0):
            best[use.subject, use.property] = use
    spread = Counter(name for _, name in best)
    found: dict[str, list[Use]] = defaultdict(list)
    for use in sorted(best.values(), key=lambda use: (-use.triples, use.property)):
        if spread[use.property] <= len(classes) * EVERYWHERE:
            found[use.subject].append(use)
    return found


def _heard(uses: Iterable[Use], iri: str, parents: dict[str, str]) -> list[Relation]:
    """Return what a class's box says: its strongest relations, none for a class whose parent's box says them."""
    if parents[iri]:
        return []
    several = list(uses)[:RELATIONS]
    return [Relation(use.property, reading.label(use.property).text, reading.label(use.object).text) for use in several]


# -- shapes -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """A property shape: the property, what it asks for, how grave a breach is, its message."""

    iri: str
    path: str
    bounds: str
    types: Sequence[str]
    severity: str
    message: Label


@dataclass(frozen=True)
class Shape:
    """A node shape: its classes with the number of things that it judges, an example of one, and its rules."""

    iri: str
    name: str
    description: str
    classes: Sequence[Companion]
    example: str
    rules: Sequence[Rule]


def shapes_page() -> str:
    """Return the page of all shapes."""
    found = figures()
    rows = grouped(solutions("page-shapes"), lambda row: row["shape"])
    return render_template("shapes.html", shapes=[_shape(iri, several, found) for iri, several in rows.items()])


def _shape(iri: str, rows: Sequence[Row], found: Statistics) -> Shape:
    classes = [Companion(one, found.whole.classes.get(one, 0)) for one in each(rows, "class")]
    examples = [found.instances[one.iri] for one in classes if one.iri in found.instances]
    rules = grouped((row for row in rows if row["property"]), lambda row: row["property"])
    return Shape(
        iri,
        rows[0]["name"] or reading.fragment_of(iri),
        rows[0]["description"],
        classes,
        next(iter(examples), ""),
        [_rule(property_, several) for property_, several in rules.items()],
    )


def _rule(iri: str, rows: Sequence[Row]) -> Rule:
    row = rows[0]
    path = row.term("path")
    return Rule(
        iri if iri.startswith("http") else "",
        path.value if isinstance(path, ox.NamedNode) else "",
        _bounds(row["minimum"], row["maximum"]),
        each(rows, "type"),
        reading.fragment_of(row["severity"]).lower(),
        _message(rows),
    )


def _bounds(least: str, most: str) -> str:
    """Return how many values there may be, as 0..1, 1..1 or 1..*; nothing where there is no bound.

    >>> _bounds("1", ""), _bounds("", "1"), _bounds("", "")
    ('1..*', '0..1', '')
    """
    return f"{least or 0}..{most or '*'}" if least or most else ""


def _message(rows: Iterable[Row]) -> Label:
    """Return a rule's message in the reader's language, else in English, else in any."""
    terms = {term.language or "": term.value for row in rows if isinstance(term := row.term("message"), ox.Literal)}
    for language in (texts.language(), "en", "", *sorted(terms)):
        if language in terms:
            return Label(terms[language], language)
    return Label("", "")
