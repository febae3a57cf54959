"""The side index of changes: what each version changed, and in which version each description last changed.

One SQLite file beside the store, brought up to date by whoever asks first after a version was published; a copy in
memory where nobody may write there. It can be thrown away: what deltas and kept versions tell is found again.
"""

from __future__ import annotations

import gzip
import os
import sqlite3
import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal, cast

import pyoxigraph as ox

from vetgraph.changes import comparing, reach
from vetgraph.changes.past import Past
from vetgraph.engine.deltas import Delta
from vetgraph.engine.history import Entry
from vetgraph.errors import Unavailable, VetgraphError
from vetgraph.store import open_store
from vetgraph.versions import Version

FORMAT: Final = 1
"""Raised whenever what the index notes, or how far it takes a change to reach, is no longer the same."""

WAIT: Final = 20.0
"""Seconds to wait for another process that brings the index up to date."""

BATCH: Final = 500
"""Versions that are noted in one transaction."""

FAR: Final = 100
"""Versions between one whose data are gone and the next that is kept, at most, to tell what the first changed."""

CONTENT: Final = "content of "
"""What the key of a graph's content begins with, in the table of IRIs; the IRI alone is the graph's description."""

Source = Literal["written", "compared", "first", "unknown"]
"""How the difference is known: the writer noted it, both versions were compared, there was none before, or not."""

_TABLES: Final = f"""
CREATE TABLE IF NOT EXISTS steps (
    number INTEGER PRIMARY KEY, mark TEXT NOT NULL, source TEXT NOT NULL, everything INTEGER NOT NULL, delta BLOB
);
CREATE INDEX IF NOT EXISTS steps_everything ON steps (number) WHERE everything;
CREATE TABLE IF NOT EXISTS reached (
    iri TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (iri, number)
) WITHOUT ROWID;
PRAGMA user_version = {FORMAT};
"""


@dataclass(frozen=True)
class Step:
    """What is known of a change: the version that it made, how the difference is known, and the difference."""

    version: Version
    source: Source
    delta: Delta | None


