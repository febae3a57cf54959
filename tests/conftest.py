"""Fixtures: one snapshot per session, an application, and a real server process."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from vetgraph import building, settings
from vetgraph.evidence import sources_folder
from vetgraph.settings import Settings
from vetgraph.store import GraphStore, open_store
from vetgraph.web import create_app

ROOT = Path(__file__).resolve().parents[1]

# The benchmarks lie beside the package and are not installed; the package itself is the installed one.
sys.path.append(str(ROOT))

# The source texts are not part of the project; a folder beside the checkout is where they usually lie.
_BESIDE = ROOT.parent / "shared" / "seeds"
if _BESIDE.is_dir():
    os.environ.setdefault("VETGRAPH_SOURCES", str(_BESIDE))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def store_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a snapshot built from the real content."""
    folder = tmp_path_factory.mktemp("store")
    building.build(folder)
    return folder


@pytest.fixture(scope="session")
def config(store_folder: Path) -> Settings:
    return settings.Settings(store=store_folder)


@pytest.fixture(scope="session")
def store(store_folder: Path) -> GraphStore:
    return open_store(store_folder)


@pytest.fixture(scope="session")
def app(config: Settings) -> Flask:
    return create_app(config)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def environment(store_folder: Path) -> dict[str, str]:
    """The environment in which processes find the snapshot."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VETGRAPH_")}
    return {**kept, "VETGRAPH_STORE": str(store_folder), "PYTHONWARNINGS": "error"}


@pytest.fixture(scope="session")
def vetgraph(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line as a process: ``vetgraph("query", "name")``."""

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        options.setdefault("env", environment)
        return subprocess.run(
            [sys.executable, "-m", "vetgraph", *arguments], capture_output=True, text=True, timeout=180, **options
        )

    return run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, process: subprocess.Popen[str], seconds: float = 60) -> float:
    """Wait until an address answers; return how long it took."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}: {process.communicate()}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return time.monotonic() - started
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise RuntimeError(f"{url} did not answer within {seconds} s")


class Server(str):
    """The address of a running service, with its process, its port and its log."""

    process: subprocess.Popen[str]
    port: int
    log: Path


@pytest.fixture(scope="session")
def start_server(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., AbstractContextManager[Server]]:
    """A real ``vetgraph serve`` process as a context: ``with start_server("--empty", VETGRAPH_QUEUE="4") as url``."""

    @contextmanager
    def start(*options: str, **variables: str) -> Iterator[Server]:
        port = free_port()
        log = tmp_path_factory.mktemp("log") / "server.log"
        with log.open("w") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "vetgraph", "serve", "--port", str(port), *options],
                env={**environment, **variables},
                stdout=stream,
                stderr=subprocess.STDOUT,
                text=True,
            )
            server = Server(f"http://127.0.0.1:{port}")
            server.process, server.port, server.log = process, port, log
            try:
                wait_for(f"{server}/healthz", process)
                yield server
            finally:
                process.terminate()
                process.wait(timeout=20)

    return start


@pytest.fixture(scope="session")
def server_url(start_server: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The address of a running service on the session's snapshot."""
    with start_server() as url:
        yield url


def optional(reason: str, command: str) -> None:
    """Skip an optional test with the command that enables it; fail where optional suites must run."""
    message = f"{reason}; enable with: {command}"
    if os.environ.get("TEST_OPTIONAL") == "required":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def java() -> str:
    """The Java runtime, for HermiT."""
    path = shutil.which("java")
    if path is None:
        optional("no Java runtime", "apt-get install default-jre-headless")
    assert path is not None
    return path


@pytest.fixture
def assert_problem() -> Callable[..., dict[str, Any]]:
    """Assert that a response is a problem (RFC 9457) of some status; return its members."""

    def check(response: Any, status: int, slug: str | None = None) -> dict[str, Any]:
        assert response.status_code == status, response.text
        assert response.content_type == "application/problem+json"
        problem: dict[str, Any] = response.get_json(force=True)
        assert problem["status"] == status
        assert problem["title"]
        assert problem["detail"].rstrip().endswith((".", "?", "!"))
        assert "Traceback" not in response.text
        if slug:
            assert problem["type"] == f"/problems/{slug}"
        return problem

    return check


@pytest.fixture
def sources() -> Path:
    """The folder of source texts, where it is at hand."""
    folder = sources_folder()
    if folder is None:
        pytest.skip("the source texts are not at hand; enable with: VETGRAPH_SOURCES=<folder of the texts>")
    return folder
