"""Every saved query runs and, where expected rows are kept beside the project, gives just these."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyoxigraph as ox

from vetgraph import media, reasoning, results
from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.errors import VetgraphError
from vetgraph.queries import SavedQuery
from vetgraph.store import GraphStore, memory_store

EXPECTED = Path("tests") / "competency"


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield queries that fail, answer nothing, or answer other than expected."""
    engine = ox.Store()
    engine.bulk_extend(workspace.engine)
    reasoning.infer(engine)
    store = memory_store(engine)
    folder = workspace.content.root / EXPECTED
    for query in workspace.catalogue:
        place = f"queries/{query.name}.rq:1"
        fault = partial(Fault, place, query.name)
        try:
            rows = answer_as_csv(store, query)
        except VetgraphError as error:
            yield fault(error.detail)
            continue
        expected = folder / f"{query.name}.csv"
        if expected.is_file() and expected.read_text("utf-8").splitlines() != rows:
            yield fault(f"answers other rows than {EXPECTED.as_posix()}/{query.name}.csv holds.")
        elif len(rows) < 2 and query.kind != "ASK" and not (expected.is_file() or query.of_a_page):
            yield fault("answers nothing; a saved query that may answer nothing needs its expected rows.")


def answer_as_csv(store: GraphStore, query: SavedQuery) -> list[str]:
    """Return the lines of a query's answer in CSV, required parameters at their examples."""
    values = {p.name: p.example for p in query.parameters if p.required}
    answer = store.query(query.text, bindings=query.bindings(values))
    kind = media.N_TRIPLES if results.kind_of(answer) == "graph" else media.CSV
    return results.write_answer(answer, kind).decode("utf-8").splitlines()
