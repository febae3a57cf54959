"""What is kept is given again exactly, and only what may be."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vetgraph.web.cache import LARGEST, Cache, Kept, canonical, matches

from .conftest import ENDLESS, LOOK_UP, Client, Reply
from .test_pool import middling

HIT = "vetgraph; hit"


def hit(reply: Reply) -> bool:
    return reply.headers.get("cache-status") == HIT


def unique(text: str, marks: list[int] = [0]) -> str:  # noqa: B006 — counts on purpose
    """A query that nobody has asked yet, with the answer of another."""
    marks[0] += 1
    return text.removesuffix("}") + f"FILTER(?p != <x:{marks[0]}>) }}"


def test_what_is_asked_again_is_kept(client: Client) -> None:
    text = unique(LOOK_UP)
    first, second = client.ask(text, fresh=False), client.ask(text, fresh=False)
    assert (hit(first), hit(second)) == (False, True)
    assert first.body == second.body
    same = ("etag", "content-type", "vary", "cache-control", "vetgraph-version", "access-control-allow-origin")
    assert {name: first.headers[name] for name in same} == {name: second.headers[name] for name in same}


def test_layout_and_comments_do_not_matter(client: Client) -> None:
    text = unique(LOOK_UP)
    client.ask(text, fresh=False)
    assert hit(client.ask("  # mine\n" + text.replace(" ", " \n  "), fresh=False))


def test_by_post_as_by_get(client: Client) -> None:
    text = unique(LOOK_UP)
    first = client.post(text)
    assert hit(client.ask(text, fresh=False))
    assert client.post(text).body == first.body


@pytest.mark.parametrize(
    "other",
    [
        {"headers": {"Accept": "text/csv"}},
        {"labels": "fr"},
        {"default-graph-uri": "https://w3id.org/vetgraph/graph/reference"},
        {"named-graph-uri": "https://w3id.org/vetgraph/graph/reference"},
    ],
    ids=["media", "labels", "default-graph", "named-graph"],
)
def test_what_makes_another_answer_is_kept_apart(client: Client, other: dict[str, Any]) -> None:
    text = unique(LOOK_UP)
    plain = [client.ask(text, fresh=False) for _ in range(2)]
    different = [client.ask(text, fresh=False, **other) for _ in range(2)]
    assert {reply.status for reply in different} == {200}
    assert [hit(reply) for reply in different] == [False, True]
    assert different[1].headers["etag"] != plain[1].headers["etag"]


def test_who_has_an_answer_is_told_that_it_holds(client: Client) -> None:
    text = unique(LOOK_UP)
    tag = client.ask(text, fresh=False).headers["etag"]
    reply = client.ask(text, fresh=False, headers={"If-None-Match": f'"other", W/{tag}'})
    assert reply.status == 304
    assert reply.body == b""
    assert reply.headers["etag"] == tag
    assert {"vary", "cache-control", "vetgraph-version"} <= set(reply.headers)
    assert client.ask(text, fresh=False, headers={"If-None-Match": '"other"'}).status == 200


def test_that_an_answer_holds_is_known_without_asking_the_engine(tight_server: str) -> None:
    text, client = middling(6), Client(tight_server)
    tag = client.ask(text, fresh=False).headers["etag"]
    for number in range(60):
        client.ask(f"SELECT * {{ ?s ?p ?o }} LIMIT {100 + number}", fresh=False)
    known = client.ask(text, fresh=False, headers={"If-None-Match": tag})
    assert known.status == 304
    again = client.ask(text, fresh=False)
    assert not hit(again)  # others had taken its room
    assert again.headers["etag"] == tag


def test_a_change_makes_another_answer(writer: Client) -> None:
    text = "SELECT (COUNT(*) AS ?n) { ?s <x:counted> ?o }"
    before = writer.ask(text, fresh=False)
    assert hit(writer.ask(text, fresh=False))
    assert writer.update(f"INSERT DATA {{ <x:s{time.time()}> <x:counted> 1 }}").status == 200
    after = writer.ask(text, fresh=False)
    assert not hit(after)
    assert int(after.rows[0]["n"]["value"]) == int(before.rows[0]["n"]["value"]) + 1
    assert after.headers["etag"] != before.headers["etag"]
    stale = writer.ask(text, fresh=False, headers={"If-None-Match": before.headers["etag"]})
    assert stale.status == 200


def test_an_old_version_has_its_own_answer(writer: Client) -> None:
    text = "SELECT (COUNT(*) AS ?n) { ?s <x:aged> ?o }"
    old = int(writer.update("INSERT DATA { <x:a> <x:aged> 1 }").json["version"])
    writer.update("INSERT DATA { <x:b> <x:aged> 2 }")
    assert writer.ask(text, fresh=False).rows[0]["n"]["value"] == "2"
    for _ in range(2):
        reply = writer.ask(text, fresh=False, at=old)
        assert reply.rows[0]["n"]["value"] == "1"
        assert reply.headers["vetgraph-version"] == str(old)
    assert hit(reply)


@pytest.mark.parametrize("call", ["NOW()", "RAND()", "UUID()", "STRUUID()", "BNODE()", "now()"])
def test_what_differs_from_time_to_time_is_not_kept(client: Client, call: str) -> None:
    text = f"SELECT ({call} AS ?x) {{}}"
    replies = [client.ask(text, fresh=False) for _ in range(2)]
    assert not any(hit(reply) for reply in replies)
    assert not any("etag" in reply.headers for reply in replies)
    if call.lower() != "bnode()":
        assert replies[0].body != replies[1].body


@pytest.mark.parametrize(
    "header",
    [
        {"Authorization": "Bearer anything"},
        {"Cookie": "session=1"},
        {"Cache-Control": "no-store"},
        {"Cache-Control": "max-age=0, no-cache"},
    ],
    ids=["authorization", "cookie", "no-store", "no-cache"],
)
def test_what_is_somebodys_own_is_neither_kept_nor_given(client: Client, header: dict[str, str]) -> None:
    text = unique(LOOK_UP)
    assert not hit(client.ask(text, fresh=False, headers=header))
    assert not hit(client.ask(text, fresh=False))
    assert not hit(client.ask(text, fresh=False, headers=header))


def test_errors_and_partial_answers_are_not_kept(client: Client) -> None:
    for _ in range(2):
        wrong = client.ask("SELECT nothing", fresh=False)
        assert wrong.status == 400
        assert not hit(wrong)
    for _ in range(2):
        partial = client.ask(f"SELECT * {ENDLESS} # kept?", fresh=False, timeout=0.3)
        assert partial.status == 200
        assert not hit(partial)
        assert "etag" not in partial.headers


def test_a_long_answer_is_kept_once_it_was_sent(client: Client) -> None:
    text = "SELECT * { ?s ?p ?o } LIMIT 9000"
    first = client.ask(text, fresh=False)
    assert "etag" not in first.headers  # it could still have ended early
    second = client.ask(text, fresh=False)
    assert hit(second)
    assert second.body == first.body
    assert second.headers["content-length"] == str(len(first.body))
    assert client.ask(text, fresh=False, headers={"If-None-Match": second.headers["etag"]}).status == 304


def test_what_many_ask_at_once_is_evaluated_once(busy_server: str, client: Client) -> None:
    text = middling(12) + " # together"
    clients = [Client(busy_server, f"127.0.0.{140 + n}") for n in range(6)]
    most = 0
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(each.ask, text, fresh=False) for each in clients]
        while not all(each.done() for each in waiting):
            most = max(most, sum(each["text"] == text for each in client.running()))
    replies = [each.result() for each in waiting]
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert most == 1
    assert sum(hit(reply) for reply in replies) == 5


def test_who_shares_an_evaluation_is_not_left_by_the_one_who_goes(
    busy_server: str, client: Client, eventually: Callable[..., None]
) -> None:
    text = middling(10) + " # shared"
    target = "/sparql?" + urlencode({"query": text})
    leader = Client(busy_server, "127.0.0.150")
    with ThreadPoolExecutor(2) as pool:
        gone = pool.submit(_leave_after, leader, target, 0.4)
        time.sleep(0.15)
        stays = pool.submit(client.ask, text, fresh=False)
        gone.result()
        assert stays.result().status == 200


def _leave_after(client: Client, target: str, seconds: float) -> None:
    sock = client.open(target)
    time.sleep(seconds)
    sock.close()


def test_pages_are_kept_as_well(client: Client) -> None:
    first = client.request("GET", "/countries", Accept="text/html")
    second = client.request("GET", "/countries", Accept="text/html")
    assert second.body == first.body
    assert (hit(first), hit(second)) == (False, True)
    tag = second.headers["etag"]
    assert client.request("GET", "/countries", Accept="text/html", If_None_Match=tag).status == 304
    assert not hit(client.request("GET", "/countries", Accept="text/html", Accept_Language="fr"))
    assert not hit(client.request("GET", "/countries", Accept="text/html", Cookie="a=b"))
    assert not hit(client.request("GET", "/healthz"))
    assert not hit(client.request("GET", "/healthz"))


def test_the_cache_stays_within_its_bytes() -> None:
    cache = Cache(100_000)
    for number in range(200):
        cache.put(number, Kept("1", [], b"x" * 5000, b'"t"'), ("alias", number))
        assert cache.size <= cache.limit
    assert cache.recall(("alias", 0), "1") is None
    newest = cache.recall(("alias", 199), "1")
    assert newest is not None
    assert newest.body == b"x" * 5000
    assert cache.recall(("alias", 199), "2") is None
    size = cache.size
    cache.put("large", Kept("1", [], b"x" * (100_000 // LARGEST), b'"t"'))
    assert cache.get("large") is None
    assert cache.size == size


def test_what_is_asked_for_stays_longest() -> None:
    cache = Cache(20_000)
    for number in range(3):
        cache.put(number, Kept("1", [], b"", b'"t"'))
    cache.get(0)
    for number in range(3, 20):
        cache.put(number, Kept("1", [], b"", b'"t"'))
        assert cache.get(0) is not None
    assert cache.get(1) is None


# -- canonical text --------------------------------------------------------------------------------------

PIECES = (
    "SELECT", "*", "?a", "?b", "{", "}", "(", ")", "FILTER", "<", ">", "<x:a>", "<x:b#c>", "<x:b#d>", "x:c", "#", "'",
    '"', "'a  b'", '"#c"', "'''", '"""', "\\", "&&", "||", "=", " ", "  ", "\n", "\t", "# c\n", "#'\n", ".", "1",
    "BIND", "AS", "it's", "<x:it's#a>", "\\u0041", ";", "@en", "true",
)  # fmt: skip


