"""The servers of one size, running side by side: what they answer is compared, then they are measured in turns."""

from __future__ import annotations

import contextlib
import http.client
import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

import click

from benchmarks import answers, load, machine
from benchmarks.answers import Answer
from benchmarks.load import Crowd, TooSlow
from benchmarks.mix import Question
from benchmarks.peers import CONTENDERS, SERVERS, Contender
from benchmarks.records import Point, Records
from benchmarks.servers import Options, Place, Running, Server, Unstarted

SUBJECTS: Final = 20_000
"""Things that uncached look-ups choose from."""
HOT: Final = 500
"""Things that cached look-ups choose from, all asked for before."""
SHORT: Final = 1.0
"""A query that takes longer alone (s) is asked once only when answers are compared."""
COMPARED: Final = 10
"""Look-ups whose answers are compared."""
ENOUGH: Final = 10
"""wrk measures where each connection can expect so many answers; otherwise threads, which wait for the last one."""

FEW: Final = 20
"""A point with more faults than one in so many answers is none."""
BUSY: Final = 0.2
"""Processors that a server uses while it still computes what it was asked."""


@dataclass(frozen=True)
class Plan:
    """What a run does: who is asked what, how long, how often."""

    questions: Sequence[Question]
    contenders: Sequence[Contender]
    connections: Sequence[int] = (1, 8, 32)
    seconds: float = 1
    rounds: int = 3
    limit: float = 5
    patience: float = 30
    quiet: float = 3
    seed: int = 1
    ends: float = float("inf")
    """When to start no further point, on the monotonic clock."""


