"""No reading of the engine finds SERVICE or LOAD in the text that it gets, whatever they hide in."""

from __future__ import annotations

import re

import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vetgraph.errors import NotAllowed, QuerySyntaxError
from vetgraph.isolation import hosts_of, isolated
from vetgraph.syntax import Draft, Edit

# The engine refuses this port before it opens a connection: that it wants to shows without any traffic.
ELSEWHERE = "http://127.0.0.1:9/"
DATA = f"""INSERT DATA {{
  <http://h/a> <http://h/p> 1, true, 1e5, "x"@en, <{ELSEWHERE}x.y> .
  <http://h/a> <{ELSEWHERE}p> <http://h/b> . <http://h/> <http://h/> <http://h/> .
}}"""


def store() -> ox.Store:
    made = ox.Store()
    made.update(DATA)
    return made


STORE = store()


def asks(text: str) -> bool:
    """Whether the engine wants to ask another host."""
    try:
        list(STORE.query(text))
    except OSError:
        return True
    except (SyntaxError, RuntimeError, ValueError):
        pass
    return False


def fetches(text: str) -> bool:
    """Whether the engine wants to fetch a document in an update."""
    try:
        store().update(text)
    except OSError:
        return True
    except (SyntaxError, RuntimeError, ValueError):
        pass
    return False


def sent(text: str, **options: object) -> str:
    """What the engine gets; nothing where the text is refused."""
    try:
        return isolated(Draft.of(text), **options).text  # type: ignore[arg-type]
    except (NotAllowed, QuerySyntaxError):
        return ""


HIDDEN = [
    f"SELECT * {{ SERVICE <{ELSEWHERE}> {{ ?s ?p ?o }} }}",
    f"SELECT * {{ sErViCe<{ELSEWHERE}> {{ ?s ?p ?o }} }}",
    f"PREFIX : <{ELSEWHERE}> SELECT * {{ SERVICE:x{{ ?s ?p ?o }} }}",
    f"SELECT * {{ ?s ?p trueSERVICE<{ELSEWHERE}>{{ ?s ?p ?o }} }}",
    f"SELECT * {{ ?s ?p 1SERVICE<{ELSEWHERE}>{{ ?s ?p ?o }} }}",
    f"SELECT * {{ ?s ?p 1e5SERVICE<{ELSEWHERE}>{{ ?s ?p ?o }} }}",
    f"PREFIX : <{ELSEWHERE}> SELECT * {{ ?s ?p 1SERVICE:x{{ ?s ?p ?o }} }}",
    f"PREFIX : <{ELSEWHERE}> SELECT * {{ ?s ?p true.SERVICE:x{{ ?s ?p ?o }} }}",
    f"PREFIX : <{ELSEWHERE}> SELECT * {{ ?s ?p :x.y.SERVICE<{ELSEWHERE}>{{ ?s ?p ?o }} }}",
    f"SELECT * {{ {{}} UNION {{ ?s <http://e/'\\u00e9> ?o }} SERVICE <{ELSEWHERE}'> {{ ?s ?p ?o }} }}",
    f"SELECT * {{ {{}} UNION {{ ?s <http://e/'\u00a0> ?o }} SERVICE <{ELSEWHERE}'> {{ ?s ?p ?o }} }}",
    f"SELECT * {{ BIND(1 AS ?b) BIND(0 AS ?a) FILTER(?a<?b#>'''\n) SERVICE <{ELSEWHERE}> {{ ?s ?p ?o }} }} #'''",
    f"PREFIX ex: <http://h:8> PREFIX : <{ELSEWHERE}> SELECT * {{ {{}} UNION {{ ?s ?p ex: }} ?s ?p ?o SERVICE:x {{}} }}",
    f"PREFIX ex: <http://h/> PREFIX \ufffd: <{ELSEWHERE}> SELECT * {{ ?s ?p ex:SERVICE\ufffd:x {{ ?a ?b ?c }} }}",
    f"PREFIX : <{ELSEWHERE}> SELECT * {{ BIND(1 AS ?b) BIND(0 AS ?a) FILTER(?a<?b)SERVICE:x#>\n{{ ?s ?p ?o }} }}",
]


@pytest.mark.parametrize("text", HIDDEN)
def test_what_the_engine_would_ask_it_never_does(text: str) -> None:
    assert asks(text)
    assert not asks(sent(text))


LOADS = [
    f"LOAD <{ELSEWHERE}>",
    f"LOAD<{ELSEWHERE}> INTO GRAPH <http://h/g>",
    f"PREFIX : <{ELSEWHERE}> LOAD:x",
    f"PREFIX : <{ELSEWHERE}> CLEAR ALL;LOAD:x",
    f"INSERT DATA {{ <http://h/a> <http://h/'\\u00e9> 1 }} ; load <{ELSEWHERE}'>",
]


