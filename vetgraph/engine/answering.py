"""Answer a query: evaluate it, and send what comes out as it comes, up to the limits.

A small answer is one frame. A longer one streams: its first bytes leave within milliseconds, what is kept of it is one
frame at most (and one row, where a row is longer), and a soft limit ends it well-formed where its format has a way.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import IO, Any, Final, Protocol, cast

from vetgraph import media
from vetgraph.engine import frames, partial
from vetgraph.engine.confinement import Stage
from vetgraph.engine.frames import CHUNK, Channel
from vetgraph.engine.jobs import Kind, QueryJob
from vetgraph.engine.labelling import Find, labelled
from vetgraph.engine.rows import Limited, Rows, rows_of, written
from vetgraph.errors import LimitExceeded, NotAcceptable
from vetgraph.media import Media
from vetgraph.results import kind_of, write_answer_to, write_quads_to

PATIENCE: Final = 0.005
"""Seconds for which bytes wait for more of them before they are sent."""

GRACE: Final = 0.01
"""Seconds after its time in which an evaluation can end its answer itself, before that is done from aside."""

PLAN: Final = b"vg:plan"
EVALUATE: Final = b"vg:evaluate"
SEND: Final = b"vg:send"
"""The stages of a query, as the name of the evaluating thread."""


class Answers(Protocol):
    """What evaluates queries: a store of this process, or another service."""

    def query(self, job: QueryJob) -> Any:
        """Return the engine's solutions, boolean, or something to iterate over for triples and to serialise."""

    def labels(self, language: str) -> Find:
        """Return what finds labels of things in a language."""


def answer(source: Answers, job: QueryJob, channel: Channel, stage: Stage) -> None:
    """Answer a query into a channel. Raises what the evaluation raises, and what ends an answer without a good end."""
    started = time.monotonic()
    found = source.query(job)
    stage.set(EVALUATE)
    kind = kind_of(found)
    chosen = _media_for(kind, job.media)
    closes = kind == "solutions" and chosen is media.RESULTS_JSON
    sink = Sink(channel, stage, kind, chosen.type, closes=closes)
    if job.seconds:
        sink.until(started + job.seconds, job.limit or job.seconds)
    try:
        sink.finish(**_written(source, job, found, kind, chosen, sink))
    except _Ended:
        return
    finally:
        sink.close()


def _written(source: Answers, job: QueryJob, found: Any, kind: Kind, chosen: Media, sink: Sink) -> dict[str, Any]:
    """Write an answer into a sink; return what there is to say of it."""
    stream = cast("IO[bytes]", sink)
    if kind == "boolean" or not (job.rows or job.labels):
        write_answer_to(stream, found, chosen)
        return {}
    if kind == "graph":
        triples = Limited(found, job.rows or sys.maxsize)
        write_quads_to(stream, triples, chosen)
        cut = triples.cut
    else:
        cut = _write_rows(source, job, found, chosen, sink)
    if not cut:
        return {}
    if not sink.closes:
        raise exceeded("rows", job.rows, sent=sink.sent)
    return {"rows": job.rows, "partial": {"reason": "rows", "limit": job.rows}}


def _write_rows(source: Answers, job: QueryJob, found: Any, chosen: Media, sink: Sink) -> bool:
    """Write solutions with labels or up to a number of them; return whether there would have been more."""
    table = rows_of(found)
    limited = Limited(table.rows, job.rows or sys.maxsize)
    table = Rows(table.names, limited)
    if job.labels:
        table = labelled(table, source.labels(job.labels))
    meta = {"partial": True, "reason": "rows", "limit": job.rows}
    for chunk in written(table, chosen, lambda: meta if limited.cut else None):
        sink.write(chunk)
    return limited.cut


def _media_for(kind: Kind, wishes: Mapping[str, str | None]) -> Media:
    chosen = media.by_type(wishes.get(kind) or "")
    if chosen is None or kind not in chosen.carries:
        available = [each.type for each in media.carrying(kind)]
        what = {"solutions": "a table", "boolean": "true or false", "graph": "a graph"}[kind]
        raise NotAcceptable(
            f"The answer to this query is {what}, which comes as {', '.join(available)}; ask for one of these.",
            available=available,
        )
    return chosen


class _Ended(Exception):
    """The answer has been ended at a limit, in good order."""


