"""The pool: gives each job a worker in its turn, moves on what takes long, ends what takes too long.

It knows sources of workers, not what they read: see ``embedded`` and ``remote``; who the workers are is its crew's
business. Everything that ends a job is told to whoever waits for it; a job that has sent nothing yet may be ended and
begun again without anybody noticing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import signal
import time
from dataclasses import dataclass
from typing import Final

from vetgraph.engine.backend import Answer, Caller
from vetgraph.engine.crew import Crew
from vetgraph.engine.diagnosis import diagnose
from vetgraph.engine.running import EVALUATING, WAITING, Running, cpu_of, memory_of, stage_of
from vetgraph.engine.scheduling import PATIENCE, Experience, Shapes, lanes, shape_of
from vetgraph.engine.stations import Station
from vetgraph.engine.work import Reservoir, Run, Source, Worker
from vetgraph.errors import (
    Busy,
    Cancelled,
    Conflict,
    EngineError,
    LimitExceeded,
    TooManyRequests,
    Unavailable,
    VetgraphError,
)

TICK: Final = 0.02
"""Seconds between two looks at deadlines and patience."""

LOOK_AGAIN: Final = 0.005
"""Seconds between two looks at a lane for what could move on, when others come in."""

GRACE: Final = 0.12
"""Seconds past its deadline in which an answer that has begun may come to a well-formed end."""

OVER: Final = 4
"""Answers per place that wait for slow readers or have begun where no place was left, outside all lanes."""

PARKED_AFTER: Final = 0.2
"""Seconds for which a reader may hold up an answer before its place is given to others."""

WORKED: Final = 0.2
"""Part of its time that a query must have been computing to be known for reaching its limit."""

EARLY: Final = 0.05
"""Seconds within which a worker that was ended from outside had most likely been ended before it got its job."""

DEATH: Final = 0.3
"""Seconds to wait for word of how a worker ended."""

NOUNS: Final = {"query": "query", "update": "update", "store": "change", "validate": "validation"}
"""What people call a job of a kind."""

CHANGES: Final = ("update", "store")
"""Jobs of those who have a token: they do not wait behind anybody's queries."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much at once: quick workers, and bounds of what may be under way or wait.

    ``memory`` is what one query may take, in bytes: a worker that has kept a quarter of it is replaced.
    """

    workers: int = 2
    queue: int = 256
    queue_per_client: int = 64
    memory: int = 2 << 30


class Pool:
    """Workers and the jobs for them. All calls belong to one loop."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.reservoir = Reservoir()
        self.experience = Experience()
        self.shapes = Shapes()
        self._lanes = lanes(sizes.workers)
        self._stations = [Station(lane) for lane in self._lanes]
        self._runs: dict[str, Run] = {}
        self._clients: dict[str, int] = {}
        self.crew = Crew(self, self._lanes, sizes.workers, sizes.memory)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._over = 0
        self._pace = 0.05

    def resize(self, most: int | None) -> None:
        """Have no more than some workers at once (None: as many as the lanes want)."""
        self._lanes = lanes(self.sizes.workers, most)
        for station, lane in zip(self._stations, self._lanes, strict=True):
            station.lane = lane

    # Jobs -------------------------------------------------------------------------------------------------------

    def submit(
        self, kind: str, text: str, payload: bytes, caller: Caller, source: Source | None = None, *, once: bool = False
    ) -> Run:
        """Take a job; its answer is to come in ``run.head``. One to be done ``once`` is never begun again.

        Raises TooManyRequests and Busy where too much is under way, Conflict for an id in use, LimitExceeded for a
        query that has reached a limit lately.
        """
        self._check(caller)
        target = source or self.crew.source
        if target is None or self.crew.closed:
            raise Unavailable("The service is starting or stopping; ask again in a moment.", retry_after=1)
        run = Run(self, target, caller, kind, text, payload)
        target.used = True
        run.once = run.retried = once
        run.key = hash((payload, target.number))
        refusal = self.experience.refusal(run.key, caller.limit, run.arrived)
        if refusal is not None:
            raise refusal
        self._runs[caller.id] = run
        self._clients[caller.client] = self._clients.get(caller.client, 0) + 1
        run.lane = self.experience.lane(run.key, self._lanes)
        if run.lane == 0 and not once:
            run.shape = shape_of(text)
            run.pace = "quick" if kind in CHANGES else self.shapes.told(run.shape)
            run.lane = int(run.pace == "slow")
        self._enter(run)
        if self._timer is None:
            self._timer = self._loop.call_later(TICK, self._tick)
        return run

    async def outcome(self, run: Run) -> Answer:
        """Return the answer of a run once its head is there; give the run up where the caller is cancelled."""
        try:
            return await run.head
        except asyncio.CancelledError:
            self.abandon(run, Cancelled("The answer is no longer wanted."))
            raise

    def running(self) -> list[Running]:
        """Return what is under way or waits, the oldest first."""
        now = time.monotonic()
        return [run.running(now, self._stations[run.lane].lane.name) for run in self._runs.values()]

    def cancel(self, id_: str) -> bool:
        """End what goes by an id; return whether there was something."""
        run = self._runs.get(id_)
        if run is None:
            return False
        self.abandon(run, Cancelled("The query was cancelled.", stage=self._stage(run)))
        return True

    def abandon(self, run: Run, error: VetgraphError) -> None:
        """End a run, whatever it is at, and tell its caller."""
        if self._runs.get(run.caller.id) is run:
            self._detach(run)
            self._forget(run)
            run.fail(error)
            self._dispatch(self._stations[run.lane])

    async def close(self) -> None:
        """End all jobs and all workers."""
        self.crew.closed = True
        if self._timer is not None:
            self._timer.cancel()
        for run in list(self._runs.values()):
            self._detach(run)
            self._forget(run)
            run.fail(Unavailable("The service is stopping; ask again in a moment.", retry_after=5))
        await self.crew.close()
        # Transports that were aborted say so in the loop's next round.
        await asyncio.sleep(0)

    def _check(self, caller: Caller) -> None:
        if len(self._runs) >= self.sizes.queue:
            raise Busy(
                f"{len(self._runs)} queries are under way or wait; ask again in a moment.", retry_after=self._wait()
            )
        if self._clients.get(caller.client, 0) >= self.sizes.queue_per_client:
            raise TooManyRequests(
                f"You have {self.sizes.queue_per_client} queries under way or waiting; let some of them end first.",
                retry_after=self._wait(),
            )
        if caller.id in self._runs:
            raise Conflict(f"A query with the id {caller.id} is under way; choose another id.")

    def _wait(self) -> int:
        """Return the seconds after which asking again may help: what is under way, at the pace of late."""
        return max(1, min(30, math.ceil(len(self._runs) * self._pace / self.sizes.workers)))

    # Places -----------------------------------------------------------------------------------------------------

    def _enter(self, run: Run, *, first: bool = False) -> None:
        """Give a run its place, or let it wait for one."""
        station = self._stations[run.lane]
        if run.kind in CHANGES or station.is_open(run):
            self._place(station, run)
            return
        station.push(run, first=first)
        if run.arrived - station.looked > LOOK_AGAIN:
            self._make_room(station)

    def _dispatch(self, station: Station) -> None:
        """Give free places of a lane to those who wait."""
        while len(station) and (run := station.pop()) is not None:
            self._place(station, run)

    def _place(self, station: Station, run: Run) -> None:
        station.take(run)
        self.crew.serve(run)

    def _make_room(self, station: Station) -> None:
        """Move on what has outlasted the patience of a lane for which others wait."""
        station.looked = now = time.monotonic()
        if math.isinf(station.lane.patience):
            return
        number = self._stations.index(station)
        for run in list(self._runs.values()):
            if run.lane == number and not run.over and run.worker and station.has_outstayed(run, now - run.started):
                self._move_on(run, now)

    def _leave(self, run: Run) -> None:
        """Take a run's place back."""
        if run.over:
            run.over = False
            self._over -= 1
        else:
            self._stations[run.lane].leave(run)

    # Workers ----------------------------------------------------------------------------------------------------

    def done(self, worker: Worker, run: Run, *, last: bool) -> None:
        """Take note that a worker has brought a run to its end; give both place and worker to who is next."""
        took = time.monotonic() - run.started
        self._learn(run, worker, took, ended=not run.whole.get("partial"))
        self._pace += (took - self._pace) * 0.02
        self.crew.note(took, run.started + took)
        self._leave(run)
        self._forget(run)
        self.crew.take_back(worker, last=last)
        self._dispatch(self._stations[run.lane])
        self.crew.trim(worker.source, worker.lane)

    def died(self, worker: Worker) -> None:
        """Take note that a worker ended by itself: find out why, tell its caller or try once more."""
        run, words = worker.run, worker.spawned.last_words()
        early = run is not None and time.monotonic() - run.started < EARLY
        worker.run = None
        worker.source.failures += run is None
        self.crew.remove(worker)
        if run is None:
            return
        run.worker = None
        self._leave(run)
        self.crew.start(self._mourn(worker, run, words, early=early))

    async def _mourn(self, worker: Worker, run: Run, words: bytes, *, early: bool) -> None:
        status: int | None = None
        with contextlib.suppress(TimeoutError, asyncio.CancelledError):
            status = await asyncio.wait_for(asyncio.shield(worker.spawned.status), DEATH)
        self._dispatch(self._stations[run.lane])
        if self._runs.get(run.caller.id) is not run:
            return
        again = not run.once and (early or not run.retried)
        if again and run.answer is None and _is_no_fault(status) and not self.crew.closed:
            run.retried, run.started = run.retried or not early, 0.0
            self._enter(run, first=True)
            return
        error = diagnose(status, words, memory=self.sizes.memory)
        if error.status == EngineError.status:
            log.error("a worker ended with wait status %s: %s", status, words.decode(errors="replace"))
        if isinstance(error, LimitExceeded):
            self.experience.reached(run.key, run.caller.limit, error, time.monotonic())
        self._forget(run)
        run.fail(error)

    def _detach(self, run: Run) -> None:
        """Take a run from its worker, its place, or its turn; the worker ends."""
        worker, run.worker = run.worker, None
        if worker is not None:
            self.crew.dismiss(worker)
            self._leave(run)
        elif run in run.source.wanting:
            run.source.wanting.remove(run)
            self._leave(run)
        else:
            self._stations[run.lane].discard(run)

    def _forget(self, run: Run) -> None:
        del self._runs[run.caller.id]
        client = run.caller.client
        left = self._clients[client] - 1
        if left:
            self._clients[client] = left
        else:
            del self._clients[client]

    # Time -------------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Look at everything under way: what is late ends, what takes long moves on."""
        now = time.monotonic()
        apart = self.crew.spread(now)
        for run in list(self._runs.values()):
            if now >= run.caller.deadline:
                self._late(run, now)
            elif run.worker is not None:
                if run.cpu_before < 0:
                    run.cpu_before = cpu_of(run.worker.pid)
                self._look(run, now)
        wanted = (self._runs or apart) and not self.crew.closed
        self._timer = self._loop.call_later(TICK, self._tick) if wanted else None

    def _look(self, run: Run, now: float) -> None:
        """Move on a run that has outlasted its lane; take one whose reader is slow out of all lanes."""
        if run.over:
            return
        station, answer = self._stations[run.lane], run.answer
        if answer is not None and answer.paused_since and now - answer.paused_since > PARKED_AFTER:
            self._park(run)
        elif station.has_outstayed(run, now - run.started):
            self._move_on(run, now)

    def _move_on(self, run: Run, now: float) -> None:
        """Give a run a place in the next lane: at once, else from the start when its turn comes."""
        here, there = self._stations[run.lane], self._stations[run.lane + 1]
        assert run.worker is not None
        if run.worker.lane <= run.lane:
            self.crew.lower(run.worker, run.lane + 1)
        if there.may(run.caller.client) or run.kind in CHANGES:
            here.leave(run)
            run.lane += 1
            there.take(run)
            self._dispatch(here)
        elif len(here):
            # Without anybody who waits for the place, the run may as well keep it.
            if run.answer is None and not run.once:
                self._begin_again(run, here, now)
            else:
                self._park(run)

    def _begin_again(self, run: Run, here: Station, now: float) -> None:
        """End a run that has sent nothing and let it wait for a place in the next lane."""
        if run.worker is not None:
            self._learn(run, run.worker, now - run.started, ended=False)
        self._detach(run)
        run.started, run.cpu_before = 0.0, -1.0
        run.lane += 1
        self._enter(run)
        self._dispatch(here)

    def _learn(self, run: Run, worker: Worker, seconds: float, *, ended: bool) -> None:
        """Remember what a run has cost: what was slow for want of a processor, or of a reader, is not slow itself.

        Nor is quick what has not come to its end.
        """
        if seconds > PATIENCE and run.cpu_before >= 0:
            seconds = min(seconds, cpu_of(worker.pid) - run.cpu_before)
        if seconds <= PATIENCE and not ended:
            return
        self.experience.learn(run.key, seconds)
        if run.shape:
            # What streams may end quickly or not, as its reader likes.
            self.shapes.learn(run.shape, seconds if run.answer is None else max(seconds, PATIENCE))

    def _park(self, run: Run) -> None:
        """Take a run that has begun to send out of all lanes: its reader is slow, or all places are taken."""
        here = self._stations[run.lane]
        if self._over >= OVER * self.sizes.workers:
            if run.once:
                return
            self.abandon(run, Busy("Too many long answers are under way; ask again later.", retry_after=self._wait()))
            return
        here.leave(run)
        run.over = True
        self._over += 1
        if run.worker is not None and run.worker.lane < len(self._stations) - 1:
            self.crew.lower(run.worker, len(self._stations) - 1)
        self._dispatch(here)

    def _late(self, run: Run, now: float) -> None:
        """End a run at its deadline; one that has begun to send may bring that to a well-formed end first."""
        if run.answer is not None and run.worker is not None and now < run.caller.deadline + GRACE:
            run.answer.flow()
            return
        error = self._overdue(run)
        if run.started and run.cpu() > run.caller.limit * WORKED:
            self.experience.reached(run.key, run.caller.limit, error, now)
        if run.worker is not None:
            self._learn(run, run.worker, now - run.started, ended=False)
        self.abandon(run, error)

    def _overdue(self, run: Run) -> LimitExceeded:
        """Return the problem of a run at its deadline: how far it came."""
        stage, limit = self._stage(run), run.caller.limit
        cpu = round(run.cpu(), 3)
        memory = memory_of(run.worker.pid) if run.worker else 0
        if stage == WAITING:
            told = "it was still waiting for its turn, as the service is busy. Ask again later, or for more time"
        else:
            told = f"it was {stage} after {cpu} s of processor time. Ask for less, or for more time"
        return LimitExceeded(
            f"The {NOUNS.get(run.kind, 'request')} reached the limit of {limit:g} s: {told} with timeout=.",
            limit=limit,
            unit="seconds",
            stage=stage,
            cpu=cpu,
            memory=memory,
            bytes=run.sent,
            retry_after=self._wait() if stage == WAITING else None,
        )

    def _stage(self, run: Run) -> str:
        if run.worker is None:
            return WAITING
        stage = stage_of(run.worker.pid)
        return EVALUATING if stage == WAITING else stage


def _is_no_fault(status: int | None) -> bool:
    """Whether a worker was ended from outside: killed, or gone with its zygote."""
    return status is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL)
