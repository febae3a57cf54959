"""The documentation keeps its word: examples are real, commands answer what they show, links lead somewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox
import pytest
from flask import Flask

from vetgraph import errors
from vetgraph.store import GraphStore
from vetgraph.vocab import PREFIXES

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
DECISIONS = sorted(ROOT.glob("docs/decisions/*.md"))
LOCAL = "http://localhost:8000"
ANSWERS = ("text", "json", "csv", "turtle")
DRAFTS = ("validation.md", "shapes.md")
"""Pages whose Turtle shows what an editor might hand in, not what the graph holds."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with the block that follows it directly, if any."""

    page: Path
    line: int
    kind: str
    text: str
    answer: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text("utf-8")
    found = list(_FENCE.finditer(text))
    for match, after in zip(found, [*found[1:], None], strict=False):
        direct = after is not None and not text[match.end() : after.start()].strip()
        answer = after[2] if after is not None and direct and after[1] in ANSWERS else None
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2], answer)


def of_kind(kind: str, pages: list[Path] = PAGES) -> list[Block]:
    return [block for page in pages for block in blocks(page) if block.kind == kind]


def commands() -> list[Block]:
    pages = [ROOT / "docs" / name for name in ("http.md", "linked-data.md")]
    return [block for block in of_kind("sh", pages) if "curl " in block.text]


# -- Turtle and SPARQL ------------------------------------------------------------------------


@pytest.mark.parametrize("block", of_kind("turtle"), ids=str)
def test_turtle_is_real_data(block: Block, store: GraphStore) -> None:
    scratch = ox.Store()
    # Through a store, because stores normalise literals: 20.0 is kept as 20.
    scratch.load(_with_prefixes(block.text).encode(), format=ox.RdfFormat.TURTLE)
    triples = [quad.triple for quad in scratch]
    assert triples
    if block.page.name in DRAFTS:
        return
    stated = {(quad.subject, quad.predicate, quad.object) for t in triples for quad in store.quads(t.subject)}
    missing = [str(t) for t in triples if (t.subject, t.predicate, t.object) not in stated]
    assert not missing


def _with_prefixes(text: str) -> str:
    return "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items()) + text


def test_examples_of_the_modelling_page_are_short() -> None:
    page = ROOT / "docs" / "modelling.md"
    for block in blocks(page):
        if block.kind == "turtle":
            assert len(block.text.splitlines()) <= 10, block


def test_each_kind_of_fact_has_data_and_a_query() -> None:
    text = (ROOT / "docs" / "modelling.md").read_text("utf-8")
    for section in text.split("\n## ")[1:]:
        kinds = [kind for kind, _ in _FENCE.findall(section)]
        assert kinds == ["turtle", "sparql"], section.splitlines()[0]


@pytest.mark.parametrize("block", of_kind("sparql"), ids=str)
def test_sparql_finds_something(block: Block, store: GraphStore) -> None:
    answer = store.query(block.text)
    assert bool(answer) if isinstance(answer, ox.QueryBoolean) else next(iter(answer), None) is not None


# -- commands ---------------------------------------------------------------------------------


@pytest.mark.parametrize("block", commands(), ids=str)
def test_curl_answers_what_is_shown(block: Block, server_url: str, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl; enable with: apt-get install curl")
    script = "set -e\n" + block.text.replace(LOCAL, server_url)
    result = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout
    lines = {line.rstrip() for line in result.stdout.splitlines()}
    for shown in (block.answer or "").replace(LOCAL, server_url).splitlines():
        if shown.strip("… "):
            pattern = re.compile(".*".join(re.escape(part) for part in shown.rstrip().split("…")))
            assert any(pattern.fullmatch(line) for line in lines), f"not answered: {shown}"


def test_every_command_shows_its_answer() -> None:
    assert len(commands()) >= 12
    assert [str(block) for block in commands() if not block.answer] == []


# -- addresses --------------------------------------------------------------------------------


def rows(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the table under a heading row that starts with some words."""
    lines = page.read_text("utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} |")) + 2
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return table


def examples() -> list[str]:
    cells = [row[1] for row in rows(ROOT / "docs" / "http.md", "address")]
    return [address for cell in cells for address in re.findall(r"`(/[^`]*)`", cell)]


@pytest.mark.parametrize("address", examples())
def test_every_address_of_the_table_answers(address: str, server_url: str) -> None:
    try:
        with urllib.request.urlopen(server_url + address, timeout=60) as answer:
            assert answer.status == 200
            assert answer.read()
    except urllib.error.HTTPError as problem:
        pytest.fail(f"{address} answers {problem.code}")


def test_every_route_is_in_the_table(app: Flask) -> None:
    adapter = app.url_map.bind("localhost")
    shown = {adapter.match(address.partition("?")[0], return_rule=True)[0].rule for address in examples()}
    # Addresses that not everybody may ask have a row, and no example.
    named = {
        address for row in rows(ROOT / "docs" / "http.md", "address") for address in re.findall(r"/[\w/]+", row[0])
    }
    routes = {rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert sorted(routes - shown - named) == []


def test_every_way_to_write_is_in_the_table(app: Flask) -> None:
    cells = [row[0] for row in rows(ROOT / "docs" / "http.md", "address")]
    for rule in app.url_map.iter_rules():
        address = re.sub(r"<(\w+?)_?>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) - {"GET", "HEAD", "OPTIONS"}:
            assert any(re.search(rf"{method}[A-Z, ]* {re.escape(address)}`", cell) for cell in cells), (method, address)


def _kinds(kind: type[errors.VetgraphError]) -> list[type[errors.VetgraphError]]:
    told = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [kind, *(leaf for child in told for leaf in _kinds(child))]


def test_every_problem_is_in_the_table() -> None:
    shown = {row[0].strip("`"): int(row[1]) for row in rows(ROOT / "docs" / "http.md", "type")}
    unseen = {errors.SettingsError, errors.ContentError}  # these end a command, no request meets them
    known = {f"/problems/{kind.slug}": kind.status for kind in _kinds(errors.VetgraphError) if kind not in unseen}
    assert known.items() <= shown.items()


# -- links and decisions ----------------------------------------------------------------------


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path) if path else page
        assert found.exists(), target
        if anchor and found.suffix == ".md":
            assert anchor in _anchors(found), target


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_has_context_choice_and_cost(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Choice", "Cost"]
