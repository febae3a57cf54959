"""The site about itself: robots, sitemap, the page about it, citations, the pages of terms and rules."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from flask import Flask
from flask.testing import FlaskClient

from vetgraph.dataset.citation import AUTHOR, KEYWORDS
from vetgraph.dataset.describing import TITLE
from vetgraph.errors import SettingsError
from vetgraph.settings import from_env
from vetgraph.store import GraphStore
from vetgraph.vocab import LANGUAGES, VET

ROOT = Path(__file__).resolve().parents[2]
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


class Page(HTMLParser):
    """The ids, links and words of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.append((tag, values))
        self.ids += [values["id"]] if values.get("id") else []  # type: ignore[list-item]
        self.links += [values["href"]] if tag == "a" and values.get("href") else []  # type: ignore[list-item]


def locations(client: FlaskClient, address: str) -> list[str]:
    answer = client.get(address)
    assert (answer.status_code, answer.mimetype) == (200, "application/xml")
    return [element.text or "" for element in ElementTree.fromstring(answer.text).iter(f"{SITEMAP}loc")]


def test_robots_learn_where_the_sitemap_is(client: FlaskClient) -> None:
    answer = client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    lines = answer.text.splitlines()
    assert lines[0] == "User-agent: *"
    assert "Sitemap: http://localhost/sitemap.xml" in lines
    assert "Disallow: /sparql?" in lines


def test_the_sitemap_lists_every_thing_of_the_graph(client: FlaskClient, store: GraphStore) -> None:
    files = [one.removeprefix("http://localhost") for one in locations(client, "/sitemap.xml")]
    assert files[:2] == ["/sitemap/pages.xml", "/sitemap/1.xml"]
    listed = [one for file in files for one in locations(client, file)]
    assert len(listed) == len(set(listed))
    for kind in ("Organisation", "LegalAct", "Evidence", "SourceDocument"):
        things = store.select(f"SELECT DISTINCT ?s {{ ?s a <{VET}{kind}> }}")
        wanted = {
            row["s"].value.replace("https://w3id.org/vetgraph", "http://localhost/doc") for row in things if row["s"]
        }
        assert wanted <= set(listed)
    for address in (*listed[:60:6], *listed[100::900]):
        assert client.get(address.removeprefix("http://localhost")).status_code == 200, address


@pytest.mark.parametrize("name", ["0", "999", "x", "1x"])
def test_the_sitemap_has_no_other_files(client: FlaskClient, name: str) -> None:
    assert client.get(f"/sitemap/{name}.xml").status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_about_the_dataset(client: FlaskClient, store: GraphStore, language: str) -> None:
    answer = client.get(f"/about?lang={language}")
    assert answer.headers["Content-Language"] == language
    page = Page(answer.text)
    assert {"licence", "cite", "versions", "files", "machines", "contact"} <= set(page.ids)
    if language == "en":
        # Other languages lead to the same addresses.
        for path in {link.partition("#")[0] for link in page.links[page.links.index("/citation.bib") :]}:
            if path.startswith("/") and not path.startswith("/dump"):
                assert client.head(path).status_code == 200, path
    assert {f"/dump/{graph.rpartition('/')[2]}.nt.gz" for graph in store.graphs()} <= set(page.links)
    assert TITLE["en"] in answer.text


def test_the_page_leads_to_files_by_header(client: FlaskClient) -> None:
    links = client.get("/about").headers["Link"]
    assert 'rel="item"' in links
    assert "/dump.nq.gz" in links
    assert 'rel="license"' in links


def test_a_contact_is_an_address() -> None:
    assert from_env({"VETGRAPH_CONTACT": "https://example.org/help"}).contact == "https://example.org/help"
    with pytest.raises(SettingsError, match="VETGRAPH_CONTACT"):
        from_env({"VETGRAPH_CONTACT": "javascript:alert(1)"})


