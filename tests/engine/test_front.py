"""The front itself: bodies, methods, what is odd, and who answers what."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from .conftest import CROSS, JSON, LOOK_UP, TOKEN, Client, Tree

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("size", [400_000, 20_000_000], ids=["a-little-too-large", "much-too-large"])
@pytest.mark.parametrize("target", ["/sparql", "/validate"])
def test_a_body_that_is_too_large_is_refused(tight_server: Any, target: str, size: int) -> None:
    client = Client(tight_server)
    before = Tree(tight_server.process.pid).memory()
    reply = client.request("POST", target, b"x" * size, Content_Type=FORM)
    assert reply.status == 413
    assert reply.json["type"] == "/problems/too-large"
    assert reply.json["limit"] == 300_000
    assert Tree(tight_server.process.pid).memory() - before < 5_000_000


def test_a_body_of_unknown_length_is_refused_where_it_gets_too_large(tight_server: str) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"x" * 1000

    reply = Client(tight_server).request("POST", "/sparql", endless(), Content_Type=FORM)
    assert reply.status == 413


@pytest.mark.parametrize("kind", [FORM, "application/sparql-query"])
def test_a_body_of_unknown_length_is_read(client: Client, kind: str) -> None:
    text = LOOK_UP.encode() if kind != FORM else urlencode({"query": LOOK_UP}).encode()
    reply = client.request("POST", "/sparql", iter([text[:20], text[20:]]), Content_Type=kind)
    assert reply.status == 200
    assert reply.rows == client.ask(LOOK_UP).rows


def test_a_body_of_unknown_length_reaches_flask(client: Client) -> None:
    turtle = b"<x:a> <x:b> <x:c> ."
    reply = client.request("POST", "/validate", iter([turtle]), Content_Type="text/turtle", Accept="application/json")
    assert reply.status == 200


def test_get_and_post_say_the_same(client: Client) -> None:
    text = f"{LOOK_UP} ORDER BY ?p ?o"
    one, two = client.ask(text), client.post(text)
    assert (one.status, one.body) == (two.status, two.body)


def test_head_says_what_get_says(client: Client) -> None:
    target = "/sparql?" + urlencode({"query": LOOK_UP})
    get, head = client.request("GET", target), client.request("HEAD", target)
    assert head.status == 200
    assert head.body == b""
    for name in ("content-type", "content-length", "etag", "vetgraph-version", "vary"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_an_address_beyond_ascii_is_no_fault_of_ours(client: Client, accept: str) -> None:
    port = int(client.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"GET /search?q=\xc3\xa9\xff HTTP/1.1\r\nHost: x\r\nAccept: " + accept.encode() + b"\r\n\r\n")
        status = sock.recv(1 << 16).split(b" ", 2)[1]
    assert status in (b"200", b"400", b"404")


def test_several_headers_of_one_name_are_one_list(client: Client) -> None:
    port = int(client.url.rpartition(":")[2])
    target = "/sparql?query=" + quote(LOOK_UP)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        lines = f"GET {target} HTTP/1.1\r\nHost: x\r\nAccept: text/csv;q=0.1\r\nAccept: {JSON}\r\n\r\n"
        sock.sendall(lines.encode())
        assert f"content-type: {JSON}".encode() in sock.recv(1 << 16).lower()


def test_a_request_that_never_comes_to_its_end_holds_up_nobody(client: Client) -> None:
    port = int(client.url.rpartition(":")[2])
    sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(50)]
    for sock in sockets:
        sock.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Type: " + FORM.encode() + b"\r\nContent-Length: 99\r\n\r\nq"
        )
    assert client.ask(LOOK_UP).status == 200
    assert client.request("GET", "/healthz").status == 200
    for sock in sockets:
        sock.close()


def test_a_reply_that_nobody_takes_holds_up_no_page(client: Client) -> None:
    sockets = [client.open("/openapi.json") for _ in range(30)]
    assert client.request("GET", "/healthz").status == 200
    for sock in sockets:
        sock.close()


def test_pages_with_answers_leave_room_for_plain_pages(client: Client) -> None:
    # Their queries take all threads that wait for the engine; pages have their own.
    query = "/sparql?" + urlencode({"query": f"SELECT (COUNT(*) AS ?page) {CROSS}", "timeout": 5})
    sockets = []
    port = int(client.url.rpartition(":")[2])
    for number in range(40):
        sock = socket.socket()
        sock.bind((f"127.0.0.{160 + number % 8}", 0))
        sock.connect(("127.0.0.1", port))
        sock.sendall(f"GET {query}&format=html HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n".encode())
        sockets.append(sock)
    try:
        time.sleep(0.3)
        for target in ("/healthz", "/about", "/countries"):
            started = time.monotonic()
            assert client.request("GET", target, Accept="text/html").status in (200, 404)
            assert time.monotonic() - started < 3, target
    finally:
        for sock in sockets:
            sock.close()


def test_a_page_whose_reader_goes_takes_its_query_along(client: Client, eventually: Callable[..., None]) -> None:
    text = f"SELECT (COUNT(*) AS ?reader) {CROSS}"
    port = int(client.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as sock:
        target = "/sparql?" + urlencode({"query": text, "timeout": 15})
        sock.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n".encode())
        eventually(lambda: text in {each["text"] for each in client.running()}, what="its arrival")
    eventually(lambda: text not in {each["text"] for each in client.running()}, 3, "its end")


def test_a_store_that_is_not_there_yet(tmp_path: Path, start_server: Any) -> None:
    with start_server("--empty", VETGRAPH_ADMIN_TOKEN=TOKEN) as url:
        client = Client(url)
        assert client.ask("SELECT * { ?s ?p ?o }").rows == []
        assert client.update("INSERT DATA { <x:a> <x:b> 1 }").status == 200
        assert len(client.ask("SELECT * { ?s ?p ?o }").rows) == 1


def test_the_application_runs_under_another_server(environment: dict[str, str], tmp_path: Path) -> None:
    """The plain WSGI callable: the same engine, in a thread of its own."""
    code = (
        "import json\n"
        "from server import app\n"
        "client = app.test_client()\n"
        "answers = [client.get('/sparql', query_string={'query': q, 'timeout': '1'},"
        f" headers={{'Accept': '{JSON}'}}) for q in ('SELECT * {{}}', 'SELECT (COUNT(*) AS ?n) {CROSS}')]\n"
        "print(json.dumps([a.status_code for a in answers]))\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "[200, 503]", done.stderr
