"""What was asked for, and whether it was met: ratios with their spread over rounds, and targets.

A ratio is formed within one round, where both were measured minutes apart on the same machine; told are the middle of
the rounds and both ends. Where a peer was too slow to be measured, the ratio is a lower bound: it can't have answered
faster than its processors would with what one request takes alone.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.mix import Question
from benchmarks.peers import CONTENDERS
from benchmarks.promises import ROWS
from benchmarks.records import Point, Records


@dataclass(frozen=True)
class Spread:
    """The middle of several rounds with the lowest and the highest; ``bound`` where it is at least so much."""

    median: float
    low: float
    high: float
    bound: bool = False


def spread(values: Sequence[float]) -> Spread | None:
    """Return the middle and the ends of some values, None of none."""
    return Spread(statistics.median(values), min(values), max(values)) if values else None


class Results:
    """The points and comparisons of one size."""

    def __init__(self, records: Records, questions: Iterable[Question]) -> None:
        self.records = records
        self.compared: Mapping[str, Any] = records.read("compare") or {}
        self.questions = [question for question in questions if question.name in self.compared]
        self.processors = int((records.read("data") or {}).get("processors") or 1)
        self.points: dict[tuple[str, str, int], dict[int, Point]] = {}
        for point in records.points():
            key = (point.contender, point.question, point.connections)
            self.points.setdefault(key, {})[point.round] = point

    @property
    def connections(self) -> list[int]:
        """The numbers of connections that were measured."""
        return sorted({connections for _, _, connections in self.points})

    def measured(self, contender: str, question: str, connections: int) -> dict[int, Point]:
        """Return the points by round that have answers."""
        points = self.points.get((contender, question, connections), {})
        return {number: point for number, point in points.items() if not point.skipped and point.requests}

    def rate(self, contender: str, question: str, connections: int) -> Spread | None:
        """Return the answers a second."""
        return spread([point.rate for point in self.measured(contender, question, connections).values()])

    def ratio(self, one: str, other: str, question: str, connections: int) -> Spread | None:
        """Return how many times as many answers a second one gave as the other, None where nothing can be said."""
        mine, theirs = (self.measured(name, question, connections) for name in (one, other))
        common = mine.keys() & theirs.keys()
        if common:
            return spread([mine[number].rate / theirs[number].rate for number in sorted(common)])
        most = self._most(other, question, connections)
        if not mine or not most:
            return None
        found = [point.rate / most for point in mine.values()]
        return Spread(statistics.median(found), min(found), max(found), bound=True)

    def _most(self, contender: str, question: str, connections: int) -> float:
        """Return the highest rate that one who was too slow may have had, 0 where that is not known."""
        found = self.compared.get(question, {})
        if contender not in found.get("alone", {}):
            return 0.0
        skipped = any(point.skipped for point in self.points.get((contender, question, connections), {}).values())
        alone = found["alone"][contender]
        if alone is None:
            alone = found["limit"]
        elif not skipped:
            return 0.0
        one = next(one for one in CONTENDERS if one.name == contender)
        return one.abreast(connections, self.processors) / float(alone)


@dataclass(frozen=True)
class Verdict:
    """A line of the table of targets."""

    what: str
    asked: str
    measured: str
    verdict: str


@dataclass(frozen=True)
class Target:
    """A ratio that is asked for over some kinds of queries; 0 where it is only to be told."""

    one: str
    other: str
    kinds: tuple[str, ...]
    least: float
    what: str

    def judge(self, results: Results) -> Verdict:
        """Return what was measured: the geometric mean over queries and connections, and the worst of them."""
        found = [
            (ratio, f"{question.name} at {connections}")
            for question in results.questions
            if question.kind in self.kinds
            for connections in results.connections
            if (ratio := results.ratio(self.one, self.other, question.name, connections))
        ]
        asked = f"≥ {self.least:g}×" if self.least else "told"
        if not found:
            return Verdict(self.what, asked, "–", "not measured")
        mean = statistics.geometric_mean(ratio.median for ratio, _ in found)
        worst, where = min(found, key=lambda one: one[0].median)
        met = sum(ratio.median >= self.least for ratio, _ in found)
        bounds = sum(ratio.bound for ratio, _ in found)
        missed = sum(ratio.median < self.least and not ratio.bound for ratio, _ in found)
        told = f"{number(mean)}× on average; least {number(worst.median)}× ({where}); {met} of {len(found)} points"
        told += f"; the peer was too slow for {bounds}, which count with the least they can be" if bounds else ""
        return Verdict(self.what, asked, told, self._verdict(mean, len(found) - met - missed, missed))

    def _verdict(self, mean: float, open_: int, missed: int) -> str:
        if not self.least:
            return "told"
        if not missed:
            return f"met where it could be measured, {open_} points could not" if open_ else "met"
        return (
            "met on average" if mean >= self.least else f"missed: {number(mean / self.least * 100)} % of what was asked"
        )


HEAVY: Final = ("join", "aggregate", "large")
TARGETS: Final = (
    Target("ours", "oxigraph-disk", ("join",), 2.0, "joins, uncached, against Oxigraph on disk"),
    Target("ours", "oxigraph-disk", ("aggregate",), 2.0, "aggregates, uncached, against Oxigraph on disk"),
    Target("ours", "oxigraph-disk", ("large",), 2.0, "large results, uncached, against Oxigraph on disk"),
    Target("ours", "oxigraph-disk", ("look-up",), 0.5, "look-ups, uncached, against Oxigraph on disk"),
    Target("ours-cached", "oxigraph-disk", ("look-up",), 2.0, "repeated look-ups against Oxigraph on disk"),
    Target("ours-cached", "oxigraph-disk", ("join",), 50.0, "repeated joins against Oxigraph on disk"),
    Target("ours-cached", "oxigraph-disk", ("aggregate",), 500.0, "repeated aggregates against Oxigraph on disk"),
    Target("ours", "oxigraph-memory", HEAVY, 0.8, "heavy queries, uncached, against Oxigraph in memory"),
    Target("ours", "rdflib-endpoint", ("look-up",), 8.0, "look-ups, uncached, against rdflib-endpoint"),
    Target("ours", "rdflib-endpoint", ("join",), 80.0, "joins, uncached, against rdflib-endpoint"),
    Target("ours", "rdflib-endpoint", ("aggregate", "large", "other"), 20.0, "the rest against rdflib-endpoint"),
    Target("ours", "virtuoso", ("look-up",), 1.5, "look-ups, uncached, against Virtuoso"),
    Target("ours", "virtuoso", ("join",), 3.0, "joins, uncached, against Virtuoso"),
    Target("ours", "virtuoso", ("large",), 10.0, "large results, uncached, against Virtuoso"),
    Target("ours", "virtuoso", ("aggregate",), 0.0, "aggregates, uncached, against Virtuoso"),
)


def number(value: float) -> str:
    """Return a number with three digits that count.

    >>> number(1234.5), number(12.345), number(0.01234)
    ('1,230', '12.3', '0.0123')
    """
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"


def at_most(what: str, asked: float, found: float | None, unit: str, note: str = "") -> Verdict:
    """Return the verdict on something that may be at most so much."""
    limit = f"≤ {number(asked)} {unit}"
    if found is None:
        return Verdict(what, limit, note or "–", "not measured")
    verdict = "met" if found <= asked else f"missed: {number(found / asked)} times as much"
    return Verdict(what, limit, f"{number(found)} {unit}{note}", verdict)


def promises(results: Results) -> list[Verdict]:
    """Return the verdicts on what is not a rate."""
    read = results.records.read
    ways = (read("stream") or {}).get("ours", {})
    fast, slow = ways.get("fast", {}), ways.get("slow", {})
    rows = f" ({fast.get('rows', 0):,} rows)"
    if fast.get("rows", 0) < ROWS:  # smaller data, or an answer that broke off: nothing is shown by it
        fast = slow = {}
    front = max((way["front_resident"] for way in (fast, slow) if way.get("front_resident")), default=None)
    commit = (read("commit") or {}).get("ours", {})
    visible = statistics.median(commit["visible"]) * 1e3 if "visible" in commit else None
    worst = f"; slowest {number(max(commit['visible']) * 1e3)} ms" if visible else ""
    started = read("start") or {}
    return [
        at_most("first byte of a result of a million rows", 50, _ms(fast.get("first")), "ms", rows if fast else ""),
        at_most("front process while it sends that, to a fast and a slow reader", 250, _mib(front), "MiB"),
        at_most(
            "a commit, from sending it to a query that sees it",
            100,
            visible,
            "ms",
            worst or commit.get("missing", "")[:100],
        ),
        at_most("start to first answer, the real graph", 1.5, _middle(started.get("real")), "s"),
        at_most(f"start to first answer, {results.records.size} triples", 5, _middle(started.get("ours")), "s"),
        at_most("p99 of look-ups at 32 connections, in medians", 3, _tail(results), "×"),
    ]


def _ms(seconds: float | None) -> float | None:
    return seconds * 1e3 if seconds else None


def _mib(size: int | None) -> float | None:
    return size / 2**20 if size else None


def _middle(seconds: object) -> float | None:
    return statistics.median(seconds) if isinstance(seconds, list) and seconds else None


def _tail(results: Results) -> float | None:
    """Return the worst ratio of p99 to median over uncached look-ups at 32 connections, each the middle of rounds."""
    found = [
        statistics.median(point.p99 / point.p50 for point in points.values())
        for question in results.questions
        if question.kind == "look-up" and (points := results.measured("ours", question.name, 32))
    ]
    return max(found) if found else None
