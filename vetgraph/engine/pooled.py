"""What backends share whose queries are answered by a pool of workers.

That is the pool, the process that makes workers, and what is fetched from other hosts before a job is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from vetgraph.engine import federation
from vetgraph.engine.backend import Caller
from vetgraph.engine.jobs import QueryJob, StoreJob, UpdateJob, encoded
from vetgraph.engine.nursery import Nursery, Spawned, new_nursery
from vetgraph.engine.pool import Pool, Sizes
from vetgraph.engine.running import Running
from vetgraph.engine.work import Run, Source
from vetgraph.errors import LimitExceeded, Unavailable, VetgraphError
from vetgraph.settings import Settings

DELTA: Final = 256 << 20
"""Bytes of what a worker has to say on a job that is no query, at most."""

log = logging.getLogger(__name__)

J = TypeVar("J", QueryJob, UpdateJob)


class Pooled:
    """A pool of workers and the process that forks them; a base for backends. All calls belong to one loop."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.workers = settings.workers or os.cpu_count() or 1
        self._limits = {"limits": {"memory": settings.worker_memory}}
        self._pool: Pool | None = None
        self._lean: Nursery | None = None
        self._networked: Source | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def pool(self) -> Pool:
        """The pool. Raises Unavailable before the start."""
        if self._pool is None:
            raise Unavailable("The service is starting; ask again in a moment.", retry_after=1)
        return self._pool

    @property
    def lean(self) -> Nursery:
        """The process that forks workers without data of their own. Raises Unavailable before the start."""
        if self._lean is None:
            raise Unavailable("The service is starting; ask again in a moment.", retry_after=1)
        return self._lean

    def running(self) -> list[Running]:
        """Return what is under way or waits."""
        return self._pool.running() if self._pool else []

    def cancel(self, id_: str) -> bool:
        """End what goes by an id."""
        return bool(self._pool and self._pool.cancel(id_))

    def open(self) -> None:
        """Start the process that forks workers, and the pool."""
        settings = self.settings
        self._lean = new_nursery()
        self._pool = Pool(Sizes(self.workers, settings.queue, settings.queue_per_client, settings.worker_memory))

    async def close(self) -> None:
        """End all tasks and workers, and the process that made them."""
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, VetgraphError):
                await task
        if self._pool:
            await self._pool.close()
        if self._lean:
            await self._lean.close()

    async def revive(self) -> None:
        """Make the process that forks workers anew where it has died."""
        if self._lean is not None and not self._lean.alive:
            log.error("the process that makes workers ended; another one is started")
            await self._lean.close()
            self._lean = new_nursery()

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something in the background until it ends or the backend is closed."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def collected(self, run: Run) -> tuple[int, dict[str, Any], bytes]:
        """Return all that a worker has to say on a job that is no query: the source's number, its head, the data."""
        answer = await self.pool.outcome(run)
        data = bytearray()
        try:
            async for chunk in answer:
                data += chunk
                if len(data) > DELTA:
                    raise LimitExceeded(
                        f"The change is larger than {DELTA >> 20} MiB; load large data with `vetgraph load`.",
                        limit=DELTA,
                        unit="bytes",
                    )
        finally:
            answer.close()
        return run.source.number, run.whole, bytes(data)

    async def granted(self, job: J, caller: Caller) -> J:
        """Return a job with what it wants from other hosts, fetched by a process that has a network and no data.

        Raises as ``federation.fetch``.
        """
        if not self.settings.allow_hosts or not federation.is_wanted(job):
            return job
        wish = federation.wish(job, self.settings.allow_hosts, caller.deadline - time.monotonic())
        if wish is None:
            return job
        if self._networked is None:
            self._networked = Source(0, self._fork_outside, lasting=False)
            self.pool.crew.prepare(self._networked)
        run = self.pool.submit("fetch", job.text, encoded(wish), caller, self._networked)
        _, head, data = await self.collected(run)
        return federation.granted(job, head, data)

    async def _fork_outside(self) -> Spawned:
        return await self.lean.fork({"source": "none", "network": True, **self._limits})


def told(job: UpdateJob | StoreJob) -> str:
    """Return what a list of running jobs says of a change."""
    return job.text if isinstance(job, UpdateJob) else f"{job.action.upper()} {job.graph or 'the default graph'}"
