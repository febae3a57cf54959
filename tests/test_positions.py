"""Every term is found where the text has it, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import rdflib
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, serialize

from vetgraph.validation import Position, Submission, read

EX = "http://example.org/"


def at(submission: Submission, position: Position | None) -> str:
    """Return the text between the ends of a position."""
    assert position is not None
    lines = submission.text.replace("\r\n", "\n").split("\n")
    if position.line == position.end_line:
        return lines[position.line - 1][position.column - 1 : position.end_column - 1]
    first, last = lines[position.line - 1][position.column - 1 :], lines[position.end_line - 1]
    return "\n".join([first, *lines[position.line : position.end_line - 1], last[: position.end_column - 1]])


def spots(text: str, kind: str = "ttl") -> list[tuple[str, str, str]]:
    """Return the three tokens of each triple, in the order of the quads."""
    submission = read(text.encode(), kind, "x")
    return [
        (
            at(submission, submission.position(quad.subject)),
            at(submission, submission.position(quad.subject, quad.predicate)),
            at(submission, submission.position(quad.subject, quad.predicate, quad.object)),
        )
        for quad in submission.quads
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "<http://e/s> <http://e/p> <http://e/o> .", [("<http://e/s>", "<http://e/p>", "<http://e/o>")], id="iris"
        ),
        pytest.param(
            "@prefix e: <http://e/> . # e:s e:p e:o\ne:s a e:T ; e:p 1 , -2.5 , 3e4 , true ;; .",
            [
                ("e:s", "a", "e:T"),
                ("e:s", "e:p", "1"),
                ("e:s", "e:p", "-2.5"),
                ("e:s", "e:p", "3e4"),
                ("e:s", "e:p", "true"),
            ],
            id="lists-of-predicates-and-objects",
        ),
        pytest.param(
            "PREFIX : <http://e/>\nBASE <http://b/x/>\n<a> :p 'it''' .".replace("'it'''", "'it'"),
            [("<a>", ":p", "'it'")],
            id="sparql-prefix-and-base",
        ),
        pytest.param(
            '@base <http://b/> . <s> <p> """two\nlines "quoted" \\" ; ."""@en-GB , "x"^^<t> , "a\\u00e9b" .',
            [
                ("<s>", "<p>", '"""two\nlines "quoted" \\" ; ."""@en-GB'),
                ("<s>", "<p>", '"x"^^<t>'),
                ("<s>", "<p>", '"a\\u00e9b"'),
            ],
            id="strings",
        ),
        pytest.param(
            "@prefix : <http://e/> . :s :p [ :q 1 ] .",
            [("[", ":q", "1"), (":s", ":p", "[")],
            id="property-list",
        ),
        pytest.param(
            "@prefix : <http://e/> . :s :p ( 1 ) , () .",
            [("(", "1", "1"), (":s", ":p", "("), ("(", "(", ")"), (":s", ":p", "(")],
            id="collection",
        ),
        pytest.param(
            "@prefix é: <http://e/> .\né:ü é:p é:x\\~y , é:a.b .",
            [("é:ü", "é:p", "é:x\\~y"), ("é:ü", "é:p", "é:a.b")],
            id="names",
        ),
        pytest.param("_:a <http://e/p> _:b.c .", [("_:a", "<http://e/p>", "_:b.c")], id="labels"),
        pytest.param(
            "\ufeff<http://e/s> <http://e/p> 1 .", [("<http://e/s>", "<http://e/p>", "1")], id="byte-order-mark"
        ),
    ],
)
def test_turtle(text, expected):
    assert spots(text) == expected


def test_trig_and_quads():
    trig = "@prefix : <http://e/> . :g { :a :b :c } GRAPH :h { :d :e :f . :g :h :i } { :j :k :l } _:g { :m :n :o }"
    assert [row[2] for row in spots(trig, "trig")] == [":c", ":f", ":i", ":l", ":o"]
    quads = '<http://e/s> <http://e/p> "x"@en <http://e/g> .\n_:a <http://e/p> _:b .\n'
    assert [row[2] for row in spots(quads, "nq")] == ['"x"@en', "_:b"]
    assert [row[2] for row in spots('<http://e/s> <http://e/p> "x"^^<http://e/t> .\n', "nt")] == ['"x"^^<http://e/t>']


def test_lines_and_columns_count_code_points_from_one():
    submission = read("<http://e/é𝄞> <http://e/p>\r\n\t<http://e/o> .".encode(), "ttl", "x")
    (quad,) = submission.quads
    assert submission.position(quad.subject, quad.predicate, quad.object) == Position("x", 2, 2, 2, 14)
    assert submission.position(quad.subject, quad.predicate) == Position("x", 1, 15, 1, 27)


