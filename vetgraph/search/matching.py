"""What names in somebody's table may stand for: candidates with a score, best first.

A candidate is looked up by its name, by the words in it, by words that look like them, and by any of them; then each
label of the candidates is held against the name, letter by letter and word by word.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from vetgraph.search.finding import LONGEST, MOST_WORDS, Hit, Label, hit_of, near_words
from vetgraph.search.harvest import ROLES
from vetgraph.search.index import Index
from vetgraph.search.words import fold, likeness

LOOKED_AT: Final = 50
"""Labels that each way of looking up contributes, at most."""

LEAST: Final = 0.4
"""Likeness below which nobody would take a thing for what was meant."""


@dataclass(frozen=True)
class Candidate:
    """A thing that a name may stand for.

    ``likeness`` is from 0 to 1; ``exact`` says that a label is the name but for letter case, accents and punctuation.
    """

    hit: Hit
    likeness: float
    exact: bool

    @property
    def matched(self) -> Label:
        """The label that is most like the name."""
        return self.hit.matched


def candidates(index: Index, text: str, *, kinds: Iterable[str] = (), starts: Iterable[str] = ()) -> list[Candidate]:
    """Return what a name may stand for, the likeliest first.

    ``kinds`` are the classes that will do, ``starts`` the beginnings of IRIs; all of them where there are none.
    """
    name = fold(text[:LONGEST])
    if not name:
        return []
    allowed = tuple(starts)
    with index.connection() as connection:
        best: dict[int, tuple[float, bool, int]] = {}
        for label, thing, role, folded in _labels(connection, name, tuple(kinds)):
            alike = likeness(name, folded)
            rated = (alike * (0.5 + ROLES[role] / 2), folded == name, label)
            best[thing] = max(best.get(thing, (0.0, False, 0)), rated)
        hits = [
            Candidate(hit_of(connection, thing, alike, label), alike, exact)
            for thing, (alike, exact, label) in best.items()
            if alike >= LEAST
        ]
    hits = [found for found in hits if not allowed or found.hit.iri.startswith(allowed)]
    return sorted(hits, key=lambda found: (-found.exact, -found.likeness, found.hit.iri))


def _labels(connection: sqlite3.Connection, name: str, kinds: tuple[str, ...]) -> Iterable[tuple[int, int, str, str]]:
    """Return the labels that are worth a closer look: number, thing, role and folded text."""
    words = list(dict.fromkeys(name.split()))[:MOST_WORDS]
    groups = [near_words(connection, word) for word in words]
    every = " AND ".join(_group(group) for group in groups)
    some = " OR ".join(_group(group) for group in groups if group)
    found: dict[int, tuple[int, int, str, str]] = {}
    for row in connection.execute(_SELECT.format(source="") + " WHERE l.folded = ?" + _of(kinds), (name, *kinds)):
        found[row[0]] = row
    for match in (every if all(groups) else "", some):
        if match:
            source = "words w JOIN "
            query = _SELECT.format(source=source) + " ON l.id = w.rowid WHERE words MATCH ?" + _of(kinds)
            for row in connection.execute(f"{query} ORDER BY w.rank LIMIT {LOOKED_AT}", (match, *kinds)):
                found[row[0]] = row
    return found.values()


_SELECT: Final = "SELECT l.id, l.thing, l.role, l.folded FROM {source}labels l"


def _group(words: list[str]) -> str:
    return "(" + " OR ".join(f'"{word}"' for word in words) + ")"


def _of(kinds: tuple[str, ...]) -> str:
    """Return the condition that a label's thing has one of some classes."""
    if not kinds:
        return ""
    return (
        " AND l.thing IN (SELECT f.thing FROM facets f JOIN facet_values v ON v.id = f.value "  # noqa: S608 (ours)
        f"WHERE f.facet = 0 AND v.iri IN ({', '.join('?' * len(kinds))}))"
    )
