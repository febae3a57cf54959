"""The writer as a process of its own: ``python -m vetgraph.engine.writerprocess FOLDER --keep N --wait SECONDS``.

It speaks frames on its standard input, a socket. A ``J`` frame asks, one ``R`` or ``X`` frame answers:

- ``{"do": "commit", "id": …, "intent": {…}}`` and a delta's bytes → the published version
- ``{"do": "hold"}`` → the published version, which stays that until ``commit``, ``release`` or :data:`HELD` seconds

Between two writes the lock is kept, and the working copy open, for :data:`LINGER` seconds, unless another process
waits for the lock; after that the process has nothing but its own memory, and waits. When whoever started it closes the
socket or dies, it finishes what was asked for and ends.
"""

from __future__ import annotations

import argparse
import json
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vetgraph.engine import frames
from vetgraph.engine.failpoints import reach
from vetgraph.engine.retention import KEEP
from vetgraph.engine.writer import Delta, Intent, Overtaken, Writer
from vetgraph.errors import EngineError, StoreError, VetgraphError
from vetgraph.versions import Version

LINGER: Final = 5.0
"""Seconds that the lock is kept, and the working copy open, after the last write, while nobody else wants them."""

HELD: Final = 10.0
"""Seconds that a version is held, at most."""

LOOK: Final = 0.02
"""Seconds between two looks whether another process waits."""

PRUNED: Final = 2
"""Old versions that go after each write: more than one comes, and the next write does not wait."""


@dataclass
class Desk:
    """What one process does between its start and its end."""

    folder: Path
    keep: int
    wait: float
    channel: frames.Channel
    writer: Writer | None = None
    held_until: float = 0.0
    last: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Answer requests until nobody has any more."""
        try:
            while self._turn():
                pass
        finally:
            self._close()

    def _turn(self) -> bool:
        ready, _, _ = select.select([self.channel.socket], [], [], LOOK if self.writer else None)
        if ready:
            asked = self.channel.receive()
            if asked is None:
                return False
            self._answer(asked[1])
            return True
        assert self.writer is not None  # else it waits for a request, however long that takes
        idle = time.monotonic() - self.last
        if time.monotonic() >= self.held_until and (idle >= LINGER or self.writer.is_wanted()):
            self._close()
        return True

    def _answer(self, payload: bytes) -> None:
        head, body = frames.split(payload)
        try:
            version = self._do(head, body)
            told = json.loads(version.as_json()) if version else None
            reply = frames.json_frame(frames.WHOLE, {"version": told}, b"")
        except Overtaken as problem:
            told = {"error": "Overtaken", "base": problem.base, "current": problem.current}
            reply = frames.json_frame(frames.ERROR, told)
        except VetgraphError as problem:
            reply = frames.error_frame(problem)
            if isinstance(problem, StoreError | EngineError):
                self._close()
        self.channel.send(reply)
        reach("answered")
        self.last = time.monotonic()
        self._tidy()

    def _do(self, head: dict[str, Any], body: bytes) -> Version | None:
        if head["do"] == "release":
            self.held_until = 0.0
            return self.writer.version if self.writer else None
        if self.writer is None:
            self.writer = Writer.open(self.folder, wait=self.wait, doing="update", keep=self.keep)
        if head["do"] == "hold":
            self.held_until = time.monotonic() + HELD
            return self.writer.version
        self.held_until = 0.0
        return self.writer.commit(Delta.from_bytes(body), Intent(**head["intent"]), id_=head["id"])

    def _tidy(self) -> None:
        """Do what need not keep anybody waiting: remove old versions, make room for another writer."""
        if self.writer is None or self.held_until:
            return
        try:
            self.writer.prune(PRUNED)
        except (VetgraphError, OSError):
            self._close()
            return
        if self.writer.is_wanted():
            self._close()

    def _close(self) -> None:
        writer, self.writer = self.writer, None
        if writer is not None:
            writer.close()


def main(arguments: list[str] | None = None) -> None:
    """Run the process."""
    parser = argparse.ArgumentParser(prog="vetgraph.engine.writerprocess")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=int, default=KEEP)
    parser.add_argument("--wait", type=float, default=10.0)
    told = parser.parse_args(arguments)
    # Ctrl+C goes to the whole group; what is under way is finished, and the front's end of the socket says when to go.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    Desk(told.folder, told.keep, told.wait, frames.Channel(socket.socket(fileno=0))).run()


if __name__ == "__main__":
    main()
