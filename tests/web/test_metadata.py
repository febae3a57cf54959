"""What pages say of themselves: schema.org that keeps to schema.org's classes, languages, one address for each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest
from flask.testing import FlaskClient

from vetgraph import schemaorg
from vetgraph.jsonld.model import model
from vetgraph.schemaorg import Teller
from vetgraph.store import GraphStore, memory_store
from vetgraph.vocab import BASE, LANGUAGES, RDF, SKOS, VET
from vetgraph.web import metadata

Json = dict[str, Any]

_LINES = (Path(__file__).parent / "schemaorg.tsv").read_text("utf-8").splitlines()
_ROWS = [line.split("\t") for line in _LINES if not line.startswith("#")]
ABOVE = {row[1]: {row[1], *row[2].split()} for row in _ROWS if row[0] == "class"}
DOMAINS = {row[1]: set(row[2].split()) for row in _ROWS if row[0] == "property"}
RANGES = {row[1]: set(row[3].split()) for row in _ROWS if row[0] == "property"}

DATE = re.compile(r"-?\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}:\d{2}.*)?)?)?$")
TEXTUAL = {"Text", "URL", "DateTime", "Date", "Number"}

PAGES = (
    *("/", "/about", "/countries", "/actors", "/legal-acts", "/areas", "/sources", "/queries", "/validate"),
    *("/doc/id/anefore", "/doc/id/menje", "/doc/id/law-lu-2017-06-22", "/doc/id/luxembourg", "/doc/scheme/role/funds"),
    *("/doc/scheme/role", "/doc/source/lu-guidance-2025", "/doc/id/mobility-in-vet-be-fl", "/doc/dataset"),
)


class Head(HTMLParser):
    """Links and data blocks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[dict[str, str]] = []
        self.blocks: list[str] = []
        self._inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        if tag == "link":
            self.links.append(found)
        self._inside = tag == "script" and found.get("type") == "application/ld+json"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.blocks.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


def head(client: FlaskClient, address: str) -> Head:
    answer = client.get(address, headers={"Accept": "text/html"})
    assert answer.status_code == 200
    return Head(answer.text)


def structured(client: FlaskClient, address: str) -> list[Json]:
    (block,) = head(client, address).blocks
    document: Json = json.loads(block)
    assert document["@context"] == "https://schema.org"
    graph: list[Json] = document["@graph"]
    return graph


def faults(node: Json) -> Iterator[str]:
    """Yield what schema.org does not have: classes, properties on a class, values of a kind."""
    kind = node.get("@type")
    if kind is None:
        assert set(node) == {"@id"}, node
        return
    if kind not in ABOVE:
        yield f"no class {kind}"
        return
    for name, values in node.items():
        if name.startswith("@") or name == "query-input":  # which only annotates an action
            continue
        if not ABOVE[kind] & DOMAINS.get(name, set()):
            yield f"{kind} has no {name}"
            continue
        for value in values if isinstance(values, list) else [values]:
            yield from value_faults(name, value)


def value_faults(name: str, value: Any) -> Iterator[str]:
    ranges = RANGES[name]
    if isinstance(value, dict):
        kind = value.get("@type")
        if kind and "Thing" not in ranges and not ABOVE.get(kind, set()) & ranges:
            yield f"{name} is no {kind}"
        yield from faults(value)
    elif isinstance(value, bool):
        if "Boolean" not in ranges:
            yield f"{name} is not yes or no"
    elif not isinstance(value, str) or not value.strip() or not ranges & TEXTUAL:
        yield f"{name} is no text: {value!r}"
    elif ranges <= {"Date", "DateTime"} and not DATE.match(value):
        yield f"{name} is no date: {value!r}"
    elif ranges == {"URL"} and not re.match(r"https?://\S+$", value):
        yield f"{name} is no address: {value!r}"


@pytest.mark.parametrize("address", PAGES)
def test_pages_say_what_schema_org_has_words_for(client: FlaskClient, address: str) -> None:
    graph = structured(client, address)
    assert [fault for node in graph for fault in faults(node)] == []
    site, page = graph[:2]
    assert site["@type"] == "WebSite"
    assert page["url"] == f"http://localhost{address}"
    assert page["inLanguage"] == "en"
    assert page["name"]
    named = {node["@id"] for node in graph}
    if "mainEntity" in page:
        assert page["mainEntity"]["@id"] in named


