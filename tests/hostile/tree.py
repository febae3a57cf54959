"""What a service takes from the machine: its processes, handles, memory and processor time, as /proc tells."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Inventory:
    """What a tree of processes holds at a moment. Memory in bytes; shared pages count once (PSS)."""

    processes: dict[str, int]
    handles: dict[str, int]
    threads: int
    memory: int
    each: list[tuple[str, int]]
    front: int

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def size(self) -> tuple[int, int]:
        """How many processes there are, and how many handles they have."""
        return sum(self.processes.values()), sum(self.handles.values())


def members(root: int) -> list[int]:
    """Return the processes of a tree, its root first; those that have ended but were not waited for included."""
    parents: dict[int, list[int]] = {}
    for pid, fields in _stats():
        parents.setdefault(int(fields[1]), []).append(pid)
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def inventory(root: int) -> Inventory:
    """Return what the tree of a process holds now."""
    pids = members(root)
    each = sorted((_name(pid), _memory(pid, "smaps_rollup", "Pss:")) for pid in pids)
    return Inventory(
        processes=dict(Counter(name for pid in pids if (name := _name(pid)))),
        handles=dict(Counter(kind for pid in pids for kind in _handles(pid))),
        threads=sum(_threads(pid) for pid in pids),
        memory=sum(size for _, size in each),
        each=each,
        front=max(_memory(pid, "status", "VmRSS:") for pid in pids[:2]),
    )


def front(root: int) -> list[int]:
    """Return who may be the front: the root, and its first child where the root only watches over it."""
    return members(root)[:2]


def resident(pids: list[int]) -> int:
    """Return the resident bytes of the largest of some processes. Looks at these only, so often as may be.

    Looking at all processes makes the kernel take note of each, and the end of each takes longer by that.
    """
    return max(_memory(pid, "status", "VmRSS:") for pid in pids)


def processor_seconds(root: int) -> float:
    """Return the processor time of a tree, of children that it has waited for as well."""
    wanted = set(members(root))
    return sum(sum(map(int, fields[11:15])) for pid, fields in _stats() if pid in wanted) / TICKS


def machine_seconds() -> float:
    """Return the processor time that the whole machine has spent on anything but idling."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, _read(PROC / "stat").split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def _stats() -> Iterator[tuple[int, list[str]]]:
    """Yield each process with the fields of its ``stat`` that follow its name."""
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (text := _read(entry / "stat")):
            yield int(entry.name), text.rpartition(")")[2].split()


def _name(pid: int) -> str:
    """Return the kind of a process: the module that it runs, or what it calls itself."""
    words = _read(PROC / str(pid) / "cmdline").partition("--fd")[0]
    modules = re.findall(r"vetgraph\.[\w.]+|vetgraph|granian", words)
    return modules[-1] if modules else _read(PROC / str(pid) / "comm").strip()


def _handles(pid: int) -> Iterator[str]:
    """Yield what each handle of a process is for; a store or a version that it has open counts once.

    Of how many files a store consists is its own affair, and changes with what is written.
    """
    stores = set()
    for entry in _entries(PROC / str(pid) / "fd"):
        try:
            target = entry.readlink()
        except OSError:
            continue
        if target.suffix == ".sst":
            stores.add(target.parent)
        else:
            yield target.name if target.is_absolute() else str(target).partition(":")[0]
    yield from ("store" for _ in stores)


def _threads(pid: int) -> int:
    return len(_entries(PROC / str(pid) / "task"))


def _memory(pid: int, file: str, field: str) -> int:
    for line in _read(PROC / str(pid) / file).splitlines():
        if line.startswith(field):
            return int(line.split()[1]) << 10
    return 0


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
