"""Solutions as a table in plain text, for terminals."""

from __future__ import annotations

import unicodedata

import pyoxigraph as ox

from vetgraph.store import Answer, Term
from vetgraph.vocab import shorten


def as_table(answer: Answer) -> str:
    """Return solutions or a boolean as aligned columns; IRIs in short form."""
    if isinstance(answer, ox.QueryBoolean):
        return "true\n" if answer else "false\n"
    assert isinstance(answer, ox.QuerySolutions)
    head = [variable.value for variable in answer.variables]
    rows = [[_cell(solution[name]) for name in head] for solution in answer]
    widths = [max(map(_width, column)) for column in zip(head, *rows, strict=True)]
    lines = [_line(head, widths), _line(["-" * width for width in widths], widths)]
    lines += [_line(row, widths) for row in rows]
    lines.append(f"({len(rows)} row{'' if len(rows) == 1 else 's'})")
    return "\n".join(lines) + "\n"


def _cell(term: Term | None) -> str:
    if term is None:
        return ""
    return " ".join((shorten(term.value) if isinstance(term, ox.NamedNode) else term.value).split())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _line(cells: list[str], widths: list[int]) -> str:
    padded = (cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()
