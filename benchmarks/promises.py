"""What is promised and is not a rate: the first byte of a large result, how soon a commit is seen, how soon a start."""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from benchmarks import load, machine
from benchmarks.mix import address
from benchmarks.peers import TOKEN
from benchmarks.servers import Place, Running, Server

ROWS: Final = 1_000_000
STREAM: Final = f"SELECT ?subject ?property ?value WHERE {{ ?subject ?property ?value }} LIMIT {ROWS}"
VARIABLE: Final = b'"subject"'
PROBE: Final = "https://w3id.org/vetgraph/graph/probe"
UNCACHED: Final = {"Cache-Control": "no-store"}
JSON: Final = "application/sparql-results+json"


@dataclass
class Watch:
    """The most memory that a server's front and all of it were seen to take while something went on."""

    root: int
    ports: tuple[int, int]
    front: int = 0
    front_resident: int = 0
    whole: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        """Look again and again, until it is over, at who holds the connection and at everyone."""
        holders: Sequence[int] = ()
        over = False
        while not over:
            pids = machine.tree(self.root)
            holders = holders or machine.holders(pids, *self.ports)
            self.front = max(self.front, machine.memory(holders))
            self.front_resident = max(self.front_resident, sum(map(machine.resident, holders)))
            self.whole = max(self.whole, machine.memory(pids))
            over = self.over.wait(0.05)


def stream(server: Server, running: Running, pause: float, most: float) -> dict[str, Any]:
    """Read a result of a million rows for at most so many seconds, with a pause after each 64 KiB.

    The front is whoever holds the server's end of the connection.
    """
    endpoint = server.endpoint(running.port, JSON, UNCACHED)
    head = "".join(f"{name}: {value}\r\n" for name, value in endpoint.headers.items())
    request = (
        f"GET {endpoint.path}{server.address(STREAM)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}\r\n"
    )
    with socket.create_connection(("127.0.0.1", running.port), timeout=most) as client:
        watch = Watch(running.process.pid, (running.port, client.getsockname()[1]))
        watcher = threading.Thread(target=watch.look)
        watcher.start()
        try:
            told = _read(client, request.encode(), pause, most)
        finally:
            watch.over.set()
            watcher.join()
    memory = {"front": watch.front, "front_resident": watch.front_resident, "whole": watch.whole}
    return {**told, **memory, "pause": pause}


def _read(client: socket.socket, request: bytes, pause: float, most: float) -> dict[str, Any]:
    """Send a request and read its answer; return when the body began and ended, and how many rows it had."""
    started = time.perf_counter()
    client.sendall(request)
    start, rest, first, size, rows = b"", b"", 0.0, 0, -1  # the head of the result names the variable once
    while time.perf_counter() - started < most and (block := client.recv(1 << 16)):
        if not first:
            start += block
            body = start.partition(b"\r\n\r\n")[2]
            first = time.perf_counter() - started if body else 0.0
        size += len(block)
        seen = rest + block
        rows += seen.count(VARIABLE)
        rest = seen[-len(VARIABLE) + 1 :]
        time.sleep(pause)
    status = int(start.split(b" ", 2)[1]) if start else 0
    return {"status": status, "first": first, "seconds": time.perf_counter() - started, "bytes": size, "rows": rows}


def commits(server: Server, running: Running, path: str, times: int) -> dict[str, Any]:
    """Write one triple so many times; return how long each took to be acknowledged and until a query saw it.

    A slow server is let off after a minute. Raises OSError where the server takes no updates.
    """
    acknowledged, visible = [], []
    ends = time.monotonic() + 60
    for number in range(times):
        if time.monotonic() > ends:
            break
        thing = f"<{PROBE}/{number}>"
        started = time.perf_counter()
        update(running.port, path, f"INSERT DATA {{ GRAPH <{PROBE}> {{ {thing} <{PROBE}/says> {number} }} }}")
        acknowledged.append(time.perf_counter() - started)
        while not _sees(server, running.port, thing):
            if time.perf_counter() - started > 30:
                raise OSError("a commit was not visible within 30 s")
        visible.append(time.perf_counter() - started)
        time.sleep(0.05)
    update(running.port, path, f"DROP SILENT GRAPH <{PROBE}>")
    return {"acknowledged": acknowledged, "visible": visible}


def update(port: int, path: str, text: str) -> None:
    """Send an update with the maintainer's token. Raises OSError where it is refused."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {TOKEN}"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, urlencode({"update": text}), headers)
        answer = connection.getresponse()
        if answer.status >= http.client.BAD_REQUEST:
            raise OSError(f"the update was answered {answer.status}: {answer.read()[:200].decode('utf-8', 'replace')}")
        answer.read()
    finally:
        connection.close()


def _sees(server: Server, port: int, thing: str) -> bool:
    """Return whether a query sees anything said of a thing."""
    endpoint = server.endpoint(port, JSON, UNCACHED)
    answer = load.fetch(endpoint, address(f"ASK {{ {thing} ?property ?value }}"), 30)
    return bool(json.loads(answer.body)["boolean"])


def starts(server: Server, place: Place, times: int) -> list[float]:
    """Start a server so many times; return the seconds from each start of the process to its first answer."""
    found = []
    for _ in range(times):
        running = server.start(place)
        found.append(running.seconds)
        running.stop()
    return found


def middle(seconds: Sequence[float]) -> Mapping[str, float]:
    """Return the middle and the ends of some times."""
    return {"median": statistics.median(seconds), "low": min(seconds), "high": max(seconds)}
