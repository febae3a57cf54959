"""The primary: the writer's working copy of the data, which can be thrown away at any time.

It is a store of its own that shares the (never changing) data files with the version it was made from by hard links.
History notes which version it holds; as soon as anything is written to it, it is trusted no more until that is noted
again. A working copy that is not trusted is made anew from the published version, in milliseconds at any size.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pyoxigraph as ox

from vetgraph.engine.failpoints import reach
from vetgraph.engine.files import link_or_copy
from vetgraph.engine.history import Recorder
from vetgraph.errors import StoreDamaged
from vetgraph.store import graph_counts
from vetgraph.versions import Layout


class Primary:
    """The working copy of a store, opened on demand."""

    def __init__(self, layout: Layout, history: Recorder) -> None:
        self._layout = layout
        self._history = history
        self._store: ox.Store | None = None
        self._number: int | None = None

    def at(self, number: int) -> ox.Store:
        """Return the working copy as version ``number``; 0 is the empty store before the first version."""
        if self._store is None or self._number != number:
            self.close()
            self._store = self._trusted(number) or self._made(number)
            self._number = number
        return self._store

    def backup(self, target: Path) -> None:
        """Write a checkpoint of the open working copy: hard links to its data files, nothing is copied."""
        assert self._store is not None
        self._store.backup(str(target))

    def counts(self) -> tuple[dict[str, int], int]:
        """Return the triples of each named graph, and those of the default graph, by counting them."""
        assert self._store is not None
        counts = graph_counts(self._store)
        return counts, sum(1 for _ in self._store.quads_for_pattern(None, None, None, ox.DefaultGraph()))

    def differing(self, checkpoint: Path) -> int | None:
        """Return how many quads of the working copy a checkpoint lacks; None where the checkpoint can't be read."""
        assert self._store is not None
        try:
            other = ox.Store.read_only(str(checkpoint))
        except (OSError, RuntimeError, ValueError):
            return None
        return sum(1 for quad in self._store if quad not in other)

    def holds(self, number: int) -> None:
        """Note that the working copy has become version ``number``."""
        self._number = number

    def discard(self) -> None:
        """Throw the working copy away: what is in it is not what any version holds."""
        self._store = None
        self._number = None
        self._history.primary = None
        shutil.rmtree(self._layout.primary, ignore_errors=True)

    def close(self) -> None:
        """Close the working copy and note what it holds, so that the next writer need not make it anew."""
        if self._store is None:
            return
        self._store = None
        reach("primary-closed")
        self._history.primary = self._number

    def _trusted(self, number: int) -> ox.Store | None:
        """Return the working copy as it lies there, if it is noted as that version and can be opened."""
        if self._history.primary != number or not self._layout.primary.is_dir():
            return None
        try:
            return ox.Store(str(self._layout.primary))
        except (OSError, RuntimeError, ValueError):
            return None

    def _made(self, number: int) -> ox.Store:
        """Return a new working copy of a version."""
        self._history.primary = None
        shutil.rmtree(self._layout.primary, ignore_errors=True)
        source = self._layout.checkpoint(number)
        if number and not source.is_dir():
            raise StoreDamaged(
                f"{source} is missing, which holds the published version; restore the store from a backup "
                "(`vetgraph restore FILE`) or run `vetgraph build`.",
                path=str(source),
            )
        if number:
            link_or_copy(source, self._layout.primary)
        reach("primary-copied")
        return ox.Store(str(self._layout.primary))
