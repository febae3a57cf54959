"""Building: what is published, what is refused, and that readers never see half."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from vetgraph import building
from vetgraph.engine.writer import Intent, Writer
from vetgraph.errors import ContentError, DiskFull, NotFound, StoreBusy, StoreDamaged
from vetgraph.loading import find_content
from vetgraph.reasoning import INFERRED
from vetgraph.store import GraphStore, current_version, open_store


@pytest.fixture
def copy(tmp_path: Path, root: Path) -> Path:
    """A copy of the content that a test may spoil."""
    for folder in ("ontology", "shapes", "data", "queries"):
        shutil.copytree(root / folder, tmp_path / folder)
    return tmp_path


def test_every_folder_under_data_is_a_named_graph(store: GraphStore, root: Path) -> None:
    folders = {path.name for path in (root / "data").iterdir() if path.is_dir()}
    graphs = {name.rpartition("/")[2] for name in store.graphs()}
    assert graphs == folders | {"ontology", "schemes", "shapes", "queries", "inferred", "catalogue"}


def test_counts_are_those_of_the_snapshot(store: GraphStore) -> None:
    for graph, count in store.version.counts.items():
        assert len(store.dump(graph)) == count


def test_each_build_is_a_new_version_and_old_ones_go(store_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(store_folder, folder)
    reader = open_store(folder)
    engine = building.assemble(find_content())
    for number in range(2, 5):
        with Writer.open(folder, keep=2) as writer:
            version = writer.replace(engine, Intent("build", "a test"))
        assert version.number == number
        assert current_version(folder) == version
    # The first stays as long as somebody reads it.
    assert kept(folder) == ["1", "3", "4"]
    assert len(reader.dump(INFERRED)) == reader.version.counts[INFERRED]
    del reader
    with Writer.open(folder, keep=2):
        pass
    assert kept(folder) == ["3", "4"]


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "versions").iterdir() if path.is_dir())


def test_a_violation_is_refused_with_file_and_line_and_nothing_changes(copy: Path, tmp_path: Path) -> None:
    path = copy / "data" / "lu-guidance-2025" / "spoilt.ttl"
    path.write_text(
        "@prefix id: <https://w3id.org/vetgraph/id/> .\n@prefix vet: <https://w3id.org/vetgraph/ontology#> .\n"
        "\nid:spoilt-act a vet:LegalAct .\n"
    )
    folder = tmp_path / "store"
    with pytest.raises(ContentError, match=r"violate .* nothing was published.*spoilt\.ttl, line 4") as caught:
        building.build(folder, find_content(copy))
    assert str(caught.value.facts["line"]) == "4"
    assert current_version(folder) is None


def test_a_file_that_does_not_parse_is_named(copy: Path, tmp_path: Path) -> None:
    (copy / "data" / "reference" / "broken.ttl").write_text(
        "@prefix id: <https://w3id.org/vetgraph/id/> .\nid:x id:y\n"
    )
    with pytest.raises(ContentError, match=r"data/reference/broken\.ttl, line \d+, column \d+"):
        building.build(tmp_path / "store", find_content(copy))


def test_a_second_build_at_once_is_told_to_wait(tmp_path: Path) -> None:
    with (
        Writer.open(tmp_path, doing="a long load"),
        pytest.raises(StoreBusy, match=rf"process {os.getpid()}, a long load since .*Wait for it") as caught,
    ):
        building.build(tmp_path, wait=0)
    assert caught.value.facts["doing"] == "a long load"
    assert caught.value.facts["pid"] == os.getpid()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DiskFull, match=r"can't be written to .*VETGRAPH_STORE"):
        building.build(tmp_path / "file" / "store")


def test_without_a_snapshot_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="run `vetgraph build` first"):
        open_store(tmp_path)


def test_a_damaged_snapshot_is_said_to_be_so(store_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    shutil.copytree(store_folder, folder)
    (folder / "versions" / "1" / "CURRENT").write_text("MANIFEST-999999\n")
    with pytest.raises(StoreDamaged, match="make a new one"):
        open_store(folder)


def test_what_follows_is_in_a_graph_of_its_own(store: GraphStore) -> None:
    def ask(pattern: str) -> bool:
        text = f"""PREFIX vet: <https://w3id.org/vetgraph/ontology#> PREFIX id: <https://w3id.org/vetgraph/id/>
        PREFIX org: <http://www.w3.org/ns/org#> PREFIX source: <https://w3id.org/vetgraph/source/>
        ASK {{ GRAPH <{INFERRED}> {{ {pattern} }} }}"""
        return bool(store.query(text))

    assert ask("id:anefore a org:Organization")
    assert ask("id:menje vet:supervises id:anefore")
    assert ask("id:anefore vet:source source:lu-mobility-fiche-2021")
    assert not ask("id:anefore vet:supervisedBy id:menje")
