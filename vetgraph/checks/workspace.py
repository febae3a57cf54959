"""What checks share: the parsed content, places in files, faults."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pyoxigraph as ox

from vetgraph import queries
from vetgraph.building import assemble
from vetgraph.loading import Content, names
from vetgraph.store import GraphStore, memory_store
from vetgraph.validation import Submission, read
from vetgraph.vocab import GRAPH, shorten


@dataclass(frozen=True)
class Fault:
    """Something that is wrong: where (file and line), which term, and a sentence."""

    place: str
    term: str
    message: str

    def as_text(self) -> str:
        """Return the fault as one line."""
        return f"{self.place}: {self.term}: {self.message}" if self.term else f"{self.place}: {self.message}"


@dataclass(frozen=True)
class Outcome:
    """What a check found; `note` says how it was done where that can differ."""

    name: str
    what: str
    faults: tuple[Fault, ...]
    note: str = ""
    seconds: float = 0.0

    def as_text(self) -> str:
        """Return the outcome and its faults as lines."""
        verdict = "ok" if not self.faults else f"{len(self.faults)} fault(s)"
        note = f" ({self.note})" if self.note else ""
        lines = [f"{self.name:<12} {verdict:<12} {self.what}{note}, {self.seconds:.1f} s"]
        lines += [f"  {fault.as_text()}" for fault in self.faults]
        return "\n".join(lines)


@dataclass
class Workspace:
    """The content under check, parsed on first use."""

    content: Content
    sources: Path | None = None
    notes: dict[str, str] = field(default_factory=dict)
    _places: dict[Path, Submission] = field(default_factory=dict)

    @cached_property
    def engine(self) -> ox.Store:
        """All quads of the files and saved queries, nothing inferred."""
        return assemble(self.content)

    @cached_property
    def store(self) -> GraphStore:
        """The same, to be queried: the default graph is the union."""
        return memory_store(self.engine)

    @cached_property
    def catalogue(self) -> queries.Catalogue:
        """The saved queries."""
        return queries.read_catalogue(self.content.root)

    def _read(self, path: Path) -> Submission:
        if path not in self._places:
            self._places[path] = read(path.read_bytes(), "ttl", self.content.name(path))
        return self._places[path]

    def files_of(self, graph: str | None) -> Iterator[Path]:
        """Return the files of a graph (IRI or slug), or all files."""
        full = graph if graph is None or graph.startswith("http") else GRAPH + graph
        for owner, path in self.content.files:
            if full in (None, owner):
                yield path

    def place(
        self,
        subject: ox.NamedNode | ox.BlankNode,
        predicate: ox.NamedNode | None = None,
        object_: ox.NamedNode | ox.BlankNode | ox.Literal | None = None,
        graph: str | None = None,
    ) -> str:
        """Return ``file:line`` where a triple, or else its subject, is stated; the folder where unknown."""
        # Finding a place reads a file token by token, so only files that name the subject are read.
        candidates = [path for path in self.files_of(graph) if names(path, subject)]
        for pattern in ((subject, predicate, object_), (subject, predicate, None), (subject, None, None)):
            for path in candidates:
                position = self._read(path).position(*pattern)
                if position is not None:
                    return f"{self.content.name(path)}:{position.line}"
        return shorten(graph) if graph else "content"
