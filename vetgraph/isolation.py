"""Keep the engine from asking other hosts: no SERVICE and no LOAD in the text that it gets.

The engine has no switch for federation and reads without tokens: it finds the keyword in ``trueSERVICE<…>``, in
``ex:a.b.SERVICE<…>`` and, where a prefix makes no IRI, in ``ex:SERVICE:x``. A filter that looks for the keyword can
therefore be tricked. This module makes the letters go away instead: wherever they stand in the text and are no keyword
(in a string, an IRI, a name, a comment), they are written otherwise with the same meaning. What is left is looked at
once more: the letters may stand in names of variables, where no reading finds a keyword, and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from typing import Final
from urllib.parse import urlsplit

from vetgraph.errors import NotAllowed, QuerySyntaxError
from vetgraph.syntax import Draft, Edit, Token, place, prefixes, tokens

_LETTERS: Final = {word: re.compile(word, re.IGNORECASE | re.ASCII) for word in ("service", "load")}
"""Keywords that make the engine ask other hosts. It reads them in any case, and in ASCII only."""

_REFUSALS: Final = {
    "service": "This service asks no other hosts{}: take the SERVICE clause out of the query and ask that endpoint "
    "yourself.",
    "load": "This service fetches no documents from other hosts{}: send the triples with INSERT DATA, or as a document "
    "to /store.",
}
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def isolated(draft: Draft, *, update: bool = False, hosts: Collection[str] = ()) -> Draft:
    """Return the text with which the engine stays at home, however it reads it; mostly the text as it is.

    ``hosts`` may be asked all the same, each ``host`` or ``host:port``; their addresses are for the caller to look at.
    Raises NotAllowed where any other would be, QuerySyntaxError where the text can't be told from one that would.
    Facts of both: line, column.
    """
    lowered = draft.text.lower()
    for word in _LETTERS if update else ("service",):
        if word in lowered:
            draft = _without(draft, word, hosts)
    return draft


def hosts_of(text: str, *, update: bool = False) -> list[str]:
    """Return the IRIs that a text asks by SERVICE or LOAD, in order; an empty one where a variable names it."""
    found = tokens(text)
    words = ("SERVICE", "LOAD") if update else ("SERVICE",)
    return [_target(found, index) for index, token in enumerate(found) if token.word in words]


def _without(draft: Draft, word: str, hosts: Collection[str]) -> Draft:
    draft = draft.edited(_Rewriter(word, draft, hosts).edits())
    _prove(draft, word, hosts)
    return draft


def _prove(draft: Draft, word: str, hosts: Collection[str]) -> None:
    """See to it that the letters stand in names of variables only, and in clauses for hosts that may be asked.

    A name of a variable is safe: after ``?`` or ``$`` the engine takes in all characters of a name at once, as it
    does in a comment, a string or an IRI, and it sees no path's ``?`` before such a character.
    """
    found = tokens(draft.text)
    safe: set[int] = set()
    for index, token in enumerate(found):
        if _LETTERS[word].search(token.text) and (
            _is_variable(draft.text, token) or (token.word == word.upper() and may_ask(_target(found, index), hosts))
        ):
            safe.update(range(token.start, token.end))
    for match in _LETTERS[word].finditer(draft.text):
        if match.start() not in safe:
            line, column = draft.position(*place(draft.text, match.start()))
            raise QuerySyntaxError(
                f"The text can't be read without doubt at line {line}, column {column}: write `{match.group()}` "
                "apart from what stands around it, or an IRI in full.",
                line=line,
                column=column,
            )


def _is_variable(text: str, token: Token) -> bool:
    return token.kind == "variable" and text[token.start - 1 : token.start] != "\\"


def _target(found: Sequence[Token], index: int) -> str:
    """Return the IRI that a SERVICE or LOAD asks; '' where none is written in full."""
    following = [token for token in found[index + 1 : index + 3] if token.word != "SILENT"]
    return following[0].text[1:-1] if following and following[0].kind == "iri" else ""


def may_ask(iri: str, hosts: Collection[str]) -> bool:
    """Return whether an IRI, as written in a text, names one of the hosts that may be asked, by HTTP."""
    try:
        parts = urlsplit(iri)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return False
    allowed = {host.lower() for host in hosts}
    named = {parts.hostname, f"{parts.hostname}:{port}"}
    # An escaped code point would be read by the engine, and not by us.
    return parts.scheme in ("http", "https") and not named.isdisjoint(allowed) and "\\" not in iri


class _Rewriter:
    """Writes the letters of a keyword otherwise wherever they are none."""

    def __init__(self, word: str, draft: Draft, hosts: Collection[str]) -> None:
        self.draft = draft
        self.found = tokens(draft.text, comments=True)
        self.hosts = hosts
        self.word = word
        self.letters = _LETTERS[word]
        lowered = draft.text.lower()
        candidates = (f"{word[:2]}{number}{word[3:]}" for number in count())
        self.others = next(others for others in candidates if others not in lowered)
        self.fresh = next(f"vetgraph{number}x" for number in count() if f"vetgraph{number}x" not in lowered)
        self.namespaces = {name: (end, iri) for end, name, iri in prefixes(self.found)}
        self.declared: dict[str, str] = {}

    def edits(self) -> Iterator[Edit]:
        """Yield the edits. Raises NotAllowed and QuerySyntaxError."""
        for index, token in enumerate(self.found):
            if self.letters.search(token.text):
                yield from self._edits(index, token)

    def _edits(self, index: int, token: Token) -> Iterator[Edit]:
        kind = token.kind
        if kind == "iri" and self.letters.search(token.text.partition(")")[2]):
            raise self._refusal(token)
        if kind in ("string", "iri"):
            yield Edit(token.start, token.end, self._escaped(token.text))
        elif kind == "name":
            yield from self._name(token)
        elif kind in ("comment", "blank"):
            yield Edit(token.start, token.end, self._respelled(token.text))
        elif kind != "variable" and not self._is_allowed(index, token):
            raise self._refusal(token)

    def _is_allowed(self, index: int, token: Token) -> bool:
        significant = [token, *(each for each in self.found[index + 1 :] if each.kind != "comment")]
        return token.word == self.word.upper() and may_ask(_target(significant, 0), self.hosts)

    def _refusal(self, token: Token) -> NotAllowed:
        line, column = self.draft.position(*place(self.draft.text, token.start))
        also = f" but {', '.join(sorted(self.hosts))}" if self.hosts else ""
        return NotAllowed(_REFUSALS[self.word].format(also), line=line, column=column)

    def _escaped(self, text: str) -> str:
        """Return a string or an IRI with one of the letters as a code point (SPARQL 1.1 section 19.2)."""
        return self.letters.sub(lambda match: f"{match[0][:2]}\\u{ord(match[0][2]):04x}{match[0][3:]}", text)

    def _respelled(self, text: str) -> str:
        """Return a comment or a label with the letters as others, which stand nowhere in the text."""
        return self.letters.sub(self.others, text)

    def _name(self, token: Token) -> Iterator[Edit]:
        """Yield the edits for a prefixed name; one with the letters in its local part becomes a prefix of its own."""
        label, _, local = token.text.partition(":")
        if not self.letters.search(local):
            yield Edit(token.start, token.end, f"{self._respelled(label)}:{local}")
            return
        if token.text not in self.declared:
            end, namespace = self._namespace(token, f"{label}:")
            fresh = self.declared[token.text] = f"{self.fresh}{len(self.declared)}:"
            iri = self._escaped(namespace + re.sub(r"\\(.)", r"\1", local))
            yield Edit(end, end, f" PREFIX {fresh} <{iri}>")
        yield Edit(token.start, token.end, f"{self.declared[token.text]} ")

    def _namespace(self, token: Token, label: str) -> tuple[int, str]:
        """Return where a name's prefix is declared, and the namespace."""
        end, namespace = self.namespaces.get(label, (0, ""))
        if end > token.start or not _ABSOLUTE.match(namespace):
            line, column = self.draft.position(*place(self.draft.text, token.start))
            raise QuerySyntaxError(
                f"The prefix {label} at line {line}, column {column} is not declared, or not by a full IRI.",
                line=line,
                column=column,
            )
        return end, namespace
