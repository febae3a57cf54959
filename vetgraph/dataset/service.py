"""The SPARQL 1.1 Service Description: what the endpoint truly does under some settings, and on which graphs."""

from __future__ import annotations

import pyoxigraph as ox

from vetgraph import media
from vetgraph.dataset.describing import FORMATS, Description, plain, text
from vetgraph.settings import Settings
from vetgraph.store import Version
from vetgraph.vocab import DATASET, LICENCE, expand

READ = (media.TURTLE, media.N_TRIPLES, media.RDF_XML, media.JSON_LD)
"""Formats of graphs that the endpoint takes, from whoever may write."""


def service_description(version: Version, settings: Settings, endpoint: str) -> list[ox.Triple]:
    """Return the description of the endpoint at an address: what it does under some settings."""
    it = Description()
    for kind in ("sd:Service", "dcat:DataService"):
        it.say(endpoint, "a", expand(kind))
    it.say(endpoint, "dcterms:title", text("vetgraph SPARQL endpoint"))
    it.say(endpoint, "dcterms:license", LICENCE)
    it.say(endpoint, "sd:endpoint", endpoint)
    _languages(it, endpoint, settings)
    for format_ in (*media.carrying("graph"), *media.carrying("solutions")):
        it.say(endpoint, "sd:resultFormat", FORMATS[format_])
    for feature in _features(settings):
        it.say(endpoint, "sd:feature", expand(feature))
    it.say(endpoint, "sd:defaultEntailmentRegime", "http://www.w3.org/ns/entailment/Simple")
    it.say(endpoint, "sd:defaultDataset", DATASET)
    it.say(endpoint, "sd:availableGraphs", DATASET)
    it.say(endpoint, "dcat:servesDataset", DATASET)
    _graphs(it, version, union=settings.union)
    return it.triples


def _languages(it: Description, endpoint: str, settings: Settings) -> None:
    languages = ["SPARQL11Query", "SPARQL12Query"]
    if settings.admin_token:
        languages += ["SPARQL11Update", "SPARQL12Update"]
        for format_ in READ:
            it.say(endpoint, "sd:inputFormat", FORMATS[format_])
    for name in languages:
        it.say(endpoint, "sd:supportedLanguage", expand(f"sd:{name}"))


def _features(settings: Settings) -> list[str]:
    """Return the features that an endpoint has under some settings."""
    features = ["sd:EmptyGraphs"]
    if settings.union:
        features.append("sd:UnionDefaultGraph")
    if settings.allow_hosts:
        features.append("sd:BasicFederatedQuery")
    return features


def _graphs(it: Description, version: Version, *, union: bool) -> None:
    """Say which graphs there are, and how many triples they hold."""
    for kind in ("sd:Dataset", "sd:GraphCollection"):
        it.say(DATASET, "a", expand(kind))
    it.say(DATASET, "dcat:version", plain(version.number))
    node = ox.BlankNode("default")
    it.say(DATASET, "sd:defaultGraph", node)
    it.say(node, "a", expand("sd:Graph"))
    if not union:
        # Graphs may share triples, so the size of their union is not the sum.
        it.say(node, "void:triples", version.unnamed)
    for number, (graph, count) in enumerate(version.counts.items()):
        if graph.startswith("_:"):
            continue
        named, triples = ox.BlankNode(f"graph{number}"), ox.BlankNode(f"triples{number}")
        it.say(DATASET, "sd:namedGraph", named)
        it.say(named, "a", expand("sd:NamedGraph"))
        it.say(named, "sd:name", graph)
        it.say(named, "sd:graph", triples)
        it.say(triples, "a", expand("sd:Graph"))
        it.say(triples, "void:triples", count)
