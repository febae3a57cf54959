"""The store's folder: one writer, versions that stay while they are needed, and what is told when all is not well."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyoxigraph as ox
import pytest

from vetgraph.engine import retention, writerprocess
from vetgraph.engine.deltas import Delta
from vetgraph.engine.history import History, Intent
from vetgraph.engine.writer import Overtaken, Writer
from vetgraph.engine.writerclient import WriterClient
from vetgraph.errors import DiskFull, EngineError, NotFound, StoreBusy, StoreDamaged, StoreFormat
from vetgraph.store import open_store
from vetgraph.versions import Layout, current_version, hold, published, version_at

INTENT = Intent("update", "a test", "because")


def optional(reason: str, command: str) -> None:
    message = f"{reason}; enable with: {command}"
    if os.environ.get("TEST_OPTIONAL") == "required":
        pytest.fail(message)
    pytest.skip(message)


def quads(*numbers: int, graph: str = "urn:g") -> tuple[ox.Quad, ...]:
    return tuple(
        ox.Quad(ox.NamedNode(f"urn:s{n}"), ox.NamedNode("urn:p"), ox.Literal(n), ox.NamedNode(graph)) for n in numbers
    )


def adding(*numbers: int) -> Delta:
    return Delta(added=quads(*numbers))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with three versions: of one, two and three triples."""
    with Writer.open(tmp_path / "store") as writer:
        for number in (1, 2, 3):
            writer.commit(adding(number), INTENT)
    return tmp_path / "store"


def triples(folder: Path, at: int | None = None) -> int:
    return len(open_store(folder, at=at).engine)


# Versions


def test_a_version_says_who_when_why_and_what_changed(folder: Path) -> None:
    before = datetime.now(UTC)
    with Writer.open(folder) as writer:
        change = Delta(added=(*quads(7, 8), *quads(9, graph="urn:h")), removed=quads(1, 99))
        version = writer.commit(change, Intent("store", "the maintainer", "a correction"))
    assert (version.number, version.parent, version.kind) == (4, 3, "store")
    assert (version.agent, version.reason) == ("the maintainer", "a correction")
    assert (version.added, version.removed) == (3, 1)
    assert version.counts == {"urn:g": 4, "urn:h": 1}
    assert abs(version.built - before) < timedelta(seconds=10)
    assert current_version(folder) == version
    with History(folder) as history:
        assert [entry.version for entry in history.versions(1)] == [version]
        assert history.at(datetime.now(UTC)).version == version
        with pytest.raises(NotFound, match="no version yet at 2000"):
            history.at(datetime(2000, 1, 1, tzinfo=UTC))


def test_a_change_of_nothing_is_no_version(folder: Path) -> None:
    with Writer.open(folder) as writer:
        assert writer.commit(Delta(added=quads(1), removed=quads(99)), INTENT).number == 3
        assert writer.commit(Delta(), INTENT).number == 3


def test_named_graphs_without_triples_are_kept(folder: Path) -> None:
    with Writer.open(folder) as writer:
        made = writer.commit(Delta(created=("urn:empty",)), INTENT)
        assert made.counts == {"urn:empty": 0, "urn:g": 3}
        assert ox.NamedNode("urn:empty") in open_store(folder).engine.named_graphs()
        gone = writer.commit(Delta(dropped=("urn:empty", "urn:g")), INTENT)
        assert (gone.counts, gone.removed) == ({}, 3)
    assert not list(open_store(folder).engine.named_graphs())


def test_old_versions_stay_readable(folder: Path) -> None:
    assert [triples(folder, at) for at in (1, 2, 3, None)] == [1, 2, 3, 3]
    with pytest.raises(NotFound, match="Version 9 is not there"):
        open_store(folder, at=9)


def test_a_delta_is_kept_and_tells_the_difference(folder: Path) -> None:
    delta = Delta.from_bytes(gzip.decompress(Layout(folder).delta(3).read_bytes()))
    assert delta == adding(3)


