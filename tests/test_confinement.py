"""Confinement, tried out by processes that take it on themselves: what they can't do any more, and when they end."""

from __future__ import annotations

import json
import os
import platform
import resource
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from vetgraph.engine import confinement

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "aarch64"),
    reason="confinement by the kernel is for Linux on x86-64 and aarch64",
)


def tried(program: str, *arguments: str) -> Any:
    """What a program says, as JSON, in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *arguments], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


ATTEMPTS = """
    import ctypes, errno, json, os, socket, sys, threading
    from vetgraph.engine import confinement
    libc = ctypes.CDLL(None, use_errno=True)
    x86 = os.uname().machine == "x86_64"

    def call(*numbers):
        ctypes.set_errno(0)
        libc.syscall(*numbers)
        return errno.errorcode.get(ctypes.get_errno())

    def attempt(what):
        try:
            what()
            return None
        except OSError as error:
            return errno.errorcode[error.errno]

    attempts = {
        "inet": lambda: attempt(lambda: socket.socket(socket.AF_INET)),
        "inet6": lambda: attempt(lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)),
        "unix": lambda: attempt(lambda: socket.socket(socket.AF_UNIX)),
        "netlink": lambda: attempt(lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)),
        "pair": lambda: attempt(socket.socketpair),
        "io_uring": lambda: call(425, 8, None),
        "program": lambda: attempt(lambda: os.execv("/bin/true", ["true"])),
        "signal": lambda: attempt(lambda: os.kill(os.getppid(), 0)),
        "pidfd": lambda: call(438, 0, 0, 0),
        "other names": lambda: call((41 if x86 else 198) | 0x40000000, 2, 1, 0) if x86 else "EACCES",
    }
    assert confinement.deny_calls(network=sys.argv[1] == "network")
    found = {name: what() for name, what in attempts.items()}
    inherited = []
    thread = threading.Thread(target=lambda: inherited.append(attempt(lambda: socket.socket(socket.AF_INET))))
    thread.start(); thread.join()
    print(json.dumps({**found, "in a thread": inherited[0]}))
"""


def test_this_machine_lacks_nothing() -> None:
    assert confinement.lacking() == ()


def test_no_way_out_is_left() -> None:
    assert set(tried(ATTEMPTS, "none").values()) == {"EACCES"}


def test_with_the_network_only_the_network_is_left() -> None:
    found = tried(ATTEMPTS, "network")
    assert {name for name, code in found.items() if code == "EACCES"} == {"program", "signal", "pidfd", "other names"}


SERVICE = """
    import json, sys
    import pyoxigraph as ox
    from vetgraph.engine import confinement
    if sys.argv[2] == "denied":
        confinement.deny_calls(network=False)
    try:
        list(ox.Store().query("SELECT * { SERVICE <http://127.0.0.1:%s/> { ?s ?p ?o } }" % sys.argv[1]))
        said = "answered"
    except Exception as error:
        said = str(error)
    print(json.dumps(said))
"""


@pytest.mark.parametrize("how", ["denied", "allowed"])
def test_the_engine_itself_reaches_no_other_host(how: str) -> None:
    """What gets past the look at the text: with the filter nothing arrives, without it a connection does."""
    came: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            connection, address = server.accept()
            came.append(address)
            connection.close()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        said = tried(SERVICE, str(server.getsockname()[1]), how)
        if how == "denied":
            assert "ermission denied" in said
            assert not came
            socket.create_connection(server.getsockname()).close()
        thread.join(10)
    assert len(came) == 1


def test_memory_is_bounded_beyond_what_is_there() -> None:
    found = tried("""
        import json, resource
        from vetgraph.engine import confinement
        kept = bytearray(300 << 20)
        confinement.limit_memory(64 << 20)
        def fits(size):
            try:
                bytearray(size)
                return True
            except MemoryError:
                return False
        print(json.dumps([fits(32 << 20), fits(1 << 30), len(kept) >> 20]))
    """)
    assert found == [True, False, 300]


def test_limits_hold_for_the_process() -> None:
    found = tried("""
        import json, os, resource
        from vetgraph.engine.confinement import Limits, confine
        confine(Limits(files=77, nice=3), network=False)
        print(json.dumps([resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NOFILE),
                          os.getpriority(os.PRIO_PROCESS, 0)]))
    """)
    assert found == [[0, 0], [77, 77], os.getpriority(os.PRIO_PROCESS, 0) + 3]


def test_programs_started_with_a_big_stack_have_it_and_nobody_else() -> None:
    found = tried("""
        import json, resource, subprocess, sys
        from vetgraph.engine.confinement import big_stack
        def stack():
            return resource.getrlimit(resource.RLIMIT_STACK)
        before = stack()
        command = [sys.executable, "-c", "import resource; print(resource.getrlimit(resource.RLIMIT_STACK)[0])"]
        with big_stack():
            told = int(subprocess.run(command, capture_output=True, check=True).stdout)
        print(json.dumps([told, stack() == before]))
    """)
    hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
    assert found == [confinement.STACK if hard == resource.RLIM_INFINITY else min(hard, confinement.STACK), True]


def test_other_threads_of_a_worker_are_small() -> None:
    found = tried("""
        import json, threading
        from vetgraph.engine.confinement import Limits, confine
        confine(Limits(), network=False)
        print(json.dumps(threading.stack_size()))
    """)
    assert found == 256 << 10


@pytest.mark.parametrize(("nice", "policy"), [(12, os.SCHED_OTHER), (confinement.IDLE, os.SCHED_IDLE)])
def test_a_process_is_given_another_priority(nice: int, policy: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        confinement.renice(process.pid, nice)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == nice
        assert os.sched_getscheduler(process.pid) == policy
    finally:
        process.kill()
        process.wait()
    confinement.renice(process.pid, nice)


def test_a_process_ends_with_its_parent() -> None:
    child = (
        "import os, time; from vetgraph.engine.confinement import follow_parent; follow_parent(os.getppid()); "
        "print(os.getpid(), flush=True); time.sleep(60)"
    )
    parent = f"import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    pid = int(process.stdout.readline())
    process.kill()
    process.communicate()
    for _ in range(300):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except FileNotFoundError:
            return
        time.sleep(0.01)
    raise AssertionError("the child is still there")


def test_a_parent_that_is_gone_already_is_noticed() -> None:
    program = "from vetgraph.engine.confinement import follow_parent; follow_parent(1 << 30); print('went on')"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "")
