"""Nobody brings the service down: 13 good clients are served as ever while 19 bad ones do their worst.

The mix itself is in ``hostile/`` and runs in processes of its own; ``hostile/mix.py`` tries it on any service.
By default the attack lasts 15 seconds; ``TEST_OPTIONAL=required`` makes it 60.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyoxigraph as ox
import pytest

from vetgraph.store import GraphStore

MIX = Path(__file__).parent / "hostile" / "mix.py"
THOROUGH = os.environ.get("TEST_OPTIONAL") == "required"
SECONDS, QUIET, WINDOW = (60, 8, 3.5) if THOROUGH else (15, 6, 2.5)
TIMEOUT = 2
TOKEN = "a-token-for-tests"
CACHE = 16_000_000
MEGABYTE = 1 << 20

Report = dict[str, Any]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts processes and handles in /proc")


@pytest.fixture(scope="module")
def lookups(store: GraphStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What good clients ask, with the rows that the engine finds when it is asked by itself."""
    things = store.select(
        "SELECT DISTINCT ?s { ?s a <https://w3id.org/vetgraph/ontology#Statement> } ORDER BY ?s LIMIT 200"
    )
    found = []
    for row in things:
        text = f"SELECT ?p ?o {{ {row['s']} ?p ?o }} LIMIT {{n}}"
        answer = store.query(text.replace("{n}", "1000"))
        assert isinstance(answer, ox.QuerySolutions)
        body = answer.serialize(format=ox.QueryResultsFormat.JSON) or b""
        rows = json.loads(body)["results"]["bindings"]
        found.append([text, sorted(json.dumps(one, sort_keys=True) for one in rows)])
    path = tmp_path_factory.mktemp("lookups") / "lookups.json"
    path.write_text(json.dumps(found), "utf-8")
    return path


@pytest.fixture(scope="module")
def report(
    start_server: Callable[..., AbstractContextManager[Any]],
    store_folder: Path,
    lookups: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Report]:
    """What the mix saw, on a service with a copy of the store."""
    folder = tmp_path_factory.mktemp("attacked") / "store"
    shutil.copytree(store_folder, folder)
    with start_server(
        VETGRAPH_STORE=str(folder),
        VETGRAPH_ADMIN_TOKEN=TOKEN,
        VETGRAPH_QUERY_TIMEOUT=str(TIMEOUT),
        VETGRAPH_WORKER_MEMORY=str(512 * MEGABYTE),
        VETGRAPH_CACHE=str(CACHE),
    ) as server:
        command = [
            sys.executable,
            str(MIX),
            str(server.port),
            str(server.process.pid),
            TOKEN,
            "--lookups",
            str(lookups),
        ]
        command += [
            "--seconds",
            str(SECONDS),
            "--quiet",
            str(QUIET),
            "--window",
            str(WINDOW),
            "--timeout",
            str(TIMEOUT),
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 4 * QUIET + 120)
        assert result.returncode == 0, result.stderr[-4000:]
        found: Report = json.loads(result.stdout)
        yield {**found, "log": server.log.read_text("utf-8", "replace"), "ended": server.process.poll()}


def test_every_good_answer_is_right(report: Report) -> None:
    for phase in ("quiet", "quiet again"):
        assert report[phase]["faults"] == [], phase
    for phase in ("warm-up", "hostile"):
        refused = [fault for fault in report[phase]["faults"] if fault.startswith("503 ") and "limit-exceeded" in fault]
        # Who waited for a turn until the limit is told so; everybody else has the right answer.
        assert [fault for fault in report[phase]["faults"] if fault not in refused] == [], phase
        # In the first seconds nothing is known of any query; later hardly anybody waits so long.
        assert len(refused) <= report[phase]["asked"] / (50 if phase == "warm-up" else 200), phase


def test_no_bad_client_gets_an_answer_that_nobody_may_get(report: Report) -> None:
    assert [fault for bad in report["bad"] for fault in bad["faults"]] == []
    assert "Traceback" not in report["log"], report["log"][-4000:]


def test_each_kind_of_attack_took_place(report: Report) -> None:
    seen = " ".join(report["bad"][-1]["answers"])
    for words in ("limit-exceeded", "slow: ", "gone: ", "large body: 413", "garbage: 400", "write: 200"):
        assert words in seen, words
    assert "ConnectionRefusedError" not in seen


def test_runaway_queries_end_at_their_limit(report: Report) -> None:
    for bad in report["bad"]:
        late = {name: seconds for name, seconds in bad["late"].items() if seconds > 0.5}
        assert late == {}


def test_every_acknowledged_write_is_there(report: Report) -> None:
    assert report["lost"] == []
    assert report["written"] > SECONDS / 6


def test_no_process_and_no_handle_is_left(report: Report) -> None:
    # How many workers are kept ready, and versions open for pages, varies by a few; what leaks with each of the
    # hundreds of attacks would be far beyond that.
    before, after = report["before"], report["after"]
    assert sum(after["processes"].values()) <= sum(before["processes"].values()) + 3, (before, after)
    assert sum(after["handles"].values()) <= sum(before["handles"].values()) + 30, (before, after)
    assert report["ended"] is None


def test_memory_stays_flat(report: Report) -> None:
    # What may grow is the cache, up to its bound, and what processes of pages remember of a version before they are
    # replaced; a dump that is still being written adds its process. A leak with each of the attacks would be more.
    told = json.dumps({name: report[name]["each"] for name in ("before", "after")})
    assert report["after"]["memory"] <= report["before"]["memory"] + CACHE + 200 * MEGABYTE, told
    assert report["front at most"] < 256 * MEGABYTE, report["front at most"] // MEGABYTE


def test_good_clients_are_not_shut_out(report: Report) -> None:
    told = {name: report[name]["milliseconds"] for name in ("quiet", "hostile", "quiet again")}
    assert told["hostile"]["lookup"]["p99"] < 1000 * TIMEOUT, json.dumps(told)
    assert told["hostile"]["all"]["p100"] < 1000 * 60, json.dumps(told)
    # Once the attack is over, nothing of it is felt.
    assert told["quiet again"]["lookup"]["p50"] < 5 * told["quiet"]["lookup"]["p50"] + 5, json.dumps(told)


def test_good_clients_hardly_notice(report: Report) -> None:
    # What is aimed at is twice the quiet value. On two processors that the clients use as well it is 1.9 to 2.9 times
    # as long, by the mood of the machine; the bound leaves room for one that is busy otherwise.
    told = {name: report[name]["milliseconds"] for name in ("quiet", "hostile")}
    assert report["ratio"] < 6, json.dumps(told)
