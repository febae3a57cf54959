"""JSON-LD documents in the profiles of the media type ``application/ld+json`` (JSON-LD 1.1, appendix C)."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from typing import Any, Final, Protocol

import pyoxigraph as ox

from vetgraph.jsonld import context, forms, framing

NAMESPACE: Final = "http://www.w3.org/ns/json-ld#"
COMPACTED: Final = NAMESPACE + "compacted"
EXPANDED: Final = NAMESPACE + "expanded"
FLATTENED: Final = NAMESPACE + "flattened"
FRAMED: Final = NAMESPACE + "framed"

PROFILES: Final = (COMPACTED, EXPANDED, FLATTENED, FRAMED)
"""IRIs of the profiles, the one first that is sent where none is asked for."""


class Described(Protocol):
    """What a document says of a thing: the thing's IRI and classes, and all triples."""

    @property
    def iri(self) -> str:
        """The thing's IRI."""

    @property
    def triples(self) -> Iterable[ox.Triple]:
        """All triples, labels and what the document says of itself among them."""

    @property
    def types(self) -> Collection[str]:
        """IRIs of the thing's classes."""


def write(description: Described, profile: str | None, context_url: str) -> bytes:
    """Return a description as JSON-LD in a profile; compacted where none of ours is asked for.

    Compacted and flattened documents hold the part of the context that they use, expanded ones need none: all three
    can be read without asking for anything else. Framed ones name the context by its address.
    """
    nodes = forms.expanded(description.triples, description.iri)
    if profile == EXPANDED:
        return _array(nodes)
    if profile == FRAMED:
        thing = framing.framed(nodes, description.iri, description.types)
        return _document({"@context": context_url, **thing})
    flat = profile == FLATTENED
    compaction = forms.Compaction(forms.relabelled(nodes) if flat else nodes, nest=not flat)
    top = compaction.top()
    return _document({"@context": context.part(compaction.used), "@graph": top})


def _document(document: dict[str, Any]) -> bytes:
    """Return an object, and the nodes of its graph, with a member a line; json's own indenting takes much longer."""
    lines = []
    for key, value in document.items():
        text = _graph(value) if key == "@graph" else _members(value, 2) if key == "@context" else _line(value)
        lines.append(f"  {_line(key)}: {text}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _graph(nodes: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(f"    {_members(node, 4)}" for node in nodes) + "\n  ]"


def _members(value: Any, depth: int) -> str:
    if not isinstance(value, dict) or not value:
        return _line(value)
    blank = " " * depth
    return "{\n" + ",\n".join(f"{blank}  {_line(k)}: {_line(v)}" for k, v in value.items()) + f"\n{blank}}}"


def _array(nodes: list[dict[str, Any]]) -> bytes:
    return ("[\n" + ",\n".join(f"  {_members(node, 2)}" for node in nodes) + "\n]\n").encode()


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
