"""Corrections of GRAPH with a variable.

The engine puts the variable into each triple pattern inside. By the standard it is bound outside: the pattern inside is
evaluated by itself in each graph, and the result joined with the graph's name (SPARQL 1.1 section 18.6). The two differ
where a pattern has no triples of its own, is a subquery, or uses the variable in an OPTIONAL or a MINUS.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vetgraph.engine.corrections.expressions import shows_all
from vetgraph.engine.corrections.refusals import AGGREGATES
from vetgraph.syntax import Draft, Edit, Token, fresh_name, partners, tokens

WORDS: Final = ("select", "values", "filter", "bind", "optional", "minus")
"""Without any of these, the engine is right."""

MOST: Final = 16
"""Corrections of one text, at most: each needs the text read anew."""

_WITHOUT_TRIPLES: Final = frozenset(("VALUES", "FILTER", "BIND"))


@dataclass(frozen=True)
class _Pattern:
    """A ``GRAPH ?variable { … }`` in a text: the indexes of GRAPH and of the braces among its tokens."""

    text: str
    found: Sequence[Token]
    pairs: Mapping[int, int]
    index: int
    variable: str
    begin: int
    end: int

    @property
    def body(self) -> Sequence[Token]:
        """The tokens between the braces."""
        return self.found[self.begin + 1 : self.end]

    def written(self, begin: int, end: int) -> str:
        """The text from one token up to another, which is left out."""
        return self.text[self.found[begin].start : self.found[end - 1].end] if begin < end else ""

    def whole(self, text: str) -> list[Edit]:
        """The edit that writes the pattern anew."""
        return [Edit(self.found[self.index].start, self.found[self.end].end, text)]


def with_graph_names(draft: Draft) -> Draft:
    """Return a draft in which the variable of GRAPH has the values and the scope that the standard gives it."""
    for _ in range(MOST):
        edits = _first_edits(draft.text)
        if not edits:
            break
        draft = draft.edited(edits)
    return draft


def _first_edits(text: str) -> list[Edit]:
    """Return the edits for the first pattern that needs any."""
    found = tokens(text)
    pairs = partners(found)
    for index, token in enumerate(found[:-2]):
        variable, brace = found[index + 1 : index + 3]
        if token.word == "GRAPH" and variable.kind == "variable" and brace.text == "{" and index + 2 in pairs:
            pattern = _Pattern(text, found, pairs, index, variable.text, index + 2, pairs[index + 2])
            edits = (
                _apart(pattern) or _without_void_minus(pattern) or _with_subquery(pattern) or _with_own_scope(pattern)
            )
            if edits:
                return edits
    return []


def _apart(pattern: _Pattern) -> list[Edit]:
    """Return the edits for a body without triples: the names of the graphs on one side, the body on the other."""
    index = pattern.begin + 1
    while index < pattern.end:
        end = _end_of_item(pattern, index)
        if end is None:
            return []
        index = end + 1 + (pattern.found[end + 1].text == ".")
    start = pattern.found[pattern.begin].start
    return [Edit(start, start, "{} ")] if pattern.body else []


def _end_of_item(pattern: _Pattern, index: int) -> int | None:
    """Return the last token of the VALUES, FILTER or BIND at an index; None where it is none, or holds a pattern."""
    word = pattern.found[index].word
    if word not in _WITHOUT_TRIPLES:
        return None
    for at in range(index + 1, pattern.end):
        if pattern.found[at].text == "{" and word != "VALUES":
            return None
        if pattern.found[at].text == ("{" if word == "VALUES" else "("):
            end = pattern.pairs[at]
            return None if any(each.text == "{" for each in pattern.found[at + 1 : end]) else end
    return None


_VOID: Final = ["FILTER", "(", "false", ")"]


def _without_void_minus(pattern: _Pattern) -> list[Edit]:
    """Return the edits for a MINUS without variables of what is before it: it takes nothing away (section 8.3.1)."""
    for index in range(pattern.begin + 1, pattern.end):
        if pattern.found[index].word == "MINUS" and pattern.found[index + 1].text == "{":
            end = pattern.pairs[index + 1]
            inside = pattern.found[index + 2 : end]
            if [each.text for each in inside[-4:]] != _VOID and not _shares(
                pattern.found[_group(pattern, index) : index], inside
            ):
                opening, closing = pattern.found[index + 1].end, pattern.found[end].start
                return [Edit(opening, opening, " {"), Edit(closing, closing, f"}} {' '.join(_VOID)} ")]
    return []


def _group(pattern: _Pattern, index: int) -> int:
    """Return where the group begins that a token stands in; 0 where bindings come in from around GRAPH."""
    before = range(pattern.begin, index)
    if any(pattern.found[at].word in ("EXISTS", "LATERAL") for at in before):
        return 0
    return max(at for at in before if pattern.found[at].text == "{" and pattern.pairs.get(at, 0) > index)


def _shares(left: Sequence[Token], right: Sequence[Token]) -> bool:
    return any(_names(token) and _has(left, token.text) for token in right)


def _names(token: Token) -> bool:
    return token.kind == "variable"


def _has(found: Sequence[Token], variable: str) -> bool:
    """Return whether tokens name a variable, by ``?`` or ``$``."""
    return any(_names(token) and token.text[1:] == variable[1:] for token in found)


def _with_subquery(pattern: _Pattern) -> list[Edit]:
    """Return the edits for a subquery: it is put to each graph, and the graph's name comes with its rows."""
    select = pattern.begin + 1
    group = _group_of_subquery(pattern)
    if group is None or _has(pattern.body, pattern.variable):
        return []
    close = pattern.pairs[group]
    clause, after = pattern.found[select:group], pattern.found[close + 1 : pattern.end]
    words = {token.word for token in after}
    if words & {"LIMIT", "OFFSET", "VALUES"}:
        return []
    insertion = clause[1].end if clause[1].word in ("DISTINCT", "REDUCED") else clause[0].end
    named = Edit(insertion, insertion, f" {pattern.variable} ")
    if any(token.text == "*" and clause[index - 1].text != "(" for index, token in enumerate(clause)):
        bare = not after and clause[1].text == "*"
        return [Edit(clause[0].start, pattern.found[group].start, "")] if bare else []
    if "GROUP" in words:
        by = next(token for token in after if token.word == "BY")
        return [named, Edit(by.end, by.end, f" {pattern.variable} ")]
    if any(token.word in AGGREGATES for token in (*clause, *after)):
        return _with_one_row_each(pattern, group)
    return [named]


