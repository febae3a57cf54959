"""Deltas: the net difference between a version and its parent, as a value, as text, and applied to a store.

The text has one statement a line, sorted, so that the same change is the same bytes::

    + <s> <p> <o> <g> .      a quad that is added, in N-Quads
    - <s> <p> <o> <g> .      a quad that is removed
    +g <g>                   a named graph that is created
    -g <g>                   a named graph that is dropped

Blank nodes keep their labels: whoever follows deltas has to be filled in ways that keep them as well.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from vetgraph.errors import EngineError
from vetgraph.store import graph_name

BULK: Final = 10_000
"""Quads from which on the engine's bulk loader is quicker than a transaction."""


@dataclass(frozen=True)
class Delta:
    """What a change adds and removes: quads, and named graphs, since those exist without triples as well."""

    added: tuple[ox.Quad, ...] = ()
    removed: tuple[ox.Quad, ...] = ()
    created: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.created or self.dropped)

    def __len__(self) -> int:
        return len(self.added) + len(self.removed) + len(self.created) + len(self.dropped)

    def to_bytes(self) -> bytes:
        """Return the delta as text; equal deltas are equal bytes."""
        lines = [
            *(b"-g <%s>\n" % name.encode() for name in sorted(self.dropped)),
            *(b"- " + line for line in _lines(self.removed)),
            *(b"+g <%s>\n" % name.encode() for name in sorted(self.created)),
            *(b"+ " + line for line in _lines(self.added)),
        ]
        return b"".join(lines)

    @classmethod
    def from_bytes(cls, text: bytes) -> Delta:
        """Return the delta that a text says. Raises EngineError where it is none."""
        found: dict[bytes, list[bytes]] = {b"+ ": [], b"- ": [], b"+g": [], b"-g": []}
        for line in text.split(b"\n"):
            if not line:
                continue
            if (kind := line[:2]) not in found:
                raise EngineError(f"A delta has a line that is none: {line[:80].decode(errors='replace')}.")
            found[kind].append(line[2:])
        created, dropped = (tuple(line.strip()[1:-1].decode() for line in found[kind]) for kind in (b"+g", b"-g"))
        return cls(_quads(found[b"+ "]), _quads(found[b"- "]), created, dropped)

    @classmethod
    def from_file(cls, path: str | Path) -> Delta:
        """Return the delta of a file as versions have one. Raises EngineError where it is none, OSError."""
        with gzip.open(path) as file:
            return cls.from_bytes(file.read())

    def net(self, store: ox.Store) -> Delta:
        """Return what of this delta would change a store; what is removed and added stays or becomes there."""
        kept = set(self.added)
        filled = {graph_name(quad.graph_name) for quad in self.added}
        dropped = [
            name
            for name in dict.fromkeys(self.dropped)
            if name not in filled and store.contains_named_graph(ox.NamedNode(name))
        ]
        rest = (quad for name in dropped for quad in store.quads_for_pattern(None, None, None, ox.NamedNode(name)))
        return Delta(
            added=tuple(quad for quad in dict.fromkeys(self.added) if quad not in store),
            removed=tuple(quad for quad in dict.fromkeys((*self.removed, *rest)) if quad in store and quad not in kept),
            created=tuple(
                name
                for name in dict.fromkeys(self.created)
                if name not in filled and not store.contains_named_graph(ox.NamedNode(name))
            ),
            dropped=tuple(dropped),
        )

    def apply(self, store: ox.Store) -> None:
        """Make the change in a store; not atomic, so the store has to be one that can be thrown away."""
        for quad in self.removed:
            store.remove(quad)
        for name in self.dropped:
            store.remove_graph(ox.NamedNode(name))
        for name in self.created:
            store.add_graph(ox.NamedNode(name))
        if len(self.added) < BULK:
            store.extend(self.added)
        else:
            store.bulk_extend(self.added)


def _lines(quads: Iterable[ox.Quad]) -> list[bytes]:
    text = ox.serialize(quads, format=ox.RdfFormat.N_QUADS)
    assert text is not None
    return sorted(text.splitlines(keepends=True))


def _quads(lines: list[bytes]) -> tuple[ox.Quad, ...]:
    if not lines:
        return ()
    try:
        return tuple(ox.parse(b"\n".join(lines), ox.RdfFormat.N_QUADS))
    except SyntaxError as problem:
        raise EngineError(f"A delta has a quad that does not parse: {problem.msg}.") from None
