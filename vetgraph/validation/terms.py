"""What the ontology and the code lists declare, and what well-known vocabularies define."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

from pyoxigraph import Literal, NamedNode, Quad
from rdflib import DCTERMS, FOAF, ORG, OWL, PROV, QB, RDF, RDFS, SDO, SH, SKOS, TIME, VANN, VOID, URIRef

from vetgraph import vocab

_KNOWN: Final[dict[str, Any]] = {
    str(namespace): namespace
    for namespace in (DCTERMS, FOAF, ORG, OWL, PROV, QB, RDF, RDFS, SDO, SH, SKOS, TIME, VANN, VOID)
}
_LABELS: Final = (vocab.RDFS + "label", vocab.SKOS + "prefLabel")
_IN_SCHEME: Final = vocab.SKOS + "inScheme"


class Terms:
    """Declared terms and concepts with their labels."""

    def __init__(self, quads: Iterable[Quad]) -> None:
        self.quads = tuple(quads)
        self.labels: dict[str, dict[str, str]] = {}
        self.mentioned: set[str] = set()
        self.declared: set[str] = set()
        self.concepts: set[str] = set()
        for quad in self.quads:
            if not isinstance(quad.subject, NamedNode):
                continue
            self.mentioned.update((quad.subject.value, quad.predicate.value))
            if isinstance(quad.object, NamedNode):
                self.mentioned.add(quad.object.value)
            if quad.predicate.value == vocab.RDF + "type":
                self.declared.add(quad.subject.value)
            if quad.predicate.value == _IN_SCHEME:
                self.concepts.add(quad.subject.value)
            if quad.predicate.value in _LABELS and isinstance(quad.object, Literal):
                texts = self.labels.setdefault(quad.subject.value, {})
                texts.setdefault(quad.object.language or "", quad.object.value)

    @cached_property
    def _ours(self) -> dict[str, str]:
        prefix = vocab.VET
        return {iri[len(prefix) :]: iri for iri in self.declared if iri.startswith(prefix)}

    def nearest_term(self, iri: str) -> str | None:
        """Return the declared term whose name is most like an undeclared one's."""
        name = iri[len(vocab.VET) :]
        by_lower = {known.lower(): known for known in self._ours}
        close = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
        return self._ours[by_lower[close[0]]] if close else None

    def nearest_concept(self, iri: str) -> str | None:
        """Return the concept of the same list that is most like one that does not exist."""
        scheme, _, name = iri.rpartition("/")
        near = {known.rpartition("/")[2]: known for known in self.concepts if known.startswith(scheme + "/")}
        close = get_close_matches(name, near, n=1, cutoff=0.6)
        return near[close[0]] if close else None


def defined_elsewhere(iri: str) -> bool | None:
    """Return whether a well-known vocabulary defines a term, or None for other vocabularies.

    >>> defined_elsewhere("http://www.w3.org/2004/02/skos/core#prefLabel")
    True
    """
    namespace = _namespace_of(iri)
    if namespace is None:
        return None
    counted = namespace == str(RDF) and re.fullmatch(r"_[1-9][0-9]*", iri[len(namespace) :])
    return bool(counted) or URIRef(iri) in _KNOWN[namespace]


def nearest_elsewhere(iri: str) -> str | None:
    """Return the defined term of a well-known vocabulary that is most like an undefined one.

    >>> nearest_elsewhere("http://www.w3.org/2004/02/skos/core#prefLable")
    'http://www.w3.org/2004/02/skos/core#prefLabel'
    """
    namespace = _namespace_of(iri)
    if namespace is None:
        return None
    terms = (str(term) for term in dir(_KNOWN[namespace]))
    names = [term[len(namespace) :] for term in terms if term.startswith(namespace)]
    close = get_close_matches(iri[len(namespace) :], names, n=1, cutoff=0.6)
    return namespace + close[0] if close else None


def _namespace_of(iri: str) -> str | None:
    for namespace in _KNOWN:
        name = iri[len(namespace) :]
        if iri.startswith(namespace) and "/" not in name and "#" not in name:
            return namespace
    return None
