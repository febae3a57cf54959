"""The past of addresses (RFC 7089): `at=`, Accept-Datetime, TimeGates, TimeMaps."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import rdflib
from flask import Flask
from flask.testing import FlaskClient

from vetgraph.changes import Past
from vetgraph.settings import Settings
from vetgraph.store import memory_store
from vetgraph.versions import version_at
from vetgraph.web import create_app

from .conftest import Http

Problem = Callable[..., dict[str, Any]]
ROOT = "http://localhost"
EARLY = "Sat, 01 Jan 2000 00:00:00 GMT"
LATE = "Fri, 31 Dec 2100 23:59:59 GMT"
NOTE = (rdflib.URIRef("https://w3id.org/vetgraph/id/anefore"), rdflib.SKOS.note, rdflib.Literal("known to all", "en"))


@pytest.fixture
def reader(elder: Flask) -> FlaskClient:
    return elder.test_client()


def links(reply: Any) -> dict[str, list[tuple[str, dict[str, str]]]]:
    """Return the links of an answer by relation (RFC 8288): addresses with their attributes."""
    found: dict[str, list[tuple[str, dict[str, str]]]] = {}
    for address, told in re.findall(r"<([^>]*)>((?:\s*;\s*\w+=\"[^\"]*\")*)", reply.headers["Link"]):
        attributes = dict(re.findall(r"(\w+)=\"([^\"]*)\"", told))
        for name in attributes.pop("rel").split():
            found.setdefault(name, []).append((address, attributes))
    return found


def graph(reply: Any) -> rdflib.Graph:
    assert reply.status_code == 200, reply.text
    return rdflib.Graph().parse(data=reply.data, format="turtle")


def when(aged: Path, number: int, minutes: float = 0) -> str:
    return format_datetime(Past(aged).entry(number).version.built + timedelta(minutes=minutes), usegmt=True)


# -- the version in the address ---------------------------------------------------------------------------------


def test_a_document_is_what_it_was(reader: FlaskClient) -> None:
    assert NOTE not in graph(reader.get("/doc/id/anefore.ttl?at=1"))
    assert NOTE in graph(reader.get("/doc/id/anefore.ttl?at=3"))
    assert NOTE in graph(reader.get("/doc/id/anefore.ttl"))


def test_a_page_is_what_it_was_in_every_part(reader: FlaskClient) -> None:
    then, now = (reader.get(f"/doc/id/epos.html{query}").text for query in ("?at=1", ""))
    assert "in Flanders" in now
    assert "in Flanders" not in then
    for page, number in ((then, 1), (now, 5)):
        assert f"version {number}," in re.sub(r"\s+", " ", page)


def test_a_page_of_then_says_so_and_leads_to_others_of_then(reader: FlaskClient) -> None:
    reply = reader.get("/sources?at=3&lang=de")
    assert "Sie lesen Version 3 vom" in reply.text
    assert '<a href="/sources?lang=de">Die neueste Version lesen</a>' in reply.text
    assert reply.headers["X-Robots-Tag"] == "noindex"
    documents = re.findall(r'href="(/doc/[^"]*)"', reply.text)
    assert documents
    assert all("lang=de" in one and "at=3" in one for one in documents if not one.startswith("/doc/version"))
    now = reader.get("/sources?lang=de")
    assert "Sie lesen Version" not in now.text
    assert not re.search(r"[?&;]at=", now.text)
    assert "X-Robots-Tag" not in now.headers


def test_links_of_a_memento(reader: FlaskClient, aged: Path) -> None:
    reply = reader.get("/doc/id/epos.ttl?labels=no&at=3")
    assert reply.headers["Memento-Datetime"] == when(aged, 3)
    found = links(reply)
    own = f"{ROOT}/doc/id/epos.ttl?labels=no"
    assert found["original"] == [(own, {})]
    assert found["timegate"] == [(f"{ROOT}/timegate/doc/id/epos.ttl?labels=no", {})]
    assert found["timemap"][0] == (f"{ROOT}/timemap/doc/id/epos.ttl?labels=no", {"type": "application/link-format"})
    for relation, number in (("first", 1), ("prev", 1), ("next", 4), ("last", 5)):
        assert found[relation] == [(f"{own}&at={number}", {"datetime": when(aged, number)})]
    assert {address[-1] for address, _ in found["memento"]} == {"1", "3", "4", "5"}


def test_a_thing_leads_to_its_document_of_then(reader: FlaskClient, aged: Path) -> None:
    reply = reader.get("/id/newcomer?at=3", headers={"Accept": "text/turtle"})
    assert reply.status_code == 303
    assert reply.headers["Location"] == f"{ROOT}/doc/id/newcomer.ttl?at=3"
    assert reply.headers["Memento-Datetime"] == when(aged, 3)
    assert len(graph(reader.get("/doc/id/newcomer.ttl?at=3"))) > 0


def test_what_is_gone_is_known_to_have_been(reader: FlaskClient, assert_problem: Problem) -> None:
    problem = assert_problem(reader.get("/doc/id/newcomer.ttl"), 410, "gone")
    assert problem["version"] == 3
    assert_problem(reader.get("/doc/id/newcomer.ttl?at=1"), 404, "not-found")
    found = reader.get("/timemap/id/newcomer?format=json").get_json()
    assert [one["version"] for one in found["mementos"]["list"]] == [3]


@pytest.mark.parametrize(
    ("at", "status", "slug"),
    [("2", 410, "gone"), ("6", 404, "not-found"), ("0", 404, "not-found"), ("9" * 15, 404, "not-found")],
)
def test_a_version_that_cannot_be_read(
    reader: FlaskClient, assert_problem: Problem, at: str, status: int, slug: str
) -> None:
    for address in (f"/doc/id/epos?at={at}", f"/actors?at={at}", f"/ontology.ttl?at={at}"):
        problem = assert_problem(reader.get(address), status, slug)
        assert problem["kept"] == [1, 3, 4, 5]
        assert "1, 3, 4, 5" in problem["detail"]


@pytest.mark.parametrize("query", ["at=x", "at=-1", "at=1&at=3", "at=2026-13-01", "at=²", "at=1e3", f"at={'9' * 16}"])
def test_at_that_says_nothing(reader: FlaskClient, assert_problem: Problem, query: str) -> None:
    assert assert_problem(reader.get(f"/actors?{query}"), 400, "bad-parameter")["parameter"] == "at"


def test_a_time_in_the_address_leads_to_the_version_of_then(reader: FlaskClient, aged: Path) -> None:
    for number, minutes in ((1, 0), (3, 0), (3, 0.5), (4, 0.9), (5, 600)):
        moment = (version_at(aged, number).built + timedelta(minutes=minutes)).isoformat()
        for text in (moment, moment.replace("+00:00", "Z"), moment.replace("+00:00", "")):
            reply = reader.get(f"/doc/id/epos.ttl?at={text}&labels=no")
            assert (reply.status_code, reply.headers["Location"]) == (
                302,
                f"{ROOT}/doc/id/epos.ttl?labels=no&at={number}",
            )
    assert reader.get("/actors?at=2999-12-31").headers["Location"] == f"{ROOT}/actors?at=5"
    assert reader.get("/actors?at=2000-01-01").status_code == 404


def test_other_versions_are_not_for_writing_or_for_what_has_none(reader: FlaskClient) -> None:
    for address in ("/healthz?at=77", "/openapi.json?at=77", "/problems/gone?at=77", "/static/style.css?at=77"):
        with reader.get(address) as reply:
            assert reply.status_code == 200
            assert "Memento-Datetime" not in reply.headers


# -- the version by negotiation -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "prefix", ["", "/timegate", "/timegate/http://localhost", "/timegate/https://w3id.org/vetgraph"]
)
def test_a_time_gate_leads_to_what_was_in_force(reader: FlaskClient, aged: Path, prefix: str) -> None:
    for asked, number in (
        (EARLY, 1),
        (when(aged, 1), 1),
        (when(aged, 2), 3),  # 2 is not kept
        (when(aged, 3, 0.5), 3),
        (when(aged, 4, -0.01), 3),
        (LATE, 5),
    ):
        reply = reader.get(f"{prefix}/id/epos", headers={"Accept-Datetime": asked})
        assert (reply.status_code, reply.headers["Location"]) == (302, f"{ROOT}/id/epos?at={number}")
        assert reply.headers["Vary"] == "Accept-Datetime"
        assert "Memento-Datetime" not in reply.headers
        found = links(reply)
        assert found["original"] == [(f"{ROOT}/id/epos", {})]
        assert found["timemap"][0][0] == f"{ROOT}/timemap/id/epos"


def test_a_time_gate_without_a_time_leads_to_the_newest(reader: FlaskClient) -> None:
    reply = reader.get("/timegate/actors?lang=fr")
    assert reply.headers["Location"] == f"{ROOT}/actors?lang=fr&at=5"
    found = links(reply)
    assert [found[one][0][0] for one in ("first", "last")] == [f"{ROOT}/actors?lang=fr&at={n}" for n in (1, 5)]


def test_a_time_that_is_none_is_refused(reader: FlaskClient, assert_problem: Problem) -> None:
    for address in ("/actors", "/timegate/actors"):
        assert_problem(reader.get(address, headers={"Accept-Datetime": "yesterday"}), 400, "bad-request")


@pytest.mark.parametrize("what", ["timegate", "timemap"])
@pytest.mark.parametrize(
    "rest", ["nothing-here", "healthz", "id/nobody", "http://example.org/", "timemap/actors", "static/style.css"]
)
def test_what_has_no_past(reader: FlaskClient, assert_problem: Problem, what: str, rest: str) -> None:
    assert_problem(reader.get(f"/{what}/{rest}"), 404, "not-found")


def test_a_time_map_lists_what_can_be_read(reader: FlaskClient, aged: Path) -> None:
    reply = reader.get("/timemap/doc/id/epos")
    assert reply.mimetype == "application/link-format"
    lines = reply.text.rstrip().split(",\n")
    assert lines[0] == f'<{ROOT}/doc/id/epos>; rel="original"'
    assert f'rel="self"; type="application/link-format"; from="{when(aged, 1)}"; until="{when(aged, 5)}"' in lines[1]
    assert lines[3] == f'<{ROOT}/doc/id/epos?at=1>; rel="first memento"; datetime="{when(aged, 1)}"'
    assert lines[-1] == f'<{ROOT}/doc/id/epos?at=5>; rel="last memento"; datetime="{when(aged, 5)}"'
    assert len(lines) == 7
    for line in lines[3:]:
        address, moment = re.findall(r'<([^>]*)>.*datetime="([^"]*)"', line)[0]
        memento = reader.head(address.removeprefix(ROOT))
        assert (memento.status_code, memento.headers["Memento-Datetime"]) == (200, moment)


def test_a_time_map_as_json(reader: FlaskClient) -> None:
    for reply in (
        reader.get("/timemap/actors?format=json"),
        reader.get("/timemap/actors", headers={"Accept": "application/json"}),
    ):
        told = reply.get_json()
        assert told["original_uri"] == f"{ROOT}/actors"
        assert [one["version"] for one in told["mementos"]["list"]] == [1, 3, 4, 5]
    assert reader.get("/timemap/actors", headers={"Accept": "image/png"}).status_code == 406


# -- other doors and other stores -----------------------------------------------------------------------------------


def test_a_store_that_was_handed_in_has_no_past(assert_problem: Problem) -> None:
    reader = create_app(Settings(), memory_store([], number=7)).test_client()
    assert reader.get("/sources?at=7").status_code == 200
    assert "no old versions" in assert_problem(reader.get("/sources?at=6"), 404)["detail"]
    for address in ("/timemap/actors", "/timegate/actors", "/changes", "/changes/7", "/feed.atom", "/ldes", "/ldes/1"):
        assert "no record of changes" in assert_problem(reader.get(address), 404, "not-found")["detail"]
    reply = reader.get("/sources", headers={"Accept-Datetime": EARLY})
    assert reply.status_code == 200
    assert "timegate" not in reply.headers.get("Link", "")
    assert "Accept-Datetime" not in reply.headers["Vary"]


def test_the_front_keeps_versions_apart(aged: Path, start_server: Callable[..., AbstractContextManager[str]]) -> None:
    with start_server(VETGRAPH_STORE=str(aged)) as url:
        http = Http(url)
        for _ in range(2):  # the second time from the cache
            now = http.get("/doc/id/menje.ttl")
            then = http.get("/doc/id/menje.ttl?at=1")
            assert (now.headers["Vetgraph-Version"], then.headers["Vetgraph-Version"]) == ("5", "1")
            assert now.data != then.data
            led = http.get("/doc/id/menje.ttl", **{"Accept-Datetime": EARLY})
            assert (led.status_code, led.headers["Location"]) == (302, f"{url}/doc/id/menje.ttl?at=1")
            dated = http.get("/doc/id/menje.ttl", **{"If-Modified-Since": now.headers["Last-Modified"]})
            assert (dated.status_code, dated.data) == (304, b"")
            tagged = http.get("/doc/id/menje.ttl", **{"If-None-Match": now.headers["ETag"]})
            assert (tagged.status_code, tagged.headers["Vary"]) == (304, now.headers["Vary"])
            refused = http.get("/doc/id/menje.ttl", **{"If-Match": '"other"'})
            assert refused.status_code == 412
        assert parsedate_to_datetime(now.headers["Last-Modified"]) == version_at(aged, 3).built
        assert http.get("/changes?since=4").get_json()["changes"][0]["reason"] == "epos & <more>"
