"""The servers that are compared: how each is loaded, started and asked. All hold the same triples.

Ours and native Oxigraph hold the N-Quads and answer over the union of graphs; rdflib-endpoint and Virtuoso are given
the N-Triples as one graph, which spares them the union. Limits that would cut answers off are lifted everywhere.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from benchmarks import load, machine, mix
from benchmarks.load import Endpoint, TooSlow

LOADED: Final = "loaded.json"
READY: Final = "SELECT ?property ?value WHERE {{ <{}> ?property ?value }}"


class Unstarted(Exception):
    """A server could not be loaded or started; the text says why, with the end of its log."""


@dataclass(frozen=True)
class Place:
    """Where the data and the stores of one size lie, and which thing tells that a server is ready."""

    folder: Path
    subject: str

    @property
    def quads(self) -> Path:
        """The data as N-Quads."""
        return self.folder / "data.nq"

    @property
    def triples(self) -> Path:
        """The same triples without graphs."""
        return self.folder / "data.nt"


@dataclass
class Running:
    """A server that answers. ``seconds`` is how long it took from the start of the process to the first answer."""

    process: subprocess.Popen[bytes]
    port: int
    seconds: float
    stop: Callable[[], None] = field(repr=False)

    def memory(self) -> int:
        """Return the memory of its processes together, in bytes."""
        return machine.memory(machine.tree(self.process.pid))


@dataclass(frozen=True)
class Options:
    """What the caller decides: folders to look for programs in, settings of our server, seconds for a start."""

    folders: Sequence[Path] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    patience: float = 600

    def find(self, program: str) -> str | None:
        """Return where a program is: in one of the folders, beside this Python, or on the path."""
        folders = [*map(str, self.folders), str(Path(sys.executable).parent), os.environ.get("PATH", "")]
        return shutil.which(program, path=os.pathsep.join(folders))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server(ABC):
    """One server: its name, how it is installed, loaded, started and asked."""

    name: ClassVar[str]
    title: ClassVar[str]
    program: ClassVar[str]
    install: ClassVar[str]
    path: ClassVar[str] = "/query"
    more: ClassVar[tuple[tuple[str, str], ...]] = ()
    graphs: ClassVar[bool] = True
    """Whether it is given N-Quads; N-Triples otherwise."""
    parallel: ClassVar[bool] = True
    """Whether it computes on several processors at once."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def found(self) -> str:
        """Where its program is. Raises Unstarted with a line that says how to install it."""
        found = self.options.find(self.program)
        if found is None:
            raise Unstarted(f"{self.title}: {self.program} is not here; install it with: {self.install}")
        return found

    @abstractmethod
    def version(self) -> str:
        """Return the version that is installed."""

    def load(self, place: Place) -> None:
        """Load the data into a store on disk, where the server has one and it is not loaded yet."""
        marker = self.folder(place) / LOADED
        if not marker.exists():
            shutil.rmtree(self.folder(place))
            started = time.perf_counter()
            self.fill(place)
            seconds = time.perf_counter() - started
            marker.write_text(json.dumps({"seconds": seconds, "bytes": _size(self.folder(place))}), "utf-8")

    def loaded(self, place: Place) -> dict[str, float]:
        """Return how long loading took (s) and how much room it takes on disk (bytes), where it is on disk."""
        told = json.loads((self.folder(place) / LOADED).read_text("utf-8"))
        return {"load": told["seconds"], "disk": told["bytes"]} if told["bytes"] else {}

    def fill(self, place: Place) -> None:  # noqa: B027 - servers that keep nothing on disk load as they start
        """Fill an empty store on disk with the data."""

    @abstractmethod
    def command(self, place: Place, port: int) -> list[str]:
        """Return the command that starts it."""

    def environment(self, place: Place) -> dict[str, str]:
        """Return the environment that it runs in."""
        return {name: value for name, value in os.environ.items() if not name.startswith("VETGRAPH_")}

    def prepare(self, place: Place, port: int) -> None:  # noqa: B027 - most servers need nothing
        """Do what is needed once the process runs, before it can answer."""

    def endpoint(self, port: int, accept: str, headers: Mapping[str, str] | None = None) -> Endpoint:
        """Return where and with which headers to ask."""
        return Endpoint(port, self.path, {"Accept": accept, **(headers or {})})

    def address(self, text: str) -> str:
        """Return what follows the endpoint's path in a request for a query."""
        return mix.address(text, self.more)

    def text(self, text: str) -> str:
        """Return a query as this server must be asked, so that it means what the others understand."""
        return text

    def start(self, place: Place) -> Running:
        """Start it and wait until it answers a look-up. Raises Unstarted."""
        self.load(place)
        port, log = free_port(), place.folder / f"{self.name}.log"
        with log.open("wb") as stream:
            started = time.perf_counter()
            process = subprocess.Popen(  # noqa: S603 - our own command
                self.command(place, port),
                env=self.environment(place),
                cwd=self.folder(place),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
            )
        try:
            self.prepare(place, port)
            self._await(place, port, process)
        except (OSError, subprocess.SubprocessError, TimeoutError) as problem:
            self.stop(process, port)
            raise Unstarted(f"{self.title} does not answer: {problem} {_end_of(log)}") from None
        return Running(process, port, time.perf_counter() - started, lambda: self.stop(process, port))

    def folder(self, place: Place) -> Path:
        """Return the folder of its store."""
        folder = place.folder / self.name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def stop(self, process: subprocess.Popen[bytes], port: int) -> None:
        """End it and whatever it started."""
        pids = machine.tree(process.pid)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        process.wait(timeout=20)

    def await_port(self, port: int) -> None:
        """Wait until somebody listens on a port. Raises TimeoutError."""
        ends = time.monotonic() + self.options.patience
        while time.monotonic() < ends:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.002)
        raise TimeoutError(f"nobody listens within {self.options.patience:g} s")

    def _await(self, place: Place, port: int, process: subprocess.Popen[bytes]) -> None:
        endpoint = self.endpoint(port, "application/sparql-results+json")
        address = self.address(READY.format(place.subject))
        ends = time.monotonic() + self.options.patience
        while time.monotonic() < ends:
            if process.poll() is not None:
                raise OSError(f"the process ended with {process.returncode}")
            with contextlib.suppress(OSError, TooSlow, http.client.HTTPException):
                answer = load.fetch(endpoint, address, self.options.patience)
                if answer.status == http.client.OK and _says_something(answer.body):
                    return
            time.sleep(0.002)
        raise TimeoutError(f"not within {self.options.patience:g} s")

    def run(self, *command: str, place: Place | None = None) -> str:
        """Run a command of its own to the end; return what it says. Raises Unstarted."""
        own = self.environment(place) if place else None
        done = subprocess.run(command, capture_output=True, text=True, env=own, check=False)  # noqa: S603
        if done.returncode:
            raise Unstarted(f"{self.title}: {' '.join(command)} failed: {(done.stderr or done.stdout).strip()[-500:]}")
        return done.stdout.strip() or done.stderr.strip()


def _says_something(body: bytes) -> bool:
    """Return whether an answer has rows: the data are there, not just the server."""
    try:
        return bool(json.loads(body)["results"]["bindings"])
    except (ValueError, KeyError, TypeError):
        return False


def _size(folder: Path) -> int:
    """Return how much room the files of a folder take, each file with several names once."""
    return sum({one.stat().st_ino: one.stat().st_size for one in folder.rglob("*") if one.is_file()}.values())


def _end_of(log: Path) -> str:
    """Return the last lines of a log."""
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return "its log ends: " + " / ".join(lines[-3:]) if lines else "Its log is empty."
