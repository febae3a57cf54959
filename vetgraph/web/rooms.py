"""The front's side of page making: processes for it, at most one request in each, with a deadline and an end.

See ``pagework`` for what goes on in them. Where processes of this kind can't be had, :attr:`Rooms.open` says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, cast

from vetgraph.engine import frames
from vetgraph.engine.frames import Frame, Splitter
from vetgraph.engine.nursery import can_fork
from vetgraph.engine.processors import BACKGROUND
from vetgraph.errors import Busy, Cancelled, EngineError, LimitExceeded
from vetgraph.settings import Settings
from vetgraph.web.doors import Door
from vetgraph.web.exchange import Message
from vetgraph.web.pagework import SIGNAL

PROGRAM: Final = """import sys
from vetgraph.engine.confinement import follow_parent
follow_parent(int(sys.argv.pop()))
from vetgraph.web.pagework import main
main()"""
"""What such a process runs: it follows its parent first, since the rest takes a second to load."""

ROOMS: Final = 2
"""Processes that make pages."""

AHEAD: Final = 1 << 20
"""Bytes of an answer that wait to be looked at, before its process has to wait."""

WHOLE: Final = 4 << 20
"""Bytes of an answer up to which its process is let go before anything is sent, however slow the client."""

HELD: Final = 64 << 20
"""Bytes of such answers that wait for their clients, in all; beyond, processes wait with them."""

FIRST: Final = 1.0
"""Seconds after start-up before the first process is begun: the data are being loaded, and threads make pages too."""

OPENING: Final = 30.0
"""Seconds in which a process has to be ready."""

SILENCE: Final = 30.0
"""Seconds in which a process has to go on with its answer; then it is replaced."""

GRACE: Final = 2.0
"""Seconds in which a process has to leave an answer that nobody waits for."""

AGAIN: Final = 0.2
"""Seconds before a process that has ended is replaced."""

FAILURES: Final = 5
"""Processes that may end one after the other before they were ready; then pages are made without."""

ENDS: Final = (frames.WHOLE, frames.END, frames.ERROR)
"""Frames that end an answer."""

Pass = Callable[[Message], Awaitable[None]]

log = logging.getLogger(__name__)


class Room(asyncio.Protocol):
    """One process, and the frames that come from it. All calls belong to one loop."""

    def __init__(self) -> None:
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.idle = False
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._splitter = Splitter()
        self._frames: deque[Frame] = deque()
        self._ahead = 0
        self._news: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Start the process; return when it is ready. Raises EngineError, TimeoutError, OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", PROGRAM, "--fd", str(theirs.fileno()), str(os.getpid())]
            # Our own program and two numbers: nothing of a request gets into this command.
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)  # noqa: S603
            BACKGROUND.add(self._process)
        ours.setblocking(False)
        await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
        async with asyncio.timeout(OPENING):
            await self.frame()

    def ask(self, payload: bytes) -> None:
        """Send a request; its answer comes by :meth:`frame`."""
        self.idle = False
        if self._transport is not None:
            self._transport.write(frames.frame(frames.JOB, payload))

    async def frame(self) -> Frame:
        """Return the next frame; after the last of an answer the room is idle. Raises EngineError where none comes."""
        while not self._frames:
            if self.lost.done():
                raise EngineError("The process that made this page ended; ask again.")
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        kind, payload = self._frames.popleft()
        self._ahead -= len(payload)
        if self._transport is not None and self._ahead <= AHEAD // 2:
            self._transport.resume_reading()
        if kind in ENDS:
            self.idle = True
            if json.loads(payload.partition(b"\n")[0]).get("last"):
                self.close()
        return kind, payload

    async def next(self) -> Frame:
        """Return the next frame. Raises EngineError, LimitExceeded where none comes in time: the process is ended."""
        try:
            async with asyncio.timeout(SILENCE):
                return await self.frame()
        except TimeoutError:
            self.kill()
            raise LimitExceeded(
                f"Nothing more of this page was ready within {SILENCE:g} s; ask for less, or again later.",
                limit=SILENCE,
                unit="seconds",
            ) from None

    async def leave(self) -> None:
        """Have the process leave the answer that it is at; end it where it does not."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.send_signal(SIGNAL)
        try:
            async with asyncio.timeout(GRACE):
                while not self.idle:
                    await self.frame()
        except (EngineError, TimeoutError):
            self.kill()

    def close(self) -> None:
        """Have the process end by itself."""
        if self._transport is not None:
            self._transport.close()

    def kill(self) -> None:
        """End the process, whatever it is at."""
        if self._process is not None:
            self._process.kill()
        if self._transport is not None:
            self._transport.abort()

    async def ended(self) -> int | None:
        """Wait until the process is gone, and end it where it does not go; return how it ended."""
        self.close()
        if self._process is None:
            return None
        until = asyncio.get_running_loop().time() + GRACE
        while self._process.poll() is None:
            await asyncio.sleep(0.01)
            if asyncio.get_running_loop().time() > until:
                self.kill()
        return self._process.returncode

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the connection."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take in what came; where too much waits already, the process has to wait as well."""
        try:
            for kind, payload in self._splitter.feed(data):
                self._frames.append((kind, payload))
                self._ahead += len(payload)
        except EngineError:
            self.kill()
        if self._transport is not None and self._ahead > AHEAD:
            self._transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the process is gone."""
        self._transport = None
        if not self.lost.done():
            self.lost.set_result(None)
        self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


class Rooms:
    """Processes that make pages, and who is in them."""

    def __init__(self, settings: Settings) -> None:
        self.open = False
        # A store elsewhere is reached by the engine only, which these processes have not.
        self._wanted = can_fork() and not settings.endpoint
        self._door = Door(ROOMS)
        self._free: asyncio.Queue[Room] = asyncio.Queue()
        self._held = 0
        self._opened = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to start processes; :attr:`open` once there is one."""
        if self._wanted:
            self._task(self._keep_all())

    async def close(self) -> None:
        """End all processes; return once they are gone."""
        self.open = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def answer(self, client: str, payload: bytes, send: Pass) -> bool:
        """Answer a request by ``send``; return False where that takes the engine.

        Raises Busy, TooManyRequests, LimitExceeded, EngineError. To be cancelled where the client goes away.
        """
        async with self._door.enter(client):
            room, first = await self._asked(payload)
            try:
                head, pieces = await self._gathered(room, first)
                if not room.idle:
                    await _begin(send, head, b"".join(pieces), more=True)
                    await self._stream(room, send)
                    return True
            finally:
                self._vacate(room)
        if "status" not in head:
            return False
        body = b"".join(pieces)
        self._held += len(body)
        try:
            await _begin(send, head, body, more=False)
        finally:
            self._held -= len(body)
        return True

    async def _asked(self, payload: bytes) -> tuple[Room, Frame]:
        """Return a room that was asked, and its first frame; asks again where that came to nothing by no fault."""
        again = True
        while True:
            room = await self._room()
            try:
                room.ask(payload)
                kind, data = await room.next()
                if kind != frames.ERROR:
                    return room, (kind, data)
                # Where it was left, the signal was meant for the answer before.
                error = frames.error_of(data)
                again = again and isinstance(error, Cancelled)
            except EngineError as problem:
                error = problem
            except BaseException:
                self._vacate(room)
                raise
            self._vacate(room)
            if not again:
                raise error
            again = False

    async def _gathered(self, room: Room, first: Frame) -> tuple[dict[str, Any], list[bytes]]:
        """Return the head of an answer and its pieces: all, or as many as may be held."""
        kind, data = first
        if kind == frames.WHOLE:
            head, body = frames.split(data)
            return head, [body]
        head, pieces, size = json.loads(data), [], 0
        most = WHOLE if self._held < HELD else 0
        while size < most and not room.idle:
            kind, data = await room.next()
            if kind == frames.ERROR:
                raise frames.error_of(data)
            if kind == frames.DATA:
                pieces.append(data)
                size += len(data)
        return head, pieces

    async def _stream(self, room: Room, send: Pass) -> None:
        while not room.idle:
            kind, data = await room.next()
            if kind == frames.ERROR:
                raise frames.error_of(data)
            if kind == frames.DATA:
                await send({"type": "http.response.body", "body": data, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _room(self) -> Room:
        """Return a room that is free. Raises Busy where none becomes free in a long time."""
        try:
            async with asyncio.timeout(SILENCE):
                while (room := await self._free.get()).lost.done():
                    pass
                return room
        except TimeoutError:
            raise Busy("Pages can't be made at present; ask again in a moment.", retry_after=5) from None

    def _vacate(self, room: Room) -> None:
        """Let others have a room, once it has left the answer that it is at."""
        if room.idle:
            self._free.put_nowait(room)
        else:
            self._task(self._cleared(room))

    async def _cleared(self, room: Room) -> None:
        await room.leave()
        self._free.put_nowait(room)

    async def _keep_all(self) -> None:
        """Have processes, always, one after the other: whoever asks first wants the processors too."""
        await asyncio.sleep(FIRST)
        self._task(self._keep())
        await self._opened.wait()
        for _ in range(ROOMS - 1):
            self._task(self._keep())

    async def _keep(self) -> None:
        """Have a process, always."""
        failures = 0
        while failures < FAILURES:
            room, ready = Room(), False
            try:
                await room.start()
                self.open = ready = True
                self._opened.set()
                self._free.put_nowait(room)
                await asyncio.shield(room.lost)
            except (EngineError, OSError, TimeoutError) as problem:
                log.error("a process for pages could not be started: %s", problem or type(problem).__name__)
            finally:
                code = await room.ended()
            failures = 0 if ready else failures + 1
            if code:
                log.error("a process for pages ended (%s); another one is started", code)
            await asyncio.sleep(AGAIN)
        self.open = False

    def _task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _begin(send: Pass, head: dict[str, Any], body: bytes, *, more: bool) -> None:
    headers = [
        (name.strip().lower().encode("latin-1"), value.strip().encode("latin-1")) for name, value in head["headers"]
    ]
    await send({"type": "http.response.start", "status": head["status"], "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": more})
