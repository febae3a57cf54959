"""The front's side of page making: a pool of processes for it, with turns, deadlines and an end of its own.

See ``pagework`` for what goes on in them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Final

from vetgraph.engine.backend import Answer, caller
from vetgraph.engine.nursery import Spawned, Zygote, can_fork
from vetgraph.engine.pool import Pool, Sizes
from vetgraph.engine.scheduling import Lane
from vetgraph.engine.work import Run, Source
from vetgraph.errors import EngineError, VetgraphError
from vetgraph.settings import Settings
from vetgraph.web.exchange import Exchange, Watch

if TYPE_CHECKING:
    from vetgraph.web.threads import Reply

MODULE: Final = "vetgraph.web.pagework"

AT_ONCE: Final = 2
"""Pages that are made at once; those that take long apart from the others."""

PATIENCE: Final = 1.0
"""Seconds after which a page counts as one that takes long."""

CROWD: Final = 128
"""Requests that may be under way or wait for a page, over all clients."""

PART: Final = 32
"""Requests that one client may have among them."""

NICE: Final = 5

AGAIN: Final = 0.2
"""Seconds before what makes processes is started anew."""

OPENING: Final = 10.0
"""Seconds for which pages wait for the first process; then the front makes them itself."""

SAFE: Final = frozenset(("GET", "HEAD", "OPTIONS"))
JUDGING: Final = "/validate"
"""What is posted there changes nothing: it may be begun again."""

log = logging.getLogger(__name__)


def page_lanes() -> tuple[Lane, ...]:
    """Return the lanes of pages."""
    return Lane("page", PATIENCE, AT_ONCE, NICE), Lane("slow page", math.inf, AT_ONCE, 15)


class Rooms:
    """Processes that make pages."""

    def __init__(self, watch: Watch, settings: Settings) -> None:
        self.open = can_fork()
        self._watch = watch
        self._settings = settings
        self._pool: Pool | None = None
        self._zygote: Zygote | None = None
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to make processes; the first pages wait for them."""
        if self.open:
            sizes = Sizes(AT_ONCE, CROWD, PART, self._settings.worker_memory)
            self._pool = Pool(sizes, page_lanes())
            self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def close(self) -> None:
        """End all processes."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self._pool is not None:
            await self._pool.close()
        if self._zygote is not None:
            await self._zygote.close()

    async def _keep(self) -> None:
        """Have a process from which others are forked, always."""
        assert self._pool is not None
        while True:
            self._zygote = zygote = Zygote(MODULE)
            zygote.start()
            try:
                await self._pool.follow(Source(0, partial(self._fork, zygote)))
                self._ready.set()
                await asyncio.shield(zygote.lost)
                log.error("the process that makes pages ended; another one is started")
            except VetgraphError as error:
                log.error("pages can't be made: %s", error.detail)
            await zygote.close()
            await asyncio.sleep(AGAIN)

    async def _fork(self, zygote: Zygote) -> Spawned:
        limits = {"memory": self._settings.worker_memory, "nice": NICE}
        return await zygote.fork({"source": "none", "limits": limits})

    async def answer(self, exchange: Exchange, body: bytes, reply: Reply) -> bool:
        """Answer a request; return False where that takes the engine. Raises as ``Pool.submit``, EngineError."""
        assert self._pool is not None
        who = caller(exchange.client, self._settings.query_timeout)
        pool = self._pool
        self._watch.enter(exchange, math.inf, lambda: _end(pool, who.id))
        try:
            if not self._ready.is_set() and not await self._opened():
                return False
            path = exchange.scope["path"]
            once = exchange.method not in SAFE and path != JUDGING
            run = pool.submit("page", f"{exchange.method} {path}", _payload(exchange, body), who, once=once)
            return await self._relay(run, await pool.outcome(run), reply)
        finally:
            self._watch.leave(exchange)

    async def _opened(self) -> bool:
        """Wait for the first process; return whether it came."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), OPENING)
        return self._ready.is_set()

    async def _relay(self, run: Run, answer: Answer, reply: Reply) -> bool:
        head = run.whole
        if head.get("elsewhere"):
            return False
        if "status" not in head:
            raise EngineError("The page could not be made; the log says more.")
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in head["headers"]]
        try:
            await reply.send({"type": "http.response.start", "status": head["status"], "headers": headers})
            async for piece in answer:
                await reply.send({"type": "http.response.body", "body": piece, "more_body": True})
            await reply.send({"type": "http.response.body", "body": b""})
        finally:
            answer.close()
        return True


def _end(pool: Pool, id_: str) -> None:
    pool.cancel(id_)


def _payload(exchange: Exchange, body: bytes) -> bytes:
    """Return the payload of a request's frame: a line of JSON, then the body."""
    scope = exchange.scope
    drop = (b"content-length", b"transfer-encoding")
    headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"] if n not in drop]
    if body or exchange.method not in SAFE:
        headers.append(("content-length", str(len(body))))
    told = {
        "method": exchange.method,
        "path": scope["path"],
        "query": exchange.query.decode("latin-1"),
        "version": scope.get("http_version", "1.1"),
        "scheme": scope.get("scheme", "http"),
        "server": list(scope.get("server") or ("localhost", 80)),
        "client": exchange.client,
        "headers": headers,
    }
    return json.dumps(told, separators=(",", ":")).encode() + b"\n" + body
