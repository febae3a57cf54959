"""The front: an ASGI application that answers queries of machines itself and leaves the rest to Flask.

It runs no foreign work: queries go to the engine's workers, pages are made in processes of their own. See ``asking``
and ``threads``.
"""

from __future__ import annotations

import logging
import uuid
from typing import Final

from flask import Flask

from vetgraph.engine.backend import Backend
from vetgraph.engine.bridge import Bridge
from vetgraph.errors import EngineError, Unavailable, VetgraphError
from vetgraph.settings import Settings
from vetgraph.web.asking import Asker
from vetgraph.web.cache import Cache
from vetgraph.web.exchange import Cut, Exchange, Receive, Scope, Send, Watch
from vetgraph.web.state import Service, state_of
from vetgraph.web.threads import Threads

SPARQL: Final = "/sparql"
ASKED: Final = ("GET", "HEAD", "POST")
READS: Final = ("GET", "HEAD")

log = logging.getLogger(__name__)


class Front:
    """The service as an ASGI application, from start-up to the end."""

    def __init__(self, app: Flask, backend: Backend, settings: Settings) -> None:
        self.backend = backend
        self.cache = Cache(settings.cache)
        self.watch = Watch()
        self._asker = Asker(backend, self.cache, self.watch, settings)
        self._threads = Threads(app, backend, self.cache, self.watch, settings)
        self._service: Service = state_of(app)
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or do what start-up and end ask for."""
        if scope["type"] == "http":
            await self._answer(Exchange(scope, receive, send))
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, exchange: Exchange) -> None:
        try:
            if exchange.method in READS and exchange.has_body:
                # Nobody reads it, but who sends it reads no answer before it is taken.
                exchange.taken = await exchange.body(self._settings.max_body)
            sparql = exchange.scope["path"] == SPARQL and exchange.method in ASKED
            if not (sparql and await self._asker.handle(exchange)):
                await self._threads.handle(exchange)
        except VetgraphError as error:
            if error.status >= EngineError.status and not isinstance(error, Unavailable):
                log.error("%s", error.detail, exc_info=error)
            await self._tell(exchange, error)
        except Cut:
            raise
        except Exception as error:
            number = uuid.uuid4().hex[:12]
            log.error("unforeseen fault %s", number, exc_info=error)
            await self._tell(exchange, Unforeseen(number))

    async def _tell(self, exchange: Exchange, error: VetgraphError) -> None:
        """Tell a client of an error: a person on a page."""
        if exchange.wants_page and not exchange.started:
            await exchange.whole(*await self._threads.explain(exchange, error))
        else:
            await exchange.problem(error)

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start the engine before the first request, end it after the last (ASGI lifespan)."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start(send)
            elif message["type"] == "lifespan.shutdown":
                await self._threads.rooms.close()
                await self.backend.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _start(self, send: Send) -> None:
        try:
            await self.backend.start()
        except VetgraphError as error:
            await self.backend.close()
            await send({"type": "lifespan.startup.failed", "message": error.detail})
            return
        self._service.engine = Bridge.here(self.backend)
        self._threads.rooms.start()
        await send({"type": "lifespan.startup.complete"})


class Unforeseen(VetgraphError):
    """A fault of ours, with a number to look up in the log and nothing of its inside."""

    def __init__(self, number: str) -> None:
        super().__init__(f"Something went wrong on our side. Please report it with the number {number}.", number=number)


class Quiet(logging.Filter):
    """Keeps the server from logging connections that were cut on purpose, and requests whose client has gone.

    It tells them by the traceback at the end of its message.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be logged."""
        last = record.getMessage().rstrip().rpartition("\n")[2]
        return not last.partition(":")[0].endswith(("Cut", "CancelledError"))


def be_quiet() -> None:
    """Have the server's handlers leave out what is no news; a logger's own filter would not see its children's."""
    for handler in logging.getLogger("_granian").handlers:
        handler.addFilter(Quiet())
