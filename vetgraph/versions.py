"""Versions in a store's folder, as readers see them: which is published, what is known of it, and how to keep it.

::

    {store}/current              number of the published version; replaced by one atomic rename
    {store}/versions/N/          that version's data, never changed again
    {store}/versions/N.json      what is known of it (:class:`Version`)
    {store}/versions/N.delta.gz  how it differs from the version before, where that is not too much
    {store}/versions/N.use       locked by whoever reads version N, so that it is not removed meanwhile
    {store}/dumps/               the published version as files to fetch, made when first asked for
    {store}/search/              the labels of a version, folded and indexed, made when first searched
    {store}/changes.db           what changed in which version, for feeds; made anew where it is lost
    {store}/deltas/              how versions differed that are not kept any more
    {store}/vetgraph.db          history and journal, for writers and for those who look back
    {store}/primary/             the writer's working copy
    {store}/lock, queue          held by who writes and by who waits; lock.json says who writes

Reading needs the first four only, and no right to write.
"""

from __future__ import annotations

import json
import os
import sys
import weakref
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Final

from vetgraph.errors import NotFound, StoreDamaged, StoreFormat

if sys.platform != "win32":
    import fcntl

FORMAT: Final = 2
"""Format of the store's folder. 1 had neither history nor journal; its versions are read as they are."""


@dataclass(frozen=True)
class Version:
    """What is known of one version: its number, when, by whom, why and from what it was made, and what it holds.

    ``counts`` has the triples of each named graph, ``unnamed`` those of the default graph. ``added`` and ``removed``
    count triples against ``parent``; None where nobody counted.
    """

    number: int
    built: datetime
    fingerprint: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    unnamed: int = 0
    parent: int | None = None
    kind: str = "build"
    agent: str = ""
    reason: str = ""
    added: int | None = None
    removed: int | None = None

    @property
    def triples(self) -> int:
        """Triples over all graphs."""
        return sum(self.counts.values()) + self.unnamed

    def as_json(self) -> str:
        """Return the version as a JSON text."""
        return json.dumps({"format": FORMAT, **asdict(self), "built": self.built.isoformat()}, indent=2)


_FIELDS: Final = frozenset(each.name for each in fields(Version))


def version_from_json(text: str) -> Version:
    """Return the version that a JSON text describes. Raises StoreFormat where a later release wrote it."""
    values = json.loads(text)
    if (found := values.get("format", 1)) > FORMAT:
        raise StoreFormat(
            f"The store has format {found}, this release reads up to {FORMAT}; install a newer release.",
            found=found,
            expected=FORMAT,
        )
    known = {name: value for name, value in values.items() if name in _FIELDS}
    return Version(**{**known, "built": datetime.fromisoformat(values["built"])})


@dataclass(frozen=True)
class Layout:
    """Where everything is in a store's folder."""

    folder: Path

    @property
    def pointer(self) -> Path:
        """The file that says which version is published."""
        return self.folder / "current"

    @property
    def database(self) -> Path:
        """History and journal."""
        return self.folder / "vetgraph.db"

    @property
    def primary(self) -> Path:
        """The writer's working copy."""
        return self.folder / "primary"

    @property
    def versions(self) -> Path:
        """The folder of all versions."""
        return self.folder / "versions"

    def checkpoint(self, number: int) -> Path:
        """Return the folder of a version's data."""
        return self.versions / str(number)

    def record(self, number: int) -> Path:
        """Return the file that describes a version."""
        return self.versions / f"{number}.json"

    def delta(self, number: int) -> Path:
        """Return the file that says how a version differs from its parent; it is not there for large changes."""
        return self.versions / f"{number}.delta.gz"

    def past_delta(self, number: int) -> Path:
        """Return the file to which that goes when the version's data go."""
        return self.folder / "deltas" / self.delta(number).name

    def use(self, number: int) -> Path:
        """Return the file that readers of a version lock."""
        return self.versions / f"{number}.use"

    def whole(self) -> list[int]:
        """Return the numbers of the versions whose data and description are there, the oldest first."""
        found = (int(path.stem) for path in self.versions.glob("*.json") if path.stem.isdigit())
        return sorted(number for number in found if self.checkpoint(number).is_dir())