def test_the_best_place_that_is_known():
    submission = read(b"<http://e/s> <http://e/p> 01 .", "ttl", "x")
    node, name = NamedNode("http://e/s"), NamedNode("http://e/p")
    integer = NamedNode("http://www.w3.org/2001/XMLSchema#integer")
    assert submission.position(node, name, Literal("1", datatype=integer)).column == 27  # as the store has it
    assert submission.position(node, name, Literal("2", datatype=integer)).column == 14
    assert submission.position(node, NamedNode("http://e/q")).column == 1
    assert submission.position(NamedNode("http://e/none")) is None
    assert submission.position(Literal("x")) is None


def test_json_ld():
    text = """{
  "@context": {"vet": "http://e/", "name": "http://e/name", "party": {"@id": "vet:party", "@type": "@id"}},
  "@graph": [
    {"@id": "http://e/s", "@type": "vet:T", "name": "New", "party": ["http://e/a", "http://e/b"]},
    {"@id": "http://e/a", "name": {"@value": "twice", "@language": "en"}, "vet:n": 3},
    {"@id": "http://e/b", "name": ["same", "same"]}
  ]
}"""
    submission = read(text.encode(), "jsonld", "x")
    found = {
        (quad.predicate.value.rpartition("/")[2], at(submission, spot))
        for quad in submission.quads
        if (spot := submission.position(quad.subject, quad.predicate, quad.object))
    }
    assert ("party", '"http://e/a"') in found
    assert ("name", '"New"') in found
    assert ("name", '"twice"') in found
    assert ("n", "3") in found
    # Which of two equal values is meant can't be told, so the property is pointed at.
    assert (
        at(submission, submission.position(NamedNode("http://e/b"), NamedNode("http://e/name"), Literal("same")))
        == '"name"'
    )
    assert at(submission, submission.position(NamedNode("http://e/s"))) == '"http://e/s"'
    assert submission.position(NamedNode("http://e/none")) is None


def test_rdf_xml():
    text = """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">
  <e:T rdf:about="http://e/é"><e:name>New</e:name>
    <e:party rdf:resource="http://e/a"/>
    <e:near><e:T rdf:about="http://e/b"/></e:near>
  </e:T>
</rdf:RDF>"""
    submission = read(text.encode(), "rdf", "x")
    lines = text.splitlines()

    def starts(*terms):
        spot = submission.position(*terms)
        return lines[spot.line - 1][spot.column - 1 :]

    node = NamedNode("http://e/é")
    assert starts(node).startswith("<e:T rdf:about")
    assert starts(node, NamedNode("http://e/name"), Literal("New")).startswith("<e:name>")
    assert starts(node, NamedNode("http://e/party"), NamedNode("http://e/a")).startswith("<e:party")
    assert starts(node, NamedNode("http://e/near"), NamedNode("http://e/b")).startswith("<e:near>")


# --- for all graphs ---------------------------------------------------------------------------------

names = st.text("abcé_-.~7", min_size=1, max_size=4).map(lambda text: EX + text)
iris = st.one_of(names, st.text("xyz", max_size=3).map(lambda text: "http://other.org/path/" + text)).map(NamedNode)
blanks = st.integers(0, 3).map(lambda number: BlankNode(f"b{number}"))
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00\ufeff"), max_size=12)
literals = st.one_of(
    texts.map(Literal),
    st.builds(lambda text, language: Literal(text, language=language), texts, st.sampled_from(["en", "fr", "de-at"])),
    st.integers().map(Literal),
    st.booleans().map(Literal),
    st.builds(
        lambda text, name: Literal(text, datatype=NamedNode(f"http://www.w3.org/2001/XMLSchema#{name}")),
        st.text("0123456789-.eE+", min_size=1, max_size=6),
        st.sampled_from(["decimal", "double", "date", "gYear", "integer"]),
    ),
)
triples = st.tuples(st.one_of(iris, blanks), iris, st.one_of(iris, blanks, literals))
graphs = st.lists(triples, min_size=1, max_size=12)


def written_with_pyoxigraph(graph, form: RdfFormat) -> str:
    quads = [Quad(*triple) for triple in graph]
    prefixes = {"ex": EX} if form in {RdfFormat.TURTLE, RdfFormat.TRIG} else None
    return serialize(quads, format=form, prefixes=prefixes).decode()


