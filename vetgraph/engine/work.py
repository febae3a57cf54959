"""A job under way, its answer as it comes, and the worker that does it: what the pool moves about."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from vetgraph.engine import frames
from vetgraph.engine.backend import Answer, Caller, End
from vetgraph.engine.nursery import Spawned
from vetgraph.engine.running import WAITING, Running, cpu_of, memory_of, stage_of
from vetgraph.engine.scheduling import Pace
from vetgraph.errors import Cancelled, EngineError, VetgraphError

AHEAD: Final = 1 << 20
"""Bytes of an answer that are taken from a worker ahead of its reader."""

AHEAD_WHEN_FULL: Final = 1 << 17
"""The same, once all answers together have taken their share."""

SHARE: Final = 48 << 20
"""Bytes that all answers together may hold ahead of their readers before each gets less."""

SOFT: Final = 0.03
"""Seconds before the deadline at which a worker brings its answer to an end by itself."""


class Source:
    """Where workers of one version come from. ``released`` is called once the last of them is gone for good.

    Where its workers can follow to the ``next`` source, ``way`` is the job that brings them there.
    """

    def __init__(
        self,
        number: int,
        fork: Callable[[], Awaitable[Spawned]],
        *,
        released: Callable[[], None] | None = None,
        lasting: bool = True,
    ) -> None:
        self.number = number
        self.fork = fork
        self.lasting = lasting
        self.idle: tuple[list[Worker], ...] = ()
        self.wanting: deque[Run] = deque()
        self.coming = 0
        self.alive = 0
        self.retired = False
        self.used = False
        self.failures = 0
        self.next: Source | None = None
        self.way = b""
        self._released = released

    def leave(self) -> None:
        """Take note of a worker that is gone, or of the retirement of the source."""
        if self.retired and not self.alive and not self.coming and self._released:
            released, self._released = self._released, None
            released()


class Whole(Answer):
    """An answer that came in one piece."""

    __slots__ = ()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self.whole is not None
        if self.whole:
            yield self.whole

    def close(self) -> None:
        """All has come: nothing to give up."""


class Reservoir:
    """Counts the bytes that all answers together hold ahead of their readers."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = 0

    @property
    def ahead(self) -> int:
        """Bytes that one answer may hold now."""
        return AHEAD if self.held < SHARE else AHEAD_WHEN_FULL


class Streamed(Answer):
    """An answer that comes in pieces, a bounded number of bytes ahead of its reader.

    ``hurry`` lifts the bound, so that a worker at its deadline can end what it has begun.
    """

    __slots__ = ("_chunks", "_failure", "_held", "_reservoir", "_run", "_waiter", "hurry", "paused_since")

    def __init__(self, run: Run, head: dict[str, Any], reservoir: Reservoir) -> None:
        super().__init__(run.caller.id, head.get("kind", ""), head.get("media", ""), run.source.number)
        self._run = run
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._reservoir = reservoir
        self._failure: VetgraphError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.paused_since = 0.0
        self.hurry = False

    def feed(self, data: bytes) -> None:
        """Take bytes from the worker; pause it where the reader does not keep up."""
        self._chunks.append(data)
        self._held += len(data)
        self._reservoir.held += len(data)
        if self._held > self._reservoir.ahead and not self.hurry and not self.paused_since:
            self.paused_since = time.monotonic()
            self._run.pause()
        self._wake()

    def finish(self, end: End) -> None:
        """Take note that all bytes are there."""
        self.end = end
        self._wake()

    def fail(self, error: VetgraphError) -> None:
        """Take note that no more bytes will come."""
        if self.end is None and self._failure is None:
            self._failure = error
            self._wake()

    def flow(self) -> None:
        """Let the worker go on whatever is held: it is about to end."""
        self.hurry = True
        self._resume()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while True:
                while self._chunks:
                    yield self._next()
                if self._failure is not None:
                    raise self._failure
                if self.end is not None:
                    return
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """Forget what is held and end the worker, if it is still at it."""
        self._reservoir.held -= self._held
        self._held = 0
        self._chunks.clear()
        if self.end is None and self._failure is None:
            self._failure = Cancelled("The answer is no longer wanted.")
            self._run.give_up(self._failure)

    def _next(self) -> bytes:
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        self._reservoir.held -= len(chunk)
        if self.paused_since and self._held <= self._reservoir.ahead // 2:
            self._resume()
        return chunk

    def _resume(self) -> None:
        if self.paused_since:
            self.paused_since = 0.0
            self._run.resume()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Keeper(Protocol):
    """Who looks after runs and workers: the pool."""

    reservoir: Reservoir

    def done(self, worker: Worker, run: Run, *, last: bool) -> None:
        """A worker has brought a run to its end."""

    def died(self, worker: Worker) -> None:
        """A worker's socket is closed, and nobody here did it."""

    def abandon(self, run: Run, error: VetgraphError) -> None:
        """A run is to be ended, whatever it is at."""


