"""What the service says of itself: the service description, VoID, the JSON-LD context.

Every number is computed from the version that it speaks of. Blank nodes are numbered, so that the
same version gives the same bytes.
"""

from __future__ import annotations

from typing import Any, Final

import pyoxigraph as ox

from vetgraph import media
from vetgraph.settings import Settings
from vetgraph.store import GraphStore, Term, Version
from vetgraph.vocab import BASE, DATASET, GRAPH, PREFIXES, RDF, SKOS, XSD, expand

_LABEL: Final = ox.NamedNode(SKOS + "prefLabel")
LICENCE: Final = "https://creativecommons.org/licenses/by/4.0/"
FORMATS: Final = "http://www.w3.org/ns/formats/"

_FORMAT_NAMES: Final = {
    media.TURTLE: "Turtle",
    media.N_TRIPLES: "N-Triples",
    media.JSON_LD: "JSON-LD",
    media.RDF_XML: "RDF_XML",
    media.TRIG: "TriG",
    media.N_QUADS: "N-Quads",
    media.RESULTS_JSON: "SPARQL_Results_JSON",
    media.RESULTS_XML: "SPARQL_Results_XML",
    media.CSV: "SPARQL_Results_CSV",
    media.TSV: "SPARQL_Results_TSV",
}
"""Local names, under W3C's formats namespace, of what the endpoint can answer in."""


class Description:
    """A small builder of triples by prefixed names."""

    def __init__(self) -> None:
        self.triples: list[ox.Triple] = []

    def say(self, subject: str | ox.BlankNode, predicate: str, value: str | int | Term) -> None:
        """Add a triple; strings are IRIs, an integer object is an xsd:integer literal."""
        node = ox.NamedNode(subject) if isinstance(subject, str) else subject
        if isinstance(value, int):
            value = ox.Literal(str(value), datatype=ox.NamedNode(XSD + "integer"))
        elif isinstance(value, str):
            value = ox.NamedNode(value)
        name = RDF + "type" if predicate == "a" else expand(predicate)
        self.triples.append(ox.Triple(node, ox.NamedNode(name), value))


def text(value: str, language: str = "en") -> ox.Literal:
    """Return a text in a language."""
    return ox.Literal(value, language=language)


def service_description(version: Version, settings: Settings, endpoint: str) -> list[ox.Triple]:
    """Return the SPARQL 1.1 Service Description of the endpoint at an address: what it does under some settings."""
    it = Description()
    it.say(endpoint, "a", expand("sd:Service"))
    it.say(endpoint, "a", expand("dcat:DataService"))
    it.say(endpoint, "dcterms:title", text("vetgraph SPARQL endpoint"))
    it.say(endpoint, "sd:endpoint", endpoint)
    for name in ("SPARQL11Query", "SPARQL12Query"):
        it.say(endpoint, "sd:supportedLanguage", expand(f"sd:{name}"))
    for kind in (*media.carrying("graph"), *media.carrying("solutions")):
        it.say(endpoint, "sd:resultFormat", FORMATS + _FORMAT_NAMES[kind])
    if settings.admin_token:
        _writing(it, endpoint)
    it.say(endpoint, "sd:feature", expand("sd:EmptyGraphs"))
    if settings.union:
        it.say(endpoint, "sd:feature", expand("sd:UnionDefaultGraph"))
    if settings.allow_hosts:
        it.say(endpoint, "sd:feature", expand("sd:BasicFederatedQuery"))
    it.say(endpoint, "sd:defaultDataset", DATASET)
    it.say(endpoint, "dcat:servesDataset", DATASET)
    _graphs(it, version, union=settings.union)
    return it.triples


def _writing(it: Description, endpoint: str) -> None:
    """Say what a service does that somebody may write to."""
    for name in ("SPARQL11Update", "SPARQL12Update"):
        it.say(endpoint, "sd:supportedLanguage", expand(f"sd:{name}"))
    for kind in (media.TURTLE, media.N_TRIPLES, media.RDF_XML, media.JSON_LD):
        it.say(endpoint, "sd:inputFormat", FORMATS + _FORMAT_NAMES[kind])


def _graphs(it: Description, version: Version, *, union: bool) -> None:
    """Say which graphs there are, and how many triples they hold."""
    it.say(DATASET, "a", expand("sd:Dataset"))
    default = ox.BlankNode("default")
    it.say(DATASET, "sd:defaultGraph", default)
    it.say(default, "a", expand("sd:Graph"))
    if not union:
        # Graphs may share triples, so the size of their union is not the sum.
        it.say(default, "void:triples", version.unnamed)
    for number, (graph, count) in enumerate(version.counts.items()):
        if graph.startswith("_:"):
            continue
        node, triples = ox.BlankNode(f"graph{number}"), ox.BlankNode(f"triples{number}")
        it.say(DATASET, "sd:namedGraph", node)
        it.say(node, "a", expand("sd:NamedGraph"))
        it.say(node, "sd:name", graph)
        it.say(node, "sd:graph", triples)
        it.say(triples, "a", expand("sd:Graph"))
        it.say(triples, "void:triples", count)
    it.say(DATASET, "dcat:version", ox.Literal(str(version.number)))


_CLASSES: Final = """SELECT ?class (COUNT(DISTINCT ?s) AS ?entities)
WHERE { ?s a ?class } GROUP BY ?class ORDER BY DESC(?entities) ?class"""