def test_a_delta_is_the_same_bytes_whatever_the_order() -> None:
    odd = ox.Quad(ox.BlankNode("b"), ox.NamedNode("urn:p"), ox.Literal('"\n\\é', language="fr"), ox.BlankNode("g"))
    one = Delta((*quads(1, 2), odd), quads(3), ("urn:a", "urn:b"), ("urn:c",))
    other = Delta((odd, *quads(2, 1)), quads(3), ("urn:b", "urn:a"), ("urn:c",))
    assert one.to_bytes() == other.to_bytes()
    again = Delta.from_bytes(one.to_bytes())
    assert set(again.added) == set(one.added)
    assert again.to_bytes() == one.to_bytes()
    with pytest.raises(EngineError, match="a line that is none"):
        Delta.from_bytes(b"+ <urn:s> <urn:p> 1 .\nrubbish\n")
    with pytest.raises(EngineError, match="does not parse"):
        Delta.from_bytes(b"+ <urn:s> rubbish\n")


# Retention


def kept(folder: Path) -> list[int]:
    return sorted(int(path.name) for path in (folder / "versions").iterdir() if path.name.isdigit())


def test_versions_go_but_not_those_in_use_or_pinned(folder: Path) -> None:
    with History(folder) as history:
        history.pin(1)
    reader = open_store(folder, at=2)
    with Writer.open(folder, keep=1) as writer:
        writer.commit(adding(4), INTENT)
    assert kept(folder) == [1, 2, 4]
    assert len(list(reader.quads())) == 2
    del reader
    with History(folder) as history:
        history.pin(1, False)
    with Writer.open(folder, keep=1):
        pass
    assert kept(folder) == [4]
    assert sorted(path.name for path in (folder / "versions").iterdir()) == ["4", "4.delta.gz", "4.json", "4.use"]
    # What the others had changed can still be told.
    changed = {path.name: Delta.from_bytes(gzip.decompress(path.read_bytes())) for path in folder.glob("deltas/*")}
    assert changed == {f"{number}.delta.gz": adding(number) for number in (1, 2, 3)}
    with History(folder) as history:
        entries = history.versions()
        assert [(entry.version.number, entry.triples, entry.kept) for entry in entries] == [
            (4, 4, True),
            (3, 3, False),
            (2, 2, False),
            (1, 1, False),
        ]
        with pytest.raises(NotFound, match="Version 2 is not there"):
            history.pin(2)


def test_a_process_that_reads_keeps_its_version_until_it_ends(folder: Path) -> None:
    text = f"from pathlib import Path; from vetgraph.versions import hold; h = hold(Path({str(folder)!r}), 1); input()"
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE) as reader:
        deadline = time.monotonic() + 20
        while (freed := _is_free(folder, 1)) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not freed
        with Writer.open(folder, keep=1):
            pass
        assert kept(folder) == [1, 3]
        reader.kill()
    with Writer.open(folder, keep=1):
        pass
    assert kept(folder) == [3]


def _is_free(folder: Path, number: int) -> bool:
    from vetgraph.versions import claim

    descriptor = claim(Layout(folder).use(number))
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def test_readers_always_find_a_whole_version_while_versions_come_and_go(folder: Path) -> None:
    faults: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                store = open_store(folder)
                assert len(store.engine) == store.version.triples
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    with Writer.open(folder, keep=1) as writer:
        for number in range(10, 40):
            writer.commit(adding(number), INTENT)
            writer.prune()
    done.set()
    for thread in threads:
        thread.join()
    assert not faults, faults[0]


# One writer


def test_who_waits_is_told_for_whom(folder: Path) -> None:
    with Writer.open(folder, doing="a load"), pytest.raises(StoreBusy, match=rf"process {os.getpid()}, a load") as busy:
        Writer.open(folder, wait=0.1)
    assert set(busy.value.facts) == {"pid", "since", "doing"}


def test_a_change_made_on_another_version_is_not_applied(folder: Path) -> None:
    with Writer.open(folder) as writer, pytest.raises(Overtaken) as conflict:
        writer.commit(adding(9), Intent("update", "a test", base=2))
    assert (conflict.value.base, conflict.value.current) == (2, 3)
    assert published(folder) == 3


def test_a_write_asked_for_twice_is_done_once(folder: Path) -> None:
    with Writer.open(folder) as writer:
        first = writer.commit(adding(9), INTENT, id_="the-same")
        writer.commit(Delta(removed=quads(9)), INTENT)
        assert writer.commit(adding(9), INTENT, id_="the-same") == first
    assert published(folder) == 5


