"""Every fact says where it stands: ranges are sound, and what they hold is what nodes assert.

The source texts are not part of the project. Where they are not at hand, the tests that
read them are skipped; those on planted faults run everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from rdflib import Graph, Literal, URIRef
from rdflib.term import Node

from vetgraph.evidence import (
    DOCUMENTS,
    Range,
    SourceText,
    as_turtle,
    named_ranges,
    source_text,
    sources_folder,
)
from vetgraph.vocab import DCTERMS, ID, OA, PROV, RDF, SOURCE, VET, XSD, shorten

DATA = Path(__file__).resolve().parents[1] / "data"
SOURCES = sources_folder()
NUMBERS = {slug: number for number, slug in DOCUMENTS.items()}
GRAPHS = sorted(path.name for path in DATA.iterdir() if path.is_dir())
SOURCE_GRAPHS = [slug for slug in GRAPHS if slug in NUMBERS]
WITH_RANGES = [slug for slug in GRAPHS if named_ranges(DATA / slug)]

needs_sources = pytest.mark.skipif(SOURCES is None, reason="the source texts are not at hand: set VETGRAPH_SOURCES")


def vet(name: str) -> URIRef:
    """Return the IRI of an ontology term."""
    return URIRef(VET + name)


TYPE = URIRef(RDF + "type")
DERIVED_FROM = URIRef(PROV + "wasDerivedFrom")
DATE, MONTH, YEAR = (URIRef(XSD + name) for name in ("date", "gYearMonth", "gYear"))


# --- Reading graphs and texts -----------------------------------------------------------------


@dataclass(frozen=True)
class Fact:
    """A literal or a type that a node has, and the file that says so."""

    file: str
    node: Node
    predicate: Node
    value: Node


class SourceGraph:
    """One folder of data beside the text that it was taken from."""

    def __init__(self, folder: Path, number: str, text: SourceText) -> None:
        self.number = number
        self.text = text.text
        self.facts: list[Fact] = []
        self.graph = Graph(bind_namespaces="none")
        for path in sorted(folder.glob("*.ttl")):
            if path.name != "evidence.ttl":
                part = Graph(bind_namespaces="none").parse(path, format="turtle")
                self.facts += [Fact(path.name, *triple) for triple in part]
                self.graph += part

    def passages(self, node: Node) -> dict[str, str]:
        """Return the passages of this graph's document that a node is derived from."""
        found = {}
        for evidence in self.graph.objects(node, DERIVED_FROM):
            match = re.fullmatch(rf"{ID}ev-{self.number}-(\d+)-(\d+)", str(evidence))
            if match:
                start, end = int(match[1]), int(match[2])
                found[f"{start}-{end}"] = plain(self.text[start:end])
        return dict(sorted(found.items(), key=lambda item: int(item[0].split("-")[0])))

    def names(self, node: Node) -> set[Node]:
        """Return the names and addresses that this graph says its document gives a node."""
        return {name for term in NAMES for name in self.graph.objects(node, term)}

    def types(self, node: Node) -> set[Node]:
        """Return the classes that this graph gives a node."""
        return set(self.graph.objects(node, TYPE))


def plain(text: str) -> str:
    """Return a text with every run of blanks as one space."""
    return " ".join(text.split())


@cache
def text_of(number: str) -> SourceText:
    """Return the text of a document."""
    assert SOURCES is not None
    return source_text(number, SOURCES)


@cache
def source_graph(slug: str) -> SourceGraph:
    """Return a source's graph with its text."""
    return SourceGraph(DATA / slug, NUMBERS[slug], text_of(NUMBERS[slug]))


def said(fact: Fact, passages: dict[str, str], problem: str) -> str:
    """Return the message on a fact that its passages do not bear out."""
    return (
        f"{fact.file}: {shorten(str(fact.node))} {shorten(str(fact.predicate))} "
        f"{str(fact.value)!r}: {problem} {', '.join(passages) or '(no range)'}"
    )


# --- Numbers and dates in a text --------------------------------------------------------------

