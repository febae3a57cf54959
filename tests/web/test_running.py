"""What is under way: the maintainer's list, and the end of a query for whoever knows its id."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

Problem = Callable[..., dict[str, Any]]

ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"


@pytest.fixture
def endless(writable: Any) -> Any:
    """A service that holds enough for a query that never ends."""
    triples = " . ".join(f"<http://e/{n}> <http://e/p> {n}" for n in range(500))
    assert writable.update(f"INSERT DATA {{ {triples} }}").status_code == 200
    return writable


def listed(client: Any) -> list[dict[str, Any]]:
    reply = client.write("GET", "/queries/running")
    assert (reply.status_code, reply.mimetype) == (200, "application/json"), reply.text
    assert reply.headers["Cache-Control"] == "no-store"
    found: list[dict[str, Any]] = reply.get_json()
    return found


def under_way(client: Any, id_: str) -> dict[str, Any]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for each in listed(client):
            if each["id"] == id_:
                return each
        time.sleep(0.02)
    raise AssertionError(f"{id_} is not under way")


def test_a_query_is_listed_and_ended_by_its_id(endless: Any, assert_problem: Problem) -> None:
    id_ = "a-query-of-my-own"
    replies: list[Any] = []
    address = "/sparql?" + urlencode({"query": ENDLESS, "timeout": 30})
    asking = threading.Thread(target=lambda: replies.append(endless.get(address, **{"Vetgraph-Query": id_})))
    asking.start()
    try:
        seen = under_way(endless, id_)
        assert (seen["text"], seen["kind"], seen["client"]) == (ENDLESS, "query", "127.0.0.1")
        assert seen["age"] >= 0
        assert "pid" not in seen
        assert_problem(endless.get("/sparql?query=ASK%7B%7D", **{"Vetgraph-Query": id_}), 409, "conflict")
    finally:
        ended = endless.send("DELETE", f"/queries/running/{id_}")
        asking.join(timeout=20)
    assert ended.status_code == 204, ended.text
    assert_problem(replies[0], 503, "cancelled")
    assert id_ not in {each["id"] for each in listed(endless)}
    assert_problem(endless.send("DELETE", f"/queries/running/{id_}"), 404, "not-found")


def test_every_query_that_runs_tells_an_id_that_can_t_be_guessed(writable: Any) -> None:
    fresh = {"Cache-Control": "no-store"}
    ids = {writable.get("/sparql?query=ASK%7B%7D", **fresh).headers["Vetgraph-Query"] for _ in range(3)}
    assert len(ids) == 3
    assert all(len(id_) >= 16 for id_ in ids)


def test_the_list_is_for_the_maintainer(writable: Any, readonly: Any, assert_problem: Problem) -> None:
    assert_problem(writable.get("/queries/running"), 401, "unauthorized")
    assert_problem(readonly.get("/queries/running"), 403, "not-allowed")


def test_nothing_of_that_id(writable: Any, assert_problem: Problem) -> None:
    assert_problem(writable.send("DELETE", "/queries/running/no-such-query"), 404, "not-found")
