"""The crew: the workers of all sources, made, kept ready, brought to newer versions, and ended.

It knows who is there and who wants one, not who may have one: that is the pool's. A worker goes to who has wanted one
for longest in the first lane that may have it. Of idle workers the one that was busy last is taken, since it is warm.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from vetgraph.engine import confinement
from vetgraph.engine.processors import Processors
from vetgraph.engine.running import memory_of
from vetgraph.engine.scheduling import Lane
from vetgraph.engine.work import Keeper, Run, Source, Worker
from vetgraph.errors import EngineError, VetgraphError

SPARE: Final = 1
"""Workers that are kept ready beyond one for each place in the quick lane."""

RECYCLED: Final = 20_000
"""Jobs after which a worker is replaced, whatever its memory."""

LOOK: Final = 64
"""Jobs of a worker between two looks at its memory."""

FAILURES: Final = 5
"""Attempts at making a worker before those who wait for it are told."""

BACKOFF: Final = 5.0
"""Seconds between two such attempts, at most."""

REFRESHED: Final = 3.0
"""Seconds after the last change of versions after which workers that followed make way for ones that share data."""

PAUSE: Final = 0.02
"""Seconds between two of these."""

FOLLOWED: Final = 1.0
"""Seconds within which a worker has to have followed to another version."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class Crew:
    """All workers. All calls belong to one loop.

    ``quick`` of them are for what is known to be quick, and as many for what is not; a worker that has kept a quarter
    of ``memory``, the bytes that one query may take, is replaced.
    """

    def __init__(self, keeper: Keeper, lanes: tuple[Lane, ...], quick: int, memory: int) -> None:
        self.source: Source | None = None
        self.closed = False
        self._keeper = keeper
        self._quick, self._memory = quick, memory
        self._niceness = [lane.nice for lane in lanes]
        self._workers: set[Worker] = set()
        self._sources: set[Source] = set()
        self._processors = Processors()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._refresh: asyncio.TimerHandle | None = None

    # Sources ----------------------------------------------------------------------------------------------------

    async def follow(self, source: Source, way: bytes = b"") -> None:
        """Have new jobs read another source, once it has its first worker.

        ``way`` is the job that brings a worker of the source before to this one; without it new ones are made. Raises
        EngineError where none can be: jobs go on reading the source before.
        """
        self.prepare(source)
        before = self.source
        if not (before and way and await self._bring(before, source, way)):
            source.coming += 1
            await self._spawn(source)
        self.source = source
        if before is not None:
            self.retire(before)
        self._provision(source)
        if self._refresh is not None:
            self._refresh.cancel()
        self._refresh = self._loop.call_later(REFRESHED, self._replace_followers)

    def retire(self, source: Source) -> None:
        """End a source: its idle workers now, the others as they finish; who waits for one gets a newer."""
        source.retired = True
        self._sources.discard(source)
        for worker in list(itertools.chain(*source.idle)):
            self._part(worker)
        if self.source is not None and not self.source.retired:
            waiting, source.wanting = source.wanting, deque()
            for run in waiting:
                run.source = self.source
                self.serve(run)
        source.leave()

    def prepare(self, source: Source) -> None:
        """Make a source ready to be read by runs."""
        source.idle = tuple([] for _ in self._niceness)
        self._sources.add(source)

    async def close(self) -> None:
        """End all workers, and what is under way to make some."""
        self.closed = True
        if self._refresh is not None:
            self._refresh.cancel()
        for worker in list(self._workers):
            self.dismiss(worker)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for source in list(self._sources):
            self.retire(source)

    # Jobs -------------------------------------------------------------------------------------------------------

    def serve(self, run: Run) -> None:
        """Give a run a worker, now or as soon as there is one."""
        if run.source.retired and run.source.lasting and self.source is not None:
            run.source = self.source
        idle = run.source.idle
        for number in range(run.lane, -1, -1):
            if len(idle[number]) > self._kept(run, number):
                # What ends its worker gets the newest, which has not served anybody yet.
                self._give(idle[number].pop(-1 if run.kind == "query" else 0), run)
                return
        run.source.wanting.append(run)
        self._provision(run.source)

    def lower(self, worker: Worker, lane: int) -> None:
        """Give a worker the priority of a later lane; it never comes back to an earlier one."""
        worker.lane = lane
        confinement.renice(worker.pid, self._niceness[lane])
        self._put(worker, quick=False)
        self._provision(worker.source)

    def take_back(self, worker: Worker, *, last: bool) -> None:
        """Take a worker that is done with its job, for good where it was the last."""
        worker.source.failures = 0
        if last or self._is_worn(worker):
            self.dismiss(worker)
        elif worker.source.retired:
            self._part(worker)
        else:
            self._rest(worker)

    def trim(self, source: Source, lane: int) -> None:
        """Keep one idle worker of a later lane, not more: each may hold pages of its own."""
        while lane and len(source.idle[lane]) > 1:
            self.dismiss(source.idle[lane][0])

    def dismiss(self, worker: Worker) -> None:
        """End a worker that has nothing to do, or whose job is not wanted."""
        if not worker.killed:
            worker.kill()
            self.remove(worker)

    def remove(self, worker: Worker) -> None:
        """Take note that a worker is gone."""
        self._workers.discard(worker)
        source = worker.source
        source.alive -= 1
        if worker in source.idle[worker.lane]:
            source.idle[worker.lane].remove(worker)
        source.leave()
        self._provision(source)

    def note(self, seconds: float, now: float) -> None:
        """Take note of how long a job took that ended now."""
        self._processors.note(seconds, now)

    def spread(self, now: float) -> bool:
        """Have quick jobs and others keep out of each other's way where there are both; return whether they do."""
        if self._processors.look(now, long=any(worker.run and worker.lane for worker in self._workers)):
            for worker in self._workers:
                self._put(worker, quick=worker.run is not None and _is_quick(worker.run))
        return self._processors.apart

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do something in the background, until it ends or all do."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _give(self, worker: Worker, run: Run) -> None:
        if worker.lane < run.lane:
            self.lower(worker, run.lane)
        self._put(worker, quick=_is_quick(run))
        worker.start(run)

    def _put(self, worker: Worker, *, quick: bool) -> None:
        """Have a worker compute where those are who do what is quick, or where the others are."""
        aside = self._processors.apart and not (quick and not worker.lane)
        if aside != worker.aside:
            worker.aside = aside
            self._processors.assign(worker.pid, aside=aside)

    def _kept(self, run: Run, lane: int) -> int:
        """Return how many idle workers of a lane a run has to leave for what is quick, until new ones are made."""
        return 0 if lane or _is_quick(run) or run.source is not self.source else self._quick

    def _rest(self, worker: Worker, *, new: bool = False) -> None:
        """Give a worker without a job to who wants one, else let it wait; a new one, not yet warm, after others."""
        wanting, idle = worker.source.wanting, worker.source.idle[worker.lane]
        may = (run for run in wanting if run.lane >= worker.lane and len(idle) >= self._kept(run, worker.lane))
        run = min(may, key=lambda run: (run.lane, not _is_quick(run)), default=None)
        if run is None:
            idle.insert(0 if new else len(idle), worker)
            if wanting:
                self._provision(worker.source)
        else:
            wanting.remove(run)
            self._give(worker, run)

    def _is_worn(self, worker: Worker) -> bool:
        """Whether a worker has done enough, or holds more memory than it should."""
        if worker.served % LOOK and not worker.lane:
            return False
        memory = memory_of(worker.pid)
        worker.memory = worker.memory or memory
        return worker.served >= RECYCLED or memory - worker.memory > self._memory // 4

    # Following --------------------------------------------------------------------------------------------------

    async def _bring(self, before: Source, source: Source, way: bytes) -> bool:
        """Have idle workers follow to another source; return whether the first of them is there.

        Some of them stay for what is asked meanwhile, and follow afterwards.
        """
        before.next, before.way = source, way
        idle = before.idle[0]
        leaving = [worker for worker in idle[min(self._quick, (len(idle) + 1) // 2) :] if _has_data(worker)]
        bringing = {self.start(self._follow(worker)) for worker in leaving}
        while bringing:
            done, bringing = await asyncio.wait(bringing, return_when=asyncio.FIRST_COMPLETED)
            if any(task.result() for task in done):
                return True
        return False

    def _follow(self, worker: Worker) -> Coroutine[Any, Any, bool]:
        """Have an idle worker follow to the next source, and end it where it does not; return whether it is there."""
        # At once: whoever looks for an idle worker must not find this one.
        if worker in worker.source.idle[0]:
            worker.source.idle[0].remove(worker)
        return self._following(worker, worker.follow())

    async def _following(self, worker: Worker, arrival: asyncio.Future[bool]) -> bool:
        before, source = worker.source, worker.source.next
        assert source is not None
        there = False
        with contextlib.suppress(TimeoutError):
            there = await asyncio.wait_for(arrival, FOLLOWED)
        worker.arrival = None
        if worker not in self._workers:
            return False
        if not there or source.retired or self.closed:
            self.dismiss(worker)
            return False
        worker.source, worker.followed = source, True
        source.alive += 1
        before.alive -= 1
        before.leave()
        self._rest(worker)
        return True

    def _part(self, worker: Worker) -> None:
        """Have an idle worker of a source that has ended follow to the current one, or end it."""
        source = worker.source
        if source.next is None or source.next is not self.source or worker.lane or not _has_data(worker):
            self.dismiss(worker)
        else:
            self.start(self._follow(worker))

    def _replace_followers(self) -> None:
        """End idle workers that have data of their own by now, one at a time: new ones share their source's."""
        found = self.source and next((worker for worker in self.source.idle[0] if worker.followed), None)
        if found and not self.closed:
            self.dismiss(found)
            self._refresh = self._loop.call_later(PAUSE, self._replace_followers)

    # Making -----------------------------------------------------------------------------------------------------

    def _provision(self, source: Source) -> None:
        """Have as many workers made as are wanted and are not coming yet."""
        if self.closed:
            return
        wanted = len(source.wanting)
        if source is self.source:
            quick = sum(1 for worker in self._workers if worker.heading is source and not worker.lane)
            wanted = max(wanted, 2 * self._quick + SPARE - quick)
        for _ in range(wanted - source.coming):
            source.coming += 1
            self.start(self._spawning(source))

    async def _spawning(self, source: Source) -> None:
        """Have one worker made; after failures a little later, and after some of them those who wait are told."""
        if source.failures:
            await asyncio.sleep(min(BACKOFF, 0.02 * 2**source.failures))
        try:
            await self._spawn(source)
        except (VetgraphError, OSError) as problem:
            source.failures += 1
            error = problem if isinstance(problem, VetgraphError) else EngineError(f"No worker can be made: {problem}.")
            log.error("no worker could be made: %s", error.detail)
            if source.failures >= FAILURES:
                for run in list(source.wanting):
                    self._keeper.abandon(run, error)
            source.leave()
            self._provision(source)

    async def _spawn(self, source: Source) -> None:
        """Have one worker made, and give it to who wants it. Raises what the source raises."""
        try:
            spawned = await source.fork()
            worker = Worker(self._keeper, source, spawned)
            await self._loop.create_unix_connection(lambda: worker, sock=spawned.socket)
        finally:
            source.coming -= 1
        source.alive += 1
        self._workers.add(worker)
        if self.closed or (source.retired and not source.wanting):
            self.dismiss(worker)
        else:
            self._rest(worker, new=True)


def _is_quick(run: Run) -> bool:
    """Whether a run is known to be quick, and was not found out to be otherwise."""
    return run.lane == 0 and run.pace == "quick"


def _has_data(worker: Worker) -> bool:
    """Whether a worker has the data in its own memory, so that it can be brought to a later version."""
    return worker.spawned.number is not None
