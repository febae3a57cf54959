"""What is read, what is refused, and how unreadable input is reported."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode

from vetgraph.errors import BadParameter, NotAllowed, TooLarge, UnreadableData, UnsupportedMedia
from vetgraph.validation import Shapes, read, read_file, render, validate
from vetgraph.vocab import ID

TRIPLE = {
    "text/turtle": b"<http://e/s> <http://e/p> 'x' .",
    "text/turtle; charset=utf-8": b"<http://e/s> <http://e/p> 'x' .",
    "application/trig": b"<http://e/g> { <http://e/s> <http://e/p> 'x' }",
    "application/n-triples": b'<http://e/s> <http://e/p> "x" .',
    "application/n-quads": b'<http://e/s> <http://e/p> "x" <http://e/g> .',
    "application/ld+json": b'{"@id": "http://e/s", "http://e/p": "x"}',
    "application/rdf+xml": b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
    b'<rdf:Description rdf:about="http://e/s"><e:p>x</e:p></rdf:Description></rdf:RDF>',
    ".ttl": b"<http://e/s> <http://e/p> 'x' .",
    "nq": b'<http://e/s> <http://e/p> "x" <http://e/g> .',
    "jsonld": b'{"@id": "http://e/s", "http://e/p": "x"}',
    "rdf": b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">'
    b'<rdf:Description rdf:about="http://e/s"><e:p>x</e:p></rdf:Description></rdf:RDF>',
}


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_args, **_options):
        raise AssertionError("something reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("kind", TRIPLE)
def test_every_format_is_read(kind):
    (quad,) = read(TRIPLE[kind], kind).quads
    assert (quad.subject, quad.predicate, quad.object) == (
        NamedNode("http://e/s"),
        NamedNode("http://e/p"),
        Literal("x"),
    )
    named = "trig" in kind or "quads" in kind or kind == "nq"
    assert (getattr(quad.graph_name, "value", None) == "http://e/g") is named


def test_the_name_tells_the_format_where_nothing_else_does():
    assert read(TRIPLE["text/turtle"], None, "a/b.ttl").media == "text/turtle"
    with pytest.raises(UnsupportedMedia) as caught:
        read(b"", None, "notes.docx")
    assert "text/turtle" in caught.value.facts["available"]
    with pytest.raises(UnsupportedMedia):
        read(b"", "text/html")


def test_relative_iris_are_the_projects():
    (quad,) = read(b"<id/new> <p> <#x> .", "ttl").quads
    assert quad.subject == NamedNode(ID + "new")


def test_files_are_read_by_name(tmp_path: Path):
    path = tmp_path / "new.ttl"
    path.write_bytes(TRIPLE["text/turtle"])
    assert read_file(path).name == str(path)
    with pytest.raises(UnreadableData, match="No such file"):
        read_file(tmp_path / "none.ttl")
    with pytest.raises(TooLarge):
        read_file(path, limit=3)


@pytest.mark.parametrize(
    ("data", "kind", "line", "column", "text"),
    [
        (b"<http://e/s> <http://e/p> 1 .\n<http://e/s> nope:p 2 .", "ttl", 2, 14, "<http://e/s> nope:p 2 ."),
        (b'<http://e/s> <http://e/p> "open .\n', "ttl", 1, 27, '<http://e/s> <http://e/p> "open .'),
        (b'<http://e/s> <http://e/p> "x"', "nt", 1, None, '<http://e/s> <http://e/p> "x"'),
        (b'{"@id": "http://e/s",\n "http://e/p": }', "jsonld", 2, 16, ' "http://e/p": }'),
        (b"<a>\n<b></a>", "rdf", 2, 6, "<b></a>"),
        ("ok\n<é> \xff".encode("latin-1"), "ttl", 2, 2, None),
    ],
)
def test_unreadable_input_has_file_line_column_and_the_line_itself(data, kind, line, column, text):
    with pytest.raises(UnreadableData) as caught:
        read(data, kind, f"new.{kind}")
    facts = caught.value.facts
    assert facts["file"] == f"new.{kind}"
    assert facts["line"] == line
    if column is not None:
        assert facts["column"] == column
    assert facts.get("text") == text
    assert caught.value.detail.startswith(f"new.{kind}, line {line}, column")
    assert "(line" not in caught.value.detail


def test_size_is_limited():
    with pytest.raises(TooLarge) as caught:
        read(b"x" * 11, "ttl", limit=10)
    assert caught.value.facts["limit"] == 10


def test_remote_json_ld_contexts_are_never_fetched():
    data = b'{\n "@context": "http://127.0.0.1:9/c.jsonld",\n "@id": "http://e/s", "p": 1}'
    with pytest.raises(UnreadableData, match="never fetched") as caught:
        read(data, "jsonld")
    assert caught.value.facts["line"] == 2


def test_json_ld_contexts_known_here_are_used():
    address = "https://w3id.org/vetgraph/context.jsonld"
    data = b'{"@context": ["https://w3id.org/vetgraph/context.jsonld"], "@id": "http://e/s", "name": "x"}'
    context = {"@context": {"name": "http://e/name"}}
    (quad,) = read(data, "jsonld", contexts={address: context}).quads
    assert quad.predicate == NamedNode("http://e/name")


BILLION_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e/">
<rdf:Description rdf:about="http://e/s"><e:p>&c;</e:p></rdf:Description></rdf:RDF>"""
EXTERNAL = BILLION_LAUGHS.replace(b'<!ENTITY a "ha">', b'<!ENTITY a SYSTEM "file:///etc/passwd">')


