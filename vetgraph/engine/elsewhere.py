"""The backend on a store elsewhere: the same pool, limits and doors in front of any SPARQL 1.1 endpoint.

Each query is passed on by a worker of its own, so that deadlines, cancelling and streaming are those of the embedded
engine. The version is counted in the store (``endpoint``). As others may write there without our knowing, an answer is
trusted for some seconds only: the stamp that tags and caches hold ends with them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from vetgraph.engine import endpoint
from vetgraph.engine.backend import Answer, Caller, Change
from vetgraph.engine.endpoint import Endpoint, Mark, Place
from vetgraph.engine.history import Intent
from vetgraph.engine.jobs import QueryJob, StoreJob, UpdateJob, ValidateJob, encoded
from vetgraph.engine.nursery import Spawned
from vetgraph.engine.pooled import Pooled, told
from vetgraph.engine.work import Source
from vetgraph.errors import NotFound, PreconditionFailed, RequestError, Unavailable, VetgraphError
from vetgraph.settings import Settings
from vetgraph.versions import Version

LOOK: Final = 5.0
"""Seconds between two looks at whether another service has written, at most."""

AGAIN: Final = 1.0
"""Seconds after which a store that could not be asked is asked again."""

SECONDS: Final = 20.0
"""Seconds to wait for an answer to a question of our own."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seen:
    """What a look at the store has found."""

    mark: Mark
    place: Place


class Elsewhere(Pooled):
    """The backend on a SPARQL 1.1 endpoint. See ``backend.Backend``."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._place = Place.of(settings)
        self._seen: _Seen | None = None
        self._version: Version | None = None
        self._failures = 0
        self._problem = "it was not asked yet"

    # What is there ----------------------------------------------------------------------------------------------

    @property
    def version(self) -> Version:
        """The version that new queries read, as far as writes through services like this one tell."""
        if self._version is None:
            raise Unavailable(
                f"The store at {endpoint.host_of(self._place)} can't be had: {self._problem}", retry_after=5
            )
        return self._version

    @property
    def stamp(self) -> str:
        """The version's number and the span of time for which answers are trusted."""
        span = int(time.time() / self.settings.store_trust)
        return f"{self.version.number}.{self._failures}-{span}"

    @property
    def state(self) -> Literal["starting", "ready", "closed"]:
        """Ready once the store has been asked with success."""
        return "closed" if self._closed else "ready" if self._version else "starting"

    # Start and end ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the processes and look at the store; one that can't be had now is asked again and again."""
        self._changing = asyncio.Lock()
        self._looking = asyncio.Lock()
        self.open()
        try:
            await self._look()
        except VetgraphError as error:
            self._failed(error)
        self.start_task(self._watch())

    async def _watch(self) -> None:
        while True:
            wait = min(LOOK, self.settings.store_trust) if self._version else AGAIN
            await asyncio.sleep(wait)
            await self.revive()
            try:
                await self._look()
            except VetgraphError as error:
                self._failed(error)

    def _failed(self, error: VetgraphError) -> None:
        if error.detail != self._problem:
            log.error("%s", error.detail)
        self._problem = error.detail

    async def _look(self) -> None:
        """Look at the store, and have new queries read what is there now. Raises as ``Endpoint.results``."""
        async with self._looking:
            seen = await asyncio.to_thread(_look_at, self._place, self._seen, union=self.settings.union)
            if seen == self._seen and self._version is not None:
                return
            number = seen.mark.number
            line = {"source": "remote", "path": seen.place.as_json(), "network": True, **self._limits}
            await self.pool.crew.follow(Source(number, lambda: self._fork(line)))
            built = seen.mark.at or datetime.now(UTC)
            self._version = Version(number, built, counts=Counts(seen.place, self.settings.store_trust), kind="remote")
            self._seen, self._problem = seen, ""

    async def _fork(self, line: Mapping[str, Any]) -> Spawned:
        return await self.lean.fork(line)

    # Jobs -------------------------------------------------------------------------------------------------------

    async def answer(self, job: QueryJob | ValidateJob, caller: Caller) -> Answer:
        """Answer a query, or judge data by shapes."""
        if caller.at not in (None, self.version.number):
            raise NotFound(f"A store elsewhere keeps one version only, which is {self.version.number} now.")
        kind = "validate"
        if isinstance(job, QueryJob):
            job, kind = await self.granted(job, caller), "query"
        return await self.pool.outcome(self.pool.submit(kind, job.text, encoded(job), caller))

    async def change(self, job: UpdateJob | StoreJob, intent: Intent, caller: Caller) -> Change:
        """Have the store make a change, one at a time; what it adds and removes, nobody counts."""
        number = self.version.number  # raises where the store can't be had
        if isinstance(job, UpdateJob):
            job = await self.granted(job, caller)
        async with self._changing:
            if intent.base is not None:
                await self._look()
                number = self.version.number
                if intent.base != number:
                    raise PreconditionFailed(
                        f"Version {number} is published by now, not {intent.base}; look at it and send the change "
                        "again.",
                        version=number,
                    )
            kind = "update" if isinstance(job, UpdateJob) else "store"
            try:
                run = self.pool.submit(kind, told(job), encoded(job), caller)
                _, head, _ = await self.collected(run)
            except BaseException as error:
                if not isinstance(error, RequestError) or isinstance(error, Unavailable):
                    # It may have been made all the same: what was answered so far is not to be trusted.
                    self._failures += 1
                raise
            await self._look()
        version = (
            self.version if head["version"] == self.version.number else replace(self.version, number=head["version"])
        )
        return Change(version, head["added"], head["removed"], head["existed"])


def _look_at(place: Place, seen: _Seen | None, *, union: bool) -> _Seen:
    """Return what is to be seen of a store: its version and, where that is new, how it sees its graphs as one."""
    asked = Endpoint(place, SECONDS)
    try:
        mark = endpoint.current_mark(asked)
        settled = seen is not None and mark == seen.mark and seen.place.union in ("own", "parameter")
        if seen is not None and settled:
            return seen
        way, listed = endpoint.found_union(asked) if union else ("own", ())
        virtuoso = endpoint.is_virtuoso(asked)
    finally:
        asked.close()
    if way == "none":
        log.warning("the store at %s can't show all graphs as one", endpoint.host_of(place))
    return _Seen(mark, replace(place, union=way, listed=listed, virtuoso=virtuoso))


class Counts(Mapping[str, int]):
    """The triples of each named graph of a store elsewhere, counted when somebody asks, for as long as that is trusted.

    ``place`` is where, for those who have only the version.
    """

    def __init__(self, place: Place, trust: float) -> None:
        self.place = place
        self._trust = trust
        self._counts: dict[str, int] = {}
        self._until = 0.0

    def __getitem__(self, graph: str) -> int:
        return self._counted()[graph]

    def __iter__(self) -> Iterator[str]:
        return iter(self._counted())

    def __len__(self) -> int:
        return len(self._counted())

    def _counted(self) -> dict[str, int]:
        now = time.monotonic()
        if now >= self._until:
            asked = Endpoint(self.place, SECONDS)
            try:
                rows = asked.select("SELECT ?g (COUNT(*) AS ?n) WHERE { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g")
            finally:
                asked.close()
            self._counts = dict(sorted((row["g"].value, int(row["n"].value)) for row in rows))
            self._until = now + self._trust
        return self._counts
