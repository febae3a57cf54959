"""VoID, dumps, health: figures are those of the version that is served."""

from __future__ import annotations

import gzip

import rdflib
from flask.testing import FlaskClient

from vetgraph.settings import Settings
from vetgraph.store import GraphStore

VOID = rdflib.Namespace("http://rdfs.org/ns/void#")
DATASET = rdflib.URIRef("https://w3id.org/vetgraph/dataset")


def test_void_counts_what_is_there(client: FlaskClient, store: GraphStore) -> None:
    graph = rdflib.Graph().parse(data=client.get("/.well-known/void").data, format="turtle")
    assert graph.value(DATASET, VOID.triples) == rdflib.Literal(store.version.triples)
    acts = store.select("SELECT (COUNT(DISTINCT ?s) AS ?n) { ?s a <https://w3id.org/vetgraph/ontology#LegalAct> }")[0][
        "n"
    ]
    assert acts is not None
    partition = graph.value(None, VOID["class"], rdflib.URIRef("https://w3id.org/vetgraph/ontology#LegalAct"))
    assert graph.value(partition, VOID.entities) == rdflib.Literal(int(acts.value))
    subsets = {str(o) for o in graph.objects(DATASET, VOID.subset)}
    assert set(store.graphs()) == subsets


def test_the_dump_holds_every_graph_and_is_the_same_each_time(client: FlaskClient, store: GraphStore) -> None:
    first, second = (client.get("/dump.nq.gz").data for _ in range(2))
    assert first == second
    lines = gzip.decompress(first).decode().splitlines()
    assert len(lines) == store.version.triples
    dataset = rdflib.Dataset()
    dataset.parse(data=gzip.decompress(client.get("/dump.trig.gz").data), format="trig")
    names = {str(g.identifier) for g in dataset.graphs()} - {"urn:x-rdflib:default"}
    assert names == set(store.graphs())


def test_a_dump_is_made_once_for_a_version(client: FlaskClient, config: Settings) -> None:
    first = client.get("/dump.nq.gz")
    (file,) = (config.store / "dumps").glob("*.nq.gz")
    assert first.data == file.read_bytes()
    assert first.content_length == file.stat().st_size
    made = file.stat().st_mtime_ns
    again = client.get("/dump.nq.gz", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/dump.nq.gz").data == first.data
    assert file.stat().st_mtime_ns == made


def test_health_and_readiness(client: FlaskClient, store: GraphStore) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert client.get("/readyz").get_json() == {"version": 1, "triples": store.version.triples}


def test_saved_queries_for_scripts(client: FlaskClient) -> None:
    listed = client.get("/api/queries").get_json()
    assert len(listed) > 20
    for query in listed:
        assert set(query["titles"]) == {"en", "fr", "de", "nl"}
    rows = client.get("/api/queries/areas-without-evaluation.csv")
    assert rows.mimetype == "text/csv"
    assert "Recognition" in rows.text


def test_saved_query_parameters_are_checked(client: FlaskClient, assert_problem) -> None:  # type: ignore[no-untyped-def]
    assert_problem(client.get("/api/queries/areas-without-evaluation.csv?nothing=1"), 400, "bad-parameter")
    assert_problem(client.get("/api/queries/no-such-query"), 404, "not-found")
