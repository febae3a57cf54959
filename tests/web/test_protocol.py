"""What a request asks for, as a plan: no server, no evaluation."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vetgraph.errors import BadParameter, QuerySyntaxError, UnsupportedMedia
from vetgraph.settings import Settings
from vetgraph.web.protocol import FORM, QUERY, UPDATE, Plan, Protocol, is_update, parsed, reads_body

PROTOCOL = Protocol(Settings(query_timeout=5, query_timeout_max=20, max_rows=7))
JSON = "application/sparql-results+json"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
G, H = "http://example.org/g", "http://example.org/h"


def asked(accept: str = "", **parameters: Any) -> Plan | None:
    """Return the plan of a GET with some parameters; underscores stand for hyphens."""
    pairs = {name.replace("_", "-"): value for name, value in parameters.items()}
    return PROTOCOL.plan("GET", {"accept": accept}, urlencode(pairs, doseq=True).encode())


def posted(type_: str, body: bytes, query: bytes = b"", accept: str = "") -> Plan | None:
    return PROTOCOL.plan("POST", {"content-type": type_, "accept": accept}, query, body)


def the(plan: Plan | None) -> Plan:
    assert plan is not None
    return plan


@pytest.mark.parametrize(
    ("accept", "solutions", "graph"),
    [
        ("", JSON, "text/turtle"),
        ("*/*", JSON, "text/turtle"),
        ("application/json", JSON, None),
        ("text/csv;charset=utf-8", "text/csv", None),
        ("application/ld+json, text/csv;q=0.5", "text/csv", "application/ld+json"),
        ("text/csv;q=0.5, application/sparql-results+xml;q=0.9", "application/sparql-results+xml", None),
        ("application/sparql-results+json;q=0, */*;q=0.1", "application/sparql-results+xml", "text/turtle"),
        ("image/png", None, None),
        ("application/n-quads", None, "application/n-quads"),
        ("application/trig", None, "application/trig"),
        ("not a header at all ;;;,,", None, None),
    ],
)
def test_accept_names_a_format_for_each_kind_of_answer(accept: str, solutions: str | None, graph: str | None) -> None:
    job = the(asked(accept, query="ASK {}")).job
    assert (job.media["solutions"], job.media["boolean"], job.media["graph"]) == (solutions, solutions, graph)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("csv", "text/csv"),
        ("CSV", "text/csv"),
        ("text/csv", "text/csv"),
        ("json", JSON),
        ("xml", "application/sparql-results+xml"),
        ("application/json", JSON),
    ],
)
def test_format_wins_over_accept(name: str, type_: str) -> None:
    job = the(asked(BROWSER, query="ASK {}", format=name)).job
    assert job.media["solutions"] == type_


@pytest.mark.parametrize("name", ["turtle", "ttl", "n3", "text/turtle"])
def test_a_format_for_graphs_leaves_solutions_to_accept(name: str) -> None:
    job = the(asked("text/csv", query="ASK {}", format=name)).job
    assert (job.media["solutions"], job.media["graph"]) == ("text/csv", "text/turtle")


def test_a_page_is_left_to_the_pages() -> None:
    assert asked(BROWSER, query="ASK {}") is None
    assert asked("", query="ASK {}", format="html") is None
    assert the(PROTOCOL.asked("GET", {"accept": BROWSER}, b"query=ASK%7B%7D")).page
    assert PROTOCOL.asked("GET", {"accept": BROWSER}, b"") is None
    assert posted(FORM, b"query=ASK%7B%7D", accept=BROWSER) is None


@pytest.mark.parametrize(
    ("method", "query", "headers"),
    [
        ("GET", b"", {}),
        ("GET", b"update=CLEAR+ALL", {}),
        ("GET", b"query=ASK%7B%7D&update=CLEAR+ALL", {}),
        ("PUT", b"query=ASK%7B%7D", {}),
        ("OPTIONS", b"query=ASK%7B%7D", {}),
        ("POST", b"query=ASK%7B%7D", {}),
        ("POST", b"", {"content-type": "text/plain"}),
        ("POST", b"", {"content-type": UPDATE}),
    ],
)
def test_what_is_no_query_has_no_plan(method: str, query: bytes, headers: dict[str, str]) -> None:
    assert PROTOCOL.plan(method, headers, query, b"") is None


def test_limits_are_those_of_the_settings() -> None:
    plan = the(asked(query="ASK {}"))
    assert (plan.seconds, plan.job.rows, plan.job.seconds) == (5, 7, 0)


@pytest.mark.parametrize(("asked_for", "seconds"), [("0.5", 0.5), ("20", 20), ("3600", 20), ("1e9", 20)])
def test_timeout_holds_up_to_the_greatest(asked_for: str, seconds: float) -> None:
    assert the(asked(query="ASK {}", timeout=asked_for)).seconds == seconds


def test_all_parameters_together() -> None:
    plan = the(
        asked(query="ASK {}", default_graph_uri=[G, H], named_graph_uri=H, labels="FR", at="12", timeout="2", other="x")
    )
    assert (plan.job.default_graphs, plan.job.named_graphs) == ((G, H), (H,))
    assert (plan.job.labels, plan.at, plan.seconds) == ("fr", 12, 2)


def test_the_text_arrives_as_it_was_sent() -> None:
    text = 'SELECT * { ?s ?p "a+b%26 é\U0001f600\n\t" }  '
    assert the(asked(query=text)).job.text == text
    assert the(asked(query=text, format="csv")).job.text == text
    assert the(posted(FORM, urlencode({"query": text}).encode())).job.text == text
    assert the(posted(QUERY, text.encode())).job.text == text


def test_parameters_of_a_form_may_stand_in_the_address() -> None:
    plan = the(posted(FORM, b"query=ASK%7B%7D", urlencode({"default-graph-uri": G}).encode()))
    assert plan.job.default_graphs == (G,)
    plan = the(posted(QUERY, b"ASK {}", urlencode({"named-graph-uri": G, "timeout": "1"}).encode()))
    assert (plan.job.named_graphs, plan.seconds) == ((G,), 1)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        (b"query=ASK%7B%7D&query=ASK%7B%7D", "query"),
        (b"query=ASK%7B%7D&default-graph-uri=nowhere", "default-graph-uri"),
        (b"query=ASK%7B%7D&named-graph-uri=http://a%20b", "named-graph-uri"),
        (b"query=ASK%7B%7D&named-graph-uri=http://[a", "named-graph-uri"),
        (b"query=ASK%7B%7D&using-graph-uri=http://a", "using-graph-uri"),
        (b"query=ASK%7B%7D&timeout=soon", "timeout"),
        (b"query=ASK%7B%7D&timeout=0", "timeout"),
        (b"query=ASK%7B%7D&timeout=-1", "timeout"),
        (b"query=ASK%7B%7D&timeout=nan", "timeout"),
        (b"query=ASK%7B%7D&timeout=inf", "timeout"),
        (b"query=ASK%7B%7D&at=last", "at"),
        (b"query=ASK%7B%7D&at=-1", "at"),
        (b"query=ASK%7B%7D&at=%C2%B2", "at"),
        (b"query=ASK%7B%7D&labels=french%20please", "labels"),
        (b"query=ASK%7B%7D&format=pdf", "format"),
    ],
)
def test_malformed_parameters_are_named(query: bytes, parameter: str) -> None:
    with pytest.raises(BadParameter) as caught:
        PROTOCOL.plan("GET", {}, query)
    assert caught.value.facts["parameter"] == parameter
    # The second time it must not come from memory.
    with pytest.raises(BadParameter):
        PROTOCOL.plan("GET", {}, query)


@pytest.mark.parametrize("query", [b"query=%FF", b"query=%FF&x=1", b"\xff=1"])
def test_what_is_not_utf_8_is_said_to_be_so(query: bytes) -> None:
    with pytest.raises(QuerySyntaxError, match="not UTF-8"):
        PROTOCOL.plan("GET", {}, query)


def test_another_charset_is_refused() -> None:
    with pytest.raises(UnsupportedMedia, match="UTF-16"):
        posted(f"{QUERY}; charset=UTF-16", "ASK {}".encode("utf-16"))
    with pytest.raises(QuerySyntaxError, match="not UTF-8"):
        posted(QUERY, "ASK {}".encode("utf-16"))
    assert posted(f'{QUERY}; charset="utf-8"', b"ASK {}")
    assert posted("Application/SPARQL-Query;Charset=UTF-8", b"ASK {}")


def test_too_many_parameters_are_refused_before_they_are_read() -> None:
    with pytest.raises(BadParameter, match="more than"):
        posted(FORM, b"a&" * 100_000)


def test_an_id_may_be_chosen_and_is_not_remembered() -> None:
    headers = {"vetgraph-query": "my-own_query-1"}
    assert the(PROTOCOL.plan("GET", headers, b"query=ASK%7B%7D")).id == "my-own_query-1"
    assert the(PROTOCOL.plan("GET", {}, b"query=ASK%7B%7D")).id is None
    for wrong in ("short", "x" * 65, "with space", "slash/slash"):
        with pytest.raises(BadParameter, match="8 to 64"):
            PROTOCOL.plan("GET", {"vetgraph-query": wrong}, b"query=ASK%7B%7D")


def test_bodies_are_read_only_where_a_query_may_be() -> None:
    assert reads_body("POST", {"content-type": f"{FORM}; charset=utf-8"})
    assert reads_body("POST", {"content-type": QUERY})
    assert not reads_body("POST", {"content-type": UPDATE})
    assert not reads_body("GET", {"content-type": QUERY})


# -- updates ---------------------------------------------------------------------------------------------


def test_an_update_by_form_and_by_body() -> None:
    headers = {"content-type": FORM}
    assert is_update(headers, b"", b"update=CLEAR+ALL")
    assert not is_update(headers, b"", b"query=ASK%7B%7D")
    assert is_update({"content-type": UPDATE}, b"", b"")
    job = PROTOCOL.update(headers, b"", b"update=CLEAR+ALL&using-graph-uri=http://a")
    assert (job.text, job.using_graphs) == ("CLEAR ALL", ("http://a",))
    query = urlencode({"using-named-graph-uri": [G, H]}, doseq=True).encode()
    job = PROTOCOL.update({"content-type": UPDATE}, query, b"CLEAR ALL")
    assert (job.text, job.using_graphs, job.using_named_graphs) == ("CLEAR ALL", (), (G, H))


@pytest.mark.parametrize(
    ("type_", "query", "body"),
    [
        (FORM, b"", b"update=CLEAR+ALL&update=CLEAR+ALL"),
        (FORM, b"update=CLEAR+ALL", b"update=CLEAR+ALL"),
        (FORM, b"", b"update=CLEAR+ALL&query=ASK%7B%7D"),
        (FORM, b"", b"update=CLEAR+ALL&default-graph-uri=http://a"),
        (UPDATE, b"update=CLEAR+ALL", b"CLEAR ALL"),
        (UPDATE, b"query=ASK%7B%7D", b"CLEAR ALL"),
        (UPDATE, b"using-graph-uri=a", b"CLEAR ALL"),
        (UPDATE, b"using-graph-uri=http://a", b"WITH <http://b> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }"),
        (UPDATE, b"using-named-graph-uri=http://a", b"DELETE { ?s ?p 1 } USING <http://b> WHERE { ?s ?p 1 }"),
    ],
)
def test_conflicting_updates_are_refused(type_: str, query: bytes, body: bytes) -> None:
    with pytest.raises(BadParameter):
        PROTOCOL.update({"content-type": type_}, query, body)


def test_the_word_with_in_a_text_is_no_conflict() -> None:
    text = b'INSERT { ?s ?p "WITH USING" } WHERE { ?s ?with ?using } # WITH'
    assert PROTOCOL.update({"content-type": UPDATE}, b"using-graph-uri=http://a", text).using_graphs == ("http://a",)


@given(st.binary(max_size=200), st.text(max_size=60), st.sampled_from(["GET", "HEAD", "POST"]))
def test_any_request_has_a_plan_or_a_clear_refusal(query: bytes, accept: str, method: str) -> None:
    headers = {"accept": accept, "content-type": FORM}
    with contextlib.suppress(BadParameter, QuerySyntaxError, UnsupportedMedia):
        PROTOCOL.asked(method, headers, query, query)


@given(st.lists(st.sampled_from(["%", "=", "+", "_", "%20", "%c3%A9", "%zz", "%4", "\n", "\r\n", "?", "a ", ".", "="])))
def test_percent_encoding_is_read_as_ever(parts: list[str]) -> None:
    text = "".join(parts).encode()
    try:
        expected = unquote_to_bytes(text.replace(b"+", b" ")).decode()
    except UnicodeDecodeError:
        return
    assert parsed(b"query=" + text) == {"query": [expected]}


@given(st.text())
def test_any_text_survives_the_address(text: str) -> None:
    encoded = urlencode({"query": text}, encoding="utf-8", errors="surrogatepass").encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert parsed(encoded) == {"query": [text]}
    assert parsed(encoded + b"&x=1")["query"] == [text]
