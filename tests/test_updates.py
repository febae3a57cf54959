"""Updates as deltas: the net effect equals the engine's own `Store.update`, on a store that is not touched."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vetgraph.engine.deltas import Delta
from vetgraph.engine.jobs import StoreJob, UpdateJob
from vetgraph.engine.scratch import Scratch
from vetgraph.engine.storing import stored
from vetgraph.engine.updates import changed
from vetgraph.errors import (
    BadParameter,
    Conflict,
    NotAllowed,
    NotFound,
    QuerySyntaxError,
    UnreadableData,
    UnsupportedMedia,
    UnsupportedQuery,
    VetgraphError,
)

ROOT = Path(__file__).resolve().parents[1]
RUNNER = Path(os.environ.get("CONFORMANCE_RUNNER", ROOT.parent / "shared" / "tools" / "conformance"))
SUITES = RUNNER.parents[1] / "w3c" / "rdf-tests" / "sparql"
BASE = "http://example.org/base/"
PROLOGUE = "PREFIX : <http://example.org/> "

DATA = """
    INSERT DATA {
        :a :p :b, "x"@en, 1.50, [ :q :c ] . _:n :p _:n .
        GRAPH :g { :a :p :b . _:m :p :z, 3 . :b :t <<( :a :p "y"@en--ltr )>> }
        GRAPH :h { :a :q :b . :g :q "lit" }
    } ;
    CREATE GRAPH :empty
