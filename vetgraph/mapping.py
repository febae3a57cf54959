"""The mapping language: how the rows of a CSV table become things of the graph.

A mapping is a TOML file beside the Turtle file that it makes, ``data/{graph}/{name}.toml``. It names
the table and its columns, lookup tables, and records: what a row (or each item of a list in a cell)
becomes. Texts are templates: ``{column}`` is the cell, ``{column|filter|…}`` passes it through
filters, of which the lookup tables are some. ``docs/importing.md`` shows it with an example.
"""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from vetgraph.errors import ContentError
from vetgraph.vocab import PREFIXES

FORMS: Final[dict[str, str]] = {
    "xsd:gYear": r"(19|20)\d\d",
    "xsd:date": r"(19|20)\d\d-(0\d|1[0-2])-([0-2]\d|3[01])",
    "xsd:integer": r"-?\d+",
    "xsd:decimal": r"-?\d+(\.\d+)?",
    "xsd:boolean": "true|false",
    "xsd:string": r"(?s).+",
}
"""Datatypes that a mapping may ask for, and what their texts look like."""

BUILT_IN: Final = ("slug", "address", "host", "local", "small")
"""Filters that need no table; ``converting`` says what each does."""

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Placeholder:
    """A column in a template, with the filters that its cell goes through."""

    column: str
    filters: tuple[str, ...]


