"""Every question has an answer, every answer a question, and the rows are as expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from vetgraph.checks.competency import answer_as_csv
from vetgraph.queries import read_catalogue
from vetgraph.store import GraphStore

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = {path.stem: path for path in sorted((ROOT / "tests" / "competency").glob("*.csv"))}
CATALOGUE = read_catalogue(ROOT)
QUESTIONS = [query.name for query in CATALOGUE.questions]


def test_questions_and_answers_match() -> None:
    assert set(QUESTIONS) == set(EXPECTED)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_as_expected(name: str, store: GraphStore) -> None:
    query = CATALOGUE.get(name)
    found = answer_as_csv(store, query)
    wanted = EXPECTED[name].read_text("utf-8").splitlines()
    if "ORDER BY" in query.text.upper():
        assert found == wanted
    else:
        assert (found[0], sorted(found[1:])) == (wanted[0], sorted(wanted[1:]))


@pytest.mark.parametrize("name", [query.name for query in CATALOGUE if query.parameters])
def test_a_parameter_s_example_gives_rows_that_are_among_all_rows(name: str, store: GraphStore) -> None:
    query = CATALOGUE.get(name)
    examples = {parameter.name: parameter.example for parameter in query.parameters}
    if not all(examples.values()):
        pytest.fail(f"each parameter of {name} needs an example")
    bound = store.select(query.text, **query.bindings(examples))
    if not query.of_a_page:
        assert bound, "the example answers nothing"
    for row in bound:
        for parameter in query.parameters:
            assert row[parameter.name] == query.bindings(examples)[parameter.name]
