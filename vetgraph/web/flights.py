"""Evaluations that several requests share: who asks for what is being evaluated already waits for that.

A long answer is recorded while it streams to the request that asked first, so that it can be kept and given to the
others; when it gets too large for that, the others ask for themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable

from vetgraph.engine.backend import Answer
from vetgraph.errors import Unavailable, VetgraphError
from vetgraph.web.cache import Kept


class Room:
    """How many bytes all recordings together may take."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0


class Flight:
    """One evaluation: first to be had, then perhaps recorded, at last kept or not."""

    def __init__(self, room: Room) -> None:
        self.followers = 0
        self._room = room
        self._kept: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        self._pieces: list[bytes] = []
        self._recorded = 0
        self._ended = False
        self._failure: BaseException | None = None
        self._news: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._led = True

    async def follow(self) -> Kept | None:
        """Return the answer once it is there in full; None where it has to be asked for anew.

        Raises the error that the query meets, where it would meet it again.
        """
        self.followers += 1
        try:
            return await asyncio.shield(self._kept)
        finally:
            self.followers -= 1

    def land(self, kept: Kept | None) -> None:
        """Give the answer to all who follow; None: each has to ask for it."""
        if not self._kept.done():
            self._kept.set_result(kept)

    def fail(self, error: BaseException) -> None:
        """Tell all who follow what came of the evaluation, if it would come of theirs as well."""
        if self._kept.done():
            return
        if isinstance(error, VetgraphError) and not isinstance(error, Unavailable):
            self._kept.set_exception(error)
            self._kept.exception()
        else:
            self._kept.set_result(None)

    def record(self, answer: Answer, pieces: AsyncIterator[bytes], keep: Callable[[bytes], Kept | None]) -> None:
        """Begin to record an answer; ``keep`` makes what is given to others of all its bytes."""
        self._task = asyncio.get_running_loop().create_task(self._record(answer, pieces, keep))

    async def replay(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield what is recorded as it comes, then what still comes after the room for it was full."""
        sent = 0
        while True:
            while sent < len(self._pieces):
                yield self._pieces[sent]
                sent += 1
            if self._failure is not None:
                raise self._failure
            if self._ended:
                break
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        self._forget()
        async for piece in pieces:
            yield piece

    def leave(self) -> bool:
        """Take note that the first request is done; return whether the evaluation goes on for others."""
        self._led = False
        return self.followers > 0 and self._task is not None and not self._ended

    def close(self) -> None:
        """End what is under way; who follows has to ask anew."""
        if self._task is not None:
            self._task.cancel()
        self._forget()
        self.land(None)

    async def _record(self, answer: Answer, pieces: AsyncIterator[bytes], keep: Callable[[bytes], Kept | None]) -> None:
        try:
            async for piece in pieces:
                self._pieces.append(piece)
                self._recorded += len(piece)
                self._room.used += len(piece)
                if self._recorded > self._room.limit or self._room.used > self._room.limit:
                    self.land(None)
                    break
                self._wake()
            else:
                self.land(keep(b"".join(self._pieces)))
        except VetgraphError as error:
            self._failure = error
            self.fail(error)
        finally:
            self._ended = True
            self._wake()
            if not self._led:
                answer.close()
                self.close()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _forget(self) -> None:
        self._room.used -= self._recorded
        self._recorded = 0
        self._pieces = []


class Flights:
    """The evaluations that are under way, by what names their answer."""

    def __init__(self, limit: int) -> None:
        self.room = Room(limit)
        self._flights: dict[Hashable, Flight] = {}

    def get(self, key: Hashable) -> Flight | None:
        """Return the evaluation of what a key names, if there is one."""
        return self._flights.get(key)

    def begin(self, key: Hashable) -> Flight:
        """Return a new evaluation, for others to find."""
        flight = self._flights[key] = Flight(self.room)
        return flight

    def end(self, key: Hashable, flight: Flight) -> bool:
        """Take an evaluation out of the list; return whether it still goes on for others."""
        if self._flights.get(key) is flight:
            del self._flights[key]
        if flight.leave():
            return True
        flight.close()
        return False
