"""A validation as a worker's job: what a stranger hands in is parsed and judged where there is an end to it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final, Protocol

import pyoxigraph as ox

from vetgraph.engine.jobs import QueryJob, ValidateJob
from vetgraph.errors import NotAllowed
from vetgraph.loading import find_content
from vetgraph.validation import Context, Finding, Report, Shapes, read, render, runs_queries, validate
from vetgraph.validation.renderings import FORMS
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


def judged(job: ValidateJob, store: ox.Store, *, private: bool, queries: bool = True) -> tuple[dict[str, Any], bytes]:
    """Return the report on a validation: the head of the answer, and the report in the form asked for.

    ``private`` says that the store is this process's own, in memory, and may be changed; ``queries`` whether uploaded
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
    context = None if job.version is None else Context(store, version=job.version, copy=not private)
    report = validate(data, shapes, context, language=job.language)
    if job.form == PAGE:
        return {"kind": "report", "media": "application/json"}, json.dumps(_shown(report)).encode()
    return {"kind": "report", "media": FORMS[job.form]}, render(report, job.form, language=job.language)


def judged_elsewhere(job: ValidateJob, source: Asked) -> tuple[dict[str, Any], bytes]:
    """Return the same with the data of a store elsewhere as the context. Raises NotAllowed where they are too many."""
    store = ox.Store()
    if job.version is not None:
        store.bulk_extend(_copied(source))
    return judged(job, store, private=True, queries=False)


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
