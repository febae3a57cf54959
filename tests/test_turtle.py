"""Turtle and TriG for people: the same statements, in a form that depends on nothing else."""

from __future__ import annotations

import random

import pyoxigraph as ox
import pytest
import rdflib

from vetgraph.turtle import trig, turtle
from vetgraph.vocab import PREFIXES

EX = "http://example.org/"
ID = PREFIXES["id"]
RDF = PREFIXES["rdf"]
XSD = PREFIXES["xsd"]
FIRST, REST, NIL = (ox.NamedNode(RDF + name) for name in ("first", "rest", "nil"))

TERMS = [
    ox.NamedNode(ID + "anefore"),
    ox.NamedNode(ID + "with.dot."),
    ox.NamedNode(ID + "a/b"),
    ox.NamedNode(ID + "é"),
    ox.NamedNode(ID),
    ox.NamedNode(f"{EX}x?y=1&z#frag"),
    ox.Literal("plain"),
    ox.Literal('quote " backslash \\ tab\t'),
    ox.Literal('two\nlines "with" \\n and """ quotes"'),
    ox.Literal('ends in a quote\n"'),
    ox.Literal("carriage\r\nreturn", language="en"),
    ox.Literal("mot", language="fr-LU"),
    ox.Literal("12", datatype=ox.NamedNode(XSD + "integer")),
    ox.Literal("012", datatype=ox.NamedNode(XSD + "integer")),
    ox.Literal("12.", datatype=ox.NamedNode(XSD + "decimal")),
    ox.Literal("1.50", datatype=ox.NamedNode(XSD + "decimal")),
    ox.Literal("1e3", datatype=ox.NamedNode(XSD + "double")),
    ox.Literal("INF", datatype=ox.NamedNode(XSD + "double")),
    ox.Literal("true", datatype=ox.NamedNode(XSD + "boolean")),
    ox.Literal("1", datatype=ox.NamedNode(XSD + "boolean")),
    ox.Literal("2017", datatype=ox.NamedNode(XSD + "gYear")),
    ox.Literal("x", datatype=ox.NamedNode(f"{EX}type")),
]


def canonical(quads: list[ox.Quad]) -> ox.Dataset:
    dataset = ox.Dataset(quads)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    return dataset


def some_quads(seed: int) -> list[ox.Quad]:
    """Statements with nodes of all kinds, nested, shared, in circles and in lists, over some graphs."""
    chance = random.Random(seed)
    blank = [ox.BlankNode(f"b{number}") for number in range(6)]
    named = [ox.NamedNode(EX + name) for name in "abc"]
    graphs: list[ox.NamedNode | ox.BlankNode | ox.DefaultGraph] = [ox.DefaultGraph(), named[0], named[1], blank[5]]
    graphs = graphs[: chance.choice((1, 1, 4))]
    predicates = [ox.NamedNode(PREFIXES["vet"] + name) for name in ("about", "actor")] + [ox.NamedNode(RDF + "type")]
    quads = []
    for _ in range(chance.randrange(1, 16)):
        object_ = chance.choice([*blank[:5], *named, chance.choice(TERMS)])
        if chance.random() < 0.05:
            object_ = ox.Triple(chance.choice(named), predicates[0], chance.choice(TERMS))
        subject = chance.choice([*blank[:5], *named])
        quads.append(ox.Quad(subject, chance.choice(predicates), object_, chance.choice(graphs)))
    for number in range(chance.randrange(3)):
        cells = [ox.BlankNode(f"l{number}x{place}") for place in range(chance.randrange(1, 5))]
        graph = chance.choice(graphs)
        quads.append(ox.Quad(chance.choice(named), predicates[0], cells[0], graph))
        for cell, rest in zip(cells, [*cells[1:], NIL], strict=True):
            quads.append(ox.Quad(cell, FIRST, chance.choice([*TERMS, *blank]), graph))
            if chance.random() < 0.95:
                quads.append(ox.Quad(cell, REST, rest, graph))
    return quads


@pytest.mark.parametrize("start", range(0, 400, 100))
def test_any_statements_come_back(start: int) -> None:
    for seed in range(start, start + 100):
        quads = some_quads(seed)
        text = trig(quads)
        back = list(ox.parse(text.encode(), format=ox.RdfFormat.TRIG))
        assert canonical(back) == canonical(quads), text