def test_a_lingering_writer_makes_room_at_once(folder: Path) -> None:
    def self_made(folder: Path) -> None:
        with Writer.open(folder, wait=20) as writer:
            writer.commit(adding(21), INTENT)

    async def scenario() -> float:
        client = WriterClient(folder)
        await client.commit(adding(20).to_bytes(), INTENT)
        started = time.monotonic()
        await asyncio.to_thread(self_made, folder)
        waited = time.monotonic() - started
        version = await client.commit(adding(22).to_bytes(), INTENT)
        assert (version.number, version.triples) == (6, 6)
        await client.close()
        return waited

    # It would linger for seconds; who waits for it gets its turn well before.
    assert asyncio.run(scenario()) < writerprocess.LINGER / 2


def test_a_client_outlives_its_writers(folder: Path) -> None:
    async def scenario() -> None:
        client = WriterClient(folder)
        for number in range(30, 36):
            version = await client.commit(adding(number).to_bytes(), INTENT)
            assert version.triples == number - 30 + 4
            assert client.pid
            os.kill(client.pid, signal.SIGKILL)
        async with client.hold() as held:
            assert held is not None
            with pytest.raises(StoreBusy):
                await asyncio.to_thread(Writer.open, folder, wait=0.05)
        with pytest.raises(Overtaken):
            await client.commit(adding(1).to_bytes(), Intent("update", "a test", base=1))
        await client.close()

    asyncio.run(scenario())


def test_a_writer_that_dies_each_time_is_given_up_with_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILPOINT", "flushed")

    async def scenario() -> None:
        client = WriterClient(folder)
        with pytest.raises(EngineError, match="ended 3 times in a row"):
            await client.commit(adding(9).to_bytes(), INTENT)
        await client.close()

    asyncio.run(scenario())
    assert published(folder) == 3


def test_files_are_on_disk_before_the_pointer_names_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    real = {"fsync": os.fsync, "replace": os.replace, "rename": os.rename}

    def fsync(descriptor: int) -> None:
        done.append("fsync " + str(Path(f"/proc/self/fd/{descriptor}").readlink()).removeprefix(f"{folder}/"))
        real["fsync"](descriptor)

    def moved(name: str) -> Callable[..., None]:
        def move(source: os.PathLike[str], target: os.PathLike[str]) -> None:
            done.append(f"move {Path(target).relative_to(folder)}")
            real[name](source, target)

        return move

    with Writer.open(folder) as writer:
        writer.commit(adding(4), INTENT)
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "replace", moved("replace"))
        monkeypatch.setattr(os, "rename", moved("rename"))
        writer.commit(adding(5), INTENT)
        monkeypatch.undo()
    # The engine itself syncs its data files when it flushes them, SQLite its log when it commits (synchronous=FULL).
    own = [step for step in done if not step.startswith("fsync versions/5.partial/")]
    assert len(done) - len(own) >= 3
    assert own == [
        "fsync versions/5.delta.gz",
        "fsync versions/5.partial",
        "fsync versions/5.json",
        "move versions/5",
        "fsync versions",
        "fsync current.new",
        "move current",
        f"fsync {folder}",
    ]


# What is wrong with a store


def old_format(folder: Path, *numbers: int) -> None:
    """Make a store as the first release wrote it: neither history nor journal."""
    (folder / "versions").mkdir()
    for number in numbers:
        store = ox.Store(str(folder / "versions" / str(number)))
        store.bulk_extend(quads(*range(number)))
        store.flush()
        del store
        told = {"number": number, "built": "2026-01-02T03:04:05+00:00", "fingerprint": "f", "counts": {"urn:g": number}}
        (folder / "versions" / f"{number}.json").write_text(json.dumps(told))
    (folder / "current").write_text(str(numbers[-1]))


