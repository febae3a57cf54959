"""VoID: how large the dataset is, which classes and properties go together, where it leads.

Partitions nest as SPARQL editors read them: class, property, class or datatype of the value, with
``void-ext:datatypePartition`` for literals. Blank nodes are numbered, so that a version gives the same bytes each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count, groupby

import pyoxigraph as ox

from vetgraph import media
from vetgraph.dataset.describing import (
    DESCRIPTION,
    FORMATS,
    PUBLISHER,
    TITLE,
    Description,
    moment,
    plain,
    text,
)
from vetgraph.dataset.statistics import Size, Statistics, Use, dataset_title
from vetgraph.queries import Catalogue
from vetgraph.store import Version
from vetgraph.vocab import BASE, DATASET, LICENCE, expand


class _Nodes:
    """Blank nodes with names that depend on nothing but the order in which they are made."""

    def __init__(self) -> None:
        self._numbers = count()

    def new(self, kind: str) -> ox.BlankNode:
        return ox.BlankNode(f"{kind}{next(self._numbers)}")


def void_description(
    version: Version, statistics: Statistics, catalogue: Catalogue, root: str, dumps: Iterable[str] = ()
) -> list[ox.Triple]:
    """Return the VoID description of a version, served at an address without a final slash.

    ``dumps`` are the addresses of files with all of it.
    """
    it, nodes = Description(), _Nodes()
    _general(it, version, root)
    for address in dumps:
        it.say(DATASET, "void:dataDump", address)
    _sized(it, DATASET, statistics.whole)
    _classes(it, nodes, DATASET, statistics)
    for graph, size in statistics.graphs.items():
        if graph.startswith("_:"):
            continue
        it.say(DATASET, "void:subset", graph)
        it.say(graph, "a", expand("void:Dataset"))
        _sized(it, graph, size)
        _plain_partitions(it, nodes, graph, size)
    _linksets(it, statistics)
    _examples(it, catalogue, root)
    return it.triples


def _general(it: Description, version: Version, root: str) -> None:
    it.say(DATASET, "a", expand("void:Dataset"))
    it.say(DATASET, "a", expand("dcat:Dataset"))
    it.words(DATASET, "dcterms:title", TITLE)
    it.words(DATASET, "dcterms:description", DESCRIPTION)
    it.say(DATASET, "dcterms:license", LICENCE)
    it.say(DATASET, "dcterms:publisher", PUBLISHER)
    it.say(DATASET, "dcterms:modified", moment(version.built))
    it.say(DATASET, "dcat:version", plain(version.number))
    it.say(DATASET, "foaf:homepage", f"{root}/")
    it.say(DATASET, "foaf:page", f"{root}/about")
    it.say(DATASET, "void:sparqlEndpoint", f"{root}/sparql")
    it.say(DATASET, "void:uriSpace", ox.Literal(BASE))
    it.say(DATASET, "void:vocabulary", BASE + "ontology#")
    it.say(DATASET, "void:exampleResource", BASE + "id/anefore")
    for kind in media.carrying("graph"):
        it.say(DATASET, "void:feature", FORMATS[kind])


def _sized(it: Description, dataset: str, size: Size) -> None:
    it.say(dataset, "void:triples", size.triples)
    it.say(dataset, "void:entities", size.subjects)
    it.say(dataset, "void:distinctSubjects", size.subjects)
    it.say(dataset, "void:distinctObjects", size.objects)
    it.say(dataset, "void:classes", len(size.classes))
    it.say(dataset, "void:properties", len(size.properties))


def _plain_partitions(it: Description, nodes: _Nodes, dataset: str, size: Size) -> None:
    for class_, entities in size.classes.items():
        node = nodes.new("class")
        it.say(dataset, "void:classPartition", node)
        it.say(node, "void:class", class_)
        it.say(node, "void:entities", entities)
    _properties(it, nodes, dataset, size)


def _properties(it: Description, nodes: _Nodes, dataset: str, size: Size) -> None:
    for property_, triples in size.properties.items():
        node = nodes.new("property")
        it.say(dataset, "void:propertyPartition", node)
        it.say(node, "void:property", property_)
        it.say(node, "void:triples", triples)


def _classes(it: Description, nodes: _Nodes, dataset: str, statistics: Statistics) -> None:
    """Say which properties the things of each class have, and with what values."""
    partitions: dict[str, ox.BlankNode] = {}
    for class_, entities in statistics.whole.classes.items():
        node = partitions[class_] = nodes.new("class")
        it.say(dataset, "void:classPartition", node)
        it.say(node, "void:class", class_)
        it.say(node, "void:entities", entities)
    triples = {(class_, property_): number for class_, property_, number in statistics.pairs}
    for (class_, property_), uses in groupby(statistics.uses, key=lambda use: (use.subject, use.property)):
        node = nodes.new("use")
        it.say(partitions[class_], "void:propertyPartition", node)
        it.say(node, "void:property", property_)
        it.say(node, "void:triples", triples[class_, property_])
        for use in uses:
            _use(it, nodes, node, use)
    _properties(it, nodes, dataset, statistics.whole)


def _use(it: Description, nodes: _Nodes, partition: ox.BlankNode, use: Use) -> None:
    if use.kind == "none":
        return
    node = nodes.new("value")
    if use.kind == "class":
        it.say(partition, "void:classPartition", node)
        it.say(node, "void:class", use.object)
    else:
        it.say(partition, "void-ext:datatypePartition", node)
        it.say(node, "void-ext:datatype", use.object)
    it.say(node, "void:triples", use.triples)


def _linksets(it: Description, statistics: Statistics) -> None:
    """Say how many links lead by which property to which other dataset."""
    for number, link in enumerate(statistics.links):
        target, node = link.target, ox.BlankNode(f"links{number}")
        it.say(DATASET, "void:subset", node)
        it.say(node, "a", expand("void:Linkset"))
        it.say(node, "void:subjectsTarget", DATASET)
        it.say(node, "void:objectsTarget", target)
        it.say(node, "void:linkPredicate", link.property)
        it.say(node, "void:triples", link.triples)
        it.say(target, "a", expand("void:Dataset"))
        it.say(target, "dcterms:title", text(dataset_title(target)))
        it.say(target, "void:uriSpace", ox.Literal(target if target.endswith("/") else target + "/"))


def _examples(it: Description, catalogue: Catalogue, root: str) -> None:
    """Say the saved questions as examples that SPARQL editors show."""
    for query in catalogue.questions:
        subject, kind = query.iri, query.kind.capitalize()
        it.say(subject, "a", expand("sh:SPARQLExecutable"))
        it.say(subject, "a", expand(f"sh:SPARQL{kind}Executable"))
        it.say(subject, f"sh:{query.kind.lower()}", ox.Literal(query.text))
        it.say(subject, "rdfs:comment", text(query.title()))
        it.say(subject, "schema:target", f"{root}/sparql")
        for keyword in query.keywords:
            it.say(subject, "schema:keywords", ox.Literal(keyword))
