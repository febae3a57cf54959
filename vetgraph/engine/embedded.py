"""The engine of this machine: workers on the versions of a store's folder, and a writer that makes new ones.

New queries read the version that the folder's pointer names; it is looked at all the time, since other processes write
too. Where the data fit, they are in the memory of a zygote whose workers share them; else, and while they are being
loaded, workers read the version on disk. The answers are the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from vetgraph.engine.backend import Answer, Caller, Change
from vetgraph.engine.history import Intent
from vetgraph.engine.jobs import FollowJob, QueryJob, StoreJob, UpdateJob, ValidateJob, encoded
from vetgraph.engine.nursery import Nursery, Spawned, can_fork, new_nursery
from vetgraph.engine.pooled import Pooled, told
from vetgraph.engine.work import Source
from vetgraph.engine.writer import Overtaken
from vetgraph.engine.writerclient import WriterClient
from vetgraph.errors import EngineError, NotFound, PreconditionFailed, VetgraphError
from vetgraph.settings import Settings
from vetgraph.versions import Hold, Layout, Version, current_version, hold, published, version_at

POLL: Final = 0.05
"""Seconds between two looks at the store's pointer."""

BYTES_PER_TRIPLE: Final = 375
"""Memory of a triple in a copy of the data."""

LOOKED_BACK: Final = 10.0
"""Seconds for which workers on an old version are kept after the last query on it."""

AGAIN: Final = 5.0
"""Seconds after which data that could not be loaded into memory are tried again."""

WAY: Final = 1 << 16
"""Bytes of deltas in files that each worker reads by itself; for larger ones new workers are made."""

REVIVALS: Final = 5
"""Times that a version is tried to be read after a change, with new processes in between."""

CONFLICTS: Final = 5
"""Times that a change is judged anew because another process was first, before that process has to wait."""

log = logging.getLogger(__name__)


