"""The zygote: a process with one thread that has the data in memory and forks workers which share it.

The front talks to it over a unix socket that keeps packets apart (SOCK_SEQPACKET), one JSON object a packet::

    {"do": "load", "path": folder of a version, "version": n}            → {"ready": n, "triples": …}
    {"do": "advance", "version": n, "delta": file}                       → {"ready": n, "triples": …}
    {"do": "fork", "source": "memory" | "disk" | "remote" | "none",
     "path": …, "network": bool, "limits": {"memory": …, "files": …, "nice": …}}
                                          → {"pid": …, "version": …} and descriptors: socket, pidfd, standard error
    {"do": "status"}                                                     → {"version": n | null, "lacks": […], …}

Each message has one reply, in order; one that can't be done has ``{"error": …, "detail": …, "facts": …}``. Unasked, the
front is told ``{"ended": pid, "status": wait status}``. Closing the socket ends the zygote, and with it its workers.
It never opens a store on disk, which would start threads, and with threads there is no safe fork: a child does, and
streams the quads.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import itertools
import json
import os
import select
import shutil
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

import pyoxigraph as ox

from vetgraph.engine import frames
from vetgraph.engine.confinement import Limits, follow_parent, keep_threads_small, lacking
from vetgraph.engine.deltas import Delta
from vetgraph.engine.hugepages import gather
from vetgraph.engine.scratch import scratch_folder
from vetgraph.engine.sources import StoreSource
from vetgraph.engine.worker import Source, disk_source, work
from vetgraph.errors import EngineError, StoreDamaged, VetgraphError

if TYPE_CHECKING:
    from vetgraph.engine.judging import Lore

PACKET: Final = 1 << 16
"""Bytes of the longest message."""

_BATCH: Final = 50_000
"""Quads that are loaded between two looks at workers that have ended."""

_REST: Final = 1.0
"""Seconds without anything to do after which changed data are put in order."""

_FAILED: Final = 70

Reply = tuple[dict[str, Any], list[int]]


class Zygote:
    """Answers the front's messages, forks workers, and tells which have ended."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._store: ox.Store | None = None
        self._version: int | None = None
        self._triples = 0
        self._lore: Lore | None = None
        self._scattered = False
        self._workers: dict[int, tuple[int, Path | None]] = {}
        self._poll = select.poll()
        self._poll.register(control, select.POLLIN)

    def run(self) -> None:
        """Serve until the front closes its end."""
        while True:
            ready = [descriptor for descriptor, _ in self._poll.poll(_REST * 1000 if self._scattered else None)]
            if not ready:
                # Forks are many times as quick where the data lie in huge pages.
                self._scattered = not gather(lambda: bool(self._poll.poll(0)))
            # Those that have ended first: serving reaps as well, and may give a number to another worker.
            for descriptor in ready:
                if descriptor in self._workers:
                    self._reap(descriptor)
            if self._control.fileno() in ready and not self._serve():
                return

    def _serve(self) -> bool:
        data = self._control.recv(PACKET)
        if not data:
            return False
        reply, descriptors = self._answered(json.loads(data))
        socket.send_fds(self._control, [json.dumps(reply).encode()], descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        return True

    def _answered(self, message: dict[str, Any]) -> Reply:
        does: dict[str, Callable[[dict[str, Any]], Reply]] = {
            "load": self._load,
            "advance": self._advance,
            "fork": self._fork,
            "status": self._status,
        }
        try:
            return does[message["do"]](message)
        except VetgraphError as error:
            told = error
        except MemoryError:
            told = EngineError("There is not memory enough for the data.")
        except Exception:
            traceback.print_exc()
            told = EngineError("The process that makes workers failed; the log says more.")
        return json.loads(frames.error_frame(told)[5:]), []

    def _status(self, message: Mapping[str, Any]) -> Reply:
        return {"version": self._version, "lacks": lacking(), "workers": len(self._workers)}, []

    # -- data -------------------------------------------------------------------------------------------------

    def _load(self, message: Mapping[str, Any]) -> Reply:
        """Take in a version from disk, in place of what there was."""
        self._store, self._version, self._lore = None, None, None
        # A thread's memory is apart from the main thread's. Workers, who are forked with the latter only, so take
        # theirs in one piece, and not in the gaps between data that they would have to copy for it.
        with _stream_of(str(message["path"])) as stream, ThreadPoolExecutor(1) as thread:
            store, self._lore = thread.submit(self._read, stream).result()
        self._triples = len(store)
        return self._now_at(store, int(message["version"]))

    def _read(self, stream: IO[bytes]) -> tuple[ox.Store, Lore | None]:
        graphs = json.loads(stream.readline() or b"[]")
        store = ox.Store()
        parser = ox.parse(stream, ox.RdfFormat.N_QUADS)
        for first in parser:
            store.bulk_extend(itertools.chain((first,), itertools.islice(parser, _BATCH)))
            self._reap_all()
        for name in graphs:
            store.add_graph(ox.NamedNode(name))
        return store, _lore_of(store)

    def _advance(self, message: Mapping[str, Any]) -> Reply:
        """Make the change of a delta, and be at another version."""
        if self._store is None:
            raise EngineError("There is no version in memory that could advance.")
        store, self._store, self._version = self._store, None, None
        delta = Delta.from_file(message["delta"])
        delta.apply(store)
        # A delta is net, and counting a store takes as long as reading it.
        self._triples += len(delta.added) - len(delta.removed)
        if self._lore is not None:
            self._lore.follow(delta, store)
        return self._now_at(store, int(message["version"]))

    def _now_at(self, store: ox.Store, version: int) -> Reply:
        self._store, self._version, self._scattered = store, version, True
        gc.collect()
        # What is here stays: workers that do not look at it do not copy it.
        gc.freeze()
        return {"ready": version, "triples": self._triples}, []

    # -- workers ----------------------------------------------------------------------------------------------

    def _fork(self, message: Mapping[str, Any]) -> Reply:
        source = self._source(message)
        ours, theirs = socket.socketpair()
        errors = os.memfd_create("stderr")
        parent = os.getpid()
        pid = os.fork()
        if not pid:
            ours.close()
            self._be_worker(parent, theirs, errors, source, message)
        theirs.close()
        pidfd = os.pidfd_open(pid)
        copy = scratch_folder(Path(message["path"]), pid) if message["source"] == "disk" else None
        self._workers[pidfd] = (pid, copy)
        self._poll.register(pidfd, select.POLLIN)
        return {"pid": pid, "version": self._version}, [ours.detach(), os.dup(pidfd), errors]

    def _source(self, message: Mapping[str, Any]) -> Callable[[], Source]:
        kind, path = message["source"], str(message.get("path", ""))
        if kind == "disk":
            return lambda: disk_source(path)
        if kind == "memory":
            if self._store is None:
                raise EngineError("There is no version in memory yet.")
            source = StoreSource(self._store, lore=self._lore)
            return lambda: source
        if kind == "remote":
            return lambda: _remote(path)
        return lambda: StoreSource(ox.Store())

    def _be_worker(
        self,
        parent: int,
        sock: socket.socket,
        errors: int,
        source: Callable[[], Source],
        message: Mapping[str, Any],
    ) -> NoReturn:
        """Be a worker, in the child; nothing of the zygote's own is left open."""
        with _child(parent):
            os.dup2(errors, 1)
            os.dup2(errors, 2)
            os.close(errors)
            self._control.close()
            for pidfd in self._workers:
                os.close(pidfd)
            limits = Limits(**message.get("limits", {}))
            work(sock, source, limits, network=bool(message.get("network")))
        os._exit(0)

    def _reap_all(self) -> None:
        for descriptor, _ in self._poll.poll(0):
            if descriptor in self._workers:
                self._reap(descriptor)

    def _reap(self, pidfd: int) -> None:
        """Take note of the end of a worker, and tell the front."""
        pid, copy = self._workers.pop(pidfd)
        self._poll.unregister(pidfd)
        os.close(pidfd)
        _, status = os.waitpid(pid, 0)
        if copy is not None:
            shutil.rmtree(copy, ignore_errors=True)
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            self._control.send(json.dumps({"ended": pid, "status": status}).encode())


def _lore_of(store: ox.Store) -> Lore | None:
    """Load what validations need, once for all workers. While this goes on, others answer already."""
    from vetgraph.engine.judging import prepared

    # Where the shapes are not in order, who asks for a validation is told.
    with contextlib.suppress(VetgraphError):
        return prepared(store)
    return None


def _remote(path: str) -> Source:
    # What speaks HTTP is loaded by the workers that do.
    from vetgraph.engine.remote import RemoteSource

    return RemoteSource(path)


@contextlib.contextmanager
def _child(parent: int) -> Iterator[None]:
    """Do something in a child that has just been forked, and end it whatever happens."""
    try:
        follow_parent(parent)
        signal.set_wakeup_fd(-1)
        yield
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(_FAILED)


@contextlib.contextmanager
def _stream_of(path: str) -> Iterator[IO[bytes]]:
    """Return a version's named graphs, as one line of JSON, and its N-Quads, from a child that has it open.

    Raises StoreDamaged where the child did not come to the end.
    """
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        with _child(parent), os.fdopen(writing, "wb", buffering=1 << 20) as stream:
            os.close(reading)
            _write_all(path, stream)
        os._exit(0)
    os.close(writing)
    try:
        with os.fdopen(reading, "rb", buffering=1 << 20) as stream:
            yield stream
        broken = False
    except SyntaxError:
        broken = True  # a line that was not written to its end
    finally:
        _, status = os.waitpid(pid, 0)
    if status or broken:
        raise StoreDamaged(f"The snapshot in {path} can't be read to its end; the log says more.", path=path)


def _write_all(path: str, stream: IO[bytes]) -> None:
    store = ox.Store.read_only(path)
    graphs = [graph.value for graph in store.named_graphs() if isinstance(graph, ox.NamedNode)]
    stream.write(json.dumps(graphs).encode() + b"\n")
    store.dump(stream, ox.RdfFormat.N_QUADS)


def main() -> None:
    """Be the zygote of the front that has started this process."""
    parser = argparse.ArgumentParser(prog="python -m vetgraph.engine.zygote")
    parser.add_argument("--fd", type=int, required=True)
    options = parser.parse_args()
    follow_parent(os.getppid())
    keep_threads_small()
    # The front ends it by closing the socket: what a terminal sends to the whole group is not for a zygote.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=options.fd) as control, contextlib.suppress(ConnectionError):
        Zygote(control).run()


if __name__ == "__main__":
    main()
