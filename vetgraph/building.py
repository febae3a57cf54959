"""Build a snapshot: parse, validate, reason, and have the writer publish it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeGuard

import pyoxigraph as ox

from vetgraph import queries, reasoning
from vetgraph.changes import index_of
from vetgraph.dataset.graphs import graph_catalogue
from vetgraph.engine.retention import KEEP
from vetgraph.engine.writer import WAIT, Delta, Intent, Writer
from vetgraph.errors import ContentError
from vetgraph.loading import Content, find_content, names, quads_of
from vetgraph.validation import Report, Severity, Shapes, read, validate_store
from vetgraph.versions import Version

Progress = Callable[[str, int, int], None]
"""Called with what is being done, the step's number and the number of steps."""

STEPS: Final = ("reading files", "reasoning", "validating", "writing the snapshot")


def silent(_what: str, _step: int, _steps: int) -> None:
    """Show no progress."""


def assemble(content: Content) -> ox.Store:
    """Return all quads of the project, saved queries included, in a store in memory.

    Raises ContentError where a file does not parse.
    """
    store = ox.Store()
    store.bulk_extend(quads_of(content))
    store.bulk_extend(queries.as_quads(queries.read_catalogue(content.root)))
    return store


def check_content(store: ox.Store, content: Content) -> Report:
    """Return the report of the project's shapes over the project's data.

    Where something is wrong, the files that speak of it are read a second time, so that each finding
    knows its file and line.
    """
    shapes = Shapes.load_directory(content.root)
    report = validate_store(store, shapes)
    if report.conforms:
        return report
    wrong = {f.focus for f in report.findings if f.severity is Severity.VIOLATION}
    about = [path for _, path in content.files if any(names(path, node) for node in wrong if is_node(node))]
    places = [read(path.read_bytes(), "ttl", content.name(path)) for path in about]
    return validate_store(store, shapes, positions=places)


def is_node(term: object) -> TypeGuard[ox.NamedNode | ox.BlankNode]:
    """Return whether a term is an IRI or a blank node."""
    return isinstance(term, ox.NamedNode | ox.BlankNode)


def build(
    folder: Path,
    content: Content | None = None,
    progress: Progress = silent,
    *,
    wait: float = WAIT,
    keep: int = KEEP,
) -> Version:
    """Build and publish a new version in a store's folder, in place of whatever is there.

    Raises ContentError where a file does not parse or the data violate the shapes, StoreBusy where another process
    writes for longer than ``wait`` seconds, DiskFull where the disk refuses; nothing is published then. ``keep`` is
    the number of versions that stay.
    """
    content = content or find_content()
    progress(STEPS[0], 1, len(STEPS))
    store = assemble(content)
    progress(STEPS[1], 2, len(STEPS))
    reasoning.infer(store)
    store.bulk_extend(graph_catalogue(store))
    progress(STEPS[2], 3, len(STEPS))
    _refuse_violations(store, content)
    progress(STEPS[3], 4, len(STEPS))
    with Writer.open(folder, wait=wait, doing="build", keep=keep) as writer:
        version = writer.replace(store, Intent("build", "command line"), fingerprint=content.fingerprint())
    # Who builds compares the version with the one before, so that no reader has to wait for it.
    index_of(folder).note()
    return version


def begin(folder: Path) -> Version:
    """Publish an empty first version in a store's folder. Raises StoreBusy and DiskFull."""
    with Writer.open(folder, doing="begin") as writer:
        return writer.commit(Delta(), Intent("build", "command line", "an empty store"))


def _refuse_violations(store: ox.Store, content: Content) -> None:
    report = check_content(store, content)
    if report.conforms:
        return
    first = next(finding for finding in report.findings if finding.severity is Severity.VIOLATION)
    place = first.position
    where = f"{place.file}, line {place.line}, column {place.column}" if place else "data"
    raise ContentError(
        f"The data violate {report.counts['violation']} constraint(s); nothing was published. The first, "
        f"{where}: {first.focus_label}: {first.problem} {first.advice or ''} "
        "Run `vetgraph check` to see all of them.",
        file=place.file if place else None,
        line=place.line if place else None,
        column=place.column if place else None,
    )
