"""Backup and restore: while writes go on, and only what is whole comes back."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest

from vetgraph.engine import backup as backups
from vetgraph.engine.deltas import Delta
from vetgraph.engine.history import History, Intent
from vetgraph.engine.writer import Writer
from vetgraph.errors import BadParameter, DiskFull, NotFound, StoreFormat, UnreadableData
from vetgraph.store import open_store
from vetgraph.versions import published

INTENT = Intent("update", "a test", "because")
Members = dict[str, bytes]


def adding(*numbers: int) -> Delta:
    return Delta(tuple(quad(n) for n in numbers))


def quad(number: int) -> ox.Quad:
    # A blank node keeps its label through a backup, so that later deltas fit.
    return ox.Quad(ox.BlankNode(f"b{number}"), ox.NamedNode("urn:p"), ox.Literal(number), ox.NamedNode("urn:g"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with three versions, the first of them pinned."""
    with Writer.open(tmp_path / "store") as writer:
        for number in (1, 2, 3):
            writer.commit(adding(number), INTENT)
        writer.history.pin(1)
    return tmp_path / "store"


def restored(target: Path, archive: Path) -> int:
    with Writer.open(target) as writer:
        return backups.restore(writer, archive, "a test")[1].number


def content(folder: Path) -> set[ox.Quad]:
    return set(open_store(folder).engine)


@pytest.mark.parametrize("name", ["backup.tar", "backup.tar.gz", "backup.tgz"])
def test_an_empty_store_takes_over_data_and_history(folder: Path, tmp_path: Path, name: str) -> None:
    manifest = backups.backup(folder, tmp_path / name)
    assert (manifest.version, manifest.triples) == (3, 3)
    assert restored(tmp_path / "new", tmp_path / name) == 4
    assert content(tmp_path / "new") == content(folder)
    with History(tmp_path / "new") as history:
        entries = history.versions()
        assert [(entry.version.number, entry.kept, entry.pinned) for entry in entries] == [
            (4, True, False),
            (3, False, False),
            (2, False, False),
            (1, False, False),
        ]
        assert entries[0].version.kind == "restore"
        assert entries[0].version.parent == 3
        assert "version 3 made" in entries[0].version.reason
        assert [entry.version.reason for entry in entries[1:]] == ["because"] * 3
    with Writer.open(tmp_path / "new") as writer:
        assert writer.commit(Delta(removed=(quad(2),)), INTENT).triples == 2


def test_a_store_with_versions_keeps_its_own_history(folder: Path, tmp_path: Path) -> None:
    backups.backup(folder, tmp_path / "b.tar")
    with Writer.open(folder) as writer:
        writer.commit(Delta(removed=(quad(1),)), INTENT)
    assert restored(folder, tmp_path / "b.tar") == 5
    assert content(folder) == {quad(1), quad(2), quad(3)}
    with History(folder) as history:
        kinds = [entry.version.kind for entry in history.versions()]
        assert kinds == ["restore", "update", "update", "update", "update"]
        assert history.version(1).pinned
    assert len(open_store(folder, at=4).engine) == 2


def test_a_backup_while_writes_go_on_is_one_version(folder: Path, tmp_path: Path) -> None:
    done = threading.Event()

    def write() -> None:
        number = 10
        with Writer.open(folder, keep=1) as writer:
            while not done.is_set():
                # Each write adds two triples and takes one away: a mixture would not add up.
                writer.commit(Delta((quad(number), quad(number + 1)), (quad(number - 1),)), INTENT)
                writer.prune()
                number += 2

    writing = threading.Thread(target=write)
    writing.start()
    try:
        made = []
        for each in range(4):
            started = published(folder)
            while published(folder) == started and writing.is_alive():
                time.sleep(0.001)
            made.append(backups.backup(folder, tmp_path / f"{each}.tar.gz"))
    finally:
        done.set()
        writing.join()
    assert made[-1].version > made[0].version
    for each, manifest in enumerate(made):
        target = tmp_path / f"new-{each}"
        assert restored(target, tmp_path / f"{each}.tar.gz") == manifest.version + 1
        with History(target) as history:
            assert [entry.version.number for entry in history.versions()] == list(range(manifest.version + 1, 0, -1))
            assert history.version(manifest.version).triples == manifest.triples


@pytest.fixture
def spoil(folder: Path, tmp_path: Path) -> Iterator[Callable[[Callable[[Members], None]], Path]]:
    """Make a backup whose members a test has changed; afterwards the store is as it was."""

    def make(change: Callable[[Members], None]) -> Path:
        backups.backup(folder, tmp_path / "good.tar")
        with tarfile.open(tmp_path / "good.tar") as archive:
            members = {each.name: archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]
        change(members)
        with tarfile.open(tmp_path / "bad.tar", "w") as archive:
            for name, data in members.items():
                told = tarfile.TarInfo(name)
                told.size = len(data)
                archive.addfile(told, io.BytesIO(data))
        return tmp_path / "bad.tar"

    before = content(folder)
    yield make
    assert published(folder) == 3
    assert content(folder) == before
    assert not list(folder.glob("restore-*"))


