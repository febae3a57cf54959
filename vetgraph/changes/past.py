"""The past of a store's folder: which versions there were, and which of them can still be read.

History tells; where there is none (format 1, or a folder without its database) the versions that lie there do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from vetgraph.engine.history import Entry, History
from vetgraph.errors import NotFound
from vetgraph.versions import Layout, Version, published, version_at

Found = TypeVar("Found")


LARGEST: Final = (1 << 63) - 1
"""The largest number that the history's database takes."""


class Past:
    """The published versions of a store's folder. Cheap to make; nothing is remembered between calls.

    Every method raises StoreDamaged or StoreFormat where the folder can't be read.
    """

    def __init__(self, folder: Path) -> None:
        self.layout = Layout(folder)

    @property
    def newest(self) -> int:
        """The number of the published version, 0 where there is none."""
        return published(self.layout.folder) or 0

    def entry(self, number: int) -> Entry:
        """Return a version. Raises NotFound where there never was one of that number."""
        if number > LARGEST:
            raise NotFound(f"There is no version {number}.")
        return self._told(lambda history: history.version(number), lambda: self._lying(number))

    def after(self, number: int, limit: int) -> list[Entry]:
        """Return the versions that came after one, the oldest first."""
        number = min(number, LARGEST)
        return self._told(
            lambda history: history.after(number, limit),
            lambda: [one for one in self._all() if one.version.number > number][:limit],
        )

    def before(self, number: int, limit: int) -> list[Entry]:
        """Return the versions that came before one, the newest first."""
        number = min(number, LARGEST)
        return self._told(
            lambda history: history.before(number, limit),
            lambda: [one for one in reversed(self._all()) if one.version.number < number][:limit],
        )

    def starts(self, size: int) -> list[tuple[int, datetime]]:
        """Return, for each page of ``size`` numbers, its number from 1 and when its first version was published."""
        return self._told(
            lambda history: history.starts(size),
            lambda: sorted(
                {(each.version.number - 1) // size + 1: each.version.built for each in reversed(self._all())}.items()
            ),
        )

    def kept(self) -> list[Version]:
        """Return the versions that can be read, the oldest first."""
        newest = self.newest
        numbers = [number for number in self.layout.whole() if number <= newest]
        return self._told(
            lambda history: [history.version(number).version for number in numbers],
            lambda: [self._lying(number).version for number in numbers],
        )

    def at(self, moment: datetime) -> Version | None:
        """Return the version that was in force at some time, None where there was none yet."""
        try:
            found = self._told(lambda history: history.at(moment).version, lambda: None)
        except NotFound:
            return None
        if found is None:
            found = max((one for one in self.kept() if one.built <= moment), key=lambda one: one.number, default=None)
        return found

    def _told(self, ask: Callable[[History], Found], without: Callable[[], Found]) -> Found:
        if not self.layout.database.is_file():
            return without()
        with History(self.layout.folder) as history:
            if not history.knows(self.newest):
                return without()
            return ask(history)

    def _all(self) -> list[Entry]:
        return [self._lying(number) for number in self.layout.whole() if number <= self.newest]

    def _lying(self, number: int) -> Entry:
        version = version_at(self.layout.folder, number)
        return Entry(version, version.triples, False, self.layout.checkpoint(number).is_dir())
