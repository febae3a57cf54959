"""Evidence: ranges of characters in the source documents, and the files that list them.

An evidence node is named by its range, ``id/ev-{document number}-{start}-{end}``; offsets are
Unicode code points from 0 with an exclusive end (Web Annotation, section 4.2.5). Data files only
name such nodes; :func:`write` makes ``evidence.ttl`` of a graph's folder from those names.

Commands, where the source texts are at hand (``VETGRAPH_SOURCES`` or ``--sources``)::

    python -m vetgraph.evidence locate 001 35 "third call" --to "restrictions"
    python -m vetgraph.evidence write
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from vetgraph.graphs import canonical
from vetgraph.vocab import PREFIXES, SELECTOR

DOCUMENTS = {
    "000": "lu-mobility-fiche-2021",
    "001": "be-fl-mobility-timeline-2024",
    "002": "lu-guidance-2025",
    "003": "vet-mobility-tools-seminar-2019",
    "004": "doallvet-c2-2020",
}
"""Document number → slug of the source and of its graph."""

NAME = re.compile(r"\bid:ev-(\d{3})-(\d+)-(\d+)\b")


@dataclass(frozen=True)
class Range:
    """A range of characters in one document."""

    document: str
    start: int
    end: int

    @property
    def name(self) -> str:
        """The prefixed name of the evidence node."""
        return f"id:ev-{self.document}-{self.start}-{self.end}"


class SourceText:
    """The text of one source document, with its lines."""

    def __init__(self, path: Path) -> None:
        raw = path.read_bytes()
        self.sha256 = hashlib.sha256(raw).hexdigest()
        self.text = raw.decode("utf-8")
        self.starts = [0] + [m.end() for m in re.finditer("\n", self.text)]

    @property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        return self.text.split("\n")

    def line_at(self, offset: int) -> int:
        """Return the number, from 1, of the line that an offset falls in."""
        return sum(1 for start in self.starts if start <= offset)

    def locate(self, line: int, phrase: str | None = None, to: str | None = None) -> tuple[int, int]:
        """Return start and end of a phrase in a line, or of the whole line without blank ends.

        Raises LookupError where the phrase is missing or occurs twice.
        """
        text, offset = self.lines[line - 1], self.starts[line - 1]
        if phrase is None:
            stripped = text.strip()
            start = offset + text.index(stripped)
            return start, start + len(stripped)
        if text.count(phrase) != 1:
            raise LookupError(f"line {line} has the phrase {text.count(phrase)} times: {phrase!r}")
        start = offset + text.index(phrase)
        if to is None:
            return start, start + len(phrase)
        tail = self.text.find(to, start)
        if tail < 0:
            raise LookupError(f"nothing after line {line} has the phrase {to!r}")
        return start, tail + len(to)


def sources_folder() -> Path | None:
    """Return the folder of source texts that ``VETGRAPH_SOURCES`` names, if there is one."""
    named = os.environ.get("VETGRAPH_SOURCES")
    return Path(named) if named and Path(named).is_dir() else None


def source_text(document: str, folder: Path) -> SourceText:
    """Return the text of the document with that number. Raises FileNotFoundError."""
    for path in sorted(folder.glob(f"{document}*.txt")):
        return SourceText(path)
    raise FileNotFoundError(f"{folder} has no text of document {document}")


def named_ranges(folder: Path) -> list[Range]:
    """Return the ranges that the Turtle files of a graph's folder name, in order."""
    found = set()
    for path in sorted(folder.glob("*.ttl")):
        if path.name != "evidence.ttl":
            for number, start, end in NAME.findall(path.read_text(encoding="utf-8")):
                found.add((number, int(start), int(end)))
    return [Range(*item) for item in sorted(found)]


def as_turtle(ranges: list[Range], texts: dict[str, SourceText]) -> str:
    """Return the evidence nodes of some ranges as canonical Turtle."""
    lines = [f"@prefix {p}: <{PREFIXES[p]}> ." for p in ("id", "vet", "oa", "skos", "source")]
    for item in ranges:
        text = texts[item.document]
        first, last = text.line_at(item.start), text.line_at(item.end - 1)
        where = f"line {first}" if first == last else f"lines {first}–{last}"
        lines.append(
            f"{item.name} a vet:Evidence ; oa:hasSource source:{DOCUMENTS[item.document]} ;"
            f' skos:prefLabel "Source {item.document}, characters {item.start}–{item.end}, {where}"@en ;'
            f" vet:firstLine {first} ; vet:lastLine {last} ; oa:hasSelector {item.name}{SELECTOR} ."
            f"{item.name}{SELECTOR} a oa:TextPositionSelector ; oa:start {item.start} ; oa:end {item.end} ."
        )
    return canonical("\n".join(lines))


def write(data: Path, folder: Path) -> list[Path]:
    """Write ``evidence.ttl`` of each graph that names evidence; return the files written."""
    written = []
    for graph in sorted(path for path in data.iterdir() if path.is_dir()):
        ranges = named_ranges(graph)
        if ranges:
            texts = {n: source_text(n, folder) for n in {item.document for item in ranges}}
            target = graph / "evidence.ttl"
            target.write_text(as_turtle(ranges, texts), encoding="utf-8")
            written.append(target)
    return written


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m vetgraph.evidence")
    parser.add_argument("--sources", type=Path, default=sources_folder())
    commands = parser.add_subparsers(dest="command", required=True)
    locate = commands.add_parser("locate", help="name the evidence node of a phrase")
    locate.add_argument("document", choices=sorted(DOCUMENTS))
    locate.add_argument("line", type=int)
    locate.add_argument("phrase", nargs="?")
    locate.add_argument("--to")
    writer = commands.add_parser("write", help="write evidence.ttl of every graph")
    writer.add_argument("--data", type=Path, default=Path("data"))
    options = parser.parse_args(arguments)
    if options.sources is None:
        parser.error("no source texts: set VETGRAPH_SOURCES to their folder")
    if options.command == "write":
        for path in write(options.data, options.sources):
            sys.stdout.write(f"{path}\n")
        return 0
    return _locate(parser, options)


def _locate(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    text = source_text(options.document, options.sources)
    try:
        start, end = text.locate(options.line, options.phrase, options.to)
    except LookupError as problem:
        parser.error(str(problem))
    sys.stdout.write(f"{Range(options.document, start, end).name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
