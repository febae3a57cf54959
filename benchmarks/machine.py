"""What Linux knows of the machine and of processes: idle time, memory, who holds a connection.

Memory is the proportional set size (PSS): pages that processes share are counted once, spread over those who share
them, so that the sum over forked workers is what they take together.
"""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
ESTABLISHED: Final = "01"


def ticks() -> tuple[int, int]:
    """Return the idle and the total clock ticks of all processors so far."""
    fields = [int(word) for word in (PROC / "stat").read_text().splitlines()[0].split()[1:9]]
    return fields[3] + fields[4], sum(fields)


def wait_for_idle(most: float, busy: float = 0.08, window: float = 0.1) -> float:
    """Wait until the processors are idle but for a share, at most so many seconds; return the busy share seen last."""
    ends = time.monotonic() + most
    while True:
        idle, total = ticks()
        time.sleep(window)
        idle_now, total_now = ticks()
        share = 1 - (idle_now - idle) / max(1, total_now - total)
        if share <= busy or time.monotonic() >= ends:
            return share


def busy(root: int, window: float = 0.3) -> float:
    """Return how much of one processor a process and its descendants use over a time."""
    pids = tree(root)
    before = sum(map(_spent, pids))
    time.sleep(window)
    return (sum(map(_spent, pids)) - before) / window


def _spent(pid: int) -> float:
    with contextlib.suppress(OSError):
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        for children in (PROC / str(pid) / "task").glob("*/children"):
            with contextlib.suppress(OSError):
                waiting += [int(word) for word in children.read_text().split()]
    return found


def memory(pids: Iterable[int]) -> int:
    """Return the proportional set size of processes together, in bytes; those that have ended count nothing."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def resident(pid: int) -> int:
    """Return the resident set size of a process in bytes, 0 where it has ended."""
    with contextlib.suppress(OSError):
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def holders(pids: Iterable[int], server_port: int, client_port: int) -> list[int]:
    """Return the processes that hold the server's end of a connection on this machine."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(server_port, client_port)}
    return [pid for pid in pids if sockets & set(_files(pid))]


def _inodes(server_port: int, client_port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            ports = [int(end.rpartition(":")[2], 16) for end in fields[1:3]]
            if ports == [server_port, client_port] and fields[3] == ESTABLISHED:
                yield fields[9]


def _files(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for name in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(name.readlink())


def describe() -> dict[str, str]:
    """Return what a reader must know of the machine to judge numbers."""
    models = [line for line in (PROC / "cpuinfo").read_text().splitlines() if line.startswith("model name")]
    kilobytes = int((PROC / "meminfo").read_text().split()[1])
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.processor(),
        "processors": str(os.cpu_count()),
        "memory": f"{kilobytes / 1024**2:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
    }