@pytest.mark.parametrize("data", [BILLION_LAUGHS, EXTERNAL], ids=["billion-laughs", "external"])
def test_xml_entities_are_refused(data):
    with pytest.raises(UnreadableData, match="entities are not accepted") as caught:
        read(data, "rdf")
    assert caught.value.facts["line"] == 2


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"http://e/a": ' * 20_000 + b"1" + b"}" * 20_000, "jsonld"),
        (b"[" * 50_000, "jsonld"),
        (b'{"@context": ' * 300 + b"{}" + b"}" * 300, "jsonld"),
        (b"<a>" * 20_000 + b"</a>" * 20_000, "rdf"),
    ],
    ids=["objects", "arrays", "contexts", "elements"],
)
def test_deep_nesting_is_refused_before_it_hurts(data, kind):
    with pytest.raises(UnreadableData, match="levels of nesting"):
        read(data, kind)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"<http://s> <http://p> " + b"<<( <http://s> <http://p> " * 50_000, "ttl"),
        (b"<http://s> <http://p> " + b"<<( <http://s> <http://p> " * 50_000, "nt"),
        (b"` " + b"<<( <http://s> <http://p> " * 50_000, "trig"),
        (b"<http://s> <http://p> 1 {| <http://q> 2 |} .", "ttl"),
        (b"<http://s> <http://p> <<( <http://s> <http://p> 1 )>> .", "ttl"),
    ],
    ids=["deep", "deep-lines", "behind-an-error", "annotation", "one"],
)
def test_triple_terms_are_refused(data, kind):
    with pytest.raises(UnreadableData, match="triple terms"):
        read(data, kind)


def test_two_less_than_signs_in_a_text_are_a_text():
    assert len(read(b"<http://s> <http://p> '<< a {| b' . # <<", "ttl").quads) == 1


def test_deep_brackets_in_turtle_are_read():
    data = b"<http://s> <http://p> " + b"[ <http://p> " * 20_000 + b"1" + b" ]" * 20_000 + b" ."
    submission = read(data, "ttl")
    assert len(submission.quads) == 20_001
    assert submission.places.triples


# --- uploaded shapes ------------------------------------------------------------------------------

PREFIXES = """@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix x: <http://example.org/> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
"""
OURS = Shapes.load([("none.ttl", "")])


def uploaded(text: str) -> Shapes:
    return OURS.uploaded(read((PREFIXES + text).encode(), "ttl", "shapes.ttl"))


def test_uploaded_shapes_are_used_instead_of_ours():
    shapes = uploaded("x:S a sh:NodeShape ; sh:targetClass x:C ; sh:property [ sh:path x:p ; sh:minCount 2 ] .")
    report = validate(read(b"<http://example.org/a> a <http://example.org/C> .", "ttl"), shapes)
    (found,) = report.findings
    assert found.shape is None
    assert found.rule.endswith("MinCountConstraintComponent")
    assert found.problem == "number of values: 0; needed: at least 2."