class Run:
    """One job under way: what is asked, for whom, how far it is.

    ``payload`` is the job as a worker reads it; ``started`` the moment when a worker began with it, 0 before. A job to
    be done ``once`` is never begun again. ``pace`` is what is known of others of its shape; it is a ``guest`` while it
    holds a place in the quick lane and is not known to be quick.
    """

    __slots__ = (
        "answer", "arrived", "caller", "cpu_before", "guest", "head", "keeper", "key", "kind", "lane", "once",
        "over", "pace", "payload", "retried", "sent", "shape", "source", "started", "text", "whole", "worker",
    )  # fmt: skip

    def __init__(self, keeper: Keeper, source: Source, caller: Caller, kind: str, text: str, payload: bytes) -> None:
        self.keeper = keeper
        self.source = source
        self.caller = caller
        self.kind = kind
        self.text = text
        self.payload = payload
        self.key = 0
        self.shape = 0
        self.lane = 0
        self.pace: Pace | None = None
        self.guest = False
        self.once = False
        self.over = False
        self.arrived = time.monotonic()
        self.started = 0.0
        self.cpu_before = -1.0
        self.sent = 0
        self.retried = False
        self.worker: Worker | None = None
        self.answer: Streamed | None = None
        self.head: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.whole: dict[str, Any] = {}

    def line(self, now: float) -> bytes:
        """Return the job with the seconds that are left of its time, less what it takes to end well."""
        if self.kind != "query":
            return self.payload
        left = max(0.005, self.caller.deadline - now - SOFT)
        # The payload is one line of JSON; of two members of one name the last counts.
        return b'%b,"seconds":%.3f,"limit":%g}\n' % (self.payload[:-2], left, self.caller.limit)

    def succeed(self, answer: Answer) -> None:
        """Hand out the answer to whoever waits for it."""
        if not self.head.done():
            self.head.set_result(answer)

    def fail(self, error: VetgraphError) -> None:
        """Tell whoever waits for the answer, or reads it, that it won't come."""
        if self.answer is not None:
            self.answer.fail(error)
        elif not self.head.done():
            self.head.set_exception(error)

    def give_up(self, error: VetgraphError) -> None:
        """End the run: nobody wants it any more."""
        self.keeper.abandon(self, error)

    def pause(self) -> None:
        """Stop reading from the worker, which then waits to write."""
        if self.worker is not None:
            self.worker.transport.pause_reading()

    def resume(self) -> None:
        """Read on from the worker."""
        if self.worker is not None:
            self.worker.transport.resume_reading()

    def cpu(self) -> float:
        """Return the seconds of processor time that the run has used, as far as they were seen."""
        if self.worker is None or self.cpu_before < 0:
            return 0.0
        return max(0.0, cpu_of(self.worker.pid) - self.cpu_before)

    def running(self, now: float, lane: str) -> Running:
        """Return the record of the run."""
        worker = self.worker
        return Running(
            id=self.caller.id,
            client=self.caller.client,
            kind=self.kind,
            text=self.text,
            version=self.source.number,
            lane=lane,
            stage=stage_of(worker.pid) if worker else WAITING,
            age=now - self.arrived,
            limit=self.caller.limit,
            cpu=self.cpu(),
            memory=memory_of(worker.pid) if worker else 0,
            sent=self.sent,
            pid=worker.pid if worker else None,
        )


