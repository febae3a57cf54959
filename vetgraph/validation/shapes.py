"""Shapes, parsed once: pySHACL's objects, their targets and what each of them reads."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

import pyoxigraph as ox
from pyshacl.errors import ReportableRuntimeError
from pyshacl.shapes_graph import ShapesGraph
from rdflib import Literal, URIRef
from rdflib.term import Node

from vetgraph.errors import BadParameter, ContentError, NotAllowed
from vetgraph.validation import bridge
from vetgraph.validation.paths import Path, Step, read_path, ways
from vetgraph.validation.positions import stored_forms
from vetgraph.validation.reading import Submission
from vetgraph.validation.report import Texts
from vetgraph.validation.terms import Terms
from vetgraph.vocab import BASE, OWL, RDF, RDFS, SH, XSD, shorten

_TYPE: Final = RDF + "type"
_SUBCLASS: Final = RDFS + "subClassOf"

_DEEPEST: Final = 30
_LARGEST: Final = 10_000


def _sh(name: str) -> URIRef:
    return URIRef(SH + name)


@dataclass(frozen=True)
class ShapeInfo:
    """What a shape says of itself, by language."""

    iri: str | None
    names: Texts
    descriptions: Texts
    messages: Texts
    severity: str
    path: Path | None
    group: str | None = None
    order: float | None = None


@dataclass(frozen=True)
class Target:
    """A shape that finds its own focus nodes, and how."""

    shape: Any
    classes: frozenset[str]
    nodes: frozenset[Node]
    subjects_of: frozenset[str]
    objects_of: frozenset[str]
    asks: bool
    """True where the shape or one of its parts runs a query, so that what it reads is unknown."""


@dataclass(frozen=True)
class Reading:
    """A place in a way from a focus node at which a predicate is read."""

    target: Target
    before: tuple[Step, ...]
    step: Step


@dataclass
class _Collected:
    ways: set[tuple[Step, ...]] = field(default_factory=set)
    asks: bool = False


class Shapes:
    """The shapes that data are judged by, with the ontology they speak of. Immutable.

    ``strict`` ones are a caller's own: they are all that counts, as for any SHACL processor. ``code`` says that queries
    are among these (SHACL-SPARQL): whoever evaluates them does so in a process that has no network and can be killed.
    """

    def __init__(self, quads: Iterable[ox.Quad], terms: Terms, *, strict: bool = False, code: bool = False) -> None:
        self.terms, self.strict, self.code = terms, strict, code
        self.graph = _graph(quads)
        self._sg = ShapesGraph(self.graph)
        known: Iterable[Any] = self._sg.shapes
        self.graph.freeze()
        self._by_node: dict[Node, Any] = {shape.node: shape for shape in known}
        self._refuse_endless()
        self.info: dict[Node, ShapeInfo] = {node: self._describe(node) for node in self._by_node}
        self.targets: tuple[Target, ...] = tuple(self._targets())
        self.readings: dict[str, list[Reading]] = defaultdict(list)
        for target in self.targets:
            for way in self._collect(target.shape.node).ways:
                for index, step in enumerate(way):
                    self.readings[step.predicate].append(Reading(target, way[:index], step))
        self.predicates = frozenset(iri for info in self.info.values() if info.path for iri in info.path.iris)

    @classmethod
    def load(
        cls,
        shapes: Iterable[tuple[str, str]],
        ontology: Iterable[tuple[str, str]] = (),
    ) -> Shapes:
        """Return the shapes of Turtle texts, given as (file name, text).

        Raises ContentError where one does not parse or a shape is malformed.
        """
        terms = Terms(quad for name, text in ontology for quad in _parsed(name, text))
        quads = [quad for name, text in shapes for quad in _parsed(name, text)]
        try:
            return cls(quads, terms)
        except (ReportableRuntimeError, ValueError) as error:
            raise ContentError(f"The shapes are not in order: {_first_line(error)}") from error

    @classmethod
    def load_directory(cls, content: FilePath) -> Shapes:
        """Return the shapes of a content folder: ``shapes/*.ttl`` with ``ontology/**/*.ttl``."""

        def texts(pattern: str) -> Iterator[tuple[str, str]]:
            for path in sorted(content.glob(pattern)):
                yield path.relative_to(content).as_posix(), path.read_text(encoding="utf-8")

        return cls.load(texts("shapes/*.ttl"), texts("ontology/**/*.ttl"))

    def uploaded(self, submission: Submission, *, code: bool = False) -> Shapes:
        """Return a caller's own shapes, with our ontology.

        Scripts, rules and functions are refused, as are patterns that could run for ever, and
        queries but for ``code``. ``owl:imports`` is not followed.

        Raises NotAllowed or BadParameter.
        """
        for quad in submission.quads:
            if not (code and _is_query(quad)):
                _refuse_code(quad, submission)
        try:
            quads = _with_prefixes(submission.quads) if code else submission.quads
            found = Shapes(quads, self.terms, strict=True, code=code)
        except (ReportableRuntimeError, ValueError) as error:
            raise BadParameter(
                f"{submission.name}: the shapes are not in order: {_first_line(error)}",
                parameter="shapes",
            ) from error
        if not found.info:
            raise BadParameter(
                f"{submission.name}: there is no shape in it. Give at least one sh:NodeShape with a target.",
                parameter="shapes",
            )
        return found

    @property
    def shapes(self) -> tuple[ShapeInfo, ...]:
        """What all shapes say of themselves."""
        return tuple(self.info.values())

    def values(self, node: Node, name: str) -> list[Node]:
        """Return the values of a SHACL parameter at a shape; members where it is a list."""
        found: list[Node] = []
        for value in self.graph.objects(node, _sh(name)):
            members = list(self._members(value))
            found.extend(members or [value])
        return found

    def _members(self, node: Node) -> Iterator[Node]:
        for _ in range(10_000):
            first = self.graph.value(node, URIRef(RDF + "first"))
            if first is None:
                return
            yield first
            rest = self.graph.value(node, URIRef(RDF + "rest"))
            if rest is None:
                return
            node = rest

    def texts(self, node: Node, name: str) -> dict[str, str]:
        """Return the texts of a SHACL property at a node by language."""
        return {
            literal.language or "": str(literal)
            for literal in self.graph.objects(node, _sh(name))
            if isinstance(literal, Literal)
        }

    def _describe(self, node: Node) -> ShapeInfo:
        shape = self._by_node[node]
        path = self.graph.value(node, _sh("path"))
        order = self.graph.value(node, _sh("order"))
        group = self.graph.value(node, _sh("group"))
        return ShapeInfo(
            iri=str(node) if isinstance(node, URIRef) else None,
            names=self.texts(node, "name"),
            descriptions=self.texts(node, "description"),
            messages=self.texts(node, "message"),
            severity=str(shape.severity),
            path=read_path(self.graph, path) if path is not None else None,
            group=str(group) if group is not None else None,
            order=float(str(order)) if _is_number(order) else None,
        )

    def _targets(self) -> Iterator[Target]:
        for shape in self._by_node.values():
            if shape.deactivated:
                continue
            classes = {*shape.target_classes(), *shape.implicit_class_targets()}
            if URIRef(OWL + "Class") in self.graph.objects(shape.node, URIRef(_TYPE)):
                classes.add(shape.node)
            target = Target(
                shape,
                frozenset(str(each) for each in classes),
                frozenset(shape.target_nodes()),
                frozenset(str(each) for each in shape.target_subjects_of()),
                frozenset(str(each) for each in shape.target_objects_of()),
                self._collect(shape.node).asks,
            )
            if target.classes or target.nodes or target.subjects_of or target.objects_of:
                yield target

    def _collect(self, node: Node) -> _Collected:
        found = _Collected()
        self._visit(node, (), found, ())
        return found

    def _visit(self, node: Node, before: tuple[Step, ...], found: _Collected, above: tuple[Node, ...]) -> None:
        if node in above or len(above) > 6 or len(found.ways) > 5_000:
            return
        inside = (*above, node)
        if self.code or (node, _sh("sparql"), None) in self.graph:
            found.asks = True
        info = self.info.get(node)
        starts = [before]
        if info and info.path:
            starts = [before + way for way in ways(info.path)]
        for start in starts:
            found.ways.add(start)
            if (node, _sh("class"), None) in self.graph:
                found.ways.add((*start, Step(_TYPE), Step(_SUBCLASS, repeated=True)))
            for part in self._parts(node):
                self._visit(part, start, found, inside)
        for name in ("equals", "disjoint", "lessThan", "lessThanOrEquals"):
            for other in self.graph.objects(node, _sh(name)):
                found.ways.add((*before, Step(str(other))))

    def _refuse_endless(self) -> None:
        """Raise ValueError where shapes contain themselves, or one another far too often.

        SHACL leaves recursion open, and pySHACL goes round a dozen times before it stops.
        """
        sizes: dict[Node, int] = {}

        def size(node: Node, above: tuple[Node, ...]) -> int:
            if node in above or len(above) > _DEEPEST:
                raise ValueError(f"the shape {shorten(str(node))} contains itself, or lies too deep.")
            if node not in sizes:
                sizes[node] = 1 + sum(size(part, (*above, node)) for part in self._parts(node))
            if sizes[node] > _LARGEST:
                raise ValueError(f"the shape {shorten(str(node))} has more than {_LARGEST:,} parts.")
            return sizes[node]

        for node in self._by_node:
            size(node, ())

    def _parts(self, node: Node) -> Iterator[Node]:
        for name in ("property", "node", "not", "qualifiedValueShape"):
            yield from self.graph.objects(node, _sh(name))
        for name in ("and", "or", "xone"):
            yield from self.values(node, name)


def _is_number(node: object) -> bool:
    return isinstance(node, Literal) and re.fullmatch(r"[+-]?\d+(\.\d+)?", str(node)) is not None


def _parsed(name: str, text: str) -> list[ox.Quad]:
    try:
        return list(ox.parse(text.encode(), ox.RdfFormat.TURTLE, base_iri=BASE, rename_blank_nodes=True))
    except SyntaxError as error:
        raise ContentError(
            f"{name}, line {error.lineno}, column {error.offset}: {error.msg}",
            file=name,
            line=error.lineno,
            column=error.offset,
        ) from error


def _graph(quads: Iterable[ox.Quad]) -> bridge.ShapeTriples:
    """Return quads as an rdflib graph, literals in the form in which a store gives them back."""
    quads = list(quads)
    forms = stored_forms(quad.object for quad in quads)
    graph = bridge.ShapeTriples()
    for quad in quads:
        value = quad.object
        # Flags stay as they are written: SHACL takes true for true, and 1 for nothing.
        if quad.predicate.value == SH + "uniqueLang" and isinstance(value, ox.Literal) and value.value != "true":
            continue
        if isinstance(value, ox.Literal) and value.datatype.value != XSD + "boolean":
            value = forms.get(value, value)
        graph.add((bridge.to_rdflib(quad.subject), bridge.to_rdflib(quad.predicate), bridge.to_rdflib(value)))
    return graph


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


# --- what uploaded shapes may not have ------------------------------------------------------------

_CODE: Final = frozenset(
    SH + name
    for name in [
        "sparql",
        "js",
        "target",
        "rule",
        "expression",
        "values",
        "select",
        "ask",
        "construct",
        "update",
        "validator",
        "nodeValidator",
        "propertyValidator",
        "jsFunctionName",
        "jsLibrary",
        "targetValidator",
        "prefixes",
        "filterShape",
        "condition",
    ]
)
_CODE_TYPES: Final = frozenset(
    SH + name
    for name in [
        "SPARQLConstraint",
        "SPARQLTarget",
        "SPARQLTargetType",
        "SPARQLRule",
        "SPARQLFunction",
        "SPARQLConstructExecutable",
        "JSConstraint",
        "JSTarget",
        "JSRule",
        "JSFunction",
        "TripleRule",
        "ConstraintComponent",
        "Function",
        "TargetType",
    ]
)


_QUERIES: Final = frozenset(
    SH + name
    for name in (
        "sparql",
        "select",
        "ask",
        "validator",
        "nodeValidator",
        "propertyValidator",
        "prefixes",
        "SPARQLConstraint",
        "ConstraintComponent",
    )
)
"""What SHACL-SPARQL adds to the core (SHACL sections 5 and 6)."""


def runs_queries(submission: Submission) -> bool:
    """Return whether shapes have queries among them, so that they can't be evaluated just anywhere."""
    return any(_is_query(quad) for quad in submission.quads)