@dataclass
class Contest:
    """Servers that run on the same data, with their raw results."""

    place: Place
    records: Records
    plan: Plan
    options: Options
    subjects: Sequence[str]
    servers: dict[str, Server] = field(default_factory=dict)
    running: dict[str, Running] = field(default_factory=dict)

    @property
    def present(self) -> list[Contender]:
        """The contenders whose server runs."""
        return [one for one in self.plan.contenders if one.server in self.running]

    # -- starting and ending ------------------------------------------------------------------

    @contextmanager
    def started(self) -> Iterator[None]:
        """Start every server of the plan that is installed; say of the others how to install them."""
        try:
            for kind in SERVERS:
                if any(one.server == kind.name for one in self.plan.contenders):
                    self._start(kind(self.options))
            yield
        finally:
            for running in self.running.values():
                running.stop()

    def _start(self, server: Server) -> None:
        known: dict[str, Any] = self.records.read("servers") or {}
        try:
            number = server.version()
            running = server.start(self.place)
            self.servers[server.name], self.running[server.name] = server, running
            facts = {"version": number, "start": running.seconds, "memory": running.memory()}
            known[server.name] = {**known.get(server.name, {}), **facts, **server.loaded(self.place)}
            click.echo(f"  {server.title} {facts['version']}: first answer after {running.seconds:.2f} s")
        except Unstarted as problem:
            known[server.name] = {"missing": str(problem)}
            click.echo(f"  {problem}", err=True)
        self.records.write("servers", known)

    def settle(self, name: str) -> None:
        """After a request failed or was given up: where the server has ended or keeps computing, start it anew."""
        process = self.running[name].process
        if process.poll() is not None or all(machine.busy(process.pid) > BUSY for _ in range(4)):
            state = "keeps computing what nobody waits for" if process.poll() is None else "has ended"
            click.echo(f"  {name} {state}; it is started anew", err=True)
            self.running.pop(name).stop()
            self._start(self.servers[name])

    # -- asking -------------------------------------------------------------------------------

    def endpoint(self, contender: Contender, question: Question) -> load.Endpoint:
        """Return where and how a contender is asked a question."""
        server = self.servers[contender.server]
        return server.endpoint(self.running[contender.server].port, question.accept, contender.headers)

    def addresses(self, contender: Contender, question: Question) -> list[str]:
        """Return the requests that a contender is sent for a question."""
        server = self.servers[contender.server]
        subjects = self.subjects[:HOT] if contender.hot else self.subjects
        return [server.address(server.text(text)) for text in question.texts(subjects)]

    def ask(self, contender: Contender, question: Question, address: str, limit: float = 0) -> load.Fetched:
        """Return one answer. Raises TooSlow, or ValueError where the server refuses."""
        answer = load.fetch(self.endpoint(contender, question), address, limit or self.plan.limit)
        if answer.status != http.client.OK:
            raise ValueError(f"answered {answer.status}: {answer.body[:160].decode('utf-8', 'replace')}")
        return answer

    # -- comparing ----------------------------------------------------------------------------

    def compare(self) -> None:
        """Compare what everyone answers to every question, and note how long one request takes alone."""
        known: dict[str, Any] = self.records.read("compare") or {}
        for question in self.plan.questions:
            found = known.setdefault(question.name, {"rows": 0, "differences": {}, "alone": {}})
            found["limit"] = self.plan.patience
            if all(one.name in found["differences"] for one in self.present):
                continue
            given: dict[str, list[Answer]] = {}
            for contender in self.present:
                self._collect(contender, question, given, found)
            if given:
                found["differences"].update(answers.differences(given))
                found["rows"] = given[answers.agreed(given)][0].size
            wrong = {name: words for name, words in found["differences"].items() if words}
            click.echo(
                f"  {question.name}: {found['rows']} rows; " + ("; ".join(map(": ".join, wrong.items())) or "equal")
            )
            self.records.write("compare", known)

    def _collect(
        self, contender: Contender, question: Question, given: dict[str, list[Answer]], found: Mapping[str, Any]
    ) -> None:
        """Ask one contender; put its answers into ``given``, or the reason why there are none into ``found``."""
        of = answers.of_triples if question.gives_triples else answers.of_rows
        asked = self.addresses(contender, question)[:COMPARED]
        try:
            fetched = [self.ask(contender, question, asked[0], self.plan.patience)]
            if question.varies or fetched[0].seconds < SHORT:
                fetched = [self.ask(contender, question, one) for one in (asked if question.varies else asked * 3)]
            found["alone"][contender.name] = statistics.median(one.seconds for one in fetched)
            given[contender.name] = [of(one.body) for one in fetched[: len(asked)]]
        except TooSlow as problem:
            found["alone"][contender.name] = None
            found["differences"][contender.name] = f"did not finish within {problem.args[0]:g} s"
            self.settle(contender.server)
        except (ValueError, OSError, http.client.HTTPException) as problem:
            found["differences"][contender.name] = str(problem) or type(problem).__name__

    # -- measuring ----------------------------------------------------------------------------

    def warm(self) -> None:
        """Ask for everything that cached contenders will be asked for, so that it is in their cache."""
        for contender in self.present:
            for question in self.plan.questions if contender.hot else ():
                with contextlib.suppress(TooSlow, ValueError, OSError, http.client.HTTPException):
                    for address in self.addresses(contender, question):
                        self.ask(contender, question, address)

    def measure(self) -> None:
        """Measure every point of every round that is not measured yet, in an order by chance."""
        self.warm()
        compared = self.records.read("compare") or {}
        done = {point.key for point in self.records.points()}
        for number in range(1, self.plan.rounds + 1):
            waiting = [key for key in self._keys(number, compared) if key not in done]
            Random(f"{self.plan.seed}/{number}").shuffle(waiting)  # noqa: S311 - the order of points
            click.echo(f"  round {number}: {len(waiting)} points")
            for _, name, title, connections in waiting:
                if time.monotonic() >= self.plan.ends:
                    click.echo("  the time is over; run the same command again to go on", err=True)
                    return
                contender = next((one for one in self.present if one.name == name), None)
                if contender is None:  # its server could not be started anew
                    continue
                question = next(one for one in self.plan.questions if one.name == title)
                alone = compared[title]["alone"][name]
                self.records.add(self._point(number, contender, question, connections, alone))
            self._note_memory()

    def _keys(self, number: int, compared: Mapping[str, Any]) -> list[tuple[int, str, str, int]]:
        """Return the points of a round: those whose answers are right."""
        return [
            (number, contender.name, question.name, connections)
            for question in self.plan.questions
            for contender in self.present
            if compared.get(question.name, {}).get("differences", {}).get(contender.name) == ""
            for connections in self.plan.connections
        ]

    def _point(self, number: int, contender: Contender, question: Question, connections: int, alone: float) -> Point:
        """Measure one point, unless one answer for each connection would take longer than the limit."""
        key = (number, contender.name, question.name, connections)
        expected = alone * connections / contender.abreast(connections, os.cpu_count() or 1)
        if expected > self.plan.limit:
            return Point(*key, skipped=f"one request takes {alone:.1f} s, so {connections} would take {expected:.0f} s")
        machine.wait_for_idle(self.plan.quiet)
        enough = self.plan.seconds >= 1 and self.plan.seconds / expected >= ENOUGH and load.has_wrk()
        try:
            sample = (self._by_wrk if enough else self._by_threads)(contender, question, connections, number)
        except TooSlow as problem:
            self.settle(contender.server)
            return Point(*key, skipped=f"no answer within {problem.args[0]:g} s")
        except subprocess.SubprocessError as problem:
            self.settle(contender.server)
            return Point(*key, skipped=f"wrk failed: {problem}")
        if sample.faults:
            self.settle(contender.server)
        if sample.faults * FEW > sample.requests:
            asked = sample.faults + sample.requests
            return Point(*key, skipped=f"{sample.faults} of {asked} requests failed or took over {self.plan.limit:g} s")
        return Point(*key, sample.rate, sample.requests, sample.faults, sample.p50, sample.p99, sample.tool)

    def _by_wrk(self, contender: Contender, question: Question, connections: int, number: int) -> load.Sample:
        endpoint = self.endpoint(contender, question)
        path = self.place.folder / "requests" / f"{contender.name}-{question.name}.txt"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(f"{endpoint.path}{one}\n" for one in self.addresses(contender, question)), "utf-8")
        seconds = round(self.plan.seconds)
        return load.by_wrk(endpoint, path, connections, seconds, self.plan.limit, self.plan.seed + number)

    def _by_threads(self, contender: Contender, question: Question, connections: int, number: int) -> load.Sample:
        addresses = self.addresses(contender, question)
        seed = self.plan.seed + number
        crowd = Crowd(self.endpoint(contender, question), addresses, self.plan.seconds, self.plan.limit, seed)
        return crowd.measure(connections)

    def _note_memory(self) -> None:
        """Keep the most memory that each server was seen to take."""
        known = self.records.read("servers") or {}
        for name, running in self.running.items():
            known[name]["memory"] = max(known[name].get("memory", 0), running.memory())
        self.records.write("servers", known)


def place_of(work: Path, size: str, subject: str) -> Place:
    """Return where the data and stores of a size lie in a folder of work."""
    folder = work / size
    folder.mkdir(parents=True, exist_ok=True)
    return Place(folder, subject)


def contenders_of(names: Sequence[str]) -> list[Contender]:
    """Return the contenders of some names; ``ours`` means the cached one as well."""
    wanted = set(names) | ({"ours-cached"} if "ours" in names else set())
    return [one for one in CONTENDERS if one.name in wanted]