WORDS = (
    ("one", "first", "1st", "un", "une", "premier", "première", "een", "één", "eerste"),
    ("two", "second", "both", "twice", "deux", "deuxième", "twee", "tweede"),
    ("three", "third", "trois", "troisième", "drie", "derde"),
    ("four", "fourth", "quatre", "quatrième", "vier", "vierde"),
    ("five", "fifth", "cinq", "cinquième", "vijf", "vijfde"),
    ("six", "zes"),
    ("seven", "sept", "zeven"),
    ("eight", "huit", "acht"),
    ("nine", "neuf", "negen"),
    ("ten", "dix", "tien"),
)
WORD_VALUES = {word: Decimal(n) for n, words in enumerate(WORDS, 1) for word in words}

MONTHS = (
    ("january", "janvier", "januari", "jan"),
    ("february", "février", "februari", "feb"),
    ("march", "mars", "maart", "mar"),
    ("april", "avril", "apr"),
    ("may", "mai", "mei"),
    ("june", "juin", "juni", "jun"),
    ("july", "juillet", "juli", "jul"),
    ("august", "août", "augustus", "aug"),
    ("september", "septembre", "sep", "sept"),
    ("october", "octobre", "oktober", "oct", "okt"),
    ("november", "novembre", "nov"),
    ("december", "décembre", "dec"),
)
MONTH_VALUES = {name: n for n, names in enumerate(MONTHS, 1) for name in names}

GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[., \u00a0\u202f]\d{3})+(?!\d)")
SIMPLE = re.compile(r"\d+(?:[.,]\d+)?")
SCHOOL_YEAR = re.compile(r"\b((?:19|20)\d\d)\s*[-–/]\s*(\d\d)\b")
WORD = re.compile(r"[^\W\d_]+|\d+st")


def numbers_in(text: str) -> set[Decimal]:
    """Return every number that a text can be read to say, in digits or in words."""
    found = {Decimal(re.sub(r"\D", "", token)) for token in GROUPED.findall(text)}
    for token in SIMPLE.findall(text):
        found.add(Decimal(token.replace(",", ".")))
        found.update(Decimal(part) for part in re.split("[.,]", token))
    found.update(Decimal(first[:2] + last) for first, last in SCHOOL_YEAR.findall(text))
    found.update(WORD_VALUES[w] for w in WORD.findall(text.lower()) if w in WORD_VALUES)
    return found


def months_in(text: str) -> Iterator[tuple[int, set[Decimal]]]:
    """Yield each month that a text names, with the numbers that stand close to it."""
    for match in WORD.finditer(text):
        month = MONTH_VALUES.get(match[0].lower())
        if month:
            near = text[max(0, match.start() - 25) : match.end() + 12]
            yield month, numbers_in(near)
    for year, month, day in re.findall(r"(\d{4})[-/](\d\d)(?:[-/](\d\d))?", text):
        yield int(month), {Decimal(year), Decimal(day or 0)}
    for day, month in re.findall(r"\b(\d{1,2})[-/.](\d{1,2})\b", text):
        yield int(month), {Decimal(day)}


def says(value: Literal, passages: list[str]) -> bool:
    """Return whether one passage says a number or date; its year may stand in another one."""
    parts = [int(part) for part in re.findall(r"\d+", str(value))]
    if value.datatype in (DATE, MONTH):
        year, month, *day = parts
        near = [numbers for text in passages for m, numbers in months_in(text) if m == month]
        close = any(set(map(Decimal, day)) <= numbers for numbers in near)
        return close and any(Decimal(year) in numbers_in(text) for text in passages)
    number = Decimal(parts[0]) if value.datatype == YEAR else Decimal(str(value))
    return any(abs(number) in numbers_in(text) for text in passages)


# --- What may be wrong ------------------------------------------------------------------------

CHECKED = {URIRef(XSD + "integer"), URIRef(XSD + "decimal"), DATE, MONTH, YEAR}

TECHNICAL = {
    vet(name)
    for name in (
        "characterCount",
        "lineCount",
        "firstLine",
        "lastLine",
        "ordinal",
        "occurrences",
        "minDurationDays",
        "maxDurationDays",
    )
}
"""Counted by us, in the text or from a stated duration; no passage says them."""