"""


def store_of(text: str = DATA) -> ox.Store:
    store = ox.Store()
    store.update(PROLOGUE + text)
    return store


def copied(store: ox.Store) -> ox.Store:
    copy = ox.Store()
    copy.extend(store)
    for graph in store.named_graphs():
        copy.add_graph(graph)
    return copy


def canonical(store: ox.Store) -> tuple[list[str], list[str]]:
    """What a store holds up to blank nodes, and its graphs."""
    dataset = ox.Dataset(store)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return sorted(map(str, dataset)), sorted(map(str, store.named_graphs()))


def delta_of(store: ox.Store, text: str, *, union: bool = False, **more: object) -> Delta:
    job = UpdateJob(text, union=union, base=BASE, **more)  # type: ignore[arg-type]
    return changed(Scratch(store, lambda: copied(store)), job)


def assert_like_the_engine(store: ox.Store, text: str) -> None:
    expected, engine_error = copied(store), None
    try:
        expected.update(text, base_iri=BASE)
    except (SyntaxError, RuntimeError, ValueError, OSError) as error:
        engine_error = error
    before = list(store)
    if engine_error is not None:
        with pytest.raises(VetgraphError):
            delta_of(store, text)
        return
    delta = delta_of(store, text)
    assert list(store) == before, "the store itself was changed"
    assert all(quad in store for quad in delta.removed)
    assert not any(quad in store for quad in delta.added)
    changed_copy = copied(store)
    Delta.from_bytes(delta.to_bytes()).apply(changed_copy)
    assert canonical(changed_copy) == canonical(expected)


# -- like the engine ----------------------------------------------------------------------------------------------

OPERATIONS = {
    "insert data": "INSERT DATA { :a :p :b, :c . GRAPH :n { _:x :p _:x } GRAPH :o { _:x :p 1 } }",
    "insert nothing": "INSERT DATA { GRAPH :n {} }",
    "insert what is there": 'INSERT DATA { :a :p 1.5, "x"@EN }',
    "delete data": "DELETE DATA { :a :p :b, 1.5, :never . GRAPH :g { :a :p :b } }",
    "delete where": "DELETE WHERE { ?s :p ?o }",
    "delete where in graphs": "DELETE WHERE { GRAPH ?g { ?s :p ?o } . ?s :p ?x . GRAPH :h { ?s ?y ?z } }",
    "delete where, an empty block": "DELETE WHERE { GRAPH :none {} ?s ?p ?o }",
    "one node in several graphs": "DELETE { ?s :p ?o } INSERT { GRAPH :n { ?s :p ?o, _:b . _:b :is ?o } GRAPH :m "
    "{ _:b :r ?s } } WHERE { ?s :p ?o }",
    "with": "WITH :g DELETE { ?s ?p ?o } INSERT { ?o ?p ?s . GRAPH :h { ?s ?p [] } } WHERE { ?s ?p ?o }",
    "with and using": "WITH :g DELETE { ?s ?p ?o } INSERT { ?o ?p ?s } USING :h WHERE { ?s ?p ?o }",
    "using": "INSERT { ?s ?g ?o } USING :g USING :h USING NAMED :g WHERE "
    "{ ?s ?p ?o OPTIONAL { GRAPH ?g { ?s ?p ?o } } }",
    "graphs by variables": "INSERT { GRAPH ?g { ?s ?p ?o, (1 2 ?o) } . ?s ?p ?g } WHERE { GRAPH ?g { ?s ?p ?o } }",
    "graphs that are no names": "INSERT { GRAPH ?o { ?s ?p ?o } } WHERE { ?s ?p ?o }",
    "triples that can't be": "INSERT { ?o ?p ?s . ?s ?o ?p } WHERE { ?s ?p ?o }",
    "unbound": "INSERT { ?s :n ?z . ?s :m 1 } WHERE { ?s ?p ?o OPTIONAL { ?o :q ?z } }",
    "delete and insert the same": "DELETE { ?s ?p ?o } INSERT { ?s ?p ?o } WHERE { ?s ?p ?o }",
    "no variables": "INSERT { :k :v 1 } WHERE {}",
    "a node for each solution": "INSERT { :k :v [] } WHERE { ?s ?p ?o }",
    "triple terms": "INSERT { ?b :of <<( ?s ?p ?o )>> . << ?s ?p ?o >> :q 1 . ?s ?p ?o {| :src ?s |} } WHERE "
    "{ ?s ?p ?o BIND(:x AS ?b) }",
    "values that are triple terms": "INSERT { GRAPH :n { ?t :again ?o } } WHERE { GRAPH ?g { ?t :t ?o } }",
    "deceptive strings": 'INSERT { ?s :t "a } ; b" # } ; DROP ALL\n } WHERE { ?s ?p ?o FILTER(?o > 1) }',
    "aggregates": "INSERT { ?s :c ?c } WHERE { SELECT ?s (COUNT(*) AS ?c) { ?s ?p ?o } GROUP BY ?s }",
    "all in one graph": "DELETE { GRAPH ?g { ?s ?p ?o } } INSERT { GRAPH :all { ?s ?p ?o } } WHERE "
    "{ GRAPH ?g { ?s ?p ?o } }",
    "graph names": "INSERT { :a :b ?g } WHERE { GRAPH ?g {} }",
    "several": "INSERT DATA { :x :y :z } ; DELETE { ?s ?p ?o } INSERT { :done ?p ?o } WHERE { ?s :y ?o ; ?p ?o } ; "
    "DELETE DATA { :done :y :z } ; CLEAR GRAPH :h ; INSERT DATA { GRAPH :h { :a :q :b } } ;",
    "undone": "INSERT DATA { GRAPH :n { :a :b :c } } ; DELETE DATA { GRAPH :n { :a :b :c } } ; DROP GRAPH :n",
    "dropped and filled": "DROP GRAPH :g ; INSERT DATA { GRAPH :g { :a :p :b } }",
    "copied twice": "COPY DEFAULT TO :n ; COPY DEFAULT TO :n ; CLEAR GRAPH :n ; COPY :g TO :n",
    "dropped and created": "DROP GRAPH :g ; CREATE GRAPH :g ; DROP GRAPH :empty",
    "nothing": " ",
    "only declarations": "BASE <http://example.net/>",
    "relative": "BASE <http://example.net/> INSERT DATA { <a> <b> <c> . GRAPH <g> { <a> <b> <c> } }",
    "comments": "INSERT { # {\n ?s :p ?o # }\n } WHERE # { ; \n { ?s ?p ?o } # ;",
    "words as names": "PREFIX insert: <http://example.org/> INSERT DATA { insert:where insert:data insert:graph }",
    "variables called as ours": "INSERT { ?ggggg0 :x ?g0 . GRAPH ?g0 { ?g0 :x 1 } } WHERE "
    "{ ?ggggg0 ?p ?x BIND(:y AS ?g0) }",
}
for verb in ("COPY", "MOVE", "ADD"):
    for source, target in (
        (":g", ":h"), ("DEFAULT", ":h"), (":g", "DEFAULT"), (":none", ":h"), (":g", ":n"), (":g", "GRAPH :g"),
        ("GRAPH :none", ":none"), ("SILENT :none", ":h"), ("SILENT :empty", ":n"),
    ):  # fmt: skip
        OPERATIONS[f"{verb} {source} TO {target}"] = f"{verb} {source} TO {target}"
for verb in ("CLEAR", "DROP"):
    for target in ("DEFAULT", "NAMED", "ALL", "GRAPH :g", "GRAPH :none", "SILENT GRAPH :none", "SILENT ALL"):
        OPERATIONS[f"{verb} {target}"] = f"{verb} {target}"
for target in ("GRAPH :g", "SILENT GRAPH :g", "GRAPH :n"):
    OPERATIONS[f"CREATE {target}"] = f"CREATE {target}"


@pytest.mark.parametrize("text", OPERATIONS.values(), ids=OPERATIONS)
def test_an_operation_has_the_engines_effect(text: str) -> None:
    assert_like_the_engine(store_of(), PROLOGUE + text)


MANIFEST = """
    PREFIX mf: <http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#>
    PREFIX ut: <http://www.w3.org/2009/sparql/tests/test-update#>
    PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
    SELECT ?test ?request ?data ?graph ?name {
        ?test mf:action ?action . ?action ut:request ?request
        OPTIONAL { ?action ut:data ?data }
        OPTIONAL { ?action ut:graphData [ ut:graph ?graph ; rdfs:label ?name ] }
    }
