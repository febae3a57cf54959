"""Huge pages: data that are read much and written little are moved to pages of 2 MiB.

A fork copies the table of a process's pages, and its child's end goes through that table again. With pages of 4 KiB
that is 250,000 entries a gigabyte, in which a fork spends tens of milliseconds; with huge pages it is 500. Reading
gains as well, since the processor finds its way in a shorter table. A page that is written to while a child shares it
is taken apart by the kernel, so that what was gathered has to be gathered again after some changes.
"""

from __future__ import annotations

import ctypes
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

SIZE: Final = 2 << 20
"""Bytes of a huge page."""

STEP: Final = 16 << 20
"""Bytes that are gathered between two looks at what else there is to do: some milliseconds."""

FULL: Final = 0.75
"""Part of a stretch of memory that has to be in use: a huge page takes its room whether it is used or not."""

_COLLAPSE: Final = 25
"""MADV_COLLAPSE of Linux 6.1: gather now, whatever the system's settings for huge pages; elsewhere it is refused."""

_STRETCH: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0( +\[(heap|anon:.*)\])?$")


def gather(is_wanted: Callable[[], bool]) -> bool:
    """Move this process's data to huge pages, until something else ``is_wanted``; return whether all was done.

    It is help, not a promise: where the kernel can't do it, pages stay as they are.
    """
    if not sys.platform.startswith("linux"):
        return True
    advise = ctypes.CDLL(None).madvise
    for start, end in list(_stretches()):
        for step in range(start, end, STEP):
            if is_wanted():
                return False
            advise(ctypes.c_void_p(step), ctypes.c_size_t(min(STEP, end - step)), _COLLAPSE)
    return True


def _stretches() -> Iterator[tuple[int, int]]:
    """Yield where memory of this process's own is in use and not all in huge pages, in bounds of such."""
    start = end = used = 0
    with Path("/proc/self/smaps").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line[0].isupper():
                found = _STRETCH.match(line.rstrip())
                start, end = (int(found[1], 16), int(found[2], 16)) if found else (0, 0)
            elif line.startswith("Rss:"):
                used = _bytes(line)
            elif line.startswith("AnonHugePages:") and used >= FULL * (end - start) and used - _bytes(line) >= SIZE:
                yield -(-start // SIZE) * SIZE, end // SIZE * SIZE


def _bytes(line: str) -> int:
    """Return the bytes that a line of the kernel tells in units of 1024."""
    return int(line.split()[1]) << 10
