"""Everything that is checked of the content, one module a subject.

A check takes a :class:`Workspace` and yields faults; each names file, line and term.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from vetgraph.checks import canonical, competency, consistency, evidence, hygiene, reachability, shapes, syntax, terms
from vetgraph.checks.workspace import Fault, Outcome, Workspace
from vetgraph.errors import BadParameter
from vetgraph.loading import Content

Check = Callable[[Workspace], Iterable[Fault]]

CHECKS: Final[dict[str, tuple[str, Check]]] = {
    "syntax": ("every Turtle file and saved query parses", syntax.check),
    "canonical": ("every Turtle file is in canonical form", canonical.check),
    "terms": ("every external term is in the list of checked terms", terms.check),
    "hygiene": ("labels, definitions, cycles, undeclared and unused terms, stray blanks", hygiene.check),
    "reachability": ("links lead to every node from a country, document, body or list", reachability.check),
    "consistency": ("ontology and data contradict nothing, by HermiT or by OWL 2 RL", consistency.check),
    "shapes": ("the data conform to the shapes", shapes.check),
    "evidence": ("every evidence range lies inside its document", evidence.check),
    "competency": ("every saved query runs and gives the rows that are expected", competency.check),
}
"""Name → what it checks, and the check. The first gates the others: they need parsed files."""


def catalogue() -> dict[str, str]:
    """Return the checks by name, with what each checks."""
    return {name: what for name, (what, _) in CHECKS.items()}


def run(content: Content, only: Iterable[str] = (), sources: Path | None = None) -> Iterator[Outcome]:
    """Run checks and yield their outcomes as they end.

    Raises BadParameter where a name is unknown. Where files do not parse, only that is reported.
    """
    names = list(only) or list(CHECKS)
    for name in names:
        if name not in CHECKS:
            raise BadParameter(f"There is no check {name}; there are {', '.join(CHECKS)}.", parameter="--only")
    workspace = Workspace(content, sources)
    if "syntax" not in names and list(syntax.check(workspace)):
        names = ["syntax"]
    for name in names:
        started = time.monotonic()
        what, check = CHECKS[name]
        faults = tuple(check(workspace))
        yield Outcome(name, what, faults, workspace.notes.get(name, ""), time.monotonic() - started)
        if name == "syntax" and faults:
            return
