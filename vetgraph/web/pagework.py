"""A process that answers requests by the Flask application, one after the other; ``rooms`` starts it.

The front shares its interpreter with nothing that renders. This process reads the published version by itself, keeps
what pages have in common, and ends when the front closes its socket or ends. Frames are those of
``vetgraph.engine.frames``: a job is a request (a line of JSON, then its body); the answer has ``status`` and
``headers``. What asks the engine is not answered here but handed back: ``{"elsewhere": true}``.

A signal (SIGUSR1) says that nobody waits for the answer any more. It is heard wherever Python runs, but never within a
frame, and the reply is an error like any other; whoever did not ask for that asks again.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import resource
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

from a2wsgi.wsgi import build_environ
from flask import Flask

from vetgraph.engine import frames
from vetgraph.engine.confinement import limit_memory
from vetgraph.engine.frames import Channel
from vetgraph.errors import Cancelled, EngineError, VetgraphError
from vetgraph.settings import from_env
from vetgraph.web import create_app
from vetgraph.web.memory import be_frugal
from vetgraph.web.state import state_of

WARMED: Final = 2_000_000
"""Triples up to which a page is made before the first is asked for."""

NICE: Final = 5
"""What a process of pages gives way by: queries go first, where processors are scarce."""

MOST: Final = 384 << 20
"""Resident bytes beyond which a process is asked no more, and another one takes its place."""

READY: Final = frames.json_frame(frames.WHOLE, {"ready": True}, b"")
ELSEWHERE: Final = frames.json_frame(frames.WHOLE, {"elsewhere": True}, b"")

SIGNAL: Final = getattr(signal, "SIGUSR1", signal.SIGTERM)
"""What tells a process to leave the answer that it is at."""


class NotHere(BaseException):
    """The engine is in another process: whoever asked is to be answered there. No handler of errors is to take it."""


class Abandoned(BaseException):
    """Nobody waits for the answer any more."""


class NoEngine:
    """Stands where other processes have the engine."""

    def __getattr__(self, name: str) -> NoReturn:
        raise NotHere(name)


class PageWorker:
    """Answers requests that come through a channel until it closes."""

    def __init__(self, channel: Channel, app: Flask) -> None:
        self._channel = channel
        self._app = app
        self._head: dict[str, Any] = {}
        self._making = False
        self._abandoned = False

    def serve(self) -> None:
        """Serve until the channel closes."""
        signal.signal(SIGNAL, self._abandon)
        with contextlib.suppress(BrokenPipeError, ConnectionError, EOFError):
            self._channel.send(READY)
            while (got := self._channel.receive()) is not None:
                self._serve(*frames.split(got[1]))

    def _serve(self, told: dict[str, Any], body: bytes) -> None:
        self._abandoned = False
        try:
            self._answer(environ(told, body))
        except NotHere:
            self._channel.send(ELSEWHERE)
        except Abandoned:
            self._channel.send(frames.error_frame(Cancelled("The client went away.")))
        except MemoryError:
            error = EngineError("There was not memory enough for this request.")
            self._channel.send(frames.error_frame(error, last=True))
        except (BrokenPipeError, ConnectionError):
            raise
        except Exception:
            traceback.print_exc()
            error = EngineError("The service failed on this request; its log says more.")
            self._channel.send(frames.error_frame(error))

    def _abandon(self, _number: int, _frame: FrameType | None) -> None:
        self._abandoned = True
        if self._making:
            self._making = False
            raise Abandoned

    def _answer(self, asked: Mapping[str, Any]) -> None:
        pieces = self._made(lambda: self._app.wsgi_app(dict(asked), self._start))
        try:
            self._send(self._each(iter(pieces)))
        finally:
            close: Callable[[], None] | None = getattr(pieces, "close", None)
            if close:
                close()

    def _start(self, status: str, headers: list[tuple[str, str]], _problem: object = None) -> Callable[[bytes], None]:
        self._head = {"status": int(status[:3]), "headers": headers}
        return lambda _: None

    def _made(self, make: Callable[[], Any]) -> Any:
        """Return what a function makes. Raises Abandoned within it, but nowhere else."""
        try:
            self._making = True
            if self._abandoned:
                raise Abandoned
            return make()
        finally:
            self._making = False

    def _each(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        while (piece := self._made(lambda: next(pieces, None))) is not None:
            yield piece

    def _send(self, pieces: Iterable[bytes]) -> None:
        """Send an answer: a small one whole, a longer one as it comes."""
        kept, streams = bytearray(), False
        for piece in pieces:
            kept += piece
            if len(kept) > frames.CHUNK:
                if not streams:
                    self._channel.send(frames.json_frame(frames.HEAD, self._head))
                    streams = True
                for start in range(0, len(kept), frames.CHUNK):
                    self._channel.send(frames.frame(frames.DATA, bytes(kept[start : start + frames.CHUNK])))
                kept.clear()
        if not streams:
            self._channel.send(frames.json_frame(frames.WHOLE, self._head | _last(), bytes(kept)))
            return
        if kept:
            self._channel.send(frames.frame(frames.DATA, bytes(kept)))
        self._channel.send(frames.json_frame(frames.END, _last()))


def payload(scope: Mapping[str, Any], body: bytes) -> bytes:
    """Return the payload of the frame that asks for an answer to a request (ASGI's scope, made ready for WSGI)."""
    told = {name: scope[name] for name in ("method", "path", "http_version") if name in scope}
    told |= {"scheme": scope.get("scheme", "http"), "server": scope.get("server"), "client": scope.get("client")}
    told["query_string"] = scope["query_string"].decode("latin-1")
    told["headers"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    return frames.compact(told) + b"\n" + body


def environ(told: Mapping[str, Any], body: bytes) -> dict[str, Any]:
    """Return a request as WSGI wants it (PEP 3333), from what :func:`payload` tells of it."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told["headers"]]
    scope: Any = {**told, "query_string": told["query_string"].encode("latin-1"), "headers": headers}
    stream: Any = io.BytesIO(body)
    found: dict[str, Any] = {**build_environ(scope, stream)}
    return found | {"wsgi.errors": sys.stderr, "wsgi.multithread": False}


def _last() -> dict[str, Any]:
    """Return what tells the front that this process has grown too large to be asked again."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return {"last": True} if pages * resource.getpagesize() > MOST else {}


def _warm(app: Flask) -> None:
    """Make what all pages need, before somebody waits for it. Whatever comes of it, requests will tell.

    Of much data a page takes so long that this process would be taken for one that can't start.
    """
    with contextlib.suppress(NotHere, VetgraphError):
        if state_of(app).current.version.triples <= WARMED:
            app.test_client().get("/countries", headers={"Accept": "text/html"})


def _quiet(unraisable: Any) -> None:
    """Leave out of the log that somebody went away while the interpreter was at something that can't raise."""
    if unraisable.exc_type is not Abandoned:
        sys.__unraisablehook__(unraisable)


def main() -> None:
    """Be a process of pages of the front that has started this one."""
    parser = argparse.ArgumentParser(prog="vetgraph.web.pagework")
    parser.add_argument("--fd", type=int, required=True)
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(SIGNAL, signal.SIG_IGN)
    os.nice(NICE)
    be_frugal()
    sys.unraisablehook = _quiet
    # A page that is abandoned between opening a file and taking care of it leaves that to the collector.
    warnings.filterwarnings("ignore", category=ResourceWarning)
    settings = from_env()
    app = create_app(settings)
    state: Any = state_of(app)
    state.engine = NoEngine()
    _warm(app)
    limit_memory(settings.worker_memory)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=options.fd) as link:
        PageWorker(Channel(link), app).serve()
