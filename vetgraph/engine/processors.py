"""Processors: who may use which, and in turns of what length, while both quick and long jobs are done.

What takes long keeps off one of them then. A lower priority does not do alone: a process that wakes up waits for what
another one does in the kernel, and shares caches with it. What is quick asks for short turns, so that it gets them
sooner; short turns cost some throughput, so that they are not the rule. Where nobody is quick, or nothing takes long,
all processors are for all.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from typing import Final

from vetgraph.engine.confinement import TURN
from vetgraph.engine.scheduling import BRISK

ENOUGH: Final = 5
"""Quick jobs of late from which on a processor is kept free for such."""

LATE: Final = 1.0
"""Seconds that count as of late."""

KEPT: Final = 4
"""One processor in so many is kept free, and one at least where there are two."""


class Processors:
    """Which processors are for jobs that take long, and the turns (seconds) of what is quick; 0 for the usual ones."""

    def __init__(self) -> None:
        found = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
        kept = max(1, len(found) // KEPT) if len(found) > 1 else 0
        self._all, self._rest = frozenset(found), frozenset(found[kept:])
        self._quick: deque[float] = deque(maxlen=ENOUGH)
        self.for_long = self._all
        self.turn = 0.0

    def note(self, seconds: float, now: float) -> None:
        """Take note that a job took a time (seconds) and ended now, by the monotonic clock."""
        if seconds < BRISK:
            self._quick.append(now)

    def look(self, now: float, *, long: bool) -> bool:
        """Decide anew, given whether there are long jobs; return whether that changes anything."""
        before = self.turn
        mixed = long and len(self._quick) == ENOUGH and now - self._quick[0] < LATE
        self.for_long, self.turn = (self._rest, TURN) if mixed else (self._all, 0.0)
        return self.turn != before

    def assign(self, process: int) -> None:
        """Have a job that takes long, in a process with one thread, use these processors only."""
        if len(self._all) > 1:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(process, self.for_long)
