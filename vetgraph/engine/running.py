"""What is under way: one record for each query and change, for those who look after the service."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

STAGES: Final = {
    "vg:plan": "planning or evaluating",
    "vg:evaluate": "evaluating",
    "vg:send": "sending",
}
"""The stage that a worker names itself by → how people are told."""

WAITING: Final = "waiting"
EVALUATING: Final = "evaluating"


@dataclass(frozen=True, slots=True)
class Running:
    """One query or change under way. ``age`` and ``cpu`` are seconds, ``sent`` and ``memory`` bytes."""

    id: str
    client: str
    kind: str
    text: str
    version: int | None
    lane: str
    stage: str
    age: float
    limit: float
    cpu: float = 0.0
    memory: int = 0
    sent: int = 0
    pid: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the members for a JSON list; without the process, which is nobody's business."""
        names = ("id", "client", "kind", "text", "version", "lane", "stage", "limit", "memory", "sent")
        rounded = {"age": round(self.age, 3), "cpu": round(self.cpu, 3)}
        return {name: getattr(self, name) for name in names} | rounded


def stage_of(pid: int) -> str:
    """Return how far a worker has come, by the name that it gives itself.

    >>> stage_of(0)
    'evaluating'
    """
    with contextlib.suppress(OSError):
        return STAGES.get(Path(f"/proc/{pid}/comm").read_text().strip(), EVALUATING)
    return EVALUATING


def cpu_of(pid: int) -> float:
    """Return the seconds of processor time that a process has used; 0 where it is gone or not to be asked."""
    # The clock of another process: CPUCLOCK_SCHED in clock_getcpuclockid(3).
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except (OSError, OverflowError, AttributeError):
        return 0.0


def memory_of(pid: int) -> int:
    """Return the bytes of memory that are a process's own, roughly: what it has resident beyond what it shares.

    Pages that were in memory before the fork count as soon as the process writes to them.
    """
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    except OSError:
        return 0
    return max(0, int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE")