def test_the_text_depends_on_nothing_but_the_statements() -> None:
    """Neither on their order nor on the labels of blank nodes."""
    for seed in range(150):
        quads = some_quads(seed)
        again = list(quads)
        random.Random(seed).shuffle(again)
        nquads = ox.serialize(again, format=ox.RdfFormat.N_QUADS)
        assert nquads is not None
        renamed = list(
            ox.parse(nquads.replace(b"_:b", b"_:other").replace(b"_:l", b"_:more"), format=ox.RdfFormat.N_QUADS)
        )
        assert trig(renamed) == trig(quads)


def test_it_reads_well() -> None:
    data = b"""
    @prefix id: <https://w3id.org/vetgraph/id/> . @prefix vet: <https://w3id.org/vetgraph/ontology#> .
    @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
    id:z vet:about id:a . id:a vet:supervisedBy id:y , id:b ; skos:prefLabel "A"@en ; a vet:Actor .
    id:m vet:about ( id:a 12 [ skos:prefLabel "in"@en ; vet:about true ] ) . [] vet:about "alone" .
    """
    triples = [quad.triple for quad in ox.parse(data, format=ox.RdfFormat.TURTLE)]
    assert turtle(triples, first=[ID + "m"]) == (
        "@prefix vet: <https://w3id.org/vetgraph/ontology#> .\n"
        "@prefix id: <https://w3id.org/vetgraph/id/> .\n"
        "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n"
        "\n"
        "id:m vet:about (\n"
        "        id:a\n"
        "        12\n"
        "        [\n"
        '            skos:prefLabel "in"@en ;\n'
        "            vet:about true\n"
        "        ]\n"
        "    ) .\n"
        "\n"
        "id:a a vet:Actor ;\n"
        '    skos:prefLabel "A"@en ;\n'
        "    vet:supervisedBy id:b,\n"
        "        id:y .\n"
        "\n"
        "id:z vet:about id:a .\n"
        "\n"
        '[] vet:about "alone" .\n'
    )


def test_only_prefixes_that_are_used_are_declared() -> None:
    text = turtle([ox.Triple(ox.NamedNode(ID + "a"), ox.NamedNode(RDF + "type"), ox.NamedNode(f"{EX}B"))])
    assert text == "@prefix id: <https://w3id.org/vetgraph/id/> .\n\nid:a a <http://example.org/B> .\n"
    assert turtle([]) == ""


@pytest.mark.parametrize("length", [2000])
def test_long_chains_are_written_flat(length: int) -> None:
    """Neither a long list nor a long chain of blank nodes is too deep."""
    nodes = [ox.BlankNode(f"n{number}") for number in range(length)]
    about = ox.NamedNode(EX + "p")
    chain = [ox.Quad(one, about, other) for one, other in zip([ox.NamedNode(EX + "a"), *nodes], nodes, strict=False)]
    cells = [quad for node in nodes for quad in (ox.Quad(node, FIRST, ox.Literal("x")),)]
    ends = [ox.Quad(one, REST, other) for one, other in zip(nodes, [*nodes[1:], NIL], strict=True)]
    listed = [ox.Quad(ox.NamedNode(EX + "a"), about, nodes[0]), *cells, *ends]
    for quads in (chain, listed):
        text = trig(quads)
        assert len(list(ox.parse(text.encode(), format=ox.RdfFormat.TURTLE))) == len(quads)
    assert trig(listed).count('"x"') == length
    assert "_:" not in trig(listed)


def test_triple_terms_name_the_same_blank_nodes() -> None:
    node, about = ox.BlankNode("n"), ox.NamedNode(PREFIXES["vet"] + "about")
    text = turtle([ox.Triple(node, about, ox.Triple(node, about, ox.Literal("two\nlines")))])
    assert text.endswith('\n_:b0 vet:about <<( _:b0 vet:about "two\\nlines" )>> .\n')


def test_nodes_that_look_the_same_are_soon_told() -> None:
    """Eight nodes that all point at each other, which canonicalization takes many seconds for."""
    nodes = [ox.BlankNode(f"n{number}") for number in range(8)]
    about = ox.NamedNode(EX + "p")
    triples = [ox.Triple(one, about, other) for one in nodes for other in nodes if one != other]
    assert len(set(ox.parse(turtle(triples).encode(), format=ox.RdfFormat.TURTLE))) == 56


def test_rdflib_reads_it_too() -> None:
    for seed in range(40):
        quads = [
            q for q in some_quads(seed) if (not isinstance(q.object, ox.Triple) and "\n" in str(q.object)) or seed % 2
        ]
        quads = [q for q in quads if not isinstance(q.object, ox.Triple)]
        triples = list(dict.fromkeys(quad.triple for quad in quads))
        assert len(rdflib.Graph().parse(data=turtle(triples), format="turtle")) == len(triples)
