"""Pages in a real browser: no fault in the console, nothing from elsewhere, nothing too wide, accessible."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

pytestmark = pytest.mark.browser

HOW = "pip install '.[browser]' and Debian's chromium"
QUERY = quote("SELECT ?s ?type WHERE { ?s a ?type } ORDER BY ?s LIMIT 20")

PAGES = (
    "/",
    "/countries",
    "/doc/id/luxembourg",
    "/areas",
    "/doc/scheme/thematic-area/recognition",
    "/actors",
    "/doc/id/anefore",
    "/legal-acts",
    "/doc/id/law-lu-2017-06-22",
    "/agreements",
    "/doc/id/framework-agreement-greater-region",
    "/developments",
    "/doc/id/mobility-in-vet-be-fl",
    "/conflicts",
    "/sources",
    "/doc/source/lu-mobility-fiche-2021",
    "/doc/id/erasdu",
    "/doc/id/ev-000-29459-29499",
    "/doc/scheme/role",
    "/ontology",
    "/shapes",
    "/queries",
    "/queries/page-evidence?thing=id:anefore",
    "/search?q=mobility",
    "/search?q=europen+commision&class=vet:Actor&lang=de",
    "/reconcile/preview?id=id/anefore",
    "/sparql",
    f"/sparql?query={QUERY}",
    "/validate",
    "/countries?lang=fr",
    "/doc/id/luxembourg?lang=de",
    "/conflicts?lang=nl",
)
FAULTS = ("/nothing", "/sparql?query=SELECT")
SIZES = {"phone": (390, 844), "wide": (1440, 900)}


def skip(reason: str) -> None:
    message = f"{reason}; enable with: {HOW}"
    if os.environ.get("TEST_OPTIONAL") == "required":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        skip("Playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        skip("no Chromium")
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"],
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def axe() -> Any:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        skip("axe-playwright-python is not installed")
    return Axe()


class Visit:
    """A page that a browser has opened, with what it asked for and complained of."""

    def __init__(self, browser: Any, server_url: str, size: str, scheme: str = "light") -> None:
        width, height = SIZES[size]
        # The service allows no script at all; the page must do without the check of that rule so
        # that axe can look at it.
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True
        )
        self.page = self.context.new_page()
        self.server_url = server_url
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.hosts.add(urlsplit(request.url).netloc))
        self.page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else 0)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self, path: str) -> int:
        response = self.page.goto(self.server_url + path)
        return int(response.status)

    def overflow(self) -> int:
        script = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(script))

    def faults(self, axe: Any) -> list[str]:
        """The serious and critical faults that axe finds, each with the place of its first node."""
        found = axe.run(self.page, options={"resultTypes": ["violations"]}).response["violations"]
        return [
            f"{one['id']} ({one['impact']}): {one['help']}: {one['nodes'][0]['target']} {one['nodes'][0]['html'][:160]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", [*PAGES, *FAULTS])
def test_pages_hold_in_a_browser(browser: Any, axe: Any, server_url: str, path: str, size: str) -> None:
    visit = Visit(browser, server_url, size)
    try:
        status = visit.open(path)
        assert status == (200 if path in PAGES else 404 if path == "/nothing" else 400)
        assert visit.hosts == {urlsplit(server_url).netloc}
        assert [c for c in visit.complaints if path in PAGES or "status of 40" not in c] == []
        assert visit.overflow() <= 0
        assert visit.faults(axe) == []
    finally:
        visit.context.close()


@pytest.mark.parametrize("path", ["/", "/doc/id/luxembourg", "/conflicts", "/validate"])
def test_dark_pages_keep_their_contrast(browser: Any, axe: Any, server_url: str, path: str) -> None:
    visit = Visit(browser, server_url, "wide", "dark")
    try:
        visit.open(path)
        assert visit.faults(axe) == []
    finally:
        visit.context.close()


def test_the_policy_of_the_service_blocks_nothing_of_ours(browser: Any, server_url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(server_url + "/doc/id/luxembourg")
    colour = page.evaluate("getComputedStyle(document.querySelector('header.site')).backgroundColor")
    assert complaints == []
    assert colour != "rgba(0, 0, 0, 0)"
    context.close()


def test_the_menu_opens_on_a_phone_without_script(browser: Any, server_url: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page = context.new_page()
    page.goto(server_url + "/")
    link = page.get_by_role("link", name="Legal acts", exact=True).first
    assert not link.is_visible()
    page.get_by_role("button", name="Menu").click()
    assert link.is_visible()
    link.click()
    assert page.url.endswith("/legal-acts")
    context.close()


def test_the_skip_link_is_the_first_stop(browser: Any, server_url: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(server_url + "/actors")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#content"
    context.close()


def test_a_reader_filters_actors_and_opens_one(browser: Any, server_url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server_url + "/actors")
    page.get_by_label("Country").select_option(label=_option(page, "#country", "Luxembourg"))
    page.get_by_role("button", name="Show").click()
    page.get_by_role("link", name="Anefore", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Anefore"
    context.close()


def _option(page: Any, select: str, words: str) -> str:
    texts = page.locator(f"{select} option").all_inner_texts()
    return str(next(text for text in texts if text.startswith(words)))


def test_a_reader_runs_a_query_and_checks_data(browser: Any, server_url: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(server_url + "/sparql")
    page.get_by_role("button", name="Run").click()
    assert page.locator("table.results tbody tr").count() == 20
    page.goto(server_url + "/validate")
    page.get_by_label("Triples").fill("<urn:a> <urn:b> .")
    page.get_by_role("button", name="Check").click()
    assert page.get_by_role("alert").is_visible()
    context.close()


@pytest.mark.parametrize("size", SIZES)
def test_a_reader_searches_from_any_page_and_narrows(browser: Any, server_url: str, size: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, java_script_enabled=False)
    page = context.new_page()
    page.goto(server_url + "/conflicts?lang=en")
    page.get_by_role("searchbox").fill("anefore")
    page.get_by_role("searchbox").press("Enter")
    assert page.url.startswith(f"{server_url}/search?")
    page.get_by_label("Class").select_option(value="vet:Organisation")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Anefore", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Anefore"
    context.close()
