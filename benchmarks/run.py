"""Measure side by side: ``python -m benchmarks.run --work FOLDER --sizes 1M``. See docs/benchmarks.md.

Every part keeps its raw results under the folder of work; the same command goes on where it was stopped.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from benchmarks import generate, machine, mix, promises, records, report
from benchmarks.contest import SUBJECTS, Contest, Plan, contenders_of
from benchmarks.generate import Summary
from benchmarks.peers import CONTENDERS, Ours, OxigraphDisk, RealGraph
from benchmarks.records import Records
from benchmarks.servers import Options, Place, Server, Unstarted

PARTS: Final = ("compare", "points", "stream", "commit", "start")
SIZES: Final = ("10k", "100k", "1M", "10M")
CONNECTIONS: Final = ("1", "2", "4", "8", "16", "32", "64")
DEFAULT_SERVERS: Final = "ours,oxigraph-disk,oxigraph-memory,rdflib-endpoint,virtuoso"
QUICK: Final = {"sizes": ["10k"], "seconds": 0.3, "rounds": 1, "connections": (1, 8), "limit": 3, "quiet": 0.3}


class Words(click.ParamType[list[str]]):
    """A list of words with commas between them, out of some that are known."""

    name = "a,b,c"

    def __init__(self, known: Sequence[str]) -> None:
        self.known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        words = [word.strip() for word in str(value).split(",") if word.strip()]
        for word in words:
            if word not in self.known:
                self.fail(f"there is no {word}; known are {', '.join(self.known)}", param, ctx)
        return words


def prepared(work: Path, size: str, plan: Plan) -> tuple[Place, Summary]:
    """Return the data of a size: N-Quads, and the same as N-Triples where somebody takes part who is given these.

    They are written unless they are there, under a name that counts only once they are whole.
    """
    folder = work / size
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {".nq"} | {".nt" for one in plan.contenders if not one.kind.graphs}
    for suffix in sorted(wanted):
        path, partial = folder / f"data{suffix}", folder / f"partial{suffix}"
        if not path.exists():
            click.echo(f"  writing {path}")
            generate.write_file(partial, records.triples(size), plan.seed)
            partial.with_suffix(".json").replace(path.with_suffix(".json"))
            partial.replace(path)
    told = Summary(**json.loads((folder / "data.json").read_text("utf-8")))
    if told.seed != plan.seed:
        raise click.UsageError(f"{folder} holds data of seed {told.seed}; use it, or another folder of work.")
    return Place(folder, next(iter(generate.subjects(told)))), told


def measure(work: Path, size: str, plan: Plan, options: Options, parts: Sequence[str]) -> None:
    """Carry out the parts of one size."""
    click.echo(f"{size}:")
    place, told = prepared(work, size, plan)
    kept = Records(place.folder / "raw", size)
    kept.write("data", {**asdict(told), "processors": os.cpu_count()})
    subjects = mix.sample(generate.subjects(told), SUBJECTS, plan.seed)
    contest = Contest(place, kept, plan, options, subjects)
    if {"compare", "points", "stream", "commit"} & set(parts):
        with contest.started():
            if "compare" in parts:
                contest.compare()
            if "points" in parts:
                contest.measure()
            for part in ("stream", "commit"):
                if part in parts and kept.read(part) is None:
                    kept.write(part, {name: PROMISES[part](contest, name) for name in (Ours.name, OxigraphDisk.name)})
    if "start" in parts and kept.read("start") is None:
        kept.write("start", starts(place, options, work))


def stream(contest: Contest, name: str) -> dict[str, Any]:
    """Measure a million rows read fast and read slowly."""
    if name not in contest.running:
        return {"missing": "not part of this run"}
    server, running = contest.servers[name], contest.running[name]
    click.echo(f"  a million rows from {server.title}")
    ways = {"fast": (0.0, 300.0), "slow": (0.02, 10.0)}
    found: dict[str, Any] = {}
    for way, (pause, most) in ways.items():
        machine.wait_for_idle(contest.plan.quiet)
        try:
            found[way] = promises.stream(server, running, pause, most)
        except OSError as problem:
            found[way] = {"missing": str(problem)}
    return found


def commit(contest: Contest, name: str) -> dict[str, Any]:
    """Measure thirty commits."""
    if name not in contest.running:
        return {"missing": "not part of this run"}
    server, running = contest.servers[name], contest.running[name]
    click.echo(f"  commits to {server.title}")
    path = "/sparql" if name == Ours.name else "/update"
    machine.wait_for_idle(contest.plan.quiet)
    try:
        return promises.commits(server, running, path, 30)
    except (OSError, ValueError) as problem:
        return {"missing": str(problem)}


PROMISES: Final[dict[str, Callable[[Contest, str], dict[str, Any]]]] = {"stream": stream, "commit": commit}


def starts(place: Place, options: Options, work: Path) -> dict[str, Any]:
    """Measure five starts of ours on this size and on the real graph, and of native Oxigraph on this size."""
    real = Place(work / "real", "https://w3id.org/vetgraph/id/anefore")
    found: dict[str, Any] = {}
    jobs: list[tuple[Server, Place]] = [(Ours(options), place), (OxigraphDisk(options), place)]
    for server, where in [*jobs, (RealGraph(replace(options, settings={})), real)]:
        click.echo(f"  starts of {server.title}")
        try:
            where.folder.mkdir(parents=True, exist_ok=True)
            found[server.name] = promises.starts(server, where, 5)
        except Unstarted as problem:
            found[server.name] = {"missing": str(problem)}
    return found


def pairs(values: Sequence[str]) -> dict[str, str]:
    """Return settings given as NAME=VALUE. Raises BadParameter."""
    for value in values:
        if "=" not in value or not value.startswith("VETGRAPH_"):
            raise click.BadParameter(f"{value!r} is not VETGRAPH_NAME=VALUE.", param_hint="--setting")
    return dict(value.split("=", 1) for value in values)


@click.command()
@click.option(
    "--work", type=click.Path(path_type=Path, file_okay=False), required=True, help="Data, stores, raw results."
)
@click.option("--sizes", type=Words(SIZES), default="1M", show_default=True, help="How many triples.")
@click.option(
    "--servers",
    type=Words([one.name for one in CONTENDERS]),
    default=DEFAULT_SERVERS,
    show_default=True,
    help="Who takes part.",
)
@click.option(
    "--only",
    type=Words([one.name for one in mix.read_all()]),
    default="",
    help="Names of queries; all of them otherwise.",
)
@click.option("--parts", type=Words(PARTS), default=",".join(PARTS), show_default=True, help="What is measured.")
@click.option("--connections", type=Words(CONNECTIONS), default="1,8,32", show_default=True)
@click.option("--seconds", type=float, default=1, show_default=True, help="Length of a point.")
@click.option("--rounds", type=int, default=3, show_default=True)
@click.option("--limit", type=float, default=5, show_default=True, help="Seconds after which a request is given up.")
@click.option("--patience", type=float, default=30, show_default=True, help="The same while answers are compared.")
@click.option("--quiet", type=float, default=3, show_default=True, help="Most seconds to wait for an idle processor.")
@click.option("--minutes", type=float, default=0, help="Start no point after so many minutes a size; 0 for no bound.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the data, the order and the look-ups.")
@click.option(
    "--bin", "folders", type=click.Path(path_type=Path), multiple=True, help="A folder with programs of peers."
)
@click.option("--setting", "settings", multiple=True, help="A setting of our server: VETGRAPH_NAME=VALUE.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The report; beside this program otherwise."
)
@click.option("--quick", is_flag=True, help="A try of everything at 10k in two minutes; no figures to keep.")
def main(work: Path, out: Path | None, *, quick: bool, **given: Any) -> None:
    """Load the same data into every server that is installed, compare their answers, measure them in turns."""
    given = {**given, **QUICK} if quick else given
    work = work.resolve()
    options = Options(tuple(given["folders"]), pairs(given["settings"]))
    plan = Plan(
        mix.read_all(given["only"]),
        contenders_of(given["servers"]),
        tuple(map(int, given["connections"])),
        given["seconds"],
        given["rounds"],
        given["limit"],
        given["patience"],
        given["quiet"],
        given["seed"],
    )
    # Ended from outside, the servers are to be ended too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    note(work)
    for size in given["sizes"]:
        ends = time.monotonic() + given["minutes"] * 60 if given["minutes"] else float("inf")
        measure(work, size, replace(plan, ends=ends), options, given["parts"])
    report.write(work, out or (work / report.RESULTS.name if quick else report.RESULTS))


def note(work: Path) -> None:
    """Keep when, where and with which command it was run."""
    work.mkdir(parents=True, exist_ok=True)
    path = work / "runs.json"
    runs = json.loads(path.read_text("utf-8")) if path.exists() else []
    told = ["FOLDER" if word.startswith("/") else word for word in sys.argv[1:]]
    command = shlex.join(["python", "-m", "benchmarks.run", *told])
    runs.append({"when": datetime.now(UTC).isoformat(timespec="minutes"), "command": command, **machine.describe()})
    path.write_text(json.dumps(runs, indent=1), "utf-8")


if __name__ == "__main__":
    main()
