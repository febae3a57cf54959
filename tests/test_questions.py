"""Questions asked from outside get exactly the expected answers: no row more, none less.

The questions are not part of the project. `questions.toml` says which saved query answers which
question, and where a label of ours says in other words what an expected answer says.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from vetgraph.queries import read_catalogue
from vetgraph.store import GraphStore
from vetgraph.vocab import XSD

ROOT = Path(__file__).resolve().parents[1]
BESIDE = ROOT.parent / "shared" / "questions" / "questions.json"
FILE = Path(os.environ.get("TEST_QUESTIONS") or BESIDE)
CATALOGUE = read_catalogue(ROOT)
MAPPING: dict[str, dict[str, Any]] = tomllib.loads((ROOT / "tests" / "questions.toml").read_text("utf-8"))
SHAPES = ("columns", "fields", "values")
KEYS = {"query", "with", "ordered", "unordered", "wordings", "why", *SHAPES}

Cell = str | bool | Decimal | None
Row = tuple[Cell, ...]
Solution = Mapping[str, Cell]


@cache
def asked() -> dict[str, dict[str, Any]]:
    """The questions by their identifier."""
    if not FILE.is_file():
        pytest.skip("the questions are not at hand; enable with: TEST_QUESTIONS=<the file of questions>")
    return {question["id"]: question for question in json.loads(FILE.read_text("utf-8"))}


# --- Our answer -------------------------------------------------------------------------------


def value(term: object) -> Cell:
    """A number or truth value as such, anything else as text."""
    if not isinstance(term, ox.Literal):
        return getattr(term, "value", None)
    kind = term.datatype.value.removeprefix(XSD)
    if kind in ("integer", "decimal", "double", "gYear"):
        return Decimal(term.value)
    return term.value == "true" if kind == "boolean" else term.value


def text(cell: Cell) -> str:
    return str(cell).lower() if isinstance(cell, bool) else "" if cell is None else str(cell)


def solutions(store: GraphStore, entry: Mapping[str, Any]) -> list[Solution]:
    query = CATALOGUE.get(entry["query"])
    bound = query.bindings(entry.get("with", {}))
    return [{name: value(term) for name, term in row.items()} for row in store.select(query.text, **bound)]


def filled(column: str, solution: Solution) -> Cell:
    if "{" not in column:
        return solution[column]
    return re.sub(r"\{(\w+)\}", lambda name: text(solution[name[1]]), column)


def answer(found: list[Solution], entry: Mapping[str, Any]) -> list[Row]:
    """The rows of the answer in the shape of the expected ones, repeated ones left out."""
    rows: list[Row] = []
    for solution in found:
        if "columns" in entry:
            rows.append(tuple(filled(column, solution) for column in entry["columns"]))
        rows += [(heading, filled(column, solution)) for heading, column in entry.get("fields", {}).items()]
        rows += [(filled(column, solution),) for column in entry.get("values", ())]
    return list(dict.fromkeys(rows))


# --- The expected answer ----------------------------------------------------------------------


def width(entry: Mapping[str, Any]) -> int:
    return len(entry["columns"]) if "columns" in entry else 2 if "fields" in entry else 1


def expected(question: Mapping[str, Any], entry: Mapping[str, Any]) -> list[Row]:
    """The expected rows; a text for several cells has bars between them."""
    rows: list[list[Any]] = []
    for item in question["expected"]:
        split = isinstance(item, str) and width(entry) > 1
        rows.append(item if isinstance(item, list) else item.split(" | ") if split else [item])
    return [tuple(exact(cell) for cell in row) for row in rows]


def exact(cell: Any) -> Cell:
    return Decimal(str(cell)) if isinstance(cell, int | float) and not isinstance(cell, bool) else cell


def in_our_words(row: Row, wordings: Mapping[str, str]) -> Row:
    return tuple(wordings.get(cell, cell) if isinstance(cell, str) else cell for cell in row)


# --- Comparing --------------------------------------------------------------------------------


def comparable(row: Row, entry: Mapping[str, Any], *, as_text: bool) -> Row:
    """A row without what makes no difference: the case of a first letter, the places of like cells."""
    cells: list[Cell] = [text(cell) if as_text else cell for cell in row]
    cells = [cell[:1].lower() + cell[1:] if isinstance(cell, str) else cell for cell in cells]
    places = [entry["columns"].index(column) for column in entry.get("unordered", ())]
    for place, cell in zip(places, sorted((cells[place] for place in places), key=str), strict=True):
        cells[place] = cell
    return tuple(cells)


@pytest.mark.parametrize("name", MAPPING)
def test_a_question_gets_exactly_the_expected_answer(name: str, store: GraphStore) -> None:
    question, entry = asked()[name], MAPPING[name]
    as_text = all(isinstance(item, str) for item in question["expected"])
    wanted = [in_our_words(row, entry.get("wordings", {})) for row in expected(question, entry)]
    rows = [comparable(row, entry, as_text=as_text) for row in answer(solutions(store, entry), entry)]
    wanted = [comparable(row, entry, as_text=as_text) for row in wanted]
    if entry.get("ordered"):
        assert rows == wanted
    else:
        assert Counter(rows) == Counter(wanted)


def test_every_question_has_a_query() -> None:
    assert set(MAPPING) == set(asked())


@pytest.mark.parametrize("name", MAPPING)
def test_an_entry_is_sound(name: str) -> None:
    entry = MAPPING[name]
    assert set(entry) <= KEYS
    assert sum(shape in entry for shape in SHAPES) == 1
    assert ("wordings" in entry) == bool(entry.get("why")), "wordings need a reason, and a reason wordings"
    assert not CATALOGUE.get(entry["query"]).of_a_page


@pytest.mark.parametrize("name", [name for name, entry in MAPPING.items() if "wordings" in entry])
def test_a_wording_stands_for_one_label_and_is_used(name: str) -> None:
    entry = MAPPING[name]
    wordings = entry["wordings"]
    cells = {cell for row in expected(asked()[name], entry) for cell in row}
    assert set(wordings) <= cells, "a wording that no expected answer has"
    assert len(set(wordings.values())) == len(wordings), "two wordings for one label"
    assert not set(wordings.values()) & cells, "a label that is itself expected elsewhere"


@pytest.mark.parametrize("name", [name for name, entry in MAPPING.items() if "wordings" in entry])
def test_a_wording_hides_no_number(name: str, store: GraphStore) -> None:
    entry = MAPPING[name]
    found = [" ".join(text(cell) for cell in solution.values()) for solution in solutions(store, entry)]
    for said, ours in entry["wordings"].items():
        numbers = re.findall(r"\d+", said)
        near = [line for line in found if ours.casefold() in line.casefold()] or found
        assert any(all(number in line for number in numbers) for line in near), f"{said} = {ours}"


def test_a_wording_means_the_same_in_every_question() -> None:
    labels: dict[str, set[str]] = {}
    for entry in MAPPING.values():
        for said, ours in entry.get("wordings", {}).items():
            labels.setdefault(said, set()).add(ours)
    assert {said: found for said, found in labels.items() if len(found) > 1} == {}