@pytest.mark.parametrize("text", LOADS)
def test_what_the_engine_would_fetch_it_never_does(text: str) -> None:
    assert fetches(text)
    assert not fetches(sent(text, update=True))


@pytest.mark.parametrize(
    ("text", "column"),
    [
        (f"SELECT * {{ ?s ?p ?o . SERVICE SILENT <{ELSEWHERE}> {{}} }}", 23),
        (f"SELECT * {{ SERVICESILENT<{ELSEWHERE}> {{}} }}", 12),
        ("SELECT * { SERVICE ?x {} }", 12),
    ],
)
def test_the_refusal_says_where_and_what_to_do(text: str, column: int) -> None:
    with pytest.raises(NotAllowed, match="take the SERVICE clause out") as caught:
        isolated(Draft.of(text))
    assert caught.value.facts == {"line": 1, "column": column}


PREFIXES = "PREFIX dcat: <http://www.w3.org/ns/dcat#> PREFIX service: <http://h/service/> PREFIX e: <http://h/>"
HARMLESS = [
    "SELECT ?service { ?service ?p ?xservice . FILTER(?service != $xservice) }",
    f"{PREFIXES} SELECT * {{ ?s a dcat:DataService ; dcat:accessService service:x, e:a-service.b, service:service }}",
    f"{PREFIXES} SELECT * {{ ?s service:p ?o . _:service service:p ?o }} # a service\n",
    """SELECT ('service' AS ?a) ("SERVICE" AS ?b) ('''a 'service' ''' AS ?c) (<http://h/service/SERVICE> AS ?d) {}""",
    "BASE <http://h/> SELECT * { VALUES ?x { <#service> <a/service> <?service=1> } }",
    "SELECT * { VALUES ?x { <http://h/ser\\u0076ice> 'ser\\u0076ice' 'ser\\\\u0076ice' } }",
]


@pytest.mark.parametrize("text", HARMLESS)
def test_the_letters_may_stand_where_they_are_no_keyword(text: str) -> None:
    made = ox.Store()
    made.update(
        f"{PREFIXES} INSERT DATA {{ e:s a dcat:DataService ; dcat:accessService service:x, e:a-service.b, "
        "service:service ; service:p 1 }"
    )

    def table(query: str) -> tuple[list[str], list[str]]:
        found = made.query(query)
        return [name.value for name in found.variables], sorted(str(row) for row in found)

    out = isolated(Draft.of(text)).text
    assert table(out) == table(text)
    assert table(out)[1] != []


@pytest.mark.parametrize(
    "text",
    [
        "INSERT DATA { <http://h/load> <http://h/p> 'download', 'LOAD', '''up'load''' } # load",
        "PREFIX load: <http://h/load/> INSERT DATA { load:a load:load load:up.load, _:load . _:load load:b 1 }",
        "INSERT { ?load <http://h/p> 1 } WHERE { VALUES ?load { <http://h/payload> } }",
    ],
)
def test_updates_may_speak_of_loads(text: str) -> None:
    made, other = ox.Store(), ox.Store()
    made.update(text)
    other.update(isolated(Draft.of(text), update=True).text)
    assert len(made) > 0
    first, second = ox.Dataset(made), ox.Dataset(other)
    first.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    second.canonicalize(ox.CanonicalizationAlgorithm.UNSTABLE)
    assert first == second


def test_a_text_without_the_letters_is_not_touched() -> None:
    text = "SELECT * { ?s ?p 'x' }"
    assert isolated(Draft.of(text)).text is text


@pytest.mark.parametrize(
    ("iri", "hosts", "allowed"),
    [
        ("http://a.example/sparql", ["a.example"], True),
        ("https://A.Example/sparql", ["a.example:443"], True),
        ("http://a.example:81/sparql", ["a.example:81"], True),
        ("http://a.example:81/sparql", ["a.example:80"], False),
        ("http://b.example/", ["a.example"], False),
        ("http://a.example@b.example/", ["a.example"], False),
        ("http://a.example.b.example/", ["a.example"], False),
        ("http://a.example\\u0040b.example/", ["a.example"], False),
        ("file:///etc/passwd", ["a.example", ""], False),
        ("http://[", ["a.example"], False),
    ],
)
def test_listed_hosts_may_be_asked(iri: str, hosts: list[str], allowed: bool) -> None:
    assert bool(sent(f"SELECT * {{ SERVICE SILENT <{iri}> {{}} ?service ?p ?o }}", hosts=hosts)) is allowed
    assert bool(sent(f"CLEAR ALL ; LOAD <{iri}>", update=True, hosts=hosts)) is allowed


