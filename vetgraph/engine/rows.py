"""Solutions as rows of terms, and rows as bytes: for answers that the engine's own serialisers can't write.

They are those with columns of our own and those that end at a limit. The fast way is the engine's; content is the same:
SPARQL 1.1 Query Results JSON, Query Results XML (second edition), Query Results CSV and TSV, with triple terms and base
directions as in SPARQL 1.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring as quoted
from typing import Any, Final, Generic, TypeVar
from xml.sax.saxutils import escape

import pyoxigraph as ox

from vetgraph import media
from vetgraph.media import Media
from vetgraph.vocab import XSD

Term = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Row = Sequence[Term | None]
Meta = Callable[[], Mapping[str, Any] | None]
T = TypeVar("T")

CHUNK: Final = 8192
"""Characters that are gathered before they are handed on, about as the engine does."""


@dataclass(frozen=True)
class Rows:
    """A table: the names of its columns, without ``?``, and its rows, which can be read once."""

    names: tuple[str, ...]
    rows: Iterator[Row]


def rows_of(solutions: ox.QuerySolutions) -> Rows:
    """Return the solutions of a query as rows, evaluated as they are read."""
    return Rows(tuple(variable.value for variable in solutions.variables), map(tuple, solutions))


class Limited(Generic[T]):
    """At most so many of some things; afterwards ``cut`` tells whether there would have been more.

    >>> few = Limited("abc", 2)
    >>> list(few), few.cut
    (['a', 'b'], True)
    """

    def __init__(self, things: Iterable[T], most: int) -> None:
        self._things = iter(things)
        self._left = most
        self.cut = False

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self.cut:
            raise StopIteration
        thing = next(self._things)
        if not self._left:
            self.cut = True
            raise StopIteration
        self._left -= 1
        return thing


def _no_meta() -> None:
    return None


def written(table: Rows, kind: Media, meta: Meta = _no_meta) -> Iterator[bytes]:
    """Yield a table in a media type that can carry it. Raises KeyError where it can't.

    ``meta`` is called after the last row; what it gives becomes the member ``meta`` of a JSON document. The other
    formats have no place for it: there, an answer that is not whole has to be cut off.
    """
    return _in_chunks(_WRITERS[kind](table, meta))


def _in_chunks(pieces: Iterable[str]) -> Iterator[bytes]:
    waiting: list[str] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= CHUNK:
            yield "".join(waiting).encode()
            waiting.clear()
            size = 0
    if waiting:
        yield "".join(waiting).encode()


# -- JSON ----------------------------------------------------------------------------------------------------


def _json(table: Rows, meta: Meta) -> Iterator[str]:
    yield f'{{"head":{{"vars":[{",".join(map(quoted, table.names))}]}},"results":{{"bindings":['
    keys = [f"{quoted(name)}:" for name in table.names]
    comma = ""
    for row in table.rows:
        bindings = ",".join(key + _json_term(term) for key, term in zip(keys, row, strict=True) if term is not None)
        yield f"{comma}{{{bindings}}}"
        comma = ","
    told = meta()
    yield f']}},"meta":{json.dumps(told, separators=(",", ":"), ensure_ascii=False)}}}' if told else "]}}"


def _json_term(term: Term) -> str:
    if isinstance(term, ox.NamedNode):
        return f'{{"type":"uri","value":{quoted(term.value)}}}'
    if isinstance(term, ox.Literal):
        return f'{{"type":"literal","value":{quoted(term.value)}{_json_kind(term)}}}'
    if isinstance(term, ox.BlankNode):
        return f'{{"type":"bnode","value":{quoted(term.value)}}}'
    parts = (("subject", term.subject), ("predicate", term.predicate), ("object", term.object))
    return f'{{"type":"triple","value":{{{",".join(f"{quoted(name)}:{_json_term(part)}" for name, part in parts)}}}}}'


def _json_kind(literal: ox.Literal) -> str:
    if literal.language:
        direction = f',"its:dir":"{literal.direction}"' if literal.direction else ""
        return f',"xml:lang":{quoted(literal.language)}{direction}'
    datatype = literal.datatype.value
    return "" if datatype == _STRING else f',"datatype":{quoted(datatype)}'


_STRING: Final = XSD + "string"

# -- XML -----------------------------------------------------------------------------------------------------

_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_BOUNDS: Final = re.compile(r"\A[ \t\n]+|[ \t\n]+\Z|\r")


def _xml(table: Rows, meta: Meta) -> Iterator[str]:
    names = [_xml_text(name, attribute=True) for name in table.names]
    variables = "".join(f'<variable name="{name}"/>' for name in names)
    yield '<?xml version="1.0"?><sparql xmlns="http://www.w3.org/2005/sparql-results#">'
    yield f"<head>{variables}</head><results>"
    for row in table.rows:
        bindings = (
            f'<binding name="{name}">{_xml_term(term)}</binding>'
            for name, term in zip(names, row, strict=True)
            if term is not None
        )
        yield f"<result>{''.join(bindings)}</result>"
    meta()
    yield "</results></sparql>"


def _xml_text(text: str, *, attribute: bool = False) -> str:
    """Return a text for a document; what XML 1.0 has no way to say becomes a replacement character."""
    kept = _NOT_XML.sub("\ufffd", text)
    if attribute:
        return escape(kept, {'"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})
    # Parsers may drop white space at the bounds, and all of them read a return as a line feed.
    return _BOUNDS.sub(lambda match: "".join(f"&#{ord(c)};" for c in match[0]), escape(kept))


def _xml_term(term: Term) -> str:
    if isinstance(term, ox.NamedNode):
        return f"<uri>{_xml_text(term.value)}</uri>"
    if isinstance(term, ox.Literal):
        return f"<literal{_xml_kind(term)}>{_xml_text(term.value)}</literal>"
    if isinstance(term, ox.BlankNode):
        return f"<bnode>{term.value}</bnode>"
    parts = (("subject", term.subject), ("predicate", term.predicate), ("object", term.object))
    return f"<triple>{''.join(f'<{name}>{_xml_term(part)}</{name}>' for name, part in parts)}</triple>"


def _xml_kind(literal: ox.Literal) -> str:
    if literal.language:
        its = 'xmlns:its="http://www.w3.org/2005/11/its" its:version="2.0"'
        direction = f' its:dir="{literal.direction}" {its}' if literal.direction else ""
        return f' xml:lang="{literal.language}"{direction}'
    datatype = literal.datatype.value
    return "" if datatype == _STRING else f' datatype="{_xml_text(datatype, attribute=True)}"'


# -- CSV and TSV ---------------------------------------------------------------------------------------------


def _csv(table: Rows, meta: Meta) -> Iterator[str]:
    yield ",".join(table.names) + "\r\n"
    for row in table.rows:
        yield ",".join("" if term is None else _csv_term(term) for term in row) + "\r\n"
    meta()


def _csv_term(term: Term) -> str:
    if isinstance(term, ox.BlankNode):
        return f"_:{term.value}"
    if isinstance(term, ox.Triple):
        return " ".join(_csv_term(part) for part in (term.subject, term.predicate, term.object))
    text = term.value
    if any(mark in text for mark in '",\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


_BARE: Final = {
    XSD + "boolean": re.compile(r"true|false"),
    XSD + "integer": re.compile(r"[+-]?[0-9]+"),
    XSD + "decimal": re.compile(r"[+-]?[0-9]*\.[0-9]+"),
    XSD + "double": re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+"),
}
"""Datatypes of literals that Turtle knows by their look."""

_TSV_ESCAPES: Final = str.maketrans({"\t": r"\t", "\n": r"\n", "\r": r"\r", '"': r"\"", "\\": r"\\"})


def _tsv(table: Rows, meta: Meta) -> Iterator[str]:
    yield "\t".join(f"?{name}" for name in table.names) + "\n"
    for row in table.rows:
        yield "\t".join("" if term is None else _tsv_term(term) for term in row) + "\n"
    meta()


def _tsv_term(term: Term) -> str:
    if isinstance(term, ox.Literal):
        return _tsv_literal(term)
    if isinstance(term, ox.Triple):
        return f"<<( {_tsv_term(term.subject)} {_tsv_term(term.predicate)} {_tsv_term(term.object)} )>>"
    return f"<{term.value}>" if isinstance(term, ox.NamedNode) else f"_:{term.value}"


def _tsv_literal(literal: ox.Literal) -> str:
    text = f'"{literal.value.translate(_TSV_ESCAPES)}"'
    if literal.language:
        return f"{text}@{literal.language}{f'--{literal.direction}' if literal.direction else ''}"
    datatype = literal.datatype.value
    if datatype == _STRING:
        return text
    look = _BARE.get(datatype)
    return literal.value if look and look.fullmatch(literal.value) else f"{text}^^<{datatype}>"


_WRITERS: Final = {media.RESULTS_JSON: _json, media.RESULTS_XML: _xml, media.CSV: _csv, media.TSV: _tsv}