FROM_PAGE = {(vet(name), vet("referenceYear")) for name in ("PolicyStatus", "SourceDocument")}
"""The year of the fiche is in the address of its page: its field in the text is empty."""

BODIES = {vet(name) for name in ("Organisation", "CooperationNetwork", "NationalAgency", "VETProvider")}
NAMED = BODIES | {vet(name) for name in ("LegalAct", "LegalProvision", "Agreement")}

NAMES = (vet("sourceName"), vet("webAddress"))
"""What a document calls a thing; some things it knows by their address only."""


def value_faults(source: SourceGraph) -> list[str]:
    """Return a message for each number or date that no passage of its node says."""
    faults = []
    for fact in source.facts:
        value = fact.value
        if not (isinstance(value, Literal) and value.datatype in CHECKED):
            continue
        if fact.predicate in TECHNICAL or _is_exempt(source, fact):
            continue
        passages = source.passages(fact.node)
        if passages and not says(value, list(passages.values())):
            faults.append(said(fact, passages, "not in"))
    return sorted(faults)


def _is_exempt(source: SourceGraph, fact: Fact) -> bool:
    derived = (fact.node, vet("derived"), Literal(True)) in source.graph
    return derived or any((t, fact.predicate) in FROM_PAGE for t in source.types(fact.node))


def name_faults(source: SourceGraph) -> list[str]:
    """Return a message for each name that stands in no passage of its node, or is missing."""
    faults = []
    for fact in source.facts:
        passages = source.passages(fact.node)
        if fact.predicate in NAMES:
            if not any(_stands_in(fact, text) for text in passages.values()):
                faults.append(said(fact, passages, "not in"))
        elif fact.value in NAMED and passages and not source.names(fact.node):
            faults.append(said(fact, passages, "has no vet:sourceName from"))
    return sorted(faults)


def _stands_in(fact: Fact, text: str) -> bool:
    """Whether a passage has a name or address; an address may be broken over several lines."""
    if fact.predicate == vet("webAddress"):
        return "".join(str(fact.value).lower().split()) in "".join(text.lower().split())
    return plain(str(fact.value)) in text


def mention_faults(source: SourceGraph) -> list[str]:
    """Return a message for each body that a section names, or not, against its mentions."""
    names = [
        (body, plain(str(name)))
        for kind in BODIES
        for body in source.graph.subjects(TYPE, kind)
        for name in source.graph.objects(body, vet("sourceName"))
    ]
    bodies = {body for body, _ in names}
    faults = []
    for section in source.graph.subjects(TYPE, vet("DocumentSection")):
        named = set[Node]()
        for text in source.passages(section).values():
            named |= _named_in(text, names)
        stated = bodies & set(source.graph.objects(section, vet("mentions")))
        for body in named ^ stated:
            problem = "names, but does not mention" if body in named else "mentions, but does not name"
            faults.append(f"{shorten(str(section))} {problem}, {shorten(str(body))}")
    return sorted(faults)


def _named_in(text: str, names: list[tuple[Node, str]]) -> set[Node]:
    """Return whom a text names; a name of one word does not count inside a longer name."""
    rest = text
    for long in sorted((name for _, name in names if " " in name), key=len, reverse=True):
        rest = rest.replace(long, " ")
    return {
        body for body, name in names if re.search(rf"(?<!\w){re.escape(name)}(?![\w-])", text if " " in name else rest)
    }


def range_faults(ranges: list[Range], evidence: Graph, text: SourceText) -> list[str]:
    """Return a message for each range that is empty, outside its text, or on other lines."""
    faults = []
    for item in ranges:
        node = URIRef(ID + item.name.removeprefix("id:"))
        if not 0 <= item.start < item.end <= len(text.text):
            faults.append(f"{item.name} is not inside a text of {len(text.text)} characters")
            continue
        if not text.text[item.start : item.end].strip():
            faults.append(f"{item.name} is blank")
        lines = (text.line_at(item.start), text.line_at(item.end - 1))
        selector = evidence.value(node, URIRef(OA + "hasSelector"))
        stated = [evidence.value(node, vet(p)) for p in ("firstLine", "lastLine")]
        stated += [evidence.value(selector, URIRef(OA + p)) for p in ("start", "end")]
        expected = [*lines, item.start, item.end]
        if stated != [Literal(value) for value in expected]:
            found = ", ".join(map(str, stated))
            faults.append(f"{item.name} has lines and ends {expected}, evidence.ttl says {found}")
    return faults


