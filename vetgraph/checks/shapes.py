"""The data conform to the shapes."""

from __future__ import annotations

from collections.abc import Iterator

import pyoxigraph as ox

from vetgraph import reasoning
from vetgraph.building import check_content
from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.validation import Severity


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield violations as faults; warnings and hints are counted in the note."""
    store = ox.Store()
    store.bulk_extend(workspace.engine)
    reasoning.infer(store)
    report = check_content(store, workspace.content)
    counts = report.counts
    workspace.notes["shapes"] = f"{counts['warning']} warnings, {counts['info']} hints"
    for finding in report.findings:
        if finding.severity is Severity.VIOLATION:
            place = finding.position
            where = f"{place.file}:{place.line}" if place else "data"
            yield Fault(where, finding.focus_name, f"{finding.problem} {finding.advice or ''}".strip())
