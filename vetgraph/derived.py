"""Files that are made from a version and can be made again: where they lie, and that they are there in full or not."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path


def folder_in(store: Path | None, name: str) -> Path:
    """Return the folder of a name in a store's folder; else one that ends with this process."""
    if store is not None and store.is_dir() and os.access(store, os.W_OK):
        own = store / name
        with contextlib.suppress(OSError):
            own.mkdir(exist_ok=True)
            if os.access(own, os.W_OK):
                return own
    return Path(_temporary(name).name)


@lru_cache
def _temporary(name: str) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=f"vetgraph-{name}-")


@contextlib.contextmanager
def whole_or_not(path: Path) -> Iterator[Path]:
    """Give another name under which to write a file, which is there in full at the end, or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
