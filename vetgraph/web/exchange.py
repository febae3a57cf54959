"""One request and its answer over ASGI: a body within bounds, an answer whole or as it comes, a client that goes.

What was measured of the server (granian): the connection is cut when the application raises after the first byte, which
is how an answer that can't be completed ends; a client that has gone is told by ``receive`` only; a client that is
still sending when its answer comes reads it only if what it sends is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Final

from vetgraph.errors import Cancelled, TooLarge, Unfinished, VetgraphError
from vetgraph.media import HTML
from vetgraph.web import headers as said
from vetgraph.web.accept import wants_page
from vetgraph.web.cache import Header

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

PROBLEM: Final = b"application/problem+json"

UPLOAD: Final = 30.0
"""Seconds in which a request's body has to arrive."""

TAKEN: Final = 64 << 20
"""Bytes of a body that is too large which are taken and thrown away, so that its sender reads the answer."""

DRAIN: Final = 3.0
"""Seconds for the same."""

SWEEP: Final = 0.05
"""Seconds between two looks at open exchanges; one as old as that is watched."""

LINGER: Final = 10.0
"""Seconds beyond its deadline in which a slow client may take what is ready for it."""

EVERY: Final[tuple[Header, ...]] = tuple((name.lower().encode(), value.encode()) for name, value in said.EVERY.items())


class Cut(Exception):
    """Raised to the server to have it cut the connection: what was sent is not the whole answer."""


class Exchange:
    """A request and what becomes of it."""

    __slots__ = (
        "_receive", "_send", "_start", "deadline", "gone", "headers", "method", "on_gone", "query", "scope", "since",
        "started", "taken", "task", "watcher",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.query: bytes = scope["query_string"]
        self.headers = _merged(scope["headers"])
        self.started = False
        self.gone = False
        self.since = 0.0
        self.deadline = 0.0
        self.on_gone: Callable[[], None] | None = None
        self.watcher: asyncio.Task[None] | None = None
        self.task: asyncio.Task[Any] | None = None
        self.taken: bytes | None = None
        self._receive = receive
        self._send = send
        self._start: Message | None = None

    @property
    def client(self) -> str:
        """The address of the client."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def has_body(self) -> bool:
        """Whether the request comes with a body."""
        return self.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in self.headers

    def header(self, name: bytes) -> str:
        """Return the value of a header, empty where it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    async def body(self, limit: int) -> bytes:
        """Return the request's body.

        Raises TooLarge, before it is read where its length is told; Unfinished where it does not come in full.
        """
        told = self.headers.get(b"content-length", b"0")
        if told.isdigit() and int(told) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(UPLOAD):
                return await self._read(limit)
        except TimeoutError:
            raise Unfinished(f"The body did not arrive within {UPLOAD:g} s; send it again.") from None

    async def _read(self, limit: int) -> bytes:
        pieces, size, more = [], 0, True
        while more:
            message = await self._receive()
            if message["type"] != "http.request":
                raise Unfinished("The request ended before its body was whole; send it again.")
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
        return b"".join(pieces) if len(pieces) != 1 else pieces[0]

    async def begin(self, status: int, headers: Iterable[Header]) -> None:
        """Have status and headers sent with what comes first of the answer; what fails before is told as a problem."""
        await self.forward({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def whole(self, status: int, headers: Iterable[Header], body: bytes) -> None:
        """Send an answer in one piece."""
        await self.begin(status, headers)
        await self.forward({"type": "http.response.body", "body": body})

    async def ready(self, start: Message, whole: Message) -> None:
        """Send messages that were made before."""
        self.started = True
        await self._send(start)
        await self._send(whole)

    async def forward(self, message: Message) -> None:
        """Send a message as it is; status and headers once there is something to follow them.

        The server sends them no earlier either, and answers with a fault of its own where nothing follows.
        """
        if message["type"] == "http.response.start":
            self._start = message
            return
        self.started = True
        if self._start is not None:
            start, self._start = self._start, None
            await self._send(start)
        await self._send(message)

    async def piece(self, data: bytes) -> None:
        """Send a piece of an answer. Raises Cancelled where the client has gone."""
        if self.gone:
            raise Cancelled("The client went away.")
        await self.forward({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """Send the end of an answer that was sent in pieces."""
        await self.forward({"type": "http.response.body", "body": b""})

    async def problem(self, error: VetgraphError, further: Iterable[Header] = ()) -> None:
        """Send a problem (RFC 9457), if nothing was sent yet; else have the connection cut. Raises Cut."""
        if self.started:
            raise Cut(error.detail)
        members = {"type": f"/problems/{error.slug}", "title": error.title, "status": error.status}
        text = json.dumps({**members, "detail": error.detail, **error.facts}, ensure_ascii=False) + "\n"
        more = [(name.lower().encode(), value.encode()) for name, value in said.of_error(error).items()]
        headers = [
            *EVERY,
            (b"content-type", PROBLEM),
            (b"vary", b"Accept"),
            (b"cache-control", b"no-store"),
            *more,
            *further,
        ]
        await self.whole(error.status, headers, text.encode())
        if isinstance(error, TooLarge):
            await self._drain()

    @property
    def wants_page(self) -> bool:
        """Whether a person's browser asks."""
        return HTML.type in self.header(b"accept") and wants_page(self.header(b"accept"))

    async def _drain(self) -> None:
        """Take what the client is still sending, and throw it away."""
        size, more = 0, True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN):
                while more and size < TAKEN:
                    message = await self._receive()
                    size += len(message.get("body", b""))
                    more = message.get("more_body", False)

    async def watch(self) -> None:
        """Wait until the client goes, then say so."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self.on_gone is not None:
            self.on_gone()


class Watch:
    """Looks after open exchanges: notices clients that go, and ends those that take too long to take their answer.

    Exchanges that are over within a moment, most of them, cost nothing but an entry.
    """

    def __init__(self) -> None:
        self._open: dict[Exchange, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, exchange: Exchange, deadline: float, on_gone: Callable[[], None]) -> None:
        """Look after an exchange. ``on_gone`` is called when its client has gone."""
        exchange.on_gone = on_gone
        exchange.deadline = deadline
        self._open[exchange] = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP, self._sweep)

    def leave(self, exchange: Exchange) -> None:
        """Look after an exchange no more. Harmless where nobody did."""
        self._open.pop(exchange, None)
        exchange.on_gone = None
        if exchange.watcher is not None:
            exchange.watcher.cancel()
            exchange.watcher = None

    def _sweep(self) -> None:
        now, loop = time.monotonic(), asyncio.get_running_loop()
        for exchange in self._open:
            if not exchange.since:
                exchange.since = now
            elif exchange.watcher is None and not exchange.gone:
                exchange.watcher = loop.create_task(exchange.watch())
            if now > exchange.deadline + LINGER and exchange.task is not None and exchange.started:
                exchange.task.cancel()
        self._timer = loop.call_later(SWEEP, self._sweep) if self._open else None


def _merged(headers: Iterable[Header]) -> Mapping[bytes, bytes]:
    """Return headers by their lower-case names; those of one name are one list (RFC 9110 section 5.3)."""
    pairs = list(headers)
    merged = dict(pairs)
    if len(merged) != len(pairs):
        merged = {}
        for name, value in pairs:
            merged[name] = merged[name] + b", " + value if name in merged else value
    return merged


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than the {limit} bytes that are read.", limit=limit)
