"""A version as files, each made once: ``python -m vetgraph.engine.dumping FOLDER NUMBER TARGET NAME…``.

Sorting and compressing all data takes long and much memory, so a process of its own does it, after queries. The same
version gives the same bytes, whoever writes them: triples are in a fixed order and no file knows when it was made.
"""

from __future__ import annotations

import argparse
import gzip
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO, Final, cast
from urllib.parse import quote, unquote

import pyoxigraph as ox

from vetgraph import media, results
from vetgraph.dataset import statistics
from vetgraph.dataset.graphs import TERMS, ours
from vetgraph.derived import whole_or_not
from vetgraph.engine.confinement import follow_parent, renice
from vetgraph.engine.processors import BACKGROUND
from vetgraph.errors import EngineError, NotFound
from vetgraph.media import Media
from vetgraph.store import GraphStore, open_store
from vetgraph.vocab import DATASET, GRAPH

WHOLE: Final = ("dump.trig.gz", "dump.nq.gz")
"""Files with all named graphs."""

BUNDLES: Final = {f"dump/{name}.ttl": slugs for name, slugs in TERMS.items()}
"""Files for whoever loads terms or rules by themselves, with the graphs in them."""

STATISTICS: Final = "statistics.json"
"""What the version holds, counted; kept beside the files and not to be fetched."""

GRAPH_KINDS: Final = (media.TURTLE, media.N_TRIPLES)
"""Formats of a graph's own files."""

KEPT: Final = 3
"""Versions whose files are kept, those of the newest request first."""

LATE: Final = 15
"""Niceness of who writes files: behind quick queries and pages, but not for ever, for somebody waits for it."""

_BUFFER: Final = 1 << 18
_NAME: Final = re.compile(r"dump/(?P<slug>.+)\.(?P<suffix>ttl|nt)\.gz")


@dataclass(frozen=True)
class File:
    """A file of a version: its name below the service, where it lies, bytes, SHA-256 in hexadecimal digits."""

    name: str
    path: Path
    size: int
    sha256: str

    @property
    def media(self) -> Media:
        """The format of what is in it, unpacked."""
        found = media.by_suffix(self.name.removesuffix(".gz").rpartition(".")[2])
        assert found is not None
        return found

    @property
    def graphs(self) -> tuple[str, ...]:
        """The graphs in it; none for all."""
        if self.name in BUNDLES:
            return tuple(GRAPH + slug for slug in BUNDLES[self.name])
        return (graph,) if (graph := _graph_of(self.name)) else ()

    @property
    def dataset(self) -> str:
        """The dataset that it holds: one graph, or all of them."""
        return self.graphs[0] if self.graphs else DATASET


def names(store: GraphStore) -> list[str]:
    """Return the names of all files that a version can be had as: whole, bundles, each graph of ours."""
    known = set(store.version.counts)
    bundles = [name for name, slugs in BUNDLES.items() if known >= {GRAPH + slug for slug in slugs}]
    slugs = [graph.removeprefix(GRAPH) for graph in ours(known)]
    return [*WHOLE, *bundles, *(f"dump/{slug}.{kind.suffix}.gz" for slug in slugs for kind in GRAPH_KINDS)]


def _graph_of(name: str) -> str:
    """Return the graph that a file holds alone, or nothing."""
    match = _NAME.fullmatch(name)
    return GRAPH + match["slug"] if match else ""


