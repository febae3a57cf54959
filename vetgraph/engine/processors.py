"""Processors: who may use which, while both what is quick and what is not is done.

Everything that is not quick keeps off one of them then: long jobs, jobs of which nothing is known, and the service's
other processes. A lower priority does not do alone: whoever wakes up waits for what another one does in the kernel, or
for the end of its turn, and shares caches with it. Where nobody is quick, or nothing takes long, all processors are for
all.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
import weakref
from collections import deque
from typing import Final

from vetgraph.engine.scheduling import BRISK

ENOUGH: Final = 5
"""Quick jobs of late from which on a processor is kept free for such."""

LATE: Final = 1.0
"""Seconds that count as of late."""

LINGER: Final = 1.0
"""Seconds for which a processor is kept free after there was the last reason."""

KEPT: Final = 4
"""One processor in so many is kept free, and one at least where there are two."""


class Background:
    """Processes of this service that do nothing that is quick: where they may compute. Any thread may add one."""

    def __init__(self) -> None:
        self._processes: weakref.WeakSet[subprocess.Popen[bytes]] = weakref.WeakSet()
        self._lock = threading.Lock()
        self._where: frozenset[int] = frozenset()

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Have a process keep to where the others are; what it starts from now on does as well."""
        with self._lock:
            self._processes.add(process)
            self._move(process)

    def keep_to(self, processors: frozenset[int]) -> None:
        """Have all of them use some processors only."""
        with self._lock:
            self._where = processors
            for process in self._processes:
                self._move(process)

    def _move(self, process: subprocess.Popen[bytes]) -> None:
        # One that has ended, and was waited for, may have left its number to somebody else.
        if self._where and process.returncode is None:
            use_only(process.pid, self._where)


BACKGROUND: Final = Background()
"""Those of this process."""


class Processors:
    """Whether those who are not quick keep apart now, and where."""

    def __init__(self) -> None:
        found = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
        kept = max(1, len(found) // KEPT) if len(found) > 1 else 0
        self._all, self._rest = frozenset(found), frozenset(found[kept:])
        self._quick: deque[float] = deque(maxlen=ENOUGH)
        self._until = 0.0
        self.apart = False

    def note(self, seconds: float, now: float) -> None:
        """Take note that a job took a time (seconds) and ended now, by the monotonic clock."""
        if seconds < BRISK:
            self._quick.append(now)

    def look(self, now: float, *, long: bool) -> bool:
        """Decide anew, given whether there are long jobs; return whether that changes anything."""
        if long and len(self._quick) == ENOUGH and now - self._quick[0] < LATE:
            self._until = now + LINGER
        before, self.apart = self.apart, len(self._all) > 1 and now < self._until
        if self.apart != before:
            BACKGROUND.keep_to(self._rest if self.apart else self._all)
        return self.apart != before

    def assign(self, process: int, *, aside: bool) -> None:
        """Have a process with one thread use those processors only that are not kept free, or all of them."""
        if len(self._all) > 1:
            use_only(process, self._rest if aside else self._all)


def use_only(process: int, processors: frozenset[int]) -> None:
    """Have the first thread of a process use some processors only, and what it starts from now on.

    A process that has ended meanwhile is none of the caller's worries.
    """
    with contextlib.suppress(OSError):
        os.sched_setaffinity(process, processors)
