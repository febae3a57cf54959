"""History: every version that was published, by whom and why, and the journal of writes; one SQLite file.

The pointer in the store's folder says what is published; a row beyond it belongs to a write that has not come to its
end, and nobody sees it. Rows stay when their version's data are removed, without the counts per graph.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from vetgraph.engine.faults import translated
from vetgraph.errors import NotFound, StoreFormat
from vetgraph.versions import FORMAT, Hold, Layout, Version, published, version_at

WAIT: Final = 10.0
"""Seconds to wait for another process that writes to the history; such a write takes milliseconds."""

JOURNALLED: Final = 1000
"""Writes that the journal remembers."""

Kind = Literal["update", "store", "build", "load", "restore", "revert"]


@dataclass(frozen=True)
class Intent:
    """Who writes, why, in which way, and on which version; None where the change fits any."""

    kind: Kind
    agent: str
    reason: str = ""
    base: int | None = None


@dataclass(frozen=True)
class Entry:
    """A published version as history tells it: whether it is pinned, and whether its data are still there."""

    version: Version
    triples: int
    pinned: bool
    kept: bool


@dataclass(frozen=True)
class Write:
    """A line of the journal: a write that was begun, and how it ended (``open``, ``published``, ``failed``)."""

    id: str
    number: int
    kind: str
    agent: str
    started: datetime
    state: str
    problem: str


_TABLES: Final = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, built TEXT NOT NULL, kind TEXT NOT NULL, agent TEXT NOT NULL,
    reason TEXT NOT NULL, parent INTEGER, fingerprint TEXT NOT NULL, triples INTEGER NOT NULL, added INTEGER,
    removed INTEGER, unnamed INTEGER NOT NULL, counts TEXT, pinned INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS versions_built ON versions (built);
CREATE TABLE IF NOT EXISTS journal (
    sequence INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, number INTEGER NOT NULL, kind TEXT NOT NULL,
    agent TEXT NOT NULL, reason TEXT NOT NULL, base INTEGER, started TEXT NOT NULL, ended TEXT, state TEXT NOT NULL,
    problem TEXT NOT NULL DEFAULT ''
);
INSERT OR IGNORE INTO meta VALUES ('format', '2');
COMMIT;
"""


