"""Rows as bytes: the same content as the engine's own, in each format; labels beside IRIs."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vetgraph import media
from vetgraph.engine.labelling import BATCH, best, finder, labelled
from vetgraph.engine.rows import CHUNK, Limited, Rows, rows_of, written
from vetgraph.media import Media

ENGINE = {
    media.RESULTS_JSON: ox.QueryResultsFormat.JSON,
    media.RESULTS_XML: ox.QueryResultsFormat.XML,
    media.CSV: ox.QueryResultsFormat.CSV,
    media.TSV: ox.QueryResultsFormat.TSV,
}
EMPTY = ox.Store()
XSD = "http://www.w3.org/2001/XMLSchema#"

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
NAMED = st.sampled_from(["http://e/a", "http://e/é?b&c=d", "urn:x", "http://e/\U00020000"]).map(ox.NamedNode)
DATATYPE = st.sampled_from([f"{XSD}integer", f"{XSD}date", f"{XSD}double", f"{XSD}boolean", "urn:d&e"]).map(
    ox.NamedNode
)
LITERAL = st.one_of(
    TEXT.map(ox.Literal),
    st.builds(lambda text, language: ox.Literal(text, language=language), TEXT, st.sampled_from(["en", "de-at"])),
    st.builds(lambda text: ox.Literal(text, language="ar", direction=ox.BaseDirection.RTL), TEXT),
    st.builds(lambda text, datatype: ox.Literal(text, datatype=datatype), TEXT, DATATYPE),
    st.one_of(st.integers(), st.booleans(), st.floats()).map(ox.Literal),
    st.sampled_from(["+1", ".5", "1.", "1.5", "1e5", "1.e-3", "-INF"]).flatmap(
        lambda text: st.sampled_from(["integer", "decimal", "double"]).map(
            lambda name: ox.Literal(text, datatype=ox.NamedNode(XSD + name))
        )
    ),
)
TERM = st.recursive(st.one_of(NAMED, LITERAL), lambda inner: st.builds(ox.Triple, NAMED, NAMED, inner), max_leaves=3)
CELL = st.one_of(st.none(), TERM)
TABLE = st.integers(1, 3).flatmap(lambda width: st.lists(st.tuples(*[CELL] * width), max_size=5))


def query(table: list[tuple[object, ...]]) -> str:
    """A query whose answer is a table."""
    names = " ".join(f"?v{number}" for number in range(len(table[0]) if table else 1))
    rows = " ".join(f"({' '.join(map(said, row))})" for row in table)
    return f"SELECT {names} {{ VALUES ({names}) {{ {rows} }} }}"


def said(term: object) -> str:
    """A term in SPARQL."""
    if isinstance(term, ox.Triple):
        return f"<<( {term.subject} {term.predicate} {said(term.object)} )>>"
    return "UNDEF" if term is None else str(term)


def ours(text: str, kind: Media) -> bytes:
    return b"".join(written(rows_of(solutions(EMPTY, text)), kind))


def theirs(text: str, kind: Media) -> bytes:
    return solutions(EMPTY, text).serialize(format=ENGINE[kind]) or b""


def solutions(store: ox.Store, text: str) -> ox.QuerySolutions:
    found = store.query(text, use_default_graph_as_union=True)
    assert isinstance(found, ox.QuerySolutions)
    return found


def read(document: bytes) -> list[object]:
    """The elements of an XML document, in order, with their attributes and texts."""
    return [(each.tag, each.attrib, each.text) for each in ET.fromstring(document).iter()]


@settings(max_examples=150, deadline=None)
@given(TABLE)
def test_every_format_says_what_the_engine_says(table: list[tuple[object, ...]]) -> None:
    text = query(table)
    for kind in (media.RESULTS_JSON, media.CSV, media.TSV):
        assert ours(text, kind) == theirs(text, kind)
    found = [list(row) for row in solutions(EMPTY, text)]
    back = ox.parse_query_results(ours(text, media.RESULTS_XML), ox.QueryResultsFormat.XML)
    assert isinstance(back, ox.QuerySolutions)
    if all(sayable(term) for row in found for term in row):
        assert [list(row) for row in back] == found


def sayable(term: object) -> bool:
    """Whether XML 1.0 has a way to say all characters of a term."""
    if isinstance(term, ox.Triple):
        return sayable(term.object)
    text = term.value if isinstance(term, ox.Literal) else ""
    return all(c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") for c in text)


def test_xml_reads_the_same_as_the_engines() -> None:
    literals = ["a", " a ", "\ta\n", "<&>'\"", "é", "]]>"]
    text = query([(ox.Literal(each), ox.NamedNode("http://e/?a&b")) for each in literals])
    assert read(ours(text, media.RESULTS_XML)) == read(theirs(text, media.RESULTS_XML))


@pytest.mark.parametrize("character", ["\x01", "\x0b", "\x1f", "\uffff", "\ufffe"])
def test_what_xml_can_not_say_leaves_a_document_all_the_same(character: str) -> None:
    document = ours(query([(ox.Literal(f"a{character}b"),)]), media.RESULTS_XML)
    assert [each.text for each in ET.fromstring(document).iter() if each.tag.endswith("literal")] == ["a\ufffdb"]


def test_a_return_survives_xml() -> None:
    document = ours(query([(ox.Literal("a\r\nb\rc"),)]), media.RESULTS_XML)
    assert "a\r\nb\rc" in [each.text for each in ET.fromstring(document).iter()]


@pytest.mark.parametrize("kind", ENGINE, ids=lambda kind: kind.suffix)
@pytest.mark.parametrize("text", ["SELECT * {}", "SELECT ?x { FILTER(false) }", "SELECT * { VALUES () { () () } }"])
def test_tables_without_columns_or_rows(text: str, kind: Media) -> None:
    assert ours(text, kind) == theirs(text, kind)


def numbers(most: int) -> Iterator[tuple[ox.Literal]]:
    return ((ox.Literal(number),) for number in range(most))


def test_rows_leave_before_the_last_is_known() -> None:
    read_so_far = []
    rows = (read_so_far.append(row) or row for row in numbers(100_000))  # type: ignore[func-returns-value]
    chunks = written(Rows(("n",), rows), media.CSV)
    assert len(next(chunks)) < 2 * CHUNK
    assert len(read_so_far) < 10_000


@pytest.mark.parametrize(("most", "cut"), [(0, True), (2, True), (3, False), (9, False)])
def test_a_limit_tells_whether_there_was_more(most: int, cut: bool) -> None:
    limited = Limited(numbers(3), most)
    assert (len(list(limited)), limited.cut) == (min(most, 3), cut)
    assert list(limited) == []


def test_json_says_that_it_is_not_whole() -> None:
    limited = Limited(numbers(3), 2)
    chunks = written(Rows(("n",), limited), media.RESULTS_JSON, lambda: {"partial": True} if limited.cut else None)
    document = json.loads(b"".join(chunks))
    assert document["meta"] == {"partial": True}
    assert [row["n"]["value"] for row in document["results"]["bindings"]] == ["0", "1"]
    whole = Limited(numbers(2), 2)
    chunks = written(Rows(("n",), whole), media.RESULTS_JSON, lambda: {"partial": True} if whole.cut else None)
    assert "meta" not in json.loads(b"".join(chunks))


# -- labels ------------------------------------------------------------------------------------------------------

LABELS = """
PREFIX e: <http://e/> PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#> PREFIX foaf: <http://xmlns.com/foaf/0.1/>
INSERT DATA {
  GRAPH e:g1 { e:a skos:prefLabel "area"@en ; e:p e:b, 5 . e:b rdfs:label "Bereich"@de ; e:p e:c, e:none, _:blank }
  GRAPH e:g2 { e:a skos:prefLabel "domaine"@fr, "Bereich"@de ; rdfs:label "autre"@fr . e:c foaf:name "Ann" .
    e:b skos:prefLabel "branch"@en , "branche"@fr-LU }
}"""


@pytest.fixture(scope="module")
def store() -> ox.Store:
    made = ox.Store()
    made.update(LABELS)
    return made


def csv(store: ox.Store, text: str, language: str) -> list[str]:
    table = labelled(rows_of(solutions(store, text)), finder(store, language))
    return io.BytesIO(b"".join(written(table, media.CSV))).read().decode().splitlines()


PAIRS = "SELECT ?s ?o { ?s <http://e/p> ?o FILTER(!isBlank(?o)) } ORDER BY ?s STR(?o)"


def test_labels_stand_beside_what_they_name(store: ox.Store) -> None:
    assert csv(store, PAIRS, "fr") == [
        "s,sLabel,o,oLabel",
        "http://e/a,domaine,5,",
        "http://e/a,domaine,http://e/b,branche",
        "http://e/b,branche,http://e/c,Ann",
        "http://e/b,branche,http://e/none,",
    ]


@pytest.mark.parametrize(
    ("language", "label"),
    [
        ("fr", "branche"),
        ("FR-lu", "branche"),
        ("fr-be", "branche"),
        ("de", "Bereich"),
        ("en", "branch"),
        ("nl", "branch"),
    ],
)
def test_the_reader_s_language_comes_first_then_english(store: ox.Store, language: str, label: str) -> None:
    assert csv(store, "SELECT (<http://e/b> AS ?x) {}", language)[1] == f"http://e/b,{label}"


def test_a_label_in_a_third_language_is_none() -> None:
    german = ox.Literal("Bereich", language="de")
    label = "http://www.w3.org/2000/01/rdf-schema#label"
    assert best([(label, german)], "fr") is None
    assert best([(label, german), (label, ox.Literal("A1"))], "fr") == ox.Literal("A1")


def test_a_column_that_is_called_so_is_left_alone(store: ox.Store) -> None:
    text = "SELECT ?s ?sLabel ?o { ?s <http://e/p> ?o BIND(1 AS ?sLabel) FILTER(isNumeric(?o)) }"
    assert csv(store, text, "en") == ["s,sLabel,o", "http://e/a,1,5"]


def test_columns_of_literals_and_blank_nodes_have_no_labels(store: ox.Store) -> None:
    text = "SELECT ?n ?none { ?s <http://e/p> ?n FILTER(isBlank(?n) || isLiteral(?n)) }"
    assert csv(store, text, "en")[0] == "n,none"


def test_a_column_that_is_empty_at_first_has_labels_if_it_may_be_filled(store: ox.Store) -> None:
    def rows() -> Iterator[tuple[ox.NamedNode | None]]:
        yield from [(None,)] * BATCH
        yield (ox.NamedNode("http://e/a"),)

    table = labelled(Rows(("x",), rows()), finder(store, "en"))
    assert table.names == ("x", "xLabel")
    assert [shown.value for shown in list(table.rows)[-1] if shown] == ["http://e/a", "area"]


def test_each_thing_is_looked_up_once() -> None:
    asked: list[ox.NamedNode] = []

    def find(things: set[ox.NamedNode]) -> dict[ox.NamedNode, ox.Literal]:
        asked.extend(things)
        return {}

    rows = ((ox.NamedNode(f"http://e/{number % 7}"),) for number in range(3 * BATCH))
    table = labelled(Rows(("x",), rows), find)  # type: ignore[arg-type]
    assert len(list(table.rows)) == 3 * BATCH
    assert len(asked) == 7
