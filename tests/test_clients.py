"""The running server, asked by the clients that people use."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import rdflib
from rdflib.plugins.stores.sparqlstore import SPARQLStore
from SPARQLWrapper import CSV, JSON, POST, SPARQLWrapper

SUPERVISORS = """PREFIX vet: <https://w3id.org/vetgraph/ontology#>
PREFIX id: <https://w3id.org/vetgraph/id/>
SELECT ?body WHERE { id:anefore vet:supervisedBy ?body } ORDER BY ?body"""
EXPECTED = ["https://w3id.org/vetgraph/id/menje", "https://w3id.org/vetgraph/id/mesr"]


@pytest.mark.parametrize("method", ["GET", POST])
def test_sparqlwrapper(server_url: str, method: str) -> None:
    wrapper = SPARQLWrapper(f"{server_url}/sparql")
    wrapper.setMethod(method)
    wrapper.setReturnFormat(JSON)
    wrapper.setQuery(SUPERVISORS)
    rows = wrapper.queryAndConvert()["results"]["bindings"]
    assert [row["body"]["value"] for row in rows] == EXPECTED


def test_sparqlwrapper_csv_and_construct(server_url: str) -> None:
    wrapper = SPARQLWrapper(f"{server_url}/sparql")
    wrapper.setReturnFormat(CSV)
    wrapper.setQuery(SUPERVISORS)
    assert wrapper.queryAndConvert().decode().split() == ["body", *EXPECTED]
    wrapper.resetQuery()
    wrapper.setReturnFormat("turtle")
    wrapper.setQuery("CONSTRUCT WHERE { <https://w3id.org/vetgraph/id/anefore> a ?type }")
    graph = rdflib.Graph().parse(data=wrapper.queryAndConvert(), format="turtle")
    assert rdflib.URIRef("https://w3id.org/vetgraph/ontology#NationalAgency") in set(graph.objects())


def test_rdflib_sparqlstore(server_url: str) -> None:
    graph = rdflib.Graph(SPARQLStore(f"{server_url}/sparql", returnFormat="json"))
    assert [str(row["body"]) for row in graph.query(SUPERVISORS)] == EXPECTED
    anefore = rdflib.URIRef("https://w3id.org/vetgraph/id/anefore")
    supervised = rdflib.URIRef("https://w3id.org/vetgraph/ontology#supervisedBy")
    assert sorted(map(str, graph.objects(anefore, supervised))) == EXPECTED


def curl(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = shutil.which("curl")
    if path is None:
        pytest.skip("no curl; enable with: apt-get install curl")
    return subprocess.run([path, "-sS", *arguments], capture_output=True, text=True, timeout=60, check=True)


def test_curl_gets_json_by_default_and_csv_on_demand(server_url: str) -> None:
    plain = curl("--get", f"{server_url}/sparql", "--data-urlencode", f"query={SUPERVISORS}")
    assert [row["body"]["value"] for row in json.loads(plain.stdout)["results"]["bindings"]] == EXPECTED
    csv = curl("-H", "Accept: text/csv", f"{server_url}/sparql", "--data-urlencode", f"query={SUPERVISORS}")
    assert csv.stdout.split() == ["body", *EXPECTED]


def test_curl_follows_a_thing_to_turtle(server_url: str) -> None:
    turtle = curl("-L", "-H", "Accept: text/turtle", f"{server_url}/id/anefore").stdout
    assert "vet:supervisedBy id:menje" in turtle


def test_rdflib_parses_a_thing_by_its_address(server_url: str) -> None:
    graph = rdflib.Graph().parse(f"{server_url}/id/anefore")
    assert len(graph) > 10
