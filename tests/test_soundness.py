"""What must never be: queries over all data that must return nothing, and a planted fault for each.

Each ``competency/never/{name}.rq`` starts with the sentence that a row would mean. Beside it lies
``{name}.planted.ttl``, triples for a scratch graph with which the query does return something, or
``{name}.planted.trig`` where the graph matters.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyoxigraph as ox
import pytest

from vetgraph import reasoning
from vetgraph.loading import find_content, quads_of
from vetgraph.store import GraphStore, memory_store
from vetgraph.vocab import GRAPH, shorten

FOLDER = Path(__file__).resolve().parent / "competency" / "never"
QUERIES = {path.stem: path.read_text("utf-8") for path in sorted(FOLDER.glob("*.rq"))}
PLANTED = {path.name.partition(".")[0]: path for path in sorted(FOLDER.glob("*.planted.*"))}
SCRATCH = ox.NamedNode(GRAPH + "planted")


@pytest.fixture(scope="module")
def facts(root: Path) -> GraphStore:
    """All files of the project and what follows from them, in a store that may be changed."""
    store = memory_store(quads_of(find_content(root)))
    reasoning.infer(store.engine)
    return store


def rows(store: GraphStore, text: str) -> list[str]:
    return [
        " ".join(f"?{name}={shorten(term.value)}" for name, term in row.items() if term is not None)
        for row in store.select(text)
    ]


def planted_quads(path: Path) -> Iterator[ox.Quad]:
    graphs = path.suffix == ".trig"
    for quad in ox.parse(path.read_bytes(), format=ox.RdfFormat.TRIG if graphs else ox.RdfFormat.TURTLE):
        yield quad if graphs else ox.Quad(quad.subject, quad.predicate, quad.object, SCRATCH)


@contextmanager
def planted(store: GraphStore, path: Path) -> Iterator[None]:
    """Add a fault for a while; take out afterwards only what was not there before."""
    new = [quad for quad in planted_quads(path) if quad not in store.engine]
    store.engine.extend(new)
    try:
        yield
    finally:
        for quad in new:
            store.engine.remove(quad)


def test_every_query_has_a_sentence_and_a_planted_fault() -> None:
    assert len(QUERIES) >= 100
    assert set(QUERIES) == set(PLANTED)
    sentences = [text.partition("\n")[0] for text in QUERIES.values()]
    assert [line for line in sentences if not (line.startswith("# ") and line.endswith("."))] == []
    assert len(set(sentences)) == len(sentences)


@pytest.mark.parametrize("name", QUERIES)
def test_the_query_is_a_plain_select(name: str) -> None:
    answer = ox.Store().query(QUERIES[name], use_default_graph_as_union=True)
    assert isinstance(answer, ox.QuerySolutions)
    assert "NOT EXISTS" not in QUERIES[name]


@pytest.mark.parametrize("name", QUERIES)
def test_never(name: str, facts: GraphStore) -> None:
    assert rows(facts, QUERIES[name]) == [], QUERIES[name].partition("\n")[0]


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str, facts: GraphStore) -> None:
    before = set(rows(facts, QUERIES[name]))
    with planted(facts, PLANTED[name]):
        assert set(rows(facts, QUERIES[name])) - before
