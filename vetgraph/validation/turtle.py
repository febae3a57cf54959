"""Where each term of a Turtle, TriG, N-Triples or N-Quads text stands.

A tokenizer and a parser of our own that keep offsets. They never decide what the text *says*
(pyoxigraph does): what they find is compared with the parser's quads, one by one, and thrown
away where the two disagree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from urllib.parse import urljoin

from vetgraph.vocab import RDF, XSD

_WORD: Final = r"\w\u00b7\u0300-\u036f\u200c\u200d\u203f\u2040\U00010000-\U000effff"
_ESCAPE: Final = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_LOCAL: Final = rf"(?:[{_WORD}:]|{_ESCAPE})(?:(?:[{_WORD}.:\-]|{_ESCAPE})*(?:[{_WORD}:\-]|{_ESCAPE}))?"
_NAME: Final = rf"[{_WORD}](?:[{_WORD}.\-]*[{_WORD}\-])?"
_TOKEN: Final = re.compile(
    "|".join(
        (
            r"(?P<space>[\x20\t\r\n]+|\#[^\r\n]*)",
            r"(?P<beyond><<|>>|\{\||\|\})",
            r"(?P<iri><(?:[^\x00-\x20<>\"{}|^`\\]|\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8})*>)",
            r'(?P<long>"""(?:"{0,2}(?:[^"\\]|\\.))*"""|' + r"'''(?:'{0,2}(?:[^'\\]|\\.))*''')",
            r"(?P<string>\"(?:[^\"\\\r\n]|\\.)*\"|'(?:[^'\\\r\n]|\\.)*')",
            r"(?P<double>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)[eE][+-]?[0-9]+)",
            r"(?P<decimal>[+-]?[0-9]*\.[0-9]+)",
            r"(?P<integer>[+-]?[0-9]+)",
            r"(?P<at>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)",
            r"(?P<datatype>\^\^)",
            rf"(?P<blank>_:{_NAME})",
            rf"(?P<prefixed>(?:{_NAME})?:(?:{_LOCAL})?)",
            r"(?P<word>[A-Za-z]+)",
            r"(?P<mark>[\[\](){};,.])",
        )
    ),
    re.DOTALL,
)
_UNESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_SHORT: Final = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


class Beyond(Exception):
    """The text has something that this tokenizer does not follow."""


class Token(NamedTuple):
    """A token with its span in code points."""

    kind: str
    text: str
    start: int
    end: int


class Term(NamedTuple):
    """A term as the text writes it: kind (iri, blank, literal), value, datatype or language."""

    kind: str
    value: str
    datatype: str = ""
    language: str = ""


class Placed(NamedTuple):
    """A term with its span in code points."""

    term: Term
    start: int
    end: int


class Statement(NamedTuple):
    """A triple with the places of its three terms."""

    subject: Placed
    predicate: Placed
    object: Placed


def tokens(text: str) -> Iterator[Token]:
    """Yield the tokens of a text without blanks and comments. Raises Beyond."""
    at, end = 0, len(text)
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Beyond
        if match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], at, match.end())
        at = match.end()


def mentions_triple_terms(text: str) -> int | None:
    """Return the offset of the first RDF 1.2 triple term or annotation, or None."""
    try:
        for token in tokens(text):
            if token.kind == "beyond":
                return token.start
    except Beyond:
        pass
    return None


def statements(text: str, base: str, *, quads: bool = False) -> list[Statement]:
    """Return the triples of a text in the order in which pyoxigraph emits them. Raises Beyond."""
    reader = _Reader(list(tokens(text)), base, quads)
    reader.document()
    return reader.found


@dataclass(slots=True)
class _Frame:
    """What is being read: a statement, a ``[ … ]`` or a ``( … )``."""

    kind: str
    subject: Placed | None = None
    predicate: Placed | None = None
    node: Placed | None = None
    expects: str = "subject"
    first: bool = True


@dataclass(slots=True)
class _Reader:
    tokens: list[Token]
    base: str
    quads: bool
    found: list[Statement] = field(default_factory=list)
    _batch: list[Statement] = field(default_factory=list)
    _prefixes: dict[str, str] = field(default_factory=dict)
    _at: int = 0
    _anonymous: int = 0
    _stack: list[_Frame] = field(default_factory=list)
    _in_graph: bool = False
    _held: bool = False

    def document(self) -> None:
        """Read everything."""
        while self._at < len(self.tokens):
            if not self._stack:
                if self._directive() or self._graph_mark():
                    continue
                self._stack.append(_Frame("statement"))
            self._held = False
            self._step()
            if not self._held:
                self._flush()
        self._flush()
        if self._stack or self._in_graph:
            raise Beyond

    def _flush(self) -> None:
        # pyoxigraph hands out the triples of one token last first.
        self.found.extend(reversed(self._batch))
        self._batch.clear()

    def _peek(self, ahead: int = 0) -> Token:
        if self._at + ahead >= len(self.tokens):
            raise Beyond
        return self.tokens[self._at + ahead]

    def _next(self) -> Token:
        token = self._peek()
        self._at += 1
        return token

    def _directive(self) -> bool:
        token = self._peek()
        name = token.text.lower()
        sparql = token.kind == "word" and name in {"prefix", "base", "version"}
        if not sparql and not (token.kind == "at" and name in {"@prefix", "@base", "@version"}):
            return False
        self._next()
        if name.endswith("prefix"):
            prefix = self._next().text[:-1]
            self._prefixes[prefix] = self._iri(self._next())
        elif name.endswith("base"):
            self.base = self._iri(self._next())
        else:
            self._next()
        if not sparql and self._next().text != ".":
            raise Beyond
        return True

    def _graph_mark(self) -> bool:
        token = self._peek()
        if token.text == "}" and self._in_graph:
            self._in_graph = False
            self._next()
            return True
        if self._in_graph:
            return False
        if token.text == "{" and token.kind == "mark":
            self._at += 1
        elif token.kind == "word" and token.text.lower() == "graph":
            self._at += 1
            self._skip_graph_name()
            if self._next().text != "{":
                raise Beyond
        elif self._names_a_graph():
            self._skip_graph_name()
            self._at += 1
        else:
            return False
        self._in_graph = True
        return True

    def _names_a_graph(self) -> bool:
        if self._peek().text == "[":
            return self._at + 2 < len(self.tokens) and self._peek(1).text == "]" and self._peek(2).text == "{"
        return self._at + 1 < len(self.tokens) and self._peek(1).text == "{"

    def _skip_graph_name(self) -> None:
        self._at += 2 if self._peek().text == "[" else 1

    def _step(self) -> None:
        frame = self._stack[-1]
        if frame.kind == "list":
            self._list_step(frame)
        elif frame.expects == "subject":
            self._subject(frame)
        elif frame.expects == "predicate":
            self._predicate(frame)
        elif frame.expects == "object":
            self._term(frame)
        else:
            self._after_object(frame)

    def _subject(self, frame: _Frame) -> None:
        token = self._peek()
        frame.expects = "predicate"
        if token.text == "[" and token.kind == "mark":
            self._open_brackets(frame)
        elif token.text == "(":
            self._open_list(frame)
        else:
            frame.subject = self._placed(literal=False)

    def _predicate(self, frame: _Frame) -> None:
        token = self._peek()
        if token.text in {"]", ".", "}"} and token.kind == "mark" and (frame.node or frame.subject):
            self._close(frame)
            return
        if token.text == ";":
            self._next()
            return
        if token.kind == "word" and token.text == "a":
            self._next()
            frame.predicate = Placed(Term("iri", RDF + "type"), token.start, token.end)
        else:
            frame.predicate = self._placed(literal=False)
        frame.expects = "object"

    def _after_object(self, frame: _Frame) -> None:
        token = self._peek()
        if self.quads and frame.kind == "statement" and token.text != ".":
            self._placed(literal=False)
            return
        if token.text == ",":
            self._next()
            frame.expects = "object"
        elif token.text == ";":
            self._next()
            frame.expects = "predicate"
        else:
            self._close(frame)

    def _close(self, frame: _Frame) -> None:
        token = self._peek()
        if frame.kind == "brackets":
            if token.text != "]":
                raise Beyond
            self._next()
            self._stack.pop()
            if frame.node is None:
                raise Beyond
            self._deliver(frame.node, begun=True)
        elif token.text == ".":
            self._next()
            self._stack.pop()
        elif token.text == "}" and self._in_graph:
            self._stack.pop()
        else:
            raise Beyond

    def _term(self, frame: _Frame) -> None:
        token = self._peek()
        if token.kind == "mark" and token.text == "[":
            self._open_brackets(frame)
        elif token.kind == "mark" and token.text == "(":
            self._open_list(frame)
        else:
            text = token.kind in {"string", "long"}
            placed = self._placed(literal=True)
            # pyoxigraph hands out a text at its language or datatype, and where it has neither
            # together with the triples of the token that follows.
            self._deliver(placed, text=text, hold=text and placed.end == token.end)

    def _open_brackets(self, frame: _Frame) -> None:
        token = self._next()
        node = self._fresh(token)
        self._before_item(frame, token)
        self._flush()
        if self._peek().text == "]":
            self._next()
            self._deliver(node, begun=True)
            return
        self._stack.append(_Frame("brackets", subject=node, node=node, expects="predicate"))

    def _open_list(self, frame: _Frame) -> None:
        token = self._next()
        self._before_item(frame, token)
        self._flush()
        if self._peek().text == ")":
            self._next()
            self._deliver(Placed(Term("iri", RDF + "nil"), token.start, token.end), begun=True)
            return
        self._stack.append(_Frame("list", node=Placed(Term("list", ""), token.start, token.end)))

    def _list_step(self, frame: _Frame) -> None:
        token = self._peek()
        if token.text != ")" or token.kind != "mark":
            self._term(frame)
            return
        self._next()
        self._stack.pop()
        head, last = frame.node, frame.subject
        if head is None or last is None:
            raise Beyond
        nil = Placed(Term("iri", RDF + "nil"), token.start, token.end)
        self._batch.append(Statement(last, _link("rest", last), nil))
        outer = self._stack[-1]
        if outer.subject is None and outer.kind == "statement":
            outer.subject = head

    def _before_item(self, frame: _Frame, token: Token) -> None:
        """In a list, make the cell that will hold the item that starts at a token."""
        if frame.kind != "list":
            return
        cell = self._fresh(token)
        if frame.first:
            frame.first = False
            start = frame.node.start if frame.node else token.start
            frame.node = Placed(cell.term, start, start + 1)
            self._hand_over(frame)
            frame.subject = frame.node
            return
        if frame.subject is None:
            raise Beyond
        self._batch.append(Statement(frame.subject, _link("rest", frame.subject), cell))
        frame.subject = cell

    def _hand_over(self, frame: _Frame) -> None:
        """Give the first cell of a list to whatever the list stands in."""
        if frame.node is None:
            raise Beyond
        outer = self._stack[-2]
        if outer.kind == "list":
            if outer.subject is None:
                raise Beyond
            self._batch.append(Statement(outer.subject, _link("first", frame.node), frame.node))
        elif outer.expects == "object":
            self._say(outer, frame.node)

    def _deliver(self, placed: Placed, *, begun: bool = False, text: bool = False, hold: bool = False) -> None:
        """A term is complete: put it where the frame on top wants it."""
        frame = self._stack[-1]
        if frame.kind == "list":
            if not begun:
                self._before_item(frame, Token("", "", placed.start, placed.end))
            if text:
                self._flush()
            if frame.subject is None:
                raise Beyond
            self._batch.append(Statement(frame.subject, _link("first", placed), placed))
        elif frame.subject is None:
            frame.subject = placed
        else:
            self._say(frame, placed)
        self._held = hold

    def _say(self, frame: _Frame, placed: Placed) -> None:
        if frame.subject is None or frame.predicate is None:
            raise Beyond
        self._batch.append(Statement(frame.subject, frame.predicate, placed))
        frame.expects = "end"

    def _fresh(self, token: Token) -> Placed:
        self._anonymous += 1
        # A blank cannot begin a written label, so these never meet one.
        return Placed(Term("blank", f" {self._anonymous}"), token.start, token.end)

    def _placed(self, *, literal: bool) -> Placed:
        token = self._next()
        if token.kind in {"iri", "prefixed"}:
            return Placed(Term("iri", self._iri(token)), token.start, token.end)
        if token.kind == "blank":
            return Placed(Term("blank", token.text[2:]), token.start, token.end)
        if not literal:
            raise Beyond
        if token.kind in {"integer", "decimal", "double"}:
            term = Term("literal", token.text, XSD + token.kind)
            return Placed(term, token.start, token.end)
        if token.kind == "word" and token.text in {"true", "false"}:
            return Placed(Term("literal", token.text, XSD + "boolean"), token.start, token.end)
        if token.kind in {"string", "long"}:
            return self._string(token)
        raise Beyond

    def _string(self, token: Token) -> Placed:
        quote = 3 if token.kind == "long" else 1
        value = _unescape(token.text[quote:-quote])
        follows = self.tokens[self._at] if self._at < len(self.tokens) else None
        if follows and follows.kind == "at" and follows.start == token.end:
            self._next()
            return Placed(
                Term("literal", value, RDF + "langString", follows.text[1:].lower()),
                token.start,
                follows.end,
            )
        if follows and follows.kind == "datatype":
            self._next()
            datatype = self._next()
            return Placed(Term("literal", value, self._iri(datatype)), token.start, datatype.end)
        return Placed(Term("literal", value, XSD + "string"), token.start, token.end)

    def _iri(self, token: Token) -> str:
        if token.kind == "iri":
            return _resolve(self.base, _unescape(token.text[1:-1]))
        if token.kind != "prefixed":
            raise Beyond
        prefix, _, local = token.text.partition(":")
        if prefix not in self._prefixes:
            raise Beyond
        return self._prefixes[prefix] + re.sub(r"\\(.)", r"\1", local)


def _link(name: str, near: Placed) -> Placed:
    return Placed(Term("iri", RDF + name), near.start, near.end)


def _resolve(base: str, reference: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.\-]*:", reference):
        return reference
    return urljoin(base, reference)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _UNESCAPE.sub(
        lambda match: chr(int(match[1] or match[2], 16)) if match[1] or match[2] else _SHORT.get(match[3], match[3]),
        text,
    )
