"""Caches: conditions that hold, ages that are true, and what each address lets caches do; for every route there is.

The matrix asks each route for its tag and its 304; here is what takes more than one version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from vetgraph.settings import Settings
from vetgraph.versions import version_at
from vetgraph.web import create_app, openapi
from vetgraph.web.memento import has_past
from vetgraph.web.state import state_of

Problem = Callable[..., dict[str, Any]]
EARLY = "Sat, 01 Jan 2000 00:00:00 GMT"
RULES = {
    "public, max-age=0, must-revalidate, s-maxage=10": "what is read now",
    "public, max-age=0, must-revalidate": "answers to queries, and files that pages link to",
    "public, max-age=86400": "what an address says of an old version",
    "public, max-age=31536000, immutable": "what never changes",
}
"""What Cache-Control may say of an answer that may be kept."""


@pytest.fixture
def reader(elder: Flask) -> FlaskClient:
    return elder.test_client()


# -- every route ---------------------------------------------------------------------------------------------


CHOSEN: Mapping[str, str] = {
    "/api/queries/{name}": "/api/queries/areas-without-evaluation",
    "/api/queries/{name}.{suffix}": "/api/queries/areas-without-evaluation.csv",
    "/search": "/search?q=anefore",
    "/reconcile/preview": "/reconcile/preview?id=id/anefore",
    "/reconcile/flyout/entity": "/reconcile/flyout/entity?id=id/anefore",
    "/reconcile/flyout/type": "/reconcile/flyout/type?id=vet:LegalAct",
    "/reconcile/flyout/property": "/reconcile/flyout/property?id=vet:inCountry",
}
"""Addresses for routes that want more than their examples say."""

ELSEWHERE = ("/sparql", "/store", "/queries/running", "/dump", "/catalog", "/.well-known/void")
"""Routes that start workers, write files or count everything for each version: asked once, by the matrix."""


def routes() -> list[tuple[str, str]]:
    """Return each route whose answer may be kept, with an address of it by the examples of the OpenAPI document."""
    app = create_app(Settings())
    with app.test_request_context("/"):
        paths = openapi.document(app, Settings(), "http://localhost")["paths"]
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    found = []
    for path in sorted({address for rule in rules for address in openapi.addresses(rule)}):
        told = paths.get(path, {}).get("get", {"responses": {}})
        if "ETag" in told["responses"].get("200", {}).get("headers", {}) and not path.startswith(ELSEWHERE):
            address = path
            for one in told.get("parameters", []):
                if one["in"] == "path":
                    address = address.replace(f"{{{one['name']}}}", str(one["example"]))
            found.append((path, CHOSEN.get(path, address)))
    return found


EVERY = pytest.mark.parametrize("address", [pytest.param(address, id=path) for path, address in routes()])


def test_no_route_is_forgotten(app: Flask) -> None:
    assert len(routes()) > 30
    assert {"/doc/{path}", "/ldes/{page}", "/timemap/{rest}", "/", "/openapi.json"} <= {path for path, _ in routes()}


@EVERY
def test_every_route_keeps_to_the_rules(reader: FlaskClient, assert_problem: Problem, address: str) -> None:
    first = reader.get(address)
    assert first.status_code == 200, first.text
    assert re.fullmatch(r'"v\d+-[0-9a-f-]+[a-z]*"', first.headers["ETag"])
    assert first.headers["Cache-Control"] in RULES
    tag, date = first.headers["ETag"], first.headers["Last-Modified"]
    before = format_datetime(parsedate_to_datetime(date) - timedelta(seconds=1), usegmt=True)
    # RFC 9110 section 13.2.2: what is expected comes first, tags win over dates.
    for headers, status in (
        ({"If-Match": '"other"'}, 412),
        ({"If-Unmodified-Since": before}, 412),
        ({"If-Unmodified-Since": date, "If-None-Match": tag}, 304),
    ):
        reply = reader.get(address, headers=headers)
        assert reply.status_code == status, (headers, reply.text)
        if status == 412:
            assert_problem(reply, 412, "precondition-failed")
            assert reply.headers["Cache-Control"] == "no-store"


@EVERY
def test_every_route_with_a_past_is_read_as_it_was(elder: Flask, reader: FlaskClient, address: str) -> None:
    endpoint, _ = elder.url_map.bind("localhost").match(address.partition("?")[0])
    path = f"{address}{'&' if '?' in address else '?'}"
    then = reader.head(f"{path}at=1")
    if not has_past(endpoint):
        assert "Memento-Datetime" not in then.headers
        assert "accept-datetime" not in then.headers.get("Vary", "").lower()
        return
    assert then.status_code == 200, then.text
    assert then.headers["Vetgraph-Version"] == "1"
    assert then.headers["ETag"].startswith('"v1-')
    assert then.headers["Cache-Control"] == "public, max-age=86400"
    assert "accept-datetime" not in then.headers.get("Vary", "").lower()
    born = version_at(state_of(elder).settings.store, 1).built
    assert parsedate_to_datetime(then.headers["Memento-Datetime"]) == born
    assert parsedate_to_datetime(then.headers["Last-Modified"]) == born
    led = reader.get(address, headers={"Accept-Datetime": EARLY})
    assert led.status_code == 302
    assert led.headers["Location"] == f"http://localhost{path}at=1"
    assert led.headers["Vary"] == "Accept-Datetime"


def test_expectations_are_judged_in_their_order(reader: FlaskClient) -> None:
    first = reader.get("/doc/id/epos.ttl")
    tag = first.headers["ETag"]
    for headers, status in (
        ({"If-Match": f"W/{tag}"}, 412),  # strongly compared
        ({"If-Match": f'"other", {tag}', "If-Unmodified-Since": EARLY}, 200),
        ({"If-Match": "*", "If-None-Match": f"W/{tag}"}, 304),
        ({"If-None-Match": '"other"', "If-Modified-Since": first.headers["Last-Modified"]}, 200),
        ({"If-Unmodified-Since": "no date", "If-Modified-Since": "no date"}, 200),
    ):
        assert reader.get("/doc/id/epos.ttl", headers=headers).status_code == status, headers


# -- ages ---------------------------------------------------------------------------------------------------------


def dated(aged: Path, number: int) -> str:
    return format_datetime(version_at(aged, number).built, usegmt=True)


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("/doc/id/luxembourg-city.ttl", 1),
        ("/doc/scheme/role/funds.ttl", 1),
        ("/doc/id/menje.ttl", 3),
        ("/doc/id/anefore.ttl", 3),  # mentions the one that was renamed
        ("/doc/id/anefore.nt", 3),
        ("/doc/id/epos.jsonld", 5),
        ("/doc/graph/curation.ttl", 5),
        ("/doc/version/3.ttl", 3),
        ("/ontology.ttl", 1),
        ("/shapes.nt", 1),
        ("/feed.atom", 5),
        ("/changes/3", 3),
    ],
)
def test_the_age_is_that_of_the_last_change(reader: FlaskClient, aged: Path, address: str, number: int) -> None:
    reply = reader.get(address)
    assert reply.headers["Last-Modified"] == dated(aged, number)
    assert reply.headers["ETag"].startswith(f'"v{number}-')
    reply.close()
    assert reader.get(address, headers={"If-Modified-Since": dated(aged, number)}).status_code == 304


def test_an_old_version_has_the_age_of_then(reader: FlaskClient, aged: Path) -> None:
    for at, number in ((1, 1), (3, 3), (4, 3), (5, 3)):
        assert reader.head(f"/doc/id/menje.ttl?at={at}").headers["Last-Modified"] == dated(aged, number)


def test_a_tag_outlives_versions_that_changed_nothing_of_it(reader: FlaskClient) -> None:
    tags = {at: reader.head(f"/doc/id/menje.ttl?at={at}").headers["ETag"] for at in (1, 3, 4, 5)}
    assert tags[3] == tags[4] == tags[5] != tags[1]


def test_a_language_in_the_address_is_nothing_to_vary_by(reader: FlaskClient) -> None:
    assert "Accept-Language" in reader.head("/sources").headers["Vary"]
    assert "Accept-Language" not in reader.head("/sources?lang=fr").headers["Vary"]


def test_shared_caches_ask_as_often_as_the_setting_says(aged: Path) -> None:
    for seconds, rule in ((0, "public, max-age=0, must-revalidate"), (90, RULES_OF_90)):
        reply = create_app(Settings(store=aged, shared_age=seconds)).test_client().head("/doc/id/menje.ttl")
        assert reply.headers["Cache-Control"] == rule


RULES_OF_90 = "public, max-age=0, must-revalidate, s-maxage=90"


def test_problems_are_not_kept(reader: FlaskClient) -> None:
    for address in ("/nothing", "/doc/id/nobody", "/actors?at=99", "/changes/99"):
        reply = reader.get(address)
        assert reply.status_code == 404
        assert reply.headers["Cache-Control"] == "no-store"
        assert "Accept" in reply.headers["Vary"]


def test_files_that_pages_link_to_stay(reader: FlaskClient) -> None:
    for address, stays in (("/static/style.css?v=1", True), ("/static/style.css", False)):
        with reader.get(address) as reply:
            assert ("immutable" in reply.headers["Cache-Control"]) is stays
