"""Submitted bytes → a :class:`Submission`: quads, and where each of them stands.

Hostile input ends in a sentence: nothing is fetched, no entity is expanded, and nesting that
would exhaust the parser's stack is refused before the parser sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, Final
from xml.parsers import expat

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple, parse

from vetgraph.errors import TooLarge, UnreadableData, UnsupportedMedia
from vetgraph.validation import turtle
from vetgraph.validation.positions import Lines, Places, Position, Term, places
from vetgraph.vocab import BASE

LIMIT: Final = 10_000_000
"""Most bytes that are read, unless the caller says otherwise."""

DEEPEST: Final = 200
"""Deepest nesting of JSON and XML: far beyond any real document, far below what hurts."""

KINDS: Final[dict[str, RdfFormat]] = {
    "text/turtle": RdfFormat.TURTLE,
    "application/trig": RdfFormat.TRIG,
    "application/n-triples": RdfFormat.N_TRIPLES,
    "application/n-quads": RdfFormat.N_QUADS,
    "application/ld+json": RdfFormat.JSON_LD,
    "application/rdf+xml": RdfFormat.RDF_XML,
}
"""Media types that can be submitted."""

_ALSO: Final[dict[str, RdfFormat]] = {
    "application/x-turtle": RdfFormat.TURTLE,
    "application/json": RdfFormat.JSON_LD,
    "application/xml": RdfFormat.RDF_XML,
    "text/xml": RdfFormat.RDF_XML,
    "ttl": RdfFormat.TURTLE,
    "turtle": RdfFormat.TURTLE,
    "trig": RdfFormat.TRIG,
    "nt": RdfFormat.N_TRIPLES,
    "nq": RdfFormat.N_QUADS,
    "jsonld": RdfFormat.JSON_LD,
    "json": RdfFormat.JSON_LD,
    "rdf": RdfFormat.RDF_XML,
    "xml": RdfFormat.RDF_XML,
    "owl": RdfFormat.RDF_XML,
}


@dataclass(frozen=True)
class Submission:
    """What was handed in: its quads (blank nodes renamed, so that they meet no others)."""

    name: str
    media: str
    text: str = field(repr=False)
    quads: tuple[Quad, ...] = field(repr=False)
    written: tuple[Quad, ...] = field(repr=False, compare=False)
    blank_names: Mapping[str, str] = field(repr=False, compare=False)

    @cached_property
    def places(self) -> Places:
        """Where the triples stand, worked out at the first question."""
        found = places(self.text, self.name, KINDS[self.media], self.written)
        return _renamed(found, {name: fresh for fresh, name in self.blank_names.items()})

    def position(self, subject: Term, predicate: Term | None = None, value: Term | None = None) -> Position | None:
        """Return where a triple's object stands, else its predicate, else its subject, or None."""
        if isinstance(subject, Literal):
            return None
        if not isinstance(predicate, NamedNode):
            return self.places.find(subject)
        return self.places.find(subject, predicate, value)


def read(
    data: bytes,
    kind: str | None = None,
    name: str = "submission",
    *,
    limit: int = LIMIT,
    contexts: Mapping[str, object] | None = None,
) -> Submission:
    """Return what RDF bytes say. Relative IRIs are resolved against the project's base.

    ``kind`` is a media type or a suffix; without it the name's suffix decides. ``contexts``
    gives the JSON-LD contexts that are known here, by address; no other is ever fetched.

    Raises TooLarge, UnsupportedMedia, UnreadableData (with file, line, column and line text).
    """
    if len(data) > limit:
        raise TooLarge(
            f"{name} has {len(data):,} bytes; at most {limit:,} are read. Submit it in parts.",
            limit=limit,
        )
    form = _form(kind, name)
    text = _decoded(data, name)
    _guard(text, form, name)
    source = _with_contexts(text, name, contexts or {}) if form == RdfFormat.JSON_LD else text
    try:
        parsed = tuple(_accepted(parse(source.encode(), form, base_iri=BASE), text, name))
    except SyntaxError as error:
        raise _unreadable(error, text, name) from error
    except (ValueError, OSError) as error:
        raise UnreadableData(f"{name} can't be read: {error}", file=name) from error
    fresh: dict[str, BlankNode] = {}
    quads = tuple(_fresh_blanks(quad, fresh) for quad in parsed)
    names = {node.value: label for label, node in fresh.items()}
    return Submission(name, form.media_type, text, quads, parsed, names)


def read_file(
    path: str | Path,
    *,
    limit: int = LIMIT,
    contexts: Mapping[str, object] | None = None,
) -> Submission:
    """Return what a file says. Raises as :func:`read` does, and UnreadableData without a file."""
    file = Path(path)
    try:
        if file.stat().st_size > limit:
            raise TooLarge(f"{path} is larger than {limit:,} bytes.", limit=limit)
        data = file.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UnreadableData(f"{path} can't be read: {reason}.", file=str(path)) from error
    return read(data, None, str(path), limit=limit, contexts=contexts)


def _form(kind: str | None, name: str) -> RdfFormat:
    wanted = (kind or PurePath(name).suffix).partition(";")[0].strip().lower()
    form = KINDS.get(wanted) or _ALSO.get(wanted.removeprefix("."))
    if form is None:
        raise UnsupportedMedia(
            f"{name}: {wanted or 'no media type'!s} is not one of the formats that are read: {', '.join(KINDS)}.",
            available=tuple(KINDS),
        )
    return form


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise UnreadableData(
            f"{name}, line {line}, column {column}: this is not UTF-8. Save the file as UTF-8.",
            file=name,
            line=line,
            column=column,
        ) from error


