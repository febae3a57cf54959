"""Names in results: beside each column of IRIs, one with what people call the things, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import pyoxigraph as ox

from vetgraph.engine.rows import Row, Rows, Term
from vetgraph.vocab import LABELS, LANGUAGES

SUFFIX: Final = "Label"
"""What follows a column's name in the name of the column with its labels."""

BATCH: Final = 256
"""Rows that are looked at together. The first ones decide which columns have labels."""

MOST: Final = 50_000
"""Labels that are kept for the rows to come, at most."""

Find = Callable[[Collection[ox.NamedNode]], Mapping[ox.NamedNode, ox.Literal]]
"""Returns the labels of some things; those without one are left out."""


def labelled(table: Rows, find: Find) -> Rows:
    """Return a table with a column ``xLabel`` after each column ``x`` that holds IRIs.

    Which columns do is decided by the first rows. A column that is empty in all of them gets one too, if more rows are
    to come. A column that is called so already stays as it is. Rows are evaluated as they are read, some at a time.
    """
    first = list(islice(table.rows, BATCH))
    whole = len(first) < BATCH
    marks = [
        name + SUFFIX not in table.names and _holds_iris([row[index] for row in first], whole=whole)
        for index, name in enumerate(table.names)
    ]
    names = [each for name, mark in zip(table.names, marks, strict=True) for each in (name, name + SUFFIX)[: 1 + mark]]
    return Rows(tuple(names), _rows(_batches(first, table.rows), marks, find))


def _holds_iris(terms: Sequence[object], *, whole: bool) -> bool:
    if any(isinstance(term, ox.NamedNode) for term in terms):
        return True
    return not whole and all(term is None for term in terms)


def _batches(first: list[Row], rest: Iterator[Row]) -> Iterator[list[Row]]:
    while first:
        yield first
        first = list(islice(rest, BATCH))


def _rows(batches: Iterable[list[Row]], marks: Sequence[bool], find: Find) -> Iterator[Row]:
    """Yield the rows with their labels, each thing looked up once."""
    known: dict[ox.NamedNode, ox.Literal | None] = {}
    for batch in batches:
        if len(known) > MOST:
            known.clear()
        terms = (term for row in batch for term, mark in zip(row, marks, strict=True) if mark)
        new = {term for term in terms if isinstance(term, ox.NamedNode) and term not in known}
        if new:
            known.update(dict.fromkeys(new))
            known.update(find(new))
        for row in batch:
            yield [each for term, mark in zip(row, marks, strict=True) for each in _cells(term, mark, known)]


def _cells(
    term: Term | None, mark: bool, known: Mapping[ox.NamedNode, ox.Literal | None]
) -> tuple[Term | None] | tuple[Term | None, ox.Literal | None]:
    if not mark:
        return (term,)
    return term, known.get(term) if isinstance(term, ox.NamedNode) else None


def finder(store: ox.Store, language: str) -> Find:
    """Return what finds labels in a store, over all of its graphs."""

    def find(things: Collection[ox.NamedNode]) -> dict[ox.NamedNode, ox.Literal]:
        found = {thing: _label(store, thing, language.lower()) for thing in things}
        return {thing: label for thing, label in found.items() if label is not None}

    return find


def _label(store: ox.Store, thing: ox.NamedNode, wanted: str) -> ox.Literal | None:
    candidates: list[tuple[str, ox.Literal]] = []
    for predicate in _LABELS:
        objects = (quad.object for quad in store.quads_for_pattern(thing, predicate, None, None))
        labels = [label for label in objects if isinstance(label, ox.Literal)]
        exact = [label for label in labels if label.language == wanted]
        if exact:
            # Nothing that is still to come would be chosen before it.
            return min(exact, key=lambda label: label.value)
        candidates += ((predicate.value, label) for label in labels)
    return best(candidates, wanted)


_LABELS: Final = tuple(ox.NamedNode(iri) for iri in LABELS)


def best(candidates: Iterable[tuple[str, ox.Literal]], language: str) -> ox.Literal | None:
    """Return the label to show of those that a thing has, each with the predicate that gives it.

    The reader's language comes first, then its variants (``fr-LU`` for ``fr``, and the other way round), then English,
    then names that are in no language at all. Within a language the preferred predicate wins, then the alphabet.
    """
    wanted, fallback = language.lower(), LANGUAGES[0]

    def rank(candidate: tuple[str, ox.Literal]) -> tuple[int, int, str]:
        predicate, label = candidate
        written = (label.language or "").lower()
        kinds = (
            written == wanted,
            bool(written) and written.split("-")[0] == wanted.split("-")[0],
            written.split("-")[0] == fallback,
            not written,
        )
        return kinds.index(True) if True in kinds else _NONE, LABELS.index(predicate), label.value

    ranked = [(rank(candidate), candidate[1]) for candidate in candidates]
    chosen = min(ranked, key=lambda pair: pair[0], default=None)
    return chosen[1] if chosen and chosen[0][0] < _NONE else None


_NONE: Final = 4
