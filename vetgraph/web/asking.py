"""Queries of machines at ``/sparql``: from the cache, with others who ask the same, or by the engine.

The short way is short on purpose: most requests are small, and what this module does for one is most of what it costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from vetgraph import media
from vetgraph.engine.backend import Answer, Backend, Caller, caller
from vetgraph.engine.functions import is_deterministic
from vetgraph.engine.jobs import QueryJob
from vetgraph.errors import Busy, LimitExceeded, VetgraphError
from vetgraph.settings import Settings
from vetgraph.web import headers as said
from vetgraph.web.cache import Cache, Header, Kept, canonical, matches, tag_of
from vetgraph.web.exchange import EVERY, Cut, Exchange, Watch
from vetgraph.web.flights import Flight, Flights
from vetgraph.web.protocol import Plan, protocol_of, reads_body

LARGE: Final = 1 << 16
"""Bytes of a form from which on reading it takes so long that it is done aside."""

QUERY: Final = said.QUERY.lower().encode()
VERSION: Final = said.VERSION.lower().encode()


@dataclass(frozen=True, slots=True)
class Wish:
    """A query to be answered: its plan, who asks, and where its answer may be kept (None: nowhere)."""

    plan: Plan
    stamp: str
    number: int
    key: Hashable = None
    alias: Hashable = None


class Asker:
    """Answers the queries of machines."""

    def __init__(self, backend: Backend, cache: Cache, watch: Watch, settings: Settings) -> None:
        self._backend = backend
        self._cache = cache
        self._watch = watch
        self._settings = settings
        self._protocol = protocol_of(settings)
        self._flights = Flights(cache.largest)
        self._following = 0

    async def handle(self, exchange: Exchange) -> bool:
        """Answer a request, if it is a query of a machine; return whether it was.

        Raises what ends in a problem. A body that was read is in ``exchange.taken`` then.
        """
        alias: Hashable = None
        private = is_private(exchange)
        if exchange.method == "POST":
            plan = await self._posted(exchange)
        else:
            if not private:
                alias = (exchange.query, exchange.headers.get(b"accept"))
                kept = self._cache.recall(alias, self._backend.stamp)
                if kept is not None:
                    await serve(exchange, kept)
                    return True
            plan = self._planned(exchange)
        if plan is None:
            return False
        await self._answer(exchange, self._wish(plan, alias, private=private))
        return True

    def _planned(self, exchange: Exchange, body: bytes = b"") -> Plan | None:
        try:
            return self._protocol.plan(exchange.method, _told(exchange), exchange.query, body)
        except VetgraphError:
            if exchange.wants_page:
                return None
            raise

    async def _posted(self, exchange: Exchange) -> Plan | None:
        if not reads_body("POST", _told(exchange)):
            return None
        body = exchange.taken = await exchange.body(self._settings.max_body)
        if len(body) > LARGE:
            return await asyncio.to_thread(self._planned, exchange, body)
        return self._planned(exchange, body)

    def _wish(self, plan: Plan, alias: Hashable, *, private: bool) -> Wish:
        number = self._backend.version.number
        stamp = self._backend.stamp if plan.at in (None, number) else str(plan.at)
        if private or not self._cache.largest or not is_deterministic(plan.job.text):
            return Wish(plan, stamp, number)
        return Wish(plan, stamp, number if plan.at is None else plan.at, (stamp, *_named(plan.job)), alias)

    async def _answer(self, exchange: Exchange, wish: Wish) -> None:
        """Answer from what is kept or known to the client already, else with others, else alone."""
        if wish.key is None:
            await self._evaluate(exchange, wish, None)
            return
        kept = self._cache.get(wish.key, wish.alias if wish.plan.at is None else None)
        if kept is not None:
            await serve(exchange, kept)
            return
        condition = exchange.headers.get(b"if-none-match")
        if condition is not None and exchange.method != "POST":
            tag = tag_of(wish.stamp, wish.key)
            if b"*" not in condition and matches(condition, tag):
                # Whoever has the tag has the answer: the same text on the same version.
                await exchange.whole(304, [*_unchanged(wish.number), (b"etag", tag)], b"")
                return
        flight = self._flights.get(wish.key)
        if flight is not None and wish.plan.id is None and await self._follow(exchange, wish, flight):
            return
        if self._flights.get(wish.key) is not None:
            await self._evaluate(exchange, wish, None)
            return
        flight = self._flights.begin(wish.key)
        try:
            await self._evaluate(exchange, wish, flight)
        except BaseException as error:
            flight.fail(error)
            raise
        finally:
            self._flights.end(wish.key, flight)

    async def _follow(self, exchange: Exchange, wish: Wish, flight: Flight) -> bool:
        """Wait for the answer that somebody else asked for; return whether it came."""
        if self._following >= self._settings.queue:
            raise Busy("Too many requests wait for an answer; ask again in a moment.", retry_after=1)
        self._following += 1
        task = exchange.task = asyncio.current_task()
        assert task is not None
        self._watch.enter(exchange, time.monotonic() + wish.plan.seconds, lambda: abandon(task))
        try:
            async with asyncio.timeout(wish.plan.seconds):
                kept = await flight.follow()
        except TimeoutError:
            raise LimitExceeded(
                f"The query reached the limit of {wish.plan.seconds:g} s, waiting for an answer that somebody else "
                "asked for. Ask for less, or for more time with timeout=.",
                limit=wish.plan.seconds,
                unit="seconds",
                stage="waiting",
            ) from None
        finally:
            self._following -= 1
            self._watch.leave(exchange)
        if kept is not None:
            await serve(exchange, kept)
        return kept is not None

    async def _evaluate(self, exchange: Exchange, wish: Wish, flight: Flight | None) -> None:
        plan = wish.plan
        who = caller(exchange.client, plan.seconds, chosen=plan.id, at=plan.at)
        self._watch.enter(exchange, who.deadline, lambda: self._gone(who, flight))
        try:
            answer = await self._backend.answer(plan.job, who)
            if answer.whole is not None:
                await self._whole(exchange, wish, answer, flight)
            else:
                await self._stream(exchange, wish, answer, flight)
        except VetgraphError as error:
            if exchange.gone:
                return
            if flight is not None:
                flight.fail(error)
            if exchange.started:
                raise Cut(error.detail) from error
            await exchange.problem(error, [(QUERY, who.id.encode())])
        finally:
            self._watch.leave(exchange)

    def _gone(self, who: Caller, flight: Flight | None) -> None:
        """The client went away: so does its query, unless others wait for the same."""
        if flight is None or not flight.followers:
            self._backend.cancel(who.id)

    async def _whole(self, exchange: Exchange, wish: Wish, answer: Answer, flight: Flight | None) -> None:
        assert answer.whole is not None
        partial = answer.end.partial if answer.end else None
        if partial:
            limit = f"{partial['reason']}; limit={partial['limit']:g}".encode()
            headers = [*_fixed(answer.media, answer.version, lasting=False), (b"vetgraph-partial", limit)]
            await exchange.whole(200, [*headers, (QUERY, answer.id.encode())], answer.whole)
            return
        kept = self._keep(wish, answer, answer.whole)
        if flight is not None:
            flight.land(kept)
        headers = [*_fixed(answer.media, answer.version, lasting=wish.key is not None), (QUERY, answer.id.encode())]
        if kept is not None:
            headers.append((b"etag", kept.tag))
        await exchange.whole(200, headers, answer.whole)

    async def _stream(self, exchange: Exchange, wish: Wish, answer: Answer, flight: Flight | None) -> None:
        pieces = source = aiter(answer)
        if flight is not None:
            flight.record(answer, pieces, lambda body: self._keep(wish, answer, body))
            source = flight.replay(pieces)
        exchange.task = asyncio.current_task()
        try:
            headers = _fixed(answer.media, answer.version, lasting=wish.key is not None)
            await exchange.begin(200, [*headers, (QUERY, answer.id.encode())])
            if exchange.method != "HEAD":
                async for piece in source:
                    await exchange.piece(piece)
            await exchange.end()
        finally:
            if wish.key is None or flight is None or not self._flights.end(wish.key, flight):
                answer.close()

    def _keep(self, wish: Wish, answer: Answer, body: bytes) -> Kept | None:
        """Keep an answer that is all there; return it as others get it, None where it may not be given again."""
        if wish.key is None or answer.version != wish.number or (answer.end and answer.end.partial):
            return None
        tag = tag_of(wish.stamp, wish.key)
        headers = [*_fixed(answer.media, answer.version, lasting=True), (b"etag", tag)]
        kept = Kept(wish.stamp, headers, body, tag)
        self._cache.put(wish.key, kept, wish.alias if wish.plan.at is None else None)
        return kept


def abandon(task: asyncio.Task[Any]) -> None:
    """End the task of a request whose client has gone."""
    task.cancel()


async def serve(exchange: Exchange, kept: Kept) -> None:
    """Send an answer that was kept, or that it has not changed."""
    condition = exchange.headers.get(b"if-none-match")
    if condition is not None and exchange.method != "POST" and matches(condition, kept.tag):
        headers = [header for header in kept.headers if header[0] not in (b"content-type", b"content-length")]
        await exchange.whole(304, headers, b"")
        return
    await exchange.ready(kept.start, kept.whole)


def is_private(exchange: Exchange) -> bool:
    """Whether nothing kept may answer a request, and its answer may not be kept."""
    headers = exchange.headers
    if b"authorization" in headers or b"cookie" in headers:
        return True
    control = headers.get(b"cache-control")
    return control is not None and (b"no-store" in control or b"no-cache" in control)


def _told(exchange: Exchange) -> Mapping[str, str]:
    """Return the headers that say what is asked for."""
    headers = exchange.headers
    told = {"accept": headers.get(b"accept", b"").decode("latin-1")}
    if b"content-type" in headers:
        told["content-type"] = headers[b"content-type"].decode("latin-1")
    if b"vetgraph-query" in headers:
        told["vetgraph-query"] = headers[b"vetgraph-query"].decode("latin-1")
    return told


def _named(job: QueryJob) -> tuple[Hashable, ...]:
    """Return what names the answer to a query, beside the data."""
    bindings = tuple(sorted(job.bindings.items())) if job.bindings else ()
    wishes = tuple(job.media.values())
    graphs = (job.default_graphs, job.named_graphs, job.union)
    return canonical(job.text), graphs, wishes, job.labels, job.rows, bindings, job.base


@lru_cache(256)
def _fixed(type_: str, version: int, *, lasting: bool) -> tuple[Header, ...]:
    """Return the headers that answers of a media type from a version have in common."""
    kind = media.by_type(type_)
    content_type = kind.header if kind else type_
    return ((b"content-type", content_type.encode()), *_unchanged(version, lasting=lasting))


@lru_cache(256)
def _unchanged(version: int, *, lasting: bool = True) -> tuple[Header, ...]:
    control = said.CACHE if lasting else "no-store"
    return (*EVERY, (b"vary", b"Accept"), (b"cache-control", control.encode()), (VERSION, str(version).encode()))
