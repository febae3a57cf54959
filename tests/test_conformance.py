"""The W3C SHACL suite, black-box over HTTP, by the runner that lies beside the checkout where it is at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RUNNER = Path(os.environ.get("CONFORMANCE_RUNNER", ROOT.parent / "shared" / "tools" / "conformance"))
KNOWN = Path(__file__).parent / "conformance" / "shacl-known-failures.txt"


def known_failures() -> set[str]:
    return {line for line in KNOWN.read_text().splitlines() if line and not line.startswith("#")}


def test_shacl_suite(start_server: Callable[..., AbstractContextManager[str]], tmp_path: Path) -> None:
    program = RUNNER / "conformance.py"
    if not program.is_file():
        pytest.skip("the conformance runner is not at hand; enable with: CONFORMANCE_RUNNER=<its folder>")
    report = tmp_path / "report.json"
    options = ["--gsp-url", "", "--suites", "shacl.*", "--no-preflight", "--json", str(report)]
    with start_server("--empty") as url:
        command = [sys.executable, str(program), "--url", url, *options]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    tests = json.loads(report.read_text())["tests"]
    failed = {test["id"] for test in tests if test["status"] == "fail"}
    assert len(tests) == 120
    assert failed == known_failures()
