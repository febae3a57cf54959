"""What is made once for a version and kept: its files to fetch, and its statistics."""

from __future__ import annotations

import threading
from hashlib import sha256
from pathlib import Path
from typing import Final

from vetgraph.dataset import statistics
from vetgraph.dataset.statistics import Statistics
from vetgraph.derived import folder_in
from vetgraph.engine.dumping import STATISTICS, Dumps, forget_others, write, write_apart
from vetgraph.store import GraphStore
from vetgraph.versions import Layout
from vetgraph.web.state import service

REMEMBERED: Final = 4
"""Versions whose statistics are in memory."""

MUCH: Final = 1_000_000
"""Triples above which counting takes longer than a page may."""

_MAKING = threading.Lock()
_known: dict[str, Statistics] = {}


def dumps() -> Dumps:
    """Return the files of the version that the request reads."""
    store = service().store
    return Dumps(_folder(), mark(store), store, _home(store))


def _home(store: GraphStore) -> Path | None:
    """Return the folder in which a version lies on disk, where it does."""
    settings = service().settings
    on_disk = not settings.endpoint and Layout(settings.store).checkpoint(store.version.number).is_dir()
    return settings.store if on_disk else None


def figures() -> Statistics:
    """Return the statistics of the version that the request reads."""
    store = service().store
    key = mark(store)
    with _MAKING:
        # One at a time: it takes a processor for seconds.
        if key not in _known:
            found = _read(store, _folder() / key / STATISTICS)
            while len(_known) >= REMEMBERED:
                _known.pop(next(iter(_known)))
            _known[key] = found
        return _known[key]


def _read(store: GraphStore, path: Path) -> Statistics:
    """Return the statistics that a file keeps; where it does not, count them and keep them there."""
    found = statistics.from_json(path.read_text("utf-8")) if path.exists() else None
    if found is None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _count(store, path)
        forget_others(path.parent)
        found = statistics.from_json(path.read_text("utf-8"))
        assert found is not None
    return found


def _count(store: GraphStore, path: Path) -> None:
    """Count what a version holds, and keep it. Of much, a process apart does it; who may not wait is not asked then."""
    home = _home(store)
    if home is not None and store.version.triples > MUCH:
        # A process of pages has no engine, and hands the request on to where there is time.
        service().engine.stamp  # noqa: B018
        write_apart(home, store.version.number, path.parent, [STATISTICS])
    else:
        write(store, path.parent, [STATISTICS])


def mark(store: GraphStore) -> str:
    """Return what tells this state of the data from every other, of this store or another."""
    settings, version = service().settings, store.version
    stamp = service().engine.stamp if settings.endpoint else f"{version.number} {version.built.isoformat()}"
    return f"v{version.number}-{sha256(f'{settings.store} {stamp}'.encode()).hexdigest()[:20]}"


def _folder() -> Path:
    """Return the folder for what is made: the store's own, where we may write there."""
    settings = service().settings
    return folder_in(None if settings.endpoint else settings.store, "dumps")
