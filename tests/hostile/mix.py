"""The hostile mix: 13 good clients with 19 bad ones beside them, and what the good ones notice of it.

    python mix.py PORT PID TOKEN --seconds 60 --timeout 2 --lookups FILE > REPORT

PID is the root of the service's processes, FILE a JSON list of ``[query, rows]``, TIMEOUT the service's limit for a
query. The good clients ask by themselves first (the quiet value), then under attack, then by themselves again. Each
phase is cut into windows; the p99 of a phase is the median of its windows' p99s, so that one hiccup of the machine
decides nothing. All clients run in processes of their own, good and bad apart.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tree
from bad import GRAPH, PREDICATE
from good import RESULTS, Record, masked
from wire import Wire, query_path

HERE = Path(__file__).parent
PAGES = ("/countries", "/agreements", "/legal-acts", "/queries")
WARM_UP = 4.0
SETTLED = 12.0
"""Seconds within which a service must have cleaned up after the last request."""


@dataclass(frozen=True)
class Clients:
    """A process of clients, and the file to which it writes what they saw."""

    process: subprocess.Popen[bytes]
    output: Path

    def said(self) -> str:
        """Return what the clients saw once they are done."""
        if self.process.wait() != 0:
            raise RuntimeError(f"{self.output.stem} ended with {self.process.returncode}")
        return self.output.read_text("utf-8")


class Mix:
    """One run against a service."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.front: list[int] = []
        self.report: dict[str, Any] = {"bad": []}

    def run(self) -> dict[str, Any]:
        """Return the report of all phases."""
        self._prepare()
        self._phase("warm-up", WARM_UP, attacked=True)
        before = self._settled(None)
        self._phase("quiet", self.options.quiet, attacked=False)
        self._phase("hostile", self.options.seconds, attacked=True)
        after = self._settled(before)
        self._phase("quiet again", self.options.quiet, attacked=False)
        quiet = [*self.report["quiet"]["windows"], *self.report["quiet again"]["windows"]]
        self.report["ratio"] = _ratio(self.report["hostile"]["windows"], quiet)
        self.report["before"], self.report["after"] = before.as_json(), after.as_json()
        self.report["front at most"] = max(self.front)
        self._written()
        return self.report

    def _prepare(self) -> None:
        """Write the cases of the good clients: look-ups as given, pages as they are now."""
        pages = [[path, masked(self._get(f"{path}?fresh=1", "text/html"))] for path in PAGES]
        lookups = json.loads(self.options.lookups.read_text("utf-8"))
        (self.folder / "cases.json").write_text(json.dumps({"lookups": lookups, "pages": pages}), "utf-8")

    def _get(self, path: str, accept: str) -> bytes:
        async def get() -> bytes:
            wire = await Wire.to(self.options.port)
            _, body = await wire.get(path, accept)
            await wire.close()
            return body

        return asyncio.run(get())

    def _phase(self, name: str, seconds: float, *, attacked: bool) -> None:
        """Run the good clients, with the bad ones where the phase is an attack, and note what they saw."""
        spent = self._processor()
        bad = self._start("bad.py", seconds, self.options.timeout, self.options.token) if attacked else None
        began = time.monotonic()
        good = self._start("good.py", seconds, self.folder / "cases.json")
        front = tree.front(self.options.pid)
        while good.process.poll() is None:
            self.front.append(tree.resident(front))
            time.sleep(0.5)
        records = [json.loads(line) for line in good.said().splitlines()]
        if bad is not None:
            self.report["bad"].append(json.loads(bad.said()))
        machine, service = (after - before for after, before in zip(self._processor(), spent, strict=True))
        self.report[name] = {
            **_told(records, began, self.options.window),
            "machine": round(machine / seconds, 2),
            "service": round(service / seconds, 2),
        }

    def _start(self, script: str, *arguments: object) -> Clients:
        command = [sys.executable, str(HERE / script), str(self.options.port), *map(str, arguments)]
        output = self.folder / f"{script}.json"
        with output.open("w") as stream:
            return Clients(subprocess.Popen(command, stdout=stream), output)

    def _processor(self) -> tuple[float, float]:
        return tree.machine_seconds(), tree.processor_seconds(self.options.pid)

    def _settled(self, before: tree.Inventory | None) -> tree.Inventory:
        """Return what the service holds once it has come to rest: no more than before, or no change for 2 seconds."""
        until = time.monotonic() + SETTLED
        last = tree.inventory(self.options.pid)
        while time.monotonic() < until:
            time.sleep(2)
            now = tree.inventory(self.options.pid)
            if now.size == last.size and (before is None or _within(now, before)):
                return now
            last = now
        return last

    def _written(self) -> None:
        """Note which acknowledged writes are not there."""
        text = f"SELECT ?n {{ GRAPH <{GRAPH}> {{ ?s <{PREDICATE}> ?n }} }}"
        rows = json.loads(self._get(query_path(text), RESULTS))["results"]["bindings"]
        there = {int(row["n"]["value"]) for row in rows}
        told = {number for report in self.report["bad"] for number in report["acknowledged"]}
        self.report["written"] = len(told)
        self.report["lost"] = sorted(told - there)


def _within(now: tree.Inventory, before: tree.Inventory) -> bool:
    return all(mine <= theirs for mine, theirs in zip(now.size, before.size, strict=True))


def _told(records: list[Record], began: float, window: float) -> dict[str, Any]:
    """Return what a phase's records say; its first second, when clients connect, counts for faults only."""
    kept = [record for record in records if record[0] >= began + 1]
    windows: dict[int, list[float]] = {}
    for due, seconds, kind, *_ in kept:
        if kind == "lookup":
            windows.setdefault(int((due - began - 1) / window), []).append(seconds)
    longest = max(map(len, windows.values()))
    return {
        "asked": len(records),
        "faults": [record[3] for record in records if record[3]],
        "windows": [_percentile(several, 99) for several in windows.values() if len(several) > longest / 2],
        "milliseconds": {
            kind: {f"p{p}": _percentile([r[1] for r in kept if r[2] in (kind, *also)], p) for p in (50, 90, 99, 100)}
            for kind, also in (("lookup", ()), ("page", ()), ("all", ("lookup", "page")))
        },
        "driver late, p99": _percentile([record[4] for record in kept], 99),
    }


def _percentile(values: list[float], percent: int) -> float:
    """Return a percentile in milliseconds."""
    ordered = sorted(values) or [0.0]
    return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1000, 2)


def _ratio(hostile: list[float], quiet: list[float]) -> float:
    return round(statistics.median(hostile) / statistics.median(quiet), 2)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("pid", type=int)
    parser.add_argument("token")
    parser.add_argument("--lookups", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--quiet", type=float, default=16)
    parser.add_argument("--window", type=float, default=5)
    parser.add_argument("--timeout", type=float, default=2)
    with TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(Mix(parser.parse_args(), Path(folder)).run(), indent=1))


if __name__ == "__main__":
    main()
