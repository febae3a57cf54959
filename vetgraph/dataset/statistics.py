"""What a version holds, counted once: classes, properties, which go together, links to other datasets.

Everything is counted over the union of all graphs, a triple that two graphs state once; graphs are counted by
themselves as well. A whole pass takes seconds for a hundred thousand triples, so whoever asks keeps the result.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import pyoxigraph as ox

from vetgraph.store import GraphStore, graph_name
from vetgraph.vocab import BASE, EUROPA, GRAPH, ID, RDF

FORMAT: Final = 1
"""Format of kept statistics; others are counted anew."""

GROUPED: Final = 2_000_000
"""Triples up to which all are held in memory at once; of more, one subject's at a time."""

TYPE: Final = RDF + "type"
LANGUAGE_TEXT: Final = RDF + "langString"

Pair = tuple[ox.NamedNode, ox.NamedNode | ox.BlankNode | ox.Literal]


@dataclass(frozen=True)
class Size:
    """How much a set of triples is: triples, distinct subjects and objects, things by class, triples by property."""

    triples: int
    subjects: int
    objects: int
    classes: Mapping[str, int]
    properties: Mapping[str, int]


@dataclass(frozen=True)
class Use:
    """How often things of a class have a property with things of another class, or literals of a datatype.

    ``kind`` is ``class``, ``datatype``, or ``none`` where the values have no class.
    """

    subject: str
    property: str
    kind: str
    object: str
    triples: int


@dataclass(frozen=True)
class Link:
    """How many triples lead by a property from our things into another dataset."""

    target: str
    property: str
    triples: int


@dataclass(frozen=True)
class Statistics:
    """What a version holds.

    ``subjects`` has the triples and the distinct values for each class and property, ``uses`` the same by the class
    of the value. ``instances`` has a thing of each class, ``samples`` a triple of each property as subject and
    N-Triples term: the first by name, from documents rather than from the ontology.
    """

    whole: Size
    graphs: Mapping[str, Size]
    uses: tuple[Use, ...]
    pairs: tuple[tuple[str, str, int], ...]
    links: tuple[Link, ...]
    instances: Mapping[str, str] = field(default_factory=dict)
    samples: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return the statistics as a JSON text."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, separators=(",", ":"))


def from_json(written: str) -> Statistics | None:
    """Return the statistics that a JSON text holds, or None where another release wrote it."""
    try:
        values: dict[str, Any] = json.loads(written)
        if values.pop("format") != FORMAT:
            return None
        return Statistics(
            Size(**values["whole"]),
            {graph: Size(**size) for graph, size in values["graphs"].items()},
            tuple(Use(**use) for use in values["uses"]),
            tuple((a, b, n) for a, b, n in values["pairs"]),
            tuple(Link(**link) for link in values["links"]),
            values["instances"],
            {name: (a, b) for name, (a, b) in values["samples"].items()},
        )
    except (ValueError, KeyError, TypeError):
        return None


class _Tally:
    """Counts of one set of triples."""

    def __init__(self) -> None:
        self.triples = 0
        self.subjects = 0
        self.objects: set[Any] = set()
        self.classes: Counter[str] = Counter()
        self.properties: Counter[str] = Counter()

    def take(self, pairs: Iterable[Pair]) -> None:
        """Count the triples of one subject."""
        self.subjects += 1
        for predicate, value in pairs:
            self.triples += 1
            self.objects.add(value)
            self.properties[predicate.value] += 1
            if predicate.value == TYPE and isinstance(value, ox.NamedNode):
                self.classes[value.value] += 1

    def size(self) -> Size:
        """Return the counts, the largest first."""
        return Size(
            self.triples, self.subjects, len(self.objects), _descending(self.classes), _descending(self.properties)
        )


