"""Clients who do nothing wrong: cheap look-ups at a steady pace, a page now and then, every answer checked.

    python good.py PORT SECONDS CASES > RECORDS

CASES is a JSON file: ``{"lookups": [[text of the query, rows], …], "pages": [[path, text of the page], …]}``, where
``{n}`` in a query stands for a number that makes each request a new one. RECORDS is one JSON line per request:
``[when it was due, seconds until its answer was whole, its kind, what was wrong or null, how late the driver was]``.

A request that is due while the one before it is still unanswered counts from when it was due, so that a service that
stands still for a second is charged with all that could not be asked in that second. The driver's own lateness (the
timer of the event loop) is not the service's, and recorded apart. Pages and most look-ups have an address that was
never asked for, so that no cache answers for the service, neither in quiet nor under attack.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

from turns import take_turns_of
from wire import Cut, Wire, query_path, request

CLIENTS = 13
PACES = {"lookup": 20.0, "page": 0.5}
"""Requests per second of each client."""
REPEATED_SHARE = 1 / 3
"""Look-ups that have been asked before, which the service may know by heart."""
RESULTS = "application/sparql-results+json"
TURN = 0.0003
"""Seconds of the driver's turns on a processor."""

Record = tuple[float, float, str, str | None, float]
_CHANGING = re.compile(rb"[Vv]ersion \d+|<time [^>]*>[^<]*</time>|fresh=\d+")


def masked(page: bytes) -> str:
    """Return a page without the version that it names, as writes go on while it is read, and without its address."""
    return _CHANGING.sub(b"", page).decode()


def rows(body: bytes) -> list[str]:
    """Return the rows of an answer in an order of their own."""
    return sorted(json.dumps(row, sort_keys=True) for row in json.loads(body)["results"]["bindings"])


class Client:
    """One good client and one of its connections: for look-ups, or for pages, which must not wait for each other."""

    def __init__(self, kind: str, number: int, port: int, cases: dict[str, Any]) -> None:
        self.kind = kind
        self.pace = PACES[kind]
        self.random = random.Random(f"{kind} {number}")
        self.source = f"127.0.0.{number + 2}"
        self.port = port
        self.cases = cases
        self.unique = count(1_000_000 * (number + 1) + int(time.time()) % 1000 * 1000)
        self.records: list[Record] = []
        self.right: dict[str, bytes] = {}
        self.wire: Wire | None = None
        self.ended = 0.0

    async def run(self, until: float) -> None:
        """Ask at a steady pace, give or take half, until a moment of the monotonic clock."""
        due = time.monotonic() + self.random.random() / self.pace
        free = 0.0
        while due < until:
            await asyncio.sleep(due - time.monotonic())
            sent = time.monotonic()
            fault = await self._ask()
            began = due if free > due else sent
            self.records.append((due, self.ended - began, self.kind, fault, sent - max(due, free)))
            free = self.ended
            due += self.random.uniform(0.5, 1.5) / self.pace
        if self.wire:
            await self.wire.close()

    async def _ask(self) -> str | None:
        """Ask once; return what was wrong."""
        try:
            if self.wire is None:
                self.wire = await Wire.to(self.port, self.source)
            return await (self._page() if self.kind == "page" else self._lookup())
        except (Cut, OSError, ValueError, KeyError) as problem:
            if self.wire:
                self.wire.reset()
            self.wire = None
            self.ended = time.monotonic()
            return f"{type(problem).__name__} {problem}"

    async def _lookup(self) -> str | None:
        text, expected = self.random.choice(self.cases["lookups"])
        again = self.random.random() < REPEATED_SHARE
        asked = text.replace("{n}", "1000000" if again else str(next(self.unique)))
        body = await self._answer(query_path(asked), RESULTS)
        if isinstance(body, str):
            return body
        if body != self.right.get(text):
            if rows(body) != expected:
                return f"wrong rows for {asked}"
            self.right[text] = body
        return None

    async def _page(self) -> str | None:
        path, expected = self.random.choice(self.cases["pages"])
        body = await self._answer(f"{path}?fresh={next(self.unique)}", "text/html")
        return body if isinstance(body, str) else None if masked(body) == expected else f"wrong page {path}"

    async def _answer(self, path: str, accept: str) -> bytes | str:
        """Return the body, or what was wrong."""
        assert self.wire
        await self.wire.send(request("GET", path, accept))
        head, body = await self.wire.answer()
        self.ended = time.monotonic()
        if head.headers.get("connection", "").lower() == "close":
            await self.wire.close()
            self.wire = None
        return body if head.status == 200 else f"{head.status} {path} {body[:200]!r}"


async def main(port: int, seconds: float, cases: Path) -> None:
    # These clients stand for other machines: that they share this one must not make them late.
    take_turns_of(TURN)
    until = time.monotonic() + seconds
    known = json.loads(cases.read_text("utf-8"))
    clients = [Client(kind, number, port, known) for number in range(CLIENTS) for kind in PACES]
    await asyncio.gather(*(client.run(until) for client in clients))
    for record in sorted(record for client in clients for record in client.records):
        sys.stdout.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3])))
