"""Describe an IRI: what is known of a thing, which graphs say it, and what the document about it says of itself.

A description is the symmetric concise bounded description (W3C member submission "CBD", 2005): the statements about a
thing, with the nodes that are only parts of it, and the statements that point at it. Labels of all that is mentioned
come with it, so that a reader needs no second request to show names. Where many statements point at a thing they come
in pages; the first page has what is said of the thing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final
from weakref import WeakKeyDictionary

import pyoxigraph as ox

from vetgraph.errors import Gone, NotFound
from vetgraph.store import GraphStore, Version
from vetgraph.vocab import BASE, DATASET, DCTERMS, HYDRA, LABELS, LICENCE, OWL, PREFIXES, PROV, RDF, RDFS, SELECTOR, XSD

PAGE_SIZE: Final = 500
"""Most links from other things that one page of a description holds."""

MOST_NAMES: Final = 5000
"""Things whose labels are kept for the next description, at most."""

Node = ox.NamedNode | ox.BlankNode

_NAMES: Final[WeakKeyDictionary[GraphStore, dict[ox.NamedNode, tuple[ox.Quad, ...]]]] = WeakKeyDictionary()
"""Labels of what was mentioned in a version lately: classes and properties are in every description."""

_LABELS: Final = tuple(ox.NamedNode(iri) for iri in LABELS)
_TYPE: Final = ox.NamedNode(RDF + "type")
_DEPRECATED: Final = ox.NamedNode(OWL + "deprecated")
_REPLACED_BY: Final = ox.NamedNode(DCTERMS + "isReplacedBy")
_TRUE: Final = frozenset(ox.Literal(text, datatype=ox.NamedNode(XSD + "boolean")) for text in ("true", "1"))


@dataclass(frozen=True)
class Description:
    """What is known of a thing, or one page of it.

    ``quads`` holds every statement in the graphs that make it; what the document says of itself stands in the default
    graph. ``total`` counts the links from other things over all pages, ``changed`` is the version in which the
    description last changed.
    """

    iri: str
    document: str
    changed: Version
    quads: list[ox.Quad]
    types: list[str]
    graphs: list[str]
    total: int = 0
    page: int = 1
    pages: int = 1

    @cached_property
    def triples(self) -> list[ox.Triple]:
        """The statements without their graphs, each once."""
        return list(dict.fromkeys(quad.triple for quad in self.quads))


def iri_of(path: str) -> str:
    """Return the IRI that a document path speaks of."""
    return BASE + path


def document_of(iri: str) -> str:
    """Return the IRI of the document about a thing of ours.

    >>> document_of("https://w3id.org/vetgraph/id/anefore")
    'https://w3id.org/vetgraph/doc/id/anefore'
    >>> document_of("https://w3id.org/vetgraph/ontology#Actor")
    'https://w3id.org/vetgraph/doc/ontology%23Actor'
    """
    return f"{BASE}doc/{iri.removeprefix(BASE).replace('#', '%23')}"


def page_of(document: str, page: int) -> str:
    """Return the IRI of one page of a document."""
    return f"{document}?page={page}"


def describe(
    store: GraphStore,
    iri: str,
    *,
    labels: bool = True,
    page: int = 1,
    more: Iterable[ox.Triple] = (),
    changed: Version | None = None,
) -> Description:
    """Return the description of an IRI, with ``more`` that is known of it from elsewhere than the store.

    ``changed`` is the version in which the description last changed, by default that of the store. Raises NotFound
    where no graph mentions the IRI as a subject and there is no more, and where there is no such page; Gone where the
    thing is retired (``owl:deprecated``), with its successor where it has one (``dcterms:isReplacedBy``).
    """
    refuse_retired(store, iri)
    node = ox.NamedNode(iri)
    own = [*_about(store, node), *(ox.Quad(t.subject, t.predicate, t.object) for t in more)]
    if not own:
        raise NotFound(f"Nothing is known of {iri}; search the lists of actors, acts and areas.")
    incoming = _incoming(store, node)
    pages = max(1, -(-len(incoming) // PAGE_SIZE))
    if not 1 <= page <= pages:
        raise NotFound(f"The description of {iri} has no page {page}; its last page is {pages}.")
    shown = incoming[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    quads = [*(own if page == 1 else ()), *(quad for link in shown for quad in link)]
    graphs = sorted({quad.graph_name.value for quad in quads if isinstance(quad.graph_name, ox.NamedNode)})
    types, total, changed = _types(node, own), len(incoming), changed or store.version
    found = Description(iri, document_of(iri), changed, quads, types, graphs, total, page, pages)
    quads += _about_document(found)
    if labels:
        quads += _document_labels(found)
        quads += _labels(store, _mentioned([ox.Quad(node, _TYPE, node), *quads]), known=set(quads))
        # Labels may stand in graphs that nothing else stands in.
        further = {quad.graph_name for quad in quads}.difference(map(ox.NamedNode, graphs))
        quads += _labels(store, [name for name in further if isinstance(name, ox.NamedNode)], known=set(quads))
    return found


def _about(store: GraphStore, node: Node) -> Iterator[ox.Quad]:
    """Yield what is said of a node and of the nodes that are only parts of it."""
    seen: set[object] = {node}
    waiting = [node]
    while waiting:
        for quad in store.quads(waiting.pop()):
            yield quad
            if _belongs(quad.object, node) and quad.object not in seen:
                seen.add(quad.object)
                waiting.append(quad.object)  # type: ignore[arg-type]


def _belongs(term: object, node: Node) -> bool:
    """Whether a node exists only as a part of another: blank, or named after it."""
    if isinstance(term, ox.BlankNode):
        return True
    return isinstance(term, ox.NamedNode) and isinstance(node, ox.NamedNode) and term.value == node.value + SELECTOR


def refuse_retired(store: GraphStore, iri: str) -> None:
    """Raise Gone where a store says that a thing is retired, with its successor where it names one."""
    node = ox.NamedNode(iri)
    if not any(quad.object in _TRUE for quad in store.quads(node, _DEPRECATED)):
        return
    found = (quad.object for quad in store.quads(node, _REPLACED_BY))
    successor = min((term.value for term in found if isinstance(term, ox.NamedNode)), default=None)
    if successor is None:
        raise Gone(f"{iri} is retired and nothing has taken its place; earlier versions may still describe it.")
    raise Gone(f"{iri} is retired; {successor} has taken its place.", successor=successor)


@lru_cache(maxsize=4)
def _incoming(store: GraphStore, node: ox.NamedNode) -> Sequence[tuple[ox.Quad, ...]]:
    """Return the links that point at a node, each with all that says it, ordered by property and thing.

    A link from a blank node comes with the whole tree of blank nodes that it is in. Remembered, since who reads one
    page of many reads the next.
    """
    links: dict[ox.Triple, list[ox.Quad]] = {}
    for quad in store.quads(object_=node):
        if quad.subject != node:
            links.setdefault(quad.triple, []).append(quad)
    order = sorted(links, key=lambda link: (link.predicate.value, str(link.subject)))
    return tuple((*links[link], *_around(store, link.subject)) for link in order)


def _around(store: GraphStore, node: object) -> list[ox.Quad]:
    """Return the statements of the tree of blank nodes that a node is in; none where it has a name."""
    if not isinstance(node, ox.BlankNode):
        return []
    found: dict[ox.Quad, None] = {}
    seen: set[ox.BlankNode] = {node}
    waiting = [node]
    while waiting:
        blank = waiting.pop()
        for quad in (*store.quads(blank), *store.quads(object_=blank)):
            found[quad] = None
            for end in (quad.subject, quad.object):
                if isinstance(end, ox.BlankNode) and end not in seen:
                    seen.add(end)
                    waiting.append(end)
    return list(found)


def _types(node: ox.NamedNode, quads: Iterable[ox.Quad]) -> list[str]:
    classes = {q.object for q in quads if q.subject == node and q.predicate == _TYPE}
    return sorted(kind.value for kind in classes if isinstance(kind, ox.NamedNode))


def _mentioned(quads: Iterable[ox.Quad]) -> list[ox.NamedNode]:
    """Return the IRIs in some statements, names of graphs included, sorted."""
    terms = {term for quad in quads for term in (quad.subject, quad.predicate, quad.object, quad.graph_name)}
    return sorted((term for term in terms if isinstance(term, ox.NamedNode)), key=lambda term: term.value)


def _labels(store: GraphStore, nodes: Sequence[ox.NamedNode], known: Collection[ox.Quad]) -> Iterator[ox.Quad]:
    """Yield the labels of some nodes in all languages, by the most preferred property that each has."""
    names = _NAMES.setdefault(store, {})
    found = {node: quads for node in nodes if (quads := names.get(node)) is not None}
    unknown = [node for node in nodes if node not in found]
    new = dict.fromkeys(unknown, ()) | {node: tuple(quads) for node, quads in store.said(unknown, _LABELS).items()}
    if len(names) + len(new) > MOST_NAMES:
        names.clear()
    names.update(new)
    found.update(new)
    yield from (quad for node in nodes for quad in found[node] if quad not in known)


def _about_document(it: Description) -> Iterator[ox.Quad]:
    """Yield what the document says of itself: topic, dataset, licence, version, graphs behind it, pages."""
    document, version = ox.NamedNode(it.document), it.changed

    def say(predicate: str, value: ox.NamedNode | ox.Literal, subject: ox.NamedNode = document) -> ox.Quad:
        return ox.Quad(subject, ox.NamedNode(predicate), value)

    yield say(RDF + "type", ox.NamedNode(PREFIXES["foaf"] + "Document"))
    yield say(PREFIXES["foaf"] + "primaryTopic", ox.NamedNode(it.iri))
    yield say(PREFIXES["void"] + "inDataset", ox.NamedNode(DATASET))
    yield say(DCTERMS + "license", ox.NamedNode(LICENCE))
    yield say(DCTERMS + "isPartOf", ox.NamedNode(_version_iri(it)))
    yield say(PREFIXES["dcat"] + "version", ox.Literal(str(version.number)))
    yield say(DCTERMS + "modified", ox.Literal(version.built.isoformat(), datatype=ox.NamedNode(XSD + "dateTime")))
    for graph in it.graphs:
        yield say(PROV + "wasDerivedFrom", ox.NamedNode(graph))
    if it.pages > 1:
        yield from _paging(it, say)


def _document_labels(it: Description) -> Iterator[ox.Quad]:
    """Yield labels of what each document mentions of itself and the store does not name."""
    texts = {
        DATASET: "vetgraph",
        LICENCE: "Creative Commons Attribution 4.0 International",
        _version_iri(it): f"vetgraph, version {it.changed.number}",
    }
    for iri, text in texts.items():
        if iri != it.iri:
            yield ox.Quad(ox.NamedNode(iri), ox.NamedNode(RDFS + "label"), ox.Literal(text, language="en"))


def _version_iri(it: Description) -> str:
    return f"{BASE}version/{it.changed.number}"


def _paging(it: Description, say: Callable[..., ox.Quad]) -> Iterator[ox.Quad]:
    """Yield how the pages of a document follow each other (Hydra core vocabulary, section 5.2)."""
    view = ox.NamedNode(page_of(it.document, it.page))
    yield say(RDF + "type", ox.NamedNode(HYDRA + "Collection"))
    yield say(HYDRA + "totalItems", ox.Literal(it.total))
    yield say(HYDRA + "view", view)
    yield say(RDF + "type", ox.NamedNode(HYDRA + "PartialCollectionView"), view)
    for name, page in page_links(it).items():
        yield say(HYDRA + name, ox.NamedNode(page_of(it.document, page)), view)


def page_links(it: Description) -> dict[str, int]:
    """Return the pages that a page leads to: first, previous, next, last; nothing where there is only one."""
    if it.pages == 1:
        return {}
    found = {"first": 1, "previous": it.page - 1, "next": it.page + 1, "last": it.pages}
    return {name: page for name, page in found.items() if 1 <= page <= it.pages}
