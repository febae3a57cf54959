"""Clients who do harm: 8 send queries without end, 4 read slowly, 4 go away, 2 send garbage and 10 MB bodies, 1 writes.

    python bad.py PORT SECONDS TIMEOUT TOKEN > REPORT

TIMEOUT is the service's limit for a query in seconds. REPORT is one JSON object: how often each kind of client got
which answer, how late answers came at most (seconds beyond the limit), the numbers whose writing was acknowledged, and
``faults``: answers that no client may ever get, however badly it behaves.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import cache
from itertools import count
from typing import Any
from urllib.parse import quote

from runaway import ALL_ROWS, LARGE, RUNAWAY
from wire import Cut, Head, Wire, query_path, request

JSON_RESULTS = "application/sparql-results+json"
FORM = "application/x-www-form-urlencoded"
GRAPH = "https://w3id.org/vetgraph/graph/written-under-fire"
PREDICATE = "urn:written"
LARGE_BODY = 10_000_000
REFUSED = frozenset({400, 403, 404, 405, 406, 408, 411, 413, 414, 415, 417, 429, 431, 501, 505})
"""What garbage and bodies that are too large may be answered with: 501 and 505 are for HTTP that is no HTTP."""


class Report:
    """What the clients saw."""

    def __init__(self) -> None:
        self.answers: Counter[str] = Counter()
        self.faults: list[str] = []
        self.late: dict[str, float] = {}
        self.acknowledged: list[int] = []
        self.unacknowledged: list[int] = []

    def saw(self, who: str, what: object) -> None:
        self.answers[f"{who}: {what}"] += 1

    def fault(self, who: str, what: str) -> None:
        self.faults.append(f"{who}: {what}"[:600])

    def as_json(self) -> str:
        return json.dumps({**vars(self), "answers": dict(sorted(self.answers.items()))}, indent=1)


class Attack:
    """What the clients share: where the service is, its limit, a report, numbers that were never used before."""

    def __init__(self, port: int, seconds: float, timeout: float, token: str) -> None:
        self.port = port
        self.until = time.monotonic() + seconds
        self.timeout = timeout
        self.token = token
        self.report = Report()
        self.numbers = count(time.time_ns() // 1000)

    @property
    def on(self) -> bool:
        return time.monotonic() < self.until

    def judge(self, who: str, head: Head, body: bytes) -> None:
        """Say what was answered; a 5xx other than a documented problem is a fault."""
        slug = ""
        if head.headers.get("content-type", "").startswith("application/problem+json"):
            slug = json.loads(body)["type"].rpartition("/")[2]
        self.report.saw(who, f"{head.status} {slug}".strip())
        honest = slug in ("limit-exceeded", "busy", "cancelled") and head.status == 503
        if head.status >= 500 and not honest and head.status not in REFUSED:
            self.report.fault(who, f"{head.status} {body[:400]!r}")
        if slug in ("busy", "too-many-requests") and "retry-after" not in head.headers:
            self.report.fault(who, f"{slug} without Retry-After")


Behaviour = Callable[[Attack, random.Random, str], Awaitable[None]]


async def run_away(attack: Attack, chance: random.Random, source: str) -> None:
    """Send a query without end and read all that comes of it, as fast as it comes."""
    name = chance.choice(list(RUNAWAY))
    who = f"runaway, {name}"
    text = RUNAWAY[name].replace("{n}", str(next(attack.numbers)))
    wire = await Wire.to(attack.port, source)
    began = time.monotonic()
    try:
        form = f"query={quote(text)}".encode()
        await wire.send(request("POST", "/sparql", JSON_RESULTS, f"Content-Type: {FORM}", body=form))
        head = await wire.head()
        size, kept = 0, b""
        async for piece in wire.pieces(head):
            size += len(piece)
            kept = (kept + piece)[-4096:]
        attack.judge(who, head, kept)
        if head.status == 200 and name == ALL_ROWS and b'"partial":true' not in kept.replace(b" ", b""):
            attack.report.fault(who, f"{size} bytes ended as if they were all: …{kept[-200:]!r}")
    except Cut:
        attack.report.saw(who, "cut")
    finally:
        late = time.monotonic() - began - attack.timeout
        attack.report.late[name] = max(late, attack.report.late.get(name, -attack.timeout))
        wire.reset()


async def read_slowly(attack: Attack, chance: random.Random, source: str) -> None:
    """Ask for a large answer, and take 4 KB of it at a time."""
    wire = await Wire.to(attack.port, source, buffer=4096)
    try:
        await wire.send(
            request(
                "GET",
                query_path(LARGE.replace("{n}", str(next(attack.numbers)))),
                chance.choice(["text/csv", JSON_RESULTS]),
            )
        )
        head = await wire.head()
        attack.report.saw("slow", "begun")
        kept = b""
        async for piece in wire.pieces(head, 4096):
            kept = piece if head.status == 200 else kept + piece
            await asyncio.sleep(0.05)
            if not attack.on:
                return
        attack.judge("slow", head, kept)
    except Cut:
        attack.report.saw("slow", "cut")
    finally:
        wire.reset()


async def go_away(attack: Attack, chance: random.Random, source: str) -> None:
    """Begin something and close the connection: within the request, while it is evaluated, within the answer."""
    wire = await Wire.to(attack.port, source)
    text = chance.choice([LARGE, *RUNAWAY.values()]).replace("{n}", str(next(attack.numbers)))
    form = f"query={quote(text)}".encode()
    whole = request("POST", "/sparql", JSON_RESULTS, f"Content-Type: {FORM}", body=form)
    page = request("GET", chance.choice(["/actors", "/doc/id/anefore", "/areas", "/dump.nq.gz"]), "text/html")
    try:
        await wire.send(chance.choice([whole, whole, whole[: len(whole) // 2], whole[:60], page]))
        await asyncio.sleep(chance.choice([0, 0.01, 0.1, 0.3]))
        if chance.random() < 0.5:
            wire.reset()
        else:
            await wire.close()
        attack.report.saw("gone", "gone")
    finally:
        wire.reset()
    await asyncio.sleep(chance.random() * 0.2)


MALFORMED = (
    b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    b"GET /sparql?query=%zz%ff%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /sparql?query=\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET http://elsewhere/ HTTP/1.1\r\n\r\n",
    b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /sparql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\nabc\r\n0\r\n\r\n",
    b"POST /sparql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, identity\r\n\r\nabc",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Many: y\r\n" * 2000 + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nAccept: " + b"text/a," * 10_000 + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)
"""What is not HTTP, or hardly."""


async def send_garbage(attack: Attack, chance: random.Random, source: str) -> None:
    """Send what is not HTTP, or a body of 10 MB."""
    wire = await Wire.to(attack.port, source)
    who, sent = _garbage(chance)
    try:
        await wire.send(sent)
        head, body = await asyncio.wait_for(wire.answer(), 2)
        attack.judge(who, head, body)
        if who == "large body" and head.status not in REFUSED:
            attack.report.fault(who, f"{head.status} for {sent[:80]!r}")
    except TimeoutError:
        attack.report.saw(who, "waits for more")
    except (Cut, ConnectionError, ValueError, IndexError):
        attack.report.saw(who, "closed")
    finally:
        wire.reset()
    await asyncio.sleep(0.1)


@cache
def _heavy_body() -> bytes:
    """Return what is just below what is read: everything in it is wrong, so that judging and telling it takes long."""
    things = (f"<urn:{n}> a vet:LegalAct ; vet:actDate 'x{n}' .\n" for n in range(30_000))
    return ("@prefix vet: <https://w3id.org/vetgraph/ontology#> .\n" + "".join(things)).encode()


def _garbage(chance: random.Random) -> tuple[str, bytes]:
    dice = chance.random()
    if dice < 0.5:
        return "garbage", chance.choice([*MALFORMED, chance.randbytes(2000)])
    if dice < 0.6:
        return "heavy body", request("POST", "/validate", "*/*", "Content-Type: text/turtle", body=_heavy_body())
    path, kind = chance.choice(
        [
            ("/sparql", FORM),
            ("/sparql", "application/sparql-query"),
            ("/sparql", "application/sparql-update"),
            ("/validate", "text/turtle"),
            ("/store?default", "text/turtle"),
        ]
    )
    body = (b"query=" if kind == FORM else b"# ") + b"x" * LARGE_BODY
    if chance.random() < 0.5:
        return "large body", request("POST", path, "*/*", f"Content-Type: {kind}", body=body)
    start = request("POST", path, "*/*", f"Content-Type: {kind}", "Transfer-Encoding: chunked")
    return "large body", start + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


async def write(attack: Attack, chance: random.Random, source: str) -> None:
    """Write one triple, and note whether that was acknowledged."""
    wire = await Wire.to(attack.port, source)
    number = next(attack.numbers)
    body = f"INSERT DATA {{ GRAPH <{GRAPH}> {{ <urn:n:{number}> <{PREDICATE}> {number} }} }}".encode()
    told = (f"Authorization: Bearer {attack.token}", "Content-Type: application/sparql-update")
    try:
        await wire.send(request("POST", "/sparql", "*/*", *told, body=body))
        head, answer = await wire.answer()
        attack.judge("write", head, answer)
        known = attack.report.acknowledged if head.status in (200, 204) else attack.report.unacknowledged
        known.append(number)
    except Cut:
        attack.report.saw("write", "cut")
        attack.report.unacknowledged.append(number)
    finally:
        wire.reset()
    await asyncio.sleep(0.2)


SIDES: tuple[tuple[Behaviour, int], ...] = (
    (run_away, 8),
    (read_slowly, 4),
    (go_away, 4),
    (send_garbage, 2),
    (write, 1),
)


async def _client(attack: Attack, behaviour: Behaviour, number: int) -> None:
    chance = random.Random(number)
    source = f"127.0.0.{number + 100}"
    while attack.on:
        try:
            await behaviour(attack, chance, source)
        except OSError as problem:
            attack.report.saw(behaviour.__name__, type(problem).__name__)
            await asyncio.sleep(0.05)


async def main(port: int, seconds: float, timeout: float, token: str) -> None:
    attack = Attack(port, seconds, timeout, token)
    behaviours = [behaviour for behaviour, number in SIDES for _ in range(number)]
    clients: list[Any] = [_client(attack, behaviour, number) for number, behaviour in enumerate(behaviours)]
    await asyncio.gather(*clients)
    sys.stdout.write(attack.report.as_json())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]))
