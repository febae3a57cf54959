"""Workers keep the priority that they were given, whatever they do next."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from vetgraph.engine.confinement import TURN
from vetgraph.engine.crew import Crew
from vetgraph.engine.scheduling import lanes
from vetgraph.engine.work import Source


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="there is no such priority on this system")
def test_who_was_quick_and_takes_long_stays_at_the_lowest_priority() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])

    async def scene() -> None:
        keeper: Any = None
        crew = Crew(keeper, lanes(2), 2, 1 << 30)
        crew.closed = True  # nobody is to be made in the place of this one
        source = Source(1, lambda: asyncio.Future())
        crew.prepare(source)
        worker: Any = SimpleNamespace(pid=process.pid, lane=0, turn=0.0, source=source, start=lambda run: None)
        quick: Any = SimpleNamespace(lane=0, kind="query", pace="quick", source=source)
        long: Any = SimpleNamespace(lane=2, kind="query", pace="quick", source=source)
        crew._processors.turn = TURN
        source.idle[0].append(worker)
        crew.serve(quick)
        assert worker.turn == TURN
        crew.lower(worker, 2)
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE
        source.idle[2].append(worker)
        crew.serve(long)
        assert source.idle[2] == []
        assert os.sched_getscheduler(process.pid) == os.SCHED_IDLE

    try:
        asyncio.run(scene())
    finally:
        process.kill()
        process.wait()
