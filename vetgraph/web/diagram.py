"""A diagram of classes as boxes: narrower classes below their parent, relations inside, the largest groups first.

Positions are computed here, in the units of an SVG's view box; the template draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

COLUMNS: Final = 4
WIDTH: Final = 284
GAP: Final = 16
HEAD: Final = 30
LINE: Final = 19
INDENT: Final = 22
PADDING: Final = 7
LETTER: Final = 7.1
"""Width of a letter, on the safe side: what is longer than its box is cut."""


@dataclass(frozen=True)
class Relation:
    """A property that leads to another class."""

    property: str
    name: str
    target: str


@dataclass(frozen=True)
class Written:
    """A relation in a box: where its line stands, and its words."""

    y: int
    property: str
    text: str


@dataclass(frozen=True)
class Box:
    """A class: where it stands, its words, its relations, and the path that leads up to its parent."""

    iri: str
    x: int
    y: int
    width: int
    height: int
    name: str
    count: str
    lines: Sequence[Written] = field(default_factory=tuple)
    elbow: str = ""


@dataclass(frozen=True)
class Diagram:
    """All boxes, and the size of the whole."""

    width: int
    height: int
    boxes: Sequence[Box]


def of(
    names: Mapping[str, tuple[str, str]],
    parents: Mapping[str, str],
    relations: Mapping[str, Sequence[Relation]],
    counts: Mapping[str, int],
) -> Diagram:
    """Return the diagram of classes by their words and counts, parents, relations and sizes."""
    bottoms = [0] * COLUMNS
    boxes: list[Box] = []
    roots = [iri for iri in names if parents[iri] not in names]
    for root in sorted(roots, key=lambda iri: (-counts[iri], iri)):
        column = bottoms.index(min(bottoms))
        group = _Group(names, parents, relations, column * (WIDTH + GAP))
        bottoms[column] = group.place(root, bottoms[column], 0) + GAP
        boxes += group.boxes
    return Diagram(COLUMNS * (WIDTH + GAP) - GAP, max(bottoms) - GAP, boxes)


class _Group:
    """A class with all that are narrower, in one column."""

    def __init__(
        self,
        names: Mapping[str, tuple[str, str]],
        parents: Mapping[str, str],
        relations: Mapping[str, Sequence[Relation]],
        left: int,
    ) -> None:
        self._names, self._parents, self._relations, self._left = names, parents, relations, left
        self.boxes: list[Box] = []

    def place(self, iri: str, top: int, depth: int, elbow: str = "") -> int:
        """Place a class and those below it from some height down; return where the group ends."""
        name, count = self._names[iri]
        x, width = self._left + depth * INDENT, WIDTH - depth * INDENT
        room = int((width - 2 * PADDING) / LETTER)
        relations = self._relations.get(iri, ())
        lines = [
            Written(top + HEAD + LINE * number + 13, one.property, _cut(f"{one.name} → {one.target}", room))
            for number, one in enumerate(relations)
        ]
        height = HEAD + (LINE * len(lines) + PADDING if lines else 0)
        head = _cut(name, room - len(count) - 2)
        self.boxes.append(Box(iri, x, top, width, height, head, count, lines, elbow))
        bottom = top + height
        for child in sorted(one for one, parent in self._parents.items() if parent == iri):
            middle = bottom + PADDING + HEAD // 2
            path = f"M{x + INDENT // 2} {top + height}V{middle}H{x + INDENT}"
            bottom = self.place(child, bottom + PADDING, depth + 1, path)
        return bottom


def _cut(text: str, room: int) -> str:
    """Return a text that fits.

    >>> _cut("vocational education", 10)
    'vocationa…'
    """
    return text if len(text) <= room else text[: max(1, room - 1)].rstrip() + "…"