def _is_query(quad: ox.Quad) -> bool:
    kind = quad.object.value if isinstance(quad.object, ox.NamedNode) else ""
    return quad.predicate.value in _QUERIES or (quad.predicate.value == _TYPE and kind in _QUERIES)


def _with_prefixes(quads: Iterable[ox.Quad]) -> list[ox.Quad]:
    """Return quads in which what imports prefixes within the same graph declares them itself.

    SHACL takes ``sh:prefixes/owl:imports*/sh:declare`` (section 5.2.1), pySHACL only ``sh:prefixes/sh:declare``.
    """
    found = list(quads)
    imports = [(quad.subject, quad.object) for quad in found if quad.predicate.value == OWL + "imports"]
    declared = [quad for quad in found if quad.predicate.value == SH + "declare"]
    reached = set(imports)
    for _ in range(_DEEPEST):
        reached |= {(one, other) for one, middle in reached for start, other in imports if start == middle}
    more = [
        ox.Quad(importer, quad.predicate, quad.object, quad.graph_name)
        for importer, imported in reached
        for quad in declared
        if quad.subject == imported and importer != imported
    ]
    return [*found, *more]


def _refuse_code(quad: ox.Quad, submission: Submission) -> None:
    name = quad.predicate.value
    kind = quad.object.value if isinstance(quad.object, ox.NamedNode) else ""
    spot = submission.position(quad.subject, quad.predicate, quad.object)
    where = f"{submission.name}, line {spot.line}" if spot else submission.name
    facts = {"file": submission.name, "line": spot.line if spot else None}
    if name in _CODE or (name == _TYPE and kind in _CODE_TYPES):
        what = shorten(name if name in _CODE else kind)
        raise NotAllowed(
            f"{where}: {what} is not taken in uploaded shapes, because it runs code. Use SHACL Core constraints only.",
            **facts,
        )
    if name == SH + "pattern" and isinstance(quad.object, ox.Literal):
        why = _unsafe_pattern(quad.object.value)
        if why:
            raise NotAllowed(f"{where}: the sh:pattern {why}", **facts)


