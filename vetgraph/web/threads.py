"""The Flask application behind the front: run in threads, its public answers kept.

Pages have few threads of their own, apart from what waits for the engine: they compute, and the interpreter does one
thing at a time. Clients take turns at them; who goes before its turn is forgotten, and what several ask for at once is
made once. The body of a request is read before, within its bounds; a client that does not take its answer is left
waiting without a thread.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Any, Final, cast
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from flask import Flask

from vetgraph.engine.backend import Backend, new_id
from vetgraph.engine.scheduling import Turns
from vetgraph.errors import Busy, TooManyRequests, VetgraphError
from vetgraph.settings import Settings
from vetgraph.web import headers as said
from vetgraph.web import problems
from vetgraph.web.asking import abandon, is_private, serve
from vetgraph.web.cache import Cache, Header, Kept
from vetgraph.web.exchange import Cut, Exchange, Message, Receive, Scope, Watch

PAGES: Final = 2
"""Threads for the site's pages."""

WAITING: Final = 16
"""Threads for what waits for the engine: pages with answers, changes, saved queries."""

CROWD: Final = 64
"""Requests that may wait for a thread, for each of the two."""

ENGINE: Final = ("/sparql", "/store", "/queries/running", "/validate", "/dump")
"""Addresses under which Flask waits for the engine, or sends much."""

PIECES: Final = 128
"""Pieces of an answer that wait for a slow client before its thread does."""

LARGEST: Final = 4 << 20
"""Bytes of a page that is kept, at most."""

STUCK: Final = 30.0
"""Seconds for which a client may keep one piece waiting."""

VERSION: Final = said.VERSION.lower().encode()
QUERY: Final = said.QUERY.lower().encode()
READS: Final = ("GET", "HEAD")
_NAMED: Final = (b"host", b"accept", b"accept-language")
_ASCII: Final = bytes(range(0x21, 0x7F)).decode()


