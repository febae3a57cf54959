"""Raw results on disk: one folder a size, so that a run can be stopped and taken up again, and a report made later.

``points.jsonl`` grows by a line a point; every other part is one JSON file, written when the part is done.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

POINTS: Final = "points.jsonl"
UNITS: Final = {"k": 1_000, "M": 1_000_000}


@dataclass(frozen=True)
class Point:
    """One measured point, or the reason why there is none. Rates are answers a second, times milliseconds."""

    round: int
    contender: str
    question: str
    connections: int
    rate: float = 0.0
    requests: int = 0
    faults: int = 0
    p50: float = 0.0
    p99: float = 0.0
    tool: str = ""
    skipped: str = ""

    @property
    def key(self) -> tuple[int, str, str, int]:
        """What the point is of."""
        return (self.round, self.contender, self.question, self.connections)


@dataclass(frozen=True)
class Records:
    """The raw results of one size."""

    folder: Path
    size: str
    """As it is called: 10k, 100k, 1M."""

    def read(self, part: str) -> Any:
        """Return what a part wrote, None where it has not run."""
        path = self.folder / f"{part}.json"
        return json.loads(path.read_text("utf-8")) if path.exists() else None

    def write(self, part: str, values: Any) -> None:
        """Keep what a part found."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / f"{part}.json").write_text(json.dumps(values, indent=1), "utf-8")

    def points(self) -> list[Point]:
        """Return the points so far. A line that was cut off by a kill counts for nothing."""
        path = self.folder / POINTS
        found = []
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            with contextlib.suppress(ValueError):
                found.append(Point(**json.loads(line)))
        return found

    def add(self, point: Point) -> None:
        """Keep a point."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # The line break comes first, so that a line that was cut off stays alone.
        with (self.folder / POINTS).open("a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps(vars(point)))


def triples(size: str) -> int:
    """Return how many triples a size means: ``10k``, ``1M`` or a number. Raises ValueError.

    >>> triples("100k")
    100000
    """
    factor = UNITS.get(size[-1:], 1)
    return int(size.rstrip("kM")) * factor


def sizes(work: Path) -> list[Records]:
    """Return the records of every size that a folder of work holds, the smallest first."""
    found = [Records(path, path.parent.name) for path in work.glob("*/raw") if path.is_dir()]
    return sorted(found, key=lambda one: triples(one.size))
