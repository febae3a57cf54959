"""Write RESULTS.md from raw results: ``python -m benchmarks.report --work FOLDER``."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from benchmarks import mix, records, verdicts
from benchmarks.peers import CONTENDERS, Contender
from benchmarks.verdicts import Results, Spread, Verdict, number

RESULTS: Final = Path(__file__).parent / "RESULTS.md"
TARGET_SIZE: Final = "1M"
PATHS: Final = re.compile(r"(?<![\w:/])(?:/[\w.@+-]+){2,}")
"""Paths of the machine that measured, which say nothing to a reader."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], align: str = "---:") -> str:
    """Return a Markdown table, its first column to the left and all others, as a rule, to the right."""
    lines = [f"| {' | '.join(head)} |", "|---|" + f"{align}|" * (len(head) - 1)]
    lines += [f"| {' | '.join(cell.replace('|', '¦') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def times(ratio: Spread | None) -> str:
    """Return a ratio with its spread.

    >>> times(Spread(2.5, 2.25, 3.0)), times(Spread(40, 38, 41, bound=True)), times(None)
    ('2.5× (2.25–3)', '> 38×', '–')
    >>> times(Spread(2.5, 2.5, 2.5))
    '2.5×'
    """
    if ratio is None:
        return "–"
    if ratio.bound:
        return f"> {number(ratio.low)}×"
    ends = f" ({number(ratio.low)}–{number(ratio.high)})" if ratio.low < ratio.high else ""
    return f"{number(ratio.median)}×{ends}"


def bytes_(size: float | None) -> str:
    """Return a size in mebibytes."""
    return f"{number(size / 2**20)} MiB" if size else "–"


def without_paths(words: str) -> str:
    """Return a message without paths of the machine that measured.

    >>> without_paths("/tmp/store/x failed (application/json)")
    '… failed (application/json)'
    """
    return PATHS.sub("…", words)


def contenders(results: Results) -> list[Contender]:
    """Return those who were measured or should have been."""
    seen = {name for name, _, _ in results.points}
    seen |= {name for found in results.compared.values() for name in found["differences"]}
    return [one for one in CONTENDERS if one.name in seen]


def environment(work: Path, sizes: Sequence[Results]) -> Iterator[str]:
    """Say where, when and with what it was measured."""
    runs: list[dict[str, str]] = json.loads((work / "runs.json").read_text("utf-8"))
    machine = {name: value for name, value in runs[-1].items() if name not in ("when", "command")}
    found: dict[str, str] = {}
    for results in sizes:
        for name, facts in (results.records.read("servers") or {}).items():
            if "version" in facts:
                found[name] = facts["version"]
    yield "## Where and when\n"
    yield table(["what", "value"], [*machine.items(), *found.items()], "---")
    yield "Commands, in this order:\n"
    yield "```text\n" + "\n".join(f"{run['when']}  {run['command']}" for run in runs) + "\n```\n"


def targets(results: Results) -> Iterator[str]:
    """Say of every target what was asked, what was measured, and whether it was met."""
    lines: list[Verdict] = [target.judge(results) for target in verdicts.TARGETS] + verdicts.promises(results)
    yield f"## Targets at {results.records.size} triples\n"
    yield (
        "“On average” is the geometric mean over queries of the kind and numbers of connections; "
        "“met” means that every one of these points meets the target.\n"
    )
    if results.records.size != TARGET_SIZE:
        yield f"The targets are meant for {TARGET_SIZE} triples, which were not measured.\n"
    rows = [(one.what, one.asked, without_paths(one.measured), f"**{one.verdict}**") for one in lines]
    yield table(["what", "asked", "measured", "verdict"], rows, "---")


def answers(results: Results) -> Iterator[str]:
    """Say which answers were equal, and which were not and therefore not measured."""
    yield "### Answers\n"
    wrong = [
        f"- {name}, {question}: {without_paths(words)}\n"
        for question, found in results.compared.items()
        for name, words in found["differences"].items()
        if words
    ]
    equal = sum(not words for found in results.compared.values() for words in found["differences"].values())
    yield f"{equal} answers are equal. " + (
        "Left out because they are not, or did not come in time:\n" if wrong else "None differs.\n"
    )
    yield "".join(wrong)


def rates(results: Results, connections: int) -> Iterator[str]:
    """Say answers a second of everyone, and in brackets how many times as many ours gives, uncached."""
    everyone = contenders(results)
    yield f"### Answers a second at {connections} connection{'s' if connections > 1 else ''}\n"
    rows = []
    for question in results.questions:
        row = [question.name, question.kind, f"{results.compared.get(question.name, {}).get('rows', 0):,}"]
        for one in everyone:
            rate = results.rate(one.name, question.name, connections)
            told = [number(rate.median)] if rate else []
            if one.server != "ours" and (ratio := results.ratio("ours", one.name, question.name, connections)):
                told.append(times(ratio))
            row.append(" · ".join(told) or "–")
        rows.append(row)
    yield table(["query", "kind", "rows", *(one.title for one in everyone)], rows)


def latencies(results: Results, connections: int) -> Iterator[str]:
    """Say the middle and the 99th percentile of the times of answers."""
    everyone = contenders(results)
    yield f"### p50 / p99 in ms at {connections} connection{'s' if connections > 1 else ''}\n"
    rows = []
    for question in results.questions:
        row = [question.name]
        for one in everyone:
            points = results.measured(one.name, question.name, connections).values()
            both = [statistics.median(getattr(point, name) for point in points) for name in ("p50", "p99") if points]
            row.append(" / ".join(map(number, both)) or "–")
        rows.append(row)
    yield table(["query", *(one.title for one in everyone)], rows)


def servers(results: Results) -> Iterator[str]:
    """Say how long loading and starting took, and how much room each takes."""
    told: Mapping[str, Any] = results.records.read("servers") or {}
    rows, missing = [], []
    for name, facts in told.items():
        if "missing" in facts:
            missing.append(f"- {without_paths(facts['missing'])}\n")
            continue
        load = f"{number(facts['load'])} s" if "load" in facts else "at start"
        rows.append([name, load, f"{number(facts['start'])} s", bytes_(facts.get("memory")), bytes_(facts.get("disk"))])
    yield "### Loading, starting, room\n"
    yield table(["server", "load", "start to first answer", "most memory (PSS)", "on disk"], rows)
    yield "".join(missing)


def details(results: Results) -> Iterator[str]:
    """Say what else was measured: a million rows, commits, starts, and points that could not be measured."""
    yield "### A million rows, commits, starts\n"
    rows = []
    for name, ways in (results.records.read("stream") or {}).items():
        for way, found in ways.items():
            if isinstance(found, dict) and "first" in found:
                rate = f"{number(found['bytes'] / found['seconds'] / 1e6)} MB/s, {found['rows']:,} rows"
                memory = f"{bytes_(found['front_resident'])} / {bytes_(found['front'])} / {bytes_(found['whole'])}"
                rows.append([f"{name}, {way} reader", f"{number(found['first'] * 1e3)} ms", rate, memory])
    yield table(["result", "first byte", "read at", "front RSS / front PSS / all PSS"], rows)
    rows = []
    for name, found in (results.records.read("commit") or {}).items():
        if "visible" in found:
            rows.append([name, *(_milliseconds(found[part]) for part in ("acknowledged", "visible"))])
    yield table(["commit", "acknowledged after, ms", "seen by a query after, ms"], rows)
    rows = [[name, _seconds(found)] for name, found in (results.records.read("start") or {}).items()]
    yield table(["start", "s"], rows)
    yield from _unmeasured(results)


def _milliseconds(seconds: Sequence[float]) -> str:
    return " – ".join(number(one * 1e3) for one in (min(seconds), statistics.median(seconds), max(seconds)))


def _seconds(found: object) -> str:
    if not isinstance(found, list):
        return without_paths(str(found.get("missing", ""))) if isinstance(found, dict) else "–"
    return " – ".join(map(number, (min(found), statistics.median(found), max(found))))


def _unmeasured(results: Results) -> Iterator[str]:
    """Name the points that were not measured and those with faults, gathered by contender."""
    slow: dict[str, dict[str, None]] = {}
    faulty: dict[str, dict[str, None]] = {}
    for (contender, question, connections), points in sorted(results.points.items()):
        for point in points.values():
            if point.skipped:
                slow.setdefault(contender, {})[f"{question} at {connections}"] = None
            elif point.faults:
                told = f"{question} at {connections} ({point.faults} beside {point.requests} answers)"
                faulty.setdefault(contender, {})[told] = None
    used = Counter(point.tool for points in results.points.values() for point in points.values() if point.tool)
    yield "### Points not measured, and faults\n"
    yield "Measured " + ", ".join(f"by {tool}: {count} points" for tool, count in used.most_common()) + ".\n"
    lines = [
        f"- {name} could not be measured, being too slow for the limit or failing: {', '.join(points)}.\n"
        for name, points in slow.items()
    ]
    lines += [f"- {name} had faults: {', '.join(points)}.\n" for name, points in faulty.items()]
    yield "".join(lines) or "None.\n"


def growth(sizes: Sequence[Results]) -> Iterator[str]:
    """Say how cost grows with the data: milliseconds an answer with one connection, and memory."""
    yield "## Growth\n"
    yield "Milliseconds an answer at 1 connection: ours uncached / Oxigraph on disk (ours is so many times as fast).\n"
    names = list(dict.fromkeys(question.name for results in sizes for question in results.questions))
    rows = [[name, *(_cost(results, name) for results in sizes)] for name in names]
    for what, key in (("memory (PSS)", "memory"), ("on disk", "disk"), ("load, s", "load"), ("start, s", "start")):
        rows.append([what, *(_pair(results, key) for results in sizes)])
    yield table(["query", *(results.records.size for results in sizes)], rows)


def _cost(results: Results, question: str) -> str:
    both = [results.rate(name, question, 1) for name in ("ours", "oxigraph-disk")]
    told = " / ".join(number(1e3 / rate.median) if rate else "–" for rate in both)
    ratio = results.ratio("ours", "oxigraph-disk", question, 1)
    return f"{told} ({number(ratio.median)}×)" if ratio and not ratio.bound else told


def _pair(results: Results, key: str) -> str:
    told = results.records.read("servers") or {}
    values = [told.get(name, {}).get(key) for name in ("ours", "oxigraph-disk")]
    if key in ("memory", "disk"):
        return " / ".join(map(bytes_, values))
    return " / ".join(number(value) if value is not None else "–" for value in values)


def render(work: Path) -> str:
    """Return the whole report. Raises FileNotFoundError where nothing was measured."""
    questions = mix.read_all()
    sizes = [Results(one, questions) for one in records.sizes(work)]
    if not sizes or not (work / "runs.json").exists():
        raise FileNotFoundError(f"{work} holds no raw results; measure with: python -m benchmarks.run --work {work}")
    main_ = next((one for one in sizes if one.records.size == TARGET_SIZE), sizes[-1])
    parts = ["# Results\n", "Written by `python -m benchmarks.report`; [how it is measured](../docs/benchmarks.md).\n"]
    parts += [*environment(work, sizes), *targets(main_), *growth(sizes)]
    for results in sorted(sizes, key=lambda one: one is not main_):
        parts += [f"## {results.records.size}: {(results.records.read('data') or {}).get('triples', 0):,} triples\n"]
        parts += [*answers(results), *servers(results), *details(results)]
        for connections in results.connections:
            parts += [*rates(results, connections), *latencies(results, connections)]
    return "\n".join(part.rstrip("\n") + "\n" for part in parts if part)


def write(work: Path, out: Path) -> None:
    """Write the report. Raises FileNotFoundError where nothing was measured."""
    out.write_text(render(work), "utf-8")
    click.echo(f"wrote {out}")


@click.command()
@click.option(
    "--work", type=click.Path(path_type=Path, file_okay=False), required=True, help="The folder of raw results."
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default=RESULTS, help="The report.")
def main(work: Path, out: Path) -> None:
    """Write the report of what was measured so far."""
    try:
        write(work.resolve(), out)
    except FileNotFoundError as problem:
        raise click.ClickException(str(problem)) from None


if __name__ == "__main__":
    main()
