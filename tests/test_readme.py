"""The README's first screen: what it shows is what a newcomer gets."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyoxigraph as ox
import pytest

from vetgraph import media
from vetgraph.store import current_version

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
LOCAL = "http://localhost:8000"
FIRST_SCREEN = README.partition("\n## ")[0]
RUN, ASK, TEST = re.findall(r"^```sh\n(.*?)^```$", FIRST_SCREEN, re.MULTILINE | re.DOTALL)
ANSWER = re.findall(r"^```csv\n(.*?)^```$", FIRST_SCREEN, re.MULTILINE | re.DOTALL)[0]

NO_INDEX = re.compile(r"No matching distribution|Could not find a version|NewConnectionError|ProxyError")


def test_the_first_screen_has_its_commands() -> None:
    assert RUN == "pip install . && vetgraph serve\n"
    assert TEST == "pip install '.[test]' && pytest\n"
    assert ASK.startswith("curl ")
    assert len(FIRST_SCREEN.splitlines()) <= 60


def test_the_first_question_has_the_answer_that_is_shown(server_url: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl; enable with: apt-get install curl")
    command = ["bash", "-c", ASK.replace(LOCAL, server_url)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ANSWER.splitlines()
    assert len(ANSWER.splitlines()) > 1


def doors() -> list[str]:
    """Return the addresses in the table of doors, those with a suffix after them spelt out."""
    table = README.partition("## Doors")[2].partition("\n## ")[0]
    found = re.findall(r"`([^`]*)`", table)
    addresses = [name for name in found if name.startswith("/")]
    thing = next(name for name in addresses if name.startswith("/doc/"))
    return [*addresses, *(thing + name for name in found if name.startswith("."))]


@pytest.mark.parametrize("address", doors())
def test_every_door_opens(address: str, server_url: str) -> None:
    with urllib.request.urlopen(server_url + address, timeout=60) as answer:
        assert answer.status == 200
        body = answer.read()
    kind = media.by_suffix(address.rpartition(".")[2])
    if kind is not None and "graph" in kind.carries and not address.startswith("/context"):
        form = ox.RdfFormat.from_media_type(kind.type)
        assert form is not None
        assert len(list(ox.parse(body, format=form))) > 10


# -- a newcomer -------------------------------------------------------------------------------


@contextmanager
def serving(program: Path, folder: Path, port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run ``vetgraph serve`` in a folder of its own; end it cleanly."""
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(
            [str(program), "serve", "--port", str(port)], cwd=folder, env=environment, stdout=log, stderr=log, text=True
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=20)


def first_answer(port: int, process: subprocess.Popen[str], seconds: float) -> tuple[str, float]:
    """Return the first query's answer and how long it took to come."""
    query = re.search(r"'query=(.*)'\n", ASK, re.DOTALL)
    assert query is not None
    body = urllib.parse.urlencode({"query": query[1], "format": "csv"}).encode()
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        assert process.poll() is None, "the server ended"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/sparql", body, timeout=10) as answer:
                return answer.read().decode(), time.monotonic() - started
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"no answer within {seconds} seconds")


def _without_index(message: str) -> None:
    if os.environ.get("TEST_OPTIONAL") == "required":
        pytest.fail(message)
    pytest.skip(message)


def install(folder: Path) -> Path:
    """Install a copy of the checkout into a fresh virtual environment; return its folder of programs."""
    checkout = folder / "checkout"
    ignored = shutil.ignore_patterns(".git", "__pycache__", "*.pyc", "build", "dist", ".*_cache", "tests")
    shutil.copytree(ROOT, checkout, ignore=ignored)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=120)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    result = subprocess.run(
        [str(programs / "python"), "-m", "pip", "install", "--quiet", "--no-compile", str(checkout)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    if result.returncode and NO_INDEX.search(result.stderr):
        _without_index("pip reaches no package index; enable with: pip config set global.index-url <an index at hand>")
    assert result.returncode == 0, result.stderr
    shutil.rmtree(checkout)
    return programs


def test_a_newcomer_installs_serves_and_asks(tmp_path: Path, store_folder: Path, environment: dict[str, str]) -> None:
    programs = install(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    clean = {name: value for name, value in environment.items() if not name.startswith(("VETGRAPH_", "PYTHON"))}
    clean |= {"XDG_DATA_HOME": str(tmp_path / "share"), "HOME": str(home)}
    with serving(programs / "vetgraph", home, port, clean) as process:
        answer, _ = first_answer(port, process, 240)
    assert answer.splitlines() == ANSWER.splitlines()
    log = (home / "server.log").read_text()
    assert "building one" in log
    assert "Traceback" not in log
    with serving(programs / "vetgraph", home, port, clean) as process:
        again, seconds = first_answer(port, process, 30)
    assert again == answer
    assert seconds < 10
    installed, ours = current_version(tmp_path / "share" / "vetgraph"), current_version(store_folder)
    assert installed is not None
    assert ours is not None
    assert installed.counts == ours.counts
    assert installed.number == 1
