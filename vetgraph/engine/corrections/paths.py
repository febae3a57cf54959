"""Corrections of property paths of length zero.

``<a> ex:p* ?x`` has ``?x = <a>`` among its solutions whether or not the data mention ``<a>`` (SPARQL 1.1 section
18.4); the engine has it only where they do. Where they don't, it is the only solution, and can be written down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vetgraph.errors import QuerySyntaxError
from vetgraph.isolation import isolated
from vetgraph.syntax import Draft, Edit, Token, in_expressions, partners, tokens

Ask = Callable[[str], bool]
"""Answers an ASK query on the data that a query is put to."""

_OPERATOR: Final = re.compile(r"\*|\?(?![\w$])")
_NO_PATH: Final = re.compile(r"(?:SELECT|DISTINCT|REDUCED|DESCRIBE|[^\w>)])[ \t\r\n]*\Z", re.IGNORECASE)
DEEPEST: Final = 50
"""Parentheses within parentheses that a path is read with; a deeper one is left as it is."""

_FORMS: Final = frozenset(("SELECT", "ASK", "CONSTRUCT", "DESCRIBE"))


def may_be_empty(text: str) -> bool:
    """Return whether a text may hold a path that can have length zero, at first sight."""
    starts = (match.start() for match in _OPERATOR.finditer(text))
    return any(not _NO_PATH.search(text[max(0, start - 12) : start]) for start in starts)


def with_empty_paths(draft: Draft, ask: Ask) -> Draft:
    """Return a draft in which paths of length zero begin and end at any term, known to the data or not.

    Corrected are statements of one path, outside of GRAPH, between a variable and an IRI or a literal, or between two
    equal IRIs.
    """
    found = tokens(draft.text)
    edits = []
    for statement in _statements(found):
        written = _written(statement)
        if written and not _is_known(draft.text, found, statement.constant, ask):
            edits.append(Edit(found[statement.begin].start, found[statement.end - 1].end, written))
    return draft.edited(edits)


@dataclass(frozen=True)
class _Statement:
    """A subject, a path that may have length zero, and an object; the tokens from ``begin`` up to ``end``."""

    begin: int
    end: int
    subject: str
    object: str

    @property
    def constant(self) -> str:
        """The end that is no variable."""
        return self.object if _is_variable(self.subject) else self.subject


def _is_known(text: str, found: Sequence[Token], term: str, ask: Ask) -> bool:
    """Return whether the data that a query sees hold a term as a node; also where the query itself does not parse."""
    try:
        return ask(_question(text, found, term))
    except (SyntaxError, QuerySyntaxError):
        return True


def _is_variable(text: str) -> bool:
    return text[0] in "?$"


def _written(statement: _Statement) -> str:
    """Return what says that the path's ends are equal; '' where the engine is right or nothing can be said."""
    if _is_variable(statement.subject) != _is_variable(statement.object):
        variable = statement.subject if _is_variable(statement.subject) else statement.object
        return f"VALUES {variable} {{ {statement.constant} }}"
    return "{}" if statement.subject == statement.object and not _is_variable(statement.subject) else ""


def _question(text: str, found: Sequence[Token], term: str) -> str:
    """Return the ASK query for whether the data that a query sees hold a term as a node."""
    form = next((token.start for token in found if token.word in _FORMS), 0)
    dataset = []
    for index, token in enumerate(found[:-2]):
        if token.word == "FROM":
            named = found[index + 1].word == "NAMED"
            dataset.append(text[token.start : found[index + 1 + named].end])
    pattern = (
        f"{{ {{ ?s ?p {term} }} UNION {{ {term} ?p ?o }} }}"
        if term[0] not in "\"'0123456789."
        else f"{{ ?s ?p {term} }}"
    )
    return isolated(Draft.of(f"{text[:form]}ASK {' '.join(dataset)} {pattern}")).text


def _statements(found: Sequence[Token]) -> Iterator[_Statement]:
    """Yield the statements of one path that may have length zero, where they stand by themselves."""
    pairs = partners(found)
    marks = in_expressions(found)
    barred = -1  # no statement is looked at before this index: the graph has a name there
    for index, token in enumerate(found[:-3]):
        if token.text == "{" and found[index - 2].word in ("GRAPH", "SERVICE", "SILENT"):
            barred = max(barred, pairs.get(index, index))
        if index > barred and token.text in ("{", ".", "}") and not marks[index + 1]:
            statement = _Reader(found, pairs, index + 1).statement()
            if statement:
                yield statement


class _Reader:
    """Reads one statement: a subject, a path (SPARQL 1.1 section 9.1), an object and what ends it."""

    def __init__(self, found: Sequence[Token], pairs: Mapping[int, int], begin: int) -> None:
        self.found = found
        self.pairs = pairs
        self.begin = self.at = begin
        self.depth = 0

    def statement(self) -> _Statement | None:
        """Return the statement, if it is one and its path may have length zero."""
        subject = self._take()
        if subject is None or subject.kind not in ("variable", "iri", "name") or not self._alternatives():
            return None
        start = self.at
        if not self._object():
            return None
        after = self.found[self.at]
        if after.text not in (".", "}", "{") and (after.kind != "word" or after.text == "a"):
            return None
        written = "".join(token.text for token in self.found[start : self.at])
        return _Statement(self.begin, self.at, subject.text, written)

    def _take(self) -> Token | None:
        """Return the next token and go past it; None at the end, where a closing brace is still to come."""
        if self.at >= len(self.found) - 1:
            return None
        self.at += 1
        return self.found[self.at - 1]

    def _sees(self, *texts: str) -> bool:
        if self.found[self.at].kind == "other" and self.found[self.at].text in texts:
            return self._take() is not None
        return False

    def _alternatives(self) -> bool:
        """Read alternatives; return whether one of them may have length zero."""
        empty = self._sequence()
        while self._sees("|"):
            empty = self._sequence() or empty
        return empty

    def _sequence(self) -> bool:
        empty = self._element()
        while self._sees("/"):
            empty = self._element() and empty
        return empty

    def _element(self) -> bool:
        self._sees("^")
        empty = False
        if self.found[self.at].text == "(" and self.depth == DEEPEST:
            self.at = self.pairs.get(self.at, self.at) + 1
        elif self._sees("("):
            self.depth += 1
            empty = self._alternatives()
            self.depth -= 1
            self._sees(")")
        elif self._sees("!"):
            self._sees("^")
            if self.found[self.at].text == "(":
                self.at = self.pairs.get(self.at, self.at)
            self._take()
        else:
            self._take()
        if self._sees("*", "?"):
            return True
        self._sees("+")
        return empty

    def _object(self) -> bool:
        """Go past an object; return whether it is a variable, an IRI or a literal."""
        token = self._take()
        if token is None:
            return False
        if token.kind == "string" and self.found[self.at].text == "^^":
            self.at += 2
        elif token.kind == "string" and self.found[self.at].kind == "tag":
            self.at += 1
        return token.kind in ("variable", "iri", "name", "string", "number") and self.at < len(self.found)
