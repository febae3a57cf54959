"""Reconciliation: what the specification asks for, held against schemas, and a session of OpenRefine."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask.testing import FlaskClient

from tests.web import reconciliation as schemas
from tests.web.reconciliation import faults
from vetgraph.search.queries import BATCH
from vetgraph.vocab import BASE, LANGUAGES

Json = dict[str, Any]

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def asked(client: FlaskClient, **queries: Any) -> dict[str, list[Json]]:
    """The candidates of some queries; a text stands for a query with nothing else."""
    batch = {name: {"query": one} if isinstance(one, str) else one for name, one in queries.items()}
    assert faults(batch, schemas.QUERIES) == []
    response = client.post("/reconcile", data={"queries": json.dumps(batch)})
    assert response.status_code == 200, response.text
    answer = response.get_json()
    assert faults(answer, schemas.RESULTS) == []
    assert list(answer) == list(batch)
    return {name: one["result"] for name, one in answer.items()}


def best(client: FlaskClient, query: Any) -> Json:
    return asked(client, q=query)["q"][0]


def got(client: FlaskClient, path: str, schema: Json, **parameters: Any) -> Json:
    response = client.get(f"/reconcile{path}", query_string=parameters)
    assert response.status_code == 200, response.text
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    answer: Json = response.get_json()
    assert faults(answer, schema) == []
    return answer


# -- the manifest -------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_manifest_is_valid(client: FlaskClient, language: str) -> None:
    manifest = got(client, "", schemas.MANIFEST, lang=language)
    assert manifest["versions"] == ["0.2"]
    assert manifest["identifierSpace"] == BASE
    assert manifest["batchSize"] == BATCH
    assert {"vet:Organisation", "vet:Country"} <= {one["id"] for one in manifest["defaultTypes"]}


def test_every_address_of_the_manifest_answers(client: FlaskClient) -> None:
    manifest = got(client, "", schemas.MANIFEST)

    def local(address: str, name: str = "id/anefore") -> str:
        assert address.startswith("http://localhost/")
        return address.removeprefix("http://localhost").replace("{{id}}", name).replace("${id}", name)

    whole = quote("id/anefore", safe="")
    for address in (manifest["view"]["url"], manifest["preview"]["url"]):
        assert client.get(local(address, whole), headers={"Accept": "text/html"}).status_code == 200
    for service in manifest["suggest"].values():
        assert client.get(local(service["service_url"] + service["service_path"]) + "?prefix=a").status_code == 200
        flyout = service["flyout_service_url"] + service["flyout_service_path"]
        assert client.get(local(flyout, "vet:Actor")).status_code == 200
    proposals = manifest["extend"]["propose_properties"]
    assert client.get(local(proposals["service_url"] + proposals["service_path"])).status_code == 200


# -- matching -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("Anefore", "id/anefore"),
        ("Germany", "id/germany"),
        ("Deutschland", "id/germany"),
        ("Allemagne", "id/germany"),
        ("DUITSLAND", "id/germany"),
        ("belgie", "id/belgium"),
        ("BMBF", "id/bmbf"),
        ("European Commssion", "id/european-commission"),
        ("Albattis", "id/albatts"),
        ("id/anefore", "id/anefore"),
        (BASE + "id/anefore", "id/anefore"),
        ("id:anefore", "id/anefore"),
    ],
)
def test_a_name_in_any_language_an_acronym_or_a_known_misspelling_is_a_match(
    client: FlaskClient, name: str, identifier: str
) -> None:
    found = best(client, name)
    assert (found["id"], found["match"]) == (identifier, True)
    assert found["score"] > 90


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("Anefroe", "id/anefore"),
        ("Europen Commision", "id/european-commission"),
        ("Luxembuorg", "id/luxembourg"),
        ("ministry of edcation", "id/menje"),
        ("Commission, European", "id/european-commission"),
    ],
)
def test_a_slip_of_the_pen_is_the_best_candidate_but_no_match(client: FlaskClient, name: str, identifier: str) -> None:
    found = best(client, name)
    assert found["id"] == identifier
    assert 60 < found["score"] < 100 or "," in name
    assert found["match"] is ("," in name and found["score"] == 100)


def test_candidates_stand_in_the_order_of_their_scores(client: FlaskClient) -> None:
    for several in asked(client, a="ministry", b="mobility", c="erasmus", d="guidance service").values():
        scores = [one["score"] for one in several]
        assert scores == sorted(scores, reverse=True)
        assert 0 < scores[-1] <= scores[0] <= 100
        assert sum(one["match"] for one in several) <= 1


def test_a_query_is_answered_alone_as_in_a_batch(client: FlaskClient) -> None:
    together = asked(client, a="Anefore", b="Germany", c="nothing of the kind qqq")
    assert together["a"] == asked(client, x="Anefore")["x"]
    assert together["b"] == asked(client, x="Germany")["x"]


def test_the_limit_holds(client: FlaskClient) -> None:
    assert len(asked(client, q={"query": "mobility", "limit": 2})["q"]) == 2


def test_a_type_narrows_the_candidates(client: FlaskClient) -> None:
    query = {"query": "Luxembourg", "type": "vet:Organisation"}
    strictly = asked(client, q={**query, "type_strict": "any"})["q"]
    assert strictly
    assert all("vet:Organisation" in {type_["id"] for type_ in one["type"]} for one in strictly)
    both = asked(client, q={**query, "type": ["vet:Actor", "vet:NationalAgency"], "type_strict": "all"})["q"]
    assert all({"vet:Actor", "vet:NationalAgency"} <= {type_["id"] for type_ in one["type"]} for one in both)
    assert asked(client, q={"query": "Anefore", "type": "vet:Country", "type_strict": "any"})["q"] == []


def test_a_type_that_only_should_hold_lets_others_through_where_there_is_nothing_else(client: FlaskClient) -> None:
    found = best(client, {"query": "Anefore", "type": "vet:Country", "type_strict": "should"})
    assert found["id"] == "id/anefore"
    assert not found["match"]
    assert found["score"] < best(client, "Anefore")["score"]


@pytest.mark.parametrize(
    "value", ["LU", "Luxembourg", "Luxemburg", {"id": "id/luxembourg"}, {"id": BASE + "id/luxembourg"}, ["PL", "LU"]]
)
@pytest.mark.parametrize("name", ["country", "vet:inCountry", BASE + "ontology#inCountry"])
def test_a_country_narrows_in_every_form(client: FlaskClient, name: str, value: Any) -> None:
    right = best(client, {"query": "Ministry of Education", "properties": [{"pid": name, "v": value}]})
    wrong = asked(client, q={"query": "Ministry of Education", "properties": [{"pid": name, "v": "Portugal"}]})["q"]
    assert (right["id"], right["match"]) == ("id/menje", True)
    assert not any(one["match"] for one in wrong)
    assert next(one for one in wrong if one["id"] == "id/menje")["score"] < right["score"]


def test_properties_alone_find_what_has_them_all(client: FlaskClient) -> None:
    country = {"pid": "vet:inCountry", "v": {"id": "id/luxembourg"}}
    found = asked(client, q={"properties": [country, {"pid": "rdf:type", "v": {"id": "vet:NationalAgency"}}]})["q"]
    assert [one["id"] for one in found] == ["id/anefore"]
    dated = asked(client, q={"properties": [{"pid": "vet:actDate", "v": "2017-06-22"}]})["q"]
    assert "id/law-lu-2017-06-22" in {one["id"] for one in dated}


@pytest.mark.parametrize(
    ("queries", "status"),
    [
        ("{", 400),
        ("[]", 400),
        ('{"q": 1}', 400),
        ('{"q": {}}', 400),
        ('{"q": {"query": ""}}', 400),
        ('{"q": {"query": "x", "limit": -1}}', 400),
        ('{"q": {"query": "x", "type": 3}}', 400),
        ('{"q": {"query": "x", "type_strict": "never"}}', 400),
        ('{"q": {"properties": [{"pid": "a"}]}}', 400),
        ('{"q": {"query": "x", "properties": [{"pid": "a", "v": [[]]}]}}', 400),
        (json.dumps({f"q{n}": {"query": "x"} for n in range(BATCH + 1)}), 413),
        ("[" * 100_000, 400),
    ],
)
def test_what_cannot_be_read_is_a_problem(client: FlaskClient, queries: str, status: int, assert_problem: Any) -> None:
    problem = assert_problem(client.post("/reconcile", data={"queries": queries}), status)
    assert status == 413 or problem["parameter"] == "queries"


@pytest.mark.parametrize("text", ["\x00", "'; DROP", '"', "<b>", "a" * 5000, "é" * 300, "urn:x y", "http://[", "😀 ?"])
def test_any_text_is_a_name(client: FlaskClient, text: str) -> None:
    asked(client, a=text, b={"query": text, "properties": [{"pid": text, "v": text}]}, c={"query": text, "type": text})


# -- suggestions, flyouts, previews ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "prefix", "identifier"),
    [
        ("entity", "anef", "id/anefore"),
        ("entity", "Allem", "id/germany"),
        ("entity", "id/anefore", "id/anefore"),
        ("type", "organi", "vet:Organisation"),
        ("type", "vet:Organisation", "vet:Organisation"),
        ("property", "in count", "vet:inCountry"),
        ("property", "vet:inCountry", "vet:inCountry"),
        ("property", "countr", "country"),
    ],
)
def test_a_beginning_suggests_the_whole(client: FlaskClient, kind: str, prefix: str, identifier: str) -> None:
    schema = {"entity": schemas.ENTITIES, "type": schemas.TYPES, "property": schemas.PROPERTIES}[kind]
    answer = got(client, f"/suggest/{kind}", schema, prefix=prefix)
    assert identifier in [one["id"] for one in answer["result"]]
    flyout = got(client, f"/flyout/{kind}", schemas.FLYOUT, id=identifier)
    assert flyout["id"] == identifier


def test_more_suggestions_follow_the_first(client: FlaskClient) -> None:
    first = got(client, "/suggest/entity", schemas.ENTITIES, prefix="m")["result"]
    second = got(client, "/suggest/entity", schemas.ENTITIES, prefix="m", cursor=len(first))["result"]
    assert second
    assert not {one["id"] for one in first} & {one["id"] for one in second}


def test_a_preview_is_a_page_for_frames(client: FlaskClient) -> None:
    response = client.get("/reconcile/preview?id=id%2Fanefore&lang=de")
    assert response.status_code == 200
    assert response.mimetype == "text/html"
    assert "frame-ancestors *" in response.headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in response.headers
    assert '<html lang="de">' in response.text
    assert "Luxemburg" in response.text
    assert client.get("/reconcile/preview?id=id/nobody").status_code == 404


# -- data extension -------------------------------------------------------------------------------


def extended(client: FlaskClient, ids: list[str], *properties: Json) -> Json:
    query = {"ids": ids, "properties": list(properties)}
    assert faults(query, schemas.EXTENSION) == []
    response = client.post("/reconcile", data={"extend": json.dumps(query)})
    assert response.status_code == 200, response.text
    answer: Json = response.get_json()
    assert faults(answer, schemas.EXTENDED) == []
    return answer


def test_a_table_is_extended_with_what_is_known(client: FlaskClient) -> None:
    ids = ["id/anefore", "id/law-lu-2017-06-22", "id/nobody"]
    asked_for = [{"id": name} for name in ("vet:inCountry", "vet:actDate", "skos:prefLabel", "country", "vet:none")]
    answer = extended(client, ids, *asked_for)
    assert [one["id"] for one in answer["meta"]] == [one["id"] for one in asked_for]
    assert answer["meta"][0]["type"]["id"] == "vet:Country"
    rows = answer["rows"]
    assert list(rows) == ids
    assert rows["id/anefore"]["vet:inCountry"] == [{"id": "id/luxembourg", "name": "Luxembourg"}]
    assert rows["id/anefore"]["skos:prefLabel"] == [{"str": "Anefore"}]
    assert rows["id/law-lu-2017-06-22"]["vet:actDate"] == [{"date": "2017-06-22T00:00:00Z"}]
    assert rows["id/law-lu-2017-06-22"]["country"][0]["id"] == "id/luxembourg"
    assert set(map(str, rows["id/nobody"].values())) == {"[]"}


def test_settings_say_how_many_values_and_in_which_language(client: FlaskClient) -> None:
    def texts(**settings: Any) -> set[str]:
        answer = extended(client, ["id/germany"], {"id": "skos:prefLabel", "settings": settings})
        return {one["str"] for one in answer["rows"]["id/germany"]["skos:prefLabel"]}

    assert texts() == {"Germany"}
    assert texts(language="nl") == {"Duitsland"}
    assert texts(language="*") >= {"Germany", "Deutschland", "Allemagne", "Duitsland"}
    assert len(texts(language="*", limit="2")) == len(texts(language="*", limit=2)) == 2


def test_what_is_proposed_can_be_asked_for(client: FlaskClient) -> None:
    for type_ in ("vet:LegalAct", "vet:Organisation", "vet:PolicyDevelopment", "skos:Concept", ""):
        proposed = got(client, "/properties", schemas.PROPOSAL, type=type_, limit=12)
        assert 3 <= len(proposed["properties"]) <= 12
        things = asked(client, q={"query": "mobility", **({"type": type_} if type_ else {})})["q"]
        ids = [one["id"] for one in things]
        answer = extended(client, ids, *({"id": one["id"]} for one in proposed["properties"]))
        assert any(cells for row in answer["rows"].values() for cells in row.values())


@pytest.mark.parametrize("extend", ["{", "[]", '{"ids": "x", "properties": []}', '{"ids": [], "properties": [{}]}'])
def test_an_extension_that_cannot_be_read_is_a_problem(client: FlaskClient, extend: str, assert_problem: Any) -> None:
    assert assert_problem(client.post("/reconcile", data={"extend": extend}), 400)["parameter"] == "extend"


def test_too_much_at_once_is_refused(client: FlaskClient, assert_problem: Any) -> None:
    query = {"ids": ["x"] * 1001, "properties": [{"id": f"vet:p{n}"} for n in range(10)]}
    assert_problem(client.post("/reconcile", data={"extend": json.dumps(query)}), 413)


# -- a session of OpenRefine ----------------------------------------------------------------------

AJAX = {"Accept": "application/json, text/javascript, */*; q=0.01", "Origin": "http://127.0.0.1:3333"}
JAVA = {"Accept": "*/*", "User-Agent": "OpenRefine", **FORM}


def test_a_session_of_openrefine(readonly: Any) -> None:
    """The requests that OpenRefine makes, in their order, by its source code; nobody recorded them off a wire.

    Written down by hand from its source of August 2026: ``recon-manager.js`` (registering a service),
    ``GuessTypesOfColumnCommand`` (ten cells, three candidates each), ``StandardReconConfig`` (reconciling),
    ``suggest-4_3a.js`` (completion),
    ``recon-renderer.js`` (previews), ``add-column-by-reconciliation.js`` and ``ReconciledDataExtensionJob``
    (extension). Pages of OpenRefine ask by jQuery and so by CORS, its server asks by forms.
    """

    def page(address: str, **parameters: str) -> Any:
        local = address.partition("://")[2].partition("/")[2]
        query = f"?{urlencode(parameters)}" if parameters else ""
        reply = readonly.send("GET", f"/{local}{query}", headers=AJAX)
        assert reply.status_code == 200, reply.text
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        return reply.get_json()

    def server(**form: Json) -> Json:
        body = urlencode({name: json.dumps(value, separators=(",", ":")) for name, value in form.items()})
        reply = readonly.send("POST", "/reconcile", body, JAVA)
        assert reply.status_code == 200, reply.text
        answer: Json = reply.get_json()
        return answer

    # The user adds the service, then starts on a column of countries and bodies.
    service = page(f"{readonly.url}/reconcile")
    assert faults(service, schemas.MANIFEST) == []
    cells = [
        "Luxemburg",
        "Deutschland",
        "Belgique",
        "Portugal",
        "Polen",
        "Spain",
        "France",
        "Nederland",
        "Italia",
        "EU",
    ]
    guessed = server(queries={f"q{n}": {"query": cell, "limit": 3} for n, cell in enumerate(cells)})
    assert faults(guessed, schemas.RESULTS) == []
    firsts = [one["result"][0]["type"][0]["id"] for one in guessed.values() if one["result"]]
    assert max(set(firsts), key=firsts.count) == "vet:Country"

    # She completes a type and a property by hand, moving over the suggestions.
    types = service["suggest"]["type"]
    suggested = page(types["service_url"] + types["service_path"], prefix="coun")
    assert "vet:Country" in [one["id"] for one in suggested["result"]]
    flyout = types["flyout_service_url"] + types["flyout_service_path"].replace("${id}", quote("vet:Country", safe=""))
    assert page(flyout)["id"] == "vet:Country"

    # The column is reconciled; a second one follows, with the first as a property that is reconciled already.
    wish = {"type": "vet:Country", "type_strict": "should"}
    matched = server(queries={f"q{n}": {"query": cell, **wish} for n, cell in enumerate(cells[:3])})
    ids = [one["result"][0]["id"] for one in matched.values()]
    assert ids == ["id/luxembourg", "id/germany", "id/belgium"]
    assert all(one["result"][0]["match"] for one in matched.values())
    reconciled = {"id": "id/luxembourg", "name": "Luxembourg"}
    bodies = {"query": "Ministry of Education", "type": "vet:Actor", "type_strict": "should"}
    found = server(queries={"q0": {**bodies, "properties": [{"pid": "country", "v": reconciled}]}})
    assert (found["q0"]["result"][0]["id"], found["q0"]["result"][0]["match"]) == ("id/menje", True)

    # She looks at a candidate (the browser encodes the address as a whole), and opens it.
    for template in (service["preview"]["url"], service["view"]["url"]):
        address = quote(template.replace("{{id}}", "id/menje"), safe=":/?=&").removeprefix(readonly.url)
        shown = readonly.send("GET", address, headers={"Accept": "text/html"})
        assert (shown.status_code, shown.mimetype) == (200, "text/html")

    # Columns are added from what is known of the things.
    proposals = service["extend"]["propose_properties"]
    proposed = page(f"{proposals['service_url']}{proposals['service_path']}?type=vet:Country")
    assert faults(proposed, schemas.PROPOSAL) == []
    assert "skos:notation" in [one["id"] for one in proposed["properties"]]
    wanted = [{"id": "skos:notation", "settings": {"limit": "1"}}, {"id": "skos:exactMatch"}]
    more = server(extend={"ids": ids, "properties": wanted})
    assert faults(more, schemas.EXTENDED) == []
    assert [more["rows"][one]["skos:notation"] for one in ids] == [[{"str": "LU"}], [{"str": "DE"}], [{"str": "BE"}]]


def test_a_preflight_is_answered(readonly: Any) -> None:
    asking = {"Origin": "http://127.0.0.1:3333", "Access-Control-Request-Method": "POST"}
    reply = readonly.send("OPTIONS", "/reconcile", headers=asking)
    assert reply.status_code in (200, 204)
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