def meaning(text: str) -> object:
    """What the engine makes of a query: its solutions, or that it does not parse."""
    store = ox.Store()
    for number in range(3):
        store.add(ox.Quad(ox.NamedNode(f"x:{number}"), ox.NamedNode("x:b#c"), ox.Literal("a  b")))
    try:
        answer = store.query(text)
    except SyntaxError:
        return "syntax"
    return sorted(str(row) for row in answer) if isinstance(answer, ox.QuerySolutions) else bool(answer)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_the_canonical_text_means_the_same(pieces: list[str]) -> None:
    text = "PREFIX x: <x:> ASK {{ VALUES (?a ?b) {{ (1 2) }} {} }}".format("".join(pieces))
    short = canonical(text)
    assert len(short) <= len(text)
    assert meaning(short) == meaning(text)
    assert canonical(short) == canonical(canonical(short))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ASK { FILTER('a  b' = ?x) }", "ASK { FILTER('a b' = ?x) }"),
        ("ASK { ?s <x:#a> ?o }", "ASK { ?s <x:#b> ?o }"),
        ("ASK { FILTER(?a<?b#x>y\n) }", "ASK { FILTER(?a<?b#x>y ) }"),
        ("ASK { FILTER(?a <b:c#x>y\n) }", "ASK { FILTER(?a <b:c#x>y ) }"),
        ("ASK { FILTER(?a<?b&&'>#'=?c) }", "ASK { FILTER(?a<?b&&'>#'=?d) }"),
        ("ASK { FILTER(?a<b:c#x>'''\n 'p  q' = ''' '''\n) }", "ASK { FILTER(?a<b:c#x>'''\n 'p q' = ''' '''\n) }"),
        ('ASK { ?s ?p "\\"#a" }', 'ASK { ?s ?p "\\"#b" }'),
        ("ASK { ?s ?p <x:\\u0041#a> }", "ASK { ?s ?p <x:\\u0041#b> }"),
    ],
)
def test_what_means_something_else_keeps_another_name(one: str, other: str) -> None:
    assert canonical(one) != canonical(other)


def test_a_condition_names_tags() -> None:
    assert matches(b'"a", W/"b"', b'"b"')
    assert matches(b"*", b'"b"')
    assert not matches(b'"bb"', b'"b"')
    assert not matches(b"", b'"b"')
