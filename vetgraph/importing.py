"""A CSV table and its mapping → the Turtle file of a named graph.

Three steps: ``converting`` makes things from rows and collects what is wrong, row by row; :func:`judge`
checks the result against the shapes, in the context of the rest of the content; :func:`publish` puts
the file in place. Nothing is written while anything is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pyoxigraph as ox

from vetgraph import building
from vetgraph.converting import TYPE, Problem, Result, convert
from vetgraph.errors import ContentError
from vetgraph.loading import Content, quads_of
from vetgraph.mapping import read_plan
from vetgraph.validation import Context, Severity, Shapes, read, validate
from vetgraph.vocab import shorten

_SHOWN: Final = 5
"""How many names a summary shows."""


@dataclass(frozen=True)
class Difference:
    """How a new file differs from the one in place."""

    added: int
    removed: int
    new: tuple[str, ...]
    gone: tuple[str, ...]
    changed: tuple[str, ...]


def import_table(mapping: Path, content: Content, table: Path | None = None) -> Result:
    """Return what a table becomes by a mapping, judged by the shapes in the context of the content.

    The table is the one given, else the one that the mapping names, beside it. Raises ContentError
    where the mapping is not in order or the table can't be read.
    """
    plan = read_plan(mapping)
    target = mapping.resolve().parent / plan.target
    others = Content(content.root, tuple(entry for entry in content.files if entry[1].resolve() != target))
    result = convert(plan, table or mapping.parent / plan.csv, _described(others))
    if result.problems:
        return result
    return replace(result, problems=tuple(sorted(judge(result, others), key=lambda problem: problem.line)))


def _described(content: Content) -> frozenset[str]:
    """Return the IRIs of all things that the content describes with a type."""
    return frozenset(
        quad.subject.value
        for quad in quads_of(content)
        if quad.predicate == TYPE and isinstance(quad.subject, ox.NamedNode)
    )


# --- shapes, differences, files ------------------------------------------------------------------


def judge(result: Result, others: Content) -> list[Problem]:
    """Return what the shapes find in a result, row by row, in the context of the other files.

    Links of the other files into this one are judged too, for the result is put among them.
    """
    submission = read(result.as_turtle().encode(), "ttl", result.plan.target)
    context = Context(building.assemble(others), copy=False)
    report = validate(submission, Shapes.load_directory(others.root), context)
    problems = []
    for finding in report.findings:
        if finding.severity is Severity.VIOLATION:
            lines = result.makers.get(getattr(finding.focus, "value", ""), (0,))
            message = f"{finding.focus_name}: {finding.problem} {finding.advice or ''}".strip()
            problems.append(Problem(result.file, lines[0], "", finding.value_text or "", message))
    return problems


def compare(result: Result, target: Path) -> Difference:
    """Return how a result differs from the file in place."""
    old = _triples(target.read_bytes()) if target.is_file() else set()
    new = _triples(result.as_turtle().encode())
    before, after = ({str(triple.subject) for triple in each} for each in (old, new))
    touched = {str(triple.subject) for triple in old ^ new}

    def names(iris: set[str]) -> tuple[str, ...]:
        return tuple(sorted(shorten(iri.strip("<>")) for iri in iris))

    return Difference(
        len(new - old), len(old - new), names(after - before), names(before - after), names(touched & before & after)
    )


def _triples(text: bytes) -> set[ox.Triple]:
    return {quad.triple for quad in ox.parse(text, ox.RdfFormat.TURTLE)}


def publish(result: Result, target: Path) -> None:
    """Put the file in place by one rename: readers see the old one or the new one.

    Raises ContentError where the result has problems or the disk refuses.
    """
    if result.problems:
        raise ContentError(f"{result.file} has {len(result.problems)} problem(s); nothing was written.")
    partial = target.with_name(f".{target.name}.partial")
    try:
        partial.write_text(result.as_turtle(), encoding="utf-8", newline="\n")
        partial.replace(target)
    except OSError as problem:
        partial.unlink(missing_ok=True)
        raise ContentError(f"{target} can't be written: {problem.strerror}.", file=str(target)) from None


def summary(result: Result, difference: Difference) -> str:
    """Return what became of the rows and how the file would change, as lines for people."""
    skipped = sum(result.skipped.values())
    made = result.rows - result.linked - skipped
    lines = [f"{result.file}: {result.rows} rows: {made} made into things, {result.linked} linked, {skipped} skipped"]
    lines += [f"  skipped {count}: {reason}" for reason, count in result.skipped.items()]
    lines += [f"  {count:>5} {name}" for name, count in result.things.items()]
    lines.append(f"{result.plan.target}: {difference.added} triples more, {difference.removed} less")
    for word, names in (("new", difference.new), ("gone", difference.gone), ("changed", difference.changed)):
        if names:
            shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
            lines.append(f"  {word}: {len(names)}: {shown}")
    return "\n".join(lines)
