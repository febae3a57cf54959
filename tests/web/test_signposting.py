"""FAIR Signposting: typed links of pages and documents, and the same links as sets (RFC 9264)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.http import parse_options_header

from vetgraph.vocab import BASE

Problem = Callable[..., dict[str, Any]]
Links = dict[str, list[tuple[str, str]]]

HERE = "http://localhost"


def links(header: str) -> Links:
    """The links of a header by relation: address, media type."""
    found: Links = {}
    for value in header.split(", <"):
        target, _, rest = value.lstrip("<").partition(">")
        options = parse_options_header("x" + rest)[1]
        found.setdefault(options["rel"], []).append((target, options.get("type", "")))
    return found


def of(client: FlaskClient, address: str, accept: str = "*/*") -> Links:
    answer = client.get(address, headers={"Accept": accept})
    assert answer.status_code == 200
    return links(answer.headers["Link"])


def test_a_page_is_the_landing_page_of_its_thing(client: FlaskClient) -> None:
    found = of(client, "/doc/id/anefore", "text/html")
    assert found["cite-as"] == [(BASE + "id/anefore", "")]
    assert found["author"] == [(BASE + "id/vetgraph-project", "")]
    assert found["license"] == [("https://creativecommons.org/licenses/by/4.0/", "")]
    assert found["item"] == [(f"{HERE}/doc/id/anefore.trig", "application/trig")]
    assert (f"{HERE}/doc/id/anefore.ttl", "text/turtle") in found["describedby"]
    kinds = {kind for kind, _ in found["type"]}
    assert kinds > {"https://schema.org/AboutPage", BASE + "ontology#NationalAgency"}
    assert found["canonical"] == [(f"{HERE}/doc/id/anefore", "")]


@pytest.mark.parametrize("address", ["/doc/id/anefore", "/doc/scheme/role/funds", "/doc/dataset", "/about"])
def test_what_a_page_links_to_is_there_and_of_that_type(client: FlaskClient, address: str) -> None:
    found = of(client, address, "text/html")
    for relation in ("describedby", "item", "linkset", "alternate", "collection"):
        for target, type_ in found.get(relation, []):
            answer = client.head(target.removeprefix(HERE), headers={"Accept": type_})
            assert answer.status_code == 200, target
            assert answer.mimetype == type_, target
    (cited,) = found["cite-as"]
    assert client.get(cited[0].replace(BASE, "/")).status_code == 303


@pytest.mark.parametrize("suffix", ["ttl", "jsonld", "nt", "rdf", "trig", "nq"])
def test_a_document_links_back_to_thing_and_page(client: FlaskClient, suffix: str) -> None:
    found = of(client, f"/doc/id/anefore.{suffix}")
    assert found["describes"] == found["cite-as"] == [(BASE + "id/anefore", "")]
    assert found["collection"] == [(f"{HERE}/doc/id/anefore", "text/html")]
    assert "item" not in found
    assert (f"{HERE}/schemas/NationalAgency.json", "application/schema+json") in found["describedby"]


def test_the_dataset_s_page_links_to_its_files(client: FlaskClient) -> None:
    found = of(client, "/about")
    assert found["cite-as"] == [(BASE + "dataset", "")]
    assert (f"{HERE}/dump.trig.gz", "application/gzip") in found["item"]
    assert {target.partition("?")[0] for target, _ in found["describedby"]} == {
        f"{HERE}/.well-known/void",
        f"{HERE}/catalog",
    }
    assert ("https://schema.org/Dataset", "") in found["type"]


@pytest.mark.parametrize("address", ["/", "/actors", "/queries"])
def test_other_pages_say_licence_author_and_type(client: FlaskClient, address: str) -> None:
    found = of(client, address)
    assert {"license", "author", "type", "canonical"} <= set(found)
    assert found["canonical"] == [(HERE + address, "")]


def test_a_link_set_has_what_the_headers_say(client: FlaskClient) -> None:
    answer = client.get("/linkset/id/anefore.json")
    assert answer.mimetype == "application/linkset+json"
    anchors = {one["anchor"]: one for one in answer.get_json(force=True)["linkset"]}
    page = anchors[f"{HERE}/doc/id/anefore"]
    header = of(client, "/doc/id/anefore", "text/html")
    for relation in ("cite-as", "describedby", "item", "license", "author", "type", "alternate"):
        assert [(one["href"], one.get("type", "")) for one in page[relation]] == header[relation], relation
    turtle = anchors[f"{HERE}/doc/id/anefore.ttl"]
    assert turtle["describes"] == [{"href": BASE + "id/anefore"}]
    assert turtle["collection"] == [{"href": f"{HERE}/doc/id/anefore", "type": "text/html"}]


def test_both_forms_of_a_link_set_say_the_same(client: FlaskClient) -> None:
    text = client.get("/linkset/id/anefore.txt")
    assert text.mimetype == "application/linkset"
    said = {line.rstrip(",") for line in text.text.splitlines()}
    sets = client.get("/linkset/id/anefore.json").get_json(force=True)["linkset"]
    expected = set()
    for one in sets:
        for relation, targets in one.items():
            for target in targets if relation != "anchor" else ():
                type_ = f'; type="{target["type"]}"' if "type" in target else ""
                expected.add(f'<{target["href"]}>; rel="{relation}"{type_}; anchor="{one["anchor"]}"')
    assert said == expected


def test_the_dataset_s_link_set_has_every_file(client: FlaskClient) -> None:
    sets = client.get("/linkset/about.json").get_json(force=True)["linkset"]
    items = {one["href"] for one in sets[0]["item"]}
    assert {f"{HERE}/dump.nq.gz", f"{HERE}/dump/curation.ttl.gz", f"{HERE}/dump/shapes.ttl"} <= items
    assert {one["anchor"] for one in sets[1:]} == items


@pytest.mark.parametrize("address", ["/linkset/id/nobody.json", "/linkset/id/a%20b%3Cc.txt", "/linkset/nothing.json"])
def test_what_is_not_known_has_no_link_set(client: FlaskClient, assert_problem: Problem, address: str) -> None:
    assert_problem(client.get(address), 404)
