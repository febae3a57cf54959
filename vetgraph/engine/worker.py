"""A worker: a process that does one job at a time, may be killed at any moment, and has no way out.

It reads a job, evaluates it on a stack that deep nesting does not soon overflow, and sends the answer.
Forked by a zygote it has the data in memory, or opens a version on disk; where there is no fork, it is started as
``python -m vetgraph.engine.worker --fd N --path FOLDER``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import pyoxigraph as ox

from vetgraph.engine import frames
from vetgraph.engine.answering import PLAN, Answers, answer
from vetgraph.engine.confinement import Limits, Stage, confine, follow_parent, keep_threads_small, limit_memory
from vetgraph.engine.deltas import Delta
from vetgraph.engine.diagnosis import out_of_memory
from vetgraph.engine.frames import Channel
from vetgraph.engine.jobs import FetchJob, FollowJob, Job, QueryJob, StoreJob, UpdateJob, ValidateJob, decoded
from vetgraph.engine.scratch import copy_of
from vetgraph.engine.sources import Broken, StoreSource
from vetgraph.errors import EngineError, StoreDamaged, UnsupportedQuery, VetgraphError
from vetgraph.versions import hold

LAST: Final = {"last": True}
"""Added to a reply by a worker that ends with it."""


WARMING: Final = QueryJob("SELECT * { ?s ?p ?o } LIMIT 1")


class _Nowhere(Channel):
    """A channel for an answer that nobody wants."""

    def __init__(self) -> None:
        self.send = lambda data, flags=0: None


class Source(Answers, Protocol):
    """Where answers and changes come from."""

    def change(self, job: UpdateJob | StoreJob) -> tuple[Mapping[str, Any], bytes]:
        """Return what a change is: the head of the answer, and the net delta; or where it is made at once, nothing."""


class Worker:
    """Serves the jobs that come through a channel, one after the other, until it closes."""

    def __init__(self, channel: Channel, source: Source, limits: Limits) -> None:
        self._channel, self._source, self._limits = channel, source, limits
        self._stage: Stage | None = None

    def serve(self) -> None:
        """Serve until the channel closes or a job leaves this process in a state to be thrown away."""
        self._stage = Stage()
        self._stage.set(PLAN)
        try:
            self._warm(self._stage)
            while (got := self._channel.receive()) is not None and self._serve(decoded(got[1])):
                self._stage.set(PLAN)
        except (BrokenPipeError, ConnectionError, EOFError):
            return  # the front is gone, or wants no more

    def _warm(self, stage: Stage) -> None:
        """Answer a query for nobody: a process's first takes five times as long as its second.

        Where the data can't be read, whoever asks is told.
        """
        with contextlib.suppress(Exception):
            if isinstance(self._source, StoreSource):
                answer(self._source, WARMING, _Nowhere(), stage)
        stage.set(PLAN)

    def _serve(self, job: Job) -> bool:
        """Do a job; return whether this process can do another one."""
        assert self._stage is not None
        # What a change has done to a store in memory is not undone.
        last = not isinstance(job, QueryJob)
        try:
            if isinstance(job, QueryJob):
                answer(self._source, job, self._channel, self._stage)
            elif isinstance(job, FollowJob):
                self._follow(job)
                last = False
            else:
                head, data = self._done(job)
                self.reply({**head, **LAST}, data)
        except (BrokenPipeError, ConnectionError):
            raise
        except VetgraphError as error:
            self._refuse(error, last=last)
        except MemoryError:
            last = True
            self._refuse(out_of_memory(self._limits.memory), last=last)
        except RecursionError:
            self._refuse(UnsupportedQuery("The text is nested too deeply to be read."), last=last)
        except Exception:
            last = True
            traceback.print_exc()
            self._refuse(EngineError("The service failed on this request; its log says more."), last=last)
        return not last

    def _follow(self, job: FollowJob) -> None:
        """Be at a later version, as nobody else changes this process's data."""
        if not isinstance(self._source, StoreSource):
            raise EngineError("This worker has no data that could follow.")
        self._source.follow([Delta.from_file(path) for path in job.deltas])
        self.reply({}, b"")

    def _done(self, job: Job) -> tuple[Mapping[str, Any], bytes]:
        """Do a job other than a query; return the head of its answer and the data."""
        if isinstance(job, FetchJob):
            # What speaks HTTP is loaded by the few workers that do.
            from vetgraph.engine import federation

            return federation.fetch(job)
        if isinstance(job, ValidateJob):
            return self._judged(job)
        assert isinstance(job, UpdateJob | StoreJob)
        return self._source.change(job)

    def _judged(self, job: ValidateJob) -> tuple[Mapping[str, Any], bytes]:
        if isinstance(self._source, StoreSource | Broken):
            return self._source.judge(job)
        from vetgraph.engine.judging import judged_elsewhere

        return judged_elsewhere(job, self._source)

    def reply(self, head: Mapping[str, Any], data: bytes) -> None:
        """Send an answer that is there in full."""
        send = self._channel.send
        if len(data) <= frames.CHUNK:
            send(frames.json_frame(frames.WHOLE, head, data))
            return
        send(frames.json_frame(frames.HEAD, {name: value for name, value in head.items() if name not in LAST}))
        for start in range(0, len(data), frames.CHUNK):
            send(frames.frame(frames.DATA, data[start : start + frames.CHUNK]))
        send(frames.json_frame(frames.END, {name: value for name, value in head.items() if name in LAST}))

    def _refuse(self, error: VetgraphError, *, last: bool) -> None:
        self._channel.send(frames.error_frame(error, last=last))


def work(sock: socket.socket, source: Callable[[], Source], limits: Limits, *, network: bool = False) -> None:
    """Be a worker, until the socket closes. To be called by the only thread of a process.

    ``source`` is called within the confinement, so that what it opens is bounded as well.
    """
    confine(limits, network=network)
    channel = Channel(sock)
    found: Source
    try:
        found = source()
    except VetgraphError as error:
        found = Broken(error)
    limit_memory(limits.memory)
    Worker(channel, found, limits).serve()


def disk_source(path: str) -> Source:
    """Return a source on a version on disk, which stays there for as long as this process lives.

    Raises StoreDamaged where it can't be read, NotFound where it is gone.
    """
    folder = Path(path)
    held = hold(folder.parent.parent, int(folder.name))
    try:
        source = StoreSource(ox.Store.read_only(path), lambda: copy_of(folder))
    except (OSError, ValueError, RuntimeError) as problem:
        raise StoreDamaged(f"The snapshot in {path} can't be opened ({problem}).", path=path) from None
    _HELD.append(held)
    return source


_HELD: Final[list[object]] = []


def main() -> None:
    """Be a worker that was started as a program."""
    parser = argparse.ArgumentParser(prog="python -m vetgraph.engine.worker")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--memory", type=int, default=Limits.memory)
    parser.add_argument("--network", action="store_true")
    options = parser.parse_args()
    follow_parent(os.getppid())
    keep_threads_small()
    limits = Limits(memory=options.memory)
    with socket.socket(fileno=options.fd) as sock:
        work(sock, lambda: disk_source(options.path), limits, network=options.network)


if __name__ == "__main__":
    main()