class Door:
    """Some threads of the application, and who is at them or waits: clients take turns, each has half at most."""

    def __init__(self, app: Flask, threads: int) -> None:
        # Its types and ours say the same in different words.
        self.run: Any = WSGIMiddleware(cast(Any, app.wsgi_app), workers=threads, send_queue_size=PIECES)
        self._threads = threads
        self._queue: Turns[asyncio.Future[None]] = Turns()
        self._inside: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()

    @asynccontextmanager
    async def enter(self, client: str) -> AsyncIterator[None]:
        """Give a client a thread in its turn. Raises Busy and TooManyRequests where too many wait already."""
        if self._queue or not self._may(client):
            await self._wait(client)
        else:
            self._inside[client] += 1
        try:
            yield
        finally:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]
            self._next()

    async def _wait(self, client: str) -> None:
        if len(self._queue) >= CROWD:
            raise Busy("Too many requests wait already; ask again in a moment.", retry_after=1)
        if self._waiting[client] >= CROWD // 2:
            raise TooManyRequests("You have too many requests under way; let some of them end first.", retry_after=1)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.push(client, turn)
        self._waiting[client] += 1
        try:
            await turn
        except asyncio.CancelledError:
            if not self._queue.discard(client, turn):
                # The turn came in the same moment: somebody else has it.
                self._inside[client] -= 1
                self._next()
            raise
        finally:
            self._waiting[client] -= 1
            if not self._waiting[client]:
                del self._waiting[client]

    def _may(self, client: str) -> bool:
        return self._inside.total() < self._threads and self._inside[client] < max(1, self._threads // 2)

    def _next(self) -> None:
        """Give free threads to those whose turn it is."""
        for _ in range(len(self._queue)):
            client, turn = self._popped()
            if turn is None:
                return
            self._inside[client] += 1
            turn.set_result(None)

    def _popped(self) -> tuple[str, asyncio.Future[None] | None]:
        chosen = ""

        def may(client: str) -> bool:
            nonlocal chosen
            chosen = client
            return self._may(client)

        turn = self._queue.pop(may)
        return chosen, turn


class Threads:
    """Answers requests by the Flask application."""

    def __init__(self, app: Flask, backend: Backend, cache: Cache, watch: Watch, settings: Settings) -> None:
        self._app = app
        self._pending: dict[Hashable, asyncio.Future[None]] = {}
        self._pages = Door(app, PAGES)
        self._engine = Door(app, WAITING)
        self._backend = backend
        self._cache = cache
        self._watch = watch
        self._settings = settings
        self._room = min(LARGEST, cache.largest)

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request. Raises TooLarge, Busy, TooManyRequests, Unfinished, LimitExceeded, EngineError, Cut."""
        alias: Hashable = None
        if exchange.method in READS and not is_private(exchange):
            alias = (exchange.scope["path"], exchange.query, *(exchange.headers.get(name) for name in _NAMED))
            if await self._remembered(exchange, alias):
                return
        body = exchange.taken
        if body is None:
            body = await exchange.body(self._settings.max_body)
        if alias is None:
            await self._run(exchange, body, None)
            return
        done = self._pending[alias] = asyncio.get_running_loop().create_future()
        try:
            await self._run(exchange, body, alias)
        finally:
            if self._pending.get(alias) is done:
                del self._pending[alias]
            done.set_result(None)

    async def _remembered(self, exchange: Exchange, alias: Hashable) -> bool:
        """Answer from the cache, once somebody else's answer to the same is there; return whether that was so."""
        pending = self._pending.get(alias)
        if pending is not None:
            await asyncio.wait([pending], timeout=self._settings.query_timeout)
        kept = self._cache.recall(alias, self._stamp())
        if kept is not None:
            await serve(exchange, kept)
        return kept is not None

    async def _run(self, exchange: Exchange, body: bytes, alias: Hashable) -> None:
        door = self._engine if exchange.scope["path"].startswith(ENGINE) else self._pages
        stamp = self._stamp()
        reply = Reply(exchange, lambda kept: self._keep(alias, stamp, kept), most=self._room if alias else 0)
        await self._in_thread(door, exchange, body, reply)
        if reply.stuck:
            raise Cut("the client did not take its answer")

    async def _in_thread(self, door: Door, exchange: Exchange, body: bytes, reply: Reply) -> None:
        """Have the application answer; a client that goes is forgotten before its turn, its query ended after."""
        scope = _scope(exchange.scope, body)
        task = asyncio.current_task()
        assert task is not None
        self._watch.enter(exchange, math.inf, lambda: abandon(task))
        try:
            async with door.enter(exchange.client):
                # From here on a thread is at it, which can't be ended: it must find its way to the end.
                self._follow(exchange, scope)
                await door.run(scope, _once(body), reply.send)
        finally:
            self._watch.leave(exchange)

    async def explain(self, exchange: Exchange, error: VetgraphError) -> tuple[int, list[Header], bytes]:
        """Return the page that tells a browser of an error: its status, its headers and its text."""
        return await asyncio.to_thread(_explained, self._app, exchange, error)

    def _keep(self, alias: Hashable, stamp: str, reply: Reply) -> None:
        """Keep an answer, if it is public, whole, tagged, and of the version that was current all the time."""
        headers = dict(reply.headers)
        tag, control = headers.get(b"etag"), headers.get(b"cache-control", b"")
        if reply.status != 200 or reply.size > self._room or tag is None or not stamp or stamp != self._stamp():
            return
        if b"public" not in control or b"set-cookie" in headers:
            return
        if headers.get(VERSION) == str(self._backend.version.number).encode():
            self._cache.put(alias, Kept(stamp, reply.headers, b"".join(reply.pieces), tag), alias)

    def _follow(self, exchange: Exchange, scope: Scope) -> None:
        """Have the query of a page end when the client goes away: under an id that is given to it here."""
        name = exchange.header(QUERY)
        if not name and exchange.method in READS:
            name = new_id()
            scope["headers"].append((QUERY, name.encode()))
        exchange.on_gone = (lambda: self._gone(name)) if exchange.method in READS else None

    def _gone(self, name: str) -> None:
        self._backend.cancel(name)

    def _stamp(self) -> str:
        try:
            return self._backend.stamp
        except VetgraphError:
            return ""


class Reply:
    """What the application answers, on its way to the client and perhaps into the cache.

    ``keep`` is called when all of it is there, before its end leaves; ``most`` bytes are gathered for that. A client
    that does not take a piece for long gets no more; the thread is not kept waiting for it.
    """

    def __init__(self, exchange: Exchange, keep: Callable[[Reply], None], *, most: int) -> None:
        self.status = 0
        self.headers: list[Header] = []
        self.pieces: list[bytes] = []
        self.size = 0
        self.stuck = False
        self._exchange = exchange
        self._keep: Callable[[Reply], None] | None = keep if most and exchange.method == "GET" else None
        self._most = most
        self._length = -1

    async def send(self, message: Message) -> None:
        """Send a message of the application to the client."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
            self._length = int(dict(self.headers).get(b"content-length", b"-1"))
        else:
            self._gather(message)
        if self.stuck:
            return
        try:
            await asyncio.wait_for(self._exchange.forward(message), STUCK)
        except TimeoutError:
            self.stuck = True

    def _gather(self, message: Message) -> None:
        piece = message.get("body", b"")
        self.size += len(piece)
        if self._keep is None:
            return
        if self.size > self._most:
            self._keep, self.pieces = None, []
            return
        self.pieces.append(piece)
        if self.size == self._length or not message.get("more_body", False):
            keep, self._keep = self._keep, None
            keep(self)


def _explained(app: Flask, exchange: Exchange, error: VetgraphError) -> tuple[int, list[Header], bytes]:
    names = (b"accept", b"accept-language", b"host")
    told = [(name.decode(), exchange.header(name)) for name in names if name in exchange.headers]
    with app.test_request_context(exchange.scope["path"], headers=told):
        response = app.process_response(problems.on_known(error))
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    return response.status_code, headers, response.get_data()


def _scope(scope: Scope, body: bytes) -> Scope:
    """Return the request's scope for WSGI: with the length of the body that was read, and an address in ASCII."""
    headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
    if body or scope["method"] not in ("GET", "HEAD"):
        headers.append((b"content-length", str(len(body)).encode()))
    query = scope["query_string"]
    if not query.isascii():
        query = quote_from_bytes(query, safe=_ASCII).encode()
    return {**scope, "headers": headers, "query_string": query}


def _once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
