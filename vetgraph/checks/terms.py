"""Every external term is in the list of checked terms: a typo in someone else's name never slips in."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator
from typing import Final

import pyoxigraph as ox

from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.vocab import BASE, EUROPA, OWL, RDF, RDFS, shorten

LIST: Final = "ontology/external-terms.tsv"

TERM_POSITIONS: Final = frozenset(
    (
        RDF + "type",
        RDFS + "subClassOf",
        RDFS + "subPropertyOf",
        OWL + "equivalentClass",
        OWL + "equivalentProperty",
        OWL + "inverseOf",
        OWL + "onProperty",
    )
)
"""Predicates whose objects are terms, not data."""

OPEN: Final = (EUROPA, "http://data.europa.eu/snb/", "http://data.europa.eu/nuts/code/")
"""Authority tables of the EU: their values may be types of things in data."""


def known_terms(workspace: Workspace) -> set[str]:
    """Return the IRIs of the list."""
    path = workspace.content.root / LIST
    with path.open(encoding="utf-8", newline="") as stream:
        return {row["iri"] for row in csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)}


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield external terms in predicate or term position that nobody has checked."""
    known = known_terms(workspace)
    seen: set[tuple[str, str]] = set()
    for quad in sorted(workspace.engine, key=str):
        for term in _terms(quad):
            iri = term.value
            graph = quad.graph_name
            assert isinstance(graph, ox.NamedNode)
            if iri in known or iri.startswith((BASE, *OPEN)) or (graph.value, iri) in seen:
                continue
            seen.add((graph.value, iri))
            place = workspace.place(quad.subject, quad.predicate, quad.object, graph.value)
            yield Fault(place, shorten(iri), f"is not in {LIST}.{_suggestion(iri, known)}")


def _terms(quad: ox.Quad) -> Iterator[ox.NamedNode]:
    yield quad.predicate
    if quad.predicate.value in TERM_POSITIONS and isinstance(quad.object, ox.NamedNode):
        yield quad.object


def _suggestion(iri: str, known: set[str]) -> str:
    close = difflib.get_close_matches(iri, known, n=1, cutoff=0.9)
    return f" Did you mean {shorten(close[0])}?" if close else " Verify it and add a row that says where."