def report(faults: list[str]) -> str:
    """Return the message of a failed test."""
    return f"{len(faults)} faults:\n" + "\n".join(faults)


# --- Tests on the project's data --------------------------------------------------------------


@needs_sources
@pytest.mark.parametrize("slug", SOURCE_GRAPHS)
def test_document_is_the_text_at_hand(slug: str) -> None:
    source, text = source_graph(slug), text_of(NUMBERS[slug])
    node = URIRef(SOURCE + slug)
    assert (node, TYPE, vet("SourceDocument")) in source.graph
    assert str(source.graph.value(node, URIRef(DCTERMS + "identifier"))) == NUMBERS[slug]
    assert str(source.graph.value(node, vet("sha256"))) == text.sha256
    assert source.graph.value(node, vet("characterCount")) == Literal(len(text.text))
    assert source.graph.value(node, vet("lineCount")) == Literal(len(text.text.splitlines()))


@needs_sources
@pytest.mark.parametrize("slug", WITH_RANGES)
def test_ranges_lie_in_their_documents(slug: str) -> None:
    ranges = named_ranges(DATA / slug)
    evidence = Graph().parse(DATA / slug / "evidence.ttl")
    faults = []
    for number in sorted({item.document for item in ranges}):
        own = [item for item in ranges if item.document == number]
        faults += range_faults(own, evidence, text_of(number))
    assert not faults, report(faults)


@needs_sources
@pytest.mark.parametrize("slug", GRAPHS)
def test_evidence_file_is_what_the_writer_writes(slug: str) -> None:
    ranges = named_ranges(DATA / slug)
    target = DATA / slug / "evidence.ttl"
    if not ranges:
        assert not target.exists(), f"{target} has evidence that nothing names"
        return
    texts = {item.document: text_of(item.document) for item in ranges}
    current = target.read_text(encoding="utf-8") if target.exists() else ""
    assert current == as_turtle(ranges, texts), "run: python -m vetgraph.evidence write"


@needs_sources
@pytest.mark.parametrize("slug", SOURCE_GRAPHS)
def test_numbers_and_dates_stand_in_their_ranges(slug: str) -> None:
    faults = value_faults(source_graph(slug))
    assert not faults, report(faults)


@needs_sources
@pytest.mark.parametrize("slug", SOURCE_GRAPHS)
def test_names_stand_in_their_ranges(slug: str) -> None:
    faults = name_faults(source_graph(slug))
    assert not faults, report(faults)


@needs_sources
def test_sections_of_the_fiche_mention_every_body_that_they_name() -> None:
    """Who is named nowhere in an area can be asked only if every naming is recorded."""
    faults = mention_faults(source_graph("lu-mobility-fiche-2021"))
    assert not faults, report(faults)


# --- Tests of the tests: planted faults -------------------------------------------------------

PLANTED = """Anefore gives EUR 150.000 and EUR 1 500 a year.
Le règlement du 27 octobre 2006; signed on June 22nd, 2017; 28.30% and 50/50.
The third call ran in 2022-23, from 3 to 4 October 2019.

"""

TURTLE = f"""
@prefix vet: <{VET}> . @prefix id: <{ID}> . @prefix prov: <{PROV}> . @prefix xsd: <{XSD}> .
"""


@pytest.fixture
def planted(tmp_path: Path) -> SourceText:
    """Return a small text in which every spelling of numbers and dates occurs."""
    path = tmp_path / "000_planted.txt"
    path.write_text(PLANTED, encoding="utf-8")
    return SourceText(path)


