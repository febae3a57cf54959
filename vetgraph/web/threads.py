"""The Flask application behind the front: its public answers kept, its pages made in processes of their own.

What waits for the engine runs in threads of the front, and so does everything where there are no such processes.
Clients take turns; who goes before its turn is forgotten, and what several ask for at once is made once. The body of a
request is read before, within its bounds; a client that does not take its answer is left waiting without a thread or a
process.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import quote_from_bytes

from a2wsgi import WSGIMiddleware
from flask import Flask

from vetgraph.engine.backend import Backend, new_id
from vetgraph.errors import VetgraphError
from vetgraph.settings import Settings
from vetgraph.web import headers as said
from vetgraph.web import problems
from vetgraph.web.asking import abandon, is_private, serve
from vetgraph.web.cache import Cache, Header, Kept
from vetgraph.web.doors import Door
from vetgraph.web.exchange import Cut, Exchange, Message, Receive, Scope, Watch
from vetgraph.web.pagework import payload
from vetgraph.web.rooms import Rooms

PAGES: Final = 2
"""Threads for what is done at once, and for the site's pages where there are no processes for them."""

WAITING: Final = 16
"""Threads for what waits for the engine: pages with answers, changes, saved queries."""

SENDING: Final = 4
"""Threads for what is made once for each version: each waits for that, and longer than others for who takes it."""

ENGINE: Final = ("/sparql", "/store", "/queries/running", "/validate")
"""Addresses under which Flask waits for the engine."""

HEALTH: Final = ("/healthz", "/readyz")
"""Addresses under which it is done at once, and that no queue may keep waiting."""

DUMPS: Final = ("/dump", "/catalog", "/doc/distribution")
"""Addresses under which Flask waits for what is made once for each version, and sends much."""

PIECES: Final = 128
"""Pieces of an answer that wait for a slow client before its thread does."""

LARGEST: Final = 4 << 20
"""Bytes of a page that is kept, at most."""

STUCK: Final = 30.0
"""Seconds for which a client may keep one piece waiting."""

VERSION: Final = said.VERSION.lower().encode()
QUERY: Final = said.QUERY.lower().encode()
READS: Final = ("GET", "HEAD")
_NAMED: Final = (b"host", b"accept", b"accept-language", b"accept-datetime")
_CONDITIONS: Final = (b"if-modified-since", b"if-match", b"if-unmodified-since", b"range", b"if-range")
_ASCII: Final = bytes(range(0x21, 0x7F)).decode()


@dataclass(frozen=True)
class Hands:
    """Some threads of the application, and the door before them."""

    door: Door
    run: Any

    @classmethod
    def of(cls, app: Flask, threads: int) -> Hands:
        """Return a number of threads; each begins when it is first of use."""
        # Its types and ours say the same in different words.
        return cls(Door(threads), WSGIMiddleware(cast(Any, app.wsgi_app), workers=threads, send_queue_size=PIECES))


class Threads:
    """Answers requests by the Flask application."""

    def __init__(self, app: Flask, backend: Backend, cache: Cache, watch: Watch, settings: Settings) -> None:
        self.rooms = Rooms(settings)
        self._app = app
        self._pending: dict[Hashable, asyncio.Future[None]] = {}
        self._pages = Hands.of(app, PAGES)
        self._engine = Hands.of(app, WAITING)
        self._dumps = Hands.of(app, SENDING)
        self._backend = backend
        self._cache = cache
        self._watch = watch
        self._settings = settings
        self._room = min(LARGEST, cache.largest)

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request. Raises TooLarge, Busy, TooManyRequests, Unfinished, LimitExceeded, EngineError, Cut."""
        alias: Hashable = None
        if exchange.method in READS and not is_private(exchange) and not _is_conditional(exchange):
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
        path, stamp = exchange.scope["path"], self._stamp()
        reply = Reply(exchange, lambda kept: self._keep(alias, stamp, kept), most=self._room if alias else 0)
        task = asyncio.current_task()
        assert task is not None
        self._watch.enter(exchange, math.inf, lambda: abandon(task))
        try:
            if path.startswith(DUMPS):
                await self._in_thread(self._dumps, exchange, body, reply)
            elif path.startswith(ENGINE):
                await self._in_thread(self._engine, exchange, body, reply)
            elif path in HEALTH or not self.rooms.open:
                await self._in_thread(self._pages, exchange, body, reply)
            elif not await self.rooms.answer(exchange.client, payload(_scope(exchange.scope, body), body), reply.send):
                await self._in_thread(self._engine, exchange, body, reply)
        finally:
            self._watch.leave(exchange)
        if reply.stuck:
            raise Cut("the client did not take its answer")

    async def _in_thread(self, hands: Hands, exchange: Exchange, body: bytes, reply: Reply) -> None:
        """Have the application answer; a client that goes is forgotten before its turn, its query ended after."""
        scope = _scope(exchange.scope, body)
        async with hands.door.enter(exchange.client):
            # From here on a thread is at it, which can't be ended: it must find its way to the end.
            self._follow(exchange, scope)
            await hands.run(scope, _once(body), reply.send)

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


def _is_conditional(exchange: Exchange) -> bool:
    """Whether an answer hangs on more than whether its tag is known, which is for the application to judge."""
    return any(name in exchange.headers for name in _CONDITIONS)


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