class History:
    """The history of one store, for whoever reads it; a writer uses :class:`Recorder`.

    Raises NotFound where the store has none, StoreDamaged where the file can't be read, StoreFormat where a later
    release wrote it.
    """

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)
        with translated(self.layout.database):
            self._db = self._connect()
            try:
                _check_format(self._db, self.layout.database)
            except BaseException:
                self._db.close()
                raise

    def _connect(self) -> sqlite3.Connection:
        if not self.layout.database.is_file():
            raise NotFound(f"There is no history in {self.layout.folder}; the first write begins one.")
        if not (os.access(self.layout.folder, os.W_OK) and os.access(self.layout.database, os.W_OK)):
            return _copied(self.layout.database)
        return _opened(self.layout.database)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def versions(self, limit: int = -1) -> list[Entry]:
        """Return the published versions, the newest first."""
        return self._entries("number <= ? ORDER BY number DESC LIMIT ?", self._newest(), limit)

    def version(self, number: int) -> Entry:
        """Return a published version. Raises NotFound where there never was one of that number."""
        found = self._entries("number <= ? AND number = ?", self._newest(), number)
        if not found:
            raise NotFound(f"There is no version {number}; `vetgraph history` lists those there are.")
        return found[0]

    def at(self, time: datetime) -> Entry:
        """Return the version that was published at some time. Raises NotFound where there was none yet."""
        moment = time.astimezone(UTC).isoformat()
        found = self._entries("number <= ? AND built <= ? ORDER BY number DESC LIMIT 1", self._newest(), moment)
        if not found:
            raise NotFound(f"There was no version yet at {time.isoformat()}.")
        return found[0]

    def after(self, number: int, limit: int) -> list[Entry]:
        """Return the published versions after one, the oldest first."""
        return self._entries("number <= ? AND number > ? ORDER BY number LIMIT ?", self._newest(), number, limit)

    def before(self, number: int, limit: int) -> list[Entry]:
        """Return the published versions before one, the newest first."""
        return self._entries("number <= ? AND number < ? ORDER BY number DESC LIMIT ?", self._newest(), number, limit)

    def starts(self, size: int) -> list[tuple[int, datetime]]:
        """Return, for each page of ``size`` numbers, its number from 1 and when its first version was published."""
        with translated(self.layout.database):
            rows = self._db.execute(
                "SELECT (number - 1) / ? + 1, min(built) FROM versions WHERE number <= ? GROUP BY 1 ORDER BY 1",
                (size, self._newest()),
            ).fetchall()
        return [(int(row[0]), datetime.fromisoformat(row[1])) for row in rows]

    def knows(self, number: int) -> bool:
        """Return whether a version is in the history; those of an older format come in with the first write."""
        with translated(self.layout.database):
            row = self._db.execute("SELECT 1 FROM versions WHERE number = ?", (number,)).fetchone()
        return row is not None

    def journal(self, limit: int = JOURNALLED) -> list[Write]:
        """Return the latest writes, finished or not, the newest first."""
        with translated(self.layout.database):
            rows = self._db.execute("SELECT * FROM journal ORDER BY sequence DESC LIMIT ?", (limit,)).fetchall()
        return [
            Write(
                row["id"],
                row["number"],
                row["kind"],
                row["agent"],
                datetime.fromisoformat(row["started"]),
                row["state"],
                row["problem"],
            )
            for row in rows
        ]

    def published(self, id_: str) -> int | None:
        """Return the number of the version that a write made, or None where that write was not published."""
        with translated(self.layout.database):
            row = self._db.execute("SELECT number FROM versions WHERE id = ?", (id_,)).fetchone()
        return int(row["number"]) if row and row["number"] <= self._newest() else None

    def pin(self, number: int, pinned: bool = True) -> None:
        """Keep a version's data until it is unpinned. Raises NotFound where they are not there."""
        with Hold(self.layout.folder, number), translated(self.layout.database), self._db:
            changed = self._db.execute("UPDATE versions SET pinned = ? WHERE number = ?", (int(pinned), number))
            if not changed.rowcount:
                raise NotFound(f"Version {number} is not in the history yet; the first write takes it over.")

    def copy(self, target: Path) -> None:
        """Write a consistent copy to a file, while others write."""
        with translated(self.layout.database), closing(sqlite3.connect(target)) as other:
            self._db.backup(other)

    def _newest(self) -> int:
        return published(self.layout.folder) or 0

    def _entries(self, where: str, *values: object) -> list[Entry]:
        with translated(self.layout.database):
            # The condition is one of the texts above; what callers give goes in as values.
            rows = self._db.execute(f"SELECT * FROM versions WHERE {where}", values).fetchall()  # noqa: S608
        return [
            Entry(_version(row), row["triples"], bool(row["pinned"]), self.layout.checkpoint(row["number"]).is_dir())
            for row in rows
        ]


