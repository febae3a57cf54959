"""How made-up facts are said: the same classes, properties and code lists as real ones, one function a kind of thing.

A :class:`World` remembers a bounded number of things described before, so that links lead to something that is
there; a :class:`Chapter` is one source document with its graph and its evidence. Whatever is said conforms to the
shapes, warnings included. No triple is said twice, so counts are the same with and without named graphs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from hashlib import sha256
from random import Random
from typing import Final, TypeVar

from benchmarks import words
from benchmarks.words import Names
from vetgraph.vocab import DCTERMS, GRAPH, ID, OA, PREFIXES, PROV, RDF, SKOS, SOURCE, VET, XSD, expand

T = TypeVar("T")

WINDOW: Final = 64
"""Things of one kind and country that later things may point to; the bound keeps memory constant."""

FIRST_DAY: Final = date(1970, 1, 1)
DAYS: Final = 365 * 54


def term(name: str) -> str:
    """Return an IRI as N-Triples writes it, given its prefixed name."""
    return f"<{expand(name)}>"


def text(words_: str, language: str) -> str:
    """Return a literal with a language tag. The words hold nothing to escape."""
    return f'"{words_}"@{language}'


def typed(value: object, datatype: str) -> str:
    """Return a literal of an XSD datatype."""
    return f'"{value}"^^<{XSD}{datatype}>'


TYPE: Final = f"<{RDF}type>"
LABEL: Final = f"<{SKOS}prefLabel>"
NOTE: Final = f"<{SKOS}note>"
DERIVED: Final = f"<{PROV}wasDerivedFrom>"
CLASSIFICATION: Final = f"<{PREFIXES['org']}classification>"


def vet(name: str) -> str:
    """Return a term of the ontology as N-Triples writes it."""
    return f"<{VET}{name}>"


JURISDICTION: Final = vet("jurisdiction")
AREA: Final = vet("thematicArea")


@dataclass(frozen=True)
class Country:
    """A country: its IRI as a term, and its names by language."""

    iri: str
    names: Names


@dataclass
class Known:
    """What of one country has been described lately: its ministry stays, the rest passes by."""

    ministry: str = ""
    bodies: deque[str] = field(default_factory=lambda: deque(maxlen=WINDOW))
    acts: deque[tuple[date, str]] = field(default_factory=lambda: deque(maxlen=WINDOW))


class World:
    """What all documents share: countries, code lists, chance, and what was described lately."""

    def __init__(self, seed: int, countries: list[Country], lists: Mapping[str, list[str]]) -> None:
        self.chance = Random(seed)  # noqa: S311 - made-up data; nothing is secret
        self.countries = countries
        self.lists = lists
        self.known = {country.iri: Known() for country in countries}
        self.count = 0

    def pick(self, slug: str) -> str:
        """Return some concept of a code list."""
        return self.one_of(self.lists[slug])

    def one_of(self, things: Sequence[T]) -> T:
        """Return one of some things."""
        return things[int(self.chance.random() * len(things))]

    def between(self, low: int, high: int) -> int:
        """Return a whole number, both ends included."""
        return low + int(self.chance.random() * (high - low + 1))

    def often(self, share: float) -> bool:
        """Return True with a probability."""
        return self.chance.random() < share

    def some(self, slug: str, most: int) -> list[str]:
        """Return from one to so many different concepts of a code list, in order."""
        return sorted({self.pick(slug) for _ in range(self.between(1, most))})


class Chapter:
    """One source document under way: lines of N-Quads or N-Triples, and how far its evidence reaches."""

    def __init__(self, number: int, *, quads: bool) -> None:
        self.number = number
        self.iri = f"<{SOURCE}benchmark-{number:03}>"
        self.tail = f" <{GRAPH}benchmark-{number:03}> .\n" if quads else " .\n"
        self.lines: list[str] = []
        self.reach = 0
        self.statuses = 0

    def say(self, thing: str, facts: Iterable[tuple[str, str]]) -> None:
        """Add the triples of a thing."""
        tail = self.tail
        self.lines += [f"{thing} {predicate} {value}{tail}" for predicate, value in facts]

    def evidence(self, world: World) -> str:
        """Add a passage after all others (9 triples); return its term."""
        start = self.reach + world.between(1, 40)
        end = self.reach = start + world.between(20, 160)
        first, last = start // 80 + 1, end // 80 + 1
        name = f"{ID}ev-{self.number:03}-{start}-{end}"
        lines = f"line {first}" if first == last else f"lines {first}–{last}"
        label = f"Source {self.number:03}, characters {start}–{end}, {lines}"
        passage, selector = f"<{name}>", f"<{name}-selector>"
        facts = [
            (TYPE, vet("Evidence")),
            (LABEL, text(label, "en")),
            (f"<{OA}hasSource>", self.iri),
            (f"<{OA}hasSelector>", selector),
            (vet("firstLine"), typed(first, "integer")),
            (vet("lastLine"), typed(last, "integer")),
        ]
        self.say(passage, facts)
        bounds = [(f"<{OA}start>", typed(start, "integer")), (f"<{OA}end>", typed(end, "integer"))]
        self.say(selector, [(TYPE, f"<{OA}TextPositionSelector>"), *bounds])
        return passage

    def section(self, world: World, ordinal: int) -> None:
        """Add a section of the document with its evidence (16 triples): what fills a document up to its size."""
        facts = [
            (TYPE, vet("DocumentSection")),
            (LABEL, text(f"Document {self.number:03}, section {ordinal}", "en")),
            (vet("sectionOf"), self.iri),
            (vet("ordinal"), typed(ordinal, "integer")),
            (vet("fieldName"), text(f"Section {ordinal}", "en")),
            (vet("contentStatus"), world.pick("content-status")),
            (DERIVED, self.evidence(world)),
        ]
        self.say(f"<{ID}section-{self.number:03}-{ordinal}>", facts)

    def close(self, publisher: str, country: Country) -> None:
        """Describe the document itself (12 triples), once it is known how long it is."""
        facts = [
            (TYPE, vet("SourceDocument")),
            (LABEL, text(f"Made-up document {self.number:03}", "en")),
            (f"<{DCTERMS}identifier>", f'"{self.number:03}"'),
            (f"<{DCTERMS}title>", text(f"Made-up document {self.number:03}", "en")),
            (f"<{DCTERMS}language>", term("atl:ENG")),
            (f"<{DCTERMS}issued>", typed(2000 + self.number % 25, "gYear")),
            (f"<{DCTERMS}publisher>", publisher),
            (vet("coversPlace"), country.iri),
            (vet("characterCount"), typed(self.reach + 1, "integer")),
            (vet("lineCount"), typed((self.reach + 1) // 80 + 1, "integer")),
            (vet("sha256"), f'"{sha256(self.iri.encode()).hexdigest()}"'),
            (vet("edition"), '"made up"'),
        ]
        self.say(self.iri, facts)


def labels(names: Names, suffix: str) -> list[tuple[str, str]]:
    """Return preferred labels in all four languages."""
    return [(LABEL, text(f"{name} {suffix}", language)) for language, name in names.items()]


def body(world: World, chapter: Chapter, country: Country, number: int) -> str:
    """Describe a body under its country's ministry, the first one being that ministry; return its term."""
    known, iri = world.known[country.iri], f"<{ID}body-{number}>"
    first = not known.ministry
    kind = term("organisation-type:ministry") if first else world.pick("organisation-type")
    facts = [
        (TYPE, vet("Organisation")),
        *labels(words.joined(words.MINISTRY if first else world.one_of(words.BODIES), country.names), str(number)),
        (CLASSIFICATION, kind),
        (vet("inCountry"), country.iri),
        (vet("foundedIn"), typed(world.between(1950, 2023), "gYear")),
        (DERIVED, chapter.evidence(world)),
    ]
    if first:
        known.ministry = iri
    else:
        facts.append((vet("supervisedBy"), known.ministry))
        facts += [(vet("partOf"), world.one_of(known.bodies))] if known.bodies and world.often(0.3) else []
        known.bodies.append(iri)
    chapter.say(iri, facts)
    return iri


