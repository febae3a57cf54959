"""Rows of a CSV table → triples, by a mapping; what is wrong is collected with its line and column."""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pyoxigraph as ox

from vetgraph import graphs
from vetgraph.errors import ContentError
from vetgraph.mapping import FORMS, Each, Placeholder, Plan, Record, Table, Template, Value
from vetgraph.vocab import BASE, ID, PREFIXES, RDF, expand, shorten

TYPE: Final = ox.NamedNode(RDF + "type")
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ADDRESS: Final = re.compile(r"https?://[^\s<>\"{}|\\^`\[\]]+")
_BLANKS: Final = re.compile(r"[\s\u00a0\u202f]+")
_NUMBERS: Final = ("xsd:integer", "xsd:decimal")

Cells = Mapping[str, str]
Fact = tuple[ox.NamedNode, ox.NamedNode | ox.Literal]


@dataclass(frozen=True)
class Problem:
    """Something that is wrong in a table: where, what stands there, and what to do."""

    file: str
    line: int
    """The line on which the row starts; 0 where the problem is in no row."""
    column: str
    value: str
    message: str

    def as_text(self) -> str:
        """Return the problem as one line."""
        where = f", line {self.line}" if self.line else ""
        where += f", column {self.column}" if self.column else ""
        what = f" “{self.value}”:" if self.value else ""
        return f"{self.file}{where}:{what} {self.message}"


@dataclass(frozen=True)
class Row:
    """One row of a table, with the line on which it starts."""

    line: int
    cells: Cells


@dataclass(frozen=True)
class Result:
    """What a table becomes: triples, what is wrong, and what became of each row."""

    plan: Plan
    file: str
    rows: int
    triples: tuple[ox.Triple, ...]
    problems: tuple[Problem, ...]
    linked: int = 0
    skipped: Mapping[str, int] = field(default_factory=dict)
    makers: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """IRI of a thing → the lines of the rows that it comes from."""

    @property
    def things(self) -> dict[str, int]:
        """How many things of each class there are, by the class's prefixed name."""
        counts: dict[str, int] = {}
        for triple in self.triples:
            if triple.predicate == TYPE and isinstance(triple.object, ox.NamedNode):
                name = shorten(triple.object.value)
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items()))

    def as_turtle(self) -> str:
        """Return the file's text in canonical form, with a line that says how it was made."""
        made = f"# Made by `vetgraph import data/{self.plan.graph}/{self.plan.path.name}`"
        note = f"{made} from {self.plan.csv}: change the table or the mapping, not this file.\n\n"
        return note + graphs.turtle(self.triples)


class Wrong(Exception):
    """A cell that can't be used; caught where the line is known."""

    def __init__(self, column: str, value: str, message: str) -> None:
        super().__init__(message)
        self.column, self.value, self.message = column, value, message


class Blank(Wrong):
    """A cell that a template needs is empty."""


# --- rows → things ------------------------------------------------------------------------------


def convert(plan: Plan, table: Path, described: frozenset[str]) -> Result:
    """Return what the rows of a table become; `described` are the things that links may point to."""
    reader = _Rows(table, plan.columns)
    rows = list(reader)
    maker = _Maker(plan, table.name, described)
    maker.problems.extend(reader.problems)
    for row in rows:
        maker.take(row)
    maker.check_references()
    return Result(
        plan,
        table.name,
        len(rows),
        tuple(maker.triples),
        tuple(sorted(maker.problems, key=lambda problem: problem.line)),
        maker.linked,
        maker.skipped,
        {iri: tuple(lines) for iri, lines in maker.makers.items()},
    )


class _Rows:
    """The rows of a CSV file; what is wrong with the file itself is collected."""

    def __init__(self, path: Path, columns: tuple[str, ...]) -> None:
        self.path, self.columns = path, columns
        self.problems: list[Problem] = []

    def __iter__(self) -> Iterator[Row]:
        try:
            text = self.path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as problem:
            line = problem.object.count(b"\n", 0, problem.start) + 1
            self._complain(line, "", "this is not UTF-8; save the table as UTF-8.")
            return
        except OSError as problem:
            raise ContentError(
                f"The table {self.path} can't be read: {problem.strerror}; give it with --csv."
            ) from None
        reader = csv.reader(text.splitlines(keepends=True), strict=True)
        try:
            yield from self._rows(reader)
        except csv.Error as problem:
            self._complain(reader.line_num, "", f"this is not CSV: {problem}. Look for a quotation mark.")

    def _rows(self, reader: Iterator[list[str]]) -> Iterator[Row]:
        header = tuple(next(reader, []))
        if header != self.columns:
            self._complain(1, ", ".join(header), f"the columns must be, in this order: {', '.join(self.columns)}.")
            return
        start = 2
        for cells in reader:
            line, start = start, reader.line_num + 1  # type: ignore[attr-defined]  # a csv.reader
            if len(cells) == len(header):
                yield Row(line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)})
            elif cells:
                self._complain(line, "", f"there are {len(cells)} cells for {len(header)} columns; look at the commas.")

    def _complain(self, line: int, value: str, message: str) -> None:
        self.problems.append(Problem(self.path.name, line, "", value, message))


