"""The Flask application behind the front: run in threads, its public answers kept.

Pages have threads of their own, apart from what waits for the engine, so that neither takes the other's share. The body
of a request is read before, within its bounds; a client that does not take its answer is left waiting without a thread.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from flask import Flask

from vetgraph.engine.backend import Backend, new_id
from vetgraph.errors import Busy, TooManyRequests, VetgraphError
from vetgraph.settings import Settings
from vetgraph.web import headers as said
from vetgraph.web.asking import is_private, serve
from vetgraph.web.cache import Cache, Header, Kept
from vetgraph.web.exchange import Cut, Exchange, Message, Receive, Scope, Watch

PAGES: Final = 8
"""Threads for the site's pages."""

WAITING: Final = 16
"""Threads for what waits for the engine: pages with answers, changes, saved queries."""

CROWD: Final = 64
"""Requests that may wait for a thread, for each of the two."""

ENGINE: Final = ("/sparql", "/store", "/api/", "/queries/", "/validate", "/submissions", "/dump")
"""Addresses under which Flask waits for the engine, or reads much."""

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
    """Some threads of the application, and who is at them: one client has half of the room at most."""

    def __init__(self, app: Flask, threads: int) -> None:
        # Its types and ours say the same in different words.
        self.run: Any = WSGIMiddleware(cast(Any, app.wsgi_app), workers=threads, send_queue_size=PIECES)
        self._most = threads + CROWD
        self._inside: dict[str, int] = {}

    @contextmanager
    def enter(self, client: str) -> Iterator[None]:
        """Count a client in. Raises Busy where there is no room, TooManyRequests where it has taken its part."""
        mine = self._inside.get(client, 0)
        if sum(self._inside.values()) >= self._most:
            raise Busy("Too many requests wait already; ask again in a moment.", retry_after=1)
        if mine >= self._most // 2:
            raise TooManyRequests("You have too many requests under way; let some of them end first.", retry_after=1)
        self._inside[client] = mine + 1
        try:
            yield
        finally:
            self._inside[client] -= 1
            if not self._inside[client]:
                del self._inside[client]


class Threads:
    """Answers requests by the Flask application."""

    def __init__(self, app: Flask, backend: Backend, cache: Cache, watch: Watch, settings: Settings) -> None:
        self._pages = Door(app, PAGES)
        self._engine = Door(app, WAITING)
        self._backend = backend
        self._cache = cache
        self._watch = watch
        self._settings = settings

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request. Raises TooLarge, Busy, Cut."""
        alias: Hashable = None
        if exchange.method in READS and not is_private(exchange):
            alias = (exchange.scope["path"], exchange.query, *(exchange.headers.get(name) for name in _NAMED))
            kept = self._cache.recall(alias, self._stamp())
            if kept is not None:
                await serve(exchange, kept)
                return
        body = exchange.taken
        if body is None:
            body = await exchange.body(self._settings.max_body)
        await self._run(exchange, body, alias)

    async def _run(self, exchange: Exchange, body: bytes, alias: Hashable) -> None:
        waits = exchange.scope["path"].startswith(ENGINE)
        door = self._engine if waits else self._pages
        reply = Reply(exchange, min(LARGEST, self._cache.largest) if alias else 0)
        stamp = self._stamp()
        scope = _scope(exchange.scope, body)
        with door.enter(exchange.client):
            if waits and exchange.method in READS:
                self._follow(exchange, scope)
            try:
                await door.run(scope, _once(body), reply.send)
            finally:
                self._watch.leave(exchange)
        if reply.stuck:
            raise Cut("the client did not take its answer")
        if alias is not None and stamp == self._stamp():
            kept = reply.kept(stamp, self._backend)
            if kept is not None:
                self._cache.put(alias, kept, alias)

    def _follow(self, exchange: Exchange, scope: Scope) -> None:
        """Have the query of a page end when the client goes away: under an id that is given to it here."""
        name = exchange.header(QUERY)
        if not name:
            name = new_id()
            scope["headers"].append((QUERY, name.encode()))
        self._watch.enter(exchange, math.inf, lambda: self._gone(name))

    def _gone(self, name: str) -> None:
        self._backend.cancel(name)

    def _stamp(self) -> str:
        try:
            return self._backend.stamp
        except VetgraphError:
            return ""


class Reply:
    """What the application answers, on its way to the client and perhaps into the cache.

    A client that does not take a piece for long gets no more; the thread is not kept waiting for it.
    """

    def __init__(self, exchange: Exchange, most: int) -> None:
        self._exchange = exchange
        self._most = most
        self._status = 0
        self._headers: list[Header] = []
        self._pieces: list[bytes] = []
        self._size = 0
        self.stuck = False

    async def send(self, message: Message) -> None:
        """Send a message of the application to the client."""
        if message["type"] == "http.response.start":
            self._status, self._headers = message["status"], list(message["headers"])
        elif self._size <= self._most:
            self._pieces.append(message.get("body", b""))
            self._size += len(self._pieces[-1])
        if self.stuck:
            return
        try:
            await asyncio.wait_for(self._exchange.forward(message), STUCK)
        except TimeoutError:
            self.stuck = True

    def kept(self, stamp: str, backend: Backend) -> Kept | None:
        """Return the answer to be kept, if it is public, whole, tagged, and of the version that is current."""
        headers = dict(self._headers)
        if self._status != 200 or self._exchange.method != "GET" or self._size > self._most or not stamp:
            return None
        tag, control = headers.get(b"etag"), headers.get(b"cache-control", b"")
        if tag is None or b"public" not in control or b"set-cookie" in headers:
            return None
        if headers.get(VERSION) != str(backend.version.number).encode():
            return None
        return Kept(stamp, self._headers, b"".join(self._pieces), tag)


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