def _unsafe_pattern(pattern: str) -> str | None:
    """Return why a pattern is refused, or None: repetition inside repetition can take for ever."""
    from re import _parser as parser  # type: ignore[attr-defined]  # the only public parse tree

    if len(pattern) > 1_000:
        return "is longer than 1,000 characters."
    try:
        tree = parser.parse(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is not a regular expression: {error}."
    if _repeats(tree, inside=False, depth=0):
        return "repeats within a repetition or refers back, which can take for ever. Simplify it."
    return None


def _repeats(items: Any, *, inside: bool, depth: int) -> bool:
    """Return whether a pattern's tree repeats within a repetition, or could be slow otherwise."""
    if depth > 50:
        return True
    unbounded = 0
    for operation, argument in items:
        name = str(operation)
        if name.startswith("GROUPREF") or (name == "BRANCH" and inside):
            return True
        many = name in _REPEATS and int(argument[1]) > 20
        unbounded += many
        if many and (inside or unbounded > 3):
            return True
        if any(_repeats(body, inside=inside or many, depth=depth + 1) for body in _bodies(name, argument)):
            return True
    return False


_REPEATS: Final = frozenset({"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"})


def _bodies(name: str, argument: Any) -> list[Any]:
    if name == "BRANCH":
        return list(argument[1])
    if name == "ATOMIC_GROUP":
        return [argument]
    return [argument[-1]] if name in {*_REPEATS, "SUBPATTERN", "ASSERT", "ASSERT_NOT"} else []


__all__ = ["Reading", "ShapeInfo", "Shapes", "Target", "runs_queries"]
