"""Faults of disk, database and engine → our errors: which file, what is wrong, what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vetgraph.errors import DiskFull, EngineError, StoreBusy, StoreDamaged, VetgraphError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FORBIDDEN: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_SAID_FULL: Final = ("no space left", "disk is full", "disk full", "disk quota", "file too large", "max allowed space")
_SAID_FORBIDDEN: Final = ("permission denied", "read-only file system", "readonly database", "operation not permitted")
_SAID_DAMAGED: Final = ("corruption", "malformed", "not a database", "does not say its format", "no such table")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise what goes wrong inside as one of our errors about that path."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, sqlite3.Error) as problem:
        raise as_ours(problem, path) from problem


def as_ours(problem: Exception, path: Path) -> VetgraphError:
    """Return our error for one of the operating system's, of SQLite's or of the engine's."""
    said = str(problem).lower()
    number = problem.errno if isinstance(problem, OSError) else None
    if number in _FULL or any(words in said for words in _SAID_FULL):
        return DiskFull(
            f"The disk of {path} is full; nothing was changed. Free space there, then try again.", path=str(path)
        )
    if number in _FORBIDDEN or any(words in said for words in _SAID_FORBIDDEN):
        return DiskFull(
            f"{path} can't be written to ({_reason(problem)}); nothing was changed. Give the right to write there, or "
            "set VETGRAPH_STORE to another folder.",
            path=str(path),
        )
    if isinstance(problem, sqlite3.OperationalError) and "locked" in said:
        return StoreBusy(f"Another process keeps {path} locked; try again in a moment.")
    if isinstance(problem, sqlite3.Error) or any(words in said for words in _SAID_DAMAGED):
        return StoreDamaged(
            f"{path} can't be read ({_reason(problem)}); nothing was changed. Restore the store from a backup "
            "(`vetgraph restore FILE --store` with a new folder); docs/storage.md says what can be saved without one.",
            path=str(path),
        )
    if isinstance(problem, OSError):
        return DiskFull(
            f"{path} can't be written to ({_reason(problem)}); nothing was changed. Check the disk, or set "
            "VETGRAPH_STORE to another folder.",
            path=str(path),
        )
    return EngineError(f"The store in {path} failed: {_reason(problem)}.")


def _reason(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    return str(problem).rstrip(".")
