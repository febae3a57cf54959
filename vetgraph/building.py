"""Build a snapshot: parse, validate, reason, write, publish.

A version is written beside the others under a name that nobody reads, then renamed and pointed to;
whoever reads sees the old version or the new one, never half of one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeGuard

import pyoxigraph as ox
from filelock import FileLock, Timeout

from vetgraph import about, queries, reasoning
from vetgraph.errors import ContentError, EngineError
from vetgraph.loading import Content, find_content, names, quads_of
from vetgraph.store import POINTER, Version, current_version, graph_counts
from vetgraph.validation import Report, Severity, Shapes, read, validate_store

KEEP: Final = 3
"""Versions that stay on disk after a build, the new one included."""

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
) -> Version:
    """Build and publish a new version in a store's folder.

    Raises ContentError where a file does not parse or the data violate the shapes (nothing is
    published then), EngineError where another build holds the lock or the disk refuses.
    """
    content = content or find_content()
    progress(STEPS[0], 1, len(STEPS))
    store = assemble(content)
    progress(STEPS[1], 2, len(STEPS))
    reasoning.infer(store)
    store.bulk_extend(about.graph_catalogue(store))
    progress(STEPS[2], 3, len(STEPS))
    _refuse_violations(store, content)
    progress(STEPS[3], 4, len(STEPS))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "lock", timeout=0):
            return _publish(folder, store, content.fingerprint())
    except Timeout:
        raise EngineError(f"Another build is writing to {folder}; wait for it, then run this again.") from None
    except OSError as problem:
        raise EngineError(
            f"The snapshot can't be written to {folder}: {problem.strerror or problem}. "
            "Free space there or set VETGRAPH_STORE to another folder."
        ) from problem


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


def _publish(folder: Path, store: ox.Store, fingerprint: str) -> Version:
    versions = folder / "versions"
    versions.mkdir(exist_ok=True)
    last = current_version(folder)
    number = (last.number if last else 0) + 1
    partial = versions / f"{number}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    disk = ox.Store(str(partial))
    disk.bulk_extend(store)
    disk.flush()
    disk.optimize()
    del disk
    version = Version(number, datetime.now(UTC).replace(microsecond=0), fingerprint, graph_counts(store))
    (versions / f"{number}.json").write_text(version.as_json(), "utf-8")
    shutil.rmtree(versions / str(number), ignore_errors=True)
    partial.rename(versions / str(number))
    _point(folder, number)
    _retire(versions, number)
    return version


def _point(folder: Path, number: int) -> None:
    """Make a version the current one by one atomic rename, flushed to disk."""
    pointer = folder / f"{POINTER}.new"
    with pointer.open("w", encoding="ascii") as stream:
        stream.write(str(number))
        stream.flush()
        os.fsync(stream.fileno())
    pointer.replace(folder / POINTER)


def _retire(versions: Path, newest: int) -> None:
    for path in versions.glob("*.json"):
        number = int(path.stem)
        if number <= newest - KEEP:
            path.unlink()
            shutil.rmtree(versions / str(number), ignore_errors=True)
