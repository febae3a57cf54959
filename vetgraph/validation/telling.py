"""pySHACL's raw results → findings in words, with labels and places."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

from pyoxigraph import BlankNode, DefaultGraph, Literal, NamedNode, Store
from rdflib import Literal as RdflibLiteral

from vetgraph.validation import bridge, wording
from vetgraph.validation.bridge import Raw
from vetgraph.validation.paths import Path, Step, read_path, ways
from vetgraph.validation.positions import Places, Position, Term, stored_forms
from vetgraph.validation.reading import Submission
from vetgraph.validation.report import Finding, Severity, Texts, said
from vetgraph.validation.shapes import Shapes
from vetgraph.vocab import DCTERMS, RDF, RDFS, SCHEME, SH, SHAPES, SKOS, shorten

DANGLING: Final = SHAPES + "#DanglingReference"

_LABELS: Final = tuple(NamedNode(iri) for iri in (SKOS + "prefLabel", RDFS + "label", DCTERMS + "title", SH + "name"))
_TYPE: Final = NamedNode(RDF + "type")
_SEVERITIES: Final = {severity.iri: severity for severity in Severity}
_SUGGESTIONS: Final = 50
"""Similar names that are looked up for one report; each takes milliseconds."""

_TELLS_EXISTENCE: Final = frozenset({"class", "node", "or", "xone", "and"})


def key_of(component: str) -> str:
    """Return the name of the parameter that a constraint component goes by.

    >>> key_of("http://www.w3.org/ns/shacl#MinCountConstraintComponent")
    'minCount'
    """
    name = component.rpartition("#")[2].removesuffix("ConstraintComponent")
    return "sparql" if name == "SPARQL" else name[:1].lower() + name[1:]


class Finder:
    """Looks up where the parts of a finding stand in the submitted files.

    Files are tokenized at the first question: data that conform are never asked about.
    """

    def __init__(self, submissions: Sequence[Submission]) -> None:
        self.submissions = submissions

    @cached_property
    def places(self) -> list[Places]:
        """The places of each file."""
        return [each.places for each in self.submissions]

    @cached_property
    def _by_ends(self) -> dict[tuple[Term, Term], Position]:
        found: dict[tuple[Term, Term], Position] = {}
        for place in self.places:
            for (subject, _predicate, value), spot in place.triples.items():
                found.setdefault((subject, value), spot)
        return found

    @cached_property
    def _by_value(self) -> dict[tuple[Term, Term], list[Position]]:
        found: dict[tuple[Term, Term], list[Position]] = defaultdict(list)
        for place in self.places:
            for (_subject, predicate, value), spot in place.triples.items():
                found[predicate, value].append(spot)
        return found

    def find(self, focus: Term, path: Path | None, value: Term | None) -> Position | None:
        """Return the place of the value, else of the property, else of the thing, or None."""
        found = self._of_value(focus, path, value) if value is not None else None
        if found is None and path is not None and path.iris:
            found = self._first("predicates", (focus, NamedNode(path.iris[0])))
        return found or self._first("subjects", focus) or self._first("objects", focus)

    def _of_value(self, focus: Term, path: Path | None, value: Term) -> Position | None:
        if path is None:
            return self._by_ends.get((focus, value))
        if path.kind == "iri":
            return self._first("triples", (focus, NamedNode(path.iri), value))
        if path.kind == "inverse" and path.parts[0].kind == "iri":
            return self._first("triples", (value, NamedNode(path.parts[0].iri), focus))
        # Through a longer path, only a value that is mentioned once can be pointed at.
        spots = self._by_value.get((NamedNode(path.iris[-1]), value), [])
        return spots[0] if len(spots) == 1 else None

    def _first(self, index: str, key: object) -> Position | None:
        for place in self.places:
            found: Position | None = getattr(place, index).get(key)
            if found:
                return found
        return None


class Teller:
    """Turns raw results into findings while the judged store is at hand."""

    def __init__(
        self,
        store: Store,
        shapes: Shapes,
        submissions: Sequence[Submission],
        language: str,
        *,
        missing: frozenset[Term] = frozenset(),
        in_context: bool = True,
    ) -> None:
        self.store, self.shapes, self.language = store, shapes, language
        self.missing, self.in_context = missing, in_context
        self._asked = 0
        self._subjects: list[str] | None = None
        self.finder = Finder(submissions)
        self._submissions = submissions
        self._graphs: dict[tuple[Any, Any, Any], str] = {
            (quad.subject, quad.predicate, quad.object): quad.graph_name.value
            for each in submissions
            for quad in each.quads
            if not isinstance(quad.graph_name, DefaultGraph)
        }
        self._labels: dict[Term, str] = {}

    @cached_property
    def blank_names(self) -> dict[str, str]:
        """Blank nodes as the files write them, those without a label by line and column."""
        names = {}
        for each in self._submissions:
            written = set(re.findall(r"_:([\w.\-]+)", each.text))
            for name, label in each.blank_names.items():
                node = BlankNode(name)
                spot = each.places.subjects.get(node) or each.places.objects.get(node)
                if label in written:
                    names[name] = f"_:{label}"
                elif spot:
                    names[name] = f"[…] ({spot.line}:{spot.column})"
        return names

    def show(self, term: object) -> str:
        """Return a term in words."""
        return wording.show(term, self.blank_names)

    @cached_property
    def _forms(self) -> dict[Term, Literal]:
        return _written_forms(self._submissions)

    def _written(self, term: Term) -> Term:
        """Return a literal as the files write it, where they write it in one way only."""
        return self._forms.get(term, term) if isinstance(term, Literal) else term

    def label(self, term: Term) -> str:
        """Return a thing's label in the report's language, else its short name."""
        if term not in self._labels:
            self._labels[term] = said(self._names(term), self.language) or self.show(term)
        return self._labels[term]

    def _names(self, term: Term) -> dict[str, str]:
        if isinstance(term, Literal):
            return {}
        for predicate in _LABELS:
            found = {
                quad.object.language or "": wording.cut(quad.object.value)
                for quad in self.store.quads_for_pattern(term, predicate, None, None)
                if isinstance(quad.object, Literal)
            }
            if found:
                return found
        return {}

    def tell(self, raw: Raw) -> Finding:
        """Return a raw result as a finding."""
        focus, value = self._written(bridge.to_oxigraph(raw.focus)), None
        if raw.value is not None:
            value = self._written(bridge.to_oxigraph(raw.value))
        path = read_path(self.shapes.graph, raw.path) if raw.path is not None else None
        key = key_of(raw.component)
        shape = self._shape_iri(raw)
        problems, rule = self._problems(key, raw, focus, value, path), shape or raw.component
        messages = self._messages(raw)
        advices = messages
        if isinstance(value, NamedNode) and value in self.missing and key in _TELLS_EXISTENCE:
            problems = wording.problem(self.missing_key(value), value=self.show(value))
            advices, rule = _joined(self.missing_advice(value), advices), DANGLING
        elif key == "in" and value is not None and self.may_suggest():
            advices = _joined(self._nearest_in(raw, value), advices)
        found = self.finding(
            focus,
            severity=_SEVERITIES.get(raw.severity, Severity.VIOLATION),
            rule=rule,
            component=raw.component,
            problems=problems,
            advices=advices,
            path=path,
            value=value,
            shape=shape,
            names=self._property_names(raw, path),
        )
        return replace(
            found,
            messages=messages,
            severity_iri=raw.severity,
            shape_node=bridge.to_oxigraph(raw.shape),
            constraint=None if raw.constraint is None else bridge.to_oxigraph(raw.constraint),
        )

    def finding(
        self,
        focus: Term,
        *,
        severity: Severity,
        rule: str,
        component: str,
        problems: Texts,
        advices: Texts,
        path: Path | None = None,
        value: Term | None = None,
        shape: str | None = None,
        names: Texts | None = None,
        graph: str | None = None,
        position: Position | None = None,
    ) -> Finding:
        """Return a finding with labels, texts in the report's language and its place."""
        names = self.predicate_names(path) if names is None else names
        if graph is None and path and path.kind == "iri" and value is not None:
            graph = self._graphs.get((focus, NamedNode(path.iri), value))
        return Finding(
            focus=focus,
            focus_label=self.label(focus),
            focus_name=self.show(focus),
            severity=severity,
            rule=rule,
            component=component,
            shape=shape,
            problem=said(problems, self.language) or "",
            problems=problems,
            advice=said(advices, self.language),
            advices=advices,
            path=str(path) if path else None,
            path_iris=path.iris if path else (),
            path_tree=path,
            property_name=said(names, self.language),
            property_names=names,
            shape_names=self._shape_names(shape),
            value=value,
            value_text=self.show(value) if value is not None else None,
            position=position or self.finder.find(focus, path, value),
            graph=graph,
        )

    def _shape_iri(self, raw: Raw) -> str | None:
        iri = bridge.to_oxigraph(raw.shape)
        return iri.value if isinstance(iri, NamedNode) else None

    def _shape_names(self, shape: str | None) -> Texts:
        if shape is None:
            return {}
        info = self.shapes.info.get(bridge.to_rdflib(NamedNode(shape)))
        return info.names if info else {}

    def _property_names(self, raw: Raw, path: Path | None) -> Texts:
        info = self.shapes.info.get(raw.shape)
        if info and info.path and info.names:
            return info.names
        return self.predicate_names(path)

    def predicate_names(self, path: Path | None) -> Texts:
        """Return the ontology's labels of the one predicate that a path consists of."""
        if path is None or len(path.iris) != 1:
            return {}
        return self.shapes.terms.labels.get(path.iris[0], {})

    def _messages(self, raw: Raw) -> dict[str, str]:
        texts: dict[str, str] = {}
        for message in sorted(raw.messages):
            texts.setdefault(message.language or "", self._bound(str(message), raw))
        return texts

    def _bound(self, text: str, raw: Raw) -> str:
        bound = raw.bound
        if isinstance(bound, tuple):
            names = dict(zip(("this", "path", "value"), bound, strict=False))
            names.update(bound[3] if len(bound) > 3 and isinstance(bound[3], dict) else {})
            bound = names
        if not isinstance(bound, dict):
            return text
        known = {str(name): term for name, term in bound.items() if term is not None}

        def put(match: re.Match[str]) -> str:
            if match[1] not in known:
                return match[0]
            term = known[match[1]]
            if isinstance(term, RdflibLiteral):
                return wording.cut(str(term))
            return self.show(bridge.to_oxigraph(term))

        return re.sub(r"\{[?$](\w+)\}", put, text)

    def _problems(self, key: str, raw: Raw, focus: Term, value: Term | None, path: Path | None) -> dict[str, str]:
        facts: dict[str, str | dict[str, str]] = {"value": self.show(value if value is not None else focus)}
        facts["limit"] = self._limit(key, raw)
        if key in {"minCount", "maxCount"}:
            count = self._count(focus, path)
            facts["count"] = "?" if count is None else str(count)
            key = "missing" if (key, facts["limit"], count) == ("minCount", "1", 0) else key
        elif key == "class":
            facts["actual"] = self._classes(value)
        elif key == "datatype":
            facts["actual"] = wording.kind_of(value)
            if isinstance(value, Literal) and shorten(value.datatype.value) == facts["limit"]:
                key = "illTyped"
        return wording.problem(key, **facts)

    def _limit(self, key: str, raw: Raw) -> str:
        if key == "sparql":
            names = self.shapes.info[raw.shape].names if raw.shape in self.shapes.info else {}
            return said(names, self.language) or self.show(bridge.to_oxigraph(raw.shape))
        values = self.shapes.values(raw.shape, key)
        shown = [
            str(value) if isinstance(value, RdflibLiteral) else self.show(bridge.to_oxigraph(value)) for value in values
        ]
        return wording.cut(", ".join(sorted(shown)), 300)

    def _count(self, focus: Term, path: Path | None) -> int | None:
        """Return how many values a path has, or None where it repeats a step."""
        if path is None:
            return None
        values: set[Term] = set()
        for way in ways(path):
            if any(step.repeated for step in way):
                return None
            ahead: set[Term] = {focus}
            for step in way:
                ahead = {value for term in ahead for value in self._follow(term, step)}
            values |= ahead
        return len(values)

    def _follow(self, term: Term, step: Step) -> list[Term]:
        predicate = NamedNode(step.predicate)
        if step.inverse:
            return [quad.subject for quad in self.store.quads_for_pattern(None, predicate, term, None)]
        if isinstance(term, Literal):
            return []
        return [quad.object for quad in self.store.quads_for_pattern(term, predicate, None, None)]

    def _classes(self, value: Term | None) -> str | dict[str, str]:
        if value is None or isinstance(value, Literal):
            return wording.kind_of(value)
        found = self.store.quads_for_pattern(value, _TYPE, None, None)
        names = sorted({self.show(quad.object) for quad in found})
        return ", ".join(names[:3]) if names else wording.no_class()

    def _nearest_in(self, raw: Raw, value: Term) -> dict[str, str]:
        allowed = {self.show(bridge.to_oxigraph(node)): node for node in self.shapes.values(raw.shape, "in")}
        close = get_close_matches(self.show(value), allowed, n=1, cutoff=0.6)
        return wording.advice("suggest", limit=close[0]) if close else {}

    def missing_key(self, value: NamedNode) -> str:
        """Return what a reference to something undescribed is: wrong, or not to be told alone."""
        listed = value.value.startswith(SCHEME) and bool(self.shapes.terms.concepts)
        return "dangling" if self.in_context or listed else "unseen"

    def missing_advice(self, value: NamedNode) -> dict[str, str]:
        """Return what to do about such a reference, with the nearest existing name."""
        key = self.missing_key(value)
        texts = wording.advice(key)
        near = self.nearest(value) if key == "dangling" and self.may_suggest() else None
        return _joined(wording.advice("suggest", limit=shorten(near)), texts) if near else texts

    def may_suggest(self) -> bool:
        """Return whether one more similar name may be looked up, and count it."""
        self._asked += 1
        return self._asked <= _SUGGESTIONS

    def nearest(self, value: NamedNode) -> str | None:
        """Return the existing thing whose IRI is most like one that does not exist."""
        concept = self.shapes.terms.nearest_concept(value.value)
        if concept:
            return concept
        start, _, name = value.value.rpartition("/")
        words = {part for part in name.split("-") if len(part) > 2}
        near = {}
        for iri in self._known(start + "/"):
            other = iri[len(start) + 1 :]
            if words & set(other.split("-")) or other[:3] == name[:3]:
                near[other] = iri
        close = get_close_matches(name, near, n=1, cutoff=0.75)
        return near[close[0]] if close else None

    def _known(self, start: str) -> list[str]:
        if self._subjects is None:
            self._subjects = sorted(
                {
                    quad.subject.value
                    for quad in self.store.quads_for_pattern(None, _TYPE, None, None)
                    if isinstance(quad.subject, NamedNode)
                }
            )
        return [iri for iri in self._subjects if iri.startswith(start)]


def _written_forms(submissions: Sequence[Submission]) -> dict[Term, Literal]:
    """Return the written form of each literal that the store gives back in another."""
    written: dict[Term, set[Literal]] = defaultdict(set)
    values = {quad.object for each in submissions for quad in each.quads if isinstance(quad.object, Literal)}
    kept = stored_forms(values)
    for value in values:
        written[kept.get(value, value)].add(value)
    return {form: next(iter(ways)) for form, ways in written.items() if ways != {form} and len(ways) == 1}


def _joined(first: Texts, second: Texts) -> dict[str, str]:
    """Return two texts after one another, in every language that either has."""
    languages = list(dict.fromkeys([*first, *second]))
    return {
        language: " ".join(text for text in (said(first, language), said(second, language)) if text is not None)
        for language in languages
    }


__all__ = ["DANGLING", "Finder", "Teller", "key_of"]
