"""Where a submitted triple stands in its file: line and column, or nothing when not sure."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urljoin
from xml.parsers import expat

from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, Store, Triple

from vetgraph.validation import turtle
from vetgraph.vocab import BASE, RDF, XSD

Node = NamedNode | BlankNode | Triple
"""A subject. Triple terms are refused on reading; the engine's types have them."""
Term = NamedNode | BlankNode | Literal | Triple

_RDF_TYPE: Final = NamedNode(RDF + "type")


@dataclass(frozen=True, order=True)
class Position:
    """A span of a file, counted from 1 in code points; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Lines:
    """Offsets of a text as lines and columns."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self._starts = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]

    def position(self, start: int, end: int) -> Position:
        """Return the position of a span of offsets."""
        line, column = self._at(start)
        end_line, end_column = self._at(end)
        return Position(self.file, line, column, end_line, end_column)

    def _at(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a line and column, both counted from 1."""
        return self._starts[min(line, len(self._starts)) - 1] + column - 1


@dataclass
class Places:
    """First positions of triples, of predicates at subjects, of subjects and of mentions."""

    triples: dict[tuple[Node, NamedNode, Term], Position] = field(default_factory=dict)
    predicates: dict[tuple[Node, NamedNode], Position] = field(default_factory=dict)
    terms: dict[NamedNode, Position] = field(default_factory=dict)
    subjects: dict[Node, Position] = field(default_factory=dict)
    objects: dict[Term, Position] = field(default_factory=dict)

    def note(
        self,
        triple: tuple[Node, NamedNode, Term],
        subject: Position | None,
        predicate: Position | None,
        value: Position | None,
    ) -> None:
        """Remember where a triple's terms stand, unless an earlier place is known."""
        node, property_, term = triple
        if subject:
            self.subjects.setdefault(node, subject)
        if predicate:
            self.predicates.setdefault((node, property_), predicate)
            self.terms.setdefault(property_, predicate)
        if value:
            self.triples.setdefault(triple, value)
            self.objects.setdefault(term, value)

    def find(self, subject: Node, predicate: NamedNode | None = None, value: Term | None = None) -> Position | None:
        """Return the best place: the triple's object, else the predicate, else the subject."""
        if predicate is not None:
            if value is not None and (found := self.triples.get((subject, predicate, value))):
                return found
            if found := self.predicates.get((subject, predicate)):
                return found
        return self.subjects.get(subject)


def places(text: str, name: str, form: RdfFormat, quads: Sequence[Quad]) -> Places:
    """Return where the triples of a text stand, as far as that is certain."""
    lines = Lines(name, text)
    if form == RdfFormat.JSON_LD:
        found = _in_json(text, lines, quads)
    elif form == RdfFormat.RDF_XML:
        found = _in_xml(text, lines, quads)
    else:
        found = _in_turtle(text, lines, form, quads)
    _add_stored_forms(found)
    return found


def _in_turtle(text: str, lines: Lines, form: RdfFormat, quads: Sequence[Quad]) -> Places:
    try:
        said = turtle.statements(text, BASE, quads=form == RdfFormat.N_QUADS)
    except (turtle.Beyond, ValueError, IndexError, OverflowError):
        return Places()
    if len(said) != len(quads):
        return Places()
    found, blanks = Places(), dict[str, BlankNode]()
    for statement, quad in zip(said, quads, strict=True):
        pairs = zip(statement, (quad.subject, quad.predicate, quad.object), strict=True)
        if not all(_same(placed.term, term, blanks) for placed, term in pairs):
            return Places()
        spots = [lines.position(placed.start, placed.end) for placed in statement]
        found.note((quad.subject, quad.predicate, quad.object), *spots)
    return found


def _same(written: turtle.Term, parsed: object, blanks: dict[str, BlankNode]) -> bool:
    if isinstance(parsed, BlankNode):
        return written.kind == "blank" and blanks.setdefault(written.value, parsed) == parsed
    if isinstance(parsed, NamedNode):
        return written.kind == "iri" and written.value == parsed.value
    if not isinstance(parsed, Literal) or written.kind != "literal":
        return False
    return (
        written.value == parsed.value
        and written.datatype == parsed.datatype.value
        and written.language == (parsed.language or "").lower()
    )


def _add_stored_forms(found: Places) -> None:
    """Literals change their form in the store (``01`` becomes ``1``): know them by both."""
    forms = stored_forms(value for _subject, _predicate, value in found.triples)
    for (subject, predicate, value), position in list(found.triples.items()):
        if value in forms:
            found.triples.setdefault((subject, predicate, forms[value]), position)
            found.objects.setdefault(forms[value], position)


def stored_forms(terms: Iterable[Term]) -> dict[Term, Literal]:
    """Return those literals that the store gives back in another form, with that form."""
    literals = {
        term: None
        for term in terms
        if isinstance(term, Literal) and (term.language or term.datatype.value != XSD + "string")
    }
    store, predicate = Store(), NamedNode("urn:x:p")
    nodes = {NamedNode(f"urn:x:{number}"): literal for number, literal in enumerate(literals)}
    store.extend(Quad(node, predicate, literal) for node, literal in nodes.items())
    forms: dict[Term, Literal] = {}
    for quad in store:
        if isinstance(quad.subject, NamedNode) and isinstance(quad.object, Literal):
            written = nodes[quad.subject]
            if quad.object != written:
                forms[written] = quad.object
    return forms


# --- RDF/XML ------------------------------------------------------------------------------------


@dataclass
class _Element:
    start: int
    node: Node | None = None
    predicate: NamedNode | None = None
    owner: Node | None = None
    text: list[str] = field(default_factory=list)
    plain: bool = True


class _Xml:
    """Striped RDF/XML read with places: node elements and property elements in turn."""

    def __init__(self, lines: Lines, known: set[tuple[Node, NamedNode, Term]]) -> None:
        self.lines, self.known, self.found = lines, known, Places()
        self.subjects = {triple[0] for triple in known}
        self.literals: dict[tuple[Node, NamedNode, str], list[Literal]] = defaultdict(list)
        for subject, predicate, value in known:
            if isinstance(value, Literal):
                self.literals[subject, predicate, value.value].append(value)
        self.stack: list[_Element] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters

    def here(self) -> int:
        return self.lines.offset(self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        at = self.here()
        iri = name.replace(" ", "")
        above = self.stack[-1] if self.stack else None
        if above:
            above.plain = False
        if iri == RDF + "RDF":
            self.stack.append(_Element(at))
        elif above is None or above.predicate is not None or above.node is None:
            self.stack.append(self.node_element(at, iri, attributes, above))
        else:
            element = _Element(at, predicate=NamedNode(iri), owner=above.node)
            self.stack.append(element)
            target = attributes.get(f"{RDF} resource")
            if target is not None and element.owner and element.predicate:
                element.plain = False
                self.note(element.owner, element.predicate, NamedNode(_resolved(target)), element)

    def node_element(self, at: int, iri: str, attributes: dict[str, str], above: _Element | None) -> _Element:
        about, local = attributes.get(f"{RDF} about"), attributes.get(f"{RDF} ID")
        address = about if about is not None else f"#{local}" if local is not None else None
        node = NamedNode(_resolved(address)) if address is not None else None
        element = _Element(at, node=node)
        if node and above and above.owner and above.predicate:
            self.note(above.owner, above.predicate, node, above)
        if node and iri != RDF + "Description":
            self.note(node, _RDF_TYPE, NamedNode(iri), element)
        elif node in self.subjects:
            self.found.subjects.setdefault(node, self.span(element))
        return element

    def end(self, _name: str) -> None:
        element = self.stack.pop()
        if element.plain and element.owner and element.predicate:
            self.text(element.owner, element.predicate, "".join(element.text), element)

    def text(self, owner: Node, predicate: NamedNode, text: str, element: _Element) -> None:
        for value in self.literals.get((owner, predicate, text), ()):
            self.note(owner, predicate, value, element)

    def characters(self, text: str) -> None:
        if self.stack:
            self.stack[-1].text.append(text)

    def span(self, element: _Element) -> Position:
        return self.lines.position(element.start, element.start + 1)

    def note(self, subject: Node, predicate: NamedNode, value: Term, element: _Element) -> None:
        if (subject, predicate, value) in self.known:
            spot = self.span(element)
            self.found.note((subject, predicate, value), spot, spot, spot)


def _resolved(reference: str) -> str:
    return reference if re.match(r"[A-Za-z][\w+.\-]*:", reference) else urljoin(BASE, reference)


def _in_xml(text: str, lines: Lines, quads: Iterable[Quad]) -> Places:
    reader = _Xml(lines, {(quad.subject, quad.predicate, quad.object) for quad in quads})
    try:
        reader.parser.Parse(text, True)
    except (expat.ExpatError, ValueError):
        return Places()
    return reader.found


# --- JSON-LD ------------------------------------------------------------------------------------

_JSON: Final = re.compile(
    r"(?P<space>\s+)|(?P<string>\"(?:[^\"\\]|\\.)*\")|(?P<mark>[{}\[\]:,])|(?P<word>[^\s{}\[\]:,\"]+)"
)


_MOST_COMPARED: Final = 100_000


@dataclass
class _Scalar:
    value: Any
    start: int
    end: int


@dataclass
class _Object:
    members: list[tuple[_Scalar, Any]]


def _json_tree(text: str) -> Any:
    """Return a JSON text as objects, lists and scalars with their places.

    Nesting is capped by the reader of submissions.
    """
    found = [match for match in _JSON.finditer(text) if match.lastgroup != "space"]
    at = 0

    def value() -> Any:
        nonlocal at
        match = found[at]
        at += 1
        if match[0] == "{":
            members = []
            while found[at][0] != "}":
                key = value()
                at += 1
                members.append((key, value()))
                at += found[at][0] == ","
            at += 1
            return _Object(members)
        if match[0] == "[":
            items = []
            while found[at][0] != "]":
                items.append(value())
                at += found[at][0] == ","
            at += 1
            return items
        return _Scalar(json.loads(match[0]), match.start(), match.end())

    return value()


class _Json:
    """The parts of JSON-LD that can be located without doubt: ``@id``, plain keys and values."""

    def __init__(self, text: str, lines: Lines, quads: Sequence[Quad]) -> None:
        self.lines, self.found = lines, Places()
        self.subjects = {quad.subject for quad in quads}
        self.triples: dict[tuple[Node, str], list[Quad]] = defaultdict(list)
        for quad in quads:
            self.triples[quad.subject, quad.predicate.value].append(quad)
        document = json.loads(text)
        context = document.get("@context") if isinstance(document, dict) else None
        parts = context if isinstance(context, list) else [context]
        self.terms: dict[str, str] = {}
        for part in parts:
            for name, meaning in part.items() if isinstance(part, dict) else ():
                address = meaning.get("@id") if isinstance(meaning, dict) else meaning
                self.terms[name] = address if isinstance(address, str) else ""

    def expand(self, name: str, *, key: bool = False) -> str:
        for _ in range(3):
            if key and self.terms.get(name):
                name = self.terms[name]
            prefix, colon, local = name.partition(":")
            if colon and not local.startswith("//") and self.terms.get(prefix):
                name = self.terms[prefix] + local
        if ":" in name:
            return name
        return self.terms.get("@vocab", "") + name if key else urljoin(self.terms.get("@base") or BASE, name)

    def walk(self, item: Any) -> None:
        if isinstance(item, list):
            for each in item:
                self.walk(each)
        if not isinstance(item, _Object):
            return
        own = [value for key, value in item.members if key.value == "@id"]
        if own and isinstance(own[0], _Scalar) and isinstance(own[0].value, str):
            self.node(NamedNode(self.expand(own[0].value)), own[0], item)
        for key, value in item.members:
            if key.value != "@context":
                self.walk(value)

    def node(self, node: NamedNode, token: _Scalar, item: _Object) -> None:
        if node not in self.subjects or len(item.members) < 2:
            return
        subject = self.spot(token)
        self.found.subjects.setdefault(node, subject)
        for key, value in item.members:
            iri = RDF + "type" if key.value == "@type" else self.expand(key.value, key=True)
            quads = self.triples.get((node, iri), [])
            searched = not isinstance(value, list) or len(value) * len(quads) <= _MOST_COMPARED
            for quad in quads:
                spots = self.scalars(value, quad.object, typed=key.value == "@type") if searched else []
                spot = self.spot(spots[0]) if len(spots) == 1 else None
                self.found.note((quad.subject, quad.predicate, quad.object), subject, self.spot(key), spot)

    def scalars(self, value: Any, term: object, *, typed: bool) -> list[_Scalar]:
        """Return the places under a key that can only be a term."""
        if isinstance(value, list):
            return [one for item in value for one in self.scalars(item, term, typed=typed)]
        if isinstance(value, _Object):
            wanted = "@id" if isinstance(term, NamedNode) else "@value"
            inner = [each for key, each in value.members if key.value == wanted]
            return [one for item in inner for one in self.scalars(item, term, typed=False)]
        if isinstance(term, NamedNode) and isinstance(value.value, str):
            meant = self.expand(value.value, key=typed) == term.value
        else:
            said = value.value
            shown = json.dumps(said) if not isinstance(said, str) else said
            meant = isinstance(term, Literal) and term.value == shown
        return [value] if meant else []

    def spot(self, token: _Scalar) -> Position:
        return self.lines.position(token.start, token.end)


def _in_json(text: str, lines: Lines, quads: Sequence[Quad]) -> Places:
    if text.count('"@context"') > 1:
        return Places()  # names may mean one thing here and another there
    try:
        reader = _Json(text, lines, quads)
        reader.walk(_json_tree(text))
    except (ValueError, IndexError, KeyError, AttributeError, TypeError, RecursionError):
        return Places()
    return reader.found
