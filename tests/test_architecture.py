"""Imports point downwards, as the table in CONTRIBUTING says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "vetgraph"
CONFINED = {
    "flask": ("web",),
    "werkzeug": ("web",),
    "granian": ("web",),
    "pyshacl": ("validation",),
    "SPARQLWrapper": ("client",),
    "owlready2": ("checks",),
    "owlrl": ("checks",),
    "click": ("cli",),
    "pyld": ("jsonld",),
}


def layers(root: Path) -> list[list[str]]:
    """The layers of the table, the top one first."""
    table = (root / "CONTRIBUTING.md").read_text().split("| layer | modules |")[1]
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    return [[name.rstrip("/") for name in re.findall(r"`([a-z_]+/?)`", row)] for row in rows]


def room(path: Path) -> str:
    """The module or folder of the package that a file belongs to."""
    part = path.relative_to(PACKAGE).parts[0]
    return part.removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


FILES = [
    path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.name not in ("__init__.py", "__main__.py") or path.parent != PACKAGE
]


def test_every_module_has_a_layer(root: Path) -> None:
    assert {room(path) for path in FILES} == {name for layer in layers(root) for name in layer}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_downwards(path: Path, root: Path) -> None:
    rank = {name: number for number, layer in enumerate(layers(root)) for name in layer}
    own = room(path)
    for name in imports(path):
        if name.startswith("vetgraph."):
            other = name.split(".")[1]
            if other in rank and other != own:
                allowed = rank[other] > rank[own] or (rank[other] == rank[own] and rank[own] not in (0,))
                assert allowed or (own, other) == ("cli", "web"), f"{own} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        rooms = CONFINED.get(name.split(".")[0])
        assert rooms is None or room(path) in rooms, f"{path.name} imports {name}"


def test_no_import_cycle() -> None:
    graph: dict[str, set[str]] = {}
    for path in FILES:
        own = ".".join(("vetgraph", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        graph.setdefault(own, set()).update(n for n in imports(path) if n.startswith("vetgraph."))
    known = set(graph)

    def targets(module: str) -> set[str]:
        found = set()
        for name in graph[module]:
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target != module:
                found.add(target)
        return found

    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path, module))
        if module not in done:
            for other in targets(module):
                # A package's __init__ gathers its own modules; they do not import it back.
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())