def _descending(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


class _Count:
    """The pass over a store."""

    def __init__(self, store: GraphStore) -> None:
        self.whole = _Tally()
        self.graphs: dict[str, _Tally] = {graph: _Tally() for graph in store.version.counts}
        self.uses: Counter[tuple[str, str, str, str]] = Counter()
        self.pairs: Counter[tuple[str, str]] = Counter()
        self.links: Counter[tuple[str, str]] = Counter()
        self.instances: dict[str, str] = {}
        self.samples: dict[str, tuple[str, str]] = {}
        self._classes: dict[Any, set[str]] = defaultdict(set)
        for quad in store.quads(None, ox.NamedNode(TYPE)):
            if isinstance(quad.object, ox.NamedNode):
                self._classes[quad.subject].add(quad.object.value)

    def take(self, subject: Any, pairs: Mapping[Pair, set[str]]) -> None:
        """Count one subject: its properties and values, with the graphs that state each."""
        self.whole.take(pairs)
        by_graph: dict[str, list[Pair]] = defaultdict(list)
        for pair, graphs in pairs.items():
            for graph in graphs:
                by_graph[graph].append(pair)
        for graph, several in by_graph.items():
            self.graphs.setdefault(graph, _Tally()).take(several)
        classes = self._classes.get(subject, ())
        for predicate, value in pairs:
            self._use(classes, predicate.value, value)
        if isinstance(subject, ox.NamedNode) and subject.value.startswith(BASE):
            self._show(subject.value, classes, pairs)

    def _use(self, classes: Iterable[str], name: str, value: Any) -> None:
        values = self._kinds(name, value)
        for one in classes:
            self.pairs[one, name] += 1
            for kind, other in values:
                self.uses[one, name, kind, other] += 1
        if isinstance(value, ox.NamedNode) and name != TYPE and (target := dataset_of(value.value)):
            self.links[target, name] += 1

    def _kinds(self, name: str, value: Any) -> list[tuple[str, str]]:
        if isinstance(value, ox.Literal):
            return [("datatype", LANGUAGE_TEXT if value.language else value.datatype.value)]
        found = () if name == TYPE else self._classes.get(value, ())
        return [("class", other) for other in found] or [("none", "")]

    def _show(self, subject: str, classes: Iterable[str], pairs: Mapping[Pair, set[str]]) -> None:
        for one in classes:
            self.instances[one] = min(self.instances.get(one, subject), subject, key=_rank)
        for predicate, value in pairs:
            sample = (subject, str(value))
            kept = self.samples.setdefault(predicate.value, sample)
            self.samples[predicate.value] = min(kept, sample, key=lambda each: (_rank(each[0]), each[1]))

    def statistics(self) -> Statistics:
        """Return what was counted, in a fixed order."""
        return Statistics(
            self.whole.size(),
            {graph: tally.size() for graph, tally in sorted(self.graphs.items()) if graph},
            tuple(Use(*key, count) for key, count in sorted(self.uses.items())),
            tuple((*key, count) for key, count in sorted(self.pairs.items())),
            tuple(Link(*key, count) for key, count in sorted(self.links.items())),
            dict(sorted(self.instances.items())),
            dict(sorted(self.samples.items())),
        )


def _rank(iri: str) -> tuple[bool, int, str]:
    """Things of documents before terms and concepts, short names first."""
    return not iri.startswith(ID), len(iri), iri


def count(store: GraphStore) -> Statistics:
    """Return the statistics of a version."""
    pass_ = _Count(store)
    for subject, pairs in _subjects(store):
        pass_.take(subject, pairs)
    return pass_.statistics()


def _subjects(store: GraphStore) -> Iterator[tuple[Any, dict[Pair, set[str]]]]:
    """Yield each subject once, with its properties and values and the graphs that state each."""
    if store.version.triples <= GROUPED:
        everything: dict[Any, dict[Pair, set[str]]] = defaultdict(lambda: defaultdict(set))
        for quad in store.quads():
            everything[quad.subject][quad.predicate, quad.object].add(graph_name(quad.graph_name))  # type: ignore[index]
        yield from everything.items()
        return
    for subject in {quad.subject for quad in store.quads()}:
        pairs: dict[Pair, set[str]] = defaultdict(set)
        for quad in store.quads(subject):  # type: ignore[arg-type]
            pairs[quad.predicate, quad.object].add(graph_name(quad.graph_name))  # type: ignore[index]
        yield subject, pairs


# -- other datasets -----------------------------------------------------------------------------------

_ELI: Final = re.compile(r"https?://[^/]+/eli/(?!ontology)")
_TABLE: Final = re.compile(re.escape(EUROPA) + r"([^/]+)")

DATASETS: Final[Mapping[str, str]] = {
    "http://www.wikidata.org/entity/": "Wikidata",
    "https://sws.geonames.org/": "GeoNames",
    "http://data.europa.eu/nuts/": "NUTS: the regions of the European Union",
    "http://data.europa.eu/snb/eqf/": "European Qualifications Framework: levels",
    "http://data.europa.eu/snb/isced-f/": "ISCED-F 2013: fields of education and training",
    "http://data.europa.eu/snb/learning-assessment/": "European Learning Model: types of assessment",
    "http://data.europa.eu/snb/learning-opportunity/": "European Learning Model: types of learning opportunity",
    "http://data.europa.eu/snb/target-group/": "European Learning Model: target groups",
    "http://qudt.org/vocab/unit/": "QUDT: units of measure",
}
"""Datasets that ours links to, by how their IRIs begin; authority tables and ELI have patterns of their own."""


def dataset_of(iri: str) -> str:
    """Return the dataset that an IRI belongs to, as the start of its IRIs, or nothing where none is known.

    >>> dataset_of("http://publications.europa.eu/resource/authority/country/LUX")
    'http://publications.europa.eu/resource/authority/country'
    >>> dataset_of("http://data.europa.eu/eli/dir/2005/36/oj")
    'http://data.europa.eu/eli/'
    >>> dataset_of("http://data.europa.eu/eli/ontology#LegalResource")
    ''
    """
    if table := _TABLE.match(iri):
        return table[0]
    if _ELI.match(iri):
        parts = urlsplit(iri)
        return f"{parts.scheme}://{parts.netloc}/eli/"
    return next((start for start in DATASETS if iri.startswith(start)), "")


def dataset_title(start: str) -> str:
    """Return what a dataset of :func:`dataset_of` is called."""
    if table := _TABLE.match(start):
        return f"EU authority table: {table[1]}"
    if _ELI.match(start):
        return f"European Legislation Identifiers of {urlsplit(start).netloc}"
    return DATASETS.get(start, start)


def of_documents(graph: str) -> bool:
    """Whether a graph holds facts, rather than terms, rules, queries or what is said of graphs."""
    return graph.removeprefix(GRAPH) not in {"ontology", "shapes", "queries", "catalogue", "schema"}
