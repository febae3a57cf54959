"""Find things by their labels: by words and their beginnings, ranked, counted by class, country and graph.

Every word that is asked for must begin a word of one label, in whatever order; words in double quotes stand together.
Where no label has them all, words that look like them are taken, and where that does not help, any of them.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from vetgraph.search.index import FACETS, Index
from vetgraph.search.words import distance, fold, slips

MOST_WORDS: Final = 12
"""Words of a question that are looked at."""

LONGEST: Final = 500
"""Characters of a question that are looked at."""

_PART: Final = re.compile(r'"([^"]*)"|[^\s"]+')
_NEIGHBOURS: Final = 6
_LOOKED_AT: Final = 60

_SCORE: Final = """l.weight * (CASE WHEN l.folded = :whole THEN 4.0
    WHEN l.folded >= :whole || ' ' AND l.folded < :whole || '!' THEN 3.0
    WHEN l.folded >= :whole AND l.folded < :whole || char(1114111) THEN 2.5
    ELSE 1.0 END + CAST(length(:whole) AS REAL) / (length(l.folded) + 1))"""
"""A label counts by its weight, by whether it is, begins with or has what was asked, and by what else it says."""


@dataclass(frozen=True)
class Label:
    """A label: its text, its language (empty where it has none), and its role (``preferred``, ``acronym``, …)."""

    text: str
    language: str
    role: str


@dataclass(frozen=True)
class Hit:
    """A thing that was found: its labels, the one that was matched, what it is filtered by, and its score."""

    iri: str
    score: float
    matched: Label
    labels: tuple[Label, ...]
    types: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """A page of results: hits from the best, how many there are in all, and each facet's values with their numbers.

    ``instead`` has the words that were looked for where nothing had those that were asked for.
    """

    hits: tuple[Hit, ...]
    total: int
    facets: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    instead: str = ""


@dataclass(frozen=True)
class Wish:
    """What a search is narrowed to, and which part of its results is wanted.

    Values are IRIs, languages are tags, ``starts`` are beginnings of IRIs.
    """

    kinds: Collection[str] = ()
    countries: Collection[str] = ()
    sources: Collection[str] = ()
    languages: Collection[str] = ()
    starts: Collection[str] = ()
    limit: int = 20
    offset: int = 0

    @property
    def chosen(self) -> list[tuple[int, list[str]]]:
        """The facets that are narrowed, by their numbers, with the values that will do."""
        found = enumerate((self.kinds, self.countries, self.sources))
        return [(facet, sorted(values)) for facet, values in found if values]


def find(index: Index, text: str, wish: Wish = Wish(), *, facets: bool = True) -> Page:
    """Return the things whose labels have some words; all things where the text has none."""
    with index.connection() as connection:
        instead = _collect(connection, text[:LONGEST], wish)
        where, values = _narrowed(wish)
        total = connection.execute(f"SELECT COUNT(*) FROM hits h{where}", values).fetchone()[0]  # noqa: S608 (ours)
        rows = connection.execute(
            f"SELECT h.thing, h.score, h.label FROM hits h{where} ORDER BY h.score DESC, h.thing LIMIT ? OFFSET ?",  # noqa: S608
            (*values, wish.limit, wish.offset),
        ).fetchall()
        hits = tuple(hit_of(connection, *row) for row in rows)
        counts = {name: _counted(connection, number, wish) for number, name in enumerate(FACETS)} if facets else {}
        return Page(hits, total, counts, instead)


def look_up(index: Index, iris: Iterable[str]) -> list[Hit]:
    """Return what is known of some things by their IRIs, in that order; those without a label are left out."""
    with index.connection() as connection:
        found = []
        for iri in iris:
            row = connection.execute(
                "SELECT t.id, 0.0, (SELECT MIN(id) FROM labels WHERE thing = t.id) FROM things t WHERE iri = ?", (iri,)
            ).fetchone()
            if row and row[2] is not None:
                found.append(hit_of(connection, *row))
        return found


def _collect(connection: sqlite3.Connection, text: str, wish: Wish) -> str:
    """Put what has the words of a text into the table of hits; return the words that were taken instead."""
    connection.execute("DELETE FROM hits")
    parts = _parts(text)
    if not parts:
        _take_all(connection, wish)
        return ""
    _take(connection, " AND ".join(_term(words, begun=begun) for words, begun in parts), fold(text), wish)
    if _any(connection):
        return ""
    groups = [near_words(connection, words) if begun else [words] for words, begun in parts]
    likely = " ".join(group[0] if group else words for group, (words, _) in zip(groups, parts, strict=True))
    if all(groups):
        _take(connection, " AND ".join(_either(group) for group in groups), likely, wish)
    if not _any(connection):
        _take_some(connection, " OR ".join(_either(group) for group in groups if group), likely, wish)
    return likely if _any(connection) else ""


def _any(connection: sqlite3.Connection) -> bool:
    return connection.execute("SELECT 1 FROM hits LIMIT 1").fetchone() is not None


def _parts(text: str) -> list[tuple[str, bool]]:
    """Return the words of a text, each with whether it may be the beginning of one, and its phrases."""
    parts: list[tuple[str, bool]] = []
    for match in _PART.finditer(text):
        if match[1] is not None:
            parts += [(fold(match[1]), False)]
        else:
            parts += [(word, True) for word in fold(match[0]).split()]
    return [part for part in parts if part[0]][:MOST_WORDS]


def _term(words: str, *, begun: bool) -> str:
    return f'"{words}"*' if begun else f'"{words}"'


def _either(words: Sequence[str]) -> str:
    return "(" + " OR ".join(f'"{word}"' for word in words) + ")"


def _languages(wish: Wish) -> tuple[str, dict[str, str]]:
    if not wish.languages:
        return "", {}
    values = {f"l{at}": language for at, language in enumerate(sorted(wish.languages))}
    return f" AND l.language IN ({', '.join(f':{name}' for name in values)}, '')", values


def _take(connection: sqlite3.Connection, match: str, whole: str, wish: Wish) -> None:
    spoken, values = _languages(wish)
    connection.execute(
        f"INSERT INTO hits SELECT l.thing, MAX({_SCORE}), l.id FROM words w JOIN labels l ON l.id = w.rowid "  # noqa: S608
        f"WHERE words MATCH :match{spoken} GROUP BY l.thing",
        {"match": match, "whole": whole, **values},
    )


def _take_some(connection: sqlite3.Connection, match: str, whole: str, wish: Wish) -> None:
    """Take the labels that have the rarest and the most of some words."""
    if not match:
        return
    spoken, values = _languages(wish)
    connection.execute(
        "INSERT INTO hits SELECT l.thing, MAX(l.weight * w.relevance), l.id FROM ("  # noqa: S608
        "SELECT rowid AS label, -rank AS relevance FROM words WHERE words MATCH :match ORDER BY rank LIMIT 300) w "
        "JOIN labels l ON l.id = w.label "
        f"WHERE 1{spoken} GROUP BY l.thing",
        {"match": match, **values},
    )


def _take_all(connection: sqlite3.Connection, wish: Wish) -> None:
    spoken, values = _languages(wish)
    connection.execute(
        f"INSERT INTO hits SELECT l.thing, MAX(l.weight), l.id FROM labels l WHERE 1{spoken} GROUP BY l.thing",  # noqa: S608
        values,
    )


def _narrowed(wish: Wish, but: int | None = None) -> tuple[str, list[str | int]]:
    """Return the condition, and its values, that keeps the hits which a wish allows."""
    tests: list[str] = []
    values: list[str | int] = []
    for facet, chosen in wish.chosen:
        if facet != but:
            tests.append(
                "EXISTS (SELECT 1 FROM facets f JOIN facet_values v ON v.id = f.value WHERE f.thing = h.thing "  # noqa: S608
                f"AND f.facet = ? AND v.iri IN ({', '.join('?' * len(chosen))}))"
            )
            values += [facet, *chosen]
    if wish.starts:
        ranges = " OR ".join("(t.iri >= ? AND t.iri < ?)" for _ in wish.starts)
        tests.append(f"EXISTS (SELECT 1 FROM things t WHERE t.id = h.thing AND ({ranges}))")  # noqa: S608
        values += [bound for start in wish.starts for bound in (start, start + chr(0x10FFFF))]
    return (" WHERE " + " AND ".join(tests) if tests else ""), values


def _counted(connection: sqlite3.Connection, facet: int, wish: Wish) -> list[tuple[str, int]]:
    """Return the values of a facet with the number of hits, under what the other facets are narrowed to."""
    where, values = _narrowed(wish, but=facet)
    return connection.execute(
        "SELECT v.iri, c.n FROM (SELECT f.value, COUNT(*) AS n FROM hits h JOIN facets f "  # noqa: S608
        f"ON f.thing = h.thing AND f.facet = ?{where} GROUP BY f.value) c "
        "JOIN facet_values v ON v.id = c.value ORDER BY c.n DESC, v.iri",
        (facet, *values),
    ).fetchall()


def hit_of(connection: sqlite3.Connection, thing: int, score: float, label: int) -> Hit:
    """Return a thing by its number, with the score and the number of the label by which it was found."""
    iri = connection.execute("SELECT iri FROM things WHERE id = ?", (thing,)).fetchone()[0]
    rows = connection.execute(
        "SELECT id, text, language, role FROM labels WHERE thing = ? ORDER BY weight DESC, id", (thing,)
    ).fetchall()
    facets: list[list[str]] = [[] for _ in FACETS]
    for facet, value in connection.execute(
        "SELECT f.facet, v.iri FROM facets f JOIN facet_values v ON v.id = f.value WHERE f.thing = ? "
        "ORDER BY f.facet, f.position",
        (thing,),
    ):
        facets[facet].append(value)
    matched = next(row for row in rows if row[0] == label)
    types, countries, sources = (tuple(values) for values in facets)
    labels = tuple(Label(*row[1:]) for row in rows)
    return Hit(iri, score, Label(*matched[1:]), labels, types, countries, sources)


def near_words(connection: sqlite3.Connection, word: str) -> list[str]:
    """Return the words of the index that a word may be meant for, the likeliest first; itself where there is one."""
    after = word + chr(0x10FFFF)
    begun = connection.execute(
        "SELECT term FROM terms WHERE term >= ? AND term < ? ORDER BY term = ? DESC, uses DESC LIMIT ?",
        (word, after, word, _NEIGHBOURS),
    ).fetchall()
    if begun:
        return [row[0] for row in begun]
    most = slips(word)
    padded = f" {word} "
    pieces = {padded[at : at + 3] for at in range(len(padded) - 2)}
    looked_at = connection.execute(
        "SELECT t.term, t.uses FROM (SELECT rowid AS id FROM near WHERE near MATCH ? ORDER BY rank LIMIT ?) n "
        "JOIN terms t ON t.id = n.id",
        (" OR ".join(f'"{piece}"' for piece in sorted(pieces)), _LOOKED_AT),
    )
    rated = [(distance(word, term, most), -uses, term) for term, uses in looked_at]
    return [term for slipped, _, term in sorted(rated) if slipped <= most][:_NEIGHBOURS]
