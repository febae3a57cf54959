"""Measure search: ``python -m benchmarks.search --labels 100000``. See docs/benchmarks.md.

Labels are made up of words whose frequencies fall as those of a language do. The peer is what searched before there was
an index: the same store, asked in SPARQL for labels that contain the words, in the same process and the same run.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
import pyoxigraph as ox

from vetgraph.search import Index, Wish, candidates, find
from vetgraph.store import GraphStore, memory_store
from vetgraph.vocab import GRAPH, ID, LANGUAGES, RDF, SKOS, VET

TARGET: Final = 20.0
"""Milliseconds that the median may take, by the issue that asked for the search."""

NAMES: Final = 8
"""Labels of a thing: a name in each language, three other names, and an acronym."""

VOCABULARY: Final = 30_000
CLASSES: Final = ("Organisation", "LegalAct", "Project", "Event", "Agreement", "Publication")
COUNTRIES: Final = 40
SOURCES: Final = 12


@dataclass(frozen=True)
class Timing:
    """What a kind of question took, in milliseconds of wall time and of the processor, a question at a time."""

    kind: str
    questions: int
    median: float
    p95: float
    worst: float
    processor: float
    found: float
    scan: float
    """The median of the peer for the same questions."""

    @property
    def ratio(self) -> float:
        """How many times as fast as the peer."""
        return self.scan / self.median


def words(chance: random.Random) -> list[str]:
    """Return a vocabulary, the most frequent word first."""
    onsets = [
        "b",
        "br",
        "c",
        "d",
        "dr",
        "f",
        "g",
        "h",
        "k",
        "l",
        "m",
        "n",
        "p",
        "pr",
        "r",
        "s",
        "st",
        "t",
        "tr",
        "v",
        "w",
    ]
    vowels = ["a", "e", "i", "o", "u", "é", "ä", "ü", "ie", "ou", "ei"]
    codas = ["", "", "n", "r", "s", "l", "t", "nt", "ng", "rt"]
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        length = chance.choice((1, 2, 2, 3, 3, 3, 4, 5))
        found["".join(chance.choice(part) for _ in range(length) for part in (onsets, vowels, codas))] = None
    return sorted(found, key=len)


def labels(count: int, seed: int) -> Iterator[tuple[int, str, str, str]]:
    """Yield made-up labels: number of the thing, property, text and language."""
    chance = random.Random(seed)  # noqa: S311 (the same data for the same seed)
    known = words(chance)
    weights = [1 / (rank + 10) for rank in range(len(known))]
    pool = chance.choices(known, weights, k=max(count * 4, 1000))
    take = itertools.count()

    def text(least: int, most: int) -> str:
        size = chance.randint(least, most)
        return " ".join(pool[next(take) % len(pool)] for _ in range(size)).capitalize()

    for thing in range(count // NAMES):
        for language in LANGUAGES:
            yield thing, "prefLabel", text(2, 6), language
        for language in LANGUAGES[:2]:
            yield thing, "altLabel", text(1, 4), language
        yield thing, "hiddenLabel", text(1, 3), "en"
        yield thing, "altLabel", "".join(chance.choices("ABCDEFGHIKLMNOPRSTUVWZ", k=chance.randint(3, 6))), "en"


def quads(count: int, seed: int) -> Iterator[ox.Quad]:
    """Yield things with labels, classes and countries, each in one of some graphs."""
    node, type_ = ox.NamedNode, ox.NamedNode(RDF + "type")
    countries = [node(f"{ID}country-{number}") for number in range(COUNTRIES)]
    for country in countries:
        yield ox.Quad(country, type_, node(VET + "Country"), node(GRAPH + "reference"))
        yield ox.Quad(country, node(SKOS + "prefLabel"), ox.Literal(country.value[-10:]), node(GRAPH + "reference"))
    before = -1
    for thing, property_, text, language in labels(count, seed):
        subject, graph = node(f"{ID}thing-{thing}"), node(f"{GRAPH}source-{thing % SOURCES}")
        yield ox.Quad(subject, node(SKOS + property_), ox.Literal(text, language=language), graph)
        if thing != before:
            yield ox.Quad(subject, type_, node(VET + CLASSES[thing % len(CLASSES)]), graph)
            yield ox.Quad(subject, node(VET + "inCountry"), countries[thing % COUNTRIES], graph)
        before = thing


def questions(count: int, seed: int, each: int) -> dict[str, list[str]]:
    """Return what is asked, by kind, made from labels that are there."""
    chance = random.Random(seed + 1)  # noqa: S311
    some = chance.sample([text for _, property_, text, _ in labels(count, seed) if property_ == "prefLabel"], each)
    long = [text for text in some if len(text) > 8]
    return {
        "a whole name": some,
        "a word": [max(text.split(), key=len) for text in some],
        "beginnings of two words": [" ".join(word[:4] for word in text.split()[:2]) for text in some],
        "three letters": [text[:3] for text in some],
        "one letter": [text[:1] for text in some[: each // 4]],
        "a name with a slip": [_slipped(text, chance) for text in long],
    }


def _slipped(text: str, chance: random.Random) -> str:
    """Return a text with two letters swapped inside its longest word."""
    word = max(text.split(), key=len)
    at = chance.randrange(1, max(2, len(word) - 2))
    return text.replace(word, word[:at] + word[at + 1 : at + 2] + word[at : at + 1] + word[at + 2 :])


def scan(store: GraphStore, text: str) -> int:
    """Ask in SPARQL for the labels that contain each of some words."""
    tests = "".join(f" FILTER(CONTAINS(LCASE(STR(?label)), {ox.Literal(word.lower())}))" for word in text.split())
    names = "|".join(f"<{SKOS}{name}>" for name in ("prefLabel", "altLabel", "hiddenLabel"))
    return len(store.select(f"SELECT DISTINCT ?thing WHERE {{ ?thing {names} ?label{tests} }}"))


def timed(kind: str, asked: list[str], ask: Callable[[str], int], peer: Callable[[str], int], scans: int) -> Timing:
    """Ask each question once for the record, after a few that warm up; the peer gets the first ones only."""
    for text in asked[:5]:
        ask(text)
    took: list[float] = []
    found: list[int] = []
    processor = time.process_time()
    for text in asked:
        begun = time.perf_counter()
        found.append(ask(text))
        took.append((time.perf_counter() - begun) * 1000)
    processor = (time.process_time() - processor) * 1000 / len(asked)
    theirs = []
    for text in asked[:scans]:
        begun = time.perf_counter()
        peer(text)
        theirs.append((time.perf_counter() - begun) * 1000)
    took.sort()
    return Timing(
        kind,
        len(asked),
        statistics.median(took),
        took[int(len(took) * 0.95)],
        took[-1],
        processor,
        statistics.mean(found),
        statistics.median(theirs),
    )


def measured(store: GraphStore, index: Index, count: int, seed: int, each: int, scans: int) -> list[Timing]:
    """Return what each kind of question takes, pages with all facets, and candidates for names in a table."""
    kinds = questions(count, seed, each)

    def page(text: str) -> int:
        return find(index, text).total

    def narrowed(text: str) -> int:
        return find(index, text, Wish(kinds=(VET + "Project",), countries=(f"{ID}country-7", f"{ID}country-8"))).total

    def matched(text: str) -> int:
        return len(candidates(index, text))

    def peer(text: str) -> int:
        return scan(store, text)

    rows = [timed(kind, asked, page, peer, scans) for kind, asked in kinds.items()]
    rows.append(timed("a word, narrowed twice", kinds["a word"], narrowed, peer, scans))
    for kind in ("a whole name", "a name with a slip"):
        rows.append(timed(f"reconcile {kind}", kinds[kind], matched, peer, scans))
    return rows


def table(rows: list[Timing]) -> str:
    """Return timings as a table for people."""
    lines = [
        "| question | median ms | 95 % ms | worst ms | processor ms | found | scan ms | ratio |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {one.kind} | {one.median:.1f} | {one.p95:.1f} | {one.worst:.1f} | {one.processor:.1f} | {one.found:,.0f} | "
        f"{one.scan:.0f} | {one.ratio:.0f}× |"
        for one in rows
    ]
    return "\n".join(lines)


@click.command()
@click.option(
    "--labels", "count", default=100_000, show_default=True, type=click.IntRange(800), help="Labels to search."
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same labels and questions.")
@click.option("--questions", "each", default=200, show_default=True, help="Questions of a kind.")
@click.option("--scans", default=3, show_default=True, help="Of these, those that the peer answers too.")
@click.option("--out", type=click.Path(path_type=Path), help="Where to keep the figures, as JSON.")
def main(count: int, seed: int, each: int, scans: int, out: Path | None) -> None:
    """Measure how long search takes beside a scan in SPARQL."""
    store = memory_store(quads(count, seed), number=1)
    with tempfile.TemporaryDirectory() as folder:
        begun, used = time.perf_counter(), time.process_time()
        index = Index.of(store, Path(folder))
        took, processor = time.perf_counter() - begun, time.process_time() - used
        size = index.path.stat().st_size
        click.echo(
            f"{count:,} labels: index made in {took:.1f} s ({processor:.1f} s of the processor), {size / 1e6:.1f} MB"
        )
        rows = measured(store, index, count, seed, each, scans)
    pages = [one for one in rows if not one.kind.startswith("reconcile")]
    median = statistics.median(one.median for one in pages)
    click.echo(table(rows))
    slowest = max(pages, key=lambda one: one.median)
    click.echo(
        f"\nMedian over the kinds of pages {median:.1f} ms, the slowest kind ({slowest.kind}) {slowest.median:.1f} ms; "
        f"target {TARGET:.0f} ms: {'met' if median < TARGET else 'missed'}."
    )
    if out:
        values = {
            "labels": count,
            "made": took,
            "processor": processor,
            "bytes": size,
            "rows": [asdict(one) for one in rows],
        }
        out.write_text(json.dumps(values, indent=1), "utf-8")


if __name__ == "__main__":
    main()
