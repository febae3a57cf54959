"""Short turns on the processor, for clients that stand for other machines and share this one."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct

_SYSCALL = ctypes.CDLL(None).syscall
_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")


def take_turns_of(seconds: float) -> None:
    """Have this thread compute in turns of a length: who asks for short ones gets the next sooner (Linux 6.12)."""
    if _SET_ATTRIBUTES is None:
        return
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    told = _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, nice, 0, round(seconds * 1e9), 0, 0)
    with contextlib.suppress(OSError):
        _SYSCALL(_SET_ATTRIBUTES, 0, told, 0)
