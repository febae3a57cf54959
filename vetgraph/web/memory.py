"""How a process that lives long deals with memory that it needs no more."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

# What <malloc.h> calls these (glibc).
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

LARGE: Final = 256 << 10
"""Bytes from which on an allocation has pages of its own, which go back to the system with it."""

SPARE: Final = 1 << 20
"""Free bytes that an arena keeps at its end."""

ARENAS: Final = 2
"""Arenas for all threads. Each keeps what it once needed, and by itself the C library has eight for each processor."""


def be_frugal() -> None:
    """Have the C library give back what is free, rather than keep it for the next request as large as the last.

    Left to itself it learns from bodies of some megabytes to keep them, in each arena anew. Harmless where the library
    is another one.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        for option, value in ((_ARENA_MAX, ARENAS), (_MMAP_THRESHOLD, LARGE), (_TRIM_THRESHOLD, SPARE)):
            mallopt(ctypes.c_int(option), ctypes.c_int(value))
