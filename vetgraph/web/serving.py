"""Run the WSGI application under granian."""

from __future__ import annotations

import os

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server import Server

TARGET = "vetgraph.web.wsgi:app"
THREADS = 4
"""Requests answered at once; evaluation releases the interpreter lock."""


def run(host: str, port: int, *, empty: bool = False) -> None:
    """Serve until stopped. The settings come from the environment, as in the worker process."""
    if empty:
        os.environ["VETGRAPH_EMPTY"] = "1"
    Server(
        TARGET,
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=THREADS,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
    ).serve()
