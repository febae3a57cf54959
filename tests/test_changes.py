"""What changed in which version: how far a change reaches, what two versions differ by, an index that can be lost."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyoxigraph as ox
import pytest

from vetgraph import resources
from vetgraph.changes import Index, Past, comparing, reach
from vetgraph.changes import index as index_module
from vetgraph.changes.index import CONTENT
from vetgraph.engine.deltas import Delta
from vetgraph.engine.writer import Intent, Writer
from vetgraph.errors import NotFound, Unavailable
from vetgraph.store import GraphStore, open_store
from vetgraph.versions import Layout
from vetgraph.vocab import BASE, PREFIXES, SKOS

ME = Intent("update", "tester", "to see")
LABEL = SKOS + "prefLabel"


def iri(name: str) -> ox.NamedNode:
    prefix, colon, local = name.partition(":")
    if prefix in PREFIXES:
        return ox.NamedNode(PREFIXES[prefix] + local)
    return ox.NamedNode(name if colon else BASE + name)


def quad(subject: str, predicate: str, value: str | ox.Literal | ox.BlankNode, graph: str = "graph/g") -> ox.Quad:
    return ox.Quad(iri(subject), iri(predicate), iri(value) if isinstance(value, str) else value, iri(graph))


def text(value: str) -> ox.Literal:
    return ox.Literal(value, language="en")


FIRST = (
    quad("id/a", "ontology#knows", "id/b"),
    quad("id/b", LABEL, text("B")),
    quad("id/c", LABEL, text("C")),
    quad("id/d", "ontology#knows", ox.BlankNode("one")),
    ox.Quad(ox.BlankNode("one"), iri("ontology#of"), ox.BlankNode("two"), iri("graph/g")),
    ox.Quad(ox.BlankNode("two"), iri("ontology#of"), iri("id/b"), iri("graph/g")),
    quad("id/e", "ontology#knows", "id/c", "graph/h"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small store with one version."""
    with Writer.open(tmp_path / "store") as writer:
        writer.commit(Delta(added=FIRST), ME)
    return tmp_path / "store"


def write(folder: Path, *added: ox.Quad, removed: tuple[ox.Quad, ...] = (), keep: int = 10) -> int:
    with Writer.open(folder, keep=keep) as writer:
        return writer.commit(Delta(added=added, removed=removed), ME).number


def rebuild(folder: Path, *content: ox.Quad) -> int:
    """Publish a content as a build does: without telling what is different."""
    with Writer.open(folder) as writer:
        return writer.replace(content, Intent("build", "tester")).number


def changed(folder: Path, *names: str, at: int | None = None) -> list[int]:
    index = Index(folder)
    try:
        return [index.changed(BASE + name, at or Past(folder).newest) for name in names]
    finally:
        index.close()


# -- how far a change reaches ---------------------------------------------------------------------------


def test_a_triple_changes_both_ends_and_nothing_else(folder: Path) -> None:
    assert write(folder, quad("id/a", "ontology#knows", "id/c")) == 2
    assert changed(folder, "id/a", "id/b", "id/c", "id/d", "id/e") == [2, 1, 2, 1, 1]


def test_a_label_changes_whoever_shows_it(folder: Path) -> None:
    write(folder, quad("id/b", LABEL, text("Bee")), removed=(quad("id/b", LABEL, text("B")),))
    # d mentions b by way of two blank nodes.
    assert changed(folder, "id/a", "id/b", "id/c", "id/d", "id/e") == [2, 2, 1, 2, 1]


def test_what_is_said_of_a_property_or_a_graph_reaches_its_users(folder: Path) -> None:
    write(folder, quad("ontology#knows", LABEL, text("knows")))
    assert changed(folder, "id/a", "id/b", "id/c", "id/d", "id/e") == [2, 2, 2, 2, 2]
    write(folder, quad("graph/h", LABEL, text("H")))
    assert changed(folder, "id/a", "id/c", "id/e") == [2, 3, 3]


def test_a_removed_triple_is_a_way_too(folder: Path) -> None:
    write(folder, removed=(FIRST[5], FIRST[4]))
    assert changed(folder, "id/b", "id/d", "id/a") == [2, 2, 1]


def test_the_past_is_told_as_it_was(folder: Path) -> None:
    for number in (2, 3, 4):
        assert write(folder, quad("id/a", "ontology#name", text(str(number)))) == number
    assert [changed(folder, "id/a", at=number) for number in (1, 2, 3, 4)] == [[1], [2], [3], [4]]
    assert changed(folder, "id/c", at=4) == [1]
    index = Index(folder)
    assert [index.changed(CONTENT + BASE + name, 4) for name in ("graph/g", "graph/h")] == [4, 1]
    index.close()


def test_what_went_is_known_to_have_been(folder: Path) -> None:
    write(folder, quad("id/z", LABEL, text("Z")))
    write(folder, removed=(quad("id/z", LABEL, text("Z")),))
    write(folder, quad("id/a", "ontology#name", text("A")))
    index = Index(folder)
    assert index.last_with(BASE + "id/z", 4) == 2
    assert index.last_with(BASE + "id/never", 4) is None
    index.close()