def test_the_check_finds_faults() -> None:
    assert list(faults({"@type": "Ministry"})) == ["no class Ministry"]
    assert list(faults({"@type": "Event", "legislationDate": "2017"})) == ["Event has no legislationDate"]
    assert list(faults({"@type": "Legislation", "legislationDate": "soon"})) == ["legislationDate is no date: 'soon'"]
    assert list(faults({"@type": "Event", "location": {"@type": "Legislation"}})) == ["location is no Legislation"]
    assert list(faults({"@type": "Thing", "sameAs": "x"})) == ["sameAs is no address: 'x'"]


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("id/anefore", "GovernmentOrganization", {"name": "Anefore"}),
        ("id/menje", "GovernmentOrganization", {}),
        ("id/law-lu-2017-06-22", "Legislation", {"legislationDate": "2017-06-22", "legislationType": "Law"}),
        ("id/luxembourg", "Country", {"name": "Luxembourg"}),
        ("scheme/role/funds", "DefinedTerm", {}),
        ("scheme/role", "DefinedTermSet", {}),
        ("source/lu-guidance-2025", "Report", {}),
        ("dataset", "Dataset", {}),
        ("distribution/shapes.ttl", "DataDownload", {}),
        ("version/1", "Dataset", {}),
    ],
)
def test_things_have_schema_org_s_class(client: FlaskClient, path: str, kind: str, said: Json) -> None:
    thing = next(node for node in structured(client, f"/doc/{path}") if node["@id"] == BASE + path)
    assert thing["@type"] == kind
    assert said.items() <= thing.items()


def test_every_instance_keeps_to_schema_org(store: GraphStore) -> None:
    teller = Teller(store, "fr", lambda iri: iri.rpartition("/")[2] or iri, lambda iri: iri)
    kinds = set()
    for one in model().classes.values():
        if one.iri:
            rows = store.select(f"SELECT DISTINCT ?s {{ ?s a <{one.iri}> FILTER(ISIRI(?s)) }} ORDER BY ?s LIMIT 20")
            for row in rows:
                assert row["s"] is not None
                thing = teller.thing(row["s"].value)
                kinds.add(thing["@type"])
                assert list(faults(thing)) == [], row["s"].value
    assert {"Legislation", "Country", "EducationalOrganization", "DefinedTerm", "Event", "Statement"} <= kinds


def test_the_rules_of_the_module_are_schema_org_s() -> None:
    for name, classes in schemaorg.DOMAINS.items():
        for kind in classes:
            assert ABOVE[kind] & DOMAINS[name], f"{kind} has no {name}"
    assert set(schemaorg.CLASSES.values()) <= set(ABOVE)


def test_the_dataset_is_told_with_its_files(client: FlaskClient) -> None:
    (dataset,) = [node for node in structured(client, "/about") if node["@type"] == "Dataset"]
    assert dataset["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert dataset["version"] == "1"
    assert 50 <= len(dataset["description"]) <= 5000
    files = [file["contentUrl"].removeprefix("http://localhost") for file in dataset["distribution"]]
    assert files == ["/dump.trig.gz", "/dump.nq.gz"]


def test_a_text_cannot_leave_its_block() -> None:
    iri = ox.NamedNode(BASE + "id/x")
    graph = ox.NamedNode(BASE + "graph/test")
    label = ox.Literal("</script><b>&amp;", language="en")
    quads = [
        ox.Quad(iri, ox.NamedNode(RDF + "type"), ox.NamedNode(VET + "LegalAct"), graph),
        ox.Quad(iri, ox.NamedNode(SKOS + "prefLabel"), label, graph),
    ]
    told = Teller(memory_store(quads), "en", lambda _: label.value, lambda one: one).thing(iri.value)
    assert told["name"] == label.value
    block = metadata.block([told])
    assert "<" not in block.removeprefix('<script type="application/ld+json">').removesuffix("</script>")
    assert json.loads(Head(block).blocks[0])["@graph"] == [told]


# -- languages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/", "/actors?sort=roles", "/doc/id/anefore"])
def test_languages_are_alternates_of_each_other(client: FlaskClient, address: str) -> None:
    def alternates(page: Head) -> dict[str, str]:
        return {link["hreflang"]: link["href"] for link in page.links if "hreflang" in link}

    def canonical(page: Head) -> str:
        (found,) = [link["href"] for link in page.links if link["rel"] == "canonical"]
        return found

    page = head(client, address)
    named = alternates(page)
    assert set(named) == {*LANGUAGES, "x-default"}
    assert canonical(page) == named["x-default"] == f"http://localhost{address}"
    for code in LANGUAGES:
        other = head(client, named[code].removeprefix("http://localhost"))
        assert alternates(other) == named
        assert canonical(other) == named[code]
        (block,) = other.blocks
        assert json.loads(block)["@graph"][1]["inLanguage"] == code
