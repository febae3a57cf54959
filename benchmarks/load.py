"""Requests: one at a time, many by wrk, many by threads.

wrk costs little processor time but counts only what ends inside its time, so it serves points where many requests
do; threads serve slow ones: no request starts after the time is over, all that have started are waited for and counted.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

SCRIPT: Final = Path(__file__).parent / "pick.lua"
BLOCK: Final = 1 << 18


class TooSlow(Exception):
    """A request was not answered within its limit. Carries the seconds that it was given."""


@dataclass(frozen=True)
class Endpoint:
    """Where requests go: a port of this machine, a path, and headers that every request carries."""

    port: int
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Fetched:
    """One answer: status, body, and the seconds until the body's first byte and until its end."""

    status: int
    body: bytes
    first: float
    seconds: float


@dataclass(frozen=True)
class Sample:
    """What one point gave: answers a second, how many, faults, and the times of the middle and the slowest (ms)."""

    rate: float
    requests: int
    faults: int
    seconds: float
    p50: float
    p99: float
    tool: str


def fetch(endpoint: Endpoint, address: str, limit: float, keep: bool = True) -> Fetched:
    """Return the answer to one request. Raises TooSlow after so many seconds, OSError where there is no server."""
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=limit)
    try:
        return _ask(connection, endpoint, address, limit, keep)
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, endpoint: Endpoint, address: str, limit: float, keep: bool) -> Fetched:
    started = time.perf_counter()
    try:
        connection.request("GET", endpoint.path + address, headers=dict(endpoint.headers))
        answer = connection.getresponse()
        first, parts = 0.0, []
        while block := answer.read1(BLOCK):
            first = first or time.perf_counter() - started
            if keep:
                parts.append(block)
            if time.perf_counter() - started > limit:
                raise TooSlow(limit)
        answer.read()  # nothing is left; but only this tells the connection that it may be used again
    except TimeoutError:
        raise TooSlow(limit) from None
    return Fetched(answer.status, b"".join(parts), first, time.perf_counter() - started)


def has_wrk() -> bool:
    """Return whether wrk is installed."""
    return shutil.which("wrk") is not None


def by_wrk(endpoint: Endpoint, addresses: Path, connections: int, seconds: int, limit: float, seed: int) -> Sample:
    """Return what wrk measures with requests chosen from a file of whole paths."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise FileNotFoundError("wrk is not here; install it with: apt-get install wrk")
    headers = [part for name, value in endpoint.headers.items() for part in ("-H", f"{name}: {value}")]
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={round(limit)}s", "-s", str(SCRIPT)]
    command += [*headers, f"http://127.0.0.1:{endpoint.port}{endpoint.path}", "--", str(addresses), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + limit + 30, check=True)  # noqa: S603
    counts = json.loads(done.stdout.splitlines()[-1])
    spent = counts["microseconds"] / 1e6
    good = counts["requests"] - counts["refused"]
    faults = counts["refused"] + counts["broken"]
    return Sample(good / spent, good, faults, spent, counts["p50"] / 1e3, counts["p99"] / 1e3, "wrk")


class Crowd:
    """Threads that each ask one request after another until a time is over; what has started is finished."""

    def __init__(self, endpoint: Endpoint, addresses: Sequence[str], seconds: float, limit: float, seed: int) -> None:
        self.endpoint, self.addresses, self.limit = endpoint, addresses, limit
        self.seconds, self.seed = seconds, seed
        self.times: list[float] = []
        self.faults = 0
        self.lock = threading.Lock()

    def measure(self, connections: int) -> Sample:
        """Return what so many connections measure. Raises TooSlow where no request was answered in the limit."""
        started = time.perf_counter()
        threads = [threading.Thread(target=self._work, args=(number, started)) for number in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent = time.perf_counter() - started
        if not self.times:
            raise TooSlow(self.limit)
        times = sorted(self.times)
        middle, late = times[len(times) // 2], times[min(len(times) - 1, int(len(times) * 0.99))]
        return Sample(len(times) / spent, len(times), self.faults, spent, middle * 1e3, late * 1e3, "threads")

    def _work(self, number: int, started: float) -> None:
        chance = Random(f"{self.seed}/{number}")  # noqa: S311 - picks requests
        connection = http.client.HTTPConnection("127.0.0.1", self.endpoint.port, timeout=self.limit)
        try:
            while time.perf_counter() - started < self.seconds:
                self._once(connection, chance.choice(self.addresses))
        finally:
            connection.close()

    def _once(self, connection: http.client.HTTPConnection, address: str) -> None:
        try:
            answer = _ask(connection, self.endpoint, address, self.limit, keep=False)
            good = answer.status == http.client.OK
        except (TooSlow, OSError, http.client.HTTPException):
            connection.close()
            good = False
        with self.lock:
            if good:
                self.times.append(answer.seconds)
            else:
                self.faults += 1