class _Maker:
    """Makes triples from rows, and keeps what is wrong with its line."""

    def __init__(self, plan: Plan, file: str, described: frozenset[str]) -> None:
        self.plan, self.file, self.described = plan, file, described
        self.triples: dict[ox.Triple, int] = {}
        self.problems: list[Problem] = []
        self.makers: dict[str, list[int]] = {}
        self.kinds: dict[str, Record] = {}
        self.linked = 0
        self.skipped: dict[str, int] = {}

    def take(self, row: Row) -> None:
        """Make what a row becomes."""
        skip = next((skip for skip in self.plan.skips if skip.condition.holds(row.cells)), None)
        if skip is not None:
            self.skipped[skip.reason] = self.skipped.get(skip.reason, 0) + 1
            return
        records = [record for record in self.plan.records if record.condition.holds(row.cells)]
        own = [record for record in records if not record.shared]
        if not own:
            self._complain(row, Wrong("", "", "no record of the mapping takes this row; add one, or a [[skip]]."))
        elif all(record.link for record in own):
            self.linked += 1
        for record in records:
            try:
                for cells in _items(record.each, row.cells):
                    self._make(record, Row(row.line, cells))
            except Wrong as problem:
                self._complain(row, problem)

    def _make(self, record: Record, row: Row) -> None:
        """Make one thing, or add to one that is described elsewhere."""
        column = record.subject.columns[0] if record.subject.columns else ""
        for name in fill(record.subject, row.cells, self.plan):
            subject = _named(name, column)
            if record.shared and not record.link and subject.value in self.described:
                continue  # stated in one graph only: the union of all graphs keeps both copies of a triple
            self._claim(record, row, subject.value, column)
            facts: list[Fact] = [(TYPE, _named(kind, "")) for kind in record.classes]
            for predicate, value in record.properties:
                found = terms(value, row.cells, self.plan)
                facts.extend((ox.NamedNode(expand(predicate)), term) for term in found)
            for predicate_, term in facts:
                self.triples.setdefault(ox.Triple(subject, predicate_, term), row.line)

    def _claim(self, record: Record, row: Row, iri: str, column: str) -> None:
        """Note who makes a thing; refuse a second row for it, and links to nothing."""
        value = _cell(column, row.cells, self.plan) if column else ""
        lines = self.makers.setdefault(iri, [])
        if record.link:
            if iri not in self.described:
                raise Wrong(column, value, f"{shorten(iri)} is to be linked, but nothing describes it.")
        elif iri in self.described:
            raise Wrong(column, value, f"{shorten(iri)} is described elsewhere already; link to it.")
        elif lines and not record.shared:
            raise Wrong(column, value, f"{shorten(iri)} is already made from line {lines[0]}; merge the two rows.")
        if row.line not in lines:
            lines.append(row.line)

    def check_references(self) -> None:
        """Complain about things that are named but described nowhere."""
        made = {triple.subject for triple in self.triples if triple.predicate == TYPE}
        for triple, line in self.triples.items():
            term = triple.object
            if not isinstance(term, ox.NamedNode) or not term.value.startswith(BASE) or triple.predicate == TYPE:
                continue
            if term not in made and term.value not in self.described:
                message = f"{shorten(triple.predicate.value)} points to something that nothing describes."
                self.problems.append(Problem(self.file, line, "", shorten(term.value), message))

    def _complain(self, row: Row, wrong: Wrong) -> None:
        self.problems.append(Problem(self.file, row.line, wrong.column, wrong.value, wrong.message))


def _items(each: Each | None, cells: Cells) -> Iterator[Mapping[str, str]]:
    """Yield the cells once, or once for each item of a list, with the item's parts beside them."""
    if each is None:
        yield cells
        return
    for item in filter(None, (item.strip() for item in cells[each.column].split(each.split))):
        parts = [part.strip() for part in item.split(each.by, len(each.names) - 1)]
        if len(parts) != len(each.names) or not all(parts):
            form = each.by.join(each.names)
            raise Wrong(each.column, item, f"an item of this list is written {form}.")
        yield {**cells, **dict(zip(each.names, parts, strict=True))}


