"""Why a worker died, from how it ended and what it wrote to standard error in its last moment."""

from __future__ import annotations

import os
import re
import signal
from typing import Final

from vetgraph.errors import EngineError, LimitExceeded, UnsupportedQuery, VetgraphError

_MEMORY: Final = re.compile(rb"memory allocation of (\d+) bytes failed")
_NO_MEMORY: Final = (b"std::bad_alloc", b"MemoryError", b"cannot allocate memory", b"out of memory")
_MIXED_SORT: Final = b"does not correctly implement a total order"
_PANIC: Final = re.compile(rb"panicked at [^\n]*\n([^\n]+)")
_STACK: Final = (signal.SIGSEGV, signal.SIGBUS)


def diagnose(status: int | None, stderr: bytes, *, memory: int | None = None) -> VetgraphError:
    """Return the error behind the death of a worker.

    ``status`` is a wait status, None where nobody knows it; ``memory`` the bytes that a query may take.
    """
    if _MEMORY.search(stderr) or any(words in stderr for words in _NO_MEMORY):
        return out_of_memory(memory)
    if _MIXED_SORT in stderr:
        return UnsupportedQuery(
            "The engine can't sort values of different kinds, such as texts, numbers and years, that can't be compared "
            "with each other: sort by STR(?x), or by the values of one kind."
        )
    ended = _signal(status)
    if ended in _STACK or b"overflowed its stack" in stderr:
        return UnsupportedQuery("The query is nested too deeply for the engine: put fewer groups into each other.")
    if ended == signal.SIGKILL:
        return EngineError("The process that evaluated the query was killed from outside, perhaps for want of memory.")
    panic = _PANIC.search(stderr)
    if panic:
        said = panic[1].decode(errors="replace").strip().rstrip(".")
        return EngineError(f"The engine gave up on the query: {said}.")
    how = f" by {ended.name}" if ended else ""
    return EngineError(f"The process that evaluated the query ended{how} before it had answered.")


def out_of_memory(memory: int | None) -> LimitExceeded:
    """Return the error of a query that wanted more memory than it may have."""
    bound = f"the {memory >> 20} MiB that it may take" if memory else "what it may take"
    return LimitExceeded(
        f"The query needs more memory than {bound}: narrow it down, or sort and group less at once.",
        limit=memory,
        unit="bytes",
    )


def _signal(status: int | None) -> signal.Signals | None:
    if status is None or not os.WIFSIGNALED(status):
        return None
    return signal.Signals(os.WTERMSIG(status))