class Dumps:
    """The files of one version, in a folder of their own that ``mark`` names. Safe to use by several processes."""

    def __init__(self, folder: Path, mark: str, store: GraphStore, home: Path | None = None) -> None:
        """``home`` is the folder of the store, where the version lies on disk there."""
        self.store = store
        self._folder = folder / mark
        self._home = home

    def file(self, name: str) -> File:
        """Return a file, which is made where it is not there yet. Raises NotFound, EngineError."""
        return self.files([name])[0]

    def files(self, wanted: Sequence[str] | None = None) -> list[File]:
        """Return some files, or all that the version can be had as. Raises NotFound, EngineError."""
        known = names(self.store)
        wanted = known if wanted is None else wanted
        for name in wanted:
            if name not in known:
                raise NotFound(f"There is no file {name} of this version; /about lists those that there are.")
        if missing := [name for name in wanted if not self.path(name).exists()]:
            self._make(missing)
        return [self._described(name) for name in wanted]

    def path(self, name: str) -> Path:
        """Return where a file lies, or will."""
        return self._folder / quote(name, safe="")

    def _make(self, missing: Sequence[str]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._home is not None:
            write_apart(self._home, self.store.version.number, self._folder, missing)
        else:
            write(self.store, self._folder, missing)
        forget_others(self._folder)

    def _described(self, name: str) -> File:
        path = self.path(name)
        note = path.with_name(path.name + ".sha256")
        if not note.exists():
            with path.open("rb") as file:
                _put(note, _digest(file))
        return File(name, path, path.stat().st_size, note.read_text("ascii"))


def _digest(file: IO[bytes]) -> str:
    digest = sha256()
    while piece := file.read(_BUFFER):
        digest.update(piece)
    return digest.hexdigest()


def _put(path: Path, text: str) -> None:
    with whole_or_not(path) as part:
        part.write_text(text, "ascii")


def forget_others(folder: Path) -> None:
    """Remove what was made for other versions than that of a folder, but for those of which something was made last."""
    os.utime(folder)
    others = sorted(
        (path for path in folder.parent.iterdir() if path != folder), key=lambda path: -path.stat().st_mtime
    )
    for number, path in enumerate(others, start=1):
        if path.is_dir() and number >= KEPT:
            shutil.rmtree(path, ignore_errors=True)
        elif not path.is_dir():
            path.unlink(missing_ok=True)  # from a release that kept files here


def write(store: GraphStore, folder: Path, wanted: Iterable[str]) -> None:
    """Write files of a version to a folder: the same bytes for the same data."""
    everything: list[ox.Quad] = []
    for name in wanted:
        with whole_or_not(folder / quote(name, safe="")) as part, part.open("wb") as file:
            if name == STATISTICS:
                file.write(statistics.count(store).as_json().encode())
            else:
                everything = everything or store.dump()
                _write(file, name, everything)


def _write(file: IO[bytes], name: str, quads: list[ox.Quad]) -> None:
    described = File(name, Path(), 0, "")
    several: Iterable[ox.Quad] | Iterable[ox.Triple] = quads
    if described.graphs:
        wanted = {ox.NamedNode(graph) for graph in described.graphs}
        several = list(dict.fromkeys(quad.triple for quad in quads if quad.graph_name in wanted))
    if not name.endswith(".gz"):
        results.write_quads_to(file, several, described.media)
        return
    with (
        gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed,
        io.BufferedWriter(cast("io.RawIOBase", packed), _BUFFER) as stream,
    ):
        results.write_quads_to(stream, several, described.media)


def write_apart(home: Path, number: int, folder: Path, wanted: Sequence[str]) -> None:
    """Have a process write files of a version of a store's folder. Raises EngineError where it fails."""
    command = [sys.executable, "-m", "vetgraph.engine.dumping", str(home), str(number), str(folder)]
    # Our own module, folders of ours, a number, and names of graphs that the version has, quoted.
    command += [quote(name, safe="") for name in wanted]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:  # noqa: S603
        BACKGROUND.add(process)
        try:
            process.wait()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise EngineError(f"The files of version {number} could not be written; the log says more.")


def main() -> None:
    """Write files of a version."""
    parser = argparse.ArgumentParser(prog="python -m vetgraph.engine.dumping")
    parser.add_argument("home", type=Path)
    parser.add_argument("number", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="+", type=unquote)
    options = parser.parse_args()
    follow_parent(os.getppid())
    renice(os.getpid(), LATE)
    write(open_store(options.home, at=options.number), options.folder, options.names)


if __name__ == "__main__":
    main()
