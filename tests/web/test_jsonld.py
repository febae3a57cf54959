"""JSON-LD over HTTP: profiles, and the addresses of contexts, frames and schemas."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from pyld import jsonld as pyld

from vetgraph import jsonld
from vetgraph.jsonld.model import model
from vetgraph.vocab import BASE

Problem = Callable[..., dict[str, Any]]

LAW = "/doc/id/law-lu-2017-06-22"


@pytest.fixture
def loader(client: FlaskClient) -> Callable[..., dict[str, Any]]:
    """Fetches contexts from the service, and from nowhere else."""

    def load(address: str, _options: object) -> dict[str, Any]:
        answer = client.get(address.removeprefix("http://localhost"))
        assert address.startswith("http://localhost/context/")
        assert answer.mimetype == "application/ld+json"
        document = answer.get_json(force=True)
        return {"contentType": answer.mimetype, "contextUrl": None, "documentUrl": address, "document": document}

    return load


def accept(profile: str) -> dict[str, str]:
    return {"Accept": f'application/ld+json;profile="{profile}"'}


@pytest.mark.parametrize("profile", jsonld.PROFILES)
def test_a_profile_is_had_by_accept_and_by_address(client: FlaskClient, profile: str) -> None:
    by_header = client.get(LAW, headers=accept(profile))
    assert by_header.status_code == 200
    assert by_header.mimetype == "application/ld+json"
    assert by_header.mimetype_params["profile"] == profile
    assert "Accept" in by_header.headers["Vary"]
    assert client.get(f"{LAW}.jsonld?profile={quote(profile)}").data == by_header.data


def test_without_a_profile_a_document_is_compacted(client: FlaskClient) -> None:
    assert client.get(f"{LAW}.jsonld").data == client.get(LAW, headers=accept(jsonld.COMPACTED)).data


def test_a_framed_document_is_read_with_its_context_and_fits_its_schema(
    client: FlaskClient, loader: Callable[..., dict[str, Any]]
) -> None:
    answer = client.get(LAW, headers=accept(jsonld.FRAMED))
    framed = answer.get_json(force=True)
    assert framed["@context"] == f"http://localhost{jsonld.context_address()}"
    (expanded,) = pyld.expand(framed, {"documentLoader": loader})
    assert expanded["https://w3id.org/vetgraph/ontology#actDate"][0]["@value"] == "2017-06-22"
    schema = client.get("/schemas/LegalAct.json")
    assert schema.mimetype == "application/schema+json"
    Draft202012Validator(schema.get_json(force=True)).validate(framed)
    assert (
        '<http://localhost/schemas/LegalAct.json>; rel="describedby"; type="application/schema+json"'
        in answer.headers["Link"]
    )


def test_the_published_frame_gives_the_framed_document(
    client: FlaskClient, loader: Callable[..., dict[str, Any]]
) -> None:
    frame = client.get("/frames/LegalAct.jsonld").get_json(force=True) | {"id": BASE + "id/law-lu-2017-06-22"}
    document = client.get(f"{LAW}.jsonld").get_json(force=True)
    theirs = pyld.frame(document, frame, {"documentLoader": loader})
    ours = client.get(LAW, headers=accept(jsonld.FRAMED)).get_json(force=True)
    for name in ("id", "type", "prefLabel", "actDate", "actType", "amendsAct", "jurisdiction"):
        assert theirs[name] == ours[name], name


def test_versions_of_the_context_may_be_kept_for_ever(client: FlaskClient) -> None:
    newest = client.get("/context.jsonld")
    fixed = client.get(jsonld.context_address())
    assert newest.data == fixed.data
    assert "immutable" in fixed.headers["Cache-Control"]
    assert "immutable" not in newest.headers["Cache-Control"]
    assert newest.mimetype_params["profile"] == "http://www.w3.org/ns/json-ld#context"
    assert json.loads(fixed.data)["@context"]["@version"] == 1.1


def test_what_is_not_there_is_told_with_what_is(client: FlaskClient, assert_problem: Problem) -> None:
    assert "/context/1.jsonld" in assert_problem(client.get("/context/999.jsonld"), 404)["detail"]
    for address in ("/frames/Nonsense.jsonld", "/schemas/Nonsense.json"):
        assert "LegalAct" in assert_problem(client.get(address), 404)["detail"]


def test_every_class_has_its_addresses(client: FlaskClient) -> None:
    for name in model().classes:
        assert client.get(f"/schemas/{name}.json").get_json(force=True)["$id"] == f"{BASE}schemas/{name}.json"
        assert client.get(f"/frames/{name}.jsonld").status_code == 200


@pytest.mark.parametrize(
    "address", ["https://w3id.org/vetgraph/context.jsonld", f"http://localhost{jsonld.context_address()}"]
)
def test_data_that_name_our_context_can_be_judged(client: FlaskClient, address: str) -> None:
    framed = client.get(LAW, headers=accept(jsonld.FRAMED)).get_json(force=True) | {"@context": address}
    answer = client.post(
        "/validate?context=none&format=json",
        data=json.dumps(framed),
        content_type="application/ld+json",
        headers={"Host": "localhost"},
    )
    assert answer.status_code == 200, answer.text