"""


def suite_tests() -> Iterator[tuple[str, str, ox.Store]]:
    """The W3C update tests: name, request, data."""
    for manifest in sorted(SUITES.glob("sparql1[12]/*/manifest.ttl")):
        described = ox.Store()
        described.load(path=str(manifest), format=ox.RdfFormat.TURTLE, base_iri=manifest.as_uri())
        found: dict[str, tuple[str, ox.Store]] = {}
        for row in described.query(MANIFEST):  # type: ignore[union-attr]
            name = row["test"].value
            if name not in found:
                found[name] = (Path(row["request"].value.removeprefix("file://")).read_text(), ox.Store())
                if row["data"]:
                    found[name][1].load(path=row["data"].value.removeprefix("file://"), base_iri=BASE)
            if row["graph"]:
                graph = ox.NamedNode(row["name"].value)
                found[name][1].load(path=row["graph"].value.removeprefix("file://"), base_iri=BASE, to_graph=graph)
        yield from ((name, *rest) for name, rest in found.items())


def test_the_w3c_update_tests_have_the_engines_effect() -> None:
    if not SUITES.is_dir():
        pytest.skip("the conformance suites are not at hand; enable with: CONFORMANCE_RUNNER=<the runner's folder>")
    count = 0
    for _, text, data in suite_tests():
        if "LOAD" not in text:
            assert_like_the_engine(data, text)
            count += 1
    assert count > 90


# -- any update -----------------------------------------------------------------------------------------------

_nodes = st.sampled_from((":a", ":b", ":c", ":g", ":h"))
_graphs = st.sampled_from((":g", ":h", ":n"))
_values = st.one_of(_nodes, st.sampled_from(("1", "1.0", '"x"', '"x"@en', '"} ; {"', "true")))
_variables = st.sampled_from(("?x", "?y", "?z", "?v"))
_anything = st.one_of(_values, _variables, _variables)


def _triples(subject: st.SearchStrategy[str], object_: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.builds(lambda s, p, o: f"{s} {p} {o} .", subject, st.sampled_from((":p", ":q")), object_)
    return st.lists(one, min_size=1, max_size=3).map(" ".join)


def _quads(
    subject: st.SearchStrategy[str], object_: st.SearchStrategy[str], graph: st.SearchStrategy[str]
) -> st.SearchStrategy[str]:
    inner = _triples(subject, object_)
    block = st.builds(lambda name, body: f"GRAPH {name} {{ {body} }}", graph, inner)
    return st.lists(st.one_of(inner, block), min_size=1, max_size=3).map(" ".join)


_data = _quads(_nodes, _values, _graphs)
_patterns = _quads(st.one_of(_nodes, _variables), _anything, st.one_of(_graphs, _variables))
_fresh = st.sampled_from(("_:b", "[]", "_:c"))
_templates = _quads(st.one_of(_variables, _fresh), st.one_of(_anything, _fresh), st.one_of(_graphs, _variables))
_deletes = _quads(st.one_of(_nodes, _variables), _anything, st.one_of(_graphs, _variables))
_using = st.sampled_from(("", "", "", "USING :g ", "USING NAMED :g ", "USING :h USING NAMED :g USING NAMED :h "))
_ends = st.sampled_from(("DEFAULT", ":g", ":h", ":n"))
_with = st.sampled_from(("", "", "WITH :g "))
_cleared = st.sampled_from(("DEFAULT", "GRAPH :g", "NAMED"))
_operations = st.one_of(
    st.builds("INSERT DATA {{ {} }}".format, _data),
    st.builds("DELETE DATA {{ {} }}".format, _data),
    st.builds("DELETE WHERE {{ {} }}".format, _patterns),
    st.builds(
        "{}DELETE {{ {} }} INSERT {{ {} }} {}WHERE {{ {} }}".format, _with, _deletes, _templates, _using, _patterns
    ),
    st.builds("{}INSERT {{ {} }} {}WHERE {{ {} }}".format, _with, _templates, _using, _patterns),
    st.builds("{} {} TO {}".format, st.sampled_from(("COPY", "MOVE SILENT", "ADD")), _ends, _ends),
    st.builds("{} SILENT {}".format, st.sampled_from(("CLEAR", "DROP")), _cleared),
    st.builds("CREATE SILENT GRAPH {}".format, _graphs),
)


@settings(max_examples=200, deadline=None)
@given(
    st.builds("INSERT DATA {{ {} _:k :p _:k }}".format, _data),
    st.lists(_operations, min_size=1, max_size=4).map(" ; ".join),
)
def test_any_update_has_the_engines_effect(data: str, text: str) -> None:
    assert_like_the_engine(store_of(data), PROLOGUE + text)


# -- the union as the default graph ---------------------------------------------------------------------------


def said(delta: Delta) -> list[str]:
    short = delta.to_bytes().decode().replace("http://example.org/", "")
    return [line.removesuffix(" .") for line in short.splitlines()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DELETE DATA { :a :q :b }", ["- <a> <q> <b> <h>"]),
        ("DELETE WHERE { :a :p :b }", ["- <a> <p> <b>", "- <a> <p> <b> <g>"]),
        ("DELETE { ?s :q ?o } INSERT { ?s :r ?o } WHERE { ?s :q ?o FILTER(isIRI(?o) && ?s = :a) }",
         ["- <a> <q> <b> <h>", "+ <a> <r> <b>"]),
        ("WITH :h DELETE { ?s :q ?o } INSERT { ?s :r ?o } WHERE { ?s :q ?o FILTER(isIRI(?o)) }",
         ["- <a> <q> <b> <h>", "+ <a> <r> <b> <h>"]),
        ("WITH :g DELETE { ?s :q ?o } WHERE { ?s :q ?o }", []),
        ("DELETE { ?s :p ?o } USING :g WHERE { ?s :p ?o FILTER(?o = :b) }", ["- <a> <p> <b>", "- <a> <p> <b> <g>"]),
        ("DELETE { GRAPH :g { ?s :p ?o } } WHERE { ?s :p ?o FILTER(?o = :b) }", ["- <a> <p> <b> <g>"]),
        ("INSERT DATA { :a :q :b }", ["+ <a> <q> <b>"]),
        ("CLEAR DEFAULT ; INSERT DATA { :a :p 1.5, :b }", None),
    ],
)  # fmt: skip
def test_in_the_union_a_triple_is_deleted_where_it_is(text: str, expected: list[str] | None) -> None:
    delta = delta_of(store_of(), PROLOGUE + text, union=True)
    if expected is None:
        assert {str(quad.graph_name) for quad in delta.removed} == {"DEFAULT"}
    else:
        assert said(delta) == expected


def test_in_the_union_later_operations_see_earlier_ones() -> None:
    text = "INSERT DATA { GRAPH :n { :new :p 1 } } ; DELETE DATA { :new :p 1 } ; INSERT { :k :n ?n } WHERE { ?n :p 1 }"
    assert said(delta_of(store_of(), PROLOGUE + text, union=True)) == ["+g <n>"]


# -- the protocol's dataset -----------------------------------------------------------------------------------


def test_the_protocol_names_the_dataset() -> None:
    text = PROLOGUE + "INSERT { GRAPH :n { ?s ?p ?o } } WHERE { ?s ?p ?o FILTER(isIRI(?o)) }"
    delta = delta_of(store_of(), text, union=True, using_graphs=("http://example.org/h",))
    assert said(delta) == ["+ <a> <q> <b> <n>"]


@pytest.mark.parametrize("clause", ["WITH :g INSERT { ?s :x ?o }", "INSERT { ?s :x ?o } USING :g"])
def test_the_protocol_and_the_text_can_not_both_name_the_dataset(clause: str) -> None:
    with pytest.raises(BadParameter):
        delta_of(store_of(), f"{PROLOGUE} {clause} WHERE {{ ?s ?p ?o }}", using_graphs=("http://example.org/h",))


# -- refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error", "facts"),
    [
        ("INSERT DATA {\n <http://a> <http://b> }", QuerySyntaxError, {"line": 2, "column": 24}),
        ("CLEAR ALL ;\n CLEAR EVERYTHING", QuerySyntaxError, {"line": 2, "column": 8}),
        ("SELECT * {}", QuerySyntaxError, {"line": 1, "column": 1}),
        ("DELETE DATA { _:b <http://p> 1 }", QuerySyntaxError, {}),
        ("DROP GRAPH <http://none>", NotFound, {"graph": "http://none"}),
        ("CREATE GRAPH <http://example.org/g>", Conflict, {"graph": "http://example.org/g"}),
        ("LOAD <http://example.org/>", NotAllowed, {}),
        ("INSERT {} WHERE { SERVICE <http://example.org/> {} }", NotAllowed, {}),
        ("INSERT { ?s ?s ?s } WHERE { BIND(<http://f>(1) AS ?s) }", UnsupportedQuery, {}),
    ],
)
def test_what_can_not_be_done_is_told(text: str, error: type[VetgraphError], facts: dict[str, object]) -> None:
    with pytest.raises(error) as caught:
        delta_of(store_of(), text)
    assert facts.items() <= caught.value.facts.items()


def test_each_operation_may_have_declarations() -> None:
    text = (
        "PREFIX x: <http://x/> INSERT DATA { x:a x:b 1 } ;\nPREFIX x: <http://y/> BASE <http://z/> "
        "INSERT DATA { x:a <b> 1 }"
    )
    assert [str(quad.subject) for quad in delta_of(ox.Store(), text).added] == ["<http://x/a>", "<http://y/a>"]


# -- /store ---------------------------------------------------------------------------------------------------

G = "http://example.org/g"
TURTLE = "text/turtle"


def put(store: ox.Store, job: StoreJob) -> tuple[list[str], bool]:
    delta, existed = stored(Scratch(store, lambda: copied(store)), job)
    return said(delta), existed


def test_put_replaces_a_graph() -> None:
    store = store_of("INSERT DATA { GRAPH :g { :a :p 1, 2 } :a :p 3 }")
    assert put(store, StoreJob("put", G, ((TURTLE, b"<a> <p> 2, 4 ."),), base="http://example.org/")) == (
        ['- <a> <p> "1"^^<http://www.w3.org/2001/XMLSchema#integer> <g>',
         '+ <a> <p> "4"^^<http://www.w3.org/2001/XMLSchema#integer> <g>'],
        True,
    )  # fmt: skip


def test_put_of_nothing_makes_an_empty_graph() -> None:
    assert put(store_of(), StoreJob("put", "http://example.org/n", ((TURTLE, b""),))) == (["+g <n>"], False)
    assert put(store_of(), StoreJob("put", "http://example.org/empty", ((TURTLE, b""),))) == ([], True)


def test_post_adds_documents() -> None:
    parts = (
        (TURTLE, b"@prefix : <http://example.org/> . :a :p :b ."),
        ("application/n-triples; charset=utf-8", b"<http://example.org/z> <http://p> <http://example.org/z> ."),
    )
    assert put(store_of(), StoreJob("post", G, parts)) == (["+ <z> <http://p> <z> <g>"], True)


def test_labels_of_blank_nodes_mean_nothing_beyond_their_document() -> None:
    store = store_of("INSERT DATA {}")
    parts = ((TURTLE, b"_:a <http://p> _:a ."),) * 2
    delta, _ = stored(Scratch(store), StoreJob("post", None, parts))
    assert len(delta.added) == 2


def test_delete_drops_a_graph() -> None:
    store = store_of("INSERT DATA { GRAPH :g { :a :p :b } }")
    assert put(store, StoreJob("delete", G)) == (["-g <g>", "- <a> <p> <b> <g>"], True)
    assert put(store, StoreJob("delete", "http://example.org/none")) == ([], False)


def test_patch_is_about_its_graph() -> None:
    store = store_of("INSERT DATA { GRAPH :g { :a :p :b } :a :p :c }")

    def patch(text: str) -> list[str]:
        return put(store, StoreJob("patch", G, (("application/sparql-update", (PROLOGUE + text).encode()),)))[0]

    assert patch("DELETE { ?s :p ?o } INSERT { ?o :q ?s } WHERE { ?s :p ?o }") == [
        "- <a> <p> <b> <g>",
        "+ <b> <q> <a> <g>",
    ]
    assert patch("INSERT DATA { :x :p :y }") == ["+ <x> <p> <y> <g>"]
    with pytest.raises(BadParameter) as caught:
        patch("INSERT DATA { GRAPH :h { :x :p :y } }")
    assert caught.value.facts["graph"] == "http://example.org/h"


@pytest.mark.parametrize(
    ("media", "body", "error", "facts"),
    [
        (TURTLE, b"<http://a> <http://b>\n  <http://c> <http://d> .", UnreadableData, {"line": 2}),
        ("application/ld+json", b'{"@context": "http://example.org/context"}', UnreadableData, {}),
        ("application/rdf+xml", b"<rdf", UnreadableData, {}),
        ("application/trig", b"<http://g> { <http://a> <http://b> 1 }", BadParameter, {"parameter": "graph"}),
        ("text/plain", b"", UnsupportedMedia, {}),
    ],
)
def test_documents_that_can_not_be_read_are_told(
    media: str, body: bytes, error: type[VetgraphError], facts: dict[str, object]
) -> None:
    with pytest.raises(error) as caught:
        stored(Scratch(ox.Store()), StoreJob("put", G, ((media, body),)))
    assert facts.items() <= caught.value.facts.items()


# -- size -----------------------------------------------------------------------------------------------------


def test_a_small_update_does_not_look_at_the_whole_store() -> None:
    store = ox.Store()
    predicate = ox.NamedNode("http://example.org/p")
    store.bulk_extend(
        ox.Quad(ox.NamedNode(f"http://example.org/{n}"), predicate, ox.Literal(n), ox.NamedNode(G))
        for n in range(200_000)
    )
    texts = (
        "INSERT DATA { :a :p 1 }",
        "DELETE WHERE { :17 ?p ?o }",
        "DELETE { ?s :p ?o } INSERT { ?s :q ?o } WHERE { ?s :p 18 ; :p ?o }",
    )
    for union in (True, False):
        for text in texts:
            started = time.process_time()
            delta_of(store, PROLOGUE + text, union=union)
            # Reading all 200,000 quads takes a hundred times as long as any of these.
            assert time.process_time() - started < 0.1
