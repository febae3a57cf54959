"""Every evidence range lies inside its document, and says what its name says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyoxigraph as ox

from vetgraph import evidence
from vetgraph.checks.workspace import Fault, Workspace
from vetgraph.store import Term
from vetgraph.vocab import ID, PREFIXES, shorten

RANGES: Final = f"""
PREFIX vet: <{PREFIXES["vet"]}> PREFIX oa: <{PREFIXES["oa"]}> PREFIX dcterms: <{PREFIXES["dcterms"]}>
SELECT ?node ?number ?start ?end ?length WHERE {{
  ?node a vet:Evidence .
  OPTIONAL {{ ?node oa:hasSource ?document . ?document dcterms:identifier ?number ; vet:characterCount ?length }}
  OPTIONAL {{ ?node oa:hasSelector ?selector . ?selector oa:start ?start ; oa:end ?end }}
}} ORDER BY ?node"""


def check(workspace: Workspace) -> Iterator[Fault]:
    """Yield ranges that are not as they should be; with the sources at hand, the texts count too."""
    for row in workspace.store.select(RANGES):
        node = row["node"]
        assert isinstance(node, ox.NamedNode)
        message = _wrong(node.value, row)
        if message:
            yield Fault(workspace.place(node), shorten(node.value), message)
    folder = workspace.sources or evidence.sources_folder()
    if folder is None:
        workspace.notes["evidence"] = "without the source texts; set VETGRAPH_SOURCES to check them too"
        return
    yield from _written(workspace)


def _wrong(iri: str, row: dict[str, Term | None]) -> str | None:
    if any(row[name] is None for name in ("number", "start", "end", "length")):
        return "has no document with a character count, or no selector with start and end."
    start, end, length = (int(str(getattr(row[name], "value", 0))) for name in ("start", "end", "length"))
    number = getattr(row["number"], "value", "")
    if not 0 <= start < end <= length:
        return f"covers characters {start}–{end}, outside its document of {length} characters."
    if iri != f"{ID}ev-{number}-{start}-{end}":
        return f"is named differently from its range: it should be id:ev-{number}-{start}-{end}."
    return None


def _written(workspace: Workspace) -> Iterator[Fault]:
    """Yield evidence files that differ from what their graph's files name."""
    folder = workspace.sources or evidence.sources_folder()
    assert folder is not None
    for graph in sorted(path for path in (workspace.content.root / "data").iterdir() if path.is_dir()):
        ranges = evidence.named_ranges(graph)
        target = graph / "evidence.ttl"
        texts = {n: evidence.source_text(n, folder) for n in {item.document for item in ranges}}
        wanted = evidence.as_turtle(ranges, texts) if ranges else ""
        found = target.read_text("utf-8") if target.is_file() else ""
        if wanted != found:
            name = f"{target.relative_to(workspace.content.root)}"
            yield Fault(f"{name}:1", "", "is not up to date; run `python -m vetgraph.evidence write`.")
        for item in ranges:
            if not texts[item.document].text[item.start : item.end].strip():
                yield Fault(f"{target.name}:1", item.name, "covers nothing but blanks.")
