"""Who gets which worker, and where that one computes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from vetgraph.engine.crew import Crew
from vetgraph.engine.scheduling import lanes
from vetgraph.engine.work import Source

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="there is no such priority on this system")


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as found:
        yield found
        found.kill()


def play(scene: Callable[[Crew, Source], None]) -> None:
    """Play a scene with a crew that makes no worker by itself."""

    async def playing() -> None:
        keeper: Any = None
        crew = Crew(keeper, lanes(2), 2, 1 << 30)
        crew.closed = True
        crew.source = Source(1, lambda: asyncio.Future())
        crew.prepare(crew.source)
        scene(crew, crew.source)

    asyncio.run(playing())


def run_of(source: Source, pace: str | None, lane: int = 0) -> Any:
    return SimpleNamespace(lane=lane, kind="query", pace=pace, source=source, worker=None)


def worker_of(source: Source, pid: int) -> Any:
    worker = SimpleNamespace(pid=pid, lane=0, aside=None, source=source, run=None, followed=False)
    worker.start = lambda run: setattr(worker, "run", run)
    return worker


def test_who_takes_long_stays_at_the_lowest_priority(process: subprocess.Popen[bytes]) -> None:
    def scene(crew: Crew, source: Source) -> None:
        worker = worker_of(source, process.pid)
        source.idle[0].append(worker)
        crew.serve(run_of(source, "quick"))
        crew.lower(worker, 2)
        source.idle[2].append(worker)
        crew.serve(run_of(source, "quick", lane=2))
        assert source.idle[2] == []
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE

    play(scene)


def test_who_is_not_quick_leaves_workers_for_who_is(process: subprocess.Popen[bytes]) -> None:
    def scene(crew: Crew, source: Source) -> None:
        source.idle[0].extend(worker_of(source, process.pid) for _ in range(3))
        guest, second, quick = run_of(source, None), run_of(source, None), run_of(source, "quick")
        for run in (guest, second, quick):
            crew.serve(run)
        assert list(source.wanting) == [second]
        assert len(source.idle[0]) == 1

    play(scene)


def test_a_guest_keeps_aside_and_what_is_quick_does_not(process: subprocess.Popen[bytes]) -> None:
    everything = os.sched_getaffinity(0)
    if len(everything) < 2:
        pytest.skip("there is one processor only")

    def scene(crew: Crew, source: Source) -> None:
        crew._processors.apart = True
        workers = [worker_of(source, process.pid) for _ in range(3)]
        source.idle[0].extend(workers)
        crew.serve(run_of(source, None))
        assert len(os.sched_getaffinity(process.pid)) < len(everything)
        crew.serve(run_of(source, "quick"))
        assert os.sched_getaffinity(process.pid) == everything
        assert [worker.aside for worker in workers] == [None, False, True]
        # An answer that its reader holds up stays in its lane, but its worker does not.
        crew.lower(workers[1], 2)
        crew._put(workers[1], quick=True)
        assert len(os.sched_getaffinity(process.pid)) < len(everything)

    play(scene)
