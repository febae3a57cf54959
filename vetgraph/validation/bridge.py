"""pySHACL on a pyoxigraph store: terms, the data graph, and the raw results.

This is the one module that knows pySHACL's insides, and the one place where it is patched:

* ``StoreGraph`` replaces pySHACL's Oxigraph adapter. That one answers ``bool(graph)`` by counting
  the whole store at every violation, reads ``"x"`` as ``"x"^^xsd:string`` (which rdflib holds to
  be another literal, so that ``sh:in`` and ``sh:hasValue`` fail on good data), repeats a triple
  once per named graph, and does not see named graphs in ``in``.
* ``ConstraintComponent.make_v_result`` is replaced for validations on a ``StoreGraph`` only: it
  records facts (:class:`Raw`) instead of building texts and triples, which loses the languages of
  messages, recurses through blank nodes and takes most of the time when there are many results.
* ``Shape.validate`` looks up constraint parameters in a list, 200 comparisons of IRIs at a time:
  it is given a list that answers from a set. The shapes graph, which never changes, remembers its
  answers (:class:`ShapeTriples`). Together they make validation three to four times as fast.
* Literals are made with ``normalize=False`` one by one, so that pySHACL's switch of rdflib's
  global ``NORMALIZE_LITERALS`` isn't needed (it would race between threads).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyoxigraph as ox
import pyshacl.shape
from pyshacl.constraints import ALL_CONSTRAINT_PARAMETERS, CONSTRAINT_PARAMETERS_MAP
from pyshacl.constraints.constraint_component import ConstraintComponent
from pyshacl.graph_abstraction import OxigraphDataGraph
from rdflib import BNode, Graph, Literal, URIRef, Variable
from rdflib.query import Result
from rdflib.term import Node

from vetgraph.vocab import XSD

_STRING: Final = XSD + "string"
_RAW: Final = URIRef("urn:x-vetgraph:raw")

# rdflib logs a traceback for each ill-typed literal; the report says it in words.
logging.getLogger("rdflib.term").setLevel(logging.ERROR)
logging.getLogger("pyshacl").setLevel(logging.CRITICAL)


# The classes that are extended here have signatures that no override could honour: rdflib's and
# pySHACL's contradict each other. What counts is how pySHACL calls them, which tests cover.
_Graph: Any = Graph
_DataGraph: Any = OxigraphDataGraph


@dataclass(frozen=True)
class Raw:
    """One result as pySHACL found it."""

    focus: Node
    value: Node | None
    path: Node | None
    shape: Node
    component: str
    severity: str
    constraint: Node | None
    messages: tuple[Literal, ...]
    bound: Any


def to_rdflib(term: Any) -> URIRef | BNode | Literal:
    """Return a pyoxigraph term as rdflib's, strings folded to plain literals."""
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return BNode(term.value)
    if term.language is not None:
        return Literal(term.value, lang=term.language)
    if term.datatype.value == _STRING:
        return Literal(term.value)
    return Literal(term.value, datatype=URIRef(term.datatype.value), normalize=False)


def to_oxigraph(node: Node) -> ox.NamedNode | ox.BlankNode | ox.Literal:
    """Return an rdflib term as pyoxigraph's."""
    if isinstance(node, URIRef):
        return ox.NamedNode(str(node))
    if isinstance(node, BNode):
        return ox.BlankNode(str(node))
    if not isinstance(node, Literal):
        raise TypeError(f"not an RDF term: {node!r}")
    if node.language:
        return ox.Literal(str(node), language=node.language)
    if node.datatype is None:
        return ox.Literal(str(node))
    return ox.Literal(str(node), datatype=ox.NamedNode(str(node.datatype)))


class ShapeTriples(_Graph):  # type: ignore[misc]  # see _Graph
    """A graph that, once frozen, answers what was asked before from memory."""

    def __init__(self) -> None:
        super().__init__(bind_namespaces="none")
        self._known: dict[Any, tuple[Any, ...]] | None = None

    def freeze(self) -> None:
        """From now on the graph stays as it is."""
        self._known = {}

    def objects(self, subject: Any = None, predicate: Any = None, unique: bool = False) -> Iterator[Any]:
        return self._recalled(
            (subject, predicate), lambda: super(ShapeTriples, self).objects(subject, predicate, unique)
        )

    def predicate_objects(self, subject: Any = None, unique: bool = False) -> Iterator[Any]:
        return self._recalled(subject, lambda: super(ShapeTriples, self).predicate_objects(subject, unique))

    def _recalled(self, key: Any, ask: Callable[[], Iterable[Any]]) -> Iterator[Any]:
        if self._known is None:
            return iter(ask())
        if key not in self._known:
            self._known[key] = tuple(ask())
        return iter(self._known[key])


class _Parameters(list[Any]):
    """A list whose ``in`` doesn't search."""

    def __init__(self, items: Iterable[Any]) -> None:
        super().__init__(items)
        self._set = frozenset(self)

    def __contains__(self, item: object) -> bool:
        return item in self._set


