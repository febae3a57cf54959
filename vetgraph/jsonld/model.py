"""What ontology and shapes say of classes and properties, as JSON needs it: how a value is written, and how many.

One table behind the context, the frames and the schemas, read from the files that travel with the package.

>>> model().properties[VET + "supervisedBy"].kind
'link'
>>> [one.name for one in model().classes_of([VET + "NationalAgency", VET + "Organisation"])]
['NationalAgency', 'Organisation']
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final, Literal

import pyoxigraph as ox

from vetgraph.loading import find_content, read_turtle
from vetgraph.vocab import BASE, OA, OWL, PREFIXES, RDF, RDFS, SH, SKOS, VET, XSD, expand

Kind = Literal["link", "text", "value"]

LANG_STRING: Final = RDF + "langString"
NATIVE: Final = frozenset((XSD + "integer", XSD + "boolean", XSD + "string"))
"""Datatypes that JSON has itself: their values need no type."""

OWNED: Final = frozenset((OA + "hasSelector",))
"""Properties that lead to a node which is a part of the thing: told in full, not by its name."""

VOCABULARIES: Final = (
    *("vet", "rdf", "rdfs", "owl", "xsd", "skos", "dcterms", "org", "foaf", "schema", "eli", "elm", "cv", "cpsv"),
    *("dcat", "dcatap", "adms", "spdx", "vcard", "void", "void-ext", "sd", "hydra"),
    *("prov", "oa", "time", "qb", "sh", "dash", "spex", "vann", "vs"),
)
"""Prefixes of the context: those of vocabularies. Things are named by whole IRIs, which any client can follow."""

_TEXTS: Final[Mapping[str, bool]] = {
    **{SKOS + name: True for name in ("prefLabel", "definition")},
    **{SKOS + name: False for name in ("altLabel", "hiddenLabel", "note", "scopeNote", "editorialNote", "historyNote")},
    **{RDFS + name: True for name in ("label", "comment")},
    **{SH + name: True for name in ("name", "description", "message")},
    **{expand(f"dcterms:{name}"): True for name in ("title", "description")},
    **{expand(f"dcterms:{name}"): False for name in ("alternative", "bibliographicCitation")},
    expand("vann:usageNote"): True,
}
"""Texts of other vocabularies → whether there is one in each language."""

_LINKS: Final = (
    *(SKOS + n for n in ("broader", "narrower", "related", "inScheme", "topConceptOf", "hasTopConcept")),
    *(SKOS + n for n in ("exactMatch", "closeMatch", "relatedMatch", "broadMatch", "narrowMatch")),
    *(RDFS + n for n in ("subClassOf", "subPropertyOf", "domain", "range", "isDefinedBy", "seeAlso")),
    *(expand(f"dcterms:{n}") for n in ("license", "publisher", "creator", "language", "isReplacedBy", "replaces")),
    *(expand(f"prov:{n}") for n in ("wasDerivedFrom", "wasAttributedTo", "hadPrimarySource")),
    *(expand(n) for n in ("foaf:page", "foaf:primaryTopic", "foaf:isPrimaryTopicOf", "owl:inverseOf", "owl:sameAs")),
    *(RDF + n for n in ("subject", "predicate")),
)
"""Properties of other vocabularies that lead from thing to thing."""


@dataclass(frozen=True)
class Property:
    """A property: its IRI, its name in JSON, what its values are, and whether a thing has at most one.

    Of texts, `single` means one in each language.
    """

    iri: str
    name: str
    kind: Kind
    datatype: str = ""
    single: bool = False

    @property
    def coerced(self) -> str:
        """The datatype that the context adds to every value; nothing where values say theirs."""
        return "" if self.datatype in NATIVE else self.datatype


@dataclass(frozen=True)
class Class:
    """A class: its IRI, its name in JSON, what it is, and its properties; those of its superclasses are among them."""

    iri: str
    name: str
    definition: str
    above: frozenset[str]
    properties: tuple[str, ...]


@dataclass(frozen=True)
class Model:
    """All classes by name and all properties by IRI."""

    classes: Mapping[str, Class]
    properties: Mapping[str, Property]

    @cached_property
    def by_iri(self) -> Mapping[str, Class]:
        """The classes by IRI."""
        return {one.iri: one for one in self.classes.values()}

    def classes_of(self, types: Iterable[str]) -> list[Class]:
        """Return the classes among some types, the most special first."""
        found = [self.by_iri[iri] for iri in set(types) if iri in self.by_iri]
        return sorted(found, key=lambda one: (-len(one.above), not one.iri.startswith(VET), one.name))

    def class_of(self, types: Iterable[str]) -> Class:
        """Return the most special class among some types; `Resource` where there is none."""
        return next(iter(self.classes_of(types)), self.classes[RESOURCE])


RESOURCE: Final = "Resource"
"""The class of whatever has none of its own."""


@lru_cache(1)
def model() -> Model:
    """Return the model of the ontology and the shapes that travel with the package."""
    content, store = find_content(), ox.Store()
    for slug in ("ontology", "shapes"):
        for path in content.of(slug):
            store.extend(read_turtle(path, BASE + f"graph/{slug}"))
    return read(store)


def read(store: ox.Store) -> Model:
    """Return the model of the ontology and shapes in a store."""
    reader = _Reader(store)
    properties = {one.iri: one for one in reader.properties()}
    return Model({one.name: one for one in reader.classes(properties)}, properties)


def json_name(iri: str) -> str:
    """Return what a term is called in JSON: by itself where it is ours or SKOS's, else with its prefix.

    >>> json_name(VET + "actor"), json_name(SKOS + "prefLabel"), json_name("http://purl.org/dc/terms/title")
    ('actor', 'prefLabel', 'dcterms:title')
    """
    for namespace in (VET, SKOS):
        name = iri.removeprefix(namespace)
        if name != iri and name not in VOCABULARIES:
            return name
    for prefix in VOCABULARIES:
        if iri.startswith(PREFIXES[prefix]):
            return f"{prefix}:{iri[len(PREFIXES[prefix]) :]}"
    return iri


@dataclass(frozen=True)
class _Constraint:
    """What one property shape says of a property."""

    path: str
    most: int | None
    datatypes: frozenset[str]
    link: bool


class _Reader:
    """Reads classes and properties out of a store."""

    def __init__(self, store: ox.Store) -> None:
        self._store = store
        self._shapes: dict[str, _Constraint] = {}
        for subject in self._subjects(RDF + "type", SH + "PropertyShape"):
            path = self._one(subject, SH + "path")
            if path and not path.startswith("_:"):
                self._shapes[subject] = self._constraint(subject, path)

    def _terms(self, subject: str, predicate: str) -> list[ox.NamedNode | ox.BlankNode | ox.Literal]:
        node = ox.BlankNode(subject[2:]) if subject.startswith("_:") else ox.NamedNode(subject)
        quads = self._store.quads_for_pattern(node, ox.NamedNode(predicate), None, None)
        return sorted((q.object for q in quads), key=str)  # type: ignore[misc]

    def _objects(self, subject: str, predicate: str) -> list[str]:
        return [str(t) if isinstance(t, ox.BlankNode) else t.value for t in self._terms(subject, predicate)]

    def _one(self, subject: str, predicate: str) -> str:
        return next(iter(self._objects(subject, predicate)), "")

    def _subjects(self, predicate: str, object_: str) -> list[str]:
        quads = self._store.quads_for_pattern(None, ox.NamedNode(predicate), ox.NamedNode(object_), None)
        return sorted(q.subject.value for q in quads if isinstance(q.subject, ox.NamedNode))

    def _constraint(self, shape: str, path: str) -> _Constraint:
        most = self._one(shape, SH + "maxCount")
        found = [shape, *(member for head in self._objects(shape, SH + "or") for member in self._list(head))]
        datatypes = frozenset(d for node in found for d in self._objects(node, SH + "datatype"))
        kinds = {k for node in found for k in self._objects(node, SH + "nodeKind")}
        classes = [c for node in found for c in (self._one(node, SH + "class"), self._one(node, SH + "node")) if c]
        return _Constraint(path, int(most) if most else None, datatypes, bool(classes) or SH + "IRI" in kinds)

    def _list(self, head: str) -> Iterator[str]:
        while head and head != RDF + "nil":
            yield self._one(head, RDF + "first")
            head = self._one(head, RDF + "rest")

    # -- properties -------------------------------------------------------------------------------

    def properties(self) -> Iterator[Property]:
        """Yield every property that the ontology declares, a shape constrains, or a property of ours specialises."""
        declared = {
            iri: kind
            for kind in ("ObjectProperty", "DatatypeProperty")
            for iri in self._subjects(RDF + "type", OWL + kind)
        }
        above: dict[str, list[str]] = {}
        for iri in declared:
            for wide in self._objects(iri, RDFS + "subPropertyOf"):
                above.setdefault(wide, []).append(iri)
        constrained = {one.path for one in self._shapes.values()}
        own = {iri: self._property(iri, declared.get(iri, "")) for iri in {*declared, *constrained, *_TEXTS, *_LINKS}}
        for wide, narrow in above.items():
            if wide not in own:
                own[wide] = self._widened(wide, [own[iri] for iri in narrow])
        yield from sorted(own.values(), key=lambda one: one.iri)

    def _property(self, iri: str, declared: str) -> Property:
        constraints = [one for one in self._shapes.values() if one.path == iri]
        counts = {one.most for one in constraints} - {0}
        single = bool(counts) and counts <= {1}
        datatypes = frozenset[str]().union(*(one.datatypes for one in constraints))
        if iri in _TEXTS or datatypes == {LANG_STRING}:
            return Property(iri, json_name(iri), "text", LANG_STRING, _TEXTS.get(iri, single))
        if declared == "ObjectProperty" or iri in _LINKS or (not declared and any(c.link for c in constraints)):
            return Property(iri, json_name(iri), "link", "", single)
        datatype = next(iter(datatypes)) if len(datatypes) == 1 else ""
        return Property(iri, json_name(iri), "value", datatype, single)

    def _widened(self, iri: str, narrow: list[Property]) -> Property:
        """Return a property of another vocabulary as those of ours are that specialise it, where they agree."""
        kinds = {one.kind for one in narrow}
        datatypes = {one.datatype for one in narrow}
        kind: Kind = next(iter(kinds)) if len(kinds) == 1 else "value"
        datatype = next(iter(datatypes)) if len(datatypes) == 1 and kind == "value" else ""
        return Property(iri, json_name(iri), kind, LANG_STRING if kind == "text" else datatype, False)

    # -- classes ----------------------------------------------------------------------------------

    def classes(self, properties: Mapping[str, Property]) -> Iterator[Class]:
        """Yield the classes of the ontology, those that a shape targets, and the one for everything else."""
        targets: dict[str, list[str]] = {}
        for quad in self._store.quads_for_pattern(None, ox.NamedNode(SH + "targetClass"), None, None):
            if isinstance(quad.subject, ox.NamedNode) and isinstance(quad.object, ox.NamedNode):
                targets.setdefault(quad.object.value, []).append(quad.subject.value)
        declared = [iri for iri in self._subjects(RDF + "type", OWL + "Class") if iri.startswith(VET)]
        yield Class("", RESOURCE, "Anything that has an IRI here.", frozenset(), (SKOS + "prefLabel",))
        for iri in sorted({*declared, *targets}):
            above = frozenset(self._above(iri))
            found = {p for one in (iri, *above) for p in self._properties_of(one, targets.get(one, []))}
            known = tuple(sorted((found | {SKOS + "prefLabel"}) & set(properties)))
            name = iri.rpartition("#")[2].rpartition("/")[2]
            yield Class(iri, name, self._definition(iri), above, known)

    def _definition(self, iri: str) -> str:
        texts = [t for t in self._terms(iri, SKOS + "definition") if isinstance(t, ox.Literal)]
        return next((t.value for t in texts if t.language == "en"), "")

    def _above(self, iri: str) -> Iterator[str]:
        for wide in self._objects(iri, RDFS + "subClassOf"):
            if not wide.startswith("_:"):
                yield wide
                yield from self._above(wide)

    def _properties_of(self, iri: str, shapes: list[str]) -> Iterator[str]:
        for shape in shapes:
            if self._one(shape, SH + "deactivated") != "true":
                for one in self._objects(shape, SH + "property"):
                    if one in self._shapes and self._shapes[one].most != 0:
                        yield self._shapes[one].path
        for usage in self._subjects(SH + "class", iri):
            yield from self._objects(usage, SH + "targetSubjectsOf")
        yield from self._subjects(RDFS + "domain", iri)
