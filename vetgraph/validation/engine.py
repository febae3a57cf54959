"""Judge a change, or everything, and say what was found."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from pyoxigraph import Quad, Store
from pyshacl.pytypes import SHACLExecutor

from vetgraph.errors import BadParameter, EngineError, VetgraphError
from vetgraph.validation import bridge
from vetgraph.validation.affected import Affected, affected
from vetgraph.validation.bridge import Raw, StandardGraph, StoreGraph
from vetgraph.validation.checks import Checks, Scope, missing
from vetgraph.validation.context import Change, Context
from vetgraph.validation.positions import Term
from vetgraph.validation.reading import Submission
from vetgraph.validation.report import Finding, Report, ordered
from vetgraph.validation.shapes import Shapes
from vetgraph.validation.telling import Teller
from vetgraph.validation.terms import Terms
from vetgraph.vocab import GRAPH, LANGUAGES, shorten

_LOG: Final = logging.getLogger(__name__)
_DEEPEST: Final = 60
_NOT_DATA: Final = frozenset(GRAPH + name for name in ("shapes", "queries", "inferred"))
_ALONE: Final[WeakKeyDictionary[Terms, Context]] = WeakKeyDictionary()


def validate(
    submission: Submission | Sequence[Submission],
    shapes: Shapes,
    context: Context | None = None,
    *,
    language: str = "en",
    removes: Iterable[Quad] = (),
) -> Report:
    """Return the report on submitted data in the context of the published data.

    The data judged are the context's with the submission added (and ``removes`` taken away).
    Judged are the things that the submission describes, and those of the context whose shapes
    may read a changed triple: of these only what the change newly breaks is reported. Without a
    context the submission is judged alone, with the ontology and code lists known.

    Raises EngineError where pySHACL gives up.
    """
    submissions = [submission] if isinstance(submission, Submission) else list(submission)
    if context is None and shapes.strict:
        around = Context.of(())
    else:
        around = context if context is not None else _alone(shapes.terms)
        around.learn(shapes.terms)
    adds = [quad for each in submissions for quad in each.quads]
    with around.changed(adds, removes) as change:
        found, judged, unjudged = _judged(change, shapes, submissions, _known(language), in_context=context is not None)
    return Report(
        findings=ordered(found),
        language=_known(language),
        version=context.version if context is not None else None,
        files=tuple(each.name for each in submissions),
        judged=judged,
        unjudged=unjudged,
        in_context=context is not None,
        triples=len(change.adds) + len(change.removes),
        strict=shapes.strict,
    )


def validate_store(
    store: Store,
    shapes: Shapes,
    *,
    version: str | int | None = None,
    language: str = "en",
    positions: Sequence[Submission] = (),
) -> Report:
    """Return the report on everything in a store. ``positions`` are the files behind it."""
    language = _known(language)
    graph = StoreGraph(store)
    quads = tuple(quad for quad in store if getattr(quad.graph_name, "value", "") not in _NOT_DATA)
    teller = Teller(store, shapes, positions, language, missing=missing(store, quads))
    raws = [raw for target in shapes.targets for raw in _evaluate(target.shape, graph, None)]
    found = [teller.tell(raw) for raw in _distinct(raws)]
    checks = Checks(Scope(store, quads, whole=True), teller)
    checks.heed(found)
    found.extend(checks.run())
    subjects = {quad.subject for quad in quads}
    return Report(
        findings=ordered(found),
        language=language,
        version=None if version is None else str(version),
        files=tuple(each.name for each in positions),
        judged=len(subjects),
        triples=len(quads),
    )


def _known(language: str) -> str:
    short = language.partition("-")[0].lower()
    return short if short in LANGUAGES else LANGUAGES[0]


def _alone(terms: Terms) -> Context:
    if terms not in _ALONE:
        _ALONE[terms] = Context.of(())
    return _ALONE[terms]


def _judged(
    change: Change,
    shapes: Shapes,
    submissions: Sequence[Submission],
    language: str,
    *,
    in_context: bool,
) -> tuple[list[Finding], int, int]:
    store, graph = change.context.store, _graph(change, shapes)
    todo = affected(store, shapes, (*change.adds, *change.removes))
    if shapes.strict:
        _add_targets(todo, shapes, whole=not in_context)
    gone = frozenset[Term]() if shapes.strict else missing(store, change.adds)
    teller = Teller(store, shapes, submissions, language, missing=gone, in_context=in_context)
    raws = [raw for shape, terms in todo.direct.items() for raw in _evaluate(shape, graph, terms)]
    later = [raw for shape, terms in todo.touched.items() for raw in _evaluate(shape, graph, terms)]
    raws.extend(_newly(later, change, todo.touched, graph))
    if not shapes.strict:
        raws = _distinct(raws)
    found = [teller.tell(raw) for raw in raws]
    if not shapes.strict:
        checks = Checks(Scope(store, change.adds), teller)
        checks.heed(found)
        found.extend(checks.run())
        found.extend(checks.orphaned(change.removes))
    return found, len(todo.judged), todo.unjudged


def _add_targets(todo: Affected, shapes: Shapes, *, whole: bool) -> None:
    """Have a caller's own shapes judge the nodes that they name, and all targets without a context."""
    if whole:
        todo.touched.clear()
    for target in shapes.targets:
        named: dict[Term, None] = {bridge.to_oxigraph(node): None for node in target.nodes}
        mine = dict.fromkeys(todo.direct.get(target.shape) or ())
        todo.direct[target.shape] = None if whole else list({**mine, **named})
        if target.shape in todo.touched:
            # What is named is judged as such, once.
            todo.touched[target.shape] = [term for term in todo.touched[target.shape] if term not in named]
        todo.judged.update(named)


