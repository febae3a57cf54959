"""The running server, asked by the clients that people use."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import rdflib
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore
from SPARQLWrapper import CSV, JSON, POST, POSTDIRECTLY, TURTLE, URLENCODED, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import QueryBadFormed
from SPARQLWrapper.SPARQLExceptions import Unauthorized as NoToken

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


# -- writing --------------------------------------------------------------------------------------------------

TOKEN = "token-of-the-maintainer"
EX = rdflib.Namespace("http://example.org/")


@pytest.fixture(scope="module")
def writable(start_server: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The address of a service that may be written to."""
    with start_server("--empty", VETGRAPH_ADMIN_TOKEN=TOKEN) as url:
        yield url


@pytest.fixture
def name() -> rdflib.URIRef:
    """A graph that no other test writes to."""
    return EX[uuid.uuid4().hex]


def wrapper_for(url: str, *, token: str = TOKEN) -> SPARQLWrapper:
    wrapper = SPARQLWrapper(f"{url}/sparql")
    wrapper.setMethod(POST)
    wrapper.addCustomHttpHeader("Authorization", f"Bearer {token}")
    return wrapper


def rows(url: str, query: str) -> list[str]:
    wrapper = SPARQLWrapper(f"{url}/sparql")
    wrapper.setReturnFormat(JSON)
    wrapper.setQuery(query)
    return [row["x"]["value"] for row in wrapper.queryAndConvert()["results"]["bindings"]]


@pytest.mark.parametrize("way", [URLENCODED, POSTDIRECTLY])
@pytest.mark.parametrize("format_", [JSON, TURTLE, None])
def test_sparqlwrapper_updates(writable: str, name: rdflib.URIRef, way: str, format_: str | None) -> None:
    wrapper = wrapper_for(writable)
    wrapper.setRequestMethod(way)
    if format_:
        wrapper.setReturnFormat(format_)
    wrapper.setQuery(f"INSERT DATA {{ GRAPH <{name}> {{ <{EX.a}> <{EX.p}> 'é' }} }}")
    answer = wrapper.query()
    assert answer.response.status == 200
    assert json.loads(answer.response.read())["added"] == 1
    assert rows(writable, f"SELECT ?x {{ GRAPH <{name}> {{ ?s ?p ?x }} }}") == ["é"]


def test_sparqlwrapper_is_told_what_is_wrong(writable: str) -> None:
    wrapper = wrapper_for(writable, token="wrong")
    wrapper.setQuery("CLEAR ALL")
    with pytest.raises(NoToken):
        wrapper.query()
    wrapper = wrapper_for(writable)
    wrapper.setQuery("INSERT DATA { ?s ?p ?o }")
    with pytest.raises(QueryBadFormed, match="INSERT DATA takes no variables"):
        wrapper.query()


@pytest.mark.parametrize("autocommit", [True, False])
def test_rdflib_update_store(writable: str, name: rdflib.URIRef, autocommit: bool) -> None:
    """A graph of rdflib's own over the endpoint: triples in, out, changed and removed."""
    store = SPARQLUpdateStore(
        f"{writable}/sparql",
        f"{writable}/sparql",
        autocommit=autocommit,
        headers={"Authorization": f"Bearer {TOKEN}"},
        returnFormat="json",
    )
    graph = rdflib.Graph(store, identifier=name)
    graph.add((EX.a, EX.p, rdflib.Literal("été", lang="fr")))
    graph.addN([(EX.a, EX.p, rdflib.Literal(number), graph) for number in range(3)])
    graph.commit()
    assert set(graph.objects(EX.a, EX.p)) == {rdflib.Literal("été", lang="fr"), *map(rdflib.Literal, range(3))}
    assert len(graph) == 4
    graph.remove((EX.a, EX.p, rdflib.Literal(1)))
    graph.update("INSERT { ?s <http://example.org/q> ?o } WHERE { ?s <http://example.org/p> ?o FILTER(?o = 2) }")
    graph.commit()
    assert rows(writable, f"SELECT ?x {{ GRAPH <{name}> {{ ?s <{EX.q}> ?x }} }}") == ["2"]
    assert len(graph) == 4
    graph.remove((None, None, None))
    graph.commit()
    assert len(graph) == 0


def test_curl_puts_and_gets_a_graph(writable: str, name: rdflib.URIRef, tmp_path: Path) -> None:
    address = f"{writable}/store?graph={name}"
    token = ("-H", f"Authorization: Bearer {TOKEN}")
    told = curl("-X", "PUT", *token, "-H", "Content-Type: text/turtle", "-d", "<a> <b> 1 .", address).stdout
    assert json.loads(told)["added"] == 1
    assert curl("-H", "Accept: application/n-triples", address).stdout.startswith("<http://example.org/a>")
    file = tmp_path / "more.ttl"
    file.write_text("<c> <d> 2 .")
    assert json.loads(curl(*token, "-F", f"data=@{file}", address).stdout)["added"] == 1
    assert json.loads(curl("-X", "DELETE", *token, address).stdout)["removed"] == 2
    assert curl("-o", "/dev/null", "-w", "%{http_code}", address).stdout == "404"