class Embedded(Pooled):
    """The backend on a store's folder. See ``backend.Backend``."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.folder = settings.store
        self._layout = Layout(self.folder)
        self._version: Version | None = None
        self._full: Nursery | None = None
        self._loaded: int | None = None
        self._loading: asyncio.Task[None] | None = None
        self._old: dict[int, Source] = {}
        self._writer: WriterClient | None = None
        self._problem: VetgraphError | None = None
        self._patience = 0.0

    # What is there ----------------------------------------------------------------------------------------------

    @property
    def version(self) -> Version:
        """The version that new queries read."""
        if self._version is None:
            raise self._problem or NotFound(f"There is no snapshot in {self.folder}; run `vetgraph build`.")
        return self._version

    @property
    def stamp(self) -> str:
        """The number of the version that new queries read."""
        return str(self.version.number)

    @property
    def state(self) -> Literal["starting", "ready", "closed"]:
        """Ready once there is a version and a worker that reads it."""
        return "closed" if self._closed else "ready" if self._version else "starting"

    # Start and end ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the processes and read the published version, if there is one yet and it can be read."""
        self._writer = WriterClient(self.folder, keep=self.settings.keep_versions)
        self._following = asyncio.Lock()
        self._changing = asyncio.Lock()
        self.open()
        try:
            await self._follow()
        except VetgraphError as error:
            self._fail(error)
        self.start_task(self._watch())

    async def close(self) -> None:
        """End all workers, zygotes and the writer."""
        await super().close()
        if self._full:
            await self._full.close()
        if self._writer:
            await self._writer.close()

    def _fail(self, error: VetgraphError) -> None:
        """Take note that the published version can't be read; who asks is told, unless there is one before."""
        if self._problem is None or self._problem.detail != error.detail:
            log.error("the published version can't be followed: %s", error.detail)
        self._problem = error

    def _most(self, triples: int) -> int | None:
        """Return how many workers there may be in all, each with a copy of the data, where these are in memory."""
        if not self._fits(triples):
            return None
        return max(self.workers + 3, self._budget() // max(1, BYTES_PER_TRIPLE * triples) - 1)

    def _budget(self) -> int:
        if self.settings.memory >= 0:
            return self.settings.memory
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2

    def _fits(self, triples: int) -> bool:
        """Whether copies of the data for each worker fit into the memory that may be taken."""
        return can_fork() and 0 < (self.workers + 1) * BYTES_PER_TRIPLE * max(1, triples) <= self._budget()

    # Versions ---------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Follow the pointer, and make new zygotes where one has died."""
        while True:
            await asyncio.sleep(POLL)
            try:
                await self.revive()
                if self._full is not None and not self._full.alive:
                    log.error("the process that holds the data ended; another one is started")
                    await self._full.close()
                    self._full, self._loaded = None, None
                self._load()
                if published(self.folder) != (self._version.number if self._version else None):
                    await self._follow()
            except VetgraphError as error:
                self._fail(error)
                await asyncio.sleep(1)

    async def _follow(self) -> None:
        """Have new queries read the published version. Raises StoreError where it can't be read."""
        async with self._following:
            version = current_version(self.folder)
            if version is None or (self._version and version.number == self._version.number):
                return
            # The version that is pointed to now may be another one than a moment ago.
            held = hold(self.folder)
            version = version_at(self.folder, held.number)
            await self._advance(version)
            await self._read(version, held)
        self._load()

    async def _read(self, version: Version, held: Hold) -> None:
        source = Source(version.number, lambda: self._fork(version.number, held.path), released=held.close)
        self.pool.resize(self._most(version.triples))
        await self.pool.crew.follow(source, self._way(version))
        self._version, self._problem = version, None

    async def _fork(self, number: int, path: Path) -> Spawned:
        """Return a new worker on a version: with the data in memory where they are, else on disk."""
        if self._full is not None and self._full.alive and self._loaded == number:
            with contextlib.suppress(VetgraphError):
                spawned = await self._full.fork({"source": "memory", **self._limits})
                if spawned.number == number:
                    return spawned
                spawned.discard()
        return await self.lean.fork({"source": "disk", "path": str(path), **self._limits})

    def _way(self, version: Version) -> bytes:
        """Return the job that brings workers to a version from the one that is read, empty where there is none."""
        if self._version is None or self._version.number >= version.number:
            return b""
        deltas = [self._layout.delta(number) for number in _steps(self._layout, self._version.number, version)]
        with contextlib.suppress(OSError):
            if sum(path.stat().st_size for path in deltas) <= WAY:
                return encoded(FollowJob(tuple(map(str, deltas)))) if deltas else b""
        return b""

    async def _advance(self, version: Version) -> None:
        """Bring the data in memory to a version by the deltas that lead there, where there are such."""
        if self._full is None or self._loaded is None:
            return
        steps = _steps(self._layout, self._loaded, version)
        self._loaded = None
        # Where it fails the data are loaded anew; until then workers read the disk.
        with contextlib.suppress(VetgraphError):
            for number in steps:
                path = self._layout.delta(number)
                told, _ = await self._full.ask({"do": "advance", "version": number, "delta": str(path)})
                if told["ready"] == version.number:
                    self._loaded = version.number

    def _load(self) -> None:
        """Load the data into memory in the background, where they fit and are not there."""
        version = self._version
        if self._following.locked():
            # The data are on their way to a newer version than the one that is read: this is not the time to judge.
            return
        if version is None or self._loaded == version.number or (self._loading and not self._loading.done()):
            return
        if time.monotonic() < self._patience:
            return
        if self._fits(version.triples):
            self._loading = self.start_task(self._loading_of(version))
        elif self._full is not None:
            full, self._full = self._full, None
            self.start_task(full.close())

    async def _loading_of(self, version: Version) -> None:
        try:
            held = hold(self.folder, version.number)
            if self._full is None:
                self._full = new_nursery()
            await self._full.ask({"do": "load", "path": str(held.path), "version": version.number})
        except VetgraphError as error:
            # A newer version may have come meanwhile; whatever it is, workers read the disk until it works.
            log.warning("version %s could not be loaded into memory: %s", version.number, error.detail)
            self._patience = time.monotonic() + AGAIN
            return
        async with self._following:
            self._loaded = version.number
            if self._version is not None and self._version.number != version.number:
                held.close()
                held = hold(self.folder, self._version.number)
                await self._advance(self._version)
                version = self._version
            if self._loaded == version.number:
                await self._read(version, held)
            else:
                held.close()
        if self.settings.admin_token and self._writer is not None:
            # Somebody may write: the first write need not wait for the start of a process.
            await self._writer.warm()

    def _source(self, at: int | None) -> Source | None:
        """Return the source of an old version, None for the current one. Raises NotFound where it is not kept."""
        number = self.version.number
        if at is None or at == number:
            return None
        if at > number:
            raise NotFound(f"Version {at} is not there; the newest is {number}.")
        if at not in self._old:
            held = hold(self.folder, at)
            source = Source(at, lambda: self._fork(at, held.path), released=held.close, lasting=False)
            self.pool.crew.prepare(source)
            self._old[at] = source
            asyncio.get_running_loop().call_later(LOOKED_BACK, self._forget, at)
        return self._old[at]

    def _forget(self, at: int) -> None:
        """End the workers of an old version, once nothing has read it for a while."""
        source = self._old.get(at)
        if source is None or self._closed:
            return
        if source.used:
            source.used = False
            asyncio.get_running_loop().call_later(LOOKED_BACK, self._forget, at)
        else:
            del self._old[at]
            self.pool.crew.retire(source)

    # Jobs -------------------------------------------------------------------------------------------------------

    async def answer(self, job: QueryJob | ValidateJob, caller: Caller) -> Answer:
        """Answer a query, or judge data by shapes."""
        source = self._source(caller.at)
        kind = "validate"
        if isinstance(job, QueryJob):
            job, kind = await self.granted(job, caller), "query"
        return await self.pool.outcome(self.pool.submit(kind, job.text, encoded(job), caller, source))

    async def change(self, job: UpdateJob | StoreJob, intent: Intent, caller: Caller) -> Change:
        """Judge a change on the current version in a worker, and have the writer publish what comes of it."""
        if isinstance(job, UpdateJob):
            job = await self.granted(job, caller)
        self._check_base(intent)
        number, head, delta = await self._judged(job, caller)
        async with self._changing:
            for _ in range(CONFLICTS):
                if number != self.version.number:
                    # Another change came first: judge this one again, now that none of ours can.
                    self._check_base(intent)
                    number, head, delta = await self._judged(job, caller)
                with contextlib.suppress(Overtaken):
                    return await self._commit(number, head, delta, intent)
                await self._follow()
            return await self._change_alone(job, intent, caller)

    async def _change_alone(self, job: UpdateJob | StoreJob, intent: Intent, caller: Caller) -> Change:
        """Make a change while all other processes have to wait."""
        assert self._writer is not None
        async with self._writer.hold():
            await self._follow()
            self._check_base(intent)
            number, head, delta = await self._judged(job, caller)
            return await self._commit(number, head, delta, intent)

    async def _judged(self, job: UpdateJob | StoreJob, caller: Caller) -> tuple[int, dict[str, Any], bytes]:
        """Return the version on which a worker has judged a change, what it says of it, and the delta."""
        kind = "update" if isinstance(job, UpdateJob) else "store"
        return await self.collected(self.pool.submit(kind, told(job), encoded(job), caller))

    async def _commit(self, number: int, head: dict[str, Any], delta: bytes, intent: Intent) -> Change:
        assert self._writer is not None
        if delta:
            await self._writer.commit(delta, replace(intent, base=number))
            await self._catch_up()
        facts = {name: value for name, value in head.items() if name not in ("added", "removed", "existed")}
        return Change(self.version, head.get("added", 0), head.get("removed", 0), head.get("existed", True), facts)

    async def _catch_up(self) -> None:
        """Have new queries read what was just written; where what makes workers has died, with the next."""
        for _ in range(REVIVALS):
            try:
                await self._follow()
                return
            except EngineError as error:
                # The change stands, whatever becomes of those who read it.
                log.error("the new version can't be followed yet: %s", error.detail)
                await self.revive()
                await asyncio.sleep(POLL)

    def _check_base(self, intent: Intent) -> None:
        if intent.base is not None and intent.base != self.version.number:
            raise PreconditionFailed(
                f"Version {self.version.number} is published by now, not {intent.base}; look at it and send the change "
                "again.",
                version=self.version.number,
            )


def _steps(layout: Layout, number: int, version: Version) -> list[int]:
    """Return the versions that lead from one to another by deltas; none where one of these is missing."""
    steps: list[int] = []
    while version.number != number:
        if version.parent is None or version.parent < number or not layout.delta(version.number).is_file():
            return []
        steps.append(version.number)
        if version.parent == number:
            break
        try:
            version = version_at(layout.folder, version.parent)
        except NotFound:
            return []
    return steps[::-1]
