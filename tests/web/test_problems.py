"""One shape for every error; a page for browsers; nothing of the inside."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from vetgraph import errors
from vetgraph.settings import Settings
from vetgraph.web import create_app

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def leaves(kind: type[errors.VetgraphError]) -> list[type[errors.VetgraphError]]:
    # What other modules derive for themselves stays inside: no client meets it under a name of its own.
    told = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [kind, *(leaf for child in told for leaf in leaves(child))]


@pytest.mark.parametrize("kind", leaves(errors.VetgraphError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_page_that_explains_it(client: FlaskClient, kind: type[errors.VetgraphError]) -> None:
    page = client.get(f"/problems/{kind.slug}", headers=BROWSER)
    assert page.status_code == 200
    assert kind.title in html.unescape(page.text)
    assert kind.__doc__
    assert kind.__name__ in (errors.__doc__ or "")


def test_http_s_own_errors_are_explained_too(client: FlaskClient, assert_problem: Callable[..., Any]) -> None:
    problem = assert_problem(client.delete("/sparql"), 405)
    assert client.get(problem["type"], headers=BROWSER).status_code == 200
    assert_problem(client.get("/problems/no-such-problem"), 404, "not-found")


def test_slugs_are_unique() -> None:
    slugs = [kind.slug for kind in leaves(errors.VetgraphError)]
    assert len(slugs) == len(set(slugs))


def test_a_browser_gets_a_page(client: FlaskClient) -> None:
    page = client.get("/id/nobody", headers=BROWSER)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "nobody" in page.text


def test_an_unforeseen_fault_shows_a_number_and_nothing_else(
    config: Settings, assert_problem: Callable[..., Any]
) -> None:
    app: Flask = create_app(config)

    @app.get("/fault")
    def fault() -> str:
        raise ZeroDivisionError("secret detail")

    response = app.test_client().get("/fault")
    problem = assert_problem(response, 500, "internal-error")
    assert problem["number"] in problem["detail"]
    assert "secret" not in response.text


def test_a_body_over_the_limit_is_413(config: Settings, assert_problem: Callable[..., Any]) -> None:
    small = create_app(Settings(store=config.store, max_body=1000))
    response = small.test_client().post("/sparql", data={"query": "ASK {}" + " " * 2000})
    assert_problem(response, 413, "too-large")


def test_without_a_snapshot_reading_is_a_problem_and_not_ready(
    tmp_path: Any, assert_problem: Callable[..., Any]
) -> None:
    client = create_app(Settings(store=tmp_path)).test_client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 503
    assert "vetgraph build" in assert_problem(client.get("/sparql?query=ASK{}"), 404)["detail"]


def test_answers_carry_the_protective_headers(client: FlaskClient) -> None:
    page = client.get("/", headers=BROWSER)
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    document = client.get("/doc/id/anefore.ttl")
    assert document.headers["Access-Control-Allow-Origin"] == "*"
    assert document.headers["Vetgraph-Version"] == "1"
    preflight = client.options("/validate")
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in preflight.headers["Access-Control-Allow-Headers"]
