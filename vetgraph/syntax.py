"""Tokens of SPARQL text, by the longest match (SPARQL 1.1 section 19.8), and texts that are edited by token.

The engine reads without tokens, so it may see a text otherwise than this module does: ``(?a<?b)SERVICE:x#>`` holds an
IRI for the standard and a comparison for the engine. What must hold for every reading, such as that no other host is
asked, is therefore not decided here but made true of the text that the engine gets: see ``isolation``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from vetgraph.errors import QuerySyntaxError

_BASE_CHARS: Final = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_NAME_START: Final = f"{_BASE_CHARS}_"
_NAME_CHARS: Final = f"{_NAME_START}0-9\u00b7\u0300-\u036f\u203f-\u2040"
_CODEPOINT: Final = r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}"
_ESCAPE: Final = rf"\\[tbnrf\"'\\]|{_CODEPOINT}"
_LOCAL_EXTRA: Final = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"

_LABEL: Final = rf"[{_BASE_CHARS}][{_NAME_CHARS}-]*+(?:\.++[{_NAME_CHARS}-]++){{0,16}}+"
_LOCAL: Final = rf"(?:[{_NAME_CHARS}:-]++|{_LOCAL_EXTRA})++"

_TOKEN: Final = re.compile(
    rf'''[ \t\r\n]++
      | (?P<variable>[?$][{_NAME_START}0-9][{_NAME_CHARS}]*+)
      | (?P<name>(?:{_LABEL})?:(?:(?![-\u00b7\u0300-\u036f\u203f-\u2040]){_LOCAL}(?:\.++{_LOCAL})*+)?)
      | (?P<word>[A-Za-z_](?<!_(?=:))[A-Za-z0-9_]*+)
      | (?P<iri><(?:[^\x00-\x20<>"{{}}|^`\\]++|{_CODEPOINT})*+>)
      | (?P<sign><<\(|\)>>|<<|>>|\{{\||\|\}}|\^\^|&&|\|\||[!<>]=)
      | (?P<string>"""(?:"{{0,2}}(?:[^"\\]++|{_ESCAPE}))*+"""|\'\'\'(?:'{{0,2}}(?:[^'\\]++|{_ESCAPE}))*+\'\'\'
                  |"(?:[^"\\\n\r]++|{_ESCAPE})*+"|'(?:[^'\\\n\r]++|{_ESCAPE})*+')
      | (?P<number>(?:[0-9]*\.[0-9]+|[0-9]+\.?)[eE][+-]?[0-9]+|[0-9]*\.[0-9]+|[0-9]+)
      | (?P<comment>\#[^\n\r]*+)
      | (?P<tag>@[A-Za-z]+(?:-[A-Za-z0-9]+)*(?:--[A-Za-z]+)?)
      | (?P<blank>_:[{_NAME_START}0-9][{_NAME_CHARS}-]*+(?:\.++[{_NAME_CHARS}-]++)*+)
      | (?P<other>.)''',
    re.VERBOSE | re.DOTALL,
)
"""The terminals of SPARQL 1.2; the classes of characters are those of SPARQL 1.1, section 19.8."""

_MATCHING: Final = {")": "(", "}": "{", "]": "[", "|}": "{|", ")>>": "<<("}
_CLAUSES: Final = {
    **{word: word for word in ("FILTER", "BIND", "SELECT")},
    **dict.fromkeys(("ORDER", "GROUP", "HAVING"), "SORT"),
    **dict.fromkeys(("LIMIT", "OFFSET", "VALUES", "WHERE", "FROM"), ""),
}
"""The words that begin a clause → what is open after them."""


class Token(NamedTuple):
    """A piece of text: its kind, the text, and its first and last place (the latter exclusive)."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The keyword in upper case; '' where the token is none."""
        return self.text.upper() if self.kind == "word" else ""


def tokens(text: str, *, comments: bool = False) -> list[Token]:
    """Return the tokens of a text, comments only where asked for; what is no token comes a character at a time."""
    return [
        Token(match.lastgroup, match.group(), match.start(), match.end())
        for match in _TOKEN.finditer(text)
        if match.lastgroup and (comments or match.lastgroup != "comment")
    ]


def keywords(text: str) -> list[str]:
    """Return the bare words of a query in upper case: no strings, comments, IRIs or names.

    >>> keywords('SELECT * { ?s ?p "SERVICE" } # LOAD')
    ['SELECT']
    """
    return [match.group().upper() for match in _TOKEN.finditer(text) if match.lastgroup == "word"]