def test_a_store_of_the_first_format_is_read_and_taken_over(tmp_path: Path) -> None:
    old_format(tmp_path, 4, 5)
    assert triples(tmp_path) == 5
    assert not (tmp_path / "vetgraph.db").exists()
    with pytest.raises(NotFound, match="the first write begins one"):
        History(tmp_path)
    with Writer.open(tmp_path) as writer:
        assert writer.commit(adding(7), INTENT).number == 6
    assert [triples(tmp_path, at) for at in (4, 5, 6)] == [4, 5, 6]
    with History(tmp_path) as history:
        assert [(entry.version.number, entry.triples) for entry in history.versions()] == [(6, 6), (5, 5), (4, 4)]
        assert history.version(5).version.fingerprint == "f"


@pytest.mark.parametrize("where", ["database", "record"])
def test_a_store_of_a_later_format_is_refused(folder: Path, where: str) -> None:
    if where == "database":
        with sqlite3.connect(folder / "vetgraph.db") as database:
            database.execute("UPDATE meta SET value = '3' WHERE key = 'format'")
        database.close()
        assert triples(folder) == 3
    else:
        told = json.loads((folder / "versions" / "3.json").read_text())
        (folder / "versions" / "3.json").write_text(json.dumps({**told, "format": 3}))
    with pytest.raises(StoreFormat, match=r"format 3.* install a newer release") as refused, Writer.open(folder):
        pass
    assert refused.value.facts == {"found": 3, "expected": 2}


@pytest.mark.parametrize("pointer", [None, "", "rubbish"])
def test_a_lost_pointer_is_found_again(folder: Path, pointer: str | None) -> None:
    if pointer is None:
        (folder / "current").unlink()
    else:
        (folder / "current").write_text(pointer)
    assert triples(folder) == 3
    with Writer.open(folder) as writer:
        assert writer.commit(adding(4), INTENT).number == 4
    assert triples(folder) == 4
    assert (folder / "current").read_text() == "4"


def test_a_damaged_history_stops_writing_not_reading(folder: Path) -> None:
    path = folder / "vetgraph.db"
    path.write_bytes(b"rubbish" * 1000)
    assert triples(folder) == 3
    with pytest.raises(StoreDamaged, match=r"vetgraph\.db can't be read .*Restore") as damaged:
        Writer.open(folder, wait=0)
    assert damaged.value.facts["path"] == str(path)
    # As the documentation says: without the file, the versions that are there are taken over.
    path.unlink()
    with Writer.open(folder) as writer:
        assert writer.commit(adding(4), INTENT).number == 4
    with History(folder) as history:
        assert [entry.version.number for entry in history.versions()] == [4, 3, 2, 1]


def test_a_damaged_version_is_named_and_others_go_on(folder: Path) -> None:
    shutil.rmtree(folder / "versions" / "3")
    shutil.rmtree(folder / "primary")
    with pytest.raises(StoreDamaged, match=r"versions/3 is missing.* restore .*vetgraph build"):
        open_store(folder)
    assert triples(folder, 2) == 2
    with Writer.open(folder) as writer:
        with pytest.raises(StoreDamaged, match="versions/3 is missing"):
            writer.commit(adding(4), INTENT)
        # A whole new content needs nothing of the old.
        assert writer.replace(quads(1, 2, 3, 4), INTENT).number == 4
    assert triples(folder) == 4


def test_a_damaged_description_is_named(folder: Path) -> None:
    (folder / "versions" / "3.json").write_text("{")
    with pytest.raises(StoreDamaged, match=r"3\.json can't be understood"):
        current_version(folder)
    with Writer.open(folder) as writer:
        # History knows the same.
        assert writer.commit(adding(4), INTENT).triples == 4


def test_a_damaged_working_copy_is_made_anew(folder: Path) -> None:
    for path in (folder / "primary").glob("MANIFEST*"):
        path.write_bytes(b"rubbish")
    with Writer.open(folder) as writer:
        assert writer.commit(adding(4), INTENT).triples == 4
    assert triples(folder) == 4