def written_with_rdflib(graph, form: str) -> str:
    data = "".join(f"{s} {p} {o} .\n" for s, p, o in graph)
    parsed = rdflib.Graph(bind_namespaces="none")
    parsed.bind("ex", EX)
    parsed.parse(data=data, format="nt")
    return parsed.serialize(format=form)


def every_object_is_where_it_is_said(text: str, kind: str) -> None:
    submission = read(text.encode(), kind, "x")
    for quad in submission.quads:
        spot = submission.position(quad.subject, quad.predicate, quad.object)
        assert spot is not None, text
        token = at(submission, spot)
        if quad.predicate.value.endswith("#rest"):
            continue  # a link between two items: it stands where the next item does
        reads_as(token, quad.object, text)


def reads_as(token: str, term, text: str) -> None:
    """Check that a token, read by itself with the document's prefixes, is the term."""
    if isinstance(term, BlankNode):
        assert token.startswith(("_:", "[", "("))
        return
    if token.startswith(("(", ")")):
        assert term.value.endswith("#nil")
        return
    directives = "\n".join(line for line in text.splitlines() if line.startswith(("@prefix", "PREFIX")))
    (quad,) = read(f"{directives}\n<http://s> <http://p> {token} .".encode(), "ttl", "y").quads
    assert quad.object == term


relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@relaxed
@given(graphs)
def test_each_object_in_turtle_by_pyoxigraph(graph):
    every_object_is_where_it_is_said(written_with_pyoxigraph(graph, RdfFormat.TURTLE), "ttl")


@relaxed
@given(graphs)
def test_each_object_in_ntriples_by_pyoxigraph(graph):
    every_object_is_where_it_is_said(written_with_pyoxigraph(graph, RdfFormat.N_TRIPLES), "nt")


@relaxed
@given(graphs)
def test_each_object_in_trig_by_pyoxigraph(graph):
    every_object_is_where_it_is_said(written_with_pyoxigraph(graph, RdfFormat.TRIG), "trig")


safe_graphs = st.lists(
    st.tuples(
        st.one_of(st.text("abc", min_size=1, max_size=3).map(lambda text: NamedNode(EX + text)), blanks),
        st.text("pqr", min_size=1, max_size=2).map(lambda text: NamedNode(EX + text)),
        st.one_of(
            st.text("abc", min_size=1, max_size=3).map(lambda text: NamedNode(EX + text)),
            blanks,
            st.text("ab \n\"'\\é.;,#<@", max_size=8).map(Literal),
            st.text("ab \n\"'é", max_size=8).map(lambda text: Literal(text, language="en")),
            st.integers().map(Literal),
            st.booleans().map(Literal),
        ),
    ),
    min_size=1,
    max_size=10,
)


@relaxed
@given(safe_graphs)
def test_each_object_in_turtle_by_rdflib(graph):
    every_object_is_where_it_is_said(written_with_rdflib(graph, "turtle"), "ttl")


# Nested property lists and collections, as people write them and serialisers rarely do.
leaves = st.sampled_from(["1", ":a", "'x'", "'x'@en", '"y"^^:t', "_:q", "<http://z/>", "true", "[]", "()", "2.5"])
nested = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"( {' '.join(items)} )"),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: f"[ :p {' , '.join(items)} ; a :T ]"),
    ),
    max_leaves=12,
)


@relaxed
@given(nested, nested)
def test_nested_blank_nodes_and_collections(first, second):
    text = f"@prefix : <http://e/> .\n:s :p {first} ;\n   :q {second} , 7 ."
    submission = read(text.encode(), "ttl", "x")
    for quad in submission.quads:
        assert submission.position(quad.subject, quad.predicate, quad.object) is not None
    every_object_is_where_it_is_said(text, "ttl")


@relaxed
@given(st.text("<>[]() \n\"'@:.;,{}^_\\#a1", max_size=30))
def test_no_text_makes_the_locator_fail(text):
    from vetgraph.errors import UnreadableData

    try:
        submission = read(f"<http://s> <http://p> 1 . {text}".encode(), "trig", "x")
    except UnreadableData:
        return
    for quad in submission.quads:
        submission.position(quad.subject, quad.predicate, quad.object)


def test_the_projects_own_files_are_located_completely():
    root = Path(__file__).resolve().parents[1]
    files = [*root.glob("shapes/*.ttl"), *root.glob("ontology/*.ttl")][:12]
    for path in files:
        submission = read(path.read_bytes(), "ttl", path.name)
        assert len(submission.places.triples) >= len({(q.subject, q.predicate, q.object) for q in submission.quads})
