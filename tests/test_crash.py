"""Killed anywhere, anytime: the store is whole, every acknowledged write is there, no half write is.

Writer processes are killed with SIGKILL at each fail point, and at random moments while two of them write to one
store. Each write replaces the triples of one generation by those of the next, so that a half write shows. The real
server is killed in the same way in ``test_crash_server.py``. ``TEST_CRASHES`` sets how many random kills there are.
"""

from __future__ import annotations

import gzip
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pyoxigraph as ox
import pytest

from vetgraph import building
from vetgraph.engine import frames
from vetgraph.engine.deltas import Delta
from vetgraph.engine.failpoints import POINTS
from vetgraph.engine.history import History, Intent
from vetgraph.engine.writer import Writer
from vetgraph.errors import DiskFull
from vetgraph.store import open_store
from vetgraph.versions import Layout, current_version, published

REQUIRED = os.environ.get("TEST_OPTIONAL") == "required"
KILLS = int(os.environ.get("TEST_CRASHES", "500" if REQUIRED else "20"))
SIZE = 12
"""Triples of a generation."""
KEEP = 3
GENERATION = ox.NamedNode("urn:generation")


def generation(chain: str, number: int) -> tuple[ox.Quad, ...]:
    """The triples that a chain of writes leaves after its n-th write; before the first there are none."""
    graph = ox.NamedNode(f"urn:chain:{chain}")
    return tuple(
        ox.Quad(ox.NamedNode(f"urn:{chain}:{each}"), GENERATION, ox.Literal(number), graph)
        for each in range(SIZE if number else 0)
    )


def found(folder: Path, chain: str) -> int:
    """The generation that a reader finds, which is there as a whole and alone."""
    store = open_store(folder)
    quads = set(store.engine.quads_for_pattern(None, GENERATION, None, ox.NamedNode(f"urn:chain:{chain}")))
    number = max((int(quad.object.value) for quad in quads), default=0)
    assert quads == set(generation(chain, number)), "a half write"
    assert len(store.engine) == store.version.triples
    return number


class Process:
    """A writer process, spoken to as the front does."""

    def __init__(self, folder: Path, failpoint: str = "") -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vetgraph.engine.writerprocess", str(folder), "--keep", str(KEEP)],
                stdin=theirs,
                env={**os.environ, "FAILPOINT": failpoint},
            )
        self.channel = frames.Channel(ours)

    def commit(self, delta: Delta, id_: str) -> int | None:
        """Ask for a write; return the version that is acknowledged, or None where the process died first."""
        head = {"do": "commit", "id": id_, "intent": asdict(Intent("update", "a test"))}
        try:
            self.channel.send(frames.json_frame(frames.JOB, head, delta.to_bytes()))
            answer = self.channel.receive()
        except (OSError, EOFError):
            return None
        if answer is None:
            return None
        if answer[0] == frames.ERROR:
            raise frames.error_of(answer[1])
        return int(frames.split(answer[1])[0]["version"]["number"])

    def kill(self, after: float = 0.0) -> None:
        time.sleep(after)
        self.process.send_signal(signal.SIGKILL)

    def close(self) -> int:
        self.channel.socket.close()
        return self.process.wait(timeout=30)

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Chain:
    """Somebody who writes one generation after the other, and remembers what was acknowledged."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.reached = 0
        self.asked = ""
        self.versions: dict[str, int] = {}

    def write(self, process: Process) -> bool:
        """Write the next generation; return whether that was acknowledged."""
        self.asked = self.asked or uuid.uuid4().hex
        delta = Delta(generation(self.name, self.reached + 1), generation(self.name, self.reached))
        version = process.commit(delta, self.asked)
        if version is None:
            return False
        assert self.asked not in self.versions, "one write made two versions"
        self.versions[self.asked] = version
        self.reached, self.asked = self.reached + 1, ""
        return True

    def check(self) -> None:
        """What was acknowledged is there; what was not may be, as a whole."""
        number = found(self.folder, self.name)
        assert number in (self.reached, self.reached + (1 if self.asked else 0)), "an acknowledged write is lost"


def check_tidy(folder: Path, *chains: Chain) -> None:
    """After recovery: history, versions and pointer agree, and nothing is left over."""
    newest = published(folder) or 0
    layout = Layout(folder)
    with History(folder) as history:
        entries = {entry.version.number: entry.version for entry in history.versions()}
        assert sorted(entries) == list(range(1, newest + 1))
        assert all(version.parent == (number - 1 or None) for number, version in entries.items())
        assert current_version(folder) == entries[newest]
        assert not [write for write in history.journal() if write.state == "open"]
        for chain in chains:
            for id_, number in chain.versions.items():
                assert history.published(id_) == number
    names = {path.name for path in folder.iterdir()}
    known = {"current", "deltas", "lock", "lock.json", "queue", "primary", "versions", "vetgraph.db"}
    assert names <= known | {"vetgraph.db-wal", "vetgraph.db-shm"}
    kept = range(newest - KEEP + 1, newest + 1)
    there = {path.name for path in layout.versions.iterdir()}
    needed = {f"{number}{end}" for number in kept if number > 0 for end in ("", ".json", ".use")}
    assert needed <= there <= needed | {f"{number}.delta.gz" for number in kept}
    # What versions that are gone had changed is still there, whole.
    past = {path.name: Delta.from_bytes(gzip.decompress(path.read_bytes())) for path in folder.glob("deltas/*")}
    assert set(past) <= {f"{number}.delta.gz" for number in range(1, newest - KEEP + 1)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with an empty version."""
    building.begin(tmp_path / "store")
    return tmp_path / "store"


