"""What the doors see of an engine: queries and changes go in, answers come out, nothing tells which engine it is.

A backend lives on one event loop. ``bridge.Bridge`` gives the same calls to code in threads.
"""

from __future__ import annotations

import contextlib
import os
import time
from abc import ABC, abstractmethod
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

if TYPE_CHECKING:
    from vetgraph.engine.jobs import Kind, QueryJob, StoreJob, UpdateJob, ValidateJob
    from vetgraph.engine.running import Running
    from vetgraph.engine.writer import Intent
    from vetgraph.store import Version


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and until when the answer is of use.

    ``deadline`` is a moment of ``time.monotonic()`` and covers everything from arrival to the last byte; ``limit`` is
    the number of seconds that it was set to, for people. ``client`` is what fairness counts by. ``at`` is the version
    that is asked for, None for the current one. ``page`` marks the site's own pages, which keep their own share.
    """

    client: str
    id: str
    deadline: float
    limit: float
    at: int | None = None
    page: bool = False


def caller(
    client: str, seconds: float, *, chosen: str | None = None, at: int | None = None, page: bool = False
) -> Caller:
    """Return the caller of a request that arrives now and may take some seconds, under a new id or a chosen one."""
    return Caller(client, chosen or new_id(), time.monotonic() + seconds, seconds, at, page)


def new_id() -> str:
    """Return an id that nobody can guess: 96 random bits."""
    with contextlib.suppress(IndexError):
        return _ids.pop()
    # Many at a time take little longer than one. Who is forked must not share what is left: see below.
    drawn = urlsafe_b64encode(os.urandom(12 * _DRAWN)).decode("ascii")
    _ids.extend(drawn[start : start + 16] for start in range(0, len(drawn), 16))
    return _ids.pop()


_DRAWN: Final = 256
_ids: Final[list[str]] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)


@dataclass(frozen=True, slots=True)
class End:
    """How an answer ended: its rows or triples where they were counted, and why it stops early where it does."""

    rows: int | None = None
    partial: Mapping[str, Any] | None = None


class Answer(ABC):
    """An answer as it comes: its head is known, its bytes follow.

    ``kind`` and ``media`` say what it is; ``version`` is the number of the version that was read; ``whole`` holds all
    of its bytes where it came in one piece (None where it has to be iterated); ``end`` is set once the last byte was
    handed out. Iterating raises the errors of ``vetgraph.errors`` where the answer can't be brought to its end: what
    was sent until then must not look complete.
    """

    __slots__ = ("end", "id", "kind", "media", "version", "whole")

    def __init__(self, id_: str, kind: Kind, media: str, version: int, whole: bytes | None = None) -> None:
        self.id = id_
        self.kind: Kind = kind
        self.media = media
        self.version = version
        self.whole = whole
        self.end: End | None = None

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the bytes, in pieces as they come."""

    @abstractmethod
    def close(self) -> None:
        """Give up what is still to come: whoever works on it is ended. Harmless when all has come."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a change did: the version that holds it, triples added and removed.

    ``existed`` tells whether the graph of a Graph Store operation was there before. Where nothing had to be changed,
    ``version`` is the one that the change was judged on. ``facts`` are further members of the worker's head.
    """

    version: Version
    added: int
    removed: int
    existed: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """An engine behind the doors. All calls belong to the loop that ``start`` ran on."""

    @property
    def version(self) -> Version:
        """The version that new queries read. Raises StoreError or NotFound where there is none."""

    @property
    def stamp(self) -> str:
        """What tags and cache keys hold for the current data: another stamp, other data."""

    @property
    def state(self) -> Literal["starting", "ready", "closed"]:
        """Whether queries are answered: ready once the first worker is."""

    async def start(self) -> None:
        """Make ready to answer. Raises StoreError where the store can't be used."""

    async def close(self) -> None:
        """End everything that was started, whatever is under way."""

    async def answer(self, job: QueryJob | ValidateJob, caller: Caller) -> Answer:
        """Answer a query, or judge data against shapes that ask queries, once its first bytes are there.

        Raises RequestError for a query that can't be answered as it stands, TooManyRequests and Busy where too much
        waits already, LimitExceeded at the caller's deadline or a limit of memory, Cancelled, EngineError, and
        NotFound for a version that is no longer kept.
        """

    async def change(self, job: UpdateJob | StoreJob, intent: Intent, caller: Caller) -> Change:
        """Make a change as one new version. Once this returns, every new query sees it.

        An intent with a ``base`` is judged on just that version: raises PreconditionFailed where it is no longer the
        current one. Raises as ``answer`` does, and StoreError where the store can't take it.
        """

    def running(self) -> list[Running]:
        """Return what is under way or waits, the oldest first."""

    def cancel(self, id_: str) -> bool:
        """End what goes by an id; return whether there was something. Its caller gets Cancelled."""
