"""Pages: what they say, in which language, with which links, from the real data."""

from __future__ import annotations

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from vetgraph.queries import read_catalogue
from vetgraph.store import GraphStore
from vetgraph.vocab import LANGUAGES
from vetgraph.web import texts

WEB = Path(texts.__file__).parent

LISTS = (
    "/",
    "/countries",
    "/actors",
    "/legal-acts",
    "/agreements",
    "/areas",
    "/developments",
    "/conflicts",
    "/sources",
    "/queries",
)
THINGS = (
    "/doc/id/luxembourg",
    "/doc/id/belgium-fl",
    "/doc/id/anefore",
    "/doc/id/law-lu-2017-06-22",
    "/doc/id/framework-agreement-greater-region",
    "/doc/id/mobility-in-vet-be-fl",
    "/doc/id/erasdu",
    "/doc/id/ev-000-29459-29499",
    "/doc/scheme/thematic-area/recognition",
    "/doc/scheme/role",
    "/doc/source/lu-mobility-fiche-2021",
)
FORMS = ("/sparql", "/validate", "/queries/page-actors", "/ontology", "/shapes")
PAGES = (*LISTS, *THINGS, *FORMS)


class Page(HTMLParser):
    """What a test asks of a page: its text, its links and its heading structure."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self.feed(html)
        self.text = " ".join("".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        if tag == "a" and "href" in values:
            self.links.append(values["href"])

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def count(self, tag: str) -> int:
        return sum(1 for name, _ in self.tags if name == tag)


def get(client: FlaskClient, path: str, language: str = "en") -> Page:
    response = fetch(client, path, language)
    assert response.status_code == 200, path
    return Page(response.text)


def fetch(client: FlaskClient, path: str, language: str = "en") -> TestResponse:
    return client.get(path, headers={"Accept": "text/html,*/*;q=0.8", "Accept-Language": language})


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_its_parts(client: FlaskClient, path: str) -> None:
    page = get(client, path)
    assert page.count("h1") == 1
    assert page.count("main") == 1
    assert page.count("title") == 1
    assert 'href="#content"' in page.html
    assert 'lang="en"' in page.html.split(">", 2)[1]
    assert "version " in page.text
    tables = page.count("table")
    assert page.count("caption") == tables
    ids = [values["id"] for _, values in page.tags if "id" in values]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", PAGES)
def test_no_page_needs_script_or_inline_style(client: FlaskClient, path: str) -> None:
    response = fetch(client, path)
    page = Page(response.text)
    assert not scripts(response.text)
    assert page.count("style") == 0
    assert not any(name == "style" or name.startswith("on") for _, values in page.tags for name in values)
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    loaded = [values.get("src") or values.get("href", "") for tag, values in page.tags if tag in ("img", "link")]
    assert all(address.startswith(("/", "http://localhost")) for address in loaded)


@pytest.mark.parametrize("path", [*LISTS[:-1], *THINGS])
def test_every_page_shows_its_queries(client: FlaskClient, path: str) -> None:
    page = get(client, path)
    queries = [link for link in page.links if link.startswith("/sparql?query=")]
    assert queries
    for link in queries[:4]:
        found = client.get(link + ("" if "format=" in link else "&format=json"))
        assert found.status_code == 200, link


def test_a_query_behind_a_page_finds_what_the_page_shows(client: FlaskClient) -> None:
    page = get(client, "/actors?type=scheme/organisation-type/ministry")
    link = next(link for link in page.links if link.startswith("/sparql?query=") and "format=csv" in link)
    rows = client.get(link).text.strip().splitlines()[1:]
    named = {link for link in page.links if link.startswith("/doc/id/ministry")}
    assert {row.split(",")[0].rpartition("/")[2] for row in rows} >= {link.rpartition("/")[2] for link in named}
    assert all("organisation-type/ministry" in row for row in rows)


@pytest.mark.parametrize("path", THINGS)
def test_things_offer_their_rdf(client: FlaskClient, path: str) -> None:
    page = get(client, path)
    for suffix in ("ttl", "jsonld", "nt", "rdf"):
        assert f"{path}.{suffix}" in page.links
        assert any(
            tag == "link" and values.get("rel") == "alternate" and values["href"] == f"{path}.{suffix}"
            for tag, values in page.tags
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_interface_speaks_four_languages(client: FlaskClient, language: str) -> None:
    response = fetch(client, "/areas", language)
    assert f'<html lang="{language}">' in response.text
    assert texts.messages(language)["areas.title"] in response.text
    assert response.headers["Content-Language"] == language
    assert "Accept-Language" in response.headers["Vary"]
    for other in LANGUAGES:
        assert f'hreflang="{other}"' in response.text


def test_the_address_decides_over_the_header_and_is_kept(client: FlaskClient) -> None:
    page = get(client, "/doc/id/luxembourg?lang=de", "fr")
    assert '<html lang="de">' in page.html
    assert "Luxemburg" in page.text
    assert "/countries?lang=de" in page.links


def test_labels_in_another_language_say_so(client: FlaskClient) -> None:
    page = get(client, "/doc/id/mobility-in-vet-be-fl?lang=fr")
    assert re.search(r'lang="en">[^<]+</a>', page.html)


def test_anefore_is_supervised_by_two_ministries(client: FlaskClient) -> None:
    page = get(client, "/doc/id/anefore")
    supervision = page.text.partition("supervised by")[2][:200]
    assert "Ministry of National Education, Children and Youth" in supervision
    assert "Ministry of Higher Education and Research" in supervision
    assert "Erasmus+ National Agency" in page.text
    assert re.search(r"Source 000, characters 2558–2653, line 32", page.text)


def test_both_laws_stand_side_by_side(client: FlaskClient) -> None:
    html = get(client, "/conflicts").html
    disputes = re.findall(r'<article class="dispute".*?</article>', html, re.DOTALL)
    both = [d for d in disputes if "law-lu-2017-06-22" in d and "law-lu-2017-12-15" in d]
    assert both
    assert "rank-preferred" in both[0].partition("law-lu-2017-06-22")[0]
    assert "Source 002" in both[0]
    assert "Source 000" in both[0]


def test_a_disputed_law_says_so_on_its_own_page(client: FlaskClient) -> None:
    assert "law-lu-2017-12-15" in get(client, "/doc/id/law-lu-2017-06-22").html


def test_recognition_is_not_evaluated(client: FlaskClient) -> None:
    html = get(client, "/doc/id/luxembourg").html
    row = next(r for r in re.findall(r"<tr>.*?</tr>", html, re.DOTALL) if "thematic-area/recognition" in r)
    cell = next(c for c in re.findall(r"<td.*?</td>", row, re.DOTALL) if 'data-label="Evaluation"' in c)
    words = Page(cell).text
    assert words.startswith("Absent")
    assert "Source 000, characters 29459–29499, line 217" in words
    assert 'href="/doc/id/ev-000-29459-29499"' in cell


def test_an_area_shows_only_its_own_statuses(client: FlaskClient) -> None:
    page = get(client, "/doc/scheme/thematic-area/recognition")
    statuses = {link for link in page.links if "/doc/id/status-lu-2021-" in link}
    assert statuses
    assert all("-recognition-" in link for link in statuses)


def test_a_development_shows_stages_and_numbers(client: FlaskClient) -> None:
    text = get(client, "/doc/id/mobility-in-vet-be-fl").text
    for year in range(2018, 2025):
        assert f"{year} Implementation" in text
    assert re.search(r"participants 196 106\b", text)
    assert "−90" in text


def test_a_passage_says_what_rests_on_it(client: FlaskClient) -> None:
    page = get(client, "/doc/id/ev-000-29459-29499")
    assert any("status-lu-2021-recognition-evaluation" in link for link in page.links)


def test_acts_by_year_and_type(client: FlaskClient) -> None:
    page = get(client, "/legal-acts?year=2017&type=scheme/legal-act-type/law")
    acts = [link for link in page.links if link.startswith("/doc/id/law")]
    assert "/doc/id/law-lu-2017-06-22" in acts
    assert all("2017" in act for act in acts)


def test_a_source_says_which_fields_are_empty(client: FlaskClient) -> None:
    assert "Empty" in get(client, "/doc/source/be-fl-mobility-timeline-2024").text


def test_counts_are_those_of_the_store(client: FlaskClient, store: GraphStore) -> None:
    rows = store.select(
        "SELECT (COUNT(DISTINCT ?act) AS ?n) WHERE { ?act a <https://w3id.org/vetgraph/ontology#LegalAct> }"
    )
    assert rows[0]["n"] is not None
    assert f"{rows[0]['n'].value} Legal acts" in get(client, "/").text
    assert f"{rows[0]['n'].value} of {rows[0]['n'].value}" in get(client, "/legal-acts").text


HOSTILE = "\"><script>alert(1)</script>'"


def scripts(text: str) -> list[str]:
    """Whatever a browser would run: each opening tag of a script but those that hold data."""
    return [tag for tag in re.findall(r"<script[^>]*>?", text) if tag != '<script type="application/ld+json">']


@pytest.mark.parametrize(
    "path", ["/actors?country=", "/legal-acts?year=", "/?lang=", "/sparql?query=", "/countries?x="]
)
def test_hostile_parameters_are_escaped(client: FlaskClient, path: str) -> None:
    response = client.get(path + HOSTILE, headers={"Accept": "text/html"})
    assert response.status_code in (200, 400)
    assert not scripts(response.text)


def test_a_hostile_parameter_of_a_saved_query_is_refused(client: FlaskClient) -> None:
    response = client.get(
        "/queries/page-evidence", query_string={"thing": f"http://x/{HOSTILE}"}, headers={"Accept": "text/html"}
    )
    assert response.status_code == 200
    assert not scripts(response.text)
    assert "not an IRI" in Page(response.text).text


def test_only_web_addresses_become_links(client: FlaskClient) -> None:
    query = 'SELECT (IRI("javascript:alert(1)") AS ?bad) (IRI("https://example.org/") AS ?good) WHERE {}'
    response = client.get("/sparql", query_string={"query": query}, headers={"Accept": "text/html"})
    page = Page(response.text)
    assert "javascript:alert(1)" in page.text
    assert not any(link.lower().startswith("javascript") for link in page.links)
    assert "https://example.org/" in page.links


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("ASK { ?s ?p ?o }", "Yes"),
        ("SELECT ?s WHERE { ?s a <urn:nothing> }", "No rows"),
        ("CONSTRUCT { <urn:a> <urn:b> 1 } WHERE {}", "urn:a"),
        ("SELECT (1 AS ?one) WHERE {}", "1 row"),
    ],
)
def test_every_kind_of_answer_has_a_page(client: FlaskClient, query: str, words: str) -> None:
    response = client.get("/sparql", query_string={"query": query}, headers={"Accept": "text/html"})
    assert response.status_code == 200
    assert words in Page(response.text).text


def test_a_faulty_query_stays_in_the_box(client: FlaskClient) -> None:
    response = client.get("/sparql", query_string={"query": "SELECT ?x WHERE"}, headers={"Accept": "text/html"})
    assert response.status_code == 400
    assert "SELECT ?x WHERE</textarea>" in response.text
    assert 'role="alert"' in response.text


def test_a_report_names_line_and_advice(client: FlaskClient) -> None:
    data = (
        "@prefix vet: <https://w3id.org/vetgraph/ontology#> .\n@prefix id: <https://w3id.org/vetgraph/id/> .\n"
        'id:nothing a vet:LegalAct ; vet:actDate "soon" .\n'
    )
    response = client.post("/validate", data={"text": data}, headers={"Accept": "text/html"})
    page = Page(response.text)
    assert response.status_code == 200
    assert "do not conform" in page.text
    assert "line 3" in page.text
    assert any(link.startswith("/shapes#LegalActShape") for link in page.links)


@pytest.mark.parametrize("path", ["/doc/id/nobody", "/nothing", "/queries/nothing", "/doc/scheme/role/nothing"])
def test_unknown_addresses_are_404(client: FlaskClient, path: str) -> None:
    response = fetch(client, path)
    page = Page(response.text)
    assert response.status_code == 404
    assert page.count("h1") == 1
    assert "/actors" in page.links


def test_no_link_leads_nowhere(client: FlaskClient) -> None:
    """Every kind of link on the pages, a few of each, answers and has its anchor."""
    by_kind: dict[str, list[str]] = {}
    for path in PAGES:
        for link in get(client, path).links:
            if link.startswith("/") and not link.startswith(("/sparql?", "/dump")):
                kind = re.sub(r"[^/]+$", "", re.sub(r"\d+", "", link.partition("?")[0])) + link.partition("#")[1]
                by_kind.setdefault(kind, []).append(link)
    for links in by_kind.values():
        for link in sorted(set(links))[:: max(1, len(set(links)) // 12)]:
            address, _, anchor = link.partition("#")
            response = fetch(client, address)
            assert response.status_code == 200, link
            if anchor:
                assert f'id="{anchor}"' in response.text, link


def test_graphs_can_be_had_one_by_one(client: FlaskClient) -> None:
    page = get(client, "/sources")
    link = next(link for link in page.links if "graph%2Fcuration" in link and link.endswith("format=ttl"))
    assert b"rankReason" in client.get(link).data


def test_shape_links_have_a_target(client: FlaskClient) -> None:
    page = get(client, "/shapes")
    assert any(values.get("id") == "LegalActShape-actDate" for _, values in page.tags)


# -- messages ---------------------------------------------------------------------------------


def test_the_four_languages_have_the_same_messages() -> None:
    english = texts.messages("en")
    for language in LANGUAGES[1:]:
        found = texts.messages(language)
        assert found.keys() == english.keys()
        for key, message in english.items():
            assert found[key].strip() or not message.strip(), (language, key)
            assert set(re.findall(r"\{\w+\}", found[key])) == set(re.findall(r"\{\w+\}", message)), (language, key)


def test_message_files_are_flat_tables_of_texts() -> None:
    for language in LANGUAGES:
        for value in tomllib.loads((WEB / "messages" / f"{language}.toml").read_text("utf-8")).values():
            assert isinstance(value, (str, dict))


def test_no_page_uses_a_missing_message() -> None:
    known = texts.messages("en")
    sources = [*(WEB / "templates").rglob("*.html"), *WEB.glob("*.py")]
    for path in sources:
        source = path.read_text("utf-8")
        for key in re.findall(r"\bt(?:exts\.text|ext)?\(\"([\w.-]+)\"[,)]", source):
            assert key in known, (path.name, key)
        for key in re.findall(r"\bcounted\(\"([\w.-]+)\"", source):
            assert f"{key}.one" in known, (path.name, key)
            assert f"{key}.many" in known, (path.name, key)
        for prefix in re.findall(r"\bt\(\"([\w.-]+\.)\" ~", source):
            assert any(key.startswith(prefix) for key in known), (path.name, prefix)


def test_no_message_is_left_over() -> None:
    source = "".join(path.read_text("utf-8") for path in [*(WEB / "templates").rglob("*.html"), *WEB.glob("*.py")])
    prefixes = set(re.findall(r"\bt(?:_or)?\(\"([\w.-]+\.)\" ~", source)) | {"terms."}
    for key in texts.messages("en"):
        stem = key.removesuffix(".one").removesuffix(".many")
        used = f'"{stem}"' in source or any(key.startswith(prefix) for prefix in prefixes)
        assert used, key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", ["/", "/doc/id/luxembourg", "/doc/source/lu-guidance-2025", "/validate", "/conflicts"])
def test_pages_work_in_every_language(client: FlaskClient, path: str, language: str) -> None:
    assert f'<html lang="{language}">' in get(client, path, language).html


# -- page queries -----------------------------------------------------------------------------


def test_parameters_of_page_queries_can_be_bound(root: Path) -> None:
    for query in read_catalogue(root):
        if query.of_a_page:
            head = query.text.partition("WHERE")[0]
            for parameter in query.parameters:
                assert f"?{parameter.name}" in head, (query.name, parameter.name)


def test_the_style_sheet_is_small_and_loads_nothing() -> None:
    style = (WEB / "static" / "style.css").read_text("utf-8")
    assert len(style.encode()) < 28_000
    assert "url(" not in style
    assert "@import" not in style


def test_facts_from_web_pages_lead_to_the_page(client: FlaskClient) -> None:
    page = get(client, "/doc/id/status-at-2015-1-1-1")
    assert "the page itself" in page.text
    assert any(link.startswith("https://www.cedefop.europa.eu/") for link in page.links)
