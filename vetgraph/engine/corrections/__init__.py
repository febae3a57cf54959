"""What is put right around the engine: a query or an update as sent in → the text that the engine gets.

Each correction is a step from one draft of the text to the next, sound by SPARQL's tokens, and looked at only where a
cheap search says that it may apply: most texts go through untouched. The last step is isolation: whatever else
happens, the engine is given no text that makes it ask another host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

from vetgraph.engine.corrections import expressions, graphs, lexical, loads, paths, refusals
from vetgraph.engine.functions import check_functions
from vetgraph.isolation import isolated
from vetgraph.syntax import Draft

Step = Callable[[Draft], Draft]

_AGGREGATES: Final = tuple(refusals.AGGREGATES)
_NAMED: Final = re.compile(r"\bas\s*[?$]")
_GRAPH: Final = re.compile(r"graph\s*(?:#[^\n\r]*+\s*+)*+[?$]")
_LATER_PROLOGUE: Final = re.compile(r";\s*(?:#[^\n\r]*+\s*+)*+prefix\b")


def corrected(text: str, *, update: bool = False, hosts: Collection[str] = (), ask: paths.Ask | None = None) -> Draft:
    """Return the draft whose text the engine is to get; its ``relocated`` tells a syntax error of the original.

    ``hosts`` may be asked by SERVICE and LOAD (see ``isolation``). With ``ask``, which answers an ASK query on the data
    that the query is put to, paths of length zero are put right as well. Raises QuerySyntaxError for what the engine
    would wrongly take, UnsupportedQuery for functions that it lacks, NotAllowed where another host would be asked.
    """
    draft = Draft.of(text)
    lowered = text.lower()
    called = _called(text)
    if any(":" in name or name[-1] == ">" for name in called):
        check_functions(text)
    for step in _steps(text, lowered, called):
        draft = step(draft)
    if update and _LATER_PROLOGUE.search(lowered):
        draft = lexical.with_one_prologue(draft)
    if ask is not None and paths.may_be_empty(text):
        draft = paths.with_empty_paths(draft, ask)
    return loads.without_loads(draft, hosts) if update else isolated(draft, hosts=hosts)


def corrected_query(text: str) -> str:
    """Return the text of a query for the engine; see :func:`corrected`."""
    return corrected(text).text


def corrected_update(text: str) -> str:
    """Return the text of an update for the engine; see :func:`corrected`."""
    return corrected(text, update=True).text


def _called(text: str) -> list[str]:
    """Return what stands before each opening parenthesis, at first sight, in upper case."""
    before = (part[-99:].split()[-1:] for part in text.split("(")[:-1])
    return [words[0].upper() for words in before if words]


def _steps(text: str, lowered: str, called: Sequence[str]) -> list[Step]:
    """Return the steps that may apply to a text, by what it is bound to hold if they do."""
    steps: list[Step] = []
    if lexical.DOUBTFUL_IRI.search(text) or lexical.DOTTED_NAME.search(text):
        steps.append(lexical.without_doubt)
    if any(lowered.count(word) != text.count(word) for word in lexical.BOOLEANS):
        steps.append(lexical.with_plain_booleans)
    if "<<(" in text:
        steps.append(refusals.refuse_triple_terms)
    if called:
        steps += _steps_for_calls(text, lowered, called)
    if _GRAPH.search(lowered) and any(word in lowered for word in graphs.WORDS):
        steps.append(graphs.with_graph_names)
    return steps


def _steps_for_calls(text: str, lowered: str, called: Sequence[str]) -> list[Step]:
    """Return the steps that may apply to a text with parentheses."""
    steps: list[Step] = []
    aggregates = sum(name.endswith(_AGGREGATES) for name in called)
    if aggregates > 1:
        steps.append(refusals.refuse_nested_aggregates)
    if aggregates and len(_NAMED.findall(lowered)) > 1:
        steps.append(expressions.with_reused_names)
    if "group_concat" in lowered:
        steps.append(expressions.with_plain_concatenations)
    if "!=" in text and "^^" in text and ("date" in lowered or "time" in lowered):
        steps.append(expressions.with_doubtful_dates)
    if "bnode" in lowered:
        steps.append(expressions.with_blank_nodes_by_row)
    return steps
