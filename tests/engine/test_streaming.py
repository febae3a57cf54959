"""Long answers stream: the first bytes at once, a bounded front, readers of any speed."""

from __future__ import annotations

import http.client
import socket
import statistics
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from .conftest import ENDLESS, JSON, LOOK_UP, Client, Tree

_HUNDRED = " ".join(str(number) for number in range(100))
MILLION = "SELECT * {{ {} }}".format(" ".join(f"VALUES ?{name} {{ {_HUNDRED} }}" for name in "abc"))
"""A query with a million rows."""

LARGE = "SELECT * { ?s ?p ?o } LIMIT 40000"
"""A query with some megabytes: more than is taken ahead of a reader, less than may be kept."""


def received(sock: socket.socket, seconds: float, most: int = 1 << 62) -> int:
    """Read for some seconds or up to some bytes; return how many came."""
    size, until = 0, time.monotonic() + seconds
    sock.settimeout(0.1)
    while size < most and time.monotonic() < until:
        try:
            data = sock.recv(1 << 16)
        except TimeoutError:
            continue
        if not data:
            break
        size += len(data)
    return size


def test_a_million_rows_pass_through_a_small_front(client: Client, tree: Tree) -> None:
    before, most, size, lines = tree.memory(), 0, 0, 0
    connection = http.client.HTTPConnection("127.0.0.1", int(client.url.rpartition(":")[2]), timeout=60)
    target = "/sparql?" + urlencode({"query": MILLION})
    started = time.monotonic()
    connection.request("GET", target, headers={"Accept": "text/csv", "Cache-Control": "no-store"})
    response = connection.getresponse()
    response.read(1)
    first = time.monotonic() - started
    while data := response.read(1 << 18):
        size += len(data)
        lines += data.count(b"\n")
        most = max(most, tree.memory())
    connection.close()
    assert lines == 1_000_001 or lines == 1_000_000  # the first byte may be of the header's line
    assert first < 0.5
    assert most < 250 << 20
    assert most - before < 60 << 20


def test_a_small_answer_leaves_at_once(client: Client) -> None:
    slow = "SELECT * { VALUES ?n { 1 2 3 } }"
    assert statistics.median(client.ask(slow).seconds for _ in range(20)) < 0.1


def test_slow_readers_hold_up_nobody_and_no_memory(
    busy_server: str, client: Client, neighbour: Client, tree: Tree, eventually: Callable[..., None]
) -> None:
    before = tree.memory()
    slow = [Client(busy_server, f"127.0.0.{110 + n}") for n in range(12)]
    sockets = [each.open_query(f"SELECT * {ENDLESS} # {n}", timeout=12) for n, each in enumerate(slow)]
    try:
        eventually(lambda: len(client.running()) >= 12, what="their arrival")
        time.sleep(1)
        replies = [neighbour.ask(LOOK_UP) for _ in range(50)]
        assert {reply.status for reply in replies} == {200}
        assert statistics.median(reply.seconds for reply in replies) < 0.15
        # A reader that takes nothing has its worker wait: no processor time is used for it.
        stages = {each["id"]: each["cpu"] for each in client.running()}
        time.sleep(0.5)
        assert all(each["cpu"] - stages[each["id"]] < 0.2 for each in client.running() if each["id"] in stages)
        assert tree.memory() - before < 80 << 20
    finally:
        for sock in sockets:
            sock.close()
    eventually(lambda: not client.running(), 3, "their end")


def test_a_slow_reader_gets_all_of_it(client: Client) -> None:
    whole = client.ask(LARGE)
    sock = client.open_query(LARGE, timeout=20)
    size = 0
    while size < len(whole.body) and (more := received(sock, 5, 1 << 19)):
        size += more
        time.sleep(0.02)
    sock.close()
    assert size >= len(whole.body)


def test_an_answer_of_ordinary_size_does_not_hold_a_worker(client: Client, eventually: Callable[..., None]) -> None:
    text = "SELECT * { ?s ?p ?o } LIMIT 3000"
    sock = client.open_query(text)
    try:
        eventually(lambda: text not in {each["text"] for each in client.running()}, 5, "the end of its evaluation")
    finally:
        sock.close()


def test_a_reader_that_stops_is_cut_in_the_end(client: Client, eventually: Callable[..., None]) -> None:
    text = f"SELECT * {ENDLESS} # stops"
    sock = client.open_query(text, timeout=1)
    eventually(lambda: text in {each["text"] for each in client.running()}, what="its arrival")
    eventually(lambda: text not in {each["text"] for each in client.running()}, 3, "its end")
    # What is ready may be taken for a while; what is still there then is dropped, and the connection with it.
    time.sleep(12)
    data = b""
    sock.settimeout(5)
    while piece := sock.recv(1 << 20):
        data += piece
    sock.close()
    assert not data.endswith(b"0\r\n\r\n")


def test_a_reader_that_goes_ends_the_evaluation(client: Client, tree: Tree, eventually: Callable[..., None]) -> None:
    text = f"SELECT * {ENDLESS} # goes"
    sock = client.open_query(text, timeout=15)
    received(sock, 5, 1 << 20)
    assert text in {each["text"] for each in client.running()}
    sock.close()
    eventually(lambda: text not in {each["text"] for each in client.running()}, 2, "its end")


def test_head_of_a_long_answer_ends_at_once(client: Client) -> None:
    target = "/sparql?" + urlencode({"query": f"SELECT * {ENDLESS}"})
    reply = client.request("HEAD", target, Cache_Control="no-store")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith(JSON)
    assert reply.body == b""
    assert reply.seconds < 2
    assert not client.running()


@pytest.mark.parametrize("connections", [4])
def test_long_answers_side_by_side_are_whole(busy_server: str, connections: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    alone = Client(busy_server).ask(LARGE).body
    clients = [Client(busy_server, f"127.0.0.{130 + n}") for n in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        replies: list[Any] = list(pool.map(lambda each: each.ask(LARGE), clients))
    assert all(reply.whole and reply.body == alone for reply in replies)