def act(world: World, chapter: Chapter, country: Country, number: int, area: str) -> str:
    """Describe a legal act that may amend an earlier one of its country; return its term."""
    known, iri = world.known[country.iri], f"<{ID}act-{number}>"
    day = FIRST_DAY + timedelta(days=world.between(0, DAYS))
    theme = world.one_of(words.THEMES)
    names = {language: f"{words.ACT[language]} {day.isoformat()}: {theme[language]}" for language in ("en", "fr")}
    facts = [
        (TYPE, vet("LegalAct")),
        *labels(names, f"({number})"),
        (vet("actType"), world.one_of(ACT_TYPES)),
        (vet("actDate"), typed(day, "date")),
        (JURISDICTION, country.iri),
        (AREA, area),
        (vet("sourceName"), text(f"{theme['fr']}, {number}", "fr")),
        (DERIVED, chapter.evidence(world)),
    ]
    older = [other for when, other in known.acts if when < day]
    if older and world.often(0.6):
        facts.append((vet("amendsAct"), world.one_of(older)))
    if world.often(0.4):
        facts.append((vet("eli"), f"<http://data.europa.eu/eli/made-up/{number}/oj>"))
    chapter.say(iri, facts)
    known.acts.append((day, iri))
    return iri


ACT_TYPES: Final = [term(f"legal-act-type:{kind}") for kind in ("law", "regulation", "decision", "declaration")]