def test_a_folder_that_may_not_be_written_to_is_read(folder: Path) -> None:
    with History(folder) as history, Writer.open(folder) as writer:
        # Somebody had the history open when the folder became read-only: its log is there still.
        writer.commit(adding(4), INTENT)
        copy = folder.with_name("copy")
        shutil.copytree(folder, copy)
        assert history.versions()
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] if os.geteuid() == 0 else []

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*bound, sys.executable, "-m", "vetgraph", *arguments]
        variables = {**os.environ, "VETGRAPH_STORE": str(copy)}
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)

    try:
        answer = run("query", "-e", "SELECT (COUNT(*) AS ?n) { ?s ?p ?o }", "--format", "csv")
        assert answer.stdout.split() == ["n", "4"], answer.stderr
        assert run("history").stdout.split()[0] == "4"
        data = folder.with_name("data.nt")
        data.write_text("<urn:a> <urn:b> <urn:c> .\n")
        for command in (["load", str(data)], ["history", "--pin", "3"]):
            refused = run(*command)
            assert refused.returncode == 2
            assert "can't be written to" in refused.stderr
            assert "Traceback" not in refused.stderr
    finally:
        for path in [copy, *copy.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_a_write_that_finds_no_room_changes_nothing_and_a_later_one_does(folder: Path) -> None:
    much = Delta(added=quads(*range(1000, 9000)))

    async def scenario() -> None:
        client = WriterClient(folder)
        await client.commit(adding(4).to_bytes(), INTENT)
        assert client.pid
        # No file of the process may grow beyond this, as on a disk that is full.
        _, hard = resource.prlimit(client.pid, resource.RLIMIT_FSIZE, (60_000, resource.RLIM_INFINITY))
        with pytest.raises(DiskFull, match=r"is full; nothing was changed\. Free space"):
            await client.commit(much.to_bytes(), INTENT)
        assert (published(folder), triples(folder)) == (4, 4)
        resource.prlimit(client.pid, resource.RLIMIT_FSIZE, (hard, hard))
        version = await client.commit(much.to_bytes(), INTENT)
        assert (version.number, version.triples) == (5, 8004)
        await client.close()

    asyncio.run(scenario())
    assert triples(folder) == 8004


FULL = """
import sys
from pathlib import Path
import pyoxigraph as ox
from vetgraph.engine.writer import Delta, Intent, Writer
from vetgraph.errors import DiskFull
from vetgraph.store import open_store

folder = Path(sys.argv[1]) / "store"
intent = Intent("update", "a test")

def some(number):
    return tuple(
        ox.Quad(ox.NamedNode(f"urn:{number}:{n}"), ox.NamedNode("urn:p"), ox.Literal("x" * 200 + str(n)))
        for n in range(50)
    )

with Writer.open(folder, keep=50) as writer:
    for number in range(1, 100):
        try:
            writer.commit(Delta(some(number)), intent)
        except DiskFull as problem:
            full = problem
            break
    else:
        raise SystemExit("the disk did not fill up")
    assert len(open_store(folder).engine) == 50 * (number - 1) == writer.version.triples
    writer._keep = 2
    writer.prune()
    assert writer.commit(Delta(some(number)), intent).triples == 50 * number
assert len(open_store(folder).engine) == 50 * number
print(full.detail)
"""


def test_a_disk_that_really_is_full(tmp_path: Path) -> None:
    script = tmp_path.with_name("full.py")
    script.write_text(FULL)
    mount = f"mount -t tmpfs -o size=3m tmpfs '{tmp_path}' && exec '{sys.executable}' '{script}' '{tmp_path}'"
    result = subprocess.run(["unshare", "--mount", "sh", "-c", mount], capture_output=True, text=True, timeout=120)
    if "ermi" in result.stderr and "Traceback" not in result.stderr:
        optional("a small file system can't be mounted here", "running as root")
    assert result.returncode == 0, result.stderr
    assert "is full; nothing was changed. Free space there" in result.stdout


@pytest.fixture(autouse=True)
def _nothing_left_running() -> Iterator[None]:
    yield
    assert not [pid for pid in _children() if "writerprocess" in _command(pid)]


def _children() -> list[int]:
    text = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in text.read_text().split()] if text.exists() else []


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def test_surplus_counts_from_the_newest(folder: Path) -> None:
    layout = Layout(folder)
    assert [retention.surplus(layout, 3, keep) for keep in (1, 2, 3)] == [[1, 2], [1], []]
    assert version_at(folder, 2).triples == 2
    with hold(folder) as newest:
        assert newest.number == 3
