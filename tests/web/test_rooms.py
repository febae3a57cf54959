"""Pages are made in processes of their own: which may hang, die or be left, and nobody else notices."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from vetgraph.engine import frames
from vetgraph.engine.frames import Channel, Frame
from vetgraph.store import open_store
from vetgraph.web.labels import Labels
from vetgraph.web.pagework import SIGNAL, payload
from vetgraph.web.rooms import PROGRAM

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere pages are made in threads of the front")

MODULE = "vetgraph.web.pagework"
HTML = {"Accept": "text/html"}
TOKEN = "token-of-the-maintainer"
PROC = Path("/proc")
SECONDS_PER_TICK = 1 / os.sysconf("SC_CLK_TCK") if sys.platform != "win32" else 0.0


def fields(pid: int) -> list[str]:
    """Return the fields of a process's ``stat`` that follow its name; none where it is gone."""
    try:
        found = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if found[0] == "Z" else found


def children(pid: int) -> list[int]:
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return [each for each in pids if (found := fields(each)) and int(found[1]) == pid]


def front_of(server: Any) -> int:
    return children(server.process.pid)[0]


def page_processes(front: int) -> list[int]:
    return [pid for pid in children(front) if MODULE in (PROC / str(pid) / "cmdline").read_text()]


def seconds_of(pid: int) -> float:
    user, system = map(int, fields(pid)[11:13])
    return (user + system) * SECONDS_PER_TICK


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    """Return what a function returns once that is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


def fresh(client: Any, number: int, path: str = "/areas") -> Any:
    """Return a page that no cache knows."""
    reply = client.get(f"{path}?fresh={time.monotonic_ns()}-{number}", "text/html")
    assert (reply.status_code, reply.mimetype) == (200, "text/html"), reply.text[:500]
    return reply


def opened(client: Any, front: int) -> None:
    """Wait until pages are made by processes; as long as these start, the front makes them."""

    def made() -> bool:
        before = sum(map(seconds_of, page_processes(front)))
        own = seconds_of(front)
        for number in range(3):
            fresh(client, number)
        return seconds_of(front) - own < 0.06 < sum(map(seconds_of, page_processes(front))) - before

    until(made)


def both(front: int, but: Collection[int] = ()) -> list[int]:
    """Return the two processes of pages once they are there and have begun, other ones than some."""

    def there() -> list[int]:
        found = [pid for pid in page_processes(front) if pid not in but and seconds_of(pid) > 0.2]
        return found if len(found) == 2 else []

    found: list[int] = until(there)
    return found


@pytest.fixture(scope="module")
def server(start_server: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    with start_server() as url:
        both(front_of(url))
        yield url


@pytest.fixture
def client(server: Any, http_of: Callable[[str], Any]) -> Any:
    return http_of(server)


@pytest.fixture
def processes(server: Any) -> list[int]:
    return both(front_of(server))


def test_the_front_does_not_make_pages(server: Any, client: Any, processes: list[int]) -> None:
    front = front_of(server)
    opened(client, front)
    before = seconds_of(front), sum(map(seconds_of, processes))
    for number in range(12):
        fresh(client, number)
    in_front, in_rooms = seconds_of(front) - before[0], sum(map(seconds_of, processes)) - before[1]
    assert in_rooms > 0.3
    assert in_rooms > 4 * in_front, (in_front, in_rooms)
    # Queries go first: by their niceness.
    assert {int(fields(pid)[16]) - int(fields(front)[16]) for pid in processes} == {5}


def test_a_process_that_dies_is_replaced_and_nobody_notices(server: Any, client: Any, processes: list[int]) -> None:
    os.kill(processes[0], signal.SIGKILL)
    for number in range(6):
        fresh(client, number)
    assert len(both(front_of(server), processes[:1])) == 2


def test_a_process_that_hangs_is_replaced_once_its_client_has_gone(
    server: Any, client: Any, processes: list[int]
) -> None:
    opened(client, front_of(server))
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    for number in range(2):
        own = (f"127.0.0.{number + 7}", 0)
        with socket.create_connection(("127.0.0.1", server.port), source_address=own) as connection:
            connection.sendall(f"GET /areas?left={number} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n".encode())
            time.sleep(0.3)
    assert not set(both(front_of(server), processes)) & set(processes)
    fresh(client, 0)


def test_processes_end_with_the_front(start_server: Callable[..., AbstractContextManager[Any]]) -> None:
    with start_server("--empty") as server:
        found = both(front_of(server))
        os.kill(front_of(server), signal.SIGKILL)
        until(lambda: not any(map(fields, found)))
        os.kill(server.process.pid, signal.SIGKILL)
    assert not any(map(fields, found))


# -- one process by itself ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def channel(environment: dict[str, str]) -> Iterator[Any]:
    """A process of pages, with its front's end."""
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    with theirs:
        command = [sys.executable, "-c", PROGRAM, "--fd", str(theirs.fileno()), str(os.getpid())]
        process = subprocess.Popen(command, pass_fds=[theirs.fileno()], env=environment)
    with ours:
        link: Any = Channel(ours)
        link.process = process
        assert list(link.replies()) == [(frames.WHOLE, b'{"ready":true}\n')]
        yield link
    assert process.wait(10) == 0


