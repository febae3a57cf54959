"""Frames: how the front and its workers talk over a unix stream socket.

A frame is one byte of kind, four bytes of length (little endian), and that many bytes of payload::

    front → worker   J   a job: one line of JSON, then the body's bytes
    worker → front   R   a whole answer: one line of JSON (its head), then the data; the hot path, up to 64 KiB
                     H   the head of a longer answer, as JSON; then
                     D   data, as many frames as it takes; then
                     E   its end, as JSON
                     X   an error, as JSON: ``{"error": class in vetgraph.errors, "detail": …, "facts": {…}}``;
                         instead of an answer, or after H and D where it comes to light late

R, E and X have ``"last": true`` where the worker ends with this reply and takes no other job.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final

from vetgraph import errors
from vetgraph.errors import EngineError, VetgraphError

JOB: Final = b"J"
WHOLE: Final = b"R"
HEAD: Final = b"H"
DATA: Final = b"D"
END: Final = b"E"
ERROR: Final = b"X"

CHUNK: Final = 1 << 16
"""Bytes of data in one frame of an answer, at most."""

LONGEST_REPLY: Final = CHUNK + (1 << 20)
"""Bytes of a frame that a worker may send, at most: one that announces more is broken."""

# Made once: `json.dumps` with separators makes an encoder each time.
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_HEADER: Final = struct.Struct("<cI")

Frame = tuple[bytes, bytes]
"""A frame's kind and payload."""


def frame(kind: bytes, payload: bytes) -> bytes:
    """Return a frame's bytes."""
    return _HEADER.pack(kind, len(payload)) + payload


def json_frame(kind: bytes, value: Mapping[str, Any], data: bytes | None = None) -> bytes:
    """Return a frame of a JSON object, on a line of its own with ``data`` after it where there is data to come."""
    return frame(kind, compact(value) if data is None else compact(value) + b"\n" + data)


def compact(value: Mapping[str, Any]) -> bytes:
    """Return a JSON object in one line."""
    return _encode(value).encode()


def error_frame(error: VetgraphError, *, last: bool = False) -> bytes:
    """Return the frame that tells an error; ``last`` where whoever sends it ends with it."""
    facts = {name: value for name, value in error.facts.items() if _is_plain(value)}
    told = {"error": type(error).__name__, "detail": error.detail, "facts": facts}
    return json_frame(ERROR, {**told, "last": True} if last else told)


def split(payload: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the JSON object and the data of a payload."""
    head, _, data = payload.partition(b"\n")
    return json.loads(head), data


def error_of(payload: bytes) -> VetgraphError:
    """Return the error that an ``X`` frame tells; an EngineError where its class is not one of ours."""
    told = json.loads(payload)
    kind = getattr(errors, str(told["error"]), None)
    if not (isinstance(kind, type) and issubclass(kind, VetgraphError)):
        kind = EngineError
    return kind(told["detail"], **told["facts"])


def _is_plain(value: object) -> bool:
    plain = str | int | float | bool
    return isinstance(value, plain) or (isinstance(value, list | tuple) and all(isinstance(v, plain) for v in value))


class Splitter:
    """Turns bytes as they arrive into frames, for whoever reads without blocking.

    >>> splitter = Splitter()
    >>> list(splitter.feed(frame(DATA, b"ab")[:-1])), list(splitter.feed(b"b" + frame(END, b"{}")))
    ([], [(b'D', b'ab'), (b'E', b'{}')])
    """

    def __init__(self, longest: int = LONGEST_REPLY) -> None:
        self._kept = bytearray()
        self._longest = longest

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are whole with these bytes. Raises EngineError where a frame is longer than agreed."""
        if not self._kept and len(data) >= 5:
            # A frame by itself is the rule: no copy to and fro.
            kind, length = _HEADER.unpack_from(data)
            if length == len(data) - 5:
                yield kind, data[5:]
                return
        self._kept += data
        while len(self._kept) >= 5:
            kind, length = _HEADER.unpack_from(self._kept)
            if length > self._longest:
                raise EngineError(f"A worker announced {length} bytes at once, more than was agreed.")
            if len(self._kept) < 5 + length:
                return
            payload = bytes(self._kept[5 : 5 + length])
            del self._kept[: 5 + length]
            yield kind, payload


class Channel:
    """The blocking end of a socket, for a process that does one thing at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.send = sock.sendall

    def receive(self) -> Frame | None:
        """Return the next frame, or None where the other side has closed.

        Only one frame is ever under way towards a worker: what one read returns belongs to it.
        """
        data = self.socket.recv(CHUNK)
        if not data:
            return None
        while len(data) < 5:
            data += self._more(5 - len(data))
        kind, length = _HEADER.unpack_from(data)
        if len(data) == 5 + length:
            return kind, data[5:]
        rest = bytearray(data)
        while len(rest) < 5 + length:
            rest += self._more(min(5 + length - len(rest), 1 << 20))
        return kind, bytes(memoryview(rest)[5:])

    def replies(self) -> Iterator[Frame]:
        """Yield the frames of one reply, up to and with the one that ends it. Raises EOFError where none does."""
        splitter = Splitter()
        while True:
            data = self.socket.recv(CHUNK)
            if not data:
                raise EOFError("the worker closed its socket before the reply was whole")
            for kind, payload in splitter.feed(data):
                yield kind, payload
                if kind in (WHOLE, END, ERROR):
                    return

    def _more(self, size: int) -> bytes:
        data = self.socket.recv(size)
        if not data:
            raise EOFError("the other side closed its socket within a frame")
        return data
