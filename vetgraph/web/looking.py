"""Old versions that readers look back at: opened when asked for, closed when nobody has asked for a while.

An open version is not removed from the disk, so none is kept open for long.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Final

from vetgraph.store import GraphStore, open_store

OPEN: Final = 8
"""Old versions that are open at once in one process, at most."""

IDLE: Final = 60.0
"""Seconds after which an old version is closed that nobody asked for."""


class Looking:
    """The old versions of a folder that are open. Safe to share between threads."""

    def __init__(self, folder: Path, *, union: bool) -> None:
        self._folder = folder
        self._union = union
        self._lock = threading.Lock()
        self._open: dict[int, tuple[float, GraphStore]] = {}

    def at(self, number: int) -> GraphStore:
        """Return a version. Raises NotFound where its data are not there."""
        with self._lock:
            self._let_go()
            known = self._open.pop(number, None)
            store = known[1] if known else open_store(self._folder, union=self._union, at=number)
            self._open[number] = (time.monotonic(), store)
            while len(self._open) > OPEN:
                del self._open[next(iter(self._open))]
            return store

    def tidy(self) -> None:
        """Close what nobody has asked for in a while."""
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        before = time.monotonic() - IDLE
        for number in [number for number, (used, _) in self._open.items() if used < before]:
            del self._open[number]
