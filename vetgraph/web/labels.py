"""What everything is called, for each version that pages read: looked up once, then carried along by what changed.

A write makes a new version, and few writes touch a name: the index of the version before is taken over with what the
deltas between the two say, so that a page after a write costs no more than one before it.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

import pyoxigraph as ox

from vetgraph.engine.deltas import Delta
from vetgraph.errors import VetgraphError
from vetgraph.store import GraphStore
from vetgraph.versions import Layout, Version, version_at
from vetgraph.vocab import LABELS

FARTHEST: Final = 32
"""Versions over which an index is carried along; beyond, everything is looked up anew."""

MOST: Final = 1000
"""Things whose names are looked up one by one; more are looked up all at once."""

Names = Mapping[str, Mapping[str, str]]
"""The names of things by language (empty where they have none)."""

_PROPERTIES: Final = tuple(ox.NamedNode(iri) for iri in LABELS)
_WORDS: Final = tuple(f"<{iri}>".encode() for iri in LABELS)


class Labels:
    """The names in the versions of one store; its folder, where it has one, tells what changed between them.

    Safe to share between threads. Nothing is kept for a version that nobody reads any more, but for the last one.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._known: WeakKeyDictionary[GraphStore, Names] = WeakKeyDictionary()
        self._last: tuple[Version, Names] | None = None
        self._lock = threading.Lock()

    def of(self, store: GraphStore) -> Names:
        """Return every thing's names by language in one version."""
        names = self._known.get(store)
        if names is None:
            with self._lock:
                names = self._known.get(store)
                if names is None:
                    names = self._known[store] = self._carried(store) or _all(store)
                    if self._last is None or self._last[0].number <= store.version.number:
                        self._last = store.version, names
        return names

    def _carried(self, store: GraphStore) -> Names | None:
        """Return the names of the last version with what changed since; None where that can't be told."""
        if self._last is None or self._folder is None:
            return None
        version, names = self._last
        try:
            touched = _touched(Layout(self._folder), version, store.version)
        except (VetgraphError, OSError, EOFError):
            return None
        if touched is None or len(touched) > MOST:
            return None
        return {**names, **{thing: _of(store, thing) for thing in touched}} if touched else names


def _touched(layout: Layout, before: Version, after: Version) -> set[str] | None:
    """Return the things whose names differ between two versions; None where no deltas lead from one to the other."""
    if before.number > after.number or version_at(layout.folder, before.number).built != before.built:
        return None
    touched: set[str] = set()
    version = after
    for _ in range(FARTHEST):
        if version.number == before.number:
            return touched
        if version.parent is None or version.parent >= version.number:
            return None
        touched |= _named_in(gzip.decompress(layout.delta(version.number).read_bytes()))
        version = version_at(layout.folder, version.parent)
    return None


def _named_in(text: bytes) -> set[str]:
    """Return the things whose names the text of a delta touches; most touch none, which is quickly seen."""
    if not any(word in text for word in _WORDS):
        return set()
    delta = Delta.from_bytes(text)
    quads = (*delta.added, *delta.removed)
    return {q.subject.value for q in quads if q.predicate in _PROPERTIES and isinstance(q.subject, ox.NamedNode)}


def _all(store: GraphStore) -> Names:
    return _index(quad for iri in _PROPERTIES for quad in store.quads(None, iri))


def _of(store: GraphStore, thing: str) -> Mapping[str, str]:
    node = ox.NamedNode(thing)
    return _index(quad for iri in _PROPERTIES for quad in store.quads(node, iri)).get(thing, {})


def _index(quads: Iterable[ox.Quad]) -> dict[str, dict[str, str]]:
    """Return the names in some quads, which come in the order of ``vocab.LABELS``."""
    index: dict[str, dict[str, str]] = {}
    chosen: dict[tuple[str, str], ox.NamedNode] = {}
    for quad in quads:
        words, thing = quad.object, quad.subject
        if not (isinstance(thing, ox.NamedNode) and isinstance(words, ox.Literal)):
            continue
        names, language = index.setdefault(thing.value, {}), words.language or ""
        if language not in names:
            names[language] = words.value
            chosen[thing.value, language] = quad.predicate
        elif chosen[thing.value, language] == quad.predicate:
            # Several of one property: the same one in every version, whatever the order in which they come.
            names[language] = min(names[language], words.value)
    return index
