"""Doors: who may go in to something of which there is little, in turn by client; who goes away is forgotten."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from vetgraph.engine.scheduling import Turns
from vetgraph.errors import Busy, TooManyRequests

CROWD: Final = 64
"""Requests that may wait before a door."""


class Door:
    """Some places, and who is at them or waits: clients take turns, each has half of the places at most.

    All calls belong to one loop.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._queue: Turns[asyncio.Future[None]] = Turns()
        self._inside: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def enter(self, client: str) -> AsyncIterator[None]:
        """Give a client a place in its turn. Raises Busy and TooManyRequests where too many wait already."""
        if self._queue or not self._may(client):
            await self._wait(client)
        else:
            self._inside[client] += 1
        try:
            yield
        finally:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]
            self._next()

    async def _wait(self, client: str) -> None:
        if len(self._queue) >= CROWD:
            raise Busy("Too many requests wait already; ask again in a moment.", retry_after=1)
        if self._waiting[client] >= CROWD // 2:
            raise TooManyRequests("You have too many requests under way; let some of them end first.", retry_after=1)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.push(client, turn)
        self._waiting[client] += 1
        try:
            # Others may wait for nothing but their own share: there may be a place for this one.
            self._next()
            await turn
        except asyncio.CancelledError:
            if not self._queue.discard(client, turn) and not turn.cancelled():
                # The turn came in the same moment: somebody else has it.
                self._inside[client] -= 1
                self._next()
            raise
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]

    def _may(self, client: str) -> bool:
        return self._inside.total() < self._places and self._inside[client] < max(1, self._places // 2)

    def _next(self) -> None:
        """Give free places to those whose turn it is."""
        for _ in range(len(self._queue)):
            client, turn = self._popped()
            if turn is None:
                return
            if turn.cancelled():
                # Who waited has gone, and has not had time to take itself out of the queue.
                continue
            self._inside[client] += 1
            turn.set_result(None)

    def _popped(self) -> tuple[str, asyncio.Future[None] | None]:
        chosen = ""

        def may(client: str) -> bool:
            nonlocal chosen
            chosen = client
            return self._may(client)

        turn = self._queue.pop(may)
        return chosen, turn
