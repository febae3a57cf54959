"""Retention: which old versions go, and how one goes without anybody noticing.

A version stays while it is among the newest, pinned, or read by somebody. It is first set aside by a rename, so that a
half removed version never looks like a whole one; then its files go.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from vetgraph.engine.failpoints import reach
from vetgraph.engine.history import Recorder
from vetgraph.errors import NotFound
from vetgraph.versions import Layout, claim

KEEP: Final = 10
"""Versions that stay where the caller does not say."""

DELTAS: Final = 10_000
"""Deltas of versions that are gone which stay, so that what changed can still be told; the newest ones."""

BYTES: Final = 256 << 20
"""Bytes of the same, at most."""

COUNTED: Final = 64
"""Versions that go between two looks at how many deltas there are."""


def surplus(layout: Layout, newest: int, keep: int) -> list[int]:
    """Return the numbers of the versions on disk that are not among the newest ``keep``, the oldest first."""
    found = (int(path.name) for path in layout.versions.iterdir() if path.name.isdigit())
    return sorted(number for number in found if number <= newest - max(keep, 1))


def retire(layout: Layout, history: Recorder, number: int) -> bool:
    """Remove a version's data unless it is pinned or in use; return whether it is gone. Its history stays."""
    use = layout.use(number)
    descriptor = claim(use)
    if descriptor is None:
        return False
    try:
        if _is_pinned(history, number):
            return False
        _put_by(layout, number)
        aside = layout.versions / f"{number}.gone"
        try:
            layout.checkpoint(number).rename(aside)
        except OSError:
            return False  # Windows, where files that somebody reads stay
        reach("version-set-aside")
        for path in (layout.record(number), use):
            path.unlink(missing_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        reach("version-removed")
        history.forget(number)
        return True
    finally:
        if descriptor >= 0:
            os.close(descriptor)


def _put_by(layout: Layout, number: int) -> None:
    """Keep what a version that goes had changed, and let go of the oldest of what was kept so."""
    kept = layout.past_delta(number)
    # What changed is told as long as there is room and right; it is not worth failing for.
    with suppress(OSError):
        if layout.delta(number).is_file():
            kept.parent.mkdir(exist_ok=True)
            layout.delta(number).replace(kept)
        if number % COUNTED == 0 and kept.parent.is_dir():
            _thin(kept.parent)


def _thin(folder: Path) -> None:
    found = sorted((path for path in folder.glob("*.delta.gz")), key=lambda path: -int(path.name.partition(".")[0]))
    size = 0
    for index, path in enumerate(found):
        size += path.stat().st_size
        if index >= DELTAS or size > BYTES:
            path.unlink(missing_ok=True)


def _is_pinned(history: Recorder, number: int) -> bool:
    try:
        return history.version(number).pinned
    except NotFound:
        return False