def settle(folder: Path, *chains: Chain) -> None:
    """Finish what is under way, in a process that nobody kills, and look at everything."""
    with Process(folder) as process:
        for chain in chains:
            assert chain.write(process)
            assert found(folder, chain.name) == chain.reached
        assert process.close() == 0
    check_tidy(folder, *chains)


def test_two_writers_killed_at_random_lose_nothing(folder: Path) -> None:
    chains = [Chain(folder, "a"), Chain(folder, "b")]
    faults: list[BaseException] = []

    def suffer(chain: Chain, kills: int, chance: random.Random) -> None:
        try:
            for _ in range(kills):
                with Process(folder) as process:
                    # Half of the kills come while the process starts and puts things right, half while it writes.
                    if early := chance.random() < 0.5:
                        threading.Thread(target=process.kill, args=(chance.uniform(0.05, 0.25),)).start()
                    while chain.write(process):
                        if not early:
                            early = True
                            threading.Thread(target=process.kill, args=(chance.uniform(0, 0.06),)).start()
                    chain.check()
                    assert process.close() == -signal.SIGKILL
        except BaseException as fault:
            faults.append(fault)

    threads = [
        threading.Thread(target=suffer, args=(chain, KILLS // 2, random.Random(seed)))
        for seed, chain in enumerate(chains)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fault in faults:
        raise fault
    settle(folder, *chains)
    assert min(chain.reached for chain in chains) > 0


BEFORE = POINTS[: POINTS.index("pointer-moved")]


@pytest.fixture
def warm(folder: Path) -> Iterator[Chain]:
    """A chain of writes with as many versions as are kept, so that the next write removes one."""
    chain = Chain(folder, "a")
    with Process(folder) as process:
        for _ in range(KEEP):
            assert chain.write(process)
        assert process.close() == 0
    yield chain
    settle(folder, chain)


@pytest.mark.parametrize("point", POINTS)
def test_death_at_each_step_of_a_write(folder: Path, warm: Chain, point: str) -> None:
    if point == "primary-copied":
        # Without the working copy the write makes it anew: one step more in which to die.
        with Writer.open(folder, keep=KEEP) as writer:
            writer._primary.discard()
    with Process(folder, failpoint=point) as process:
        answered = warm.write(process)
        assert process.close() == -signal.SIGKILL
    assert answered is (POINTS.index(point) >= POINTS.index("answered"))
    warm.check()
    if not answered:
        assert found(folder, "a") == warm.reached + (0 if point in BEFORE else 1)


@pytest.mark.parametrize("point", BEFORE)
def test_a_full_disk_at_each_step_of_a_write(folder: Path, warm: Chain, point: str, tmp_path: Path) -> None:
    with Writer.open(folder, keep=KEEP) as writer:
        writer._primary.discard()
    armed = tmp_path / "failpoint"
    armed.write_text(f"{point}=full")
    with Process(folder, failpoint=f"@{armed}") as process:
        with pytest.raises(DiskFull, match=r"is full; nothing was changed\. Free space"):
            warm.write(process)
        assert not armed.exists()
        assert found(folder, "a") == warm.reached
        assert warm.write(process)
        assert process.close() == 0


@pytest.mark.parametrize("point", ["primary-copied", "flushed", "checkpoint-made", "version-recorded", "pointer-moved"])
def test_death_in_a_large_load(folder: Path, warm: Chain, point: str, tmp_path: Path) -> None:
    data = tmp_path / "large.nt"
    data.write_text("".join(f'<urn:s{each}> <urn:p> "{"x" * 90}{each}" .\n' for each in range(80_000)))
    with Writer.open(folder, keep=KEEP) as writer:
        writer._primary.discard()
    before = published(folder)
    command = [sys.executable, "-m", "vetgraph", "load", str(data), "--graph", "urn:large", "--store", str(folder)]
    killed = subprocess.run(command, env={**os.environ, "FAILPOINT": point}, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    there = point == "pointer-moved"
    assert published(folder) == before + there
    assert open_store(folder).version.counts.get("urn:large", 0) == 80_000 * there
