"""Fail points: where a test can have a write die, or the disk fill up, at a chosen step.

Armed by the environment only: ``FAILPOINT=name``, ``name:n`` for the n-th time, ``name=full`` for a full disk in place
of a death, ``@FILE`` to read that from a file, which is removed when it strikes, so that it strikes once. Without the
variable a fail point costs one comparison.
"""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Final

POINTS: Final = (
    "lock-taken",
    "leftovers-removed",
    "primary-copied",
    "journal-written",
    "delta-applied",
    "flushed",
    "delta-file-written",
    "checkpoint-made",
    "record-written",
    "checkpoint-renamed",
    "version-recorded",
    "pointer-written",
    "pointer-moved",
    "answered",
    "version-set-aside",
    "version-removed",
    "primary-closed",
)
"""Every fail point, in the order in which a write reaches them."""

_ARMED: Final = os.environ.get("FAILPOINT", "")
_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    """Die here, or find the disk full, where a test armed this point."""
    if _ARMED:
        _strike(point)


def _strike(point: str) -> None:
    assert point in POINTS, point
    armed, file = _ARMED, None
    if armed.startswith("@"):
        file = Path(armed[1:])
        try:
            armed = file.read_text("ascii").strip()
        except FileNotFoundError:
            return
    wanted, _, what = armed.partition("=")
    name, _, time = wanted.partition(":")
    if name != point:
        return
    _reached[point] += 1
    if _reached[point] % int(time or 1):
        return
    if file:
        file.unlink(missing_ok=True)
    if what == "full":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.kill(os.getpid(), signal.SIGKILL)