class Recorder(History):
    """The history as the one writer uses it: begins and records writes; whoever has it has the store's lock."""

    def _connect(self) -> sqlite3.Connection:
        connection = _opened(self.layout.database)
        connection.execute("PRAGMA synchronous = FULL")
        if _is_new(connection):
            connection.executescript(_TABLES)
        return connection

    def adopt(self) -> None:
        """Take over published versions that the history does not know: those of format 1, or of a lost history."""
        newest = self._newest()
        with translated(self.layout.database), self._db:
            if self._db.execute("SELECT 1 FROM versions WHERE number = ?", (newest,)).fetchone():
                return
            for number in self.layout.whole():
                if number <= newest:
                    self._insert(version_at(self.layout.folder, number), f"adopted-{number}", ignore=True)

    def inherit(self, path: Path) -> None:
        """Become a copy of another history, in one step."""
        with translated(path), closing(sqlite3.connect(path)) as other:
            _check_format(other, path)
            other.backup(self._db)

    def abandon(self) -> None:
        """Forget versions beyond the published one, and note that writes which were under way have failed."""
        newest = self._newest()
        with translated(self.layout.database), self._db:
            self._db.execute("DELETE FROM versions WHERE number > ?", (newest,))
            self._db.execute(
                "UPDATE journal SET state = 'failed', ended = ?, problem = ? "
                "WHERE state = 'open' OR (state = 'published' AND number > ?)",
                (_now(), "The writer ended before the version was published.", newest),
            )

    def begin(self, id_: str, number: int, intent: Intent) -> None:
        """Note a write before anything is touched; from here on the working copy is not to be trusted."""
        with translated(self.layout.database), self._db:
            self._db.execute("DELETE FROM journal WHERE id = ?", (id_,))
            self._db.execute(
                "INSERT INTO journal (id, number, kind, agent, reason, base, started, state) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 'open')",
                (id_, number, intent.kind, intent.agent, intent.reason, intent.base, _now()),
            )
            self._db.execute(
                "DELETE FROM journal WHERE sequence <= (SELECT max(sequence) FROM journal) - ?", (JOURNALLED,)
            )
            self._set_primary(None)

    def record(self, version: Version, id_: str) -> None:
        """Add a version that is whole on disk; it counts once the pointer names it."""
        with translated(self.layout.database), self._db:
            self._insert(version, id_)
            self._db.execute("UPDATE journal SET state = 'published', ended = ? WHERE id = ?", (_now(), id_))

    def fail(self, id_: str, problem: str) -> None:
        """Note that a write came to nothing, and why."""
        with translated(self.layout.database), self._db:
            self._db.execute("DELETE FROM versions WHERE id = ?", (id_,))
            self._db.execute(
                "UPDATE journal SET state = 'failed', ended = ?, problem = ? WHERE id = ?", (_now(), problem, id_)
            )

    def forget(self, number: int) -> None:
        """Drop the counts per graph of a version whose data are removed; what else is known of it stays."""
        with translated(self.layout.database):
            self._db.execute("PRAGMA synchronous = NORMAL")  # nothing depends on it: not worth waiting for the disk
            try:
                with self._db:
                    self._db.execute("UPDATE versions SET counts = NULL WHERE number = ?", (number,))
            finally:
                self._db.execute("PRAGMA synchronous = FULL")

    @property
    def primary(self) -> int | None:
        """The version that the working copy holds, or None where it is not to be trusted."""
        with translated(self.layout.database):
            row = self._db.execute("SELECT value FROM meta WHERE key = 'primary'").fetchone()
        return int(row["value"]) if row else None

    @primary.setter
    def primary(self, number: int | None) -> None:
        with translated(self.layout.database), self._db:
            self._set_primary(number)

    def _set_primary(self, number: int | None) -> None:
        if number is None:
            self._db.execute("DELETE FROM meta WHERE key = 'primary'")
        else:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('primary', ?)", (str(number),))

    def _insert(self, version: Version, id_: str, *, ignore: bool = False) -> None:
        self._db.execute(
            f"INSERT {'OR IGNORE' if ignore else ''} INTO versions (number, id, built, kind, agent, reason, parent, "  # noqa: S608
            "fingerprint, triples, added, removed, unnamed, counts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                version.number,
                id_,
                version.built.astimezone(UTC).isoformat(),
                version.kind,
                version.agent,
                version.reason,
                version.parent,
                version.fingerprint,
                version.triples,
                version.added,
                version.removed,
                version.unnamed,
                json.dumps(version.counts),
            ),
        )


def _version(row: sqlite3.Row) -> Version:
    return Version(
        number=row["number"],
        built=datetime.fromisoformat(row["built"]),
        fingerprint=row["fingerprint"],
        counts=json.loads(row["counts"]) if row["counts"] else {},
        unnamed=row["unnamed"],
        parent=row["parent"],
        kind=row["kind"],
        agent=row["agent"],
        reason=row["reason"],
        added=row["added"],
        removed=row["removed"],
    )


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=WAIT, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _copied(path: Path) -> sqlite3.Connection:
    """Open a copy in memory: SQLite can't read what was logged last where it may not write beside the file."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    with tempfile.TemporaryDirectory() as folder:
        for name in (path.name, f"{path.name}-wal"):
            if (source := path.with_name(name)).exists():
                shutil.copyfile(source, Path(folder) / name)
        with closing(sqlite3.connect(Path(folder) / path.name)) as copy:
            copy.backup(connection)
    connection.execute("PRAGMA query_only = ON")  # what is written to the copy would be lost
    connection.row_factory = sqlite3.Row
    return connection


def _is_new(connection: sqlite3.Connection) -> bool:
    """Return whether the file has no tables: it is about to be begun, or its beginning was cut off."""
    return not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    if _is_new(connection):
        raise NotFound(f"There is no history in {path.parent}; the first write begins one.")
    row = connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
    if row is None:
        raise sqlite3.DatabaseError("it does not say its format")
    if (found := int(row[0])) > FORMAT:
        raise StoreFormat(
            f"{path} has format {found}, this release writes {FORMAT}; install a newer release.",
            found=found,
            expected=FORMAT,
        )