def test_one_listed_host_opens_no_door_to_another() -> None:
    text = f"SELECT * {{ SERVICE <http://a.example/> {{}} SERVICE <{ELSEWHERE}> {{}} }}"
    with pytest.raises(NotAllowed, match=r"but a\.example"):
        isolated(Draft.of(text), hosts=["a.example"])
    for hidden in HIDDEN:
        assert not asks(sent(hidden, hosts=["a.example"]))


def test_the_hosts_that_a_text_asks() -> None:
    assert hosts_of("SELECT * { SERVICE <http://a/> {} SERVICE SILENT <http://b/> {} SERVICE ?x {} }") == [
        "http://a/",
        "http://b/",
        "",
    ]
    assert hosts_of("LOAD SILENT <http://a/> INTO GRAPH <http://g/>", update=True) == ["http://a/"]


def test_faults_keep_their_place() -> None:
    text = 'PREFIX e: <http://h/> SELECT * { ?s e:service "service" . ?s ) ?o }'
    draft = isolated(Draft.of(text))
    assert len(draft.text) > len(text)
    with pytest.raises(SyntaxError) as caught:
        STORE.query(draft.text)
    found = re.search(r"error at (\d+):(\d+)", str(caught.value.msg))
    assert found
    line, column = draft.position(int(found[1]), int(found[2]))
    assert line == 1
    assert text.index(")") < column <= len(text)


def test_a_problem_is_told_of_the_original() -> None:
    draft = Draft.of("abc\nde").edited([Edit(1, 1, "xx\n"), Edit(5, 6, "yyy")])
    assert draft.text == "axx\nbc\ndyyy"
    told = draft.relocated(QuerySyntaxError("At line 3, column 2: no.", line=3, column=2))
    assert (told.detail, told.facts) == ("At line 2, column 2: no.", {"line": 2, "column": 2})
    places = [(1, 1), (1, 3), (2, 1), (2, 2), (3, 1), (3, 4)]
    assert [draft.position(*each) for each in places] == [(1, 1), (1, 2), (1, 2), (1, 3), (2, 1), (2, 3)]


# Pieces of which texts are made that the engine often takes and a tokenizer may misread.
START = st.sampled_from(
    [f"PREFIX : <{ELSEWHERE}> ", "PREFIX e: <http://h:8> ", "PREFIX e: <http://h/> ", f"PREFIX SERVICE: <{ELSEWHERE}> "]
)
TRIPLES = ["", "?s ?p ?o . ", "?s ?p true", "?s ?p 1", "?s ?p 1.", "?s ?p .5", "?s ?p :x.y.", "?s ?p e:", "?s :p?"]
TERMS = [
    "?s :p ?",
    "?s ?p 'x'@en",
    "?s ?p '''a'''",
    "?s <http://e/'\\u00e9> ?o ",
    "?s ?p e:\\'",
    "?s ?p <<( ?s ?p 1 )>>",
]
FILTERS = ["FILTER(1<2)", "FILTER(1<'2'", "FILTER(?o<?p#>'''\n)", "FILTER(?a<?b&&?c>?d)", "FILTER(?o<:x)"]
GROUPS = ["OPTIONAL{}", "{}", "[] ?p ?o", "?s ?p (1)", "VALUES ?z {1}", "GRAPH ?g {}", "BIND(1<2 AS ?x)", "#x\r"]
SIGNS = ["'''", '"""', "'", "\\", "<", ">", "?", "_:b", "_:b.", ".", ";", "\u00b7", "\ufffd:"]
BEFORE = st.sampled_from([*TRIPLES, *TERMS, *FILTERS, *GROUPS, *SIGNS])
KEYWORD = st.sampled_from(["SERVICE", "service ", "SERVICESILENT", "Service#c\n", "?service ", "e:SERVICE"])
TARGET = st.sampled_from([f"<{ELSEWHERE}>", ":x", "?v", f"<{ELSEWHERE}'>", "SERVICE:x", ":"])
AFTER = st.sampled_from(["{}", "{ ?s ?p ?o }", "{}#>\n", "{}'''", "{}'", "{}}#'''"])
TEXTS = st.builds(
    lambda start, before, keyword, target, after: f"{start}SELECT * {{ {before}{keyword}{target}{after} }}",
    st.lists(START, max_size=2, unique=True).map("".join),
    st.lists(BEFORE, max_size=3).map("".join),
    KEYWORD,
    TARGET,
    AFTER,
)


@settings(max_examples=600, deadline=None)
@given(TEXTS)
def test_no_text_makes_the_engine_ask(text: str) -> None:
    assert not asks(sent(text))
