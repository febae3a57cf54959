"""Corrections of expressions: aggregates, names of columns, dates, blank nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vetgraph.engine.corrections.refusals import AGGREGATES, aggregates
from vetgraph.syntax import Draft, Edit, Token, fresh_name, in_expressions, partners, prefixes, tokens
from vetgraph.vocab import XSD


def with_plain_concatenations(draft: Draft) -> Draft:
    """Return a draft in which each GROUP_CONCAT gives a plain string (SPARQL 1.1 section 18.5.1.7).

    The engine keeps the language where all members have the same one.
    """
    found = tokens(draft.text)
    edits: list[Edit] = []
    for begin, end in aggregates(found):
        if found[begin].word == "GROUP_CONCAT":
            edits += (Edit(found[begin].start, found[begin].start, "STR("), Edit(found[end].end, found[end].end, ")"))
    return draft.edited(edits)


@dataclass(frozen=True)
class _Column:
    """A ``(expression AS ?name)`` of a SELECT clause: the places of its expression, and its name."""

    begin: int
    end: int
    name: str


def with_reused_names(draft: Draft) -> Draft:
    """Return a draft in which a SELECT clause with aggregates may use the names that it gave before.

    SPARQL 1.1 section 16.1.2 allows it everywhere. The engine refuses it with aggregates, yet not inside COALESCE,
    which changes nothing of a single value.
    """
    found = tokens(draft.text)
    edits: list[Edit] = []
    for index, token in enumerate(found):
        if token.word == "SELECT":
            edits += _reuses(found, _columns(found, index))
    return draft.edited(edits)


def _columns(found: Sequence[Token], select: int) -> list[_Column]:
    """Return the columns with an expression of the SELECT clause that begins at an index."""
    pairs = partners(found)
    index = select + 1
    columns: list[_Column] = []
    while index < len(found):
        if found[index].text == "(" and index in pairs:
            end = pairs[index]
            if found[end - 2].word == "AS" and found[end - 1].kind == "variable":
                columns.append(_Column(index + 1, end - 2, found[end - 1].text[1:]))
            index = end
        elif found[index].kind != "variable" and found[index].word not in ("DISTINCT", "REDUCED"):
            break
        index += 1
    return columns


def _reuses(found: Sequence[Token], columns: Sequence[_Column]) -> Iterator[Edit]:
    names: set[str] = set()
    for column in columns:
        skip = -1
        pairs = partners(found[column.begin : column.end])
        for place in range(column.begin, column.end):
            token = found[place]
            if place > skip and token.kind == "variable" and token.text[1:] in names:
                yield Edit(token.start, token.end, f"COALESCE({token.text})")
            elif token.word in AGGREGATES | {"BOUND"} and found[place + 1].text == "(":
                # What an aggregate counts are the rows of a group, which know nothing of the names.
                skip = max(skip, column.begin + pairs.get(place + 1 - column.begin, 0))
            elif token.text == "{":
                skip = max(skip, column.begin + pairs.get(place - column.begin, 0))
        names.add(column.name)


_TIMED: Final = frozenset(XSD + name for name in ("date", "dateTime", "time"))
_BEFORE: Final = frozenset(("(", ",", "&&", "||"))
_AFTER: Final = frozenset((")", ",", "&&", "||"))


def with_doubtful_dates(draft: Draft) -> Draft:
    """Return a draft in which ``?x != "…"^^xsd:date`` is an error where it can't be told.

    A date without a time zone and one with are only different if they are more than 14 hours apart (XPath functions
    section 10.4, XML Schema part 2 section 3.2.7.4). The engine holds to that with ``<`` and ``>``, not with ``!=``.
    """
    found = tokens(draft.text)
    marks = in_expressions(found)
    namespaces = {name: iri for _, name, iri in prefixes(found)}
    edits: list[Edit] = []
    for index in range(1, len(found) - 5):
        window = found[index : index + 5]
        if marks[index] and found[index - 1].text in _BEFORE and found[index + 5].text in _AFTER:
            edits += _comparison(draft.text, window, namespaces)
    return draft.edited(edits)


def _comparison(text: str, window: Sequence[Token], namespaces: Mapping[str, str]) -> Iterator[Edit]:
    """Yield the edit for ``?x != literal`` or ``literal != ?x``, if that is what five tokens are."""
    first, last = window[0], window[-1]
    if first.kind == "variable" and window[1].text == "!=":
        variable, literal = first, window[2:]
    elif last.kind == "variable" and window[3].text == "!=":
        variable, literal = last, window[:3]
    else:
        return
    if literal[0].kind != "string" or literal[1].text != "^^" or _datatype(literal[2], namespaces) not in _TIMED:
        return
    x, value, datatype = variable.text, text[literal[0].start : literal[2].end], literal[2].text
    yield Edit(
        first.start,
        last.end,
        f"IF(isLiteral({x}) && DATATYPE({x}) = {datatype}, {x} < {value} || {x} > {value}, {x} != {value})",
    )


def _datatype(token: Token, namespaces: Mapping[str, str]) -> str:
    if token.kind == "iri":
        return token.text[1:-1]
    label, _, local = token.text.partition(":")
    return namespaces.get(f"{label}:", "") + local


_STAR: Final = re.compile(r"\b(?:SELECT\s+(?:DISTINCT\s+|REDUCED\s+)?|DESCRIBE\s+)\*", re.IGNORECASE)


def shows_all(text: str) -> bool:
    """Return whether a query may show every variable that it has, so that none may be added."""
    return _STAR.search(text) is not None


def with_blank_nodes_by_row(draft: Draft) -> Draft:
    """Return a draft in which BNODE with an argument gives a node of its own in each solution.

    The engine takes the argument for the node's label: the same in all rows, an error where it is no label, and that
    of a stored node where it happens to be one. SPARQL 1.1 section 17.4.2.9 wants the same node for the same argument
    in one solution, another one in the next. Corrected are BIND, and the SELECT clause of a query without groups.
    """
    found = tokens(draft.text)
    pairs = partners(found)
    calls = [
        index
        for index, token in enumerate(found[:-2])
        if token.word == "BNODE" and found[index + 1].text == "(" and found[index + 2].text != ")"
    ]
    edits: list[Edit] = []
    if not shows_all(draft.text):
        for number, (at, inside) in enumerate(_places(found, pairs, calls)):
            row = fresh_name(draft.text, f"row{number}")
            edits.append(Edit(at, at, f" BIND(STRUUID() AS {row}) "))
            for call in inside:
                opening, closing = found[call + 1], found[pairs[call + 1]]
                edits.append(Edit(opening.end, opening.end, 'CONCAT("b",MD5('))
                edits.append(Edit(closing.start, closing.start, f"),{row})"))
    return draft.edited(edits)


def _places(found: Sequence[Token], pairs: Mapping[int, int], calls: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """Yield the places where a row's own value can be bound, with the calls that can use it."""
    for index, token in enumerate(found):
        if token.word == "BIND" and index + 1 in pairs:
            inside = [call for call in calls if index < call < pairs[index + 1]]
            if inside:
                yield token.start, inside
    brace = _first_group(found, pairs)
    inside = [call for call in calls if call < brace]
    selects = any(token.word == "SELECT" for token in found[:brace])
    grouped = any(token.word == "GROUP" or token.word in AGGREGATES for token in found)
    if inside and selects and not grouped and found[brace + 1].word != "SELECT":
        yield found[pairs[brace]].start, inside


def _first_group(found: Sequence[Token], pairs: Mapping[int, int]) -> int:
    """Return the index of the brace that opens the first group outside parentheses; -1 where there is none."""
    index = 0
    while index < len(found):
        if found[index].text == "{" and index in pairs:
            return index
        index = max(index, pairs.get(index, index) if found[index].text == "(" else index) + 1
    return -1
