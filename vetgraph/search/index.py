"""The index of a version's labels: an SQLite file beside the version, made when somebody first searches it.

::

    {store}/search/{checksum}.db        folded labels, full-text and by similarity, with what they are filtered by
    {store}/search/{number}-{moment}    says which of these files a version has; versions with the same labels share one

No commit waits for it. A file is written under another name, renamed when it is whole, and never changed again, so any
number of processes may read it, and two that make the same one do no harm. Where the store's folder can't be written
to, the files lie in a temporary folder of the process.
"""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Final

from filelock import FileLock

from vetgraph.derived import folder_in, whole_or_not
from vetgraph.errors import VetgraphError
from vetgraph.search.harvest import LOOKED_AT, ROLES, Thing, fingerprint, harvest
from vetgraph.search.words import fold
from vetgraph.store import GraphStore
from vetgraph.versions import Layout, Version, version_at

FORMAT: Final = 1
"""Raised with each change of the tables below or of how words are folded."""

FACETS: Final = ("class", "country", "source")
"""What results are filtered by, as their numbers in the table ``facets``."""

TABLES: Final = """
CREATE TABLE things (id INTEGER PRIMARY KEY, iri TEXT NOT NULL UNIQUE, prior REAL NOT NULL);
CREATE TABLE labels (id INTEGER PRIMARY KEY, thing INTEGER NOT NULL, text TEXT NOT NULL, language TEXT NOT NULL,
    role TEXT NOT NULL, weight REAL NOT NULL, folded TEXT NOT NULL);
CREATE TABLE facets (thing INTEGER, facet INTEGER, position INTEGER, value INTEGER,
    PRIMARY KEY (thing, facet, position)) WITHOUT ROWID;
CREATE TABLE facet_values (id INTEGER PRIMARY KEY, iri TEXT NOT NULL UNIQUE);
CREATE TABLE terms (id INTEGER PRIMARY KEY, term TEXT NOT NULL UNIQUE, padded TEXT NOT NULL, uses INTEGER NOT NULL);
CREATE VIRTUAL TABLE words USING fts5(folded, content='labels', content_rowid='id', tokenize='ascii', prefix='2');
CREATE VIRTUAL TABLE near USING fts5(padded, content='terms', content_rowid='id', tokenize='trigram');
"""
INDEXES: Final = """
CREATE INDEX labels_of_thing ON labels (thing);
CREATE INDEX labels_by_text ON labels (folded);
CREATE INDEX things_by_value ON facets (facet, value, thing);
INSERT INTO words (words) VALUES ('rebuild');
INSERT INTO near (near) VALUES ('rebuild');
INSERT INTO words (words) VALUES ('optimize');
INSERT INTO near (near) VALUES ('optimize');
ANALYZE;
"""

FARTHEST: Final = 32
"""Versions that are looked back upon for an index that still holds."""

_WORDS: Final = tuple(f"<{iri}>".encode() for iri in LOOKED_AT)
_MAKING = threading.Lock()


