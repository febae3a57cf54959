"""Files that are on disk when a function returns, names and all, and files that are gone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_synced(path: Path, data: bytes) -> None:
    """Write a file and bring it to disk; its name is there for good only once its folder is synced."""
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def sync_files(folder: Path, *, data: bool) -> None:
    """Bring the files of a store and their names to disk; its data files too, unless the engine did so already."""
    for path in folder.iterdir():
        if data or path.suffix != ".sst":
            _sync(path)
    sync_names(folder)


def sync_names(folder: Path) -> None:
    """Bring the names in a folder to disk, where the system knows of such a thing."""
    if os.name != "nt":
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def link_or_copy(source: Path, target: Path) -> None:
    """Make a second store from a checkpoint: data files are shared by hard links where the disk can, others copied."""
    target.mkdir()
    for path in source.iterdir():
        if path.suffix != ".sst" or not _linked(path, target / path.name):
            shutil.copyfile(path, target / path.name)


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def remove(path: Path) -> None:
    """Remove a file or a folder as far as that is possible."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