class Worker(asyncio.Protocol):
    """The front's end of one worker: gives it one job at a time and reads what it says."""

    transport: asyncio.Transport

    def __init__(self, keeper: Keeper, source: Source, spawned: Spawned) -> None:
        self.pid = spawned.pid
        self.source = source
        self.spawned = spawned
        self.run: Run | None = None
        self.served = 0
        self.lane = 0
        self.memory = 0
        self.killed = False
        self.followed = False
        self.aside: bool | None = None
        self.arrival: asyncio.Future[bool] | None = None
        self._keeper = keeper
        self._splitter = frames.Splitter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's are not subclasses of asyncio's

    def start(self, run: Run) -> None:
        """Give the worker a job."""
        self.run = run
        run.worker = self
        run.started = now = time.monotonic()
        self.served += 1
        self.transport.write(frames.frame(frames.JOB, run.line(now)))

    @property
    def heading(self) -> Source:
        """The source that the worker reads, or will read as soon as it has followed."""
        return self.source.next if self.arrival is not None and self.source.next is not None else self.source

    def follow(self) -> asyncio.Future[bool]:
        """Have an idle worker follow to the next source; the result says whether it is there.

        Where it is not, it must not be given anything to do any more.
        """
        self.arrival = asyncio.get_running_loop().create_future()
        self.served += 1
        self.transport.write(frames.frame(frames.JOB, self.source.way))
        return self.arrival

    def kill(self) -> None:
        """End the process; it does no more for its run."""
        self.killed = True
        self.run = None
        self.spawned.kill()
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            for kind, payload in self._splitter.feed(data):
                if self.arrival is not None:
                    self._arrived(kind == frames.WHOLE)
                    return
                if self.run is None:
                    return
                self._take(self.run, kind, payload)
        except EngineError as error:
            if self.run is not None:
                self._keeper.abandon(self.run, error)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.killed:
            self._keeper.died(self)
        self._arrived(False)
        self.spawned.release()

    def _arrived(self, there: bool) -> None:
        if self.arrival is not None and not self.arrival.done():
            self.arrival.set_result(there)

    def _take(self, run: Run, kind: bytes, payload: bytes) -> None:
        if kind == frames.DATA:
            assert run.answer is not None
            run.sent += len(payload)
            run.answer.feed(payload)
        elif kind == frames.WHOLE:
            line, _, data = payload.partition(b"\n")
            self._whole(run, line, data)
        elif kind == frames.HEAD:
            run.answer = Streamed(run, json.loads(payload), self._keeper.reservoir)
            run.whole = json.loads(payload)
            run.succeed(run.answer)
        elif kind == frames.END:
            self._ended(run, json.loads(payload))
        else:
            told = json.loads(payload)
            self._done(run, last=bool(told.get("last")))
            run.fail(frames.error_of(payload))

    def _whole(self, run: Run, line: bytes, data: bytes) -> None:
        head = head_of(line)
        run.sent = len(data)
        run.whole = head
        answer = Whole(run.caller.id, head.get("kind", ""), head.get("media", ""), run.source.number, data)
        answer.end = End(head.get("rows"), head.get("partial"))
        # The worker gets its next job before this answer goes its way.
        self._done(run, last=bool(head.get("last")))
        run.succeed(answer)

    def _ended(self, run: Run, told: dict[str, Any]) -> None:
        assert run.answer is not None
        run.whole.update(told)
        self._done(run, last=bool(told.get("last")))
        run.answer.finish(End(told.get("rows"), told.get("partial")))

    def _done(self, run: Run, *, last: bool) -> None:
        self.run = None
        run.worker = None
        self._keeper.done(self, run, last=last)


@lru_cache(256)
def head_of(line: bytes) -> dict[str, Any]:
    """Return the head of a whole answer; not to be changed, as equal heads share one."""
    head: dict[str, Any] = json.loads(line)
    return head
