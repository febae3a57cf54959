"""A node that no path of links joins to a country, document, body or list is found, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from vetgraph.checks import reachability
from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.loading import find_content

HEAD = """@prefix id: <https://w3id.org/vetgraph/id/> .
@prefix oa: <http://www.w3.org/ns/oa#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix source: <https://w3id.org/vetgraph/source/> .
@prefix vet: <https://w3id.org/vetgraph/ontology#> .
"""
ONTOLOGY = """vet:NationalAgency rdfs:subClassOf vet:Organisation .
vet:supervisedBy owl:inverseOf vet:supervises .
"""
DATA = """id:luxembourg a vet:Country .
id:luxembourg-city a vet:City ; vet:inCountry id:luxembourg .
id:seminar a vet:Event ; vet:locatedIn id:luxembourg-city .
id:anefore a vet:NationalAgency ; vet:supervisedBy id:menje .
id:note a vet:Statement ; vet:modality <https://w3id.org/vetgraph/scheme/modality/asserted> .
<https://w3id.org/vetgraph/scheme/modality/asserted> a skos:Concept ;
    skos:inScheme <https://w3id.org/vetgraph/scheme/modality> .
<https://w3id.org/vetgraph/scheme/modality> a skos:ConceptScheme .
source:planted a vet:SourceDocument ; prov:wasDerivedFrom id:ev-001-0-9 .
id:ev-001-0-9 a vet:Evidence ; oa:hasSource source:planted ; oa:hasSelector id:ev-001-0-9-selector .
id:ev-001-0-9-selector a oa:TextPositionSelector .
id:page a vet:Publication .
id:ev-page a vet:PageEvidence ; oa:hasSource id:page .
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small project in which every node is reachable."""
    for name in ("ontology", "shapes", "queries", "data/planted"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "ontology" / "vetgraph.ttl").write_text(HEAD + ONTOLOGY)
    (tmp_path / "data" / "planted" / "facts.ttl").write_text(HEAD + DATA)
    return tmp_path


def faults(root: Path, planted: str = "") -> list[Fault]:
    (root / "data" / "planted" / "planted.ttl").write_text(HEAD + planted)
    return list(reachability.check(Workspace(find_content(root))))


def test_links_are_followed_in_both_directions_through_any_node(root: Path) -> None:
    assert faults(root) == []


def test_an_island_is_found_at_its_place(root: Path) -> None:
    found = faults(root, "id:island-1 a vet:City ; vet:partOf id:island-2 .\nid:island-2 a vet:Region .\n")
    line = HEAD.count("\n") + 1
    assert [(fault.place, fault.term) for fault in found] == [
        (f"data/planted/planted.ttl:{line}", "id:island-1"),
        (f"data/planted/planted.ttl:{line + 1}", "id:island-2"),
    ]
    assert "no link leads to it" in found[0].message


@pytest.mark.parametrize(
    "links",
    [
        "prov:wasDerivedFrom id:ev-001-0-9",
        "vet:source source:planted",
        "rdfs:label 'planted'",
        "vet:mentions id:ev-001-0-9",
    ],
)
def test_evidence_and_texts_are_no_links(root: Path, links: str) -> None:
    assert [fault.term for fault in faults(root, f"id:island a vet:City ; {links} .\n")] == ["id:island"]


@pytest.mark.parametrize(
    "links",
    [
        "vet:about id:seminar",
        "vet:partOf id:bridge . id:bridge vet:inCountry id:luxembourg",
        "rdfs:seeAlso <http://example.org/x> . id:anefore rdfs:seeAlso <http://example.org/x>",
    ],
)
def test_any_path_will_do(root: Path, links: str) -> None:
    assert faults(root, f"id:planted a vet:City ; {links} .\n") == []


def test_the_ontology_is_no_path(root: Path) -> None:
    (root / "ontology" / "more.ttl").write_text(HEAD + "vet:City skos:example id:island , id:luxembourg .\n")
    assert [fault.term for fault in faults(root, "id:island a vet:City .\n")] == ["id:island"]
