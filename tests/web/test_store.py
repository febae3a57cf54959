"""The Graph Store Protocol on a running service: whole graphs in and out, and nothing lost to another writer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import rdflib
from rdflib.compare import isomorphic

Problem = Callable[..., dict[str, Any]]

G, OTHER = "http://example.org/g", "http://example.org/other"
HERE, THERE = f"/store?graph={quote(G, safe='')}", f"/store?graph={quote(OTHER, safe='')}"
TURTLE = "text/turtle"
DATA = "@prefix ex: <http://example.org/> . ex:a ex:p 'é' , 5 ; ex:q [ ex:r ex:a ] ."
MORE = "<http://example.org/b> <http://example.org/p> 1 ."
UPDATE = "application/sparql-update"


def graph(text: str | bytes, format_: str = "turtle") -> rdflib.Graph:
    return rdflib.Graph().parse(data=text, format=format_)


def test_put_creates_then_replaces(writable: Any) -> None:
    created = writable.write("PUT", HERE, DATA, TURTLE)
    assert created.status_code == 201, created.text
    assert created.headers["Location"] == G
    told = created.get_json()
    assert (told["added"], told["removed"]) == (4, 0)
    assert created.headers["Vetgraph-Version"] == str(told["version"])
    read = writable.get(HERE, TURTLE)
    assert (read.status_code, read.mimetype) == (200, TURTLE)
    assert read.headers["Vetgraph-Version"] == str(told["version"])
    assert isomorphic(graph(read.data), graph(DATA))
    replaced = writable.write("PUT", HERE, MORE, TURTLE)
    assert replaced.status_code == 200
    assert replaced.get_json() == {"version": told["version"] + 1, "added": 1, "removed": 4}
    assert isomorphic(graph(writable.get(HERE, TURTLE).data), graph(MORE))


def test_post_adds_and_delete_removes(writable: Any, assert_problem: Problem) -> None:
    assert writable.write("POST", HERE, DATA, TURTLE).status_code == 201
    assert writable.write("POST", HERE, MORE, TURTLE).status_code == 200
    assert len(graph(writable.get(HERE, TURTLE).data)) == 5
    assert writable.write("DELETE", HERE).status_code == 200
    assert_problem(writable.get(HERE), 404, "not-found")
    assert_problem(writable.write("DELETE", HERE), 404, "not-found")


def test_post_without_a_graph_makes_a_new_one(writable: Any) -> None:
    made = writable.write("POST", "/store", DATA, TURTLE)
    assert made.status_code == 201
    name = made.headers["Location"]
    assert name.startswith("https://w3id.org/vetgraph/graph/")
    assert isomorphic(graph(writable.get(f"/store?graph={quote(name)}").data), graph(DATA))
    assert writable.write("POST", "/store", DATA, TURTLE).headers["Location"] != name


def test_the_default_graph_always_is(writable: Any) -> None:
    assert writable.get("/store?default").data == b""
    assert writable.write("PUT", "/store?default", DATA, TURTLE).status_code == 200
    assert isomorphic(graph(writable.get("/store?default").data), graph(DATA))
    assert writable.write("DELETE", "/store?default").status_code == 200
    assert writable.get("/store?default").status_code == 200


def test_an_empty_graph_is_kept(writable: Any) -> None:
    assert writable.write("PUT", HERE, "", TURTLE).status_code == 201
    assert (writable.get(HERE).status_code, writable.get(HERE).data) == (200, b"")
    assert writable.write("PUT", HERE, "", TURTLE).status_code == 200


@pytest.mark.parametrize(
    ("type_", "format_"),
    [
        (TURTLE, "turtle"),
        ("application/n-triples", "nt"),
        ("application/rdf+xml", "xml"),
        ("application/ld+json", "json-ld"),
    ],
)
def test_each_format_goes_in_and_comes_out(writable: Any, type_: str, format_: str) -> None:
    document = graph(DATA).serialize(format=format_)
    assert writable.write("PUT", HERE, document, type_).status_code == 201
    read = writable.get(HERE, type_)
    assert read.mimetype == type_
    assert isomorphic(graph(read.data, format_), graph(DATA))


@pytest.mark.parametrize(("type_", "format_"), [("application/trig", "trig"), ("application/n-quads", "nquads")])
def test_formats_of_datasets_come_out_and_do_not_go_in(
    writable: Any, assert_problem: Problem, type_: str, format_: str
) -> None:
    writable.write("PUT", HERE, MORE, TURTLE)
    read = writable.get(HERE, type_)
    assert read.mimetype == type_
    dataset = rdflib.Dataset()
    dataset.parse(data=read.data, format=format_)
    assert len(list(dataset.quads())) == 1
    problem = assert_problem(writable.write("PUT", HERE, MORE, type_), 415, "unsupported-media-type")
    assert TURTLE in problem["available"]


def test_relative_iris_are_resolved_against_the_graph(writable: Any) -> None:
    writable.write("PUT", HERE, "<> <#p> <x> .", TURTLE)
    assert writable.ask(f"GRAPH <{G}> {{ <{G}> <{G}#p> <http://example.org/x> }}")


def test_several_files_of_a_form_go_into_one_graph(writable: Any) -> None:
    parts = [("a.ttl", TURTLE, "_:x <http://e/p> 1 ."), ("b.nt", "", "_:x <http://e/p> <http://e/o> .")]
    body = ""
    for name, type_, text in parts:
        said = f"Content-Type: {type_}\r\n" if type_ else ""
        body += f'--cut\r\nContent-Disposition: form-data; name="f"; filename="{name}"\r\n{said}\r\n{text}\r\n'
    reply = writable.write("POST", HERE, f"{body}--cut--\r\n", "multipart/form-data; boundary=cut")
    assert reply.status_code == 201, reply.text
    # Labels of blank nodes belong to their document.
    assert len(set(graph(writable.get(HERE).data).subjects())) == 2


def test_head_has_the_headers_of_get(writable: Any, assert_problem: Problem) -> None:
    writable.write("PUT", HERE, DATA, TURTLE)
    got = writable.get(HERE, "application/n-triples")
    head = writable.send("HEAD", HERE, headers={"Accept": "application/n-triples"})
    assert (head.status_code, head.data) == (200, b"")
    for name in ("Content-Type", "ETag", "Vetgraph-Version", "Vary", "Cache-Control"):
        assert head.headers[name] == got.headers[name], name
    assert writable.send("HEAD", THERE).status_code == 404
    assert writable.send("HEAD", HERE, headers={"Accept": "image/png"}).status_code == 406


def test_an_older_version_can_be_read(writable: Any, assert_problem: Problem) -> None:
    first = writable.write("PUT", HERE, DATA, TURTLE).get_json()["version"]
    writable.write("PUT", HERE, MORE, TURTLE)
    old = writable.get(f"{HERE}&at={first}")
    assert old.headers["Vetgraph-Version"] == str(first)
    assert isomorphic(graph(old.data), graph(DATA))
    assert_problem(writable.get(f"{HERE}&at=999999"), 404, "not-found")


# -- PATCH ------------------------------------------------------------------------------------------------


def test_patch_without_graph_is_about_the_graph(writable: Any) -> None:
    writable.write("PUT", HERE, MORE, TURTLE)
    writable.write("PUT", THERE, MORE, TURTLE)
    text = "DELETE { ?s ?p ?o } INSERT { ?s ?p 2 } WHERE { ?s ?p ?o }"
    reply = writable.write("PATCH", HERE, text, UPDATE)
    assert (reply.status_code, reply.get_json()["added"], reply.get_json()["removed"]) == (200, 1, 1)
    assert isomorphic(graph(writable.get(HERE).data), graph(MORE.replace("1", "2")))
    assert isomorphic(graph(writable.get(THERE).data), graph(MORE))


def test_patch_may_name_its_graph(writable: Any) -> None:
    text = f"INSERT DATA {{ GRAPH <{G}> {{ <http://e/a> <http://e/p> 1 }} }}"
    assert writable.write("PATCH", HERE, text, UPDATE).status_code == 201
    assert writable.ask(f"GRAPH <{G}> {{ <http://e/a> <http://e/p> 1 }}")


def test_patch_touches_no_other_graph(writable: Any, assert_problem: Problem) -> None:
    writable.write("PUT", HERE, MORE, TURTLE)
    text = f"INSERT DATA {{ GRAPH <{OTHER}> {{ <http://e/a> <http://e/p> 1 }} }}"
    problem = assert_problem(writable.write("PATCH", HERE, text, UPDATE), 400)
    assert OTHER in problem["detail"]
    assert_problem(writable.get(THERE), 404)
    assert_problem(writable.write("PATCH", HERE, "DELETE {", UPDATE), 400, "query-syntax")
    assert_problem(writable.write("PATCH", HERE, MORE, TURTLE), 415)


# -- conditions ---------------------------------------------------------------------------------------------


def test_a_writer_does_not_overwrite_what_it_has_not_seen(writable: Any, assert_problem: Problem) -> None:
    writable.write("PUT", HERE, DATA, TURTLE)
    tag = writable.get(HERE, "application/ld+json").headers["ETag"]
    assert writable.write("PUT", HERE, MORE, TURTLE, If_Match=tag).status_code == 200
    problem = assert_problem(writable.write("PUT", HERE, DATA, TURTLE, If_Match=tag), 412, "precondition-failed")
    assert str(problem["version"]) == writable.get(HERE).headers["Vetgraph-Version"]
    assert_problem(writable.write("DELETE", HERE, If_Match=tag), 412)
    assert_problem(writable.write("PATCH", HERE, "CLEAR DEFAULT", UPDATE, If_Match=tag), 412)
    assert isomorphic(graph(writable.get(HERE).data), graph(MORE))


def test_a_change_of_another_graph_is_no_obstacle(writable: Any) -> None:
    writable.write("PUT", HERE, DATA, TURTLE)
    tag = writable.get(HERE).headers["ETag"]
    writable.write("PUT", THERE, DATA, TURTLE)
    assert writable.write("POST", HERE, MORE, TURTLE, If_Match=tag).status_code == 200


def test_a_tag_of_another_graph_does_not_count(writable: Any, assert_problem: Problem) -> None:
    writable.write("PUT", HERE, DATA, TURTLE)
    writable.write("PUT", THERE, DATA, TURTLE)
    tag = writable.get(THERE).headers["ETag"]
    assert_problem(writable.write("PUT", HERE, MORE, TURTLE, If_Match=tag), 412)
    assert_problem(writable.write("PUT", HERE, MORE, TURTLE, If_Match='"nonsense"'), 412)


def test_any_and_none(writable: Any, assert_problem: Problem) -> None:
    assert_problem(writable.write("PUT", HERE, DATA, TURTLE, If_Match="*"), 412)
    assert writable.write("PUT", HERE, DATA, TURTLE, If_None_Match="*").status_code == 201
    assert_problem(writable.write("PUT", HERE, MORE, TURTLE, If_None_Match="*"), 412)
    assert writable.write("PUT", HERE, MORE, TURTLE, If_Match="*").status_code == 200


def test_a_reader_is_told_that_it_has_it_already(writable: Any) -> None:
    writable.write("PUT", HERE, DATA, TURTLE)
    tag = writable.get(HERE).headers["ETag"]
    again = writable.get(HERE, **{"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert writable.get(HERE, "application/n-triples").headers["ETag"] != tag
    writable.write("PUT", HERE, MORE, TURTLE)
    assert writable.get(HERE, **{"If-None-Match": tag}).status_code == 200


# -- refusals ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/store", 400),
        ("/store?graph=", 400),
        ("/store?graph=relative", 400),
        ("/store?graph=http://a%20b", 400),
        ("/store?graph=http://a%3E%7B%7D", 400),
        ("/store?graph=http://a&default", 400),
        ("/store?graph=http://a&graph=http://b", 400),
        (f"{THERE}", 404),
    ],
)
def test_what_names_no_graph_is_refused(writable: Any, assert_problem: Problem, address: str, status: int) -> None:
    assert_problem(writable.get(address), status)
    if status == 400 and address != "/store":
        assert_problem(writable.write("PUT", address, MORE, TURTLE), 400, "bad-parameter")


@pytest.mark.parametrize(
    ("type_", "body", "status", "slug"),
    [
        (TURTLE, "<http://e/a> <http://e/p>", 400, "unreadable-data"),
        ("application/n-triples", "<a> .", 400, "unreadable-data"),
        ("application/rdf+xml", "<rdf:RDF", 400, "unreadable-data"),
        ("application/ld+json", "{", 400, "unreadable-data"),
        ("application/ld+json", '{"@context": "http://127.0.0.1:9/c", "@id": "http://e/a"}', 400, None),
        (
            "application/ld+json",
            '{"@id": "http://e/g", "@graph": [{"@id": "http://e/a", "http://e/p": 1}]}',
            400,
            None,
        ),
        ("image/png", "x", 415, "unsupported-media-type"),
        ("", "x", 415, "unsupported-media-type"),
        ("text/turtle; charset=utf-16", "x", 415, "unsupported-media-type"),
        ("multipart/form-data; boundary=cut", "--cut--", 400, "bad-parameter"),
        (
            "multipart/form-data; boundary=cut",
            '--cut\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n--cut--\r\n',
            400,
            "bad-parameter",
        ),
    ],
    ids=str,
)
def test_what_can_t_be_read_changes_nothing(
    writable: Any, assert_problem: Problem, type_: str, body: str, status: int, slug: str | None
) -> None:
    before = writable.write("PUT", HERE, DATA, TURTLE).get_json()["version"]
    assert_problem(writable.write("PUT", HERE, body, type_), status, slug)
    assert writable.get(HERE).headers["Vetgraph-Version"] == str(before)
    assert isomorphic(graph(writable.get(HERE).data), graph(DATA))


def test_unreadable_data_is_told_by_line(writable: Any, assert_problem: Problem) -> None:
    reply = writable.write("PUT", HERE, "<http://e/a>\n  <http://e/p> nonsense .", TURTLE)
    assert assert_problem(reply, 400, "unreadable-data")["line"] == 2


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
def test_a_write_needs_the_token(writable: Any, assert_problem: Problem, token: str, method: str) -> None:
    writable.write("PUT", HERE, DATA, TURTLE)
    for said in ({}, {"Authorization": f"Bearer {token}x"}, {"Authorization": f"Basic {token}"}):
        reply = writable.send(method, HERE, MORE, {"Content-Type": TURTLE, **said})
        assert_problem(reply, 401, "unauthorized")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
        assert token not in reply.text
    assert isomorphic(graph(writable.get(HERE).data), graph(DATA))


def test_without_a_token_nobody_writes_and_everybody_reads(readonly: Any, assert_problem: Problem) -> None:
    address = "/store?" + urlencode({"graph": "https://w3id.org/vetgraph/graph/curation"})
    assert len(graph(readonly.get(address).data)) > 10
    for method in ("PUT", "POST", "PATCH", "DELETE"):
        problem = assert_problem(readonly.write(method, address, MORE, TURTLE), 403, "not-allowed")
        assert "VETGRAPH_ADMIN_TOKEN" in problem["detail"]


def test_other_pages_may_ask_and_write(writable: Any) -> None:
    preflight = writable.send("OPTIONS", HERE, headers={"Origin": "http://e", "Access-Control-Request-Method": "PUT"})
    methods = preflight.headers["Access-Control-Allow-Methods"].replace(" ", "").split(",")
    assert {"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"} <= set(methods)
    allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
    for name in ("authorization", "content-type", "if-match"):
        assert name in allowed
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    written = writable.write("PUT", HERE, DATA, TURTLE)
    assert written.headers["Access-Control-Allow-Origin"] == "*"
    assert "Vetgraph-Version" in written.headers["Access-Control-Expose-Headers"]
