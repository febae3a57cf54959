"""What takes long keeps off a processor while somebody asks what is quick."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vetgraph.engine.processors import ENOUGH, LATE, Processors
from vetgraph.engine.scheduling import BRISK

several = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="there is one processor only"
)


def busy() -> Processors:
    processors = Processors()
    for number in range(ENOUGH):
        processors.note(BRISK / 2, now=100 + number / 100)
    return processors


@several
def test_one_is_kept_free_while_quick_jobs_are_done() -> None:
    processors = busy()
    everything = processors.for_long
    assert everything == os.sched_getaffinity(0)
    assert processors.look(100.1, long=True)
    assert processors.turn > 0
    assert 0 < len(processors.for_long) < len(everything)
    assert not processors.look(100.1, long=True)
    assert processors.look(100 + 2 * LATE, long=True)
    assert (processors.for_long, processors.turn) == (everything, 0)


@several
def test_few_quick_jobs_and_jobs_that_are_not_change_nothing() -> None:
    processors = Processors()
    for number in range(ENOUGH - 1):
        processors.note(BRISK / 2, now=100 + number / 100)
    for number in range(20):
        processors.note(2 * BRISK, now=100 + number / 100)
    assert not processors.look(100.2, long=True)


@several
def test_where_nothing_takes_long_all_are_for_all() -> None:
    assert not busy().look(100.1, long=False)


@several
def test_a_process_is_moved() -> None:
    processors = busy()
    processors.look(100.1, long=True)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        processors.assign(process.pid)
        assert os.sched_getaffinity(process.pid) == processors.for_long
    finally:
        process.kill()
        process.wait()
    processors.assign(process.pid)  # one that has ended is nobody's worry