# --- cells → terms ------------------------------------------------------------------------------


def terms(value: Value, cells: Cells, plan: Plan) -> Iterator[ox.NamedNode | ox.Literal]:
    """Yield the terms that one value of a property stands for in a row. Raises Wrong."""
    column = value.template.columns[0] if value.template.columns else ""
    rows = [cells]
    if value.split is not None:
        items = [item.strip() for item in cells[column].split(value.split)]
        rows = [{**cells, column: item} for item in items if item] or [cells]
    for row in rows:
        try:
            texts = fill(value.template, row, plan)
        except Blank:
            if value.optional:
                return
            raise
        for text in texts:
            yield _term(value, text, column)


def fill(template: Template, cells: Cells, plan: Plan) -> list[str]:
    """Return the texts of a template in a row: several where a table gives several. Raises Wrong."""
    options = [[part] if isinstance(part, str) else _filtered(part, cells, plan) for part in template.parts]
    return ["".join(parts) for parts in product(*options)]


def _filtered(place: Placeholder, cells: Cells, plan: Plan) -> list[str]:
    """Return what a placeholder stands for in a row. Raises Wrong, Blank where its cell is empty."""
    cell = _cell(place.column, cells, plan)
    if not cell:
        raise Blank(place.column, "", "this cell is empty; fill it, or mark the value as optional in the mapping.")
    values = [cell]
    for name in place.filters:
        if name in FILTERS:
            values = [FILTERS[name](value) for value in values]
        else:
            values = [found for value in values for found in _looked_up(name, plan.tables[name], place.column, value)]
    return values


def _cell(column: str, cells: Cells, plan: Plan) -> str:
    """Return a cell, or the part of one that has a name of its own."""
    if column not in plan.parts:
        return cells[column]
    part = plan.parts[column]
    found = part.pattern.search(cells[part.column])
    return (found[1] or "").strip() if found else ""


def _looked_up(name: str, table: Table, column: str, value: str) -> tuple[str, ...]:
    if value in table:
        return table[value]
    close = difflib.get_close_matches(value, table, n=1)
    hint = f"Did you mean {close[0]}?" if close else "Correct the cell, or add it to the table."
    raise Wrong(column, value, f"the table {name} of the mapping does not have this. {hint}")


def _term(value: Value, text: str, column: str) -> ox.NamedNode | ox.Literal:
    if value.kind == "iri":
        return _named(text, column)
    if value.kind == "address":
        if not _ADDRESS.fullmatch(text):
            raise Wrong(column, text, "this is not a web address; write it in full, with https://.")
        return ox.NamedNode(text)
    if value.lang is not None:
        return ox.Literal(text, language=value.lang)
    assert value.datatype is not None
    if value.datatype in _NUMBERS:
        text = _BLANKS.sub("", text)
    if not re.fullmatch(FORMS[value.datatype], text):
        raise Wrong(column, text, f"this is not of type {value.datatype}.")
    return ox.Literal(text, datatype=ox.NamedNode(expand(value.datatype)))


def _named(name: str, column: str) -> ox.NamedNode:
    prefix, _, local = name.partition(":")
    if prefix not in PREFIXES or not local:
        raise Wrong(column, name, "this must become a prefixed name, such as id:austria.")
    iri = expand(name)
    if iri.startswith(ID) and not _SLUG.fullmatch(local):
        raise Wrong(column, name, "a name of a thing has small letters, digits and single hyphens only.")
    return ox.NamedNode(iri)


def slug(text: str) -> str:
    """Return a text as part of an IRI: small ASCII letters, digits and single hyphens.

    >>> slug("3.1[9]")
    '3-1-9'
    >>> slug("https://www.example.org/en/Übersicht?year%5B%5D=2019")
    'example-org-en-ubersicht-year-2019'
    """
    plain = unicodedata.normalize("NFKD", address(text)).encode("ascii", "ignore").decode()
    return re.sub("[^a-z0-9]+", "-", plain.lower().removeprefix("www.")).strip("-")


def address(text: str) -> str:
    """Return a web address as people read it: decoded, without its scheme.

    >>> address("https://example.org/fiches?year%5B%5D=2019")
    'example.org/fiches?year[]=2019'
    """
    return re.sub("^https?://", "", unquote(text))


FILTERS: Final[Mapping[str, Callable[[str], str]]] = {
    "slug": slug,
    "address": address,
    "host": lambda text: (urlsplit(text).hostname or text).removeprefix("www."),
    "local": lambda text: text.rpartition(":")[2],
    "small": lambda text: text[:1].lower() + text[1:],
}
"""Built-in filters; `local` gives the last part of a prefixed name, `small` begins with a small letter."""
