"""A change as others read it: as RDF, as JSON, as an RDF patch, in an Atom feed.

RDF: a ``cs:ChangeSet`` that is a ``prov:Activity`` as well, with a reified statement for each triple that it added or
removed, in blank nodes, so that whoever takes over the description of a change takes over all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pyoxigraph as ox

from vetgraph.changes.index import Source, Step
from vetgraph.vocab import BASE, DATASET, RDF, XSD, expand

VERSION: Final = BASE + "version/"

LISTED: Final = 200
"""Triples of one change that lists of changes tell; the change's own address tells more."""

TOLD: Final = 5_000
"""Triples that the document about one change tells; its patch has all."""

WHY_NOT: Final[dict[Source, str]] = {
    "first": "It is the first version: all of its triples are new, and are not listed.",
    "unknown": "Which triples it changed was not noted, and can't be found out any more.",
}
"""Why the triples of a change are not told."""


@dataclass(frozen=True)
class Change:
    """A change as it is told: what is known of it, and how many of its triples are listed at most."""

    step: Step
    most: int = LISTED

    @property
    def number(self) -> int:
        """The number of the version that it made."""
        return self.step.version.number

    @property
    def iri(self) -> str:
        """Its own IRI."""
        return f"{VERSION}{self.number}#change"

    @property
    def made(self) -> str:
        """When it was made, as RDF and JSON say it."""
        return stamp(self.step.version.built)

    @property
    def added(self) -> list[ox.Quad]:
        """The quads that it added, as far as they are listed, in order."""
        return self._listed(self.step.delta.added if self.step.delta else ())

    @property
    def removed(self) -> list[ox.Quad]:
        """The quads that it removed, as far as they are listed, in order."""
        return self._listed(self.step.delta.removed if self.step.delta else ())

    def _listed(self, quads: tuple[ox.Quad, ...]) -> list[ox.Quad]:
        return sorted(quads, key=str)[: self.most]

    @property
    def counts(self) -> tuple[int | None, int | None]:
        """How many triples it added and removed, None where nobody counted."""
        delta, version = self.step.delta, self.step.version
        return (len(delta.added), len(delta.removed)) if delta else (version.added, version.removed)

    @property
    def note(self) -> str:
        """What has to be said of the list of triples: that there is none, or that it is not whole; else nothing."""
        if self.step.delta is None:
            return WHY_NOT.get(self.step.source, WHY_NOT["unknown"])
        if max(len(self.step.delta.added), len(self.step.delta.removed)) > self.most:
            return f"Only the first {self.most} triples of each kind are listed; the patch has all."
        return ""


def stamp(moment: datetime) -> str:
    """Return a moment as ``xsd:dateTime`` in UTC.

    >>> stamp(datetime(2026, 1, 31, 12, tzinfo=UTC))
    '2026-01-31T12:00:00Z'
    """
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


# -- RDF -------------------------------------------------------------------------------------------------


def triples(change: Change) -> list[ox.Triple]:
    """Return what is said of a change and of the version that it made, its triples reified."""
    version = change.step.version
    state, activity = ox.NamedNode(f"{VERSION}{change.number}"), ox.NamedNode(change.iri)
    found = [
        _triple(state, "rdf:type", _iri("prov:Entity")),
        _triple(state, "prov:wasGeneratedBy", activity),
        _triple(state, "prov:generatedAtTime", _moment(change.made)),
        _triple(activity, "rdf:type", _iri("cs:ChangeSet")),
        _triple(activity, "rdf:type", _iri("prov:Activity")),
        _triple(activity, "cs:subjectOfChange", ox.NamedNode(DATASET)),
        _triple(activity, "prov:generated", state),
        _triple(activity, "dcterms:created", _moment(change.made)),
        _triple(activity, "prov:endedAtTime", _moment(change.made)),
        _triple(activity, "dcterms:type", ox.Literal(version.kind)),
    ]
    for name, value in (("cs:creatorName", version.agent), ("cs:changeReason", version.reason)):
        if value:
            found.append(_triple(activity, name, ox.Literal(value)))
    if version.parent is not None:
        before = f"{VERSION}{version.parent}"
        found.append(_triple(state, "prov:wasRevisionOf", ox.NamedNode(before)))
        found.append(_triple(activity, "prov:used", ox.NamedNode(before)))
        found.append(_triple(activity, "cs:precedingChangeSet", ox.NamedNode(f"{before}#change")))
    if change.note:
        found.append(_triple(activity, "rdfs:comment", ox.Literal(change.note, language="en")))
    for name, quads in (("addition", change.added), ("removal", change.removed)):
        for place, quad in enumerate(quads):
            found += _statement(activity, name, ox.BlankNode(f"v{change.number}{name}{place}"), quad)
    return found


