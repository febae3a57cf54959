"""What follows from the data by the ontology, in a named graph of its own.

A handful of OWL 2 RL rules (Profiles, section 4.3) run as SPARQL updates until nothing new follows:
subclass and subproperty, inverse and symmetric properties, and the property chain behind
``vet:source``. The result can be recomputed and switched off, for it lies in ``graph/inferred``.
"""

from __future__ import annotations

from typing import Final

import pyoxigraph as ox

from vetgraph.vocab import GRAPH, PREFIXES

INFERRED: Final = GRAPH + "inferred"

_PROLOGUE: Final = "".join(
    f"PREFIX {name}: <{PREFIXES[name]}>\n" for name in ("owl", "rdf", "rdfs", "prov", "oa", "vet")
)

RULES: Final[dict[str, str]] = {
    "cax-sco": """{ ?s a ?type } WHERE {
        GRAPH ?g { ?s a ?given } GRAPH ?o { ?given rdfs:subClassOf ?type } FILTER(isIRI(?type)) }""",
    "prp-spo1": """{ ?s ?wide ?o } WHERE {
        GRAPH ?t { ?narrow rdfs:subPropertyOf ?wide } GRAPH ?g { ?s ?narrow ?o } }""",
    "prp-inv1": """{ ?o ?back ?s } WHERE {
        GRAPH ?t { ?back owl:inverseOf ?forth } GRAPH ?g { ?s ?forth ?o } FILTER(!isLiteral(?o)) }""",
    "prp-inv2": """{ ?o ?forth ?s } WHERE {
        GRAPH ?t { ?back owl:inverseOf ?forth } GRAPH ?g { ?s ?back ?o } FILTER(!isLiteral(?o)) }""",
    "prp-symp": """{ ?o ?p ?s } WHERE {
        GRAPH ?t { ?p a owl:SymmetricProperty } GRAPH ?g { ?s ?p ?o } FILTER(!isLiteral(?o)) }""",
    "prp-spo2": """{ ?s vet:source ?document } WHERE {
        GRAPH ?g { ?s prov:wasDerivedFrom ?evidence } GRAPH ?h { ?evidence oa:hasSource ?document } }""",
}
"""Rule name in the OWL 2 RL tables → the update that adds what it says."""


def infer(store: ox.Store) -> int:
    """Add what follows to ``graph/inferred`` until nothing new does; return how many triples."""
    graph = ox.NamedNode(INFERRED)
    if store.contains_named_graph(graph):
        store.clear_graph(graph)
    before = -1
    while (size := _size(store)) != before:
        before = size
        for rule in RULES.values():
            store.update(f"{_PROLOGUE}INSERT {{ GRAPH <{INFERRED}> {rule.replace('}', '} }', 1)}")
        _drop_stated(store)
    return size


def _size(store: ox.Store) -> int:
    return sum(1 for _ in store.quads_for_pattern(None, None, None, ox.NamedNode(INFERRED)))


def _drop_stated(store: ox.Store) -> None:
    """Take out of the inferred graph what some other graph states already."""
    store.update(
        f"DELETE {{ GRAPH <{INFERRED}> {{ ?s ?p ?o }} }} WHERE {{ GRAPH <{INFERRED}> {{ ?s ?p ?o }} "
        f"GRAPH ?g {{ ?s ?p ?o }} FILTER(?g != <{INFERRED}>) }}"
    )
