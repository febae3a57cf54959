"""Run the service under granian: one process for the front, started again when it dies, gone when its parent is."""

from __future__ import annotations

import contextlib
import os
import resource
from functools import partial
from typing import Any, Final

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server

from vetgraph.engine.confinement import follow_parent

TARGET: Final = "vetgraph.web.asgi:app"

CONNECTIONS: Final = 4096
"""Connections that are open at once, idle ones included."""

FILES: Final = 16_384
"""Files that the front may have open: a connection is one, a worker four."""

FAREWELL: Final = 5
"""Seconds for answers under way after the service was told to stop."""


def run(host: str, port: int) -> None:
    """Serve until stopped. The settings come from the environment, as in the front's process."""
    _allow_files()
    server = Server(
        TARGET,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        loop=Loops.auto,
        workers=1,
        websockets=False,
        backlog=CONNECTIONS,
        backpressure=CONNECTIONS,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=FAREWELL,
    )
    server.serve(target_loader=partial(_front, os.getpid()), wrap_loader=False)


def _front(parent: int) -> Any:
    """Return the application, in the front's process: which ends with its parent, and its workers with it."""
    follow_parent(parent)
    from vetgraph.web.asgi import app

    return app


def _allow_files() -> None:
    """Allow as many open files as the system lets us have, up to what is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