def test_citations_say_the_version(client: FlaskClient, store: GraphStore) -> None:
    built = store.version.built.date()
    cff = yaml.safe_load(client.get("/citation.cff").text)
    assert (cff["cff-version"], cff["type"], cff["version"]) == ("1.2.0", "dataset", "1")
    assert cff["date-released"] == built
    bib = client.get("/citation.bib")
    assert bib.text.count("{") == bib.text.count("}")
    assert re.match(r"@misc\{vetgraph-1,\n", bib.text)
    assert f"year = {{{built.year}}}" in bib.text
    ris = client.get("/citation.ris").data.decode().split("\r\n")
    assert ris[0] == "TY  - DATA"
    assert ris[-2:] == ["ER  - ", ""]
    assert all(re.match(r"[A-Z][A-Z0-9]  - ", line) for line in ris[:-1])
    for suffix in ("bib", "cff", "ris"):
        disposition = client.get(f"/citation.{suffix}").headers["Content-Disposition"]
        assert disposition == f"attachment; filename=vetgraph-1.{suffix}"


def test_citations_agree_with_the_project_s_own() -> None:
    own = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert (own["title"], own["authors"][0]["name"], own["keywords"]) == (TITLE["en"], AUTHOR, list(KEYWORDS))
    assert isinstance(own["date-released"], date)


# -- terms and rules ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ontology(app: Flask) -> str:
    return app.test_client().get("/ontology", headers={"Accept": "text/html"}).text


def entry(page: str, term: str) -> str:
    found = re.search(rf'<div id="{term}">.*?</dd></div>', page, re.DOTALL)
    assert found, term
    return found[0]


def test_every_term_has_an_entry_with_its_figures(ontology: str, store: GraphStore) -> None:
    terms = store.select(
        "SELECT DISTINCT ?t ?d { GRAPH <https://w3id.org/vetgraph/graph/ontology> { ?t "
        "<http://www.w3.org/2000/01/rdf-schema#isDefinedBy> ?o ; <http://www.w3.org/2004/02/skos/core#definition> ?d } "
        "FILTER(LANG(?d) = 'en') }"
    )
    ids = set(Page(ontology).ids)
    assert len(terms) > 200
    for row in terms:
        assert row["t"] is not None
        assert row["t"].value.rpartition("#")[2] in ids
    (row,) = store.select(f"SELECT (COUNT(DISTINCT ?s) AS ?n) {{ ?s a <{VET}LegalAct> }}")
    assert row["n"] is not None
    assert f"{row['n'].value} things" in entry(ontology, "LegalAct")
    (row,) = store.select(f"SELECT (COUNT(*) AS ?n) {{ SELECT DISTINCT ?s ?o {{ ?s <{VET}actDate> ?o }} }}")
    assert row["n"] is not None
    assert f"{row['n'].value} triples" in entry(ontology, "actDate")


def test_an_entry_has_alignments_an_example_and_what_goes_with_it(ontology: str, store: GraphStore) -> None:
    act = entry(ontology, "LegalAct")
    assert "eli:LegalResource" in act
    assert 'href="#actDate"' in act or 'href="/ontology#actDate"' in act
    example = re.search(r'Example: <a href="/doc/(id/[^"]+)"', act)
    assert example
    assert store.select(f"SELECT * {{ <https://w3id.org/vetgraph/{example[1]}> a <{VET}LegalAct> }}")
    assert "→" in entry(ontology, "actDate")


def test_the_diagram_shows_every_class_once_and_leads_to_it(ontology: str) -> None:
    drawing = ontology[ontology.index('<svg class="diagram"') : ontology.index("</svg>", ontology.index('diagram"'))]
    classes = re.findall(r'<a href="#(\w+)"><text class="name"', drawing)
    listed = re.findall(
        r'<div id="(\w+)"', ontology[ontology.index('all-classes"') : ontology.rindex("all-properties")]
    )
    assert len(classes) == len(set(classes)) > 40
    assert set(classes) <= set(listed)
    left = [
        tuple(map(int, box)) for box in re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', drawing)
    ]
    for one in left:
        for other in left:
            apart = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
            apart = apart or one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]
            assert apart or one == other


def test_rules_say_what_they_judge(client: FlaskClient) -> None:
    page = client.get("/shapes?lang=fr", headers={"Accept": "text/html"}).text
    card = re.search(r'<section class="card" id="LegalActShape">.*?</section>', page, re.DOTALL)
    assert card
    assert "Juge" in card[0]
    assert "1..1" in card[0]
    assert "Indiquez" in card[0]