class Edit(NamedTuple):
    """A replacement: from where to where (exclusive), and by what."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Draft:
    """A text on its way to the engine: as it was sent in, as it is now, and the edits in between.

    >>> draft = Draft.of("a c").edited([Edit(2, 2, "b ")])
    >>> draft.text, draft.position(1, 5)
    ('a b c', (1, 3))
    """

    original: str
    text: str
    steps: tuple[tuple[Edit, ...], ...] = ()

    @classmethod
    def of(cls, text: str) -> Draft:
        """Return the draft of a text that nothing was done to."""
        return cls(text, text)

    def edited(self, edits: Iterable[Edit]) -> Draft:
        """Return the draft after some edits, which must not overlap; of two at one place the first comes first."""
        ordered = tuple(sorted(edits, key=lambda edit: (edit.start, edit.end)))
        if not ordered:
            return self
        parts: list[str] = []
        done = 0
        for edit in ordered:
            parts += (self.text[done : edit.start], edit.text)
            done = edit.end
        return Draft(self.original, "".join((*parts, self.text[done:])), (*self.steps, ordered))

    def position(self, line: int, column: int) -> tuple[int, int]:
        """Return where a place of the text as it is now lies in the original: line and column, from 1."""
        offset = _offset(self.text, line, column)
        for edits in reversed(self.steps):
            offset = _before(edits, offset)
        return place(self.original, offset)

    def relocated(self, problem: QuerySyntaxError) -> QuerySyntaxError:
        """Return a problem that the engine has with the text as it is now, told of the original."""
        line, column = problem.facts.get("line"), problem.facts.get("column")
        if not self.steps or not isinstance(line, int) or not isinstance(column, int):
            return problem
        there = self.position(line, column)
        told = problem.detail.replace(f"line {line}, column {column}", f"line {there[0]}, column {there[1]}")
        return QuerySyntaxError(told, **{**problem.facts, "line": there[0], "column": there[1]})


def _before(edits: Sequence[Edit], offset: int) -> int:
    """Return the place that a place had before some edits; what was inserted lies where it was inserted."""
    shift = 0
    for edit in edits:
        start = edit.start + shift
        if offset < start:
            break
        if offset < start + len(edit.text):
            return min(edit.start + offset - start, edit.end)
        shift += len(edit.text) - (edit.end - edit.start)
    return offset - shift


def place(text: str, offset: int) -> tuple[int, int]:
    r"""Return the line and the column of a place in a text, both from 1.

    >>> place("ab\ncd", 4)
    (2, 2)
    """
    before = text[:offset]
    return before.count("\n") + 1, offset - before.rfind("\n")


def _offset(text: str, line: int, column: int) -> int:
    """Return the place in a text of a line and a column, both from 1."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return min(start + column - 1, len(text))


def partners(found: Sequence[Token]) -> dict[int, int]:
    """Return, for each opening and closing bracket, the index of the other one; unmatched ones are left out."""
    pairs: dict[int, int] = {}
    waiting: list[int] = []
    for index, token in enumerate(found):
        if token.kind not in ("other", "sign"):
            continue
        if token.text in ("(", "{", "[", "{|", "<<("):
            waiting.append(index)
        elif token.text in _MATCHING and waiting and found[waiting[-1]].text == _MATCHING[token.text]:
            pairs[index] = waiting[-1]
            pairs[waiting.pop()] = index
    return pairs


def in_expressions(found: Sequence[Token]) -> list[bool]:
    """Return for each token whether it belongs to an expression rather than to a pattern or a clause.

    Expressions stand after FILTER, HAVING, ORDER BY and GROUP BY, in BIND and in the parentheses of a SELECT clause;
    the pattern of an EXISTS is none.
    """
    marks: list[bool] = []
    groups = [_Group()]
    for token in found:
        group = groups[-1]
        marks.append(group.takes(token))
        if token.kind == "other":
            if token.text == "{":
                group.clause = group.clause if group.depth else ""
                groups.append(_Group())
            elif token.text == "}" and len(groups) > 1:
                groups.pop()
    return marks


@dataclass
class _Group:
    """What is open between two braces: the clause, and the parentheses in it."""

    clause: str = ""
    depth: int = 0

    def takes(self, token: Token) -> bool:
        """Take a token in; return whether it belongs to an expression."""
        if not self.depth and token.kind == "word" and token.word in _CLAUSES:
            self.clause = _CLAUSES[token.word]
            return False
        if token.kind == "other" and token.text == "(" and self.clause:
            self.depth += 1
        elif token.kind == "other" and token.text == ")" and self.depth:
            self.depth -= 1
            if not self.depth and self.clause in ("FILTER", "BIND"):
                self.clause = ""
            return True
        return (self.depth > 0 or self.clause in ("FILTER", "SORT")) and token.text not in ("{", "}")


def fresh_name(text: str, wish: str) -> str:
    """Return a name for a variable that does not occur in a text.

    >>> fresh_name("SELECT ?vetgraph_row {}", "row")
    '?vetgraph_row1'
    """
    number = 0
    while (name := f"vetgraph_{wish}{number or ''}") in text:
        number += 1
    return f"?{name}"


def prefixes(found: Iterable[Token]) -> list[tuple[int, str, str]]:
    """Return the prefixes that a text declares: where the declaration ends, the prefix with its colon, the IRI's text.

    >>> prefixes(tokens("PREFIX ex: <http://example.org/> ASK {}"))
    [(32, 'ex:', 'http://example.org/')]
    """
    declared: list[tuple[int, str, str]] = []
    before = last = Token("", "", 0, 0)
    for token in found:
        if token.kind == "iri" and last.kind == "name" and before.word == "PREFIX":
            declared.append((token.end, last.text, token.text[1:-1]))
        before, last = last, token
    return declared
