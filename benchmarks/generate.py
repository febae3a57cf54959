"""Write schema-true data of any size: ``python -m benchmarks.generate --triples 1000000 --seed 1 --out FILE.nq``.

N-Quads (``.nq``) put every made-up source document into a graph of its own, as our data are; N-Triples (``.nt``) say
the same triples without graphs, for stores that are asked without them. The same size and seed give the same bytes.
Memory does not grow with the size; what links to what is bounded in time, so a country's share of things grows with
the size while a thing's neighbourhood stays as large as it is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
import pyoxigraph as ox

from benchmarks import facts
from benchmarks.facts import Chapter, Country, World
from vetgraph.loading import Content, find_content, read_turtle
from vetgraph.vocab import GRAPH, ID, LANGUAGES, SCHEME, SKOS

SMALLEST: Final = 2000
PER_DOCUMENT: Final = 5000
DOCUMENTS: Final = 1000
"""Documents have numbers of three digits, so large data have larger documents, not more."""
LARGEST: Final = 330
"""More triples than any unit has; what is left of a document below that is filled with sections."""
CLOSING: Final = 12
SECTION: Final = 16
LISTS: Final = ("thematic-area", "governance-aspect", "status-value")
"""Code lists that are written out, because queries show their labels."""


@dataclass(frozen=True)
class Summary:
    """What was written: triples, source documents, and units (each one development with what belongs to it)."""

    triples: int
    documents: int
    units: int
    seed: int


def generate(triples: int, seed: int, write: Callable[[str], object], *, quads: bool = True) -> Summary:
    """Write about so many triples, never fewer and at most one section (16 triples) more.

    Raises ValueError where the size is too small to hold countries, lists and one document.
    """
    if triples < SMALLEST:
        raise ValueError(f"{triples} triples are too few; ask for {SMALLEST} or more.")
    content = find_content()
    countries, lists = read_countries(content), read_lists(content)
    world = World(seed, countries, lists)
    reference = prelude(content, quads=quads)
    write("".join(reference))
    documents = max(1, min(DOCUMENTS, triples // PER_DOCUMENT))
    written = len(reference)
    for number in range(documents):
        goal = len(reference) + (triples - len(reference)) * (number + 1) // documents
        chapter = Chapter(number, quads=quads)
        fill(world, chapter, goal - written - CLOSING)
        write("".join(chapter.lines))
        written += len(chapter.lines)
    return Summary(written, documents, world.count, seed)


def fill(world: World, chapter: Chapter, room: int) -> None:
    """Write one document of at least so many triples and its own description."""
    publisher, home = "", world.one_of(world.countries)
    while not publisher or len(chapter.lines) + LARGEST <= room:
        publisher = unit(world, chapter, world.one_of(world.countries) if publisher else home)
    ordinal = 0
    while len(chapter.lines) < room:
        ordinal += 1
        chapter.section(world, ordinal)
    chapter.close(publisher, home)


def unit(world: World, chapter: Chapter, country: Country) -> str:
    """Write one development and what belongs to it, about 165 triples; return its country's ministry."""
    number = world.count
    world.count += 1
    area = world.pick("thematic-area")
    known = world.known[country.iri]
    if not known.ministry or number % 4 == 0:
        facts.body(world, chapter, country, number)
    basis = facts.act(world, chapter, country, number, area)
    measure = facts.development(world, chapter, country, number, area, basis)
    for letter in "ab":
        facts.involvement(world, chapter, country, f"{number}-{letter}", measure, area)
    first = facts.status(world, chapter, country, f"{number}-a")
    facts.status(world, chapter, country, f"{number}-b")
    facts.observation(world, chapter, number, measure, world.one_of(list(facts.SCHOOL_YEARS)))
    if number % 2:
        facts.recommendation(world, chapter, number, first)
    if number % 3 == 0:
        facts.agreement(world, chapter, country, number, area)
    return known.ministry


def subjects(summary: Summary) -> Iterator[str]:
    """Return the IRIs that look-ups ask for: three things of each unit."""
    for number in range(summary.units):
        yield ID + f"act-{number}"
        yield ID + f"development-{number}"
        yield ID + f"status-{number}-a"


def read_countries(content: Content) -> list[Country]:
    """Return the countries of the project's own reference data that have names in all four languages."""
    names: dict[str, dict[str, str]] = {}
    for path in content.of("reference"):
        if path.name == "countries.ttl":
            for quad in read_turtle(path, GRAPH + "reference"):
                if quad.predicate.value == SKOS + "prefLabel" and isinstance(quad.object, ox.Literal):
                    names.setdefault(str(quad.subject), {})[quad.object.language or ""] = quad.object.value
    return [
        Country(iri, {language: name[language] for language in LANGUAGES})
        for iri, name in sorted(names.items())
        if set(LANGUAGES) <= set(name)
    ]


def read_lists(content: Content) -> dict[str, list[str]]:
    """Return the concepts of every code list as terms, in order."""
    lists: dict[str, list[str]] = {}
    in_scheme = SKOS + "inScheme"
    for path in content.of("schemes"):
        for quad in read_turtle(path, GRAPH + "schemes"):
            if quad.predicate.value == in_scheme and isinstance(quad.object, ox.NamedNode):
                lists.setdefault(quad.object.value.removeprefix(SCHEME), []).append(str(quad.subject))
    return {slug: sorted(concepts) for slug, concepts in lists.items()}


def prelude(content: Content, *, quads: bool) -> list[str]:
    """Return the lines of what all documents share: countries, some code lists, the data set of numbers."""
    lines: list[str] = []
    shown = [path for path in content.of("reference") if path.name in ("countries.ttl", "project.ttl")]
    shown += [path for path in content.of("schemes") if path.stem in LISTS]
    for path in shown:
        graph = GRAPH + ("schemes" if path.stem in LISTS else "reference")
        tail = f" <{graph}> .\n" if quads else " .\n"
        lines += sorted(f"{quad.triple}{tail}" for quad in read_turtle(path, graph))
    tail = f" <{GRAPH}reference> .\n" if quads else " .\n"
    for thing, facts_ in facts.numbers():
        lines += [f"{thing} {predicate} {value}{tail}" for predicate, value in facts_]
    return lines


def write_file(out: Path, triples: int, seed: int) -> Summary:
    """Write a file of N-Quads or N-Triples, as its suffix says, and a summary beside it."""
    with out.open("w", encoding="utf-8", newline="\n", buffering=1 << 20) as stream:
        summary = generate(triples, seed, stream.write, quads=out.suffix == ".nq")
    out.with_suffix(".json").write_text(json.dumps(asdict(summary)), "utf-8")
    return summary


@click.command()
@click.option("--triples", type=click.IntRange(min=SMALLEST), required=True, help="How many triples, within 2 %.")
@click.option("--seed", type=int, default=1, show_default=True, help="Another seed gives other data.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="FILE.nq or FILE.nt.")
def main(triples: int, seed: int, out: Path) -> None:
    """Write made-up data that conform to the shapes."""
    if out.suffix not in (".nq", ".nt"):
        raise click.BadParameter(f"{out} ends neither in .nq (with graphs) nor in .nt (without).", param_hint="--out")
    summary = write_file(out, triples, seed)
    click.echo(f"{out}: {summary.triples} triples, {summary.documents} documents, {summary.units} units")


if __name__ == "__main__":
    main()
