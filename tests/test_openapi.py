"""The OpenAPI document is valid, complete against the routes and the tree of errors, and true of real answers."""

from __future__ import annotations

import http.client
import json
import re
from urllib.parse import urlencode

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from vetgraph import errors, media
from vetgraph.settings import Settings
from vetgraph.web import openapi
from vetgraph.web.openapi import Json

NOT_DESCRIBED = {"static"}
"""Endpoints that are neither pages nor for machines: files that pages link to."""


@pytest.fixture(scope="module")
def described(app: Flask) -> Json:
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert "ETag" in answer.headers
    found: Json = json.loads(answer.text)
    return found


def operations(described: Json) -> list[tuple[str, str, Json]]:
    return [(path, method, one) for path, item in described["paths"].items() for method, one in item.items()]


def test_the_document_is_valid_openapi_3_1(described: Json) -> None:
    assert described["openapi"].startswith("3.1")
    validate(described)


def test_every_route_is_described_with_every_method(app: Flask, described: Json) -> None:
    missing = [
        f"{method} {address}"
        for rule in app.url_map.iter_rules()
        if rule.endpoint not in NOT_DESCRIBED
        for address in openapi.addresses(rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if method.lower() not in described["paths"].get(address, {})
    ]
    assert missing == []


def test_every_address_described_is_a_route(app: Flask, described: Json) -> None:
    routes = {
        address: rule.methods or set() for rule in app.url_map.iter_rules() for address in openapi.addresses(rule)
    }
    for rule in app.url_map.iter_rules():
        for address in openapi.addresses(rule):
            routes[address] = routes[address] | (rule.methods or set())
    strange = [
        f"{method} {path}" for path, method, _ in operations(described) if method.upper() not in routes.get(path, set())
    ]
    assert strange == []


def test_every_parameter_in_a_path_is_described(described: Json) -> None:
    for path, method, operation in operations(described):
        told = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert told == set(re.findall(r"{(\w+)}", path)), f"{method} {path}"


def test_every_problem_that_a_request_can_meet_is_described(described: Json) -> None:
    text = json.dumps(described["paths"])
    unseen = {errors.SettingsError, errors.ContentError}
    for kind in openapi.kinds():
        assert kind not in unseen
        schema = described["components"]["schemas"][kind.slug]
        assert schema["properties"]["status"]["const"] == kind.status
        assert f'"#/components/schemas/{kind.slug}"' in text, f"no operation answers {kind.slug}"


def test_every_fact_of_an_error_is_a_described_member(described: Json) -> None:
    for kind in openapi.kinds():
        told = re.search(r"Facts: (.*)", " ".join((kind.__doc__ or "").split()))
        members = described["components"]["schemas"][kind.slug]["properties"]
        for name in re.findall(r"[a-z_]+", re.sub(r"\([^)]*\)", "", told[1])) if told else []:
            assert name in members, f"{kind.__name__}: {name}"
            assert name in openapi.FACTS, f"{kind.__name__}: {name}"


def test_every_format_is_described_where_it_is_offered(described: Json) -> None:
    content = described["paths"]["/sparql"]["get"]["responses"]["200"]["content"]
    assert set(content) == {kind.type for kind in media.TABLE}


def test_writes_need_a_token_and_reads_do_not(described: Json) -> None:
    assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    for method in ("put", "post", "patch", "delete"):
        assert described["paths"]["/store"][method]["security"] == [{"bearer": []}]
        assert "401" in described["paths"]["/store"][method]["responses"]
    assert {} in described["paths"]["/sparql"]["post"]["security"]
    assert "security" not in described["paths"]["/sparql"]["get"]


def test_limits_are_those_of_the_settings(app: Flask) -> None:
    with app.test_request_context("/"):
        found = openapi.document(app, Settings(query_timeout=7, query_timeout_max=9), "http://localhost")
    timeout = next(one for one in found["paths"]["/sparql"]["get"]["parameters"] if one["name"] == "timeout")
    assert timeout["schema"]["default"] == 7
    assert "9 at most" in timeout["description"]


def test_names_of_operations_are_unique(described: Json) -> None:
    names = [operation["operationId"] for _, _, operation in operations(described)]
    assert len(names) == len(set(names))


ASK = "ASK { ?s ?p ?o }"
TURTLE = {"Content-Type": "text/turtle"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SERVICE = "SELECT * { SERVICE <http://127.0.0.1:9/> {} }"
SAID: list[tuple[str, str, dict[str, str], dict[str, str], bytes | None, int]] = [
    ("get", "/sparql", {"query": ASK}, {}, None, 200),
    ("get", "/sparql", {"query": "SELECT * { ?s ?p ?o } LIMIT 2"}, {}, None, 200),
    ("get", "/sparql", {"query": "DESCRIBE <https://w3id.org/vetgraph/id/anefore>"}, {}, None, 200),
    ("get", "/sparql", {}, {"Accept": "text/html"}, None, 200),
    ("get", "/sparql", {"query": "SELECT"}, {}, None, 400),
    ("get", "/sparql", {"query": ASK, "at": "x"}, {}, None, 400),
    ("get", "/sparql", {"query": ASK, "at": "999999"}, {}, None, 404),
    ("get", "/sparql", {"query": ASK}, {"Accept": "image/png"}, None, 406),
    ("get", "/sparql", {"query": SERVICE}, {}, None, 403),
    ("post", "/sparql", {}, {"Content-Type": "application/x-www-form-urlencoded"}, b"update=CLEAR+ALL", 403),
    ("post", "/sparql", {}, {"Content-Type": "text/plain"}, b"?", 415),
    ("get", "/store", {"graph": "https://w3id.org/vetgraph/graph/curation"}, {}, None, 200),
    ("get", "/store", {"graph": "https://w3id.org/vetgraph/graph/none"}, {}, None, 404),
    ("get", "/store", {}, {}, None, 400),
    ("put", "/store", {"default": ""}, TURTLE, b"", 403),
    ("delete", "/store", {"default": ""}, {}, None, 403),
    ("get", "/queries/running", {}, {}, None, 403),
    ("delete", "/queries/running/{id}", {}, {}, None, 404),
    ("post", "/validate", {}, TURTLE, b"<a:a> <a:b>", 400),
    ("post", "/validate", {"format": "json"}, TURTLE, b"<a:a> <a:b> <a:c> .", 200),
    ("get", "/readyz", {}, {}, None, 200),
    ("get", "/search", {"q": "anefore", "format": "json"}, {}, None, 200),
    ("get", "/search", {"q": "anefore"}, {"Accept": "text/html"}, None, 200),
    ("get", "/search", {"limit": "0"}, {}, None, 400),
    ("get", "/search", {}, {"Accept": "image/png"}, None, 406),
    ("get", "/reconcile", {}, {}, None, 200),
    ("get", "/reconcile", {"queries": '{"q0": {"query": "Anefore"}}'}, {}, None, 200),
    ("post", "/reconcile", {}, FORM, b'extend={"ids":["id/anefore"],"properties":[{"id":"country"}]}', 200),
    ("post", "/reconcile", {}, FORM, b"queries=[]", 400),
    ("get", "/reconcile/suggest/type", {"prefix": "a"}, {}, None, 200),
    ("get", "/reconcile/flyout/entity", {"id": "id/anefore"}, {}, None, 200),
    ("get", "/reconcile/preview", {"id": "id/nobody"}, {}, None, 404),
    ("get", "/reconcile/properties", {"type": "vet:LegalAct"}, {}, None, 200),
]


@pytest.mark.parametrize(("method", "path", "parameters", "headers", "body", "status"), SAID)
def test_answers_are_as_described(
    server_url: str,
    described: Json,
    method: str,
    path: str,
    parameters: dict[str, str],
    headers: dict[str, str],
    body: bytes | None,
    status: int,
) -> None:
    connection = http.client.HTTPConnection(server_url.partition("//")[2], timeout=30)
    address = path.replace("{id}", "nothing-of-that-name") + ("?" + urlencode(parameters) if parameters else "")
    connection.request(method.upper(), address, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    assert answer.status == status, text
    told = described["paths"][path][method]["responses"][str(status)]
    for name, header in told.get("headers", {}).items():
        assert name in answer.headers or not header.get("required")
    kind = (answer.headers["Content-Type"] or "").partition(";")[0]
    content = told["content"][kind]
    if kind.endswith("json"):
        schema = {**content["schema"], "components": described["components"]}
        assert list(Draft202012Validator(schema).iter_errors(json.loads(text))) == []
