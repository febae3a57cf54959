"""Workers and turns: who waits for whom, what can be ended by whom, and what is left when processes die."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .conftest import CROSS, ENDLESS, LOOK_UP, TOKEN, Client, Reply, Tree

MIDDLING = "SELECT (COUNT(*) AS ?n) { ?s ?p ?o . VALUES ?x { %s } FILTER(STRLEN(STR(?o)) > ?x) }"
"""A query that takes some tenths of a second: longer than a quick one may, far from its limit."""


def middling(rounds: int) -> str:
    return MIDDLING % " ".join(str(n) for n in range(rounds))


def together(clients: list[Client], text: Callable[[int], str], **parameters: Any) -> list[Reply]:
    """Ask as many queries at once as there are clients."""
    with ThreadPoolExecutor(len(clients)) as pool:
        return list(pool.map(lambda n: clients[n].ask(text(n), **parameters), range(len(clients))))


@pytest.fixture
def runaways(busy_server: str) -> Any:
    """Twelve runaway queries of four other clients, under way; ended afterwards."""
    clients = [Client(busy_server, f"127.0.0.{10 + n % 4}") for n in range(12)]
    sockets = [client.open_query(f"SELECT (COUNT(*) AS ?n{n}) {CROSS}", timeout=15) for n, client in enumerate(clients)]
    time.sleep(0.4)
    yield sockets
    for sock in sockets:
        sock.close()


def test_cheap_queries_do_not_wait_for_runaways(neighbour: Client, runaways: Any) -> None:
    replies = [neighbour.ask(LOOK_UP) for _ in range(100)]
    assert {reply.status for reply in replies} == {200}
    slowest = sorted(reply.seconds for reply in replies)
    assert slowest[50] < 0.1
    assert slowest[98] < 0.5


def test_what_nobody_knows_is_served_beside_what_is_known(busy_server: str, neighbour: Client) -> None:
    with neighbour.asking(LOOK_UP, pause=0), neighbour.asking(LOOK_UP, pause=0), neighbour.asking(LOOK_UP, pause=0):
        replies = [
            Client(busy_server, "127.0.0.33").ask(f"SELECT ?new{'w' * n} {{ ?new{'w' * n} ?p ?o }} LIMIT 1")
            for n in range(10)
        ]
    assert {reply.status for reply in replies} == {200}
    assert max(reply.seconds for reply in replies) < 10


def test_middling_queries_come_to_their_end_beside_runaways(neighbour: Client, runaways: Any) -> None:
    assert neighbour.ask(middling(3)).status == 200


def test_pages_are_served_beside_runaways(neighbour: Client, runaways: Any) -> None:
    page = neighbour.request("GET", "/countries", Accept="text/html")
    assert page.status == 200
    assert page.seconds < 5


def test_a_query_that_had_to_begin_again_gives_its_answer(busy_server: str, runaways: Any) -> None:
    # The places of all lanes are taken: what does not end quickly is put back, and must not notice.
    clients = [Client(busy_server, f"127.0.0.{30 + n}") for n in range(4)]
    alone = Client(busy_server).ask(middling(2)).rows
    for reply in together(clients, lambda n: middling(2) + f" # {n}"):
        assert reply.status == 200
        assert reply.rows == alone


def test_what_runs_is_listed_for_the_maintainer(client: Client) -> None:
    text = f"SELECT (COUNT(*) AS ?listed) {CROSS}"
    sock = client.open_query(text, timeout=10)
    time.sleep(0.5)
    (listed,) = [each for each in client.running() if each["text"] == text]
    sock.close()
    assert listed["client"] == "127.0.0.1"
    assert 0.3 < listed["age"] < 5
    assert listed["limit"] == 10
    assert listed["cpu"] > 0
    assert listed["memory"] > 0
    assert listed["stage"] in ("planning or evaluating", "evaluating")
    assert client.request("GET", "/queries/running").status == 401


def test_whoever_knows_the_id_ends_the_query(client: Client, neighbour: Client) -> None:
    chosen = "my-own-query-1"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            client.ask, f"SELECT (COUNT(*) AS ?cancel) {CROSS}", headers={"Vetgraph-Query": chosen}, timeout=10
        )
        time.sleep(0.5)
        assert neighbour.request("DELETE", "/queries/running/nobody-knows-it").status == 404
        assert neighbour.request("DELETE", f"/queries/running/{chosen}").status == 204
        reply = waiting.result()
    assert reply.status == 503
    assert reply.json["type"] == "/problems/cancelled"
    assert reply.headers["vetgraph-query"] == chosen
    assert reply.seconds < 5
    assert client.request("DELETE", f"/queries/running/{chosen}").status == 404


def test_an_id_can_be_used_once_at_a_time(client: Client) -> None:
    headers = {"Vetgraph-Query": "taken-by-me"}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.ask, f"SELECT (COUNT(*) AS ?taken) {CROSS}", headers=headers, timeout=1)
        time.sleep(0.4)
        second = client.ask(LOOK_UP, headers=headers)
        assert first.result().status == 503
    assert second.status == 409
    assert client.ask(LOOK_UP, headers=headers).status == 200


def test_a_client_that_goes_takes_its_query_along(client: Client, tree: Tree, eventually: Callable[..., None]) -> None:
    text = f"SELECT (COUNT(*) AS ?gone) {CROSS}"
    sock = client.open_query(text, timeout=15)
    eventually(lambda: any(each["text"] == text and each["cpu"] > 0 for each in client.running()), what="a start")
    busy = set(tree.workers)
    sock.close()
    eventually(lambda: not any(each["text"] == text for each in client.running()), 2, "the end of the query")
    eventually(lambda: bool(busy - set(tree.workers)), 2, "the end of its worker")


def test_a_client_that_waits_for_its_turn_and_goes_is_forgotten(
    tight_server: str, eventually: Callable[..., None]
) -> None:
    clients = [Client(tight_server, f"127.0.0.{50 + n}") for n in range(4)]
    sockets = [
        client.open_query(f"SELECT (COUNT(*) AS ?n{n}) {ENDLESS}", timeout=20) for n, client in enumerate(clients)
    ]
    eventually(lambda: len(clients[0].running()) == 4, what="their arrival")
    for sock in sockets:
        sock.close()
    eventually(lambda: not clients[0].running(), 2, "their end")


def test_a_client_with_too_much_under_way_is_told_when_to_come_back(
    tight_server: str, eventually: Callable[..., None]
) -> None:
    me, other = Client(tight_server), Client(tight_server, "127.0.0.60")
    eventually(lambda: not me.running(), what="the end of what was before")
    sockets = [me.open_query(f"SELECT (COUNT(*) AS ?m{n}) {ENDLESS}", timeout=20) for n in range(3)]
    try:
        eventually(lambda: len(me.running()) == 3, what="their arrival")
        refused = me.ask(LOOK_UP)
        assert refused.status == 429
        assert refused.json["type"] == "/problems/too-many-requests"
        assert int(refused.headers["retry-after"]) >= 1
        assert other.ask(LOOK_UP).status == 200
    finally:
        for sock in sockets:
            sock.close()
    eventually(lambda: me.ask(LOOK_UP).status == 200, 3, "room")


def test_a_service_with_too_much_under_way_says_so(tight_server: str, eventually: Callable[..., None]) -> None:
    clients = [Client(tight_server, f"127.0.0.{70 + n}") for n in range(7)]
    eventually(lambda: not clients[0].running(), what="the end of what was before")
    sockets = [
        client.open_query(f"SELECT (COUNT(*) AS ?b{n}) {ENDLESS}", timeout=20) for n, client in enumerate(clients[:6])
    ]
    try:
        eventually(lambda: len(clients[0].running()) == 6, what="their arrival")
        refused = clients[6].ask(LOOK_UP)
        assert refused.status == 503
        assert refused.json["type"] == "/problems/busy"
        assert int(refused.headers["retry-after"]) >= 1
    finally:
        for sock in sockets:
            sock.close()


def test_what_takes_long_takes_turns_at_its_places(tight_server: str, eventually: Callable[..., None]) -> None:
    # One quick place, two where a query stays for a while, two for long ones: the sixth has to wait.
    clients = [Client(tight_server, f"127.0.0.{80 + n}") for n in range(6)]
    eventually(lambda: not clients[0].running(), what="the end of what was before")
    sockets = [
        client.open_query(f"SELECT (COUNT(*) AS ?w{n}) {ENDLESS}", timeout=20) for n, client in enumerate(clients[:5])
    ]
    try:
        eventually(lambda: len(clients[0].running()) == 5, what="their arrival")
        time.sleep(0.5)
        reply = clients[5].ask(LOOK_UP)
        assert reply.status == 200
        assert reply.seconds < 2
        listed = clients[0].running()
        assert {each["lane"] for each in listed} <= {"quick", "middle", "long"}
        assert any(each["stage"] == "waiting" for each in listed)
    finally:
        for sock in sockets:
            sock.close()


# -- deaths ----------------------------------------------------------------------------------------------


def test_a_query_whose_worker_is_killed_is_answered_all_the_same(client: Client, tree: Tree) -> None:
    text = middling(6)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.ask, text)
        time.sleep(0.3)
        for pid in tree.workers:
            os.kill(pid, signal.SIGKILL)
        assert waiting.result().status == 200


@pytest.mark.parametrize("nth", [0, -1])
def test_the_service_outlives_what_makes_its_workers(
    client: Client, tree: Tree, nth: int, eventually: Callable[..., None]
) -> None:
    killed = tree.makers[nth]
    os.kill(killed, signal.SIGKILL)
    assert client.ask(LOOK_UP).status == 200
    eventually(lambda: len(tree.makers) == 2 and killed not in tree.makers, what="another one")
    assert client.ask(LOOK_UP).status == 200


def test_the_service_outlives_its_front(start_server: Any, eventually: Callable[..., None]) -> None:
    with start_server() as url:
        tree, client = Tree(url.process.pid), Client(url)
        before = tree.everyone[1:]
        # The server takes a second death within a few seconds for a loop.
        os.kill(tree.front, signal.SIGKILL)
        eventually(lambda: _status(client) == 200, 20, "an answer")
        eventually(lambda: not set(before) & set(_alive(before)), what="the end of those before")


def test_nothing_is_left_when_the_command_is_killed(start_server: Any, eventually: Callable[..., None]) -> None:
    with start_server(VETGRAPH_ADMIN_TOKEN=TOKEN) as url:
        client = Client(url)
        sock = client.open_query(f"SELECT * {CROSS}", timeout=20)
        time.sleep(0.3)
        everyone = Tree(url.process.pid).everyone
        assert len(everyone) > 4
        url.process.kill()
        url.process.wait()
        eventually(lambda: not _alive(everyone), 5, "the end of all processes")
        sock.close()
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.1", url.port))


def test_the_command_ends_in_time_whatever_runs(start_server: Any) -> None:
    with start_server() as url:
        everyone = Tree(url.process.pid).everyone
        sock = Client(url).open_query(f"SELECT (COUNT(*) AS ?n) {CROSS}", timeout=30)
        time.sleep(0.3)
        started = time.monotonic()
        url.process.terminate()
        url.process.wait(timeout=15)
        assert time.monotonic() - started < 10
        sock.close()
        time.sleep(0.2)
        assert not _alive(everyone)


def test_nothing_leaks(busy_server: str, client: Client, tree: Tree, eventually: Callable[..., None]) -> None:
    def everything() -> None:
        clients = [Client(busy_server, f"127.0.0.{90 + n}") for n in range(8)]
        together(clients, lambda n: LOOK_UP)
        together(clients[:4], lambda n: f"SELECT (COUNT(*) AS ?leak{n}) {CROSS}", timeout=0.3)
        together(clients[:4], lambda n: f"SELECT * {CROSS}", timeout=0.3)
        together(clients[:4], lambda n: "SELECT nonsense")
        sockets = [each.open_query(f"SELECT * {CROSS}", timeout=5) for each in clients]
        time.sleep(0.2)
        for sock in sockets:
            sock.close()
        eventually(lambda: not client.running(), what="the end of all")
        time.sleep(0.3)

    everything()
    handles, processes = tree.handles(), len(tree.everyone)
    for _ in range(3):
        everything()
    eventually(lambda: tree.handles() <= handles + 4, what="as few handles as before")
    eventually(lambda: len(tree.everyone) <= processes + 2, what="as few processes as before")


def test_jobs_of_one_client_take_turns_with_those_of_others(busy_server: str) -> None:
    many, few = Client(busy_server, "127.0.0.101"), Client(busy_server, "127.0.0.102")
    order: list[str] = []
    lock = threading.Lock()

    def ask(client: Client, name: str, n: int) -> None:
        assert client.ask(middling(2) + f" # {name}{n}").status == 200
        with lock:
            order.append(name)

    threads = [threading.Thread(target=ask, args=(many, "many", n)) for n in range(12)]
    threads += [threading.Thread(target=ask, args=(few, "few", n)) for n in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.005)
    for thread in threads:
        thread.join()
    # First come, first served would have the few last.
    assert max(n for n, name in enumerate(order) if name == "few") < len(order) - 3


def _status(client: Client) -> int:
    try:
        return client.ask(LOOK_UP).status
    except OSError:
        return 0


def _alive(pids: list[int]) -> list[int]:
    found = []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
                if file.read().rpartition(")")[2].split()[0] != "Z":
                    found.append(pid)
        except OSError:
            pass
    return found