def _statement(activity: ox.NamedNode, name: str, node: ox.BlankNode, quad: ox.Quad) -> Iterator[ox.Triple]:
    yield _triple(activity, f"cs:{name}", node)
    yield _triple(node, "rdf:type", ox.NamedNode(RDF + "Statement"))
    yield _triple(node, "rdf:subject", quad.subject)
    yield _triple(node, "rdf:predicate", quad.predicate)
    yield _triple(node, "rdf:object", quad.object)
    if isinstance(quad.graph_name, ox.NamedNode):
        yield _triple(node, "dcterms:isPartOf", quad.graph_name)


def _triple(subject: Any, name: str, value: Any) -> ox.Triple:
    return ox.Triple(subject, _iri(name), value)


def _iri(name: str) -> ox.NamedNode:
    return ox.NamedNode(expand(name))


def _moment(text: str) -> ox.Literal:
    return ox.Literal(text, datatype=ox.NamedNode(XSD + "dateTime"))


# -- a stream of events -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Node:
    """A page of the stream (``tree:Node``): its address, and the first moment of what it leads to."""

    address: str
    since: str


def stream(address: str, own: Node, members: Iterable[Change], leads: Iterable[Node]) -> list[ox.Triple]:
    """Return a page of the Linked Data Event Stream at an address: its members, and the pages that it leads to.

    Pages are views of one collection (TREE hypermedia specification section 2); members never change.
    """
    event_stream, page = ox.NamedNode(f"{address}#stream"), ox.NamedNode(own.address)
    found = [
        _triple(event_stream, "rdf:type", _iri("ldes:EventStream")),
        _triple(event_stream, "tree:view", ox.NamedNode(address)),
        _triple(event_stream, "ldes:timestampPath", _iri("dcterms:created")),
        _triple(page, "rdf:type", _iri("tree:Node")),
    ]
    for place, lead in enumerate(leads):
        node = ox.BlankNode(f"relation{place}")
        found += [
            _triple(page, "tree:relation", node),
            _triple(node, "rdf:type", _iri("tree:GreaterThanOrEqualToRelation")),
            _triple(node, "tree:node", ox.NamedNode(lead.address)),
            _triple(node, "tree:path", _iri("dcterms:created")),
            _triple(node, "tree:value", _moment(lead.since)),
        ]
    for change in members:
        found.append(_triple(event_stream, "tree:member", ox.NamedNode(change.iri)))
        found += triples(change)
    return found


# -- JSON and patches ---------------------------------------------------------------------------------------


def as_json(change: Change) -> dict[str, Any]:
    """Return a change as an object; its triples are N-Quads."""
    version = change.step.version
    added, removed = change.counts
    told: dict[str, Any] = {
        "version": change.number,
        "previous": version.parent,
        "time": change.made,
        "kind": version.kind,
        "agent": version.agent,
        "reason": version.reason,
        "added": added,
        "removed": removed,
        "iri": change.iri,
    }
    if change.step.delta is not None:
        told["additions"] = [_line(quad) for quad in change.added]
        told["removals"] = [_line(quad) for quad in change.removed]
    if change.note:
        told["note"] = change.note
    return told


def _line(quad: ox.Quad) -> str:
    text = ox.serialize([quad], format=ox.RdfFormat.N_QUADS)
    return (text or b"").decode().rstrip("\n")


def patch(change: Change) -> Iterator[bytes]:
    """Yield a change, as far as it is listed, as an RDF patch: removed quads first, each line a row."""
    version = change.step.version
    yield f"H id <{VERSION}{version.number}> .\n".encode()
    if version.parent is not None:
        yield f"H prev <{VERSION}{version.parent}> .\n".encode()
    yield b"TX .\n"
    for letter, quads in (("D", change.removed), ("A", change.added)):
        for quad in quads:
            yield f"{letter} {_line(quad)}\n".encode()
    yield b"TC .\n"
