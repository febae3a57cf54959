"""Bulk loading: RDF files → one new version, whatever their number and size.

Little data become a delta, which running services follow at once. Much is read by the engine's bulk loader straight
into a copy, in memory that does not grow with the files. Either way all files become visible together, or none does.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import pyoxigraph as ox

from vetgraph import media
from vetgraph.engine.deltas import Delta
from vetgraph.engine.writer import Intent, Writer
from vetgraph.errors import UnreadableData, UnsupportedMedia
from vetgraph.media import Media
from vetgraph.store import graph_name
from vetgraph.versions import Version

SMALL: Final = 8_000_000
"""Bytes of files up to which a load becomes a delta."""

FEW: Final = 100_000
"""Triples up to which replacing them becomes part of a delta."""

Progress = Callable[[str], None]
"""Called with each file's name when its turn comes."""


@dataclass(frozen=True)
class Source:
    """A file to load: where it is, what it is, and whether it is compressed."""

    path: Path
    media: Media
    packed: bool

    @property
    def format(self) -> ox.RdfFormat:
        """The engine's name of the format."""
        found = ox.RdfFormat.from_media_type(self.media.type)
        assert found is not None
        return found

    @property
    def base(self) -> str:
        """The IRI against which relative ones are resolved."""
        return self.path.resolve().as_uri()

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """Give the file's bytes, unpacked. Raises UnreadableData where reading or parsing fails, naming the line."""
        with self.path.open("rb") as raw:
            stream = _Watched(gzip.GzipFile(fileobj=raw) if self.packed else raw)
            try:
                yield io.BufferedReader(stream, 1 << 20)
            except SyntaxError as problem:
                raise self._unparsable(problem) from None
            except (OSError, ValueError, EOFError) as problem:
                if stream.problem is None:
                    raise
                raise UnreadableData(f"{self.path} can't be read: {stream.problem}.", file=str(self.path)) from problem

    def _unparsable(self, problem: SyntaxError) -> UnreadableData:
        line, column = problem.lineno, problem.offset
        where = f", line {line}, column {column}" if line else ""
        said = str(problem.msg).partition(": ")[2] or str(problem.msg)
        return UnreadableData(
            f"{self.path}{where}: {said.rstrip('.')}. Nothing was loaded.",
            file=str(self.path),
            line=line,
            column=column,
        )


class _Watched(io.RawIOBase):
    """A stream that remembers why it could not be read, which the engine would report as its own failure."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream = stream
        self.problem: Exception | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        assert isinstance(buffer, memoryview)
        try:
            data = self._stream.read(len(buffer))
        except (OSError, EOFError, ValueError) as problem:
            self.problem = problem
            raise
        buffer[: len(data)] = data
        return len(data)


def sources(paths: Iterable[Path]) -> list[Source]:
    """Return files as sources, by their suffixes. Raises UnreadableData and UnsupportedMedia, before any is read."""
    return [_source(path) for path in paths]


def _source(path: Path) -> Source:
    packed = path.suffix == ".gz"
    kind = media.by_suffix((path.with_suffix("") if packed else path).suffix.removeprefix("."))
    kinds = sorted({*media.carrying("graph"), *media.carrying("dataset")}, key=lambda each: each.suffix)
    if kind not in kinds:
        known = ", ".join(f".{each.suffix}" for each in kinds)
        raise UnsupportedMedia(
            f"{path} has no suffix of a format that can be loaded; those are {known}, each also with .gz.",
            available=[each.type for each in kinds],
        )
    try:
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as problem:
        raise UnreadableData(f"{path} can't be read: {problem.strerror}.", file=str(path)) from None
    return Source(path, kind, packed)


def load(
    writer: Writer,
    files: list[Source],
    intent: Intent,
    *,
    graph: str | None = None,
    replace: bool = False,
    progress: Progress = lambda _: None,
) -> Version:
    """Publish a version that holds the files as well; blank nodes of different files stay apart.

    Triples that name no graph go into ``graph``, else into the default graph. ``replace`` empties that graph first, and
    the whole store where none is given. Raises UnreadableData, DiskFull, StoreDamaged or EngineError; then nothing
    has changed.
    """
    goes = _replaced(writer.version, graph) if replace else 0
    if goes <= FEW and sum(each.path.stat().st_size * (10 if each.packed else 1) for each in files) <= SMALL:
        return writer.commit(_delta(writer, files, graph, replace, progress), intent)

    def work(store: ox.Store) -> None:
        if replace and graph is not None:
            _empty(writer, store, graph)
        for each in files:
            progress(str(each.path))
            _fill(store, each, graph)

    afresh = replace and (graph is None or _rest_is_less(writer.version, graph))
    return writer.change(work, intent, afresh=afresh, only_adds=not replace)


def _delta(writer: Writer, files: list[Source], graph: str | None, replace: bool, progress: Progress) -> Delta:
    added: list[ox.Quad] = []
    for each in files:
        progress(str(each.path))
        added += _quads(each, graph)
    if not replace or writer.version is None:
        return Delta(tuple(added))
    with writer.reading() as store:
        name = None if graph is None else ox.NamedNode(graph)
        removed = tuple(store.quads_for_pattern(None, None, None, name))
        dropped = () if graph else tuple(str(each.value) for each in store.named_graphs())
    return Delta(tuple(added), removed, dropped=dropped)


def _quads(source: Source, graph: str | None) -> list[ox.Quad]:
    into = ox.DefaultGraph() if graph is None else ox.NamedNode(graph)
    with source.opened() as stream:
        parsed = ox.parse(stream, source.format, base_iri=source.base, rename_blank_nodes=True)
        return [_placed(quad, into) for quad in parsed]


def _placed(quad: ox.Quad, graph: ox.NamedNode | ox.DefaultGraph) -> ox.Quad:
    if isinstance(quad.graph_name, ox.DefaultGraph):
        return ox.Quad(quad.subject, quad.predicate, quad.object, graph)
    return quad


def _fill(store: ox.Store, source: Source, graph: str | None) -> None:
    into = None if graph is None else ox.NamedNode(graph)
    with source.opened() as stream:
        if source.packed:
            store.bulk_load(stream, source.format, base_iri=source.base, to_graph=into)
        else:
            store.bulk_load(path=str(source.path), format=source.format, base_iri=source.base, to_graph=into)


def _replaced(version: Version | None, graph: str | None) -> int:
    """Return how many triples go where a graph, or all, is replaced."""
    if version is None:
        return 0
    return version.triples if graph is None else version.counts.get(graph, 0)


def _rest_is_less(version: Version | None, graph: str) -> bool:
    """Return whether writing all other graphs anew costs less than removing one graph triple by triple."""
    goes = _replaced(version, graph)
    return version is not None and goes > FEW and version.triples - goes < 4 * goes


def _empty(writer: Writer, store: ox.Store, graph: str) -> None:
    """Bring a copy to where a graph has no triples: empty it, or where the copy starts afresh, fill in the rest."""
    if not _rest_is_less(writer.version, graph):
        store.clear_graph(ox.NamedNode(graph))
        return
    with writer.reading() as before:
        store.bulk_extend(quad for quad in before if graph_name(quad.graph_name) != graph)
        for name in before.named_graphs():
            store.add_graph(name)
