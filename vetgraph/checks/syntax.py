"""Every Turtle file and saved query parses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.errors import ContentError, QuerySyntaxError
from vetgraph.loading import read_turtle
from vetgraph.queries import SavedQuery, parse_query
from vetgraph.store import memory_store


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield the files that do not parse."""
    for graph, path in workspace.content.files:
        name = workspace.content.name(path)
        try:
            read_turtle(path, graph, name)
        except ContentError as error:
            yield Fault(f"{name}:{error.facts.get('line') or 1}", "", error.detail)
    yield from _queries(workspace)


def _queries(workspace: Workspace) -> Iterator[Fault]:
    empty = memory_store([])
    for path in sorted((workspace.content.root / "queries").glob("*.rq")):
        name, text = workspace.content.name(path), path.read_text("utf-8")
        try:
            query = parse_query(path.stem, text)
            empty.query(query.text)
        except QuerySyntaxError as error:
            head = sum(1 for line in text.splitlines() if line.startswith("#+"))
            line = head + int(str(error.facts.get("line") or 1))
            yield Fault(f"{name}:{line}", "", error.detail)
        except ContentError as error:
            yield Fault(f"{name}:1", "", error.detail)
        else:
            yield from _parameters(name, query)


_PROJECTION: Final = re.compile(
    r"SELECT\s+(?:DISTINCT\s+|REDUCED\s+)?(.*?)(?<![?$])\b(?:WHERE|FROM)\b", re.DOTALL | re.IGNORECASE
)


def _parameters(name: str, query: SavedQuery) -> Iterator[Fault]:
    """Yield parameters that can't be bound: the query must use them and, as a SELECT, show them."""
    projection = _PROJECTION.search(query.text)
    shown = set(re.findall(r"[?$](\w+)", projection[1])) if projection else set()
    for parameter in query.parameters:
        if f"?{parameter.name}" not in query.text and f"${parameter.name}" not in query.text:
            yield Fault(f"{name}:1", parameter.name, "the header declares a parameter that the query does not use.")
        elif projection and "*" not in projection[1] and parameter.name not in shown:
            yield Fault(f"{name}:1", parameter.name, "is a parameter but not among the selected variables.")
