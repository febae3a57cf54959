"""The difference between two versions that nobody wrote down: found by comparing their data line by line.

Blank nodes have no names that last: a group of them that hang together is the same where it says the same (RDF
Dataset Canonicalization of that group), and is told as a whole where it does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import pyoxigraph as ox

from vetgraph.engine.deltas import Delta
from vetgraph.store import graph_name

MOST: Final = 300_000
"""Quads of the larger version up to which two are compared while a reader waits: about 15 µs of a processor each."""

PATIENT: Final = 5_000_000
"""The same where nobody waits."""

MOST_BLANK: Final = 50_000
"""Quads with blank nodes up to which two versions are compared."""

Group = tuple[ox.Quad, ...]


def compared(before: ox.Store, after: ox.Store, *, most: int = MOST) -> Delta | None:
    """Return what leads from one version to another, None where one has more quads than ``most``."""
    if max(len(before), len(after)) > most:
        return None
    (old, old_blank), (new, new_blank) = _lines(before), _lines(after)
    if max(len(old_blank), len(new_blank)) > MOST_BLANK:
        return None
    gone, come = _differing(_groups(old_blank), _groups(new_blank))
    added = (*_quads(new - old), *come)
    removed = (*_quads(old - new), *gone)
    filled = {graph_name(quad.graph_name) for quad in (*added, *removed)}
    names = [{graph_name(term) for term in store.named_graphs()} for store in (before, after)]
    return Delta(added, removed, _empty(names[1] - names[0], filled), _empty(names[0] - names[1], filled))


def _empty(names: set[str], filled: set[str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in names - filled if not name.startswith("_:")))


def _lines(store: ox.Store) -> tuple[set[bytes], list[bytes]]:
    """Return a version's quads as lines: those without blank nodes, and those that may have some."""
    text = store.dump(format=ox.RdfFormat.N_QUADS)
    assert text is not None
    plain: set[bytes] = set()
    blank: list[bytes] = []
    for line in text.splitlines():
        if b"_:" in line:
            blank.append(line)
        else:
            plain.add(line)
    return plain, blank


def _quads(lines: Iterable[bytes]) -> Group:
    return tuple(ox.parse(b"\n".join(sorted(lines)), ox.RdfFormat.N_QUADS))


def _groups(lines: list[bytes]) -> dict[str, list[Group]]:
    """Return the groups of quads that share blank nodes, by what they say."""
    quads = _quads(lines)
    leader: dict[ox.BlankNode, ox.BlankNode] = {}

    def lead(node: ox.BlankNode) -> ox.BlankNode:
        while (above := leader.setdefault(node, node)) != node:
            leader[node] = leader[above]
            node = leader[node]
        return node

    for quad in quads:
        nodes = blank_nodes(quad)
        for node in nodes[1:]:
            leader[lead(node)] = lead(nodes[0])
    members: dict[ox.BlankNode | ox.Quad, list[ox.Quad]] = defaultdict(list)
    for quad in quads:
        nodes = blank_nodes(quad)
        members[lead(nodes[0]) if nodes else quad].append(quad)
    found: dict[str, list[Group]] = defaultdict(list)
    for group in members.values():
        found[_said(group)].append(tuple(group))
    return found


def blank_nodes(quad: ox.Quad) -> list[ox.BlankNode]:
    """Return the blank nodes of a quad."""
    return [term for term in (quad.subject, quad.object, quad.graph_name) if isinstance(term, ox.BlankNode)]


def _said(group: list[ox.Quad]) -> str:
    dataset = ox.Dataset(group)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return "\n".join(sorted(map(str, dataset)))


def _differing(old: dict[str, list[Group]], new: dict[str, list[Group]]) -> tuple[Group, Group]:
    """Return the quads of the groups that only the old version has, and of those that only the new one has."""
    gone: list[ox.Quad] = []
    come: list[ox.Quad] = []
    for said in old.keys() | new.keys():
        there, here = old.get(said, []), new.get(said, [])
        gone += [quad for group in there[len(here) :] for quad in group]
        come += [quad for group in here[len(there) :] for quad in group]
    return tuple(sorted(gone, key=str)), tuple(sorted(come, key=str))
