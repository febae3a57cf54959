"""The W3C suites, black-box over HTTP, by the runner that lies beside the checkout where it is at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUNNER = Path(os.environ.get("CONFORMANCE_RUNNER", ROOT.parent / "shared" / "tools" / "conformance"))
KNOWN = Path(__file__).parent / "conformance"
TOKEN = "a-token-for-the-conformance-suites"

Start = Callable[..., AbstractContextManager[str]]


def known_failures(name: str) -> set[str]:
    lines = (KNOWN / f"{name}-known-failures.txt").read_text("utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


@pytest.fixture
def run_suites(tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Run the suites of some names against an address; return the outcome of each test."""
    program = RUNNER / "conformance.py"
    if not program.is_file():
        pytest.skip("the conformance runner is not at hand; enable with: CONFORMANCE_RUNNER=<its folder>")
    report = tmp_path / "report.json"

    def run(url: str, suites: str, *options: str) -> list[dict[str, Any]]:
        command = [sys.executable, str(program), "--url", url, "--suites", suites, "--json", str(report), *options]
        subprocess.run(command, check=True, capture_output=True, timeout=1200)
        tests: list[dict[str, Any]] = json.loads(report.read_text("utf-8"))["tests"]
        return tests

    return run


def with_status(tests: list[dict[str, Any]], status: str) -> set[str]:
    return {test["id"] for test in tests if test["status"] == status}


def test_shacl_suite(start_server: Start, run_suites: Callable[..., list[dict[str, Any]]]) -> None:
    with start_server("--empty") as url:
        tests = run_suites(url, "shacl.*", "--gsp-url", "", "--no-preflight")
    assert len(tests) == 120
    assert with_status(tests, "fail") == known_failures("shacl")


def test_sparql_suites(start_server: Start, run_suites: Callable[..., list[dict[str, Any]]]) -> None:
    """Query, update, protocol, graph store, service description, formats, and who may write."""
    with start_server("--empty", "--default-graph", "plain", VETGRAPH_ADMIN_TOKEN=TOKEN) as url:
        tests = run_suites(url, "(?!shacl).*", "--write-header", f"Authorization: Bearer {TOKEN}")
    # Not run: entailment regimes, SERVICE at IRIs that only the suite knows, graphs named by their own address.
    assert Counter(test["status"] == "skip" for test in tests) == {True: 81, False: 1394}
    assert with_status(tests, "fail") == known_failures("sparql")
    assert len(with_status(tests, "pass")) == 1374