class Index:
    """The index of one store's folder. Safe to share between threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._past = Past(folder)
        self._lock = threading.Lock()
        self._db = _opened(folder)
        self._last = 0
        self._most = comparing.MOST

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def note(self) -> None:
        """Note what came since, and compare larger versions than while a reader waits: for whoever published."""
        with self._lock, suppress(sqlite3.Error):
            self._most = comparing.PATIENT
            try:
                self._catch_up()
            finally:
                self._most = comparing.MOST

    def changed(self, key: str, number: int) -> int:
        """Return the version, up to one, in which a description (or a graph's content) last may have changed.

        Where the index can't be brought up to date in time, that is the version asked for.
        """
        if not self._follow(number):
            return number
        row = None
        with self._lock, suppress(sqlite3.Error):
            row = self._db.execute(
                "SELECT max(number) FROM ("
                "SELECT max(number) AS number FROM reached WHERE iri = ? AND number <= ? UNION ALL "
                "SELECT max(number) FROM steps WHERE everything AND number <= ?)",
                (key, number, number),
            ).fetchone()
        return int(row[0]) if row and row[0] else number

    def last_with(self, iri: str, number: int) -> int | None:
        """Return the last version, before one, that said something of an IRI; None where no difference tells."""
        if not self._follow(number):
            return None
        with self._lock, suppress(sqlite3.Error):
            rows = self._db.execute(
                "SELECT steps.number, delta FROM reached JOIN steps ON steps.number = reached.number "
                "WHERE iri = ? AND steps.number <= ? AND delta IS NOT NULL ORDER BY steps.number DESC",
                (iri, number),
            )
            for found, text in rows:
                removed = Delta.from_bytes(gzip.decompress(text)).removed
                if any(isinstance(quad.subject, ox.NamedNode) and quad.subject.value == iri for quad in removed):
                    return int(found) - 1
        return None

    def step(self, entry: Entry) -> Step:
        """Return what is known of the change that made a version.

        Raises Unavailable where the index can't be read or brought up to date in time: what is told of a change is kept
        for ever, so it has to be right.
        """
        version, row = entry.version, None
        if self._follow(version.number):
            with self._lock, suppress(sqlite3.Error):
                row = self._db.execute("SELECT source, delta FROM steps WHERE number = ?", (version.number,)).fetchone()
        if row is None:
            raise Unavailable(
                "The record of changes is being brought up to date; ask again in a moment.", retry_after=5
            )
        delta = Delta.from_bytes(gzip.decompress(row[1])) if row[1] is not None else None
        return Step(version, cast(Source, row[0]), delta)

    # Bringing it up to date -------------------------------------------------------------------------------------

    def _follow(self, number: int) -> bool:
        """Note the versions that came since; return whether all up to a version are noted."""
        with self._lock:
            if number <= self._last and self._last == self._past.newest:
                return True
            with suppress(sqlite3.Error):
                self._catch_up()
            return number <= self._last

    def _catch_up(self) -> None:
        while True:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._last = self._known()
                fresh = self._past.after(self._last, BATCH)
                for entry in fresh:
                    self._note(entry)
                    self._last = entry.version.number
            except BaseException:
                self._db.execute("ROLLBACK")
                self._last = 0
                raise
            self._db.execute("COMMIT")
            if not fresh:
                return

    def _known(self) -> int:
        """Return the newest version that is noted; nothing is, where what is noted is another store's past."""
        row = self._db.execute("SELECT number, mark FROM steps ORDER BY number DESC LIMIT 1").fetchone()
        if row is None:
            return 0
        with suppress(VetgraphError):
            if row[0] <= self._past.newest and _mark(self._past.entry(row[0]).version) == row[1]:
                return int(row[0])
        self._db.execute("DELETE FROM steps")
        self._db.execute("DELETE FROM reached")
        return 0

    def _note(self, entry: Entry) -> None:
        number = entry.version.number
        source, delta = self._difference(entry.version)
        keys = self._reached(number, delta) if delta is not None else None
        text = None if delta is None else gzip.compress(delta.to_bytes(), compresslevel=6, mtime=0)
        self._db.execute(
            "INSERT INTO steps VALUES (?, ?, ?, ?, ?)",
            (number, _mark(entry.version), source, int(keys is None), text),
        )
        self._db.executemany("INSERT INTO reached VALUES (?, ?)", ((key, number) for key in sorted(keys or ())))

    def _difference(self, version: Version) -> tuple[Source, Delta | None]:
        if version.parent is None:
            return "first", None
        if (delta := self._written(version.number)) is not None:
            return "written", delta
        with suppress(VetgraphError):
            # As long as a version is open here, it is not removed.
            before, after = (open_store(self._folder, at=number) for number in (version.parent, version.number))
            if (delta := comparing.compared(before.engine, after.engine, most=self._most)) is not None:
                return "compared", delta
        return "unknown", None

    def _written(self, number: int) -> Delta | None:
        """Return the difference that the writer noted, if it is still there."""
        layout = self._past.layout
        for path in (layout.delta(number), layout.past_delta(number)):
            with suppress(OSError, EOFError, zlib.error, VetgraphError):
                return Delta.from_bytes(gzip.decompress(path.read_bytes()))
        return None

    def _reached(self, number: int, delta: Delta) -> set[str] | None:
        """Return what a change reaches, None where that may be everything: where it can't be told any more."""
        if not delta:
            return set()
        layout, newest = self._past.layout, self._past.newest
        kept = next((one for one in range(number, newest + 1) if layout.checkpoint(one).is_dir()), newest)
        since = [self._written(one) for one in range(number + 1, min(kept, number + FAR) + 1)]
        if kept > number + FAR or None in since:
            return None
        found: set[str] | None = None
        with suppress(VetgraphError):
            after = open_store(self._folder, at=kept)
            found = reach.reached(delta, after.engine, filter(None, since))
        return None if found is None else found | {CONTENT + name for name in reach.contents(delta)}


def _mark(version: Version) -> str:
    """Return what tells a version from one of the same number in another past."""
    told = (version.built.isoformat(), version.kind, version.agent, version.reason, version.fingerprint)
    return " ".join(map(str, (*told, version.parent, version.added, version.removed)))


def _opened(folder: Path) -> sqlite3.Connection:
    """Open the index of a folder, begun anew where another release wrote it; in memory where it can't be written."""
    path = folder / "changes.db"
    if os.access(folder, os.W_OK) and (not path.exists() or os.access(path, os.W_OK)):
        for _ in range(2):
            try:
                return _begun(sqlite3.connect(path, timeout=WAIT, check_same_thread=False, isolation_level=None))
            except sqlite3.DatabaseError:
                with suppress(OSError):
                    path.unlink(missing_ok=True)
    return _begun(sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None))


def _begun(db: sqlite3.Connection) -> sqlite3.Connection:
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, FORMAT):
            raise sqlite3.DatabaseError(f"the index has format {found}")
        if found == 0:
            db.executescript(_TABLES)
    except BaseException:
        db.close()
        raise
    return db


@lru_cache(maxsize=8)
def _index(folder: Path, _process: int) -> Index:
    return Index(folder)


def index_of(folder: Path) -> Index:
    """Return the index of a store's folder, the same one for all in this process."""
    return _index(folder, os.getpid())  # what a process inherits, SQLite would damage
