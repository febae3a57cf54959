"""Confinement: what a process that runs foreign work may not do, and what becomes of it when its parent ends.

Linux on x86-64 and aarch64 has all of it; elsewhere a worker goes on without what can't be had, and :func:`lacking`
says so, for one line in the log. None of it needs privileges.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import signal
import struct
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

STACK: Final = 512 << 20
"""Bytes of stack of a worker: address space only, until a query nests that deeply."""

_SLACK: Final = 128 << 20
"""Bytes of address space beside data, stack and a query's memory: arenas and small stacks of other threads."""

_USUAL_STACK: Final = 2 << 20
_THREAD_ATTRIBUTES: Final = 128
"""Bytes that hold a pthread_attr_t of any C library: it is 56 or 64."""

_SMALL_STACK: Final = 256 << 10
"""Bytes of stack of any other thread of a worker."""

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2


@dataclass(frozen=True)
class Limits:
    """What a worker may take: ``memory`` bytes beyond the data, ``files`` open at once, ``nice`` as its priority."""

    memory: int = 2 << 30
    files: int = 1024
    nice: int = 0


@dataclass(frozen=True)
class _Machine:
    """An architecture: its number for seccomp, and the numbers of the system calls that are denied.

    ``sockets``: socket, socketpair, bind, listen, accept, accept4, connect; there is no way out, by whatever family.
    ``others``: other ways to act through another process, which nothing here needs: execve, execveat, ptrace,
    process_vm_readv, process_vm_writev, kill, tkill (abort() takes tgkill). Calls from ``foreign`` on are those of
    another calling convention.
    """

    number: int
    sockets: tuple[int, ...]
    others: tuple[int, ...]
    foreign: int = 0xFFFFFFFF


# io_uring (setup, enter, register) does what the sockets' calls do without calling them; pidfd_getfd and
# pidfd_send_signal reach into other processes. These have the same numbers everywhere.
_RINGS: Final = (425, 426, 427)
_REACHING: Final = (424, 438)
_MACHINES: Final = {
    "x86_64": _Machine(
        0xC000003E,
        (41, 53, 49, 50, 43, 288, 42),
        (59, 322, 101, 310, 311, 62, 200),
        foreign=0x40000000,  # the x32 calls, which are the same once more
    ),
    "aarch64": _Machine(
        0xC00000B7,
        (198, 199, 200, 201, 202, 242, 203),
        (221, 281, 117, 270, 271, 129, 130),
    ),
}

_LOAD: Final = 0x20
_JUMP_EQUAL: Final = 0x15
_JUMP_AT_LEAST: Final = 0x35
_RETURN: Final = 0x06
_ALLOW: Final = 0x7FFF0000
_DENY: Final = 0x00050000 | 13  # EACCES


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def lacking() -> tuple[str, ...]:
    """Return what this machine can't do to confine a worker; empty where it can do everything."""
    found = []
    if not sys.platform.startswith("linux"):
        found.append("end workers with their parent, name their stage")
    if not _has_seccomp():
        found.append("deny workers the network by the kernel (seccomp)")
    return tuple(found)


def follow_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; end now where that has happened already."""
    if sys.platform.startswith("linux"):
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def confine(limits: Limits, *, network: bool) -> None:
    """Take from this process, and from all threads that it starts, what a query has no business with.

    To be called by the only thread, before foreign work and before other threads are started.
    """
    threading.stack_size(_SMALL_STACK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit_files(limits.files)
    if limits.nice:
        os.nice(limits.nice)
    deny_calls(network=network)


def deny_calls(*, network: bool) -> bool:
    """Deny this process other programs, other processes and (but for ``network``) sockets, for good.

    Returns False where the kernel has no way to do so.
    """
    if not _has_seccomp():
        return False
    code = _filter(_MACHINES[platform.machine()], network=network)
    program = _Program(len(code) // 8, code)
    return (
        _prctl(_PR_SET_NO_NEW_PRIVS, 1) == 0
        and _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program)) == 0
    )


def keep_threads_small() -> None:
    """Have libraries start their threads on stacks of the usual size, in a program that was given a big one.

    The C library takes the limit of the main stack for that of all others, and these would count as memory.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "pthread_setattr_default_np"):
        attributes = ctypes.create_string_buffer(_THREAD_ATTRIBUTES)
        library.pthread_attr_init(attributes)
        library.pthread_attr_setstacksize(attributes, ctypes.c_size_t(_USUAL_STACK))
        library.pthread_setattr_default_np(attributes)


def limit_memory(extra: int) -> None:
    """Let this process grow by ``extra`` bytes of address space beside its data and its stack."""
    with contextlib.suppress(OSError, ValueError):
        limit = _address_space() + extra + STACK + _SLACK
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


@contextlib.contextmanager
def big_stack() -> Iterator[None]:
    """Give the programs that are started meanwhile a main stack that deeply nested queries do not overflow soon.

    The kernel lays out a program's memory by the limit that holds when it starts; who is forked has the same.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
    resource.setrlimit(resource.RLIMIT_STACK, (STACK if hard == resource.RLIM_INFINITY else min(STACK, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))


class Stage:
    """The name of the calling thread, by which another process sees how far a query has come."""

    def __init__(self) -> None:
        self._file: int | None = None
        with contextlib.suppress(OSError):
            self._file = os.open("/proc/thread-self/comm", os.O_WRONLY | os.O_CLOEXEC)

    def set(self, name: bytes) -> None:
        """Name the stage, in up to 15 bytes; half a microsecond."""
        if self._file is not None:
            os.write(self._file, name)


IDLE: Final = 19
"""Niceness of what runs only where nothing else wants the processor."""


def renice(process: int, nice: int) -> None:
    """Give a process, of which one thread does the work, another priority.

    A process that has ended meanwhile is none of the caller's worries.
    """
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process, nice)
        if nice >= IDLE:
            # Niceness alone still delays whoever wakes up by a slice of time.
            os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))


def end() -> NoReturn:
    """End this process at once: nothing that a parent process has open is flushed or closed twice."""
    os._exit(0)


def _limit_files(files: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = files if hard == resource.RLIM_INFINITY else min(files, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _address_space() -> int:
    # By hand: what reads files for people costs each new worker a millisecond.
    descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
    try:
        return int(os.read(descriptor, 128).split()[0]) * resource.getpagesize()
    finally:
        os.close(descriptor)


def _has_seccomp() -> bool:
    known = sys.platform.startswith("linux") and platform.machine() in _MACHINES
    return known and Path("/proc/sys/kernel/seccomp").exists()


def _filter(machine: _Machine, *, network: bool) -> bytes:
    """Return the filter's instructions: another architecture's calls and those in the lists are denied.

    Each instruction is (code, jump if so, jump if not, operand); jumps count instructions to skip.
    """
    denied = (*machine.others, *_REACHING, *(() if network else (*machine.sockets, *_RINGS)))
    checks = len(denied)
    lines = [
        (_LOAD, 0, 0, 4),  # seccomp_data.arch
        (_JUMP_EQUAL, 0, checks + 3, machine.number),
        (_LOAD, 0, 0, 0),  # seccomp_data.nr
        (_JUMP_AT_LEAST, checks + 1, 0, machine.foreign),
        *((_JUMP_EQUAL, checks - index, 0, number) for index, number in enumerate(denied)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _prctl(option: int, *values: int) -> int:
    longs = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    return int(ctypes.CDLL(None, use_errno=True).prctl(ctypes.c_int(option), *longs))