def planted_graph(folder: Path, text: SourceText, turtle: str) -> SourceGraph:
    """Return a graph of one node, ``id:node``, that the whole planted text bears out."""
    graph = folder / "graph"
    graph.mkdir()
    end = len(text.text.rstrip())
    body = f"id:node prov:wasDerivedFrom id:ev-000-0-{end} ; {turtle} ."
    (graph / "planted.ttl").write_text(TURTLE + body, encoding="utf-8")
    return SourceGraph(graph, "000", text)


TRUE_VALUES = [
    "150000",
    "1500",
    "28.3",
    "50",
    "3",
    '"2022"^^xsd:gYear',
    '"2023"^^xsd:gYear',
    '"2006-10-27"^^xsd:date',
    '"2017-06-22"^^xsd:date',
    '"2019-10-03"^^xsd:date',
    '"2017-06"^^xsd:gYearMonth',
]
FALSE_VALUES = [
    "151000",
    "28.31",
    "7",
    '"2021"^^xsd:gYear',
    '"2006-10-28"^^xsd:date',
    '"2006-06-27"^^xsd:date',
    '"2018-06-22"^^xsd:date',
    '"2017-07"^^xsd:gYearMonth',
]


@pytest.mark.parametrize("value", TRUE_VALUES)
def test_value_in_the_text_is_accepted(value: str, planted: SourceText, tmp_path: Path) -> None:
    assert value_faults(planted_graph(tmp_path, planted, f"vet:amount {value}")) == []


@pytest.mark.parametrize("value", FALSE_VALUES)
def test_value_not_in_the_text_is_found(value: str, planted: SourceText, tmp_path: Path) -> None:
    (fault,) = value_faults(planted_graph(tmp_path, planted, f"vet:amount {value}"))
    assert fault.startswith("planted.ttl: id:node vet:amount ")


@pytest.mark.parametrize("turtle", ["vet:derived true ; vet:amount 7", "vet:lineCount 7"])
def test_computed_value_needs_no_passage(turtle: str, planted: SourceText, tmp_path: Path) -> None:
    assert value_faults(planted_graph(tmp_path, planted, turtle)) == []


@pytest.mark.parametrize(
    ("turtle", "count"),
    [
        ('a vet:NationalAgency ; vet:sourceName "Anefore"@en', 0),
        ('a vet:NationalAgency ; vet:sourceName "ANEFORE"@en', 1),
        ("a vet:NationalAgency", 1),
        ('vet:sourceName "Anefore"@en, "call ran"@en, "call run"@en', 1),
    ],
)
def test_names_are_compared_letter_by_letter(turtle: str, count: int, planted: SourceText, tmp_path: Path) -> None:
    assert len(name_faults(planted_graph(tmp_path, planted, turtle))) == count


@pytest.mark.parametrize(
    ("mentions", "fault"),
    [
        ("id:anefore", None),
        ("id:council", "id:node mentions, but does not name, id:council"),
        ("id:other", "id:node names, but does not mention, id:anefore"),
    ],
)
def test_mentions_are_compared_with_names(
    mentions: str, fault: str | None, planted: SourceText, tmp_path: Path
) -> None:
    turtle = f"""a vet:DocumentSection ; vet:mentions {mentions} .
        id:anefore a vet:NationalAgency ; vet:sourceName "Anefore"@en, "third call"@en .
        id:council a vet:Organisation ; vet:sourceName "third"@en"""
    faults = mention_faults(planted_graph(tmp_path, planted, turtle))
    assert (fault in faults) if fault else not faults


def test_faulty_ranges_are_found(planted: SourceText) -> None:
    end = len(planted.text)
    sound, blank, outside = Range("000", 0, 7), Range("000", end - 1, end), Range("000", 0, end + 1)
    written = as_turtle([sound, blank], {"000": planted})
    evidence = Graph().parse(data=written)
    assert range_faults([sound], evidence, planted) == []
    assert len(range_faults([blank, outside], evidence, planted)) == 2
    moved = Graph().parse(data=written.replace("vet:firstLine 1", "vet:firstLine 2"))
    assert len(range_faults([sound], moved, planted)) == 1
