"""Whatever a query does, it ends at its limits, says so, and everybody else is served meanwhile."""

from __future__ import annotations

import json
import random
import statistics
from typing import Any

import pytest

from .conftest import CROSS, ENDLESS, LOOK_UP, Client

LATE = 0.2
"""Seconds that an answer may be late; what is promised."""

SLACK = 0.3
"""Seconds that a busy machine may take for the request itself."""

REMOTE = "http://127.0.0.1:9/"

RUNAWAYS = {
    "cross-product": f"SELECT (COUNT(*) AS ?n) {CROSS}",
    "huge-sort": f"SELECT * {CROSS} ORDER BY ?c ?f DESC(?i)",
    "planner-explosion": "SELECT * {{ {} }}".format(" ".join(f"OPTIONAL {{ ?s ?p{n} ?o{n} }}" for n in range(800))),
    "quadratic-not-exists": (
        "SELECT (COUNT(*) AS ?n) { VALUES ?round { 1 2 3 4 5 6 7 8 9 10 } "
        "?s ?p ?o FILTER NOT EXISTS { ?s ?q ?x . ?x ?r ?round . ?y ?z ?o } }"
    ),
    "regular-expressions": (
        "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f "
        "FILTER REGEX(CONCAT(STR(?c), STR(?f)), '(.*)*x(y|z)*[0-9]{9}$') }"
    ),
    "path-explosion": "SELECT (COUNT(*) AS ?n) { ?a (!<x:a>|^!<x:a>)* ?b }",
    "concatenation-of-everything": f"SELECT (GROUP_CONCAT(CONCAT(STR(?c), STR(?f))) AS ?all) {CROSS}",
    "construct": f"CONSTRUCT {{ ?a <x:b> ?n }} {{ SELECT ?a (COUNT(*) AS ?n) {CROSS} GROUP BY ?a }}",
}


@pytest.mark.parametrize("name", RUNAWAYS)
def test_a_runaway_ends_at_its_limit_and_others_are_served(client: Client, neighbour: Client, name: str) -> None:
    with neighbour.asking() as meanwhile:
        reply = client.post(RUNAWAYS[name], timeout=1)
    assert reply.status == 503
    # What a look-up took meanwhile is the machine's and the client's share.
    assert reply.seconds < 1 + LATE + max(each.seconds for each in meanwhile)
    problem = reply.json
    assert problem["type"] == "/problems/limit-exceeded"
    assert (problem["limit"], problem["unit"]) == (1, "seconds")
    assert problem["stage"] in ("planning or evaluating", "evaluating")
    assert problem["cpu"] > 0
    assert problem["memory"] > 0
    assert problem["bytes"] == 0
    assert len(meanwhile) > 5
    assert {each.status for each in meanwhile} == {200}
    assert statistics.median(each.seconds for each in meanwhile) < 0.25


def test_deep_nesting_is_answered(client: Client) -> None:
    reply = client.post("SELECT * { %s }" % ("{" * 3000 + "}" * 3000))
    assert reply.status == 200
    assert reply.rows == [{}]


def test_nesting_beyond_the_stack_is_refused(client: Client, neighbour: Client) -> None:
    depth = 400_000
    text = "SELECT * { %s }" % ("{" * depth + "}" * depth)
    reply = client.request("POST", "/sparql", text.encode(), Content_Type="application/sparql-query")
    assert reply.status == 400
    assert reply.json["type"] == "/problems/unsupported-query"
    assert "nested" in reply.json["detail"]
    assert neighbour.ask(LOOK_UP).status == 200


def test_a_sort_that_aborts_the_engine_is_refused(client: Client, neighbour: Client) -> None:
    # Strings, decimals and years can't be compared; by this order the engine's sort notices and panics.
    draw = random.Random(3)
    values = [
        [f'"s{draw.randrange(1000)}"', f"{draw.randrange(3000)}.5", f'"{draw.randrange(1900, 2100)}"^^xsd:gYear'][kind]
        for kind in (draw.randrange(3) for _ in range(2000))
    ]
    prefix = "PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>"
    text = f"{prefix} SELECT ?o {{ VALUES ?v {{ {' '.join(values)} }} BIND(?v AS ?o) }} ORDER BY ?o"
    reply = client.post(text)
    assert reply.status in (200, 400), reply.body
    if reply.status == 400:
        assert reply.json["type"] == "/problems/unsupported-query"
        assert "sort" in reply.json["detail"]
    assert neighbour.ask(LOOK_UP).status == 200