CHANGES: dict[str, tuple[tuple[ox.Quad, ...], tuple[ox.Quad, ...]]] = {
    "a note": ((quad("id/anefore", SKOS + "note", text("new"), "graph/curation"),), ()),
    "a class's name": ((quad("ontology#Ministry", LABEL, text("Department"), "graph/curation"),), ()),
    "a property's name": ((quad("ontology#supervisedBy", LABEL, text("under"), "graph/curation"),), ()),
    "a graph's name": ((quad("graph/curation", LABEL, text("Verdicts"), "graph/catalogue"),), ()),
    "a link": ((quad("id/anefore", "ontology#supervisedBy", "id/luxembourg", "graph/curation"),), ()),
}


@pytest.fixture(scope="module")
def twins(store: GraphStore) -> tuple[GraphStore, GraphStore]:
    """The project's data twice, in memory."""
    data = store.engine.dump(format=ox.RdfFormat.N_QUADS)
    assert data is not None
    stores = ox.Store(), ox.Store()
    for one in stores:
        one.bulk_extend(ox.parse(data, ox.RdfFormat.N_QUADS))  # blank nodes keep their labels
    return GraphStore(stores[0], store.version), GraphStore(stores[1], store.version)


@pytest.mark.parametrize("name", [*CHANGES, "a shape's parts", "a passage"])
def test_no_description_changes_beyond_reach(twins: tuple[GraphStore, GraphStore], name: str) -> None:
    before, after = twins
    nothing: tuple[ox.Quad, ...] = ()
    added, removed = CHANGES.get(name, (nothing, nothing))
    if name == "a shape's parts":
        removed = (next(q for q in before.quads(None, iri("rdf:first")) if "shapes" in str(q.graph_name)),)
    elif name == "a passage":
        removed = (next(iter(before.quads(None, iri("oa:start")))),)
    delta = Delta(added, removed)
    delta.apply(after.engine)
    try:
        reached = reach.reached(delta, after.engine)
        assert reached is not None
        names = sorted({q.subject.value for q in before.engine if isinstance(q.subject, ox.NamedNode)})
        beyond = [one for one in names if one.startswith(BASE) and one not in reached]
        near = {o.value for q in (*added, *removed) for o in _around(before, q) if isinstance(o, ox.NamedNode)}
        some = {*beyond[:: len(beyond) // 50], *sorted(near - reached)[:50]}
        assert [one for one in sorted(some) if _said(before, one) != _said(after, one)] == []
        assert any(_said(before, one) != _said(after, one) for one in sorted(reached)[:20])
    finally:
        Delta(removed, added).apply(after.engine)


def _around(store: GraphStore, changed: ox.Quad) -> Iterator[object]:
    """Yield what is near a change, where a description that was forgotten would be."""
    for node in (changed.subject, changed.object):
        if isinstance(node, ox.NamedNode | ox.BlankNode):
            yield from (term for q in store.quads(node) for term in (q.object, q.predicate))
            yield from (q.subject for q in store.quads(None, None, node))


def _said(store: GraphStore, name: str) -> set[str]:
    try:
        described = resources.describe(store, name)
    except NotFound:
        return set()
    own = resources.document_of(name)
    quads = [q for q in described.quads if getattr(q.subject, "value", "") != own]
    dataset = ox.Dataset(quads)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return {str(q) for q in dataset}


# -- versions that nobody compared --------------------------------------------------------------------------


def relabelled(quads: tuple[ox.Quad, ...]) -> tuple[ox.Quad, ...]:
    def renamed(term: object) -> object:
        return ox.BlankNode(f"x{term.value}") if isinstance(term, ox.BlankNode) else term

    return tuple(ox.Quad(renamed(q.subject), q.predicate, renamed(q.object), q.graph_name) for q in quads)  # type: ignore[arg-type]


def test_a_build_that_says_the_same_changes_nothing(folder: Path) -> None:
    assert rebuild(folder, *relabelled(FIRST)) == 2
    assert not Layout(folder).delta(2).exists()
    assert changed(folder, "id/a", "id/b", "id/c", "id/d") == [1, 1, 1, 1]


def test_a_build_is_compared_with_the_version_before(folder: Path) -> None:
    last = ox.Quad(ox.BlankNode("two"), iri("ontology#of"), iri("id/c"), iri("graph/g"))
    rebuild(folder, *relabelled((*FIRST[:2], *FIRST[3:5], last, FIRST[6])))
    index = Index(folder)
    step = index.step(Past(folder).entry(2))
    index.close()
    assert step.source == "compared"
    assert step.delta is not None
    # The blank nodes that say something else are told as a whole.
    assert len(step.delta.added) == 3
    assert {str(q) for q in step.delta.removed} == {str(q) for q in (FIRST[2], *FIRST[3:6])}
    assert changed(folder, "id/a", "id/b", "id/c", "id/d", "id/e") == [1, 2, 2, 2, 2]


def test_equal_blank_nodes_are_counted() -> None:
    def one(label: str) -> ox.Quad:
        return quad("id/a", "ontology#has", ox.BlankNode(label))

    before, after = ox.Store(), ox.Store()
    before.extend([one("x"), one("y")])
    after.extend([one("p"), one("q"), one("r")])
    found = comparing.compared(before, after)
    assert found is not None
    assert (len(found.added), len(found.removed)) == (1, 0)


def test_empty_graphs_come_and_go() -> None:
    before, after = ox.Store(), ox.Store()
    before.add_graph(iri("graph/old"))
    after.add_graph(iri("graph/new"))
    found = comparing.compared(before, after)
    assert found == Delta(created=(BASE + "graph/new",), dropped=(BASE + "graph/old",))


def test_too_much_to_compare_may_have_changed_everything(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MOST", 3)
    rebuild(folder, *relabelled(FIRST))
    index = Index(folder)
    assert index.step(Past(folder).entry(2)).source == "unknown"
    assert index.changed(BASE + "id/a", 2) == 2
    index.close()


# -- an index that is beside the store ------------------------------------------------------------------------


def test_versions_that_came_and_went_unseen(folder: Path) -> None:
    for number in range(2, 6):
        write(folder, quad("id/a", "ontology#name", text(str(number))), keep=1)
    assert Layout(folder).whole() == [5]
    index = Index(folder)
    steps = [index.step(entry) for entry in Past(folder).after(0, 10)]
    index.close()
    assert [step.version.number for step in steps] == [1, 2, 3, 4, 5]
    # A difference that is not told is said not to be known; what it changed may be all.
    assert all((step.delta is None) == (step.source in ("unknown", "first")) for step in steps)
    assert steps[-1].source == "written"
    assert changed(folder, "id/c")[0] <= 4


def test_the_index_can_be_lost_or_broken(folder: Path) -> None:
    write(folder, quad("id/a", "ontology#name", text("A")))
    path = folder / "changes.db"
    for damage in (None, b"this is no database, for certain" * 200, b""):
        path.unlink(missing_ok=True)
        if damage is not None:
            path.write_bytes(damage)
        assert changed(folder, "id/a", "id/c") == [2, 1]


def test_an_index_that_another_holds_is_not_waited_for_in_vain(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "WAIT", 0.1)
    assert changed(folder, "id/a") == [1]
    write(folder, quad("id/a", "ontology#name", text("A")))
    index = Index(folder)
    with closing(sqlite3.connect(folder / "changes.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        # Too young rather than too old; and nothing is told of a change that is not known yet.
        assert index.changed(BASE + "id/c", 2) == 2
        with pytest.raises(Unavailable):
            index.step(Past(folder).entry(2))
        other.execute("ROLLBACK")
    assert index.changed(BASE + "id/c", 2) == 1
    assert index.step(Past(folder).entry(2)).source == "written"
    index.close()


def test_an_index_of_another_past_is_begun_anew(folder: Path, tmp_path: Path) -> None:
    assert changed(folder, "id/a") == [1]
    other = tmp_path / "other"
    with Writer.open(other) as writer:
        writer.commit(Delta(added=FIRST[:1]), ME)
        writer.commit(Delta(added=FIRST[1:]), ME)
    assert changed(other, "id/e", "id/d") == [2, 2]
    shutil.copy(other / "changes.db", folder / "changes.db")
    assert changed(folder, "id/e") == [1]


def test_a_folder_that_cannot_be_written_to_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, quad("id/a", "ontology#name", text("A")))
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    assert changed(folder, "id/a", "id/c") == [2, 1]
    assert not (folder / "changes.db").exists()


ASK = """
import sys
from pathlib import Path
from vetgraph.changes import Index
index = Index(Path(sys.argv[1]))
print([index.changed("https://w3id.org/vetgraph/id/" + name, 12) for name in "ac"])
"""


def test_processes_that_ask_at_once_agree(folder: Path) -> None:
    for number in range(2, 13):
        write(folder, quad("id/a", "ontology#name", text(str(number))), keep=100)
    asking = [
        subprocess.Popen([sys.executable, "-c", ASK, str(folder)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert [process.communicate(timeout=60)[0].strip() for process in asking] == ["[12, 1]"] * 3


def test_a_store_without_history_is_told_by_what_lies_there(folder: Path) -> None:
    write(folder, quad("id/a", "ontology#name", text("A")))
    for path in folder.glob("vetgraph.db*"):
        path.unlink()
    past = Past(folder)
    assert [entry.version.number for entry in past.after(0, 10)] == [1, 2]
    assert [entry.version.number for entry in past.before(3, 10)] == [2, 1]
    assert past.starts(1) == [(1, past.entry(1).version.built), (2, past.entry(2).version.built)]
    assert past.at(past.entry(2).version.built) == past.entry(2).version
    assert changed(folder, "id/a", "id/c") == [2, 1]
    assert open_store(folder, at=1).version.number == 1
