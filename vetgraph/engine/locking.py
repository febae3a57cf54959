"""The store's write lock: one writer at a time over all processes, and a clear word about who it is.

Two lock files, both let go by the operating system when their holder dies. ``lock`` is the right to write. ``queue``
is held by whoever waits for it: a writer that only lingers looks there, and makes room.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from vetgraph.engine.faults import translated
from vetgraph.errors import StoreBusy

POLL: Final = 0.005
"""Seconds between two looks at a lock that somebody else has."""


class WriteLock:
    """The right to write to one store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / "lock", thread_local=False)
        self._queue = FileLock(folder / "queue", thread_local=False)

    @property
    def held(self) -> bool:
        """Whether this object has the lock."""
        return self._lock.is_locked

    def take(self, wait: float, doing: str) -> None:
        """Wait for the lock, in line with others. Raises StoreBusy, naming who has it, and DiskFull."""
        with translated(self._folder):
            deadline = time.monotonic() + wait
            try:
                with self._queue.acquire(timeout=wait, poll_interval=POLL):
                    left = max(deadline - time.monotonic(), 0)
                    self._lock.acquire(timeout=left, poll_interval=POLL)
            except Timeout:
                raise self._busy(wait) from None
            self._sign(doing)

    def let_go(self) -> None:
        """Give the lock back."""
        (self._folder / "lock.json").unlink(missing_ok=True)
        self._lock.release()

    def is_wanted(self) -> bool:
        """Return whether another process waits for the lock."""
        try:
            with self._queue.acquire(blocking=False):
                return False
        except Timeout:
            return True

    def _sign(self, doing: str) -> None:
        """Say who has the lock, for whoever waits in vain."""
        told = {"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds"), "doing": doing}
        new = self._folder / "lock.json.new"
        new.write_text(json.dumps(told), "utf-8")
        new.replace(self._folder / "lock.json")

    def _busy(self, waited: float) -> StoreBusy:
        facts = holder(self._folder)
        who = f"process {facts['pid']}, {facts['doing']} since {facts['since']}" if facts else "another process"
        after = f" after {waited:g} seconds" if waited else ""
        return StoreBusy(
            f"The store in {self._folder} is still being written to{after}: {who}. Wait for it, then try again.",
            **facts,
        )


def holder(folder: Path) -> dict[str, object]:
    """Return who writes (``pid``, ``since``, ``doing``) as far as it is known; empty where nobody says."""
    try:
        told = json.loads((folder / "lock.json").read_text("utf-8"))
        return {name: told[name] for name in ("pid", "since", "doing")}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