class Sink:
    """The file that an answer is written to: gathers, sends, and ends it at its limit.

    ``closes`` says that an answer cut at a row can be closed so that it says so.
    """

    def __init__(self, channel: Channel, stage: Stage, kind: Kind, type_: str, *, closes: bool) -> None:
        self._channel, self._stage, self.closes = channel, stage, closes
        self._kind, self._type = kind, type_
        self._parts: list[bytes] = []
        self._size = 0
        self.sent = 0
        self._due = time.monotonic() + PATIENCE
        self._until = 0.0
        self._limit = 0.0
        # Bytes to gather before they are looked at: more of them within a row that is longer than a frame.
        self._enough = CHUNK
        self._streams = False
        self._over = False
        self._watch: threading.Timer | None = None
        # Held while frames are sent: the watch and the evaluating thread must not send into each other's frames.
        self._lock = threading.Lock()

    @property
    def _head(self) -> dict[str, Any]:
        return {"kind": self._kind, "media": self._type}

    def until(self, moment: float, limit: float) -> None:
        """Have the answer end at a moment of the monotonic clock, the soft limit being ``limit`` seconds."""
        self._until, self._limit = moment, limit

    def write(self, data: bytes) -> int:
        """Take bytes of the answer; called by the serialisers about every 8 KiB.

        A serialiser that is stopped by an exception from here still hands over what it had kept back.
        """
        if self._over:
            return len(data)
        self._parts.append(data)
        self._size += len(data)
        if self._size >= self._enough or (time.monotonic() >= self._due and self._enough == CHUNK):
            self._send()
        return len(data)

    def flush(self) -> None:
        """Do nothing: bytes leave when there are enough of them, or in time."""

    def finish(self, **facts: Any) -> None:
        """Send what is left and the end."""
        end = {"rows": None, "partial": None, **facts}
        with self._lock:
            if self._streams:
                self._send_data(b"".join(self._parts))
                self._channel.send(frames.json_frame(frames.END, end))
            else:
                head = _plain_head(self._kind, self._type) if not facts else frames.compact({**self._head, **end})
                self._channel.send(frames.frame(frames.WHOLE, b"".join((head, b"\n", *self._parts))))
            self._over = True

    def close(self) -> None:
        """See to it that nothing more is sent, however the answer came to its end."""
        if self._watch is not None:
            with self._lock:
                self._stop_watching()

    def _cut(self, *, last: bool) -> None:
        """End the answer at its last whole row and say why, or with an error where its format has no way to.

        ``last`` tells the front that this process ends with the answer.
        """
        self._stop_watching()
        self._over = True
        data = b"".join(self._parts)
        end = partial.last_row_end(data) or (0 if self.sent else partial.head_end(data))
        if not self.closes or not (end or self.sent):
            self._channel.send(frames.error_frame(exceeded("time", self._limit, sent=self.sent), last=last))
            return
        self._start()
        self._send_data(data[:end] + partial.closing("time", self._limit))
        told: dict[str, Any] = {"rows": None, "partial": {"reason": "time", "limit": self._limit}}
        self._channel.send(frames.json_frame(frames.END, {**told, "last": True} if last else told))

    def _send(self) -> None:
        """Send what there is, but for a row that has not ended, and end the answer where its time is over."""
        with self._lock:
            self._start()
            data = b"".join(self._parts)
            end = self._sendable(data)
            self._send_data(data[:end])
            self._parts = [data[end:]] if end < len(data) else []
            self._size = len(data) - end
            self._enough = CHUNK if self._size < CHUNK else 2 * self._size
            now = time.monotonic()
            self._due = now + PATIENCE
            if self._until and now >= self._until:
                self._cut(last=False)
                raise _Ended

    def _sendable(self, data: bytes) -> int:
        """Return up to where the data may be sent now, so that what is kept begins where a row ends."""
        if not self.closes or not self._until:
            return len(data)
        end = partial.last_row_end(data) or (0 if self.sent else partial.head_end(data))
        if not end and len(data) >= CHUNK:
            # No row that binds something has ended in all this: either rows bind nothing, or one is very long.
            end = partial.last_row_end_by_reading(data, headed=self.sent > 0)
        return end

    def _start(self) -> None:
        if self._streams:
            return
        self._streams = True
        self._stage.set(SEND)
        self._channel.send(frames.json_frame(frames.HEAD, self._head))
        left = self._until - time.monotonic()
        if self._until and left > 0:
            self._watch = threading.Timer(left + GRACE, self._overdue)
            self._watch.daemon = True
            self._watch.start()

    def _send_data(self, data: bytes) -> None:
        step = len(data) if len(data) < 2 * CHUNK else CHUNK
        for start in range(0, len(data), step or 1):
            self._channel.send(frames.frame(frames.DATA, data[start : start + step]))
        self.sent += len(data)

    def _stop_watching(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _overdue(self) -> None:
        """End the answer from aside: the time is over, and the evaluation has given nothing since."""
        with self._lock:
            if self._watch is None:
                return
            self._cut(last=True)
            # The evaluation can't be stopped from within; the process can.
            os._exit(0)


@lru_cache(64)
def _plain_head(kind: Kind, type_: str) -> bytes:
    """Return the head of a whole answer about which there is nothing else to say: there are few of them."""
    return frames.compact({"kind": kind, "media": type_, "rows": None, "partial": None})


def exceeded(reason: str, limit: float, *, sent: int = 0) -> LimitExceeded:
    """Return the error of an answer that ended at a limit and can't say so itself."""
    unit = {"time": "seconds", "rows": "rows"}[reason]
    return LimitExceeded(
        f"The answer was ended at the limit of {limit:g} {unit}; what came before it is not the whole answer.",
        limit=limit,
        unit=unit,
        bytes=sent,
    )
