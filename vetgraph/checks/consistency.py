"""Ontology and data contradict nothing: HermiT where Java is present, OWL 2 RL without.

Disjoint classes are looked up by query first, because that names the thing and its line; the
reasoners then judge the whole.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from vetgraph import reasoning
from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.store import memory_store
from vetgraph.vocab import GRAPH, OWL, RDF, RDFS, VET, XSD, shorten

FILE: Final = "ontology/vetgraph.ttl"

UNMAPPED: Final = frozenset(XSD + name for name in ("date", "gYear", "gYearMonth", "gMonth", "gMonthDay", "duration"))
"""Datatypes outside the OWL 2 datatype map, at which HermiT gives up (OWL 2 Syntax section 4)."""

DISJOINT: Final = f"""
PREFIX owl: <{OWL}> PREFIX rdf: <{RDF}>
SELECT DISTINCT ?node ?one ?other WHERE {{
  {{ ?all a owl:AllDisjointClasses ; owl:members/rdf:rest*/rdf:first ?one, ?other }}
  UNION {{ ?one owl:disjointWith ?other }}
  FILTER(STR(?one) < STR(?other))
  ?node a ?one, ?other .
}} ORDER BY ?node"""


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield contradictions; the workspace's note says which reasoner judged."""
    yield from _disjoint(workspace)
    triples = list(_logical(workspace))
    if shutil.which("java"):
        workspace.notes["consistency"] = "HermiT"
        yield from _by_hermit(triples)
    else:
        workspace.notes["consistency"] = "OWL 2 RL; HermiT runs where Java is installed"
        yield from _by_rules(triples)


def _disjoint(workspace: Workspace) -> Iterator[Fault]:
    store = ox.Store()
    store.bulk_extend(workspace.engine)
    reasoning.infer(store)
    for row in memory_store(store).select(DISJOINT):
        node, one, other = row["node"], row["one"], row["other"]
        assert isinstance(node, ox.NamedNode)
        assert one is not None
        assert other is not None
        message = f"is both a {shorten(one.value)} and a {shorten(other.value)}, which exclude each other."
        yield Fault(workspace.place(node), shorten(node.value), message)


def _logical(workspace: Workspace) -> Iterator[ox.Triple]:
    """Return what a reasoner needs: the ontology, and types and links of the data."""
    for quad in workspace.engine:
        graph = quad.graph_name.value if isinstance(quad.graph_name, ox.NamedNode) else ""
        if graph == GRAPH + "ontology":
            yield from _axiom(quad)
        elif graph not in (GRAPH + "shapes", GRAPH + "schemes", GRAPH + "queries") and _is_link(quad):
            yield ox.Triple(quad.subject, quad.predicate, quad.object)


def _is_link(quad: ox.Quad) -> bool:
    own = quad.predicate.value.startswith(VET) or quad.predicate.value == RDF + "type"
    return own and not isinstance(quad.object, ox.Literal)


def _axiom(quad: ox.Quad) -> Iterator[ox.Triple]:
    """Return an axiom, with a declaration of the external term that it leans on."""
    if isinstance(quad.object, ox.NamedNode) and quad.object.value in UNMAPPED:
        return
    if isinstance(quad.object, ox.Literal) and quad.object.datatype.value in UNMAPPED:
        return
    yield ox.Triple(quad.subject, quad.predicate, quad.object)
    if quad.predicate.value == RDFS + "subClassOf" and isinstance(quad.object, ox.NamedNode):
        yield ox.Triple(quad.object, ox.NamedNode(RDF + "type"), ox.NamedNode(OWL + "Class"))


def _by_hermit(triples: list[ox.Triple]) -> Iterator[Fault]:
    import owlready2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "merged.nt"
        declared = [*triples, *_property_declarations(triples)]
        path.write_bytes(ox.serialize(declared, format=ox.RdfFormat.N_TRIPLES) or b"")
        world = owlready2.World()
        # owlready2 and HermiT talk on the streams of the process, which belong to the report.
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            ontology = world.get_ontology(path.as_uri()).load()
            try:
                with ontology:
                    owlready2.sync_reasoner_hermit(world, debug=0)
            except owlready2.OwlReadyInconsistentOntologyError:
                yield Fault(FILE, "", "HermiT finds ontology and data inconsistent.")
                return
            empty = [klass.iri for klass in world.inconsistent_classes()]
    for iri in sorted(empty):
        if iri != OWL + "Nothing":
            yield Fault(FILE, shorten(iri), "can have no instance: its axioms contradict each other.")


def _property_declarations(triples: list[ox.Triple]) -> Iterator[ox.Triple]:
    """Declare external superproperties as what our own are, so that HermiT does not have to guess."""
    type_ = ox.NamedNode(RDF + "type")
    wanted = (ox.NamedNode(OWL + "ObjectProperty"), ox.NamedNode(OWL + "DatatypeProperty"))
    kinds = {t.subject: t.object for t in triples if t.predicate == type_ and t.object in wanted}
    for triple in triples:
        if triple.predicate.value == RDFS + "subPropertyOf" and triple.object not in kinds:
            kind = kinds.get(triple.subject)
            if kind is not None and isinstance(triple.object, ox.NamedNode):
                yield ox.Triple(triple.object, type_, kind)


def _by_rules(triples: list[ox.Triple]) -> Iterator[Fault]:
    import owlrl
    from rdflib import Graph

    graph = Graph()
    graph.parse(data=ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b"", format="nt")
    closure = owlrl.OWLRL_Semantics(graph, axioms=False, daxioms=False, rdfs=False)
    closure.closure()
    for message in sorted(set(closure.error_messages)):
        yield Fault(FILE, "", f"OWL 2 RL finds a contradiction: {' '.join(message.split())}")
