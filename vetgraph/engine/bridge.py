"""A backend for code in threads: the same calls, each waiting for the loop that the backend lives on."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from vetgraph.engine.backend import Answer, Backend, Caller, Change, End
from vetgraph.errors import Unavailable

if TYPE_CHECKING:
    from vetgraph.engine.history import Intent
    from vetgraph.engine.jobs import QueryJob, StoreJob, UpdateJob, ValidateJob
    from vetgraph.engine.running import Running
    from vetgraph.store import Version

T = TypeVar("T")


class SyncAnswer:
    """An answer for one thread to read: see ``backend.Answer``. A context that gives up what was not read."""

    def __init__(self, bridge: Bridge, answer: Answer) -> None:
        self._bridge = bridge
        self._answer = answer
        self.id = answer.id
        self.kind = answer.kind
        self.media = answer.media
        self.version = answer.version
        self.whole = answer.whole

    @property
    def end(self) -> End | None:
        """How the answer ended, once its last byte was handed out."""
        return self._answer.end

    def __iter__(self) -> Iterator[bytes]:
        if self.whole is not None:
            yield self.whole
            return
        pieces = aiter(self._answer)
        try:
            while (piece := self._bridge.wait(_next(pieces))) is not None:
                yield piece
        finally:
            self.close()

    def read(self) -> bytes:
        """Return all bytes."""
        return b"".join(self)

    def close(self) -> None:
        """Give up what was not read. Harmless when all was."""
        self._bridge.soon(self._answer.close)

    def __enter__(self) -> SyncAnswer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.close()


class Bridge:
    """The calls of a backend, from any thread but its own."""

    def __init__(self, backend: Backend, loop: asyncio.AbstractEventLoop) -> None:
        self._backend = backend
        self._loop = loop
        self._thread: threading.Thread | None = None

    @classmethod
    def start(cls, make: Callable[[], Backend]) -> Bridge:
        """Return a bridge to a backend that lives in a thread of its own, started.

        Raises what ``Backend.start`` raises. Its end is :meth:`close`.
        """
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run, args=(loop,), name="engine", daemon=True)
        thread.start()
        bridge = cls(make(), loop)
        bridge._thread = thread
        try:
            bridge.wait(bridge._backend.start())
        except BaseException:
            bridge._end()
            raise
        return bridge

    @classmethod
    def here(cls, backend: Backend) -> Bridge:
        """Return a bridge to a backend on the loop that runs now."""
        return cls(backend, asyncio.get_running_loop())

    def close(self) -> None:
        """End the backend and its thread, where :meth:`start` made them."""
        if self._thread is not None and self._thread.is_alive():
            self.wait(self._backend.close())
            self._end()

    @property
    def version(self) -> Version:
        """The version that new queries read."""
        return self._backend.version

    @property
    def stamp(self) -> str:
        """What tags hold for the current data."""
        return self._backend.stamp

    @property
    def state(self) -> Literal["starting", "ready", "closed"]:
        """Whether queries are answered."""
        return self._backend.state

    def answer(self, job: QueryJob | ValidateJob, caller: Caller) -> SyncAnswer:
        """Answer a query. Raises as ``Backend.answer``."""
        return SyncAnswer(self, self.wait(self._backend.answer(job, caller)))

    def change(self, job: UpdateJob | StoreJob, intent: Intent, caller: Caller) -> Change:
        """Make a change as one new version. Raises as ``Backend.change``."""
        return self.wait(self._backend.change(job, intent, caller))

    def running(self) -> list[Running]:
        """Return what is under way or waits, the oldest first."""
        return self.wait(_called(self._backend.running))

    def cancel(self, id_: str) -> bool:
        """End what goes by an id; return whether there was something."""
        return self.wait(_called(lambda: self._backend.cancel(id_)))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine on the backend's loop returns. Raises Unavailable where the loop has ended."""
        try:
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise Unavailable("The service is stopping; ask again in a moment.", retry_after=5) from None
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def soon(self, work: Callable[[], None]) -> None:
        """Have the loop call something, and do not wait for it."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(work)

    def _end(self) -> None:
        self.soon(self._loop.stop)
        if self._thread is not None:
            self._thread.join()


async def _next(pieces: AsyncIterator[bytes]) -> bytes | None:
    return await anext(pieces, None)


async def _called(work: Callable[[], T]) -> T:
    return work()


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