def agreement(world: World, chapter: Chapter, country: Country, number: int, area: str) -> None:
    """Describe an agreement of a country with others and one of its bodies."""
    signed = FIRST_DAY + timedelta(days=world.between(0, DAYS))
    places = sorted({country.iri, *(world.one_of(world.countries).iri for _ in range(world.between(1, 4)))})
    facts = [
        (TYPE, vet("Agreement")),
        *labels(words.joined(words.AGREEMENT, country.names), str(number)),
        (vet("agreementKind"), world.pick("agreement-kind")),
        (vet("agreementStatus"), world.pick("agreement-status")),
        (vet("signedOn"), typed(signed, "date")),
        *((vet("party"), place) for place in places),
        (vet("party"), world.known[country.iri].ministry),
        *((vet("coversPlace"), place) for place in places),
        (AREA, area),
        (DERIVED, chapter.evidence(world)),
    ]
    if world.often(0.7):
        force = signed + timedelta(days=world.between(1, 700))
        facts.append((vet("inForceFrom"), typed(force, "date")))
    chapter.say(f"<{ID}agreement-{number}>", facts)


def development(world: World, chapter: Chapter, country: Country, number: int, area: str, basis: str) -> str:
    """Describe a policy development with one to five yearly stages; return its term."""
    known, iri = world.known[country.iri], f"<{ID}development-{number}>"
    theme = words.RARE if world.often(1 / 64) else world.one_of(words.THEMES)
    passage, records = chapter.evidence(world), chapter.evidence(world)
    years = range(start := world.between(2000, 2020), start + world.between(1, 5))
    stages = [f"<{ID}stage-{number}-{year}>" for year in years]
    responsible = {world.one_of(known.bodies) if known.bodies else known.ministry}
    responsible |= {known.ministry} if world.often(0.3) else set()
    facts = [
        (TYPE, vet("PolicyDevelopment")),
        *labels(words.joined(theme, country.names), str(number)),
        (NOTE, text(f"{theme['en']}: offered to {world.one_of(words.GROUPS)} since {start}.", "en")),
        (JURISDICTION, country.iri),
        (AREA, area),
        (vet("developmentType"), world.pick("development-type")),
        *((vet("responsibleBody"), one) for one in sorted(responsible)),
        *((vet("targetGroup"), group) for group in world.some("target-group", 3)),
        *((vet("stageRecord"), stage) for stage in stages),
        (vet("legalBasis"), basis),
        (vet("recordNumber"), f'"{number}"'),
        (DERIVED, passage),
        (DERIVED, records),
    ]
    chapter.say(iri, facts)
    for year, stage in zip(years, stages, strict=True):
        record = [
            (TYPE, vet("StageRecord")),
            (LABEL, text(f"Development {number}, stage of {year}", "en")),
            (vet("year"), typed(year, "gYear")),
            (vet("stage"), world.pick("development-stage")),
            (DERIVED, records),
        ]
        chapter.say(stage, record)
    return iri


def involvement(world: World, chapter: Chapter, country: Country, name: str, about: str, area: str) -> None:
    """Say what one actor of a country does with regard to a thing."""
    known = world.known[country.iri]
    facts = [
        (TYPE, vet("Involvement")),
        (LABEL, text(f"Involvement {name} in {country.names['en']}", "en")),
        (vet("actor"), world.one_of(known.bodies) if known.bodies else known.ministry),
        (vet("role"), world.pick("role")),
        (vet("about"), about),
        (vet("modality"), world.pick("modality")),
        (JURISDICTION, country.iri),
        (AREA, area),
        (DERIVED, chapter.evidence(world)),
    ]
    chapter.say(f"<{ID}involvement-{name}>", facts)


