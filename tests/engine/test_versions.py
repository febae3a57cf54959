"""New versions are read as soon as they are published, old ones for as long as they are kept."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .conftest import ENDLESS, TOKEN, Client, Tree

COUNT = "SELECT (COUNT(*) AS ?n) { ?s <x:%s> ?o }"


def count(client: Client, name: str, **parameters: Any) -> int:
    return int(client.ask(COUNT % name, **parameters).rows[0]["n"]["value"])


def test_who_writes_reads_what_was_written(writer: Client) -> None:
    for number in range(8):
        reply = writer.update(f"INSERT DATA {{ <x:{number}> <x:own> {number} }}")
        assert reply.status == 200
        answer = writer.ask(COUNT % "own")
        assert int(answer.rows[0]["n"]["value"]) == number + 1
        assert int(answer.headers["vetgraph-version"]) >= int(reply.json["version"])


def test_writers_at_once_lose_nothing(writer: Client) -> None:
    assert writer.update("INSERT DATA { <x:counter> <x:value> 0 }").status == 200
    increment = (
        "DELETE { <x:counter> <x:value> ?n } INSERT { <x:counter> <x:value> ?next } "
        "WHERE { <x:counter> <x:value> ?n BIND(?n + 1 AS ?next) }"
    )
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: writer.update(increment), range(12)))
    assert {reply.status for reply in replies} == {200}
    (row,) = writer.ask("SELECT ?n { <x:counter> <x:value> ?n }").rows
    assert row["n"]["value"] == "12"


def test_queries_under_way_read_one_version(writer: Client) -> None:
    pairs = "INSERT DATA {{ {} }}".format(" ".join(f"<x:{n}> <x:left> 0 ; <x:right> 0 ." for n in range(50)))
    writer.update(pairs)
    change = (
        "DELETE { ?s <x:left> ?a ; <x:right> ?b } INSERT { ?s <x:left> ?next ; <x:right> ?next } "
        "WHERE { ?s <x:left> ?a ; <x:right> ?b BIND(?a + 1 AS ?next) }"
    )
    differing = "SELECT * { ?s <x:left> ?a ; <x:right> ?b FILTER(?a != ?b) }"
    with ThreadPoolExecutor(3) as pool:
        writes = [pool.submit(writer.update, change) for _ in range(6)]
        while not all(write.done() for write in writes):
            assert writer.ask(differing).rows == []
    assert {write.result().status for write in writes} == {200}
    assert writer.ask("SELECT DISTINCT ?a { ?s <x:left> ?a }").rows[0]["a"]["value"] == "6"


def test_what_another_process_publishes_is_followed(
    start_server: Any, tmp_path: Path, environment: dict[str, str], eventually: Callable[..., None]
) -> None:
    folder = tmp_path / "store"
    with start_server("--empty", "--store", str(folder), VETGRAPH_ADMIN_TOKEN=TOKEN) as url:
        client = Client(url)
        assert count(client, "other") == 0
        data = tmp_path / "data.nt"
        data.write_text("".join(f"<x:{n}> <x:other> <x:o> .\n" for n in range(10)))
        subprocess.run(
            [sys.executable, "-m", "vetgraph", "load", str(data), "--store", str(folder)],
            env=environment, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        eventually(lambda: count(client, "other") == 10, 3, "the new version")


def test_old_versions_are_read_while_they_are_kept(start_server: Any) -> None:
    with start_server("--empty", VETGRAPH_ADMIN_TOKEN=TOKEN, VETGRAPH_KEEP_VERSIONS="3") as url:
        client = Client(url)
        numbers = [int(client.update(f"INSERT DATA {{ <x:{n}> <x:old> {n} }}").json["version"]) for n in range(5)]
        for back in (2, 3):
            assert count(client, "old", at=numbers[-back]) == 6 - back
            assert client.ask(COUNT % "old", at=numbers[-back]).headers["vetgraph-version"] == str(numbers[-back])
        unknown = client.ask(COUNT % "old", at=numbers[-1] + 5)
        assert unknown.status == 404
        time.sleep(1.5)  # the writer removes what is not kept any more before it ends
        assert client.ask(COUNT % "old", at=numbers[0]).status == 404


def test_a_version_that_is_read_is_not_removed(start_server: Any, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with start_server("--empty", "--store", str(folder), VETGRAPH_ADMIN_TOKEN=TOKEN, VETGRAPH_KEEP_VERSIONS="1") as url:
        client = Client(url)
        first = int(client.update("INSERT DATA { <x:a> <x:held> 1 }").json["version"])
        sock = client.open_query(f"SELECT * {ENDLESS}", timeout=20)
        time.sleep(0.5)
        for number in range(4):
            assert client.update(f"INSERT DATA {{ <x:{number}> <x:more> 1 }}").status == 200
        time.sleep(1.5)
        assert (folder / "versions" / str(first)).is_dir()
        sock.close()


def test_both_ways_of_reading_answer_the_same(start_server: Any) -> None:
    query = "SELECT ?s ?o { ?s a ?o } ORDER BY STR(?s) STR(?o) LIMIT 500"
    answers = []
    for memory in ("0", str(4 << 30)):
        with start_server(VETGRAPH_MEMORY=memory) as url:
            client = Client(url)
            time.sleep(1.5 if memory != "0" else 0)
            answers.append(client.ask(query).rows)
    assert answers[0] == answers[1]
    assert len(answers[0]) == 500


def test_a_store_that_can_not_be_read_is_a_clear_problem(start_server: Any, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with start_server("--empty", "--store", str(folder), VETGRAPH_ADMIN_TOKEN=TOKEN):
        pass
    for path in (folder / "versions" / "1").iterdir():
        os.truncate(path, 0)
    with start_server("--store", str(folder)) as url:
        reply = Client(url).ask("ASK {}")
        assert reply.status == 503
        assert reply.json["type"] == "/problems/store-damaged"


def test_validations_beside_writes_are_answered(writer: Client) -> None:
    # What is judged in the context of the data reads the version of its moment, however often that changes meanwhile.
    document = "".join(
        f'<x:{n}> a <https://w3id.org/vetgraph/ontology#Organisation> ; <x:n> "{n}" .\n' for n in range(20)
    )
    stop = threading.Event()

    def write() -> set[int]:
        statuses, number = set(), 0
        while not stop.is_set():
            number += 1
            statuses.add(writer.update(f"INSERT DATA {{ <x:{number}> <x:beside> {number} }}").status)
        return statuses

    def judge(_: int) -> tuple[int, str]:
        reply = writer.request(
            "POST", "/validate", document.encode(), Content_Type="text/turtle", Accept="application/json"
        )
        return reply.status, reply.json["context"]

    with ThreadPoolExecutor(4) as pool:
        writing = pool.submit(write)
        try:
            judged = set(pool.map(judge, range(8)))
        finally:
            stop.set()
        assert writing.result() == {200}
    assert judged == {(200, "store")}


def test_workers_follow_small_changes_and_are_replaced_at_rest(
    open_server: Any, writer: Client, eventually: Callable[..., None]
) -> None:
    tree = Tree(open_server.process.pid)
    writer.update("INSERT DATA { <x:first> <x:followed> 0 }")
    eventually(lambda: len(tree.makers) == 2 and len(tree.workers) >= 4, 20, "all workers")
    before = set(tree.workers)
    for number in (1, 2):
        assert writer.update(f"INSERT DATA {{ <x:{number}> <x:followed> {number} }}").status == 200
        assert {count(writer, "followed") for _ in range(4)} == {number + 1}
    # Each change takes the worker that made it, and hardly any other.
    assert len(before & set(tree.workers)) >= 2
    eventually(lambda: not before & set(tree.workers), 20, "new workers in the place of those that followed")
    assert count(writer, "followed") == 3


def test_a_large_change_is_read_as_well(writer: Client) -> None:
    many = " ".join(f"<x:{n}> <x:many> '{n * 7919:x}{n * 104729:x}' ." for n in range(20_000))
    assert writer.update(f"INSERT DATA {{ {many} }}").status == 200
    assert count(writer, "many") == 20_000
