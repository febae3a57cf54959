"""Dumps of a version as files, made once: ``python -m vetgraph.engine.dumping FOLDER NUMBER SUFFIX FILE``.

Sorting and compressing all data takes long and much memory, so a process of its own does it, after queries.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from vetgraph import media, results
from vetgraph.engine.confinement import follow_parent
from vetgraph.errors import EngineError
from vetgraph.media import Media
from vetgraph.store import GraphStore, open_store

KINDS: Final[Mapping[str, Media]] = {"trig": media.TRIG, "nq": media.N_QUADS}
"""Formats of a dump by their suffixes."""

NICE: Final = 10

_BUFFER: Final = 1 << 18


def made(path: Path, write: Callable[[Path], None]) -> Path:
    """Return a file, which ``write`` makes under another name first where it is not there.

    It is either there in full or not at all; others of its folder with the same suffixes are removed then. Raises what
    ``write`` raises.
    """
    if not path.exists():
        number, name = tempfile.mkstemp(prefix="part-", dir=path.parent)
        os.close(number)
        part = Path(name)
        try:
            write(part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        for other in path.parent.glob("*" + "".join(path.suffixes[-2:])):
            if other != path:
                other.unlink(missing_ok=True)
    return path


def write(store: GraphStore, suffix: str, path: Path) -> None:
    """Write a store's named graphs to a file, compressed: the same bytes for the same data."""
    with (
        path.open("wb") as file,
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        io.BufferedWriter(cast("io.RawIOBase", packed), _BUFFER) as stream,
    ):
        results.write_quads_to(stream, store.dump(), KINDS[suffix])


def write_apart(folder: Path, number: int, suffix: str, path: Path) -> None:
    """Have a process write a version of a store's folder. Raises EngineError where it fails."""
    command = [sys.executable, "-m", "vetgraph.engine.dumping", str(folder), str(number), suffix, str(path)]
    # Our own module, a folder of ours and a number: nothing of a request gets into this command.
    if subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode:  # noqa: S603
        raise EngineError(f"The dump of version {number} could not be written; the log says more.")


def main() -> None:
    """Write a dump."""
    parser = argparse.ArgumentParser(prog="python -m vetgraph.engine.dumping")
    parser.add_argument("folder", type=Path)
    parser.add_argument("number", type=int)
    parser.add_argument("suffix", choices=sorted(KINDS))
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    follow_parent(os.getppid())
    os.nice(NICE)
    write(open_store(options.folder, at=options.number), options.suffix, options.file)


if __name__ == "__main__":
    main()
