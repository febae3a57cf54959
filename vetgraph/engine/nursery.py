"""Where workers come from: the front's end of a zygote, the process that forks them, or what stands in for it.

Messages are JSON, one a packet, on a socket of their own; a new worker comes as its process id with three descriptors:
its socket, a pidfd to end it by, and what it writes to standard error. Closing the socket ends the zygote and with it
all its workers.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Protocol

from vetgraph.engine.confinement import big_stack
from vetgraph.engine.frames import error_of
from vetgraph.engine.processors import BACKGROUND
from vetgraph.errors import EngineError

PACKET: Final = 1 << 16

MODULE: Final = "vetgraph.engine.zygote"

PATIENCE: Final = 2.0
"""Seconds in which a process that was told to end has to."""

_DESCRIPTORS: Final = 3
_DIAGNOSIS: Final = 8192
"""Bytes of a dead worker's standard error that are read, from its end."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Spawned:
    """A worker that has just been made. ``status`` is done with its wait status once it has ended.

    ``number`` is the version that the zygote held, None where it holds none; ``stderr`` the file that holds what the
    worker says in its last moment.
    """

    pid: int
    number: int | None
    socket: socket.socket
    stderr: int
    status: asyncio.Future[int | None]
    end: Callable[[], None]
    descriptors: tuple[int, ...]

    def kill(self) -> None:
        """End the process at once, whatever it is at."""
        with contextlib.suppress(ProcessLookupError):
            self.end()

    def last_words(self) -> bytes:
        """Return the end of what the process wrote to standard error."""
        with contextlib.suppress(OSError):
            size = os.fstat(self.stderr).st_size
            return os.pread(self.stderr, _DIAGNOSIS, max(0, size - _DIAGNOSIS))
        return b""

    def discard(self) -> None:
        """End the process and forget it."""
        self.kill()
        self.socket.close()
        self.release()

    def release(self) -> None:
        """Give back the descriptors."""
        for descriptor in self.descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


class Nursery(Protocol):
    """Makes workers. All calls belong to one loop."""

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""

    def start(self) -> None:
        """Make ready."""

    async def ask(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], list[int]]:
        """Send a message and return its reply and the descriptors that came with it. Raises EngineError."""

    async def fork(self, line: Mapping[str, Any]) -> Spawned:
        """Return a new worker. Raises EngineError and what the source of its data raises."""

    async def close(self) -> None:
        """End all workers; return once they are gone."""


def can_fork() -> bool:
    """Whether workers can be forked here; else each is started as a program, and reads its version on disk."""
    return all(hasattr(os, name) for name in ("fork", "pidfd_open", "memfd_create"))


