"""A graph as JSON-LD in its forms: expanded, compacted by our own context, flattened (JSON-LD 1.1 API, section 5).

PyLD turns triples into nodes; names are given here, because our one context is known beforehand: a general processor
takes 100 ms of processor time for a document of 487 triples, this one 5 ms. Tests hold it against PyLD's compaction.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

import pyoxigraph as ox
from pyld import jsonld

from vetgraph.jsonld.context import short, terms
from vetgraph.jsonld.model import LANG_STRING, Property, json_name, model
from vetgraph.vocab import XSD

Json = dict[str, Any]
Node = Mapping[str, Any]

_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,14}")
"""Integers that every reader of JSON keeps as they are (RFC 8259 section 6)."""

_FIRST: Final = ("id", "type", "prefLabel")


def expanded(triples: Iterable[ox.Triple], main: str = "") -> list[Json]:
    """Return triples as expanded JSON-LD: a node for each subject, the main one first; RDF lists are lists."""
    rows = [{"subject": _term(t.subject), "predicate": _term(t.predicate), "object": _term(t.object)} for t in triples]
    nodes: list[Json] = jsonld.from_rdf({"@default": rows})
    return sorted(nodes, key=lambda node: (node["@id"] != main, node["@id"].startswith("_:"), node["@id"]))


def _term(term: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> Json:
    """Return a term as PyLD has it."""
    if isinstance(term, ox.NamedNode):
        return {"type": "IRI", "value": term.value}
    if isinstance(term, ox.BlankNode):
        return {"type": "blank node", "value": f"_:{term.value}"}
    assert isinstance(term, ox.Literal)
    said = {"type": "literal", "value": term.value, "datatype": term.datatype.value}
    return {**said, "language": term.language} if term.language else said


class Compaction:
    """Gives names to the parts of nodes; `used` gathers the terms that it needed."""

    def __init__(self, nodes: Iterable[Node], *, nest: bool) -> None:
        self.used: set[str] = set()
        self._nodes = {node["@id"]: node for node in nodes}
        self._nested = self._parts() if nest else frozenset()
        self._known = terms()
        self._properties = model().properties

    def top(self) -> list[Json]:
        """Return the nodes, those without a name inside the one node that speaks of them."""
        return [self.node(node) for id_, node in self._nodes.items() if id_ not in self._nested]

    def _parts(self) -> frozenset[str]:
        """Return the blank nodes that one place alone speaks of, and that do not lead back to themselves."""
        tally: Counter[str] = Counter()
        parents: dict[str, str] = {}
        for id_, node in self._nodes.items():
            for value in _references(node):
                tally[value] += 1
                parents[value] = id_
        single = {id_ for id_, count in tally.items() if count == 1 and id_.startswith("_:") and id_ in self._nodes}
        return frozenset(id_ for id_ in single if self._ends(id_, parents, single))

    @staticmethod
    def _ends(id_: str, parents: Mapping[str, str], single: set[str]) -> bool:
        seen = {id_}
        while (id_ := parents[id_]) in single:
            if id_ in seen:
                return False
            seen.add(id_)
        return True

    def node(self, node: Node) -> Json:
        """Return a node under the names of the context: its name, its types, its label, then the rest by name."""
        found: Json = {} if node["@id"] in self._nested else {"id": node["@id"]}
        if "@type" in node:
            found["type"] = sorted(self.term(iri) for iri in node["@type"])
        for iri, values in node.items():
            if not iri.startswith("@"):
                for value in values:
                    self._add(found, iri, value)
        first = {key: found.pop(key) for key in _FIRST if key in found}
        return first | {key: found[key] for key in sorted(found)}

    def _add(self, found: Json, iri: str, value: Node) -> None:
        prop = self._properties.get(iri)
        if prop is None or not fits(prop, value):
            key = self._spare(iri)
            self.used.add(key.partition(":")[0])
            _append(found, key, self.value(value, None), several=False)
            return
        self.used.add(prop.name)
        if prop.kind == "text":
            language = value.get("@language", "@none")
            _append(found.setdefault(prop.name, {}), language, value["@value"], several=not prop.single)
        else:
            _append(found, prop.name, self.value(value, prop), several=not prop.single)

    def _spare(self, iri: str) -> str:
        """Return a property's key where its term does not fit the value: a name that adds no type."""
        name = short(iri)
        return iri if name in self._known else name

    def value(self, value: Node, prop: Property | None) -> Any:
        """Return a value as its property writes it."""
        if "@list" in value:
            return {"@list": [self.value(one, None) for one in value["@list"]]}
        if "@id" in value:
            if value["@id"] in self._nested:
                return self.node(self._nodes[value["@id"]])
            return value["@id"] if prop and prop.kind == "link" else {"id": value["@id"]}
        if prop and prop.coerced:
            return value["@value"]
        return self._literal(value)

    def _literal(self, value: Node) -> Any:
        lexical, datatype = value["@value"], value.get("@type", "")
        if datatype == XSD + "integer" and _WHOLE.fullmatch(lexical):
            return int(lexical)
        if datatype == XSD + "boolean" and lexical in ("true", "false"):
            return lexical == "true"
        if datatype:
            # Not by its alias: rdflib 7.6 loses the datatype where the alias has a container.
            return {"@type": self.term(datatype), "@value": lexical}
        return {"@language": value["@language"], "@value": lexical} if "@language" in value else lexical

    def term(self, iri: str) -> str:
        """Return the name of a class or datatype. Things keep their whole IRIs, which any client can follow."""
        name = json_name(iri)
        if name in self._known and self._known[name].get("@id") == short(iri):
            self.used.add(name)
            return name
        name = short(iri)
        if name != iri:
            self.used.add(name.partition(":")[0])
        return name


def fits(prop: Property, value: Node) -> bool:
    """Whether a value can stand under a property's term (JSON-LD 1.1 API section 7.3, term selection)."""
    if "@list" in value:
        return False
    if prop.kind == "link":
        return "@id" in value
    if prop.kind == "text":
        return "@value" in value and value.get("@type", LANG_STRING) == LANG_STRING
    return not prop.coerced or value.get("@type") == prop.coerced


def _references(node: Node) -> Iterable[str]:
    for key, values in node.items():
        if not key.startswith("@"):
            for value in values:
                for one in value.get("@list", (value,)):
                    if "@id" in one:
                        yield one["@id"]


def _append(found: Json, key: str, value: Any, *, several: bool) -> None:
    if key not in found:
        found[key] = [value] if several else value
    elif isinstance(found[key], list):
        found[key].append(value)
    else:
        found[key] = [found[key], value]


def relabelled(nodes: list[Json]) -> list[Json]:
    """Return nodes with blank nodes numbered in their order (JSON-LD 1.1 API section 7.1, node map generation)."""
    names: dict[str, str] = {}

    def renamed(value: Any) -> Any:
        if isinstance(value, list):
            return [renamed(one) for one in value]
        if isinstance(value, dict):
            return {k: _numbered(v) if k == "@id" else renamed(v) for k, v in value.items()}
        return value

    def _numbered(id_: str) -> str:
        return names.setdefault(id_, f"_:b{len(names)}") if id_.startswith("_:") else id_

    return [renamed(node) for node in nodes]