def _distinct(raws: list[Raw]) -> list[Raw]:
    """Return results without those that a shape yields again when it is reached on two ways."""
    return [same.raw for same in dict.fromkeys(map(_Same, raws))]


class _Same:
    """A raw result, equal to another that says the same thing in the same words."""

    def __init__(self, raw: Raw) -> None:
        self.raw = raw
        bound = raw.bound[3] if isinstance(raw.bound, tuple) and len(raw.bound) > 3 else raw.bound
        facts = tuple(sorted(map(str, bound.items()))) if isinstance(bound, dict) else ()
        self.key = (
            raw.focus,
            raw.value,
            str(raw.path),
            raw.shape,
            raw.component,
            raw.constraint,
            facts,
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def _graph(change: Change, shapes: Shapes) -> StoreGraph:
    return StandardGraph(change.context.store) if shapes.code else change.context.graph


def _newly(later: list[Raw], change: Change, touched: dict[Any, list[Term]], graph: StoreGraph) -> list[Raw]:
    """Return those results about merely touched things that were not there before the change."""
    if not later:
        return []
    failing = {raw.focus for raw in later}
    change.take_out()
    try:
        before = {
            _Same(raw)
            for shape, terms in touched.items()
            for raw in _evaluate(
                shape,
                graph,
                [term for term in terms if bridge.to_rdflib(term) in failing],
            )
        }
    finally:
        change.put_in()
    return [raw for raw in later if _Same(raw) not in before]


def _evaluate(shape: Any, graph: StoreGraph, terms: list[Term] | None) -> list[Raw]:
    """Return the results of one shape at some terms, or at all its targets for None."""
    if terms is not None and not terms:
        return []
    focus = None if terms is None else [bridge.to_rdflib(term) for term in terms]
    executor = SHACLExecutor(max_validation_depth=_DEEPEST)
    try:
        _conforms, results = shape.validate(executor, graph, focus=focus)
        return bridge.raws(results)
    except VetgraphError:
        raise
    except Exception as error:
        # pySHACL and the store raise anything here; whatever it is, the shape or the engine is at
        # fault, not whoever called, and a sentence is owed instead of a traceback.
        name = shorten(str(shape.node))
        why = f"The shape {name} can't be evaluated: {_said(error)}."
        if isinstance(graph, StandardGraph):
            # A query that SHACL does not allow (section 5.2.1), or that does not parse.
            raise BadParameter(why, parameter="shapes") from error
        _LOG.exception("pySHACL gave up on %s", shape.node)
        raise EngineError(why, shape=name) from error


def _said(error: Exception) -> str:
    text = str(getattr(error, "message", "") or error)
    return (text.splitlines() or [type(error).__name__])[0].rstrip(".")


__all__ = ["validate", "validate_store"]