def _group_of_subquery(pattern: _Pattern) -> int | None:
    """Return the index of the brace that opens the pattern of the subquery that is the body; None where it is none."""
    if not pattern.body or pattern.body[0].word != "SELECT":
        return None
    index = pattern.begin + 1
    while index < pattern.end and pattern.found[index].text != "{":
        index = (pattern.pairs.get(index, index) if pattern.found[index].text == "(" else index) + 1
    return index if index in pattern.pairs else None


def _with_one_row_each(pattern: _Pattern, group: int) -> list[Edit]:
    """Return the edits for aggregates without GROUP BY, which have a row for each graph, empty or not."""
    name, none = pattern.variable, fresh_name(pattern.text, "none")
    close = pattern.pairs[group]
    where = group - (pattern.found[group - 1].word == "WHERE")
    clause = pattern.written(pattern.begin + 1, where)
    inner = f"GRAPH {name} {{ {pattern.written(group + 1, close)}\n}}"
    after = pattern.written(close + 1, pattern.end)
    distinct = pattern.body[1].word if pattern.body[1].word in ("DISTINCT", "REDUCED") else ""
    columns = pattern.written(pattern.begin + 2 + bool(distinct), where)
    return pattern.whole(
        f"{{ {{ SELECT {distinct} {name} {columns}\n{{ {inner} }} GROUP BY {name} {after}\n}} UNION "
        f"{{ GRAPH {name} {{}} MINUS {{ {inner} }} {{ {clause}\n{{ VALUES {none} {{}} }} {after}\n}} }} }}"
    )


def _with_own_scope(pattern: _Pattern) -> list[Edit]:
    """Return the edits for a variable that an OPTIONAL or a MINUS inside uses as well: there it is another one."""
    used = any(
        token.word in ("OPTIONAL", "MINUS")
        and pattern.found[index + 1].text == "{"
        and _has(pattern.found[index + 1 : pattern.pairs[index + 1]], pattern.variable)
        for index, token in enumerate(pattern.found[: pattern.end])
        if index > pattern.begin
    )
    if not used or shows_all(pattern.text):
        return []
    name, own = pattern.variable, fresh_name(pattern.text, "graph")
    shown = " ".join(dict.fromkeys([name, *(f"?{token.text[1:]}" for token in pattern.body if _names(token))]))
    body = pattern.written(pattern.begin + 1, pattern.end)
    names = f"SELECT ({own} AS {name}) {own} {{ GRAPH {own} {{}} }}"
    return pattern.whole(f"{{ SELECT {shown} {{ GRAPH {own} {{ {body}\n}} {{ {names} }} }} }}")
