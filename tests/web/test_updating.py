"""SPARQL Update on a running service: what is changed, what is told, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from vetgraph.engine.history import Intent
from vetgraph.engine.writer import Writer
from vetgraph.settings import Settings
from vetgraph.store import current_version
from vetgraph.web import create_app
from vetgraph.web.state import state_of

Problem = Callable[..., dict[str, Any]]

G, H = "http://example.org/g", "http://example.org/h"
ONE = "<http://example.org/a> <http://example.org/p> 1"
FORM = "application/x-www-form-urlencoded"


def form(**parameters: Any) -> str:
    return urlencode(parameters, doseq=True)


def test_an_update_tells_what_it_changed(writable: Any) -> None:
    first = writable.update(f"INSERT DATA {{ {ONE} , 2 }}")
    assert (first.status_code, first.mimetype) == (200, "application/json")
    told = first.get_json()
    assert (told["added"], told["removed"]) == (2, 0)
    assert first.headers["Vetgraph-Version"] == str(told["version"])
    second = writable.write("POST", "/sparql", form(update=f"DELETE DATA {{ {ONE} }}"), FORM)
    assert second.get_json() == {"version": told["version"] + 1, "added": 0, "removed": 1}
    assert not writable.ask(ONE)


def test_an_update_that_changes_nothing_makes_no_version(writable: Any) -> None:
    before = writable.update(f"INSERT DATA {{ {ONE} }}").get_json()["version"]
    again = writable.update(f"INSERT DATA {{ {ONE} }}").get_json()
    assert again == {"version": before, "added": 0, "removed": 0}


def test_a_query_sees_a_write_at_once(writable: Any) -> None:
    for number in range(5):
        version = writable.update(f"INSERT DATA {{ <http://e/a> <http://e/p> {number} }}").get_json()["version"]
        reply = writable.get("/sparql?" + form(query=f"ASK {{ <http://e/a> <http://e/p> {number} }}", format="csv"))
        assert (reply.text, reply.headers["Vetgraph-Version"]) == ("true\n", str(version))


def test_an_older_version_can_be_asked(writable: Any, assert_problem: Problem) -> None:
    version = writable.update(f"INSERT DATA {{ {ONE} }}").get_json()["version"]
    writable.update("CLEAR ALL")
    assert not writable.ask(ONE)
    assert writable.ask(ONE, at=version)
    assert_problem(writable.get("/sparql?" + form(query="ASK {}", at=999999)), 404, "not-found")


def test_several_operations_are_all_or_nothing(writable: Any, assert_problem: Problem) -> None:
    before = writable.update(f"INSERT DATA {{ {ONE} }}").get_json()["version"]
    reply = writable.update(f"CLEAR ALL ; CREATE GRAPH <{G}> ; CREATE GRAPH <{G}>")
    assert 400 <= reply.status_code < 500, reply.text
    assert writable.ask(ONE)
    assert writable.get("/sparql?query=ASK%7B%7D").headers["Vetgraph-Version"] == str(before)


def test_dataset_parameters_say_what_the_pattern_sees(writable: Any) -> None:
    writable.update(f"INSERT DATA {{ GRAPH <{G}> {{ {ONE} }} GRAPH <{H}> {{ <http://e/b> <http://e/p> 2 }} }}")
    text = "INSERT { ?s <http://e/seen> true } WHERE { ?s ?p ?o }"
    told = writable.update(text, **{"using-graph-uri": [G, H]}).get_json()
    assert told["added"] == 2
    writable.update("CLEAR DEFAULT")
    told = writable.update(text, **{"using-graph-uri": G}).get_json()
    assert told["added"] == 1
    writable.update("CLEAR DEFAULT")
    named = "INSERT { ?s <http://e/seen> true } WHERE { GRAPH ?g { ?s ?p ?o } }"
    assert writable.update(named, **{"using-named-graph-uri": H}).get_json()["added"] == 1


def test_relative_iris_have_the_base_of_the_graph(writable: Any) -> None:
    writable.update("INSERT DATA { <id/x> <p> 1 }")
    assert writable.ask("<https://w3id.org/vetgraph/id/x> <https://w3id.org/vetgraph/p> 1")


@pytest.mark.parametrize(
    ("type_", "body", "query", "status", "slug", "words"),
    [
        ("application/sparql-update", "INSERT DATA { <http://e/a> vet:p 1 }", "", 400, "query-syntax", "PREFIX vet:"),
        ("application/sparql-update", "SELECT * {}", "", 400, "query-syntax", "This is a query"),
        ("application/sparql-update", b"\xff", "", 400, "query-syntax", "UTF-8"),
        ("application/sparql-update; charset=utf-16", "CLEAR ALL", "", 415, "unsupported-media-type", "UTF-8"),
        ("application/sparql-update", "LOAD <http://127.0.0.1:9/x>", "", 403, "not-allowed", ""),
        ("application/sparql-update", "LOAD <file:///etc/passwd>", "", 403, "not-allowed", ""),
        (FORM, form(update=["CLEAR ALL", "CLEAR ALL"]), "", 400, "bad-parameter", "exactly one"),
        (FORM, form(update="CLEAR ALL", query="ASK {}"), "", 400, "bad-parameter", "not both"),
        (FORM, form(update="CLEAR ALL"), "default-graph-uri=http://a", 400, "bad-parameter", "using-graph-uri"),
        ("text/plain", "CLEAR ALL", "", 415, "unsupported-media-type", "text/plain"),
        ("", "update=CLEAR+ALL", "", 415, "unsupported-media-type", "nothing said"),
    ],
    ids=str,
)
def test_bad_updates_are_told_what_to_do(
    writable: Any,
    assert_problem: Problem,
    type_: str,
    body: str | bytes,
    query: str,
    status: int,
    slug: str,
    words: str,
) -> None:
    writable.update(f"INSERT DATA {{ {ONE} }}")
    reply = writable.write("POST", f"/sparql?{query}", body, type_)
    assert words in assert_problem(reply, status, slug)["detail"]
    assert writable.ask(ONE)


def test_syntax_errors_of_updates_have_line_column_and_hint(writable: Any, assert_problem: Problem) -> None:
    problem = assert_problem(writable.update("INSERT DATA {\n <http://e/a> skos:note 1 }"), 400, "query-syntax")
    assert (problem["line"], problem["column"]) == (2, 15)
    assert "add PREFIX skos: <http://www.w3.org/2004/02/skos/core#> at the top" in problem["hint"]


def test_an_update_by_get_is_refused(writable: Any, assert_problem: Problem) -> None:
    writable.update(f"INSERT DATA {{ {ONE} }}")
    problem = assert_problem(writable.write("GET", "/sparql?update=CLEAR+ALL"), 400, "bad-parameter")
    assert "POST" in problem["detail"]
    assert writable.ask(ONE)


@pytest.mark.parametrize(
    "said",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer \xe9"}],
    ids=["none", "wrong", "empty", "not ASCII"],
)
def test_an_update_needs_the_token(writable: Any, assert_problem: Problem, token: str, said: dict[str, str]) -> None:
    reply = writable.send("POST", "/sparql", form(update="CLEAR ALL"), {"Content-Type": FORM, **said})
    assert_problem(reply, 401, "unauthorized")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert token not in reply.text


def test_a_token_in_another_case_of_the_scheme_is_good(writable: Any, token: str) -> None:
    headers = {"Content-Type": FORM, "Authorization": f"bearer {token}"}
    assert writable.send("POST", "/sparql", form(update="CLEAR ALL"), headers).status_code == 200


def test_without_a_token_the_refusal_says_how_to_set_one(readonly: Any, assert_problem: Problem) -> None:
    for sent in (
        readonly.update("CLEAR ALL"),
        readonly.send("POST", "/sparql", form(update="CLEAR ALL"), {"Content-Type": FORM}),
    ):
        assert "VETGRAPH_ADMIN_TOKEN" in assert_problem(sent, 403, "not-allowed")["detail"]


def test_history_is_told_who_wrote_in_which_way_and_why(tmp_path: Path, token: str) -> None:
    with Writer.open(tmp_path) as writer:
        writer.replace([], Intent("load", "test"))
    app = create_app(Settings(store=tmp_path, admin_token=token))
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}
    try:
        address = "/sparql?reason=%20a+fact%0Afrom+the%09fiche"
        body = {"update": f"INSERT DATA {{ {ONE} }}"}
        assert client.post(address, data=body, headers=headers).status_code == 200
        version = current_version(tmp_path)
        assert version is not None
        assert (version.kind, version.agent, version.reason) == ("update", "maintainer", "a fact from the fiche")
        put = client.put(f"/store?graph={G}&reason=more", data=f"{ONE} .", content_type="text/turtle", headers=headers)
        assert put.status_code == 201, put.text
        version = current_version(tmp_path)
        assert version is not None
        assert (version.kind, version.agent, version.reason) == ("store", "maintainer", "more")
    finally:
        state_of(app).close()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path
