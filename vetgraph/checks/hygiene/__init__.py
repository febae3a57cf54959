"""Hygiene: queries whose rows are faults.

Each ``.rq`` file in this folder selects ``?node`` and, where it helps, ``?predicate``, ``?value``
and ``?graph``; its first comment line is the sentence that a row means, with ``{value}`` filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox

from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.store import Term
from vetgraph.vocab import shorten

FOLDER = Path(__file__).parent


def rules() -> dict[str, tuple[str, str]]:
    """Return the rules by name: the sentence and the query."""
    found = {}
    for path in sorted(FOLDER.glob("*.rq")):
        text = path.read_text("utf-8")
        found[path.stem] = (text.partition("\n")[0].removeprefix("#").strip(), text)
    return found


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield a fault for each row of each rule."""
    for name, (sentence, text) in rules().items():
        for row in workspace.store.select(text):
            yield _fault(workspace, name, sentence, row)


def _fault(workspace: Workspace, rule: str, sentence: str, row: dict[str, Term | None]) -> Fault:
    node, predicate, value, graph = (row.get(key) for key in ("node", "predicate", "value", "graph"))
    assert isinstance(node, ox.NamedNode | ox.BlankNode)
    place = workspace.place(
        node,
        predicate if isinstance(predicate, ox.NamedNode) else None,
        value,
        graph.value if isinstance(graph, ox.NamedNode) else None,
    )
    shown = "" if value is None else shorten(value.value)[:80]
    return Fault(place, shorten(node.value), f"{sentence.replace('{value}', shown)} [{rule}]")
