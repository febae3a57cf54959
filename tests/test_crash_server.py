"""The real server is killed with SIGKILL, again and again, while it is written to: nothing acknowledged is lost.

Two clients write by HTTP at the same time, and now and then another process writes to the same store. Killed are the
writer, at random moments and at each of its fail points, the front, and the whole tree of processes at once.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from vetgraph import building
from vetgraph.engine.deltas import Delta
from vetgraph.engine.failpoints import POINTS
from vetgraph.engine.history import History, Intent
from vetgraph.engine.writer import Writer
from vetgraph.store import open_store
from vetgraph.versions import current_version, published

REQUIRED = os.environ.get("TEST_OPTIONAL") == "required"
KILLS = int(os.environ.get("TEST_CRASHES", "500" if REQUIRED else "20"))
TOKEN = "a-token-for-tests"
SIZE = 12
STARTS = ("lock-taken", "leftovers-removed", "primary-copied")
"""Fail points that only a writer which starts comes to."""
NEXT = ("primary-closed",)
"""Fail points that only a writer which makes room for another comes to."""

Start = Callable[..., AbstractContextManager[Any]]


def statements(chain: str, number: int) -> str:
    """The triples of a generation, as SPARQL and as the store has them."""
    return " ".join(f"<urn:{chain}:{each}> <urn:generation> {number} ." for each in range(SIZE if number else 0))


def found(folder: Path, chain: str) -> int:
    """The generation that a reader finds, which is there as a whole and alone."""
    store = open_store(folder)
    quads = list(store.engine.quads_for_pattern(None, None, None, ox.NamedNode(f"urn:chain:{chain}")))
    numbers = {quad.object.value for quad in quads}
    assert len(numbers) <= 1, "two generations at once"
    assert len(quads) == SIZE * len(numbers), "half a generation"
    assert len(store.engine) == store.version.triples
    return int(min(numbers, default="0"))


class Client:
    """Somebody who writes one generation after the other by HTTP, for as long as the test goes on."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.url = ""
        self.reached = 0
        self.refused: list[int] = []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self.stop.is_set():
            if self.write(self.reached + 1):
                self.reached += 1
            else:
                # No answer, or none that says it is done: it may have happened, so it is asked for again.
                time.sleep(0.01)

    def write(self, number: int) -> bool:
        graph = f"GRAPH <urn:chain:{self.name}>"
        old, new = statements(self.name, number - 1), statements(self.name, number)
        update = f"DELETE DATA {{ {graph} {{ {old} }} }} ; INSERT DATA {{ {graph} {{ {new} }} }}"
        request = urllib.request.Request(
            f"{self.url}/sparql",
            urllib.parse.urlencode({"update": update}).encode(),
            {"Authorization": f"Bearer {TOKEN}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return bool(answer.status == 200 and answer.read())
        except urllib.error.HTTPError as error:
            self.refused.append(error.code)
            error.close()
            return False
        except OSError:
            return False

    def check(self) -> None:
        """What was acknowledged before the look is there, and nothing that nobody asked for."""
        low = self.reached
        number = found(self.folder, self.name)
        assert low <= number <= self.reached + 1, "an acknowledged write is lost"


def tree(pid: int) -> list[int]:
    """A process and all that came of it, the youngest last."""
    pids = [pid]
    for parent in pids:
        with suppress(OSError):
            for task in Path(f"/proc/{parent}/task").iterdir():
                pids += [int(child) for child in (task / "children").read_text().split()]
    return pids


def command(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text()
    return ""


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def until(what: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.005)


class Service:
    """A server on one store that is killed and, where nobody else does it, started again."""

    def __init__(self, start: Start, folder: Path, armed: Path, clients: list[Client]) -> None:
        self._start, self.folder, self.armed, self.clients = start, folder, armed, clients
        self._stack = ExitStack()
        self.server: Any = None

    def start(self) -> None:
        self._stack.close()
        options = ("--store", str(self.folder))
        variables = {"VETGRAPH_ADMIN_TOKEN": TOKEN, "VETGRAPH_KEEP_VERSIONS": "3", "FAILPOINT": f"@{self.armed}"}
        self.server = self._stack.enter_context(self._start(*options, **variables))
        for client in self.clients:
            client.url = str(self.server)

    def stop(self) -> None:
        self._stack.close()

    def writers(self) -> list[int]:
        return [pid for pid in tree(self.server.process.pid) if "writerprocess" in command(pid)]

    def kill_writer(self) -> None:
        until(self.writers)
        kill(self.writers())

    def strike(self, point: str) -> None:
        """Have the writer die at a point, as soon as it comes there."""
        self.armed.write_text(point)
        if point in STARTS:
            self.kill_writer()
        if point in NEXT:
            self.write_beside()
        until(lambda: not self.armed.exists())

    def write_beside(self) -> None:
        """Write from another process than the server's: this one."""
        with Writer.open(self.folder, wait=60) as writer:
            quad = ox.Quad(ox.NamedNode("urn:beside"), ox.NamedNode("urn:p"), ox.Literal(random.random()))
            writer.commit(Delta((quad,)), Intent("load", "another process"))

    def kill_front(self) -> None:
        first = tree(self.server.process.pid)
        kill(first[1:2])
        until(lambda: not any(command(pid) for pid in first[1:]))

    def kill_all(self) -> None:
        pids = tree(self.server.process.pid)
        random.shuffle(pids)
        kill(pids)
        until(lambda: not any(command(pid) for pid in pids if pid != self.server.process.pid))
        self.start()


@pytest.fixture
def service(start_server: Start, tmp_path: Path) -> Iterator[Service]:
    folder = tmp_path / "store"
    building.begin(folder)
    clients = [Client(folder, name) for name in ("a", "b")]
    service = Service(start_server, folder, tmp_path / "failpoint", clients)
    service.start()
    with _running(clients):
        yield service
    service.stop()


@contextmanager
def _running(clients: list[Client]) -> Iterator[None]:
    for client in clients:
        client.thread.start()
    try:
        yield
    finally:
        for client in clients:
            client.stop.set()
        for client in clients:
            client.thread.join()


def plan(number: int) -> str:
    """What is killed: mostly the writer, at any moment or at a fail point; the rest takes longer to come back."""
    if number % 20 in (7, 14):
        return "front" if number % 20 == 7 else "all"
    return POINTS[number // 3 % len(POINTS)] if number % 3 == 0 else "writer"


def test_a_server_killed_at_any_moment_loses_nothing_acknowledged(service: Service) -> None:
    chance = random.Random(20261122)
    for number in range(KILLS):
        time.sleep(chance.uniform(0, 0.08))
        before = [client.reached for client in service.clients]
        match plan(number):
            case "writer":
                service.kill_writer()
            case "front":
                service.kill_front()
            case "all":
                service.kill_all()
            case point:
                service.strike(point)
        for client, reached in zip(service.clients, before, strict=True):
            client.check()
            # It goes on: at least the write under way when it was killed, and one more.
            until(lambda client=client, reached=reached: client.reached > reached + 1)  # type: ignore[misc]
    check(service)


def check(service: Service) -> None:
    """At the end, the server says what the store holds, and nothing has piled up."""
    for client in service.clients:
        client.stop.set()
        client.thread.join()
        assert set(client.refused) <= {500, 503}, client.refused
        text = f"SELECT DISTINCT ?n WHERE {{ GRAPH <urn:chain:{client.name}> {{ ?s <urn:generation> ?n }} }}"
        address = f"{service.server}/sparql?{urllib.parse.urlencode({'query': text})}"
        request = urllib.request.Request(address, headers={"Accept": "text/csv"})

        def told(request: urllib.request.Request = request) -> list[str]:
            with urllib.request.urlopen(request) as answer:
                return answer.read().decode().split()

        until(lambda: told() == ["n", str(found(service.folder, client.name))])  # noqa: B023
        client.check()
    service.stop()
    with Writer.open(service.folder, keep=3):
        pass
    newest = published(service.folder) or 0
    with History(service.folder) as history:
        entries = history.versions()
        assert [entry.version.number for entry in entries] == list(range(newest, 0, -1))
        assert entries[0].version == current_version(service.folder)
        assert not [write for write in history.journal() if write.state == "open"]
    names = {path.name.partition(".")[0] for path in (service.folder / "versions").iterdir()}
    assert names == {str(number) for number in range(newest - 2, newest + 1)}
