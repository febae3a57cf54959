"""A validation as a worker's job: what a stranger hands in is parsed and judged where there is an end to it."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final, Protocol

import pyoxigraph as ox

from vetgraph.engine.deltas import Delta
from vetgraph.engine.jobs import QueryJob, ValidateJob
from vetgraph.errors import NotAllowed
from vetgraph.loading import find_content
from vetgraph.validation import Context, Finding, Report, Shapes, read, render, runs_queries, validate
from vetgraph.validation.renderings import FORMS
from vetgraph.validation.terms import Terms
from vetgraph.validation.wording import word

PAGE: Final = "page"
"""The form of a report that has what the page shows, as JSON."""

SHOWN: Final = 1000
"""Findings that the page shows; it says how many more there are."""

MOST_COPIED: Final = 2_000_000
"""Triples of the largest store elsewhere that is copied, to validate in its context."""

_LARGEST: Final = 1 << 40
"""Bytes of a document that are read: it has been measured where it came in."""

_ALL: Final = "SELECT ?g ?s ?p ?o WHERE { GRAPH ?g { ?s ?p ?o } }"


class Asked(Protocol):
    """What answers queries."""

    def query(self, job: QueryJob) -> Any:
        """Return the answer to a query."""


@lru_cache(1)
def own_shapes() -> Shapes:
    """Return the project's shapes, parsed once in a process; those that it forks have them."""
    return Shapes.load_directory(find_content().root)


class Lore:
    """What of the terms that validations go by the data themselves do not say; looked up once, kept up with changes."""

    def __init__(self, terms: Terms, store: ox.Store) -> None:
        self.terms = terms
        self._known = {quad.triple: quad for quad in terms.quads}
        self._lacking = {triple: quad for triple, quad in self._known.items() if not _is_said(store, triple)}

    def follow(self, delta: Delta, store: ox.Store) -> None:
        """Take note of a change that has been made in the store."""
        for quad in delta.added:
            self._lacking.pop(quad.triple, None)
        for quad in delta.removed:
            if quad.triple in self._known and not _is_said(store, quad.triple):
                self._lacking[quad.triple] = self._known[quad.triple]

    @property
    def lacking(self) -> Collection[ox.Quad]:
        """The quads of the terms whose triples no graph has."""
        return self._lacking.values()


def prepared(store: ox.Store) -> Lore:
    """Return what is to be known of a store, and load what validations need, so that who is forked has it.

    An example of each class is judged: what shapes are asked on the way is remembered. Raises ContentError.
    """
    shapes = own_shapes()
    classes = sorted({iri for target in shapes.targets for iri in target.classes})
    examples = "\n".join(f"<urn:example:{number}> a <{iri}> ." for number, iri in enumerate(classes))
    validate(read(examples.encode(), "turtle", "examples"), shapes)
    return Lore(shapes.terms, store)


def _is_said(store: ox.Store, triple: ox.Triple) -> bool:
    """Whether some graph of a store has a triple."""
    return any(True for _ in store.quads_for_pattern(triple.subject, triple.predicate, triple.object, None))


def judged(
    job: ValidateJob, store: ox.Store, *, lore: Lore | None = None, queries: bool = True
) -> tuple[dict[str, Any], bytes]:
    """Return the report on a validation: the head of the answer, and the report in the form asked for.

    The store is this process's own, and is changed; ``lore`` is what is known of it. ``queries`` says whether uploaded
    shapes may run some. Raises what reading, the shapes and ``validate`` raise.
    """
    data, *uploaded = (
        read(body, kind or None, name, limit=_LARGEST, contexts=job.contexts) for kind, name, body in job.documents
    )
    shapes = own_shapes()
    if uploaded:
        asks = runs_queries(uploaded[0])
        if asks and not queries:
            raise NotAllowed(
                "Shapes that run queries are not taken where the store is on another machine: use SHACL Core."
            )
        shapes = shapes.uploaded(uploaded[0], code=asks)
    context = None if job.version is None else Context(store, version=job.version, copy=False)
    if context is not None and lore is not None and lore.terms is shapes.terms:
        context.learn(lore.terms, lore.lacking)
    report = validate(data, shapes, context, language=job.language)
    if job.form == PAGE:
        return {"kind": "report", "media": "application/json"}, json.dumps(_shown(report)).encode()
    return {"kind": "report", "media": FORMS[job.form]}, render(report, job.form, language=job.language)


def judged_elsewhere(job: ValidateJob, source: Asked) -> tuple[dict[str, Any], bytes]:
    """Return the same with the data of a store elsewhere as the context. Raises NotAllowed where they are too many."""
    store = ox.Store()
    if job.version is not None:
        store.bulk_extend(_copied(source))
    return judged(job, store, queries=False)


def _copied(source: Asked) -> Any:
    for number, row in enumerate(source.query(QueryJob(_ALL))):
        if number >= MOST_COPIED:
            raise NotAllowed(
                f"The store behind this service holds more than the {MOST_COPIED} triples that are copied to validate "
                "in their context; validate with context=none."
            )
        yield ox.Quad(row["s"], row["p"], row["o"], row["g"])


def _shown(report: Report) -> dict[str, Any]:
    hidden = len(report.findings) - SHOWN
    return {
        "conforms": report.conforms,
        "findings": [_finding(each) for each in report.findings[:SHOWN]],
        "more": word("more", report.language).replace("{more}", str(hidden)) if hidden > 0 else "",
    }


def _finding(found: Finding) -> dict[str, Any]:
    names = ("property_name", "path", "problem", "advice", "focus_label", "focus_name", "value_text", "rule")
    return {
        "severity": {"value": found.severity.value},
        "position": {"line": found.position.line} if found.position else None,
        **{name: getattr(found, name) for name in names},
    }
