"""What is said of each named graph: title, dataset, licence, the document behind it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import pyoxigraph as ox

from vetgraph.dataset.describing import Description, text
from vetgraph.vocab import BASE, DATASET, GRAPH, LICENCE, SKOS, expand

CATALOGUE: Final = GRAPH + "catalogue"
"""The named graph that says what each named graph is."""

_OURS: Final = re.compile(re.escape(GRAPH) + r"[\w.~-]+")
_LABEL: Final = ox.NamedNode(SKOS + "prefLabel")

TITLES: Final = {
    "ontology": "Ontology and alignments",
    "schemes": "Code lists",
    "shapes": "Shapes",
    "queries": "Saved queries",
    "scoreboard-fiches": "Answers of country fiches of the Mobility Scoreboard",
    "scoreboard-indicators": "Indicators, scores and figures of the Mobility Scoreboard",
    "timeline-entries": "Entries of the Timeline of VET policies in Europe",
    "reference": "Places and identities shared by sources",
    "curation": "Judgements on conflicts",
    "inferred": "What follows by the ontology",
    "catalogue": "The named graphs",
}


TERMS: Final = {"ontology": ("ontology", "schemes"), "shapes": ("shapes",)}
"""Documents that hold all terms of a kind, and the named graphs that they are made of."""


def ours(graphs: Iterable[str]) -> list[str]:
    """Return the graphs that have a name of ours, and so a description and files of their own.

    >>> ours(["https://w3id.org/vetgraph/graph/curation", "http://example.org/g", "_:g"])
    ['https://w3id.org/vetgraph/graph/curation']
    """
    return sorted(graph for graph in graphs if _OURS.fullmatch(graph))


def graph_catalogue(store: ox.Store) -> list[ox.Quad]:
    """Return what is said of each named graph of a store: title, dataset, licence, the source behind it."""
    it = Description()
    for slug in sorted({g.value.removeprefix(GRAPH) for g in store.named_graphs()} | {"catalogue"}):
        graph, source = GRAPH + slug, ox.NamedNode(f"{BASE}source/{slug}")
        it.say(graph, "a", expand("sd:NamedGraph"))
        it.say(graph, "dcterms:isPartOf", DATASET)
        it.say(graph, "dcterms:license", LICENCE)
        titles = [text(TITLES[slug])] if slug in TITLES else []
        if not titles:
            found = (quad.object for quad in store.quads_for_pattern(source, _LABEL, None, None))
            titles = [label for label in found if isinstance(label, ox.Literal)]
            it.say(graph, "dcterms:source", source)
        for title in titles:
            it.say(graph, "skos:prefLabel", title)
    target = ox.NamedNode(CATALOGUE)
    return [ox.Quad(t.subject, t.predicate, t.object, target) for t in it.triples]
