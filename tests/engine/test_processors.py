"""What is not quick keeps off a processor while somebody asks what is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from vetgraph.engine.processors import BACKGROUND, ENOUGH, LATE, LINGER, Processors
from vetgraph.engine.scheduling import BRISK

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="there is one processor only"
)

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEP) as found:
        yield found
        found.kill()


@pytest.fixture
def busy() -> Iterator[Processors]:
    """Those of a service that has just been asked much that is quick."""
    processors = Processors()
    for number in range(ENOUGH):
        processors.note(BRISK / 2, now=100 + number / 100)
    yield processors
    processors.look(1000, long=False)


def test_one_is_kept_free_while_quick_and_long_jobs_are_done(busy: Processors) -> None:
    assert busy.look(100.1, long=True)
    assert busy.apart
    assert not busy.look(100.1, long=True)


def test_it_stays_so_for_a_moment(busy: Processors) -> None:
    busy.look(100.1, long=True)
    assert not busy.look(100.1 + LINGER / 2, long=False)
    assert busy.look(100.2 + LINGER, long=False)
    assert not busy.apart


def test_nobody_quick_changes_nothing(busy: Processors) -> None:
    assert not busy.look(100.2 + LATE, long=True)


def test_few_quick_jobs_and_jobs_that_are_not_change_nothing() -> None:
    processors = Processors()
    for number in range(ENOUGH - 1):
        processors.note(BRISK / 2, now=100 + number / 100)
    for number in range(20):
        processors.note(2 * BRISK, now=100 + number / 100)
    assert not processors.look(100.2, long=True)


def test_where_nothing_takes_long_all_are_for_all(busy: Processors) -> None:
    assert not busy.look(100.1, long=False)


def test_a_worker_is_moved_and_comes_back(busy: Processors, process: subprocess.Popen[bytes]) -> None:
    everything = os.sched_getaffinity(0)
    busy.assign(process.pid, aside=True)
    assert 0 < len(os.sched_getaffinity(process.pid)) < len(everything)
    busy.assign(process.pid, aside=False)
    assert os.sched_getaffinity(process.pid) == everything
    process.kill()
    process.wait()
    busy.assign(process.pid, aside=True)  # one that has ended is nobody's worry


def test_other_processes_keep_aside_as_well(busy: Processors, process: subprocess.Popen[bytes]) -> None:
    everything = os.sched_getaffinity(0)
    BACKGROUND.add(process)
    assert os.sched_getaffinity(process.pid) == everything
    busy.look(100.1, long=True)
    assert len(os.sched_getaffinity(process.pid)) < len(everything)
    with subprocess.Popen(SLEEP) as later:
        BACKGROUND.add(later)
        assert os.sched_getaffinity(later.pid) == os.sched_getaffinity(process.pid)
        busy.look(200, long=True)
        assert os.sched_getaffinity(later.pid) == os.sched_getaffinity(process.pid) == everything
        later.kill()