class StoreGraph(_DataGraph):  # type: ignore[misc]  # see _DataGraph
    """The union of all graphs of a store, each triple once, as pySHACL wants to see it."""

    def __init__(self, store: ox.Store) -> None:
        super().__init__(store)
        self.default_union = True

    def __bool__(self) -> bool:
        return True

    def __len__(self, _context: object = None) -> int:
        return len(self.impl)

    def _quads(self, subject: Any, predicate: Any, value: Any) -> Iterator[ox.Quad]:
        if isinstance(subject, Literal) or isinstance(predicate, (BNode, Literal)):
            return
        seen: set[tuple[Any, Any, Any]] = set()
        pattern = [None if term is None else to_oxigraph(term) for term in (subject, predicate, value)]
        for quad in self.impl.quads_for_pattern(*pattern, None):
            key = (quad.subject, quad.predicate, quad.object)
            if key not in seen:
                seen.add(key)
                yield quad

    def triples(self, triple: Any) -> Iterator[Any]:
        for quad in self._quads(*triple):
            yield to_rdflib(quad.subject), to_rdflib(quad.predicate), to_rdflib(quad.object)

    def subject_objects(self, predicate: Any, unique: bool = False) -> Iterator[Any]:
        for quad in self._quads(None, predicate, None):
            yield to_rdflib(quad.subject), to_rdflib(quad.object)

    def subject_predicates(self, object_: Any, unique: bool = False) -> Iterator[Any]:
        for quad in self._quads(None, None, object_):
            yield to_rdflib(quad.subject), to_rdflib(quad.predicate)

    def predicate_objects(self, subject: Any, unique: bool = False) -> Iterator[Any]:
        for quad in self._quads(subject, None, None):
            yield to_rdflib(quad.predicate), to_rdflib(quad.object)

    def subjects(self, predicate: Any, object_: Any, unique: bool = False) -> Iterator[Any]:
        for each in object_ if isinstance(object_, (list, tuple)) else (object_,):
            for quad in self._quads(None, predicate, each):
                yield to_rdflib(quad.subject)

    def objects(self, subject: Any, predicate: Any, unique: bool = False) -> Iterator[Any]:
        for each in subject if isinstance(subject, (list, tuple)) else (subject,):
            for quad in self._quads(each, predicate, None):
                yield to_rdflib(quad.object)

    def __contains__(self, triple: Any) -> bool:
        return next(self._quads(*triple), None) is not None

    def query(self, query_object: Any, *_args: Any, **options: Any) -> Any:
        """Answer a constraint's query over the union, with plain strings plain."""
        found: Any
        bindings = options.get("initBindings") or {}
        found = self.impl.query(
            query_object,
            prefixes={prefix: str(name) for prefix, name in (options.get("initNs") or {}).items()},
            use_default_graph_as_union=True,
            substitutions={ox.Variable(str(name)): to_oxigraph(term) for name, term in bindings.items()},
        )
        if isinstance(found, ox.QueryBoolean):
            answer = Result("ASK")
            answer.askAnswer = bool(found)
            return answer
        rows = Result("SELECT")
        variables = [Variable(variable.value) for variable in found.variables]
        rows.vars = variables
        rows.bindings = [
            {name: to_rdflib(term) for name, term in zip(variables, solution, strict=True) if term is not None}
            for solution in found
        ]
        return rows


class StandardGraph(StoreGraph):
    """The same, with constraints' queries evaluated by rdflib, in the way in which pySHACL binds their variables.

    SHACL binds variables before a query is evaluated (section 5.3.2), also where they are not selected; the store's
    engine can't. Slow, and for shapes of others only: ours are written for the engine.
    """

    def __init__(self, store: ox.Store) -> None:
        super().__init__(store)
        self._copy: Any = None
        self._size = -1

    def query(self, query_object: Any, *args: Any, **options: Any) -> Any:
        if self._copy is None or self._size != len(self.impl):
            self._size = len(self.impl)
            self._copy = Graph(bind_namespaces="none")
            for triple in self.triples((None, None, None)):
                self._copy.add(triple)
        return self._copy.query(query_object, *args, **options)


def raws(results: Iterable[Any]) -> list[Raw]:
    """Return the facts behind the results of ``Shape.validate`` on a ``StoreGraph``.

    What is nested in another result (``sh:detail``) is left out: the outer one says it.
    """
    found: list[Raw] = []
    for _text, node, triples in results:
        found.extend(value for subject, name, value in triples if subject == node and name == _RAW)
    return found


_original: Final = ConstraintComponent.make_v_result


def _record(
    self: Any,
    datagraph: Any,
    focus_node: Any,
    value_node: Any = None,
    result_path: Any = None,
    constraint_component: Any = None,
    source_constraint: Any = None,
    extra_messages: Iterable[Any] | None = None,
    bound_vars: Any = None,
) -> Any:
    if not isinstance(datagraph, StoreGraph):
        return _original(
            self,
            datagraph,
            focus_node,
            value_node,
            result_path,
            constraint_component,
            source_constraint,
            extra_messages,
            bound_vars,
        )
    shape = self.shape
    path = result_path
    if path is None and shape.is_property_shape:
        path = shape.path()
    messages = tuple(extra_messages or ()) or tuple(shape.message)
    fact = Raw(
        focus=focus_node,
        value=value_node,
        path=path,
        shape=shape.node,
        component=str(constraint_component or self.shacl_constraint_component),
        severity=str(shape.severity),
        constraint=source_constraint,
        messages=tuple(message for message in messages if isinstance(message, Literal)),
        bound=bound_vars,
    )
    node = BNode()
    return "", node, [(node, _RAW, fact)]


ConstraintComponent.make_v_result = _record  # type: ignore[method-assign]  # see the module's text
pyshacl.shape.CONSTRAINT_PARAMS = (  # type: ignore[attr-defined]  # filled lazily by pySHACL itself
    _Parameters(ALL_CONSTRAINT_PARAMETERS),
    CONSTRAINT_PARAMETERS_MAP,
)
