"""Ours and the servers that it is compared with."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks import virtuoso
from benchmarks.servers import Place, Server, Unstarted, free_port
from vetgraph import __version__
from vetgraph.media import N_QUADS

TOKEN: Final = "benchmark-token"  # noqa: S105 - of a server that lives for one run on this machine
GRAPH: Final = "https://w3id.org/vetgraph/graph/benchmark"
BUFFERS: Final = 170_000
"""Buffers of Virtuoso: a gigabyte and a half; the packaged ones are 80 MB."""


class Ours(Server):
    """``vetgraph serve`` on a store that ``vetgraph load`` filled."""

    name = "ours"
    title = "vetgraph"
    program = Path(sys.executable).name
    install = "pip install -e ."
    path = "/sparql"

    def version(self) -> str:
        return __version__

    def fill(self, place: Place) -> None:
        self.run(
            sys.executable, "-m", "vetgraph", "load", str(place.quads), "--store", str(self.store(place)), place=place
        )

    def store(self, place: Place) -> Path:
        """Return the folder of its store."""
        return self.folder(place) / "store"

    def command(self, place: Place, port: int) -> list[str]:
        return [sys.executable, "-m", "vetgraph", "serve", "--port", str(port)]

    def environment(self, place: Place) -> dict[str, str]:
        own = {"VETGRAPH_STORE": str(self.store(place)), "VETGRAPH_ADMIN_TOKEN": TOKEN}
        return {**super().environment(place), **own, **self.options.settings}


class RealGraph(Ours):
    """``vetgraph serve`` on the project's own graph."""

    name = "real"
    title = "vetgraph on the real graph"

    def fill(self, place: Place) -> None:
        self.run(sys.executable, "-m", "vetgraph", "build", place=place)


class OxigraphDisk(Server):
    """``oxigraph serve`` on disk, the yardstick."""

    name = "oxigraph-disk"
    title = "Oxigraph on disk"
    program = "oxigraph"
    install = "pip install oxigraph"

    def version(self) -> str:
        return self.run(self.found, "--version").rpartition(" ")[2]

    def fill(self, place: Place) -> None:
        self.run(self.found, "load", "--location", str(self.store(place)), "--file", str(place.quads))
        self.run(self.found, "optimize", "--location", str(self.store(place)))

    def store(self, place: Place) -> Path:
        """Return the folder of its database."""
        return self.folder(place) / "store"

    def command(self, place: Place, port: int) -> list[str]:
        address = ["--bind", f"127.0.0.1:{port}", "--union-default-graph"]
        return [self.found, "serve", "--location", str(self.store(place)), *address]


class OxigraphMemory(OxigraphDisk):
    """``oxigraph serve`` in memory: loaded over HTTP whenever it starts."""

    name = "oxigraph-memory"
    title = "Oxigraph in memory"

    def fill(self, place: Place) -> None:
        pass

    def command(self, place: Place, port: int) -> list[str]:
        return [self.found, "serve", "--bind", f"127.0.0.1:{port}", "--union-default-graph"]

    def prepare(self, place: Place, port: int) -> None:
        self.await_port(port)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=self.options.patience)
        try:
            size = {"Content-Type": N_QUADS.type, "Content-Length": str(place.quads.stat().st_size)}
            with place.quads.open("rb") as stream:
                connection.request("POST", "/store", stream, size)
                answer = connection.getresponse()
                if answer.status >= http.client.BAD_REQUEST:
                    raise OSError(f"loading was answered {answer.status}: {answer.read()[:200].decode()}")
        finally:
            connection.close()


class RdflibEndpoint(Server):
    """``rdflib-endpoint serve`` with rdflib's own store in memory, as its command sets it up."""

    name = "rdflib-endpoint"
    title = "rdflib-endpoint"
    program = "rdflib-endpoint"
    install = "pip install rdflib-endpoint uvicorn"
    path = "/"
    graphs = False
    parallel = False
    kind = "default"

    def version(self) -> str:
        python = str(Path(self.found).parent / "python")
        return self.run(python, "-c", "import importlib.metadata as m; print(m.version('rdflib-endpoint'))")

    def command(self, place: Place, port: int) -> list[str]:
        where = ["--host", "127.0.0.1", "--port", str(port)]
        return [self.found, "serve", *where, "--store", self.kind, str(place.triples)]


class RdflibEndpointOxigraph(RdflibEndpoint):
    """The same with Oxigraph as store: it still evaluates in Python."""

    name = "rdflib-endpoint-oxigraph"
    title = "rdflib-endpoint on an Oxigraph store"
    install = "pip install rdflib-endpoint uvicorn oxrdflib"
    kind = "Oxigraph"


class Virtuoso(Server):
    """Virtuoso Open Source with its limits lifted and buffers for a gigabyte and a half."""

    name = "virtuoso"
    title = "Virtuoso"
    program = "virtuoso-t"
    install = "apt-get install virtuoso-opensource"
    path = "/sparql"
    graphs = False
    more = (("default-graph-uri", GRAPH),)

    def version(self) -> str:
        told = subprocess.run([self.found, "-?"], capture_output=True, text=True, check=False)  # noqa: S603
        found = re.search(r"Version ([\d.]+)", told.stderr + told.stdout)
        return found[1] if found else "unknown"

    def text(self, text: str) -> str:
        # Its own DESCRIBE adds what points at a thing; this is its word for what the others answer.
        return f'DEFINE sql:describe-mode "CBD"\n{text}' if "DESCRIBE" in text else text

    def fill(self, place: Place) -> None:
        """Start it once, let its own bulk loader run, and end it by its own command."""
        port, sql = free_port(), free_port()
        orders = virtuoso.orders(self._isql, sql, place.triples, GRAPH, "checkpoint", "shutdown")
        with (place.folder / "virtuoso-load.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command
                self._command(place, port, sql), cwd=self.folder(place), stdout=log, stderr=log
            )
            try:
                self.await_port(port)
                self.run(*orders)
                process.wait(timeout=self.options.patience)
            finally:
                self.stop(process, port)

    @property
    def _isql(self) -> str:
        found = self.options.find("isql-vt") or self.options.find("isql")
        if found is None:
            raise Unstarted(f"{self.title}: isql is not here; install it with: {self.install}")
        return found

    def command(self, place: Place, port: int) -> list[str]:
        return self._command(place, port, free_port())

    def _command(self, place: Place, port: int, sql: int) -> list[str]:
        virtuoso.configure(self.folder(place), port, sql, place.folder, buffers=BUFFERS, graph=GRAPH)
        return [self.found, *virtuoso.OPTIONS]


SERVERS: Final = (Ours, OxigraphDisk, OxigraphMemory, RdflibEndpoint, RdflibEndpointOxigraph, Virtuoso)


@dataclass(frozen=True)
class Contender:
    """One way of asking one server: what a column of the results is."""

    name: str
    title: str
    server: str
    headers: Mapping[str, str] = field(default_factory=dict)
    hot: bool = False
    """Whether all that it is asked has been asked before: look-ups choose among few things."""

    @property
    def kind(self) -> type[Server]:
        """Its server."""
        return next(kind for kind in SERVERS if kind.name == self.server)

    def abreast(self, connections: int, processors: int) -> int:
        """Return how many answers it can compute at once for so many connections."""
        return min(connections, processors) if self.kind.parallel else 1


CONTENDERS: Final = (
    Contender("ours", "vetgraph, uncached", Ours.name, {"Cache-Control": "no-store"}),
    Contender("ours-cached", "vetgraph, cached", Ours.name, hot=True),
    *(Contender(kind.name, kind.title, kind.name) for kind in SERVERS[1:]),
)
