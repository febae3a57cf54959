"""The front's end of the writer: starts the process on demand, and never does a write twice or half.

The process may die at any moment. Every write has an id; where the answer is missing, the same write is asked for
again, and the next process finds in the history whether it was published.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, cast

from vetgraph.engine import frames
from vetgraph.engine.history import Intent
from vetgraph.engine.processors import BACKGROUND
from vetgraph.engine.retention import KEEP
from vetgraph.engine.writer import Overtaken
from vetgraph.errors import EngineError
from vetgraph.versions import Version, version_from_json

TRIES: Final = 3
"""Processes that may die over one write before it is given up."""

LONGEST: Final = 1 << 31
"""Bytes of an answer, at most: a version's description grows with its graphs."""


class Lost(Exception):
    """The process ended without an answer."""


class WriterClient:
    """The writer of a store, for an event loop. One request at a time, in the order in which they came."""

    def __init__(self, folder: Path, *, keep: int = KEEP, wait: float = 10.0) -> None:
        self._command = (
            *(sys.executable, "-m", "vetgraph.engine.writerprocess", str(folder)),
            *("--keep", str(keep), "--wait", str(wait)),
        )
        self._turn = asyncio.Lock()
        self._link: Link | None = None

    async def warm(self) -> None:
        """Start the process, so that the first write need not wait for that."""
        async with self._turn:
            await self._linked()

    async def commit(self, delta: bytes, intent: Intent) -> Version:
        """Publish what a delta makes of the published version, and return that version.

        Raises Overtaken where ``intent.base`` is no longer published, StoreBusy where another process writes, DiskFull,
        StoreDamaged, StoreFormat or EngineError; nothing has changed then. A caller that is cancelled does not
        stop a write that has begun.
        """
        head = {"do": "commit", "id": uuid.uuid4().hex, "intent": asdict(intent)}
        version = await asyncio.shield(asyncio.ensure_future(self._in_turn(head, delta)))
        assert version is not None
        return version

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[Version | None]:
        """Keep the published version the published one for some seconds, for whoever met too many conflicts."""
        version = await asyncio.shield(asyncio.ensure_future(self._in_turn({"do": "hold"})))
        try:
            yield version
        finally:
            await asyncio.shield(asyncio.ensure_future(self._in_turn({"do": "release"})))

    async def close(self) -> None:
        """Let the process finish and end; wait until it has."""
        async with self._turn:
            link, self._link = self._link, None
            if link is not None:
                await link.close()

    @property
    def pid(self) -> int | None:
        """The process that runs now, if any."""
        return self._link.process.pid if self._link and not self._link.lost else None

    async def _in_turn(self, head: dict[str, Any], body: bytes = b"") -> Version | None:
        async with self._turn:
            for _ in range(TRIES):
                try:
                    return _version(*await (await self._linked()).ask(frames.json_frame(frames.JOB, head, body)))
                except Lost:
                    continue
            raise EngineError(
                f"The writer ended {TRIES} times in a row without an answer; look into its log for the reason."
            )

    async def _linked(self) -> Link:
        if self._link is None or self._link.lost:
            if self._link is not None:
                await self._link.close()
            self._link = await Link.start(self._command)
        return self._link


def _version(kind: bytes, payload: bytes) -> Version | None:
    if kind == frames.ERROR:
        told = json.loads(payload)
        raise Overtaken(told["base"], told["current"]) if told["error"] == "Overtaken" else frames.error_of(payload)
    told = frames.split(payload)[0]["version"]
    return version_from_json(json.dumps(told)) if told else None


class Link(asyncio.Protocol):
    """A running writer process and the socket to it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.lost = False
        self._splitter = frames.Splitter(LONGEST)
        self._waiting: asyncio.Future[frames.Frame] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def start(cls, command: tuple[str, ...]) -> Link:
        """Start a process and return the link to it."""
        ours, theirs = socket.socketpair()
        with theirs:
            # Short-lived or idle, and it must outlive a front that is killed: it ends by itself when its socket closes.
            process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=subprocess.DEVNULL)  # noqa: S603
            BACKGROUND.add(process)
        make: Callable[[], Link] = lambda: cls(process)  # noqa: E731
        _, link = await asyncio.get_running_loop().create_connection(make, sock=ours)
        return link

    async def ask(self, request: bytes) -> frames.Frame:
        """Send a request and return the answer's frame. Raises Lost where there is none."""
        if self._transport is None or self.lost:
            raise Lost
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._waiting

    async def close(self) -> None:
        """Close the socket and wait for the process to end."""
        if self._transport is not None:
            self._transport.close()
        await asyncio.to_thread(self.process.wait)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are not subclasses of asyncio's

    def data_received(self, data: bytes) -> None:
        for answer in self._splitter.feed(data):
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(answer)

    def connection_lost(self, problem: Exception | None) -> None:
        self.lost = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(Lost())
        self._reap()

    def _reap(self) -> None:
        """Take note of the process's end, which follows that of its socket within moments."""
        if self.process.poll() is None:
            asyncio.get_running_loop().call_later(0.05, self._reap)
