"""A query's answer as a page shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import pyoxigraph as ox

from vetgraph import media, results
from vetgraph.store import Answer

ROWS_SHOWN: Final = 1000
"""Most rows of a result that a page shows; the download has them all."""


class Table:
    """A query's answer as a page shows it: columns and rows, a yes or no, or the text of a graph."""

    def __init__(
        self,
        columns: list[str] | None = None,
        rows: list[list[Any]] | None = None,
        *,
        boolean: bool | None = None,
        turtle: str = "",
        more: bool = False,
    ) -> None:
        self.columns = columns or []
        self.rows = rows or []
        self.boolean = boolean
        self.turtle = turtle
        self.more = more

    @property
    def suffixes(self) -> list[tuple[str, str]]:
        """The formats in which the answer can be downloaded: suffix and name."""
        kind = "graph" if self.turtle else "boolean" if self.boolean is not None else "solutions"
        return [(one.suffix, one.name) for one in media.carrying(kind)]  # type: ignore[arg-type]


def table_of(answer: Answer | Mapping[str, Any] | str) -> Table:
    """Return a query's answer as a page shows it, cut after the rows that a page can hold.

    The answer is the engine's, or SPARQL JSON, or a graph's Turtle text.
    """
    if isinstance(answer, str):
        return Table(turtle=answer or "\n")
    if isinstance(answer, Mapping):
        answer = ox.parse_query_results(json.dumps(answer), ox.QueryResultsFormat.JSON)
    if isinstance(answer, ox.QueryBoolean):
        return Table(boolean=bool(answer))
    if isinstance(answer, ox.QueryTriples):
        triples = list(islice(answer, ROWS_SHOWN + 1))
        text = results.write_quads(triples[:ROWS_SHOWN], media.TURTLE).decode("utf-8")
        return Table(turtle=text or "\n", more=len(triples) > ROWS_SHOWN)
    columns = [variable.value for variable in answer.variables]
    rows = [[solution[name] for name in columns] for solution in islice(answer, ROWS_SHOWN + 1)]
    return Table(columns, rows[:ROWS_SHOWN], more=len(rows) > ROWS_SHOWN)