@pytest.mark.parametrize(
    "code",
    [
        'x:S sh:sparql [ sh:select "SELECT $this WHERE { SERVICE <http://e/> { ?s ?p ?o } }" ] .',
        'x:S sh:js [ sh:jsFunctionName "f" ] .',
        'x:S sh:target [ a sh:SPARQLTarget ; sh:select "SELECT ?this WHERE { ?this ?p ?o }" ] .',
        "x:S sh:rule [ a sh:TripleRule ] .",
        "x:F a sh:SPARQLFunction .",
        "x:F a sh:ConstraintComponent .",
        'x:S sh:pattern "(a+)+$" .',
        'x:S sh:pattern "(a|a)*b" .',
        'x:S sh:pattern "(.*)\\\\1" .',
        'x:S sh:pattern "(" .',
    ],
)
def test_code_in_uploaded_shapes_is_refused_with_its_line(code):
    with pytest.raises(NotAllowed, match=r"shapes\.ttl, line 4"):
        uploaded("x:S a sh:NodeShape ; sh:targetClass x:C .\n" + code)


@pytest.mark.parametrize("pattern", ["^[a-z]{2}-[0-9]{4}$", "^(id|source):[a-z-]+$", "^.+@.+$", "^(a|b){1,3}$"])
def test_ordinary_patterns_are_taken(pattern):
    uploaded(f'x:S a sh:NodeShape ; sh:targetClass x:C ; sh:pattern "{pattern}" .')


def test_uploaded_shapes_must_be_shapes():
    with pytest.raises(BadParameter, match="there is no shape"):
        uploaded("x:a x:b x:c .")
    with pytest.raises(BadParameter, match="not in order"):
        uploaded("x:S a sh:PropertyShape .")


def test_imports_are_not_followed():
    shapes = uploaded("x:S a sh:NodeShape ; sh:targetClass x:C . x: owl:imports <http://127.0.0.1:9/more.ttl> .")
    data = b"<> <http://www.w3.org/2002/07/owl#imports> <http://127.0.0.1:9/> ."
    assert validate(read(data, "ttl"), shapes).conforms


def test_shapes_that_contain_themselves_are_refused():
    with pytest.raises(BadParameter, match="contains itself"):
        uploaded("x:S a sh:NodeShape ; sh:targetClass x:C ; sh:property [ sh:path x:p ; sh:node x:S ] .")


def test_shapes_that_multiply_are_refused():
    steps = " ".join(f"x:S{n} a sh:NodeShape ; sh:and ( x:S{n + 1} [ sh:node x:S{n + 1} ] ) ." for n in range(14))
    with pytest.raises(BadParameter, match="more than 10,000 parts"):
        uploaded(f"{steps} x:S0 sh:targetClass x:C . x:S14 a sh:NodeShape .")


def test_a_callers_shapes_get_the_standards_semantics():
    shapes = uploaded("""x:S sh:targetNode x:nowhere ; sh:property x:P .
    x:P a sh:PropertyShape ; sh:path x:p ; sh:minCount 1 ; sh:severity x:Custom ; sh:message "as it is" .
    [] sh:targetSubjectsOf x:q ; sh:property [ sh:path x:r ; sh:minCount 1 ; sh:severity sh:Warning ] .""")
    report = validate(read(b"<http://example.org/a> <http://example.org/q> <http://unknown.org/p> .", "ttl"), shapes)
    assert not report.conforms  # any result counts, and our own checks are left out
    assert len(report.findings) == 2
    graph = render(report, "ntriples").decode()
    assert "<http://www.w3.org/ns/shacl#resultSeverity> <http://example.org/Custom>" in graph
    assert '<http://www.w3.org/ns/shacl#resultMessage> "as it is"' in graph
    assert graph.count("<http://www.w3.org/ns/shacl#sourceShape>") == 2
    assert '<http://www.w3.org/ns/shacl#conforms> "false"' in graph
