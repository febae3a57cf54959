"""Search: what is asked in any spelling is found, ranked, counted and narrowed; an index is there when it is needed."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient

from vetgraph.engine.deltas import Delta
from vetgraph.engine.writer import Intent, Writer
from vetgraph.search import Index, Wish, find
from vetgraph.settings import Settings
from vetgraph.store import GraphStore, memory_store, open_store
from vetgraph.vocab import BASE, DCTERMS, ID, LANGUAGES, SKOS, VET
from vetgraph.web import create_app

Json = dict[str, Any]


def found(client: FlaskClient, words: str, **more: Any) -> Json:
    response = client.get("/search", query_string={"q": words, "format": "json", **more})
    assert response.status_code == 200, response.text
    answer: Json = response.get_json()
    return answer


def names(answer: Json) -> list[str]:
    return [one["iri"].removeprefix(BASE) for one in answer["results"]]


# -- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("anefore", "id/anefore"),
        ("ANEFORE", "id/anefore"),
        ("A.N.E.F.O.R.E.", "id/anefore"),
        ("anef", "id/anefore"),
        ("BMBF", "id/bmbf"),
        ("MENJE", "id/menje"),
        ("Deutschland", "id/germany"),
        ("Allemagne", "id/germany"),
        ("belgie", "id/belgium"),
        ("BELGIË", "id/belgium"),
        ("españa", "id/spain"),
        ("Espana", "id/spain"),
        ("european commission", "id/european-commission"),
        ("commission european", "id/european-commission"),
        ("erasmus+", "id/erasmus-plus"),
        ("Erasmus plus", "id/erasmus-plus"),
        ("European Commssion", "id/european-commission"),
        ("loi du 22 juin 2017", "id/law-lu-2017-06-22"),
        ("legal act", "ontology#LegalAct"),
    ],
)
def test_a_thing_is_found_by_any_of_its_names(client: FlaskClient, words: str, first: str) -> None:
    answer = found(client, words)
    assert names(answer)[0] == first
    assert answer["instead"] is None


@pytest.mark.parametrize(
    ("words", "first", "instead"),
    [
        ("europen commision", "id/european-commission", "european commission"),
        ("Epso", "id/epos", "epos"),
        ("Luxembuorg", "id/luxembourg", "luxembourg"),
    ],
)
def test_slips_of_the_pen_are_forgiven_and_told(client: FlaskClient, words: str, first: str, instead: str) -> None:
    answer = found(client, words)
    assert first in names(answer)[:2]
    assert answer["instead"] == instead


def test_words_that_nothing_has_together_are_looked_for_one_by_one(client: FlaskClient) -> None:
    answer = found(client, "xyzzyplugh anefore")
    assert "id/anefore" in names(answer)[:3]
    assert answer["instead"] is not None


def test_words_in_quotes_stand_together(client: FlaskClient) -> None:
    assert found(client, '"national agency"')["total"] < found(client, "national agency")["total"]
    for one in found(client, '"national agency"', limit=100)["results"]:
        assert "national agency" in one["matched"]["text"].lower()


def test_nothing_is_found_where_there_is_nothing(client: FlaskClient) -> None:
    answer = found(client, "qqqqqqqqqq")
    assert (answer["total"], answer["results"], answer["next"], answer["instead"]) == (0, [], None, None)


@pytest.mark.parametrize(
    "words",
    [
        *('"', '""', "*", "a*b", "NEAR(a b)", "folded:x", "a AND", "OR", "-x", "' OR 1=1", "\x00", "😀", "(", "\u0301"),
        *("%" * 400, "a " * 300, "é" * 600),
    ],
)
def test_any_text_is_words_and_nothing_else(client: FlaskClient, words: str) -> None:
    response = client.get("/search", query_string={"q": words, "format": "json"})
    assert response.status_code == 200, response.text


def test_every_word_begins_a_word_of_what_is_found(client: FlaskClient) -> None:
    answer = found(client, "mobil appren", limit=100)
    assert answer["total"] > 3
    for one in answer["results"]:
        words = re.findall(r"\w+", one["matched"]["text"].lower())
        assert all(any(word.startswith(part) for word in words) for part in ("mobil", "appren")), one


# -- ranks, facets, pages ----------------------------------------------------------------------


def test_what_is_called_so_comes_before_what_only_has_the_word(client: FlaskClient) -> None:
    scores = [one["score"] for one in found(client, "luxembourg", limit=100)["results"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > scores[-1]
    assert names(found(client, "luxembourg"))[0] == "id/luxembourg"


def test_facets_count_all_results(client: FlaskClient) -> None:
    answer = found(client, "guidance")
    iris: list[str] = []
    for page in range(1, -(-answer["total"] // 100) + 1):
        iris += names(found(client, "guidance", limit=100, page=page))
    assert len(iris) == len(set(iris)) == answer["total"]
    for facet in ("class", "country", "source"):
        for value in answer["facets"][facet][:4]:
            assert found(client, "guidance", **{facet: value["iri"]})["total"] == value["count"], value


def test_a_facet_is_counted_as_if_it_were_not_narrowed(client: FlaskClient) -> None:
    narrowed = found(client, "guidance", **{"class": "vet:Actor"})
    assert narrowed["facets"]["class"] == found(client, "guidance")["facets"]["class"]
    assert sum(one["count"] for one in narrowed["facets"]["country"]) <= narrowed["total"] * 3
    assert all(VET + "Actor" in one["classes"] for one in narrowed["results"])


def test_values_of_facets_are_understood_in_every_form(client: FlaskClient) -> None:
    forms = ("id:luxembourg", "id/luxembourg", ID + "luxembourg")
    totals = {found(client, "orientation", country=form)["total"] for form in forms}
    assert len(totals) == 1
    assert totals.pop() > 0
    either = found(client, "ministry", country=["id:luxembourg", "id:poland"])
    assert {iri for one in either["results"] for iri in one["countries"]} == {ID + "luxembourg", ID + "poland"}


def test_only_labels_of_a_language_are_searched_where_one_is_asked_for(client: FlaskClient) -> None:
    assert "id/germany" in names(found(client, "Deutschland", language="de"))
    assert "id/germany" not in names(found(client, "Deutschland", language="fr"))


def test_pages_follow_one_another(client: FlaskClient) -> None:
    address, seen = "/search?q=mobility&format=json&limit=50", 0
    while address:
        answer = client.get(address).get_json()
        seen += len(answer["results"])
        address = (answer["next"] or "").replace("http://localhost", "")
    assert seen == answer["total"] > 100


def test_everything_that_has_a_label_can_be_found(client: FlaskClient, store: GraphStore) -> None:
    label = ox.NamedNode(SKOS + "prefLabel")
    labelled = {quad.subject for quad in store.quads(predicate=label) if isinstance(quad.subject, ox.NamedNode)}
    assert found(client, "")["total"] >= len(labelled) > 2000


@pytest.mark.parametrize(
    "bad",
    [
        *({"page": "0"}, {"page": "x"}, {"page": "999999"}, {"limit": "0"}, {"limit": "101"}, {"format": "xml"}),
        {"country": ["id:luxembourg"] * 51},
    ],
)
def test_a_parameter_that_means_nothing_is_a_problem(client: FlaskClient, bad: Json, assert_problem: Any) -> None:
    response = client.get("/search", query_string={"q": "a", **bad}, headers={"Accept": "application/json"})
    assert assert_problem(response, 400, "bad-parameter")["parameter"] in bad


# -- the page ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_was_found_in_every_language(client: FlaskClient, language: str) -> None:
    response = client.get(f"/search?q=anefore&lang={language}", headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert f'<html lang="{language}">' in response.text
    assert 'href="/doc/id/anefore' in response.text
    assert 'rel="next"' in response.text
    assert "/sparql?query=" in response.text


def test_accept_decides_between_page_and_json(client: FlaskClient) -> None:
    page = client.get("/search?q=anefore", headers={"Accept": "text/html"})
    data = client.get("/search?q=anefore", headers={"Accept": "application/json"})
    assert (page.mimetype, data.mimetype) == ("text/html", "application/json")
    assert "Accept" in page.headers["Vary"]
    assert page.headers["ETag"] != data.headers["ETag"]
    assert client.get("/search?q=anefore", headers={"Accept": "text/turtle"}).status_code == 406


def test_what_is_asked_is_shown_as_text_only(client: FlaskClient) -> None:
    response = client.get("/search", query_string={"q": '"><script>x</script>'}, headers={"Accept": "text/html"})
    assert "<script>x" not in response.text
    assert "&lt;script&gt;x" in response.text


def test_the_query_behind_the_page_runs(client: FlaskClient) -> None:
    page = client.get("/search?q=anefore+%22board+of%22", headers={"Accept": "text/html"}).text
    link = page.split('href="/sparql?', 1)[1].split('"', 1)[0].replace("&amp;", "&")
    answer = client.get(f"/sparql?{link}&format=json")
    assert answer.status_code == 200, answer.text
    assert answer.get_json(force=True)["results"]["bindings"]


def test_every_page_has_the_box(client: FlaskClient) -> None:
    for path in ("/", "/doc/id/anefore", "/nothing"):
        assert 'action="/search"' in client.get(path, headers={"Accept": "text/html"}).text


# -- the index ---------------------------------------------------------------------------------


def made(label: str = "Sample", *more: ox.Quad, number: int = 1) -> GraphStore:
    subject = ox.NamedNode(ID + "sample")
    graph = ox.NamedNode(BASE + "graph/sample")
    quad = ox.Quad(subject, ox.NamedNode(SKOS + "prefLabel"), ox.Literal(label, language="en"), graph)
    return memory_store([quad, *more], number=number)


def other(text: str) -> ox.Quad:
    """A statement that no search looks at."""
    return ox.Quad(ox.NamedNode(ID + "sample"), ox.NamedNode(DCTERMS + "description"), ox.Literal(text))


def test_versions_with_the_same_labels_share_an_index(tmp_path: Path) -> None:
    first = Index.of(made(number=1), tmp_path)
    second = Index.of(made("Sample", other("changed"), number=2), tmp_path)
    third = Index.of(made("Other", number=3), tmp_path)
    assert first.path == second.path != third.path
    assert first.path.parent == tmp_path / "search"
    assert [find(one, "sample").total for one in (first, second, third)] == [1, 1, 0]


def test_an_index_is_made_once_for_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = made()
    path = Index.of(store, tmp_path).path
    again = GraphStore(store.engine, store.version)
    monkeypatch.setattr("vetgraph.search.index.harvest", lambda store: pytest.fail("the store was read again"))
    assert Index.of(again, tmp_path).path == path


def test_what_belongs_to_no_version_is_removed(tmp_path: Path) -> None:
    first = Index.of(made("One", number=1), tmp_path)
    Index.of(made("Two", number=2), tmp_path)
    assert not first.path.exists()
    assert find(first, "one").total == 1, "an index that is open stays readable"
    names = [path.name for path in (tmp_path / "search").iterdir() if path.name != "lock"]
    assert sorted(name.partition(".")[2] for name in names) == ["", "db"]


def test_a_broken_file_is_no_index(tmp_path: Path) -> None:
    store = made()
    path = Index.of(store, tmp_path).path
    path.unlink()
    assert find(Index.of(GraphStore(store.engine, store.version), tmp_path), "sample").total == 1


def test_a_folder_that_cannot_be_written_to_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever runs this as root may write anywhere, so the system's answer is put into its mouth.
    monkeypatch.setattr("vetgraph.derived.os.access", lambda path, mode: False)
    assert find(Index.of(made(), tmp_path), "sample").total == 1
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_a_folder_is_searched_too() -> None:
    index = Index.of(made("Nowhere"), None)
    assert find(index, "nowhere").total == 1
    assert index.path.parent.name.startswith("vetgraph-search-")


def test_many_threads_search_at_once(tmp_path: Path) -> None:
    labels = [f"word{number} common" for number in range(200)]
    quads = [
        ox.Quad(ox.NamedNode(f"{ID}t{number}"), ox.NamedNode(SKOS + "prefLabel"), ox.Literal(label))
        for number, label in enumerate(labels)
    ]
    index, faults = Index.of(memory_store(quads), tmp_path), list[str]()

    def ask(number: int) -> None:
        for at in range(number, 200, 8):
            page = find(index, f"word{at} common", Wish(limit=1))
            if page.hits[0].iri != f"{ID}t{at}" or find(index, "common").total != 200:
                faults.append(str(at))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_the_benchmark_measures_beside_its_peer(root: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.search", "--labels", "1600", "--questions", "8", "--scans", "1"]
    told = subprocess.run([*command, "--out", str(tmp_path / "figures.json")], cwd=root, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    rows = json.loads((tmp_path / "figures.json").read_text())["rows"]
    assert {row["kind"] for row in rows} >= {"a whole name", "a name with a slip", "reconcile a whole name"}
    assert all(row["median"] > 0 and row["scan"] > 0 for row in rows)
    assert all(row["found"] >= 1 for row in rows if "narrowed" not in row["kind"])


def test_the_index_is_an_ordinary_database(tmp_path: Path) -> None:
    path = Index.of(made(), tmp_path).path
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT text, language, role FROM labels").fetchall() == [("Sample", "en", "preferred")]
    connection.close()


def test_a_store_of_other_data_is_searched(tmp_path: Path) -> None:
    name = ox.NamedNode("http://xmlns.com/foaf/0.1/name")
    quads = [ox.Quad(ox.NamedNode("http://example.org/ø"), name, ox.Literal("Ærø Øresund"))]
    client = create_app(Settings(store=tmp_path), memory_store(quads)).test_client()
    answer = found(client, "aero oresund")
    assert [(one["iri"], one["url"]) for one in answer["results"]] == [("http://example.org/ø", "http://example.org/ø")]
    assert client.get(f"/search?q={quote('ærø')}", headers={"Accept": "text/html"}).status_code == 200


def test_a_write_that_touches_no_label_leaves_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(quad: ox.Quad) -> Index:
        with Writer.open(tmp_path) as writer:
            writer.commit(Delta(added=(quad,)), Intent("update", "tester"))
        return Index.of(open_store(tmp_path), tmp_path)

    def label(property_: str, text: str) -> ox.Quad:
        return ox.Quad(ox.NamedNode(ID + "sample"), ox.NamedNode(SKOS + property_), ox.Literal(text))

    first = write(label("prefLabel", "Alpha"))
    with monkeypatch.context() as patched:
        patched.setattr("vetgraph.search.index.harvest", lambda store: pytest.fail("the store was read again"))
        assert write(other("Of no use")).path == first.path
        assert write(other("Of no use either")).path == first.path
    last = write(label("altLabel", "Omega"))
    assert last.path != first.path
    assert [find(one, "omega").total for one in (first, last)] == [0, 1]


def test_a_new_version_is_searched_at_once(writable: Any) -> None:
    def total() -> int:
        return int(json.loads(writable.get("/search?q=zebrafinch&format=json").data)["total"])

    assert total() == 0
    writable.update(f'INSERT DATA {{ <urn:g> {{}} <{ID}z> <{SKOS}prefLabel> "Zebrafinch" }}'.replace("<urn:g> {} ", ""))
    assert total() == 1
    writable.update("CLEAR ALL")
    assert total() == 0