@dataclass(frozen=True)
class Template:
    """A text with placeholders."""

    text: str
    parts: tuple[str | Placeholder, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the text needs."""
        return tuple(part.column for part in self.parts if isinstance(part, Placeholder))


@dataclass(frozen=True)
class Part:
    """A part of a cell, used like a column: the one group of a pattern, empty where it does not match."""

    column: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class Value:
    """One value of a property: a template, and what its text stands for."""

    kind: Literal["iri", "address", "text"]
    template: Template
    lang: str | None = None
    datatype: str | None = None
    split: str | None = None
    optional: bool = False


@dataclass(frozen=True)
class Condition:
    """Which rows something is for: all of `when` hold, and not all of `unless`."""

    when: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unless: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def holds(self, row: Mapping[str, str]) -> bool:
        """Return whether a row is meant."""
        wanted = all(row[column] in values for column, values in self.when.items())
        refused = bool(self.unless) and all(row[column] in values for column, values in self.unless.items())
        return wanted and not refused


@dataclass(frozen=True)
class Each:
    """A list in a cell: the record is made once per item, whose parts get names of their own."""

    column: str
    split: str
    names: tuple[str, ...]
    by: str


@dataclass(frozen=True)
class Record:
    """What a row becomes: a thing with its properties."""

    name: str
    subject: Template
    classes: tuple[str, ...]
    properties: tuple[tuple[str, Value], ...]
    condition: Condition
    each: Each | None = None
    shared: bool = False
    """Several rows may make the thing, such as the page they cite; one that another file describes is left to it."""
    link: bool = False
    """The thing exists elsewhere in the content; the row only adds to it."""


@dataclass(frozen=True)
class Skip:
    """Rows that become nothing, and why."""

    condition: Condition
    reason: str


Table = Mapping[str, tuple[str, ...]]
"""A lookup table: what stands in a cell → what it means, sometimes several things."""


@dataclass(frozen=True)
class Plan:
    """A mapping, read and checked in itself."""

    path: Path
    csv: str
    columns: tuple[str, ...]
    tables: Mapping[str, Table]
    parts: Mapping[str, Part]
    records: tuple[Record, ...]
    skips: tuple[Skip, ...]

    @property
    def graph(self) -> str:
        """The slug of the graph: the name of the folder that the mapping lies in."""
        return self.path.resolve().parent.name

    @property
    def target(self) -> str:
        """The name of the Turtle file that the mapping makes."""
        return f"{self.path.stem}.ttl"


def read_plan(path: Path) -> Plan:
    """Return the mapping in a TOML file; tables kept as CSV lie beside it.

    Raises ContentError with the place in the file where something in it is not in order.
    """
    return _Reader(path).plan()


class _Reader:
    """Reads one mapping; every complaint names its place in the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.data = tomllib.loads(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as problem:
            self.refuse("", f"it can't be read: {problem}")
        except tomllib.TOMLDecodeError as problem:
            self.refuse("", f"it is not valid TOML: {problem}")
        self.columns: tuple[str, ...] = ()
        self.tables: dict[str, Table] = {}
        self.parts: dict[str, Part] = {}

    def refuse(self, where: str, what: str) -> NoReturn:
        """Raise ContentError about a place in the mapping."""
        place = f"{self.path.name}, {where}" if where else self.path.name
        raise ContentError(f"The mapping {place}: {what}", file=str(self.path))

    def table(self, where: str, data: Any, known: str = "") -> dict[str, Any]:
        """Return a TOML table; refuse anything else, and keys that nothing reads where the known are given."""
        if not isinstance(data, dict):
            self.refuse(where, "this must be a table.")
        unknown = [key for key in data if known and key not in known.split()]
        if unknown:
            self.refuse(where, f"nothing reads {', '.join(unknown)}; known are {known.replace(' ', ', ')}.")
        return data

    def text(self, where: str, data: dict[str, Any], key: str, default: str | None = None) -> str:
        """Return a text of a table; refuse another type, or its absence where it has no default."""
        value = data.get(key, default)
        if not isinstance(value, str) or not value:
            self.refuse(where, f"{key} must be a text.")
        return value

    def flag(self, where: str, data: dict[str, Any], key: str) -> bool:
        """Return a yes or no of a table; absent means no."""
        value = data.get(key, False)
        if not isinstance(value, bool):
            self.refuse(where, f"{key} must be true or false.")
        return value

    def texts(self, where: str, value: Any, key: str) -> list[str]:
        """Return a text, or a list of texts, as a list."""
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not values or not all(isinstance(item, str) for item in values):
            self.refuse(where, f"{key} must be a text or a list of texts.")
        return values

    def plan(self) -> Plan:
        """Return the whole mapping."""
        self.table("top level", self.data, "csv columns parts tables sets record skip")
        self.columns = tuple(self.texts("top level", self.data.get("columns"), "columns"))
        self.parts = dict(self.read_parts())
        self.tables = dict(self.read_tables())
        records = tuple(self.record(number, data) for number, data in enumerate(self.data.get("record", []), 1))
        if not records:
            self.refuse("top level", "there is no [[record]].")
        skips = tuple(self.skip(number, data) for number, data in enumerate(self.data.get("skip", []), 1))
        source = self.text("top level", self.data, "csv")
        return Plan(self.path, source, self.columns, self.tables, self.parts, records, skips)

    def read_parts(self) -> Iterator[tuple[str, Part]]:
        """Yield the parts of cells by name."""
        for name, entry in self.table("parts", self.data.get("parts", {})).items():
            where = f"parts.{name}"
            data = self.table(where, entry, "column pattern")
            if name in self.columns:
                self.refuse(where, "a column has this name already.")
            try:
                pattern = re.compile(self.text(where, data, "pattern"))
            except re.error as problem:
                self.refuse(where, f"the pattern is not a regular expression: {problem}.")
            if pattern.groups != 1:
                self.refuse(where, "the pattern must have one group: the part.")
            yield name, Part(self.text(where, data, "column"), pattern)

    # --- tables ---------------------------------------------------------------------------------

    def read_tables(self) -> Iterator[tuple[str, Table]]:
        """Yield the lookup tables by name."""
        for name, entry in self.table("tables", self.data.get("tables", {})).items():
            where = f"tables.{name}"
            if name in BUILT_IN or not _NAME.fullmatch(name):
                self.refuse(where, f"a table has a name in small letters, other than {', '.join(BUILT_IN)}.")
            data = self.table(where, entry)
            if "file" in data:
                yield name, self.from_csv(where, data)
            else:
                yield (
                    name,
                    {key: tuple(self.texts(where, value, key) if value != [] else []) for key, value in data.items()},
                )

    def meaning(self, where: str, key: str, value: Any) -> tuple[str, ...]:
        """Return what a cell means: a text, several, or nothing by an empty list."""
        return () if value == [] else tuple(self.texts(where, value, key))

    def from_csv(self, where: str, data: dict[str, Any]) -> Table:
        """Return two columns of a CSV file as a lookup table."""
        self.table(where, data, "file key value")
        name, key, value = (self.text(where, data, part) for part in ("file", "key", "value"))
        try:
            with (self.path.parent / name).open(encoding="utf-8", newline="") as stream:
                return {row[key]: (row[value],) for row in csv.DictReader(stream)}
        except (OSError, UnicodeDecodeError) as problem:
            self.refuse(where, f"the file {name} can't be read: {problem}")
        except KeyError as problem:
            self.refuse(where, f"the file {name} has no column {problem}.")

    # --- records --------------------------------------------------------------------------------

    def skip(self, number: int, entry: Any) -> Skip:
        """Return one [[skip]]."""
        where = f"skip {number}"
        data = self.table(where, entry, "when unless reason")
        return Skip(self.condition(where, data), self.text(where, data, "reason"))

    def record(self, number: int, entry: Any) -> Record:
        """Return one [[record]], with the properties of the sets that it uses."""
        where = f"record {number}"
        data = self.table(where, entry, "name subject class use properties when unless each shared link")
        name = self.text(where, data, "name")
        where = f"record {name}"
        each = self.each(where, data["each"]) if "each" in data else None
        names = (*self.columns, *(each.names if each else ()))
        names += tuple(part for part, entry in self.parts.items() if entry.column in names)
        link = self.flag(where, data, "link")
        if link == ("class" in data):
            self.refuse(where, "give a class, or link = true where the thing is described elsewhere.")
        return Record(
            name,
            self.template(where, self.text(where, data, "subject"), names),
            tuple(self.name(where, item) for item in self.texts(where, data["class"], "class")) if not link else (),
            tuple(self.properties(where, data, names)),
            self.condition(where, data),
            each,
            self.flag(where, data, "shared"),
            link,
        )

    def each(self, where: str, entry: Any) -> Each:
        """Return the list that a record is made from."""
        data = self.table(where, entry, "column split names by")
        column = self.column(where, self.text(where, data, "column"), self.columns)
        names = tuple(self.texts(where, data.get("names"), "names"))
        taken = [name for name in names if name in self.columns]
        if taken:
            self.refuse(where, f"{taken[0]} is a column already; give the parts of an item other names.")
        return Each(column, self.text(where, data, "split"), names, self.text(where, data, "by", ":"))

    def condition(self, where: str, data: dict[str, Any]) -> Condition:
        """Return the rows that something is for."""

        def side(key: str) -> dict[str, frozenset[str]]:
            found = self.table(where, data.get(key, {}))
            return {
                self.column(where, column, self.columns): frozenset(self.texts(where, values, key))
                for column, values in found.items()
            }

        return Condition(side("when"), side("unless"))

    def properties(self, where: str, data: dict[str, Any], names: tuple[str, ...]) -> Iterator[tuple[str, Value]]:
        """Yield the properties of a record, those of its sets first."""
        sets = self.table("sets", self.data.get("sets", {}))
        for used in self.texts(where, data.get("use", []) or [""], "use"):
            if used and used not in sets:
                self.refuse(where, f"there is no set {used}.")
            yield from self.values(where, self.table(f"sets.{used}", sets[used]) if used else {}, names)
        yield from self.values(where, self.table(where, data.get("properties", {})), names)

    def values(self, where: str, data: dict[str, Any], names: tuple[str, ...]) -> Iterator[tuple[str, Value]]:
        """Yield the values of a table of properties, one by one."""
        for key, entry in data.items():
            for item in entry if isinstance(entry, list) else [entry]:
                yield self.name(where, key), self.value(f"{where}, {key}", item, names)

    def value(self, where: str, entry: Any, names: tuple[str, ...]) -> Value:
        """Return one value: a plain text is an IRI, a table says more."""
        if isinstance(entry, str):
            entry = {"iri": entry}
        data = self.table(where, entry, "iri address text lang datatype split optional")
        kinds: list[Literal["iri", "address", "text"]] = ["iri", "address", "text"]
        given = [kind for kind in kinds if kind in data]
        if len(given) != 1:
            self.refuse(where, "give exactly one of iri, address, text.")
        kind = given[0]
        template = self.template(where, self.text(where, data, kind), names)
        lang, datatype = data.get("lang"), data.get("datatype")
        if (kind == "text") != ((lang is None) != (datatype is None)):
            self.refuse(where, "a text has either lang or datatype; the other kinds have neither.")
        if datatype is not None and datatype not in FORMS:
            self.refuse(where, f"the datatype {datatype} is not known here; known are {', '.join(FORMS)}.")
        split = data.get("split")
        if split is not None and len(template.columns) != 1:
            self.refuse(where, "split needs a template with one column.")
        optional = self.flag(where, data, "optional")
        return Value(kind, template, lang, datatype, split, optional)

    # --- words ----------------------------------------------------------------------------------

    def template(self, where: str, text: str, names: tuple[str, ...]) -> Template:
        """Return a text with its placeholders; refuse columns and filters that do not exist."""
        parts: list[str | Placeholder] = []
        for number, part in enumerate(_PLACEHOLDER.split(text)):
            if number % 2 == 0:
                if part:
                    parts.append(part)
                continue
            column, *filters = part.split("|")
            for name in filters:
                if name not in BUILT_IN and name not in self.tables:
                    self.refuse(where, f"there is no filter or table {name} (in {{{part}}}).")
            parts.append(Placeholder(self.column(where, column, names), tuple(filters)))
        return Template(text, tuple(parts))

    def column(self, where: str, name: str, names: tuple[str, ...]) -> str:
        """Return the name of a column; refuse one that does not exist."""
        if name not in names:
            self.refuse(where, f"there is no column {name}; there are {', '.join(names)}.")
        return name

    def name(self, where: str, name: str) -> str:
        """Return a prefixed name; refuse an unknown prefix."""
        if name.partition(":")[0] not in PREFIXES:
            self.refuse(where, f"the prefix of {name} is not known.")
        return name