def flip(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        found = next(each for each in members if each.startswith(name))
        members[found] = members[found][:-1] + bytes([members[found][-1] ^ 1])

    return change


def claim(**values: object) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        told = json.loads(members["manifest.json"])
        members["manifest.json"] = json.dumps({**told, **values}).encode()

    return change


def without(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        del members[next(each for each in members if each.startswith(name))]

    return change


def smuggle(name: str) -> Callable[[Members], None]:
    def change(members: Members) -> None:
        members[name] = b"x"
        told = json.loads(members["manifest.json"])
        checksum = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        members["manifest.json"] = json.dumps({**told, "files": {**told["files"], name: (1, checksum)}}).encode()

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (flip("version/0"), "is not what was backed up"),
        (flip("vetgraph.db"), "vetgraph.db is not what was backed up"),
        (flip("version.json"), "version.json is not what was backed up"),
        (without("version/0"), "is missing"),
        (without("version/CURRENT"), "version/CURRENT is missing"),
        (without("manifest"), "does not begin with a manifest"),
        (claim(triples=4), "says 4 triples and holds 3"),
        (smuggle("version/../../outside"), "names files that are none of a backup"),
        (smuggle("/etc/outside"), "names files that are none of a backup"),
        (lambda members: members.update({"more": b"x"}), "has more, which its manifest does not name"),
    ],
    ids=["data", "history", "description", "no data", "no pointer", "no manifest", "counts", "up", "root", "more"],
)
def test_a_damaged_backup_is_refused_before_anything_changes(
    folder: Path, spoil: Callable[..., Path], change: Callable[[Members], None], words: str
) -> None:
    with pytest.raises(UnreadableData, match=f"is not a whole backup: .*{words}.*Nothing was changed"):
        restored(folder, spoil(change))


def test_a_backup_of_a_later_release_is_refused(folder: Path, spoil: Callable[..., Path]) -> None:
    with pytest.raises(StoreFormat, match="newer release"):
        restored(folder, spoil(claim(format=99)))


@pytest.mark.parametrize("data", [b"", b"rubbish", b"\x1f\x8b\x08rubbish"], ids=["empty", "text", "gzip"])
def test_what_is_no_backup_is_refused(folder: Path, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "no.tar.gz").write_bytes(data)
    with pytest.raises(UnreadableData, match="is not a whole backup"):
        restored(folder, tmp_path / "no.tar.gz")
    with pytest.raises(UnreadableData, match="No such file"):
        restored(folder, tmp_path / "nowhere.tar.gz")


def test_a_cut_off_backup_is_refused(folder: Path, tmp_path: Path) -> None:
    backups.backup(folder, tmp_path / "b.tar.gz")
    whole = (tmp_path / "b.tar.gz").read_bytes()
    for share in (0.3, 0.9):
        (tmp_path / "b.tar.gz").write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(UnreadableData, match="is not a whole backup"):
            restored(tmp_path / "new", tmp_path / "b.tar.gz")
    assert published(tmp_path / "new") is None


def test_where_a_backup_can_go(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match=r"a \.tar or \.tar\.gz file"):
        backups.backup(folder, tmp_path / "backup.zip")
    with pytest.raises(DiskFull, match="can't be written to"):
        backups.backup(folder, tmp_path / "nowhere" / "backup.tar")
    with pytest.raises(NotFound, match="no snapshot"):
        backups.backup(tmp_path / "none", tmp_path / "backup.tar")


def test_a_store_of_the_first_format_is_backed_up_without_history(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("vetgraph.db*"):
        path.unlink()
    assert "vetgraph.db" not in backups.backup(folder, tmp_path / "b.tar").files
    assert restored(tmp_path / "new", tmp_path / "b.tar") == 1
    assert content(tmp_path / "new") == content(folder)


def test_the_command_line_backs_up_and_restores(folder: Path, tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-m", "vetgraph", *arguments], capture_output=True, text=True)

    target = str(tmp_path / "b.tar.gz")
    made = run("backup", target, "--store", str(folder))
    assert "version 3, 3 triples" in made.stdout, made.stderr
    back = run("restore", target, "--store", str(tmp_path / "new"))
    assert "Version 4 is published" in back.stdout, back.stderr
    assert content(tmp_path / "new") == content(folder)
    Path(target).write_bytes(b"rubbish")
    refused = run("restore", target, "--store", str(tmp_path / "new"))
    assert refused.returncode == 2
    assert refused.stderr.startswith("vetgraph: ")
    assert "Traceback" not in refused.stderr
