"""Health, readiness, and saved queries for scripts."""

from __future__ import annotations

from flask.testing import FlaskClient

from vetgraph.store import GraphStore


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
