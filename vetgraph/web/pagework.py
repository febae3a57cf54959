"""Pages are made in processes of their own, forked from one that has the application ready: ``python -m`` this.

The front shares its interpreter with nothing: what takes long to render, to validate or to write out takes it in a
process that has no network, may be ended at any time, and works under the limits of a query's worker. Each reads the
published version by itself. What asks the engine is not done here but handed back.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import io
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from flask import Flask

from vetgraph.engine import frames
from vetgraph.engine.confinement import Limits, confine, follow_parent, limit_memory, on_big_stack
from vetgraph.engine.frames import Channel
from vetgraph.engine.worker import Source
from vetgraph.engine.zygote import Zygote
from vetgraph.errors import EngineError
from vetgraph.settings import from_env
from vetgraph.web import create_app
from vetgraph.web.state import NotHere, state_of

LIMITS: Final = {"nice": 5}
"""What a page may take: queries go first, where processors are scarce."""

ELSEWHERE: Final = {"kind": "page", "media": "", "elsewhere": True}
"""The head of an answer that only says: ask where the engine is."""

Environ = dict[str, Any]


class PageZygote(Zygote):
    """Forks processes that make pages."""

    def __init__(self, control: socket.socket, app: Flask) -> None:
        super().__init__(control)
        self._app = app

    def work(self, sock: socket.socket, source: Callable[[], Source], limits: Limits, *, network: bool) -> None:
        """Make pages, in the child, until the socket closes."""
        confine(limits, network=network)
        limit_memory(limits.memory)
        on_big_stack(PageWorker(Channel(sock), self._app).serve)


class PageWorker:
    """Answers requests that come through a channel, one after the other, until it closes."""

    def __init__(self, channel: Channel, app: Flask) -> None:
        self._channel = channel
        self._app = app
        self._head: dict[str, Any] = {}

    def serve(self) -> None:
        """Serve until the channel closes."""
        with contextlib.suppress(BrokenPipeError, ConnectionError, EOFError):
            while (got := self._channel.receive()) is not None:
                told, body = frames.split(got[1])
                try:
                    self._answer(environ(told, body))
                except NotHere:
                    self._channel.send(frames.json_frame(frames.WHOLE, ELSEWHERE, b""))
                except MemoryError:
                    error = EngineError("There was not memory enough for this request.")
                    self._channel.send(frames.error_frame(error, last=True))
                    return
                except (BrokenPipeError, ConnectionError):
                    raise
                except Exception:
                    traceback.print_exc()
                    error = EngineError("The service failed on this request; its log says more.")
                    self._channel.send(frames.error_frame(error, last=True))
                    return

    def _start(self, status: str, headers: list[tuple[str, str]], _problem: object = None) -> Callable[[bytes], None]:
        self._head = {"kind": "page", "media": "", "status": int(status[:3]), "headers": headers}
        return lambda _: None

    def _answer(self, asked: Environ) -> None:
        pieces = self._app.wsgi_app(asked, self._start)
        try:
            self._send(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close:
                close()

    def _send(self, pieces: Iterable[bytes]) -> None:
        """Send an answer: a small one whole, a longer one as it comes."""
        kept, streams = b"", False
        for piece in pieces:
            kept += piece
            if len(kept) > frames.CHUNK:
                if not streams:
                    self._channel.send(frames.json_frame(frames.HEAD, self._head))
                    streams = True
                for start in range(0, len(kept), frames.CHUNK):
                    self._channel.send(frames.frame(frames.DATA, kept[start : start + frames.CHUNK]))
                kept = b""
        if not streams:
            self._channel.send(frames.json_frame(frames.WHOLE, self._head, kept))
            return
        if kept:
            self._channel.send(frames.frame(frames.DATA, kept))
        self._channel.send(frames.json_frame(frames.END, {}))


def environ(told: Mapping[str, Any], body: bytes) -> Environ:
    """Return a request as WSGI wants it (PEP 3333), from what the front tells of it."""
    found: Environ = {
        "REQUEST_METHOD": told["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": told["path"].encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": told["query"],
        "SERVER_PROTOCOL": f"HTTP/{told['version']}",
        "SERVER_NAME": told["server"][0],
        "SERVER_PORT": str(told["server"][1]),
        "REMOTE_ADDR": told["client"],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": told["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in told["headers"]:
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        found[key] = f"{found[key]},{value}" if key in found else value
    return found


def main() -> None:
    """Be the zygote of the front that has started this process."""
    parser = argparse.ArgumentParser(prog="python -m vetgraph.web.pagework")
    parser.add_argument("--fd", type=int, required=True)
    options = parser.parse_args()
    follow_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    app = create_app(from_env())
    state_of(app).prepare()
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=options.fd) as control, contextlib.suppress(ConnectionError):
        PageZygote(control, app).run()


if __name__ == "__main__":
    main()