class Index:
    """The labels of one version, to be searched by any number of threads at once."""

    _known: ClassVar[weakref.WeakKeyDictionary[GraphStore, Index]] = weakref.WeakKeyDictionary()

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        # A file that is open stays readable where it is removed meanwhile, so one connection is made at once.
        self._idle.append(_opened(path))
        weakref.finalize(self, _close, self._idle)

    @classmethod
    def of(cls, store: GraphStore, folder: Path | None = None) -> Index:
        """Return the index of a version, made where there is none yet.

        ``folder`` is the store's own, where it has one; the index is kept there if we may write there.
        """
        with _MAKING:
            known = cls._known.get(store)
            if known is None:
                known = cls._known[store] = cls(_found_or_made(store, folder))
            return known

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that nobody else uses meanwhile."""
        try:
            lent = self._idle.pop()
        except IndexError:
            lent = _opened(self.path)
        try:
            yield lent
        finally:
            self._idle.append(lent)


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    connection.executescript(
        "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 268435456; PRAGMA cache_size = -8000;"
        "CREATE TEMP TABLE hits (thing INTEGER PRIMARY KEY, score REAL NOT NULL, label INTEGER NOT NULL);"
    )
    connection.isolation_level = None
    return connection


def _close(connections: list[sqlite3.Connection]) -> None:
    for connection in connections:
        connection.close()


def _found_or_made(store: GraphStore, folder: Path | None) -> Path:
    kept, version = folder_in(folder, "search"), store.version
    pointer = _pointer(kept, version)
    if (path := _pointed_at(pointer)) is not None:
        return path
    # Of several processes that want the same index, one makes it.
    layout = Layout(folder) if folder is not None and kept.parent == folder else None
    with FileLock(kept / "lock"):
        return _pointed_at(pointer) or _taken_over(pointer, layout, version) or _made(store, pointer, layout)


def _pointer(kept: Path, version: Version) -> Path:
    return kept / f"{version.number}-{version.built:%Y%m%dT%H%M%S%f}"


def _taken_over(pointer: Path, layout: Layout | None, version: Version) -> Path | None:
    """Return the index of a version before, where the deltas since touch nothing that a search looks at."""
    if layout is None:
        return None
    with contextlib.suppress(VetgraphError, OSError, EOFError):
        for _ in range(FARTHEST):
            text = gzip.decompress(layout.delta(version.number).read_bytes())
            if version.parent is None or any(word in text for word in _WORDS):
                return None
            version = version_at(layout.folder, version.parent)
            path = _pointed_at(_pointer(pointer.parent, version))
            if path is not None:
                _point(pointer, path)
                return path
    return None


def _pointed_at(pointer: Path) -> Path | None:
    with contextlib.suppress(OSError):
        path = pointer.with_name(pointer.read_text("ascii"))
        return path if path.is_file() else None
    return None


def _made(store: GraphStore, pointer: Path, layout: Layout | None) -> Path:
    kept, things = pointer.parent, harvest(store)
    path = kept / f"{fingerprint(things)}-{FORMAT}.db"
    # The pointer comes first: a file that no pointer names may be removed by whoever tidies up.
    _point(pointer, path)
    if not path.is_file():
        with whole_or_not(path) as part:
            build(part, things)
    if layout is not None:
        _tidy(kept, layout, store.version)
    return path


def _point(pointer: Path, path: Path) -> None:
    with whole_or_not(pointer) as part:
        part.write_text(path.name, "ascii")


def _tidy(kept: Path, layout: Layout, version: Version) -> None:
    """Remove what belongs to versions that are no longer kept."""
    numbers = {str(number) for number in (*layout.whole(), version.number)}
    named: set[str] = set()
    for pointer in kept.glob("*-*T*"):
        with contextlib.suppress(OSError):
            if pointer.suffix:
                continue
            if pointer.name.partition("-")[0] in numbers:
                named.add(pointer.read_text("ascii"))
            else:
                pointer.unlink()
    for path in kept.glob("*.db"):
        if path.name not in named:
            with contextlib.suppress(OSError):
                path.unlink()


def build(path: Path, things: Iterable[Thing]) -> None:
    """Write the index of some things to a new file."""
    connection = sqlite3.connect(path)
    try:
        # Whoever finds a file that was not finished does not use it, so nothing need be safe from a fall of power.
        connection.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA page_size = 8192; PRAGMA cache_size = -64000;"
            + TABLES
        )
        _fill(connection, things)
        connection.executescript("BEGIN;" + INDEXES + "COMMIT;")
    finally:
        connection.close()


def _fill(connection: sqlite3.Connection, things: Iterable[Thing]) -> None:
    values: dict[str, int] = {}
    uses: dict[str, int] = {}
    facets: list[tuple[int, int, int, int]] = []
    labels: list[tuple[int, str, str, str, float, str]] = []
    rows: list[tuple[int, str, float]] = []
    for number, thing in enumerate(things, 1):
        rows.append((number, thing.iri, prior := thing.prior))
        labels += [(number, *name, ROLES[name.role] * prior, fold(name.text)) for name in thing.names]
        for facet, found in enumerate((thing.types, thing.countries, thing.sources)):
            facets += [(number, facet, at, values.setdefault(iri, len(values) + 1)) for at, iri in enumerate(found)]
    for *_, folded in labels:
        for word in folded.split():
            uses[word] = uses.get(word, 0) + 1
    with connection:
        connection.executemany("INSERT INTO things VALUES (?, ?, ?)", rows)
        connection.executemany(
            "INSERT INTO labels (thing, text, language, role, weight, folded) VALUES (?, ?, ?, ?, ?, ?)", labels
        )
        connection.executemany("INSERT INTO facets VALUES (?, ?, ?, ?)", facets)
        connection.executemany("INSERT INTO facet_values VALUES (?, ?)", [(at, iri) for iri, at in values.items()])
        connection.executemany(
            "INSERT INTO terms (term, padded, uses) VALUES (?, ?, ?)",
            [(t, f" {t} ", n) for t, n in sorted(uses.items())],
        )
