"""LOAD of documents that are not fetched: bad syntax is told before the refusal, and SILENT stays silent."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

import pyoxigraph as ox

from vetgraph.errors import NotAllowed, QuerySyntaxError
from vetgraph.isolation import isolated, may_ask
from vetgraph.syntax import Draft, Edit, Token, place, tokens

_NOTHING: Final = "INSERT DATA {}"
_ROOM: Final = " " * 24
_PLACE: Final = re.compile(r"error at (\d+):(\d+)")


def without_loads(draft: Draft, hosts: Collection[str]) -> Draft:
    """Return the draft of an update that fetches nothing but what may be fetched.

    A ``LOAD SILENT`` of anything else does nothing: with SILENT, a failure is a success (SPARQL 1.1 Update section
    3.1.4). Raises QuerySyntaxError and NotAllowed, in this order.
    """
    try:
        return isolated(draft, update=True, hosts=hosts)
    except NotAllowed:
        _check_syntax(draft)
        silent = draft.edited(_silenced(tokens(draft.text), hosts))
        return isolated(silent, update=True, hosts=hosts)


def _check_syntax(draft: Draft) -> None:
    """Raise QuerySyntaxError for a text that does not parse, without any chance that it is evaluated.

    A character that no rule takes stands at its end, so that the engine refuses it in any case: there, if it has no
    fault before. The room in between is more than the engine looks ahead.
    """
    probe = f"{draft.text}\n{_ROOM}\x00"
    try:
        ox.Store().update(probe)
    except SyntaxError as problem:
        found = _PLACE.search(str(problem.msg or problem))
        line, column = (int(found[1]), int(found[2])) if found else (1, 1)
        if (line, column) < place(probe, len(probe) - 1):
            line, column = draft.position(line, column)
            raise QuerySyntaxError(
                f"The update does not parse at line {line}, column {column}.", line=line, column=column
            ) from None


def _silenced(found: Sequence[Token], hosts: Collection[str]) -> list[Edit]:
    """Return the edits by which each ``LOAD SILENT`` of what may not be fetched does nothing."""
    edits = []
    for index, token in enumerate(found):
        words = [each.word or each.kind for each in found[index : index + 6]]
        if words[:2] != ["LOAD", "SILENT"] or words[2:3] not in (["iri"], ["name"]):
            continue
        last = index + 5 if words[3:5] == ["INTO", "GRAPH"] and words[5:6] in (["iri"], ["name"]) else index + 2
        after = found[last + 1].text if last + 1 < len(found) else ";"
        if after == ";" and not may_ask(found[index + 2].text[1:-1], hosts):
            edits.append(Edit(token.start, found[last].end, _NOTHING))
    return edits