class Zygote:
    """The front's end of one zygote process. All calls belong to one loop."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._replies: deque[asyncio.Future[tuple[dict[str, Any], list[int]]]] = deque()
        self._children: dict[int, asyncio.Future[int | None]] = {}
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def alive(self) -> bool:
        """Whether the process is there to be asked."""
        return self._socket is not None and not self.lost.done()

    @property
    def pid(self) -> int | None:
        """The process's number."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", MODULE, "--fd", str(theirs.fileno())]
            # Our own module and a number: nothing of a request gets into this command.
            with big_stack():
                self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)  # noqa: S603
            BACKGROUND.add(self._process)
        ours.setblocking(False)
        self._socket = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._readable)

    async def ask(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], list[int]]:
        """Send a message and return its reply and the descriptors that came with it.

        Raises what the zygote tells, EngineError where the process is gone.
        """
        if self._socket is None or self.lost.done():
            raise EngineError("The process that makes workers is gone.")
        reply: asyncio.Future[tuple[dict[str, Any], list[int]]] = asyncio.get_running_loop().create_future()
        # Where the caller has given up, nobody looks at what became of it.
        reply.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._replies.append(reply)
        self._socket.send(json.dumps(message).encode())
        # A caller that gives up must not take the reply away from the order of replies.
        return await asyncio.shield(reply)

    async def fork(self, line: Mapping[str, Any]) -> Spawned:
        """Return a new worker. Raises as :meth:`ask`."""
        told, descriptors = await self.ask({"do": "fork", **line})
        pid = int(told["pid"])
        link, pidfd, stderr = descriptors
        channel = socket.socket(fileno=link)
        channel.setblocking(False)
        end = partial(signal.pidfd_send_signal, pidfd, signal.SIGKILL)
        return Spawned(pid, told.get("version"), channel, stderr, self._child(pid), end, (pidfd, stderr))

    async def close(self) -> None:
        """End the process and all its workers; return once it is gone."""
        self._lose()
        if self._process is not None:
            process, self._process = self._process, None
            await _ended(process)

    def _child(self, pid: int) -> asyncio.Future[int | None]:
        return self._children.setdefault(pid, asyncio.get_running_loop().create_future())

    def _readable(self) -> None:
        assert self._socket is not None
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(PACKET, socket.CMSG_SPACE(_DESCRIPTORS * 4))
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data, ancillary = b"", []
            if not data:
                self._lose()
                return
            self._received(json.loads(data), _descriptors(ancillary))

    def _received(self, told: dict[str, Any], descriptors: list[int]) -> None:
        if "ended" in told:
            status = self._child(int(told["ended"]))
            if not status.done():
                status.set_result(told.get("status"))
            del self._children[int(told["ended"])]
            return
        reply = self._replies.popleft()
        if "error" in told:
            reply.set_exception(error_of(json.dumps(told).encode()))
        else:
            reply.set_result((told, descriptors))

    def _lose(self) -> None:
        """Take note that the process is gone, or let it go."""
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        self._socket = None
        while self._replies:
            self._replies.popleft().set_exception(EngineError("The process that makes workers ended."))
        for status in self._children.values():
            if not status.done():
                status.set_result(None)
        self._children.clear()
        if not self.lost.done():
            self.lost.set_result(None)


class Spawner:
    """Starts workers as programs, where they can't be forked: slower, and only for versions on disk."""

    def __init__(self) -> None:
        self._processes: set[subprocess.Popen[bytes]] = set()
        self.alive = True

    def start(self) -> None:
        """There is nothing to be made ready."""

    async def ask(self, message: Mapping[str, Any]) -> tuple[dict[str, Any], list[int]]:
        """Raise EngineError: nothing is held in memory here."""
        raise EngineError("Data can't be held in memory on this system.")

    async def fork(self, line: Mapping[str, Any]) -> Spawned:
        """Return a new worker on a version on disk. Raises EngineError for any other source."""
        if line["source"] != "disk":
            raise EngineError("Workers of this kind can't be had on this system.")
        ours, theirs = socket.socketpair()
        errors = tempfile.TemporaryFile()  # noqa: SIM115 — closed with the worker
        memory = line.get("limits", {}).get("memory", 2 << 30)
        command = [*(sys.executable, "-m", "vetgraph.engine.worker", "--fd", str(theirs.fileno()))]
        command += ["--path", str(line["path"]), "--memory", str(memory)]
        with theirs, errors, big_stack():
            # Our own module, a number and a folder of the store: nothing of a request gets into this command.
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], stderr=errors)  # noqa: S603
            stderr = os.dup(errors.fileno())
        ours.setblocking(False)
        self._processes.add(process)
        status = asyncio.ensure_future(asyncio.to_thread(self._wait, process))
        return Spawned(process.pid, None, ours, stderr, status, process.kill, (stderr,))

    async def close(self) -> None:
        """End all workers."""
        self.alive = False
        for process in list(self._processes):
            process.kill()
            await _ended(process)

    def _wait(self, process: subprocess.Popen[bytes]) -> int | None:
        code = process.wait()
        self._processes.discard(process)
        return -code if code < 0 else code << 8


def new_nursery() -> Nursery:
    """Return what makes workers here, started."""
    nursery: Nursery = Zygote() if can_fork() else Spawner()
    nursery.start()
    return nursery


async def _ended(process: subprocess.Popen[bytes]) -> None:
    """Wait for a process to end, and end it where it does not. Without a thread: there may be none any more."""
    until = time.monotonic() + PATIENCE
    while process.poll() is None:
        await asyncio.sleep(0.005)
        if time.monotonic() > until:
            process.kill()


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    for descriptor in found:
        os.set_inheritable(descriptor, False)
    return list(found)
