"""Every Turtle file is in canonical form, so that a change shows as what it is."""

from __future__ import annotations

from collections.abc import Iterator

from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.graphs import canonical


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield the files whose text differs from their canonical form, with the first differing line."""
    for _, path in workspace.content.files:
        text = path.read_text("utf-8")
        wanted = canonical(text)
        if text != wanted:
            line = _first_difference(text, wanted)
            name = workspace.content.name(path)
            shown = [*text.splitlines(), ""][line - 1].strip()[:60]
            yield Fault(f"{name}:{line}", shown, f"not in canonical form; run `python -m vetgraph.graphs {name}`.")


def _first_difference(text: str, wanted: str) -> int:
    lines, others = text.splitlines(), wanted.splitlines()
    for number, (line, other) in enumerate(zip(lines, others, strict=False), 1):
        if line != other:
            return number
    return min(len(lines), len(others)) + 1