def status(world: World, chapter: Chapter, country: Country, name: str) -> str:
    """Say a status, each one of a cell of its own in its document; return its term."""
    areas, aspects = world.lists["thematic-area"], world.lists["governance-aspect"]
    years = 30
    # 97 is prime to the number of cells, so cells come back only when all were used.
    cell = chapter.statuses * 97 % (len(areas) * len(aspects) * years)
    chapter.statuses += 1
    cell, year = divmod(cell, years)
    area, aspect = areas[cell % len(areas)], aspects[cell // len(areas)]
    iri = f"<{ID}status-{name}>"
    facts = [
        (TYPE, vet("PolicyStatus")),
        *labels(country.names, f"{1995 + year} ({name})"),
        (NOTE, text(f"The document says so of {world.one_of(words.GROUPS)} in {country.names['en']}.", "en")),
        (JURISDICTION, country.iri),
        (AREA, area),
        (vet("aspect"), aspect),
        (vet("referenceYear"), typed(1995 + year, "gYear")),
        (vet("statusValue"), world.pick("status-value")),
        (DERIVED, chapter.evidence(world)),
    ]
    chapter.say(iri, facts)
    return iri


def observation(world: World, chapter: Chapter, number: int, about: str, year: int) -> None:
    """Say how many took part in a development in a school year."""
    facts = [
        (TYPE, vet("Observation")),
        (LABEL, text(f"Development {number}, participants in school year {year}", "en")),
        (term("qb:dataSet"), DATA_SET),
        (term("qb:measureType"), vet("participants")),
        (vet("participants"), typed(world.between(1, 5000), "integer")),
        (vet("schoolYear"), school_year(year)),
        (vet("about"), about),
        (vet("unit"), term("unit:NUM")),
        (DERIVED, chapter.evidence(world)),
    ]
    chapter.say(f"<{ID}participants-{number}-{year}>", facts)


def recommendation(world: World, chapter: Chapter, number: int, about: str) -> None:
    """Recommend a step about a status."""
    facts = [
        (TYPE, vet("Recommendation")),
        (LABEL, text(f"More could be done for {world.one_of(words.GROUPS)} (recommendation {number}).", "en")),
        (vet("about"), about),
        (vet("statementKind"), term("statement-kind:need")),
        (vet("modality"), term("modality:recommended")),
        (vet("stepKind"), world.pick("step-kind")),
        (DERIVED, chapter.evidence(world)),
    ]
    chapter.say(f"<{ID}recommendation-{number}>", facts)


DATA_SET: Final = f"<{ID}benchmark-participation>"
SCHOOL_YEARS: Final = range(2010, 2025)


def school_year(year: int) -> str:
    """Return the term of the school year that starts in a year."""
    return f"<{ID}school-year-{year}-{(year + 1) % 100:02}>"


def numbers() -> Iterable[tuple[str, list[tuple[str, str]]]]:
    """Return the data set of all observations with its structure, and the school years."""
    structure = f"<{ID}benchmark-participation-structure>"
    parts = {"measure": vet("participants"), "dimension": vet("schoolYear"), "attribute": vet("unit")}
    specifications = {kind: f"<{ID}benchmark-participation-{kind}>" for kind in parts}
    made_up = "Participants in made-up developments"
    yield DATA_SET, [(TYPE, vet("DataSet")), (LABEL, text(made_up, "en")), (term("qb:structure"), structure)]
    components = [(term("qb:component"), iri) for iri in specifications.values()]
    definition = term("qb:DataStructureDefinition")
    yield structure, [(TYPE, definition), (LABEL, text(f"{made_up}: structure", "en")), *components]
    for kind, iri in specifications.items():
        label = text(f"{made_up}: {kind}", "en")
        yield iri, [(TYPE, term("qb:ComponentSpecification")), (LABEL, label), (term(f"qb:{kind}"), parts[kind])]
    for year in SCHOOL_YEARS:
        name = f"{year}-{(year + 1) % 100:02}"
        yield school_year(year), [(TYPE, vet("SchoolYear")), (LABEL, text(name, "en"))]