def published(folder: Path) -> int | None:
    """Return the number of the published version, or None where nothing is published yet.

    Where the pointer is lost or not a number, that is the newest version that is whole. Raises StoreDamaged.
    """
    layout = Layout(folder)
    try:
        return int(layout.pointer.read_text("ascii"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        whole = layout.whole()
        return whole[-1] if whole else None
    except OSError as problem:
        raise _unreadable(layout.pointer, problem) from problem


def current_version(folder: Path) -> Version | None:
    """Return the published version of a store's folder, or None where nothing is published yet.

    Cheap: reads one number, and the description once. Raises StoreDamaged or StoreFormat.
    """
    for attempt in (1, 2):
        number = published(folder)
        if number is None:
            return None
        try:
            return version_at(folder, number)
        except NotFound:
            # Removed between the two looks, by a writer that keeps few versions: there is a newer one then.
            if attempt == 2:
                path = Layout(folder).record(number)
                raise StoreDamaged(
                    f"{path} is missing, which describes the published version; restore the store from a backup "
                    "(`vetgraph restore FILE`) or run `vetgraph build`.",
                    path=str(path),
                ) from None
    return None


def version_at(folder: Path, number: int) -> Version:
    """Return the version of that number. Raises NotFound where it is not kept, StoreDamaged or StoreFormat."""
    path = Layout(folder).record(number)
    try:
        status = path.stat()
        return _described(path, status.st_ino, status.st_mtime_ns)
    except FileNotFoundError:
        raise NotFound(f"Version {number} is not there; `vetgraph history` lists those that are kept.") from None
    except OSError as problem:
        raise _unreadable(path, problem) from problem


def _unreadable(path: Path, problem: OSError) -> StoreDamaged:
    return StoreDamaged(
        f"{path} can't be read ({problem.strerror or problem}); give this process the right to read the store.",
        path=str(path),
    )


@lru_cache(maxsize=64)
def _described(path: Path, _inode: int, _changed: int) -> Version:
    text = path.read_text("utf-8", errors="replace")
    try:
        return version_from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise StoreDamaged(
            f"{path} can't be understood ({problem}); restore the store from a backup (`vetgraph restore FILE`) "
            "or run `vetgraph build`.",
            path=str(path),
        ) from None


class Hold:
    """Keeps one version from being removed until it is closed, or until the process ends, however it ends."""

    def __init__(self, folder: Path, number: int) -> None:
        layout = Layout(folder)
        self.folder = folder
        self.number = number
        self.path = layout.checkpoint(number)
        self.descriptor = _shared(layout.use(number)) if self.path.is_dir() else -1
        self._close = weakref.finalize(self, _close, self.descriptor)
        if not self.path.is_dir():
            self.close()
            raise NotFound(f"Version {number} is not there; `vetgraph history` lists those that are kept.")

    def close(self) -> None:
        """Let the version go."""
        self._close()

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.close()


def _shared(path: Path) -> int:
    """Return a descriptor that shares the lock on a file, or -1 where there is nothing to lock.

    A folder that can't be written to has no need of it: nobody removes anything there. On Windows open files can't be
    removed, which protects a reader just as well.
    """
    if sys.platform == "win32":
        return -1
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_CREAT, 0o666)
        except OSError:
            return -1
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def claim(use: Path) -> int | None:
    """Return a descriptor with the only lock on a version's use, -1 where none is needed, None where it is read."""
    if sys.platform == "win32":
        return -1
    descriptor = os.open(use, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def hold(folder: Path, number: int | None = None) -> Hold:
    """Return a hold on a version, the published one by default.

    Raises NotFound where that version is not kept, or where nothing is published.
    """
    if number is not None:
        return Hold(folder, number)
    for _ in range(10):
        number = published(folder)
        if number is None:
            raise NotFound(f"There is no snapshot in {folder}; run `vetgraph build` first.")
        try:
            return Hold(folder, number)
        except NotFound:
            continue  # removed since by a writer that keeps few versions: look again
    path = Layout(folder).checkpoint(number or 0)
    raise StoreDamaged(
        f"{path} is missing, which holds the published version; restore the store from a backup "
        "(`vetgraph restore FILE`) or run `vetgraph build`.",
        path=str(path),
    )