def _fail(why: str, text: str, name: str, start: int) -> UnreadableData:
    spot = Lines(name, text).position(start, start)
    return _unreadable_at(why, text, name, spot.line, spot.column)


def _unreadable_at(why: str, text: str, name: str, line: int | None, column: int | None) -> UnreadableData:
    where = f"{name}, line {line}, column {column}" if line else name
    lines = re.split(r"\r\n|\n|\r", text)
    shown = lines[line - 1][:300] if line and line <= len(lines) else None
    return UnreadableData(f"{where}: {why}", file=name, line=line, column=column, text=shown)


def _unreadable(error: SyntaxError, text: str, name: str) -> UnreadableData:
    why = re.sub(r"^(Parser error )?(at|between) line .*?: ", "", error.msg or str(error))
    why = why.removeprefix("Parser error: ").strip()
    if "LoadDocumentCallback" in why:
        at = text.find('"@context"')
        why = (
            "the JSON-LD names a context at another address. Contexts are never fetched: "
            "write the context's content into the document."
        )
        return _fail(why, text, name, max(at, 0))
    sentence = (why[:1].upper() + why[1:] or "This does not parse").rstrip(".") + "."
    return _unreadable_at(sentence, text, name, error.lineno or None, error.offset or None)


# --- guards ---------------------------------------------------------------------------------------

_JSON_NESTING: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]')


def _guard(text: str, form: RdfFormat, name: str) -> None:
    if form == RdfFormat.JSON_LD:
        _guard_json(text, name)
    elif form == RdfFormat.RDF_XML:
        _guard_xml(text, name)
    else:
        _guard_turtle(text, name)


def _guard_turtle(text: str, name: str) -> None:
    at = turtle.mentions_triple_terms(text)
    if at is None and text.count("<<") > DEEPEST:
        # Text that our tokenizer does not follow: the parser's stack must not be trusted with it.
        at = text.find("<<")
    if at is not None:
        raise _fail(_NO_TRIPLE_TERMS, text, name, at)


def _guard_json(text: str, name: str) -> None:
    depth = 0
    for match in _JSON_NESTING.finditer(text):
        depth += {"{": 1, "[": 1, "}": -1, "]": -1}.get(match[0], 0)
        if depth > DEEPEST:
            raise _fail(f"more than {DEEPEST} levels of nesting.", text, name, match.start())


def _guard_xml(text: str, name: str) -> None:
    parser = expat.ParserCreate()
    depth = 0

    def here(why: str) -> UnreadableData:
        return _unreadable_at(why, text, name, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)

    def entity(*_facts: object) -> Any:
        raise here("entities are not accepted in RDF/XML. Write the text or IRI itself.")

    def opened(_tag: str, _attributes: object) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise here(f"more than {DEEPEST} levels of nesting.")

    def closed(_tag: str) -> None:
        nonlocal depth
        depth -= 1

    parser.EntityDeclHandler = entity
    parser.ExternalEntityRefHandler = entity
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        why = expat.ErrorString(error.code)
        sentence = f"this is not well-formed XML: {why}."
        raise _unreadable_at(sentence, text, name, error.lineno, error.offset + 1) from error


_NO_TRIPLE_TERMS: Final = (
    "triple terms and annotations (RDF 1.2) are not accepted. Describe a statement about a statement with a vet:Claim."
)


def _accepted(quads: Any, text: str, name: str) -> Iterator[Quad]:
    for quad in quads:
        if isinstance(quad.object, Triple):
            raise UnreadableData(f"{name}: {_NO_TRIPLE_TERMS}", file=name)
        if isinstance(quad.object, Literal) and getattr(quad.object, "direction", None):
            raise UnreadableData(
                f"{name}: texts with a direction (RDF 1.2) are not accepted: “{quad.object.value[:60]}”.",
                file=name,
            )
        yield quad


def _with_contexts(text: str, name: str, contexts: Mapping[str, object]) -> str:
    """Return JSON-LD text in which the contexts known here stand in place of their addresses."""
    if not any(address in text for address in contexts):
        return text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text

    def put(item: Any) -> Any:
        if isinstance(item, list):
            return [put(each) for each in item]
        if isinstance(item, dict):
            return {key: known(value) if key == "@context" else put(value) for key, value in item.items()}
        return item

    def known(value: Any) -> Any:
        if isinstance(value, list):
            return [known(each) for each in value]
        found = contexts.get(value) if isinstance(value, str) else None
        if isinstance(found, Mapping):
            return found.get("@context", found)
        return value if found is None else found

    return json.dumps(put(document), ensure_ascii=False)


def _fresh_blanks(quad: Quad, fresh: dict[str, BlankNode]) -> Quad:
    def renamed(term: Any) -> Any:
        if isinstance(term, BlankNode):
            return fresh.setdefault(term.value, BlankNode())
        return term

    return Quad(renamed(quad.subject), quad.predicate, renamed(quad.object), renamed(quad.graph_name))


def _renamed(found: Places, fresh: Mapping[str, str]) -> Places:
    def term(old: Any) -> Any:
        return BlankNode(fresh[old.value]) if isinstance(old, BlankNode) else old

    return Places(
        triples={(term(s), p, term(o)): at for (s, p, o), at in found.triples.items()},
        predicates={(term(s), p): at for (s, p), at in found.predicates.items()},
        terms=found.terms,
        subjects={term(node): at for node, at in found.subjects.items()},
        objects={term(node): at for node, at in found.objects.items()},
    )


__all__ = ["KINDS", "LIMIT", "Submission", "read", "read_file"]