_PROPERTIES: Final = """SELECT ?property (COUNT(*) AS ?triples)
WHERE { ?s ?property ?o } GROUP BY ?property ORDER BY DESC(?triples) ?property"""

_SUBJECTS: Final = "SELECT (COUNT(DISTINCT ?s) AS ?n) WHERE { ?s ?p ?o }"


def void_description(store: GraphStore, root: str) -> list[ox.Triple]:
    """Return the VoID description of the dataset, served at an address without a final slash."""
    it = Description()
    it.say(DATASET, "a", expand("void:Dataset"))
    it.say(DATASET, "a", expand("dcat:Dataset"))
    it.say(DATASET, "dcterms:title", text("vetgraph"))
    it.say(
        DATASET,
        "dcterms:description",
        text("European policy on learner mobility in vocational education and training, fact by fact with its source."),
    )
    it.say(DATASET, "dcterms:license", LICENCE)
    it.say(DATASET, "dcterms:publisher", BASE + "id/vetgraph-project")
    it.say(
        DATASET,
        "dcterms:modified",
        ox.Literal(store.version.built.isoformat(), datatype=ox.NamedNode(XSD + "dateTime")),
    )
    it.say(DATASET, "dcat:version", ox.Literal(str(store.version.number)))
    it.say(DATASET, "void:sparqlEndpoint", f"{root}/sparql")
    it.say(DATASET, "void:dataDump", f"{root}/dump.trig.gz")
    it.say(DATASET, "void:uriSpace", ox.Literal(BASE))
    it.say(DATASET, "void:exampleResource", BASE + "id/anefore")
    it.say(DATASET, "void:triples", store.version.triples)
    it.say(DATASET, "void:entities", _number(store.select(_SUBJECTS)[0]["n"]))
    _partitions(it, store)
    for graph, count in store.version.counts.items():
        it.say(DATASET, "void:subset", graph)
        it.say(graph, "a", expand("void:Dataset"))
        it.say(graph, "void:triples", count)
    return it.triples


def _partitions(it: Description, store: GraphStore) -> None:
    classes, properties = store.select(_CLASSES), store.select(_PROPERTIES)
    it.say(DATASET, "void:classes", len(classes))
    it.say(DATASET, "void:properties", len(properties))
    for number, row in enumerate(classes):
        node = ox.BlankNode(f"class{number}")
        it.say(DATASET, "void:classPartition", node)
        it.say(node, "void:class", _iri(row["class"]))
        it.say(node, "void:entities", _number(row["entities"]))
    for number, row in enumerate(properties):
        node = ox.BlankNode(f"property{number}")
        it.say(DATASET, "void:propertyPartition", node)
        it.say(node, "void:property", _iri(row["property"]))
        it.say(node, "void:triples", _number(row["triples"]))


def _iri(term: Term | None) -> str:
    return term.value if isinstance(term, ox.NamedNode) else ""


def _number(term: Term | None) -> int:
    return int(term.value) if isinstance(term, ox.Literal) else 0


CATALOGUE: Final = GRAPH + "catalogue"
"""The named graph that says what each named graph is."""

_GRAPH_TITLES: Final = {
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


def graph_catalogue(store: ox.Store) -> list[ox.Quad]:
    """Return what is said of each named graph of a store: title, dataset, licence, the source behind it."""
    it = Description()
    for slug in sorted({g.value.removeprefix(GRAPH) for g in store.named_graphs()} | {"catalogue"}):
        graph, source = GRAPH + slug, ox.NamedNode(f"{BASE}source/{slug}")
        it.say(graph, "a", expand("sd:NamedGraph"))
        it.say(graph, "dcterms:isPartOf", DATASET)
        it.say(graph, "dcterms:license", LICENCE)
        titles = [text(_GRAPH_TITLES[slug])] if slug in _GRAPH_TITLES else []
        if not titles:
            found = (quad.object for quad in store.quads_for_pattern(source, _LABEL, None, None))
            titles = [label for label in found if isinstance(label, ox.Literal)]
            it.say(graph, "dcterms:source", source)
        for title in titles:
            it.say(graph, "skos:prefLabel", title)
    target = ox.NamedNode(CATALOGUE)
    return [ox.Quad(t.subject, t.predicate, t.object, target) for t in it.triples]


def jsonld_context(store: GraphStore) -> dict[str, Any]:
    """Return the JSON-LD 1.1 context: each property of the ontology with its type, and prefixes.

    Where a prefix and a property share a name (`role`, `sector`, `source` …) the name is the property's.
    """
    context: dict[str, Any] = {"@version": 1.1, **PREFIXES}
    rows = store.select(
        f"""SELECT ?p ?kind WHERE {{ GRAPH <{GRAPH}ontology> {{ ?p a ?kind }}
        FILTER(?kind IN (<{PREFIXES["owl"]}ObjectProperty>, <{PREFIXES["owl"]}DatatypeProperty>)) }} ORDER BY ?p"""
    )
    for row in rows:
        iri = _iri(row["p"])
        name = iri.rpartition("#")[2]
        if iri.startswith(PREFIXES["vet"]):
            link = _iri(row["kind"]).endswith("ObjectProperty")
            context[name] = {"@id": f"vet:{name}", "@type": "@id"} if link else {"@id": f"vet:{name}"}
    context["id"], context["type"] = "@id", "@type"
    context["label"] = {"@id": "skos:prefLabel", "@container": "@language"}
    return {"@context": context}
