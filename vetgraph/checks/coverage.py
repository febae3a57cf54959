"""How much of each source text the evidence covers, line by line.

A line counts as covered where an evidence range overlaps what is not blank in it. Lines are named
by number and length only: the texts themselves never leave their folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vetgraph import evidence
from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.errors import BadParameter
from vetgraph.evidence import Range, SourceText
from vetgraph.loading import Content

FLOOR: Final = 98.0
"""Share of lines, in per cent, below which a document counts as not covered."""


@dataclass(frozen=True)
class Share:
    """A part of a whole, counted."""

    part: int
    whole: int

    @property
    def percent(self) -> float:
        """The part in per cent; a whole of nothing counts as complete."""
        return 100 * self.part / self.whole if self.whole else 100.0

    def as_text(self) -> str:
        """Return the share with the counts behind it.

        >>> Share(1, 3).as_text()
        '33.3 % (1 of 3)'
        """
        return f"{self.as_percent()} ({self.part} of {self.whole})"

    def as_percent(self) -> str:
        """Return the share in per cent, rounded down, so that only the whole is 100 %.

        >>> Share(9999, 10000).as_percent()
        '99.9 %'
        """
        return f"{int(self.percent * 10) / 10:.1f} %"


@dataclass(frozen=True)
class Coverage:
    """How much of one document the evidence covers; `bare` has number and length of each bare line."""

    document: str
    lines: Share
    characters: Share
    bare: tuple[tuple[int, int], ...]

    @property
    def is_low(self) -> bool:
        """Whether fewer lines are covered than should be."""
        return self.lines.percent < FLOOR

    def as_text(self) -> str:
        """Return the shares, and the bare lines if there are any, as lines."""
        name = evidence.DOCUMENTS.get(self.document, "")
        head = f"{self.document} {name:<32} lines {self.lines.as_text()}, characters {self.characters.as_text()}"
        bare = ", ".join(f"{number} ({length})" for number, length in self.bare)
        return f"{head}\n  bare, with length: {bare}" if bare else head


def measure(document: str, text: SourceText, ranges: list[Range]) -> Coverage:
    """Return how much of a text some ranges cover."""
    covered = bytearray(len(text.text))
    for item in ranges:
        covered[item.start : item.end] = b"\x01" * (min(item.end, len(covered)) - min(item.start, len(covered)))
    bare, lines, part, whole = [], 0, 0, 0
    for number, (start, line) in enumerate(zip(text.starts, text.lines, strict=True), 1):
        filled = [start + place for place, character in enumerate(line) if not character.isspace()]
        hit = sum(covered[place] for place in filled)
        lines, part, whole = lines + bool(filled), part + hit, whole + len(filled)
        if filled and not hit:
            bare.append((number, len(line.strip())))
    return Coverage(document, Share(lines - len(bare), lines), Share(part, whole), tuple(bare))


def reports(content: Content, folder: Path | None) -> list[Coverage]:
    """Return the coverage of every document that has a text or evidence.

    Raises BadParameter where the texts, or the text of a document with evidence, are not at hand.
    """
    folder = folder or evidence.sources_folder()
    if folder is None:
        message = "The source texts are not at hand; set VETGRAPH_SOURCES to their folder."
        raise BadParameter(message, parameter="VETGRAPH_SOURCES")
    ranges = _ranges(content)
    found = []
    for document in sorted({*evidence.DOCUMENTS, *ranges}):
        try:
            text = evidence.source_text(document, folder)
        except FileNotFoundError as problem:
            if document in ranges:
                message = f"The coverage can't be counted: {problem}."
                raise BadParameter(message, parameter="VETGRAPH_SOURCES") from None
            continue
        found.append(measure(document, text, ranges.get(document, [])))
    return found


def _ranges(content: Content) -> dict[str, list[Range]]:
    """Return the ranges that the data name, by document."""
    found: dict[str, list[Range]] = {}
    for graph in sorted(path for path in (content.root / "data").iterdir() if path.is_dir()):
        for item in evidence.named_ranges(graph):
            found.setdefault(item.document, []).append(item)
    return found


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield the documents of which too few lines are covered; without the texts there is nothing to count."""
    folder = workspace.sources or evidence.sources_folder()
    if folder is None:
        workspace.notes["coverage"] = "without the source texts; set VETGRAPH_SOURCES to count"
        return
    found = reports(workspace.content, folder)
    workspace.notes["coverage"] = ", ".join(f"{item.document}: {item.lines.as_percent()}" for item in found)
    for item in found:
        if item.is_low:
            bare = ", ".join(str(number) for number, _ in item.bare)
            message = f"evidence covers {item.lines.as_text()} of its lines, below {FLOOR:.0f} %; bare are {bare}."
            yield Fault(f"source {item.document}", evidence.DOCUMENTS.get(item.document, ""), message)
