"""Files of the project → quads in named graphs.

A folder under ``data/`` is a named graph; ontology, schemes, shapes and saved queries have one each.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyoxigraph as ox

from vetgraph.errors import ContentError
from vetgraph.vocab import BASE, GRAPH

FOLDERS = ("ontology", "shapes", "data", "queries")


def content_root() -> Path:
    """Return the folder that holds ontology, shapes, data and queries.

    In a wheel they lie inside the package, in a checkout beside it.
    """
    inside = Path(__file__).parent / "content"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Content:
    """The Turtle files of the project, each with the graph that it belongs to."""

    root: Path
    files: tuple[tuple[str, Path], ...]

    @property
    def graphs(self) -> list[str]:
        """The IRIs of the graphs, in the order of their files, each once."""
        return list(dict.fromkeys(graph for graph, _ in self.files))

    def of(self, slug: str) -> list[Path]:
        """Return the files of the graph with that slug."""
        return [path for graph, path in self.files if graph == GRAPH + slug]

    def fingerprint(self) -> str:
        """Return a checksum over the names and bytes of all files, saved queries included."""
        digest = hashlib.sha256()
        for path in [*(path for _, path in self.files), *sorted((self.root / "queries").glob("*.rq"))]:
            digest.update(str(path.relative_to(self.root)).encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def name(self, path: Path) -> str:
        """Return a file's name as people know it, relative to the project."""
        return path.relative_to(self.root).as_posix()


def find_content(root: Path | None = None) -> Content:
    """Return the Turtle files under a root folder. Raises ContentError where a folder is missing."""
    root = root or content_root()
    for folder in FOLDERS:
        if not (root / folder).is_dir():
            raise ContentError(f"The folder {root / folder} is missing; reinstall vetgraph.", file=folder)
    files = [(GRAPH + "ontology", path) for path in sorted((root / "ontology").glob("*.ttl"))]
    files += [(GRAPH + "schemes", path) for path in sorted((root / "ontology" / "schemes").glob("*.ttl"))]
    files += [(GRAPH + "shapes", path) for path in sorted((root / "shapes").glob("*.ttl"))]
    for folder_ in sorted(path for path in (root / "data").iterdir() if path.is_dir()):
        files += [(GRAPH + folder_.name, path) for path in sorted(folder_.glob("*.ttl"))]
    return Content(root, tuple(files))


def read_turtle(path: Path, graph: str, name: str | None = None) -> list[ox.Quad]:
    """Return the quads of a Turtle file in a graph.

    Raises ContentError with file, line and column where it does not parse.
    """
    where = name or path.name
    try:
        quads = ox.parse(path.read_bytes(), format=ox.RdfFormat.TURTLE, base_iri=BASE, rename_blank_nodes=True)
        target = ox.NamedNode(graph)
        return [ox.Quad(q.subject, q.predicate, q.object, target) for q in quads]
    except SyntaxError as problem:
        raise ContentError(
            f"{where}, line {problem.lineno}, column {problem.offset}: {problem.msg}.",
            file=where,
            line=problem.lineno,
            column=problem.offset,
        ) from None


def quads_of(content: Content) -> Iterator[ox.Quad]:
    """Return the quads of all files. Raises ContentError at the first that does not parse."""
    for graph, path in content.files:
        yield from read_turtle(path, graph, content.name(path))


def names(path: Path, node: ox.NamedNode | ox.BlankNode) -> bool:
    """Return whether a file may speak of a node: its text has the last part of the node's IRI."""
    if isinstance(node, ox.BlankNode):
        return True
    return re.split(r"[/#]", node.value)[-1] in path.read_text("utf-8")