@pytest.mark.parametrize("keyword", ["SERVICE", "service", "SeRvIcE SILENT"])
def test_other_hosts_are_not_asked(client: Client, keyword: str) -> None:
    reply = client.ask(f"SELECT * {{ {keyword} <{REMOTE}> {{ ?s ?p ?o }} }}")
    assert reply.status == 403
    assert reply.json["type"] == "/problems/not-allowed"


def test_documents_of_other_hosts_are_not_loaded(writer: Client) -> None:
    reply = writer.update(f"LOAD <{REMOTE}>")
    assert reply.status == 403
    assert reply.json["type"] == "/problems/not-allowed"


def test_a_runaway_update_ends_without_a_trace(writer: Client) -> None:
    made = writer.update("INSERT DATA {{ {} }}".format(" ".join(f"<x:{n}> <x:p> {n} ." for n in range(1500))))
    assert made.status == 200
    count = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }"
    before = writer.ask(count)
    runaway = (
        "INSERT { ?a <x:q> ?n } WHERE { SELECT ?a (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i } GROUP BY ?a }"
    )
    reply = writer.update(runaway, timeout=1)
    assert reply.status == 503
    assert reply.json["type"] == "/problems/limit-exceeded"
    assert reply.seconds < 1 + LATE + SLACK
    after = writer.ask(count)
    assert (after.body, after.headers["vetgraph-version"]) == (before.body, before.headers["vetgraph-version"])


def test_a_query_that_wants_too_much_memory_is_told_so(tight_server: str) -> None:
    tight = Client(tight_server)
    reply = tight.ask(f"SELECT * {CROSS} ORDER BY ?c", timeout=30)
    assert reply.status == 503
    assert reply.json["type"] == "/problems/limit-exceeded"
    assert (reply.json["limit"], reply.json["unit"]) == (1 << 27, "bytes")
    assert tight.ask(LOOK_UP).status == 200


def test_a_stream_of_json_ends_well_formed_and_flagged(client: Client) -> None:
    reply = client.ask(f"SELECT * {ENDLESS}", timeout=0.5)
    assert reply.status == 200
    assert reply.first < 0.4
    assert reply.seconds < 0.5 + LATE + SLACK
    assert reply.whole
    assert reply.json["meta"] == {"partial": True, "reason": "time", "limit": 0.5}
    assert len(reply.rows) > 1000
    assert set(reply.rows[-1]) == set("abcd")


@pytest.mark.parametrize("media", ["text/csv", "application/sparql-results+xml", "text/tab-separated-values"])
def test_a_stream_of_another_format_is_cut(client: Client, media: str) -> None:
    reply = client.ask(f"SELECT * {ENDLESS}", headers={"Accept": media}, timeout=1)
    assert reply.status == 200
    assert reply.seconds < 1 + LATE + SLACK
    assert reply.body
    assert not reply.whole


def test_a_graph_is_cut(client: Client) -> None:
    template = "BIND(IRI(CONCAT('x:', STR(?a), '/', STR(?b), '/', STR(?c))) AS ?s)"
    text = f"CONSTRUCT {{ ?s <x:p> ?d }} {{ {ENDLESS} {template} }}"
    reply = client.ask(text, headers={"Accept": "application/n-triples"}, timeout=1)
    assert reply.status == 200
    assert not reply.whole


def test_who_asks_a_runaway_again_is_told_at_once(client: Client) -> None:
    text = f"SELECT (COUNT(*) AS ?again) {CROSS}"
    assert client.ask(text, timeout=1).seconds > 0.9
    # A query that was hardly computing, as the machine has other work, gets another chance.
    again = next(reply for reply in (client.ask(text, timeout=1) for _ in range(10)) if "retry-after" in reply.headers)
    assert again.status == 503
    assert again.seconds < 0.5
    assert 0 < int(again.headers["retry-after"]) <= 60
    assert again.json["limit"] == 1
    longer = client.ask(text, timeout=1.5)
    assert longer.seconds > 1.4
    assert longer.json["limit"] == 1.5


def test_the_greatest_limit_holds_for_who_asks_for_more(start_server: Any) -> None:
    with start_server(VETGRAPH_QUERY_TIMEOUT="0.6", VETGRAPH_QUERY_TIMEOUT_MAX="0.8") as url:
        plain = Client(url).ask(f"SELECT (COUNT(*) AS ?n) {CROSS}")
        more = Client(url).ask(f"SELECT (COUNT(*) AS ?m) {CROSS}", timeout=10)
    assert json.loads(plain.body)["limit"] == 0.6
    assert json.loads(more.body)["limit"] == 0.8
