"""How much of a text the evidence covers is counted by lines and characters, and never shows the text."""

from __future__ import annotations

from pathlib import Path

import pytest

from vetgraph.checks import coverage
from vetgraph.checks.workspace import Workspace
from vetgraph.errors import BadParameter
from vetgraph.loading import Content, find_content

COVERED, HALF, BARE = "Quokka grazes", "Half wombats", "Numbat sleeps on"
TEXT = f"{COVERED}\n\n{HALF}\n \t \n  {BARE} \n"


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder with one text of five lines, three of them with content."""
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "001_planted.txt").write_text(TEXT, "utf-8")
    return folder


@pytest.fixture
def content(tmp_path: Path) -> Content:
    """A project whose data name two passages: the first line, and the first word of the third."""
    for name in ("ontology", "shapes", "queries", "data/planted"):
        (tmp_path / name).mkdir(parents=True)
    cite(tmp_path, (0, len(COVERED)), (TEXT.index(HALF), TEXT.index(HALF) + 4))
    return find_content(tmp_path)


def cite(root: Path, *ranges: tuple[int, int], document: str = "001") -> None:
    names = " , ".join(f"id:ev-{document}-{start}-{end}" for start, end in ranges)
    text = "@prefix id: <https://w3id.org/vetgraph/id/> .\n@prefix prov: <http://www.w3.org/ns/prov#> .\n"
    (root / "data" / "planted" / "facts.ttl").write_text(f"{text}id:planted prov:wasDerivedFrom {names} .\n", "utf-8")


def test_lines_and_characters_are_counted(content: Content, texts: Path) -> None:
    (report,) = coverage.reports(content, texts)
    assert report.document == "001"
    assert (report.lines.part, report.lines.whole) == (2, 3)
    # Characters that are not blank: 12 of the covered line, 4 of the 11 of the next, none of 14.
    assert (report.characters.part, report.characters.whole) == (16, 37)
    assert report.bare == ((5, len(BARE)),)
    assert report.is_low


def test_the_report_names_bare_lines_but_never_their_text(content: Content, texts: Path) -> None:
    (report,) = coverage.reports(content, texts)
    shown = report.as_text()
    assert "lines 66.6 % (2 of 3), characters 43.2 % (16 of 37)" in shown
    assert shown.endswith(f"bare, with length: 5 ({len(BARE)})")
    assert not any(word in shown for word in TEXT.split())


def test_a_range_of_blanks_covers_nothing(content: Content, texts: Path) -> None:
    start = TEXT.index(HALF) + len(HALF)
    cite(content.root, (start, start + 6))
    (report,) = coverage.reports(content, texts)
    assert (report.lines.part, [number for number, _ in report.bare]) == (0, [1, 3, 5])


def test_a_covered_text_is_not_low(content: Content, texts: Path) -> None:
    cite(content.root, (0, len(TEXT)))
    (report,) = coverage.reports(content, texts)
    assert not report.is_low
    assert "100.0 % (3 of 3)" in report.as_text()
    assert "bare" not in report.as_text()


def test_a_text_that_nothing_cites_is_reported_too(content: Content, texts: Path) -> None:
    (texts / "002_planted.txt").write_text("One line", "utf-8")
    assert [(item.document, item.lines.part) for item in coverage.reports(content, texts)] == [("001", 2), ("002", 0)]


def test_without_texts_there_is_one_clear_sentence(
    content: Content, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VETGRAPH_SOURCES", raising=False)
    with pytest.raises(BadParameter, match="set VETGRAPH_SOURCES"):
        coverage.reports(content, None)
    cite(content.root, (0, 5), document="003")
    with pytest.raises(BadParameter, match="no text of document 003"):
        coverage.reports(content, texts)


def test_the_check_yields_what_is_low(content: Content, texts: Path) -> None:
    workspace = Workspace(content, texts)
    (fault,) = coverage.check(workspace)
    assert (fault.place, fault.term) == ("source 001", "be-fl-mobility-timeline-2024")
    assert "66.6 % (2 of 3) of its lines, below 98 %; bare are 5." in fault.message
    assert workspace.notes["coverage"] == "001: 66.6 %"


def test_the_check_only_notes_that_texts_are_missing(content: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VETGRAPH_SOURCES", raising=False)
    workspace = Workspace(content)
    assert list(coverage.check(workspace)) == []
    assert "VETGRAPH_SOURCES" in workspace.notes["coverage"]
