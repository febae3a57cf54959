"""Files to fetch: complete, the same byte for byte, in parts, with checksums."""

from __future__ import annotations

import base64
import gzip
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox
import pytest
import rdflib
from flask.testing import FlaskClient

from vetgraph.dataset import statistics
from vetgraph.engine import dumping
from vetgraph.settings import Settings
from vetgraph.store import GraphStore, memory_store

GRAPH = "https://w3id.org/vetgraph/graph/"


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(sha256(body).digest()).decode()}:"


def test_the_dump_holds_every_graph(client: FlaskClient, store: GraphStore) -> None:
    lines = gzip.decompress(client.get("/dump.nq.gz").data).decode().splitlines()
    assert len(lines) == store.version.triples
    trig = ox.parse(gzip.decompress(client.get("/dump.trig.gz").data), format=ox.RdfFormat.TRIG)
    sizes = Counter(quad.graph_name.value for quad in trig if isinstance(quad.graph_name, ox.NamedNode))
    assert dict(sizes) == dict(store.version.counts)


@pytest.mark.parametrize(("suffix", "format_"), [("ttl", "turtle"), ("nt", "nt")])
def test_a_graph_can_be_had_alone(client: FlaskClient, store: GraphStore, suffix: str, format_: str) -> None:
    answer = client.get(f"/dump/curation.{suffix}.gz")
    assert answer.content_type == "application/gzip"
    found = rdflib.Graph().parse(data=gzip.decompress(answer.data), format=format_)
    assert len(found) == store.version.counts[f"{GRAPH}curation"]


@pytest.mark.parametrize(("name", "slugs"), [("ontology", ("ontology", "schemes")), ("shapes", ("shapes",))])
def test_terms_and_rules_are_one_file_each(
    client: FlaskClient, store: GraphStore, name: str, slugs: tuple[str, ...]
) -> None:
    answer = client.get(f"/dump/{name}.ttl")
    assert answer.content_type == "text/turtle; charset=utf-8"
    wanted = {quad.triple for slug in slugs for quad in store.dump(GRAPH + slug)}
    assert len(rdflib.Graph().parse(data=answer.data, format="turtle")) == len(wanted)


def test_a_file_is_made_once_for_a_version(client: FlaskClient, config: Settings) -> None:
    first = client.get("/dump.nq.gz")
    (file,) = (config.store / "dumps").glob("*/dump.nq.gz")
    assert first.data == file.read_bytes()
    assert first.content_length == file.stat().st_size
    made = file.stat().st_mtime_ns
    again = client.get("/dump.nq.gz", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert client.get("/dump.nq.gz").data == first.data
    assert file.stat().st_mtime_ns == made


def test_another_process_writes_the_same_bytes(
    client: FlaskClient, store: GraphStore, store_folder: Path, tmp_path: Path
) -> None:
    names = ["dump.trig.gz", "dump/shapes.ttl", "dump/curation.ttl.gz"]
    command = [sys.executable, "-m", "vetgraph.engine.dumping", str(store_folder), "1", str(tmp_path)]
    subprocess.run([*command, *(quote(name, safe="") for name in names), "statistics.json"], check=True, timeout=120)
    for name in names:
        assert (tmp_path / quote(name, safe="")).read_bytes() == client.get(f"/{name}").data
    found = statistics.from_json((tmp_path / "statistics.json").read_text())
    assert found is not None
    assert {graph: size.triples for graph, size in found.graphs.items()} == dict(store.version.counts)


@pytest.mark.parametrize("name", ["dump.nq.gz", "dump/shapes.ttl", "dump/curation.nt.gz"])
def test_checksums_are_those_of_the_bytes(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/{name}")
    assert answer.headers["Repr-Digest"] == answer.headers["Content-Digest"] == digest(answer.data)
    head = client.head(f"/{name}")
    assert (head.data, head.content_length) == (b"", len(answer.data))
    assert head.headers["Repr-Digest"] == digest(answer.data)


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [("bytes=0-99", 0, 100), ("bytes=100-", 100, None), ("bytes=-50", -50, None), ("bytes=5-99999999", 5, None)],
)
def test_a_part_can_be_had(client: FlaskClient, asked: str, start: int, stop: int | None) -> None:
    whole = client.get("/dump/curation.ttl.gz")
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = client.get("/dump/curation.ttl.gz", headers={"Range": asked})
    assert part.status_code == 206
    assert part.data == whole.data[start:stop]
    first = start % len(whole.data)
    assert part.headers["Content-Range"] == f"bytes {first}-{first + len(part.data) - 1}/{len(whole.data)}"
    assert part.content_length == len(part.data)
    assert part.headers["Content-Digest"] == digest(part.data)
    assert part.headers["Repr-Digest"] == digest(whole.data)
    assert part.headers["ETag"] == whole.headers["ETag"]


def test_parts_make_up_the_whole_from_a_real_server(server_url: str) -> None:
    import urllib.request

    def get(**headers: str) -> Any:
        request = urllib.request.Request(f"{server_url}/dump/curation.ttl.gz", headers=headers)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, answer.headers, answer.read()

    _, headers, whole = get()
    first, _, start = get(Range="bytes=0-999")
    second, _, rest = get(Range="bytes=1000-", **{"If-Range": headers["ETag"]})
    assert (first, second) == (206, 206)
    assert start + rest == whole
    assert len(start) == 1000


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "lines=0-1", "bytes=x", "bytes=9-1"])
def test_other_ranges_are_left_unheard(client: FlaskClient, asked: str) -> None:
    answer = client.get("/dump/curation.ttl.gz", headers={"Range": asked})
    assert answer.status_code == 200
    assert len(answer.data) == answer.content_length


def test_a_part_of_another_state_is_the_whole(client: FlaskClient) -> None:
    answer = client.get("/dump/curation.ttl.gz", headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert (answer.status_code, len(answer.data)) == (200, answer.content_length)
    tag = answer.headers["ETag"]
    answer = client.get("/dump/curation.ttl.gz", headers={"Range": "bytes=0-9", "If-Range": tag})
    assert (answer.status_code, len(answer.data)) == (206, 10)


def test_a_part_beyond_the_end_is_refused(client: FlaskClient, assert_problem: Callable[..., object]) -> None:
    answer = client.get("/dump/curation.ttl.gz", headers={"Range": "bytes=99999999-"})
    assert_problem(answer, 416)
    length = client.head("/dump/curation.ttl.gz").content_length
    assert answer.headers["Content-Range"] == f"bytes */{length}"


@pytest.mark.parametrize("name", ["none.ttl.gz", "%2e%2e%2fcurrent.nt.gz", "..ttl.gz", "ontology.nt"])
def test_what_is_no_file_is_not_there(client: FlaskClient, assert_problem: Callable[..., object], name: str) -> None:
    assert_problem(client.get(f"/dump/{name}"), 404, "not-found")


def test_files_of_few_versions_are_kept(tmp_path: Path) -> None:
    thing, graph = ox.NamedNode("urn:s"), ox.NamedNode(f"{GRAPH}curation")
    store = memory_store([ox.Quad(thing, thing, thing, graph)])
    for number in range(6):
        dumping.Dumps(tmp_path, f"v{number}", store).file("dump/curation.ttl.gz")
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == dumping.KEPT
    assert "v5" in kept