def asked(path: str, query: str = "") -> bytes:
    scope = {"method": "GET", "path": path, "http_version": "1.1", "query_string": query.encode()}
    headers = [(b"host", b"localhost"), (b"accept", b"text/html")]
    return frames.frame(frames.JOB, payload({**scope, "headers": headers, "client": ["127.0.0.1", 1]}, b""))


def answer(channel: Any) -> list[Frame]:
    found: list[Frame] = list(channel.replies())
    return found


def test_what_asks_the_engine_is_handed_back(channel: Any) -> None:
    channel.send(asked("/sparql", "query=ASK%7B%7D"))
    assert answer(channel) == [(frames.WHOLE, b'{"elsewhere":true}\n')]


def test_a_page_that_nobody_waits_for_is_left(channel: Any) -> None:
    left = 0
    for _ in range(8):
        channel.send(asked("/ontology"))
        time.sleep(0.05)
        channel.process.send_signal(SIGNAL)
        last = answer(channel)[-1]
        if last[0] == frames.ERROR:
            assert b'"Cancelled"' in last[1]
            left += 1
        # Whatever came of it, the next answer is whole, and its own.
        channel.send(asked("/problems/busy"))
        found = answer(channel)
        assert (found[0][0], b"The service is busy" in found[-1][1]) == (frames.WHOLE, True)
    assert left > 0


def test_a_signal_that_comes_too_late_harms_nothing(channel: Any) -> None:
    for _ in range(3):
        channel.process.send_signal(SIGNAL)
        channel.send(asked("/problems/busy"))
        assert answer(channel)[-1][0] in (frames.WHOLE, frames.ERROR)
    channel.send(asked("/problems/busy"))
    assert answer(channel)[0][0] == frames.WHOLE


# -- labels -------------------------------------------------------------------------------------------------------

LABEL = "<http://www.w3.org/2004/02/skos/core#prefLabel>"
TITLE = "<http://purl.org/dc/terms/title>"
CHANGES = (
    f'INSERT DATA {{ <urn:a> {LABEL} "one"@en , "un"@fr ; {TITLE} "a title"@en . <urn:b> {TITLE} "b"@en }}',
    "INSERT DATA { <urn:a> <urn:p> 1 }",
    f'DELETE DATA {{ <urn:a> {LABEL} "one"@en }}',
    f'INSERT DATA {{ GRAPH <urn:g> {{ <urn:a> {LABEL} "another"@en , "an"@en . _:x {LABEL} "of nothing" }} }}',
    f'DELETE {{ ?s {TITLE} ?o }} INSERT {{ ?s <http://www.w3.org/2000/01/rdf-schema#label> "plain" }} '
    f"WHERE {{ ?s {TITLE} ?o }}",
    "DROP GRAPH <urn:g>",
    "DROP ALL",
)


def test_labels_follow_what_is_written(
    start_server: Callable[..., AbstractContextManager[Any]], http_of: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    with start_server("--empty", "--store", str(folder), VETGRAPH_ADMIN_TOKEN=TOKEN) as url:
        client = http_of(url)
        carried = Labels(folder)
        seen: list[Any] = [dict(carried.of(open_store(folder)))]
        for change in CHANGES:
            reply = client.update(change)
            assert reply.status_code == 200, reply.text
            store = open_store(folder)
            names = {thing: dict(words) for thing, words in carried.of(store).items() if words}
            assert names == Labels(None).of(store), change
            seen.append(names)
        both(front_of(url))
        follow_a_name(client)
    assert [each.get("urn:a", {}).get("en") for each in seen] == [None, "one", "one", "a title", "an", "an", None, None]
    assert seen[6]["urn:a"] == {"fr": "un", "": "plain"}


def follow_a_name(client: Any) -> None:
    """Whichever process makes the page of a thing: after a write it calls the thing by its new name."""
    thing = "https://w3id.org/vetgraph/id/a-thing"
    for name in ("First name", "Second name", "Third name"):
        text = f'DROP ALL ; INSERT DATA {{ GRAPH <urn:g> {{ <{thing}> {LABEL} "{name}"@en }} }}'
        assert client.update(text).status_code == 200
        for _ in range(3):
            assert name in client.get(f"/doc/id/a-thing.html?fresh={time.monotonic_ns()}").text
