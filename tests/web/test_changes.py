"""What changed, for those who follow: Atom, an event stream, changes since, patches that can be replayed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyoxigraph as ox
import pytest
import rdflib
from flask import Flask
from flask.testing import FlaskClient

from vetgraph import media
from vetgraph.engine.deltas import Delta
from vetgraph.engine.writer import Intent, Writer
from vetgraph.settings import Settings
from vetgraph.store import open_store
from vetgraph.versions import version_at
from vetgraph.vocab import BASE
from vetgraph.web import changes, create_app

Problem = Callable[..., dict[str, Any]]
ROOT = "http://localhost"
CS = rdflib.Namespace("http://purl.org/vocab/changeset/schema#")
TREE = rdflib.Namespace("https://w3id.org/tree#")
LDES = rdflib.Namespace("https://w3id.org/ldes#")
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def reader(elder: Flask) -> FlaskClient:
    return elder.test_client()


def graph(reply: Any) -> rdflib.Graph:
    assert reply.status_code == 200, reply.text
    return rdflib.Graph().parse(data=reply.data, format="turtle")


def change(number: int) -> rdflib.URIRef:
    return rdflib.URIRef(f"{BASE}version/{number}#change")


# -- since ---------------------------------------------------------------------------------------------------------


def test_changes_say_who_when_why_and_what(reader: FlaskClient, aged: Path) -> None:
    told = reader.get("/changes?since=1").get_json()
    assert [one["version"] for one in told["changes"]] == [2, 3, 4, 5]
    assert (told["newest"], told["next"]) == (5, None)
    third = told["changes"][1]
    assert {name: third[name] for name in ("previous", "kind", "agent", "reason", "added", "removed")} == {
        "previous": 2,
        "kind": "update",
        "agent": "tester",
        "reason": "a newcomer",
        "added": 2,
        "removed": 0,
    }
    assert third["time"] == version_at(aged, 3).built.isoformat().replace("+00:00", "Z")
    # Version 2 can't be read any more, but what it changed is told.
    assert told["changes"][0]["additions"] == [
        f'<{BASE}id/anefore> <http://www.w3.org/2004/02/skos/core#note> "known to all"@en <{BASE}graph/curation> .'
    ]
    assert told["changes"][2]["additions"] == []
    assert "Newcomer" in told["changes"][2]["removals"][0]


def test_what_is_not_listed_says_so(reader: FlaskClient) -> None:
    first = reader.get("/changes/1").get_json()
    assert "additions" not in first
    assert "first version" in first["note"]
    assert first["added"] > 100_000


def test_a_follower_comes_to_the_end(reader: FlaskClient) -> None:
    address, seen = "/changes?limit=2", []
    while address:
        reply = reader.get(address)
        told = reply.get_json()
        seen += [one["version"] for one in told["changes"]]
        assert (told["next"] is None) == ("Link" not in reply.headers)
        address = (told["next"] or "").removeprefix(ROOT)
    assert seen == [1, 2, 3, 4, 5]
    assert reader.get("/changes?since=5").get_json()["changes"] == []
    assert reader.get("/changes?since=99").get_json()["changes"] == []


def test_since_a_time(reader: FlaskClient, aged: Path) -> None:
    built = version_at(aged, 3).built.isoformat().replace("+00:00", "Z")
    for since, first in ((built, 4), ("2000-01-01", 1)):
        told = reader.get("/changes", query_string={"since": since}).get_json()
        assert told["changes"][0]["version"] == first


@pytest.mark.parametrize("query", ["since=x", "since=-1", "limit=0", "limit=x", "limit=-3", "format=xlsx"])
def test_what_makes_no_sense_is_refused(reader: FlaskClient, assert_problem: Problem, query: str) -> None:
    assert assert_problem(reader.get(f"/changes?{query}"), 400, "bad-parameter")["parameter"] == query.partition("=")[0]


def test_unknown_changes_are_not_found(reader: FlaskClient, assert_problem: Problem) -> None:
    for address in ("/changes/6", "/changes/0", "/ldes/0", "/ldes/9", "/changes/1?format=rdfp"):
        assert_problem(reader.get(address), 404, "not-found")


@pytest.mark.parametrize("kind", media.carrying("graph"), ids=lambda kind: kind.suffix)
def test_every_graph_format_says_the_same(reader: FlaskClient, kind: media.Media) -> None:
    for address in ("/changes?since=1", "/changes/3", "/ldes/1", "/ldes"):
        turtle, other = (reader.get(address, headers={"Accept": type_}) for type_ in ("text/turtle", kind.type))
        assert other.mimetype == kind.type
        form = ox.RdfFormat.from_media_type(kind.type)
        assert form is not None
        found = [{(quad.predicate.value, str(quad.subject)[:2]) for quad in _parsed(one)} for one in (turtle, other)]
        assert found[0] == found[1]
        assert len(_parsed(turtle)) == len(_parsed(other))


def _parsed(reply: Any) -> list[ox.Quad]:
    form = ox.RdfFormat.from_media_type(reply.mimetype)
    assert form is not None
    return list(ox.parse(reply.data, form))


def test_a_change_in_rdf_is_a_change_set_with_its_statements(reader: FlaskClient) -> None:
    for address in ("/changes/4?format=ttl", "/changes?since=3&format=ttl", "/doc/version/4.ttl", "/ldes/1"):
        found = graph(reader.get(address, headers={"Accept": "text/turtle"}))
        own = change(4)
        assert (own, rdflib.RDF.type, CS.ChangeSet) in found, address
        assert (own, CS.creatorName, rdflib.Literal("tester")) in found
        assert (own, CS.changeReason, rdflib.Literal("no newcomer")) in found
        assert (own, CS.precedingChangeSet, change(3)) in found
        assert [*found.objects(own, CS.addition)] == []
        (statement,) = found.objects(own, CS.removal)
        assert found.value(statement, rdflib.RDF.subject) == rdflib.URIRef(BASE + "id/newcomer")
        assert found.value(statement, rdflib.RDF.object) == rdflib.Literal("Newcomer", "en")
        assert found.value(statement, rdflib.DCTERMS.isPartOf) == rdflib.URIRef(BASE + "graph/curation")


def test_patches_lead_from_one_version_to_the_next(reader: FlaskClient, aged: Path) -> None:
    def lines(number: int) -> set[str]:
        text = open_store(aged, at=number).engine.dump(format=ox.RdfFormat.N_QUADS)
        return set((text or b"").decode().splitlines())

    quads = lines(1)
    for number in (2, 3, 4, 5):
        reply = reader.get(f"/changes/{number}?format=rdfp")
        assert reply.mimetype == "application/rdf-patch"
        rows = reply.text.splitlines()
        assert rows[0] == f"H id <{BASE}version/{number}> ."
        assert rows[1] == f"H prev <{BASE}version/{number - 1}> ."
        assert (rows[2], rows[-1]) == ("TX .", "TC .")
        for row in rows[3:-1]:
            (quads.add if row[:2] == "A " else quads.remove)(row[2:])
    assert quads == lines(5)


# -- Atom ------------------------------------------------------------------------------------------------------------


def test_the_feed_is_atom(reader: FlaskClient) -> None:
    reply = reader.get("/feed.atom")
    assert reply.mimetype == "application/atom+xml"
    root = ElementTree.fromstring(reply.data)
    assert root.tag == f"{ATOM}feed"
    entries = root.findall(f"{ATOM}entry")
    # RFC 4287 sections 4.1.1 and 4.1.2: what there has to be.
    for one in (root, *entries):
        assert all(len(one.findall(ATOM + name)) == 1 for name in ("id", "title", "updated"))
    assert [entry.findtext(f"{ATOM}id") for entry in entries] == [
        f"{BASE}version/{number}" for number in (5, 4, 3, 2, 1)
    ]
    newest = entries[0]
    assert newest.findtext(f"{ATOM}title") == "Version 5: epos & <more>"
    assert newest.findtext(f"{ATOM}author/{ATOM}name") == "tester"
    assert newest.findtext(f"{ATOM}updated") == root.findtext(f"{ATOM}updated")
    assert "in Flanders" in (newest.findtext(f"{ATOM}content") or "")
    for link in (*root.findall(f"{ATOM}link"), *newest.findall(f"{ATOM}link")):
        assert reader.get(link.attrib["href"].removeprefix(ROOT)).status_code == 200


def test_the_feed_leads_back_in_time(reader: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAGE", 2)
    address, seen = "/feed.atom", []
    while address:
        root = ElementTree.fromstring(reader.get(address).data)
        seen += [entry.findtext(f"{ATOM}id", "")[-1] for entry in root.findall(f"{ATOM}entry")]
        ahead = {link.attrib["rel"]: link.attrib["href"] for link in root.findall(f"{ATOM}link")}
        address = ahead.get("next", "").removeprefix(ROOT)
    assert seen == ["5", "4", "3", "2", "1"]


def test_reasons_that_xml_cannot_hold(tmp_path: Path) -> None:
    with Writer.open(tmp_path) as writer:
        literal = ox.Literal("a\ud7ff\x0b]]>&")
        quad = ox.Quad(ox.NamedNode("x:s"), ox.NamedNode("x:p"), literal, ox.NamedNode("x:g"))
        writer.commit(Delta(), Intent("build", "me"))
        writer.commit(Delta(added=(quad,)), Intent("update", "<me>", "ring \x07 the bell"))
    reader = create_app(Settings(store=tmp_path)).test_client()
    root = ElementTree.fromstring(reader.get("/feed.atom").data)
    assert root.findtext(f"{ATOM}entry/{ATOM}title") == "Version 2: ring \ufffd the bell"
    assert len(graph(reader.get("/changes/2?format=ttl"))) > 0


# -- an event stream ---------------------------------------------------------------------------------------------------


def walked(reader: FlaskClient) -> tuple[list[str], dict[str, str]]:
    """Return the members of the stream, and what each page lets caches do, as a client finds them by its links."""
    waiting, pages, members = ["/ldes"], {}, []
    while waiting:
        address = waiting.pop()
        if address in pages:
            continue
        reply = reader.get(address)
        pages[address] = reply.headers["Cache-Control"]
        found = graph(reply)
        (stream,) = found.subjects(rdflib.RDF.type, LDES.EventStream)
        assert found.value(stream, LDES.timestampPath) == rdflib.DCTERMS.created
        members += [str(one) for one in found.objects(stream, TREE.member)]
        own = rdflib.URIRef(ROOT + address)
        for relation in found.objects(own, TREE.relation):
            assert (relation, rdflib.RDF.type, TREE.GreaterThanOrEqualToRelation) in found
            waiting.append(str(found.value(relation, TREE.node)).removeprefix(ROOT))
        for member in found.objects(stream, TREE.member):
            assert found.value(member, rdflib.DCTERMS.created) is not None
    return members, pages


def test_a_client_finds_every_change_once(reader: FlaskClient) -> None:
    members, pages = walked(reader)
    assert sorted(members) == [str(change(number)) for number in range(1, 6)]
    assert [*pages] == ["/ldes", "/ldes/1"]
    assert not any("immutable" in rule for rule in pages.values())


def test_full_pages_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "PAGE", 2)
    reader = create_app(Settings(store=tmp_path)).test_client()

    def write(count: int) -> None:
        with Writer.open(tmp_path, keep=1) as writer:
            for _ in range(count):
                number = writer.version.number + 1 if writer.version else 1
                quad = ox.Quad(ox.NamedNode("x:s"), ox.NamedNode("x:p"), ox.Literal(str(number)), ox.NamedNode("x:g"))
                writer.commit(Delta(added=(quad,)), Intent("update", "me", str(number)))

    write(3)
    full, last = reader.get("/ldes/1"), reader.get("/ldes/2")
    assert full.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "immutable" not in last.headers["Cache-Control"]
    write(2)
    again = reader.get("/ldes/1")
    assert (again.data, again.headers["ETag"], again.headers["Last-Modified"]) == (
        full.data,
        full.headers["ETag"],
        full.headers["Last-Modified"],
    )
    assert reader.get("/ldes/2").headers["Cache-Control"] == full.headers["Cache-Control"]
    assert reader.get("/ldes/2").data != last.data
    members, pages = walked(reader)
    assert sorted(members) == [str(change(number)) for number in range(1, 6)]
    assert len(pages) == 4
    # A full page leads on before there is a next one, which is empty then and not missing.
    write(1)
    assert graph(reader.get("/ldes/4")) is not None
    assert len(walked(reader)[0]) == 6


def test_large_changes_are_cut_and_their_patch_is_whole(tmp_path: Path) -> None:
    def quad(number: int) -> ox.Quad:
        return ox.Quad(ox.NamedNode("x:s"), ox.NamedNode("x:p"), ox.Literal(str(number)), ox.NamedNode("x:g"))

    with Writer.open(tmp_path) as writer:
        writer.commit(Delta(), Intent("build", "me"))
        writer.commit(Delta(added=tuple(map(quad, range(300)))), Intent("update", "me"))
    reader = create_app(Settings(store=tmp_path)).test_client()
    listed = reader.get("/changes?since=1").get_json()["changes"][0]
    assert (listed["added"], len(listed["additions"])) == (300, 200)
    assert "the patch has all" in listed["note"]
    assert len(json.loads(reader.get("/changes/2").data)["additions"]) == 300
    assert sum(line.startswith("A ") for line in reader.get("/changes/2?format=rdfp").text.splitlines()) == 300
