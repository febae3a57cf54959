"""Answers of different engines made comparable: rows and triples as multisets, numbers by their value.

Order counts for nothing (a query that cuts rows off orders them without ties, so the set says it all). Engines write
the same number as ``20``, ``20.0`` or ``2.0E1``, a plain string with or without ``xsd:string``, and name blank nodes
as they like: such differences are none.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyoxigraph as ox

from vetgraph.vocab import RDF, XSD

NUMBERS: Final = frozenset(
    XSD + name
    for name in (
        *("integer", "decimal", "double", "float", "int", "long", "short", "byte"),
        *("nonNegativeInteger", "positiveInteger", "unsignedInt", "unsignedLong"),
    )
)
PLAIN: Final = frozenset(("", XSD + "string", RDF + "langString"))
Row = tuple[Hashable, ...]


@dataclass(frozen=True)
class Answer:
    """An answer as a multiset of rows or triples."""

    rows: Counter[Row]

    @property
    def size(self) -> int:
        """Rows or triples, repeated ones counted as often as they come."""
        return self.rows.total()


def of_rows(body: bytes) -> Answer:
    """Return the answer that SPARQL 1.1 Query Results JSON says.

    Raises ValueError where the text is none. Cells are paired with their variable, so columns may come in any order.
    """
    said = json.loads(body)
    if "boolean" in said:
        return Answer(Counter([(bool(said["boolean"]),)]))
    try:
        bindings: list[Mapping[str, Mapping[str, Any]]] = said["results"]["bindings"]
    except (KeyError, TypeError):
        raise ValueError("no results in the answer") from None
    return Answer(Counter(tuple(sorted((name, _cell(cell)) for name, cell in row.items())) for row in bindings))


def _cell(cell: Mapping[str, Any]) -> Hashable:
    kind, value = cell["type"], cell["value"]
    if kind == "uri":
        return f"<{value}>"
    if kind == "bnode":
        return "_:"
    return _literal(value, cell.get("datatype") or "", cell.get("xml:lang") or "")


def _literal(value: str, datatype: str, language: str) -> str:
    if language:
        return f'"{value}"@{language.lower()}'
    if datatype in NUMBERS:
        try:
            return f"{float(value):.12g}"
        except ValueError:
            return f'"{value}"^^{datatype}'
    return f'"{value}"' if datatype in PLAIN else f'"{value}"^^{datatype}'


def of_triples(body: bytes) -> Answer:
    """Return the answer that N-Triples say, blank nodes named by what is said of them. Raises ValueError.

    RDF/XML is read as well: rdflib-endpoint describes things in it whatever it is asked for.
    """
    kind = ox.RdfFormat.RDF_XML if body.startswith(b"<?xml") else ox.RdfFormat.N_TRIPLES
    try:
        triples = [_valued(quad.triple) for quad in ox.parse(body, format=kind)]
    except SyntaxError as problem:
        raise ValueError(f"no triples that can be read: {problem}") from None
    graph = ox.Dataset(ox.Quad(*triple) for triple in triples)
    graph.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return Answer(Counter((str(quad.subject), str(quad.predicate), str(quad.object)) for quad in graph))


def _valued(triple: ox.Triple) -> ox.Triple:
    """Return a triple with a number's value written in one way."""
    value = triple.object
    if not isinstance(value, ox.Literal) or value.datatype.value not in NUMBERS:
        return triple
    number = _literal(value.value, value.datatype.value, "")
    return ox.Triple(triple.subject, triple.predicate, ox.Literal(number, datatype=ox.NamedNode(XSD + "double")))


def difference(one: Answer, other: Answer) -> str:
    """Return in words how an answer differs from another, '' where it does not."""
    if one.rows == other.rows:
        return ""
    more, fewer = one.rows - other.rows, other.rows - one.rows
    example = next(iter(more or fewer))
    shown = " ".join(str(part) for part in example)
    kind = "only here" if more else "missing here"
    counts = f"{one.size} instead of {other.size} rows; {more.total()} only here, {fewer.total()} missing"
    return f"{counts}; {kind}: {shown:.200}"


def agreed(answers: Mapping[str, list[Answer]]) -> str:
    """Return the name of one of those who gave the answers that most gave (the first of them, where it is a tie)."""
    groups: dict[str, list[str]] = {}
    for name, given in answers.items():
        same = next((first for first in groups if answers[first] == given), name)
        groups.setdefault(same, []).append(name)
    return max(groups, key=lambda first: len(groups[first]))


def differences(answers: Mapping[str, list[Answer]]) -> dict[str, str]:
    """Return for everyone how their answers differ from those that most gave, '' where they do not."""
    reference = answers[agreed(answers)]
    return {name: first_difference(given, reference) for name, given in answers.items()}


def first_difference(given: list[Answer], expected: list[Answer]) -> str:
    """Return how the first answer that differs does so, '' where none does."""
    told: Iterable[str] = (difference(one, other) for one, other in zip(given, expected, strict=True))
    return next((words for words in told if words), "")
