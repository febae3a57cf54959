"""A query's answer as a page shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

import pyoxigraph as ox

from vetgraph import media, results
from vetgraph.store import Answer, Term

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


def table_of(answer: Answer) -> Table:
    """Return the answer to a query of ours as a page shows it, cut after the rows that a page can hold."""
    if isinstance(answer, ox.QueryBoolean):
        return Table(boolean=bool(answer))
    if isinstance(answer, ox.QueryTriples):
        triples = list(islice(answer, ROWS_SHOWN + 1))
        text = results.write_quads(triples[:ROWS_SHOWN], media.TURTLE).decode("utf-8")
        return Table(turtle=text or "\n", more=len(triples) > ROWS_SHOWN)
    columns = [variable.value for variable in answer.variables]
    rows = [[solution[name] for name in columns] for solution in islice(answer, ROWS_SHOWN + 1)]
    return Table(columns, rows[:ROWS_SHOWN], more=len(rows) > ROWS_SHOWN)


def table_from(body: bytes, *, graph: bool, more: bool) -> Table:
    """Return the answer to a reader's query as a page shows it: of SPARQL JSON, or of a graph's Turtle.

    Nothing here parses what a reader can nest at will with a parser that can't bear it. ``more`` says that the answer
    was cut. Raises RecursionError where terms are nested too deep to be shown.
    """
    if graph:
        return Table(turtle=body.decode("utf-8", "replace") or "\n", more=more)
    answer = json.loads(body)
    if "boolean" in answer:
        return Table(boolean=answer["boolean"])
    columns = answer["head"]["vars"]
    rows = [[_term(row.get(name)) for name in columns] for row in answer["results"]["bindings"][:ROWS_SHOWN]]
    return Table(columns, rows, more=more)


def _term(said: Mapping[str, Any] | None) -> Term | str | None:
    """Return a term of SPARQL JSON (SPARQL 1.1 Results JSON section 3.2.2); triples as text."""
    if said is None:
        return None
    value = said["value"]
    if said["type"] == "uri":
        return ox.NamedNode(value)
    if said["type"] == "bnode":
        return ox.BlankNode(value)
    if said["type"] == "triple":
        return f"<<( {' '.join(str(_term(value[part])) for part in ('subject', 'predicate', 'object'))} )>>"
    datatype = said.get("datatype")
    if "xml:lang" in said:
        return ox.Literal(value, language=said["xml:lang"])
    return ox.Literal(value, datatype=ox.NamedNode(datatype)) if datatype else ox.Literal(value)
