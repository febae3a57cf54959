"""The page about a thing that is computed, such as the dataset: what its description says, property by property."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pyoxigraph as ox
from flask import render_template

from vetgraph.resources import Description
from vetgraph.vocab import LABELS, LANGUAGES, SKOS
from vetgraph.web import reading, texts
from vetgraph.web.portraits import APART, Facts, Value

TEMPLATE: Final = "resource.html"
_DEFINITIONS: Final = (SKOS + "definition", "http://purl.org/dc/terms/description")


def outline_page(description: Description) -> str:
    """Return the page that shows a description as it stands; parts without a name of their own are left out."""
    own = [t for t in description.triples if t.subject == ox.NamedNode(description.iri)]
    here = [t for t in description.triples if t.object == ox.NamedNode(description.iri)]
    apart = {*APART, *LABELS, *_DEFINITIONS}
    lists = ("evidence", "pages", "parts", "disputes", "roles", "tables", "follows")
    values: dict[str, Any] = {
        **{name: [] for name in lists},
        "iri": description.iri,
        "title": _words(own, LABELS),
        "types": description.types,
        "facts": _facts((t.predicate.value, t.object) for t in own if t.predicate.value not in apart),
        "links": _facts(((t.predicate.value, t.subject) for t in here if t.subject != here[0].object), incoming=True),
        "texts": {"definition": [word for word in [_words(own, _DEFINITIONS)] if word], "note": []},
        "graphs": description.graphs,
        "names": {},
        "statements": {},
        "list_address": "",
    }
    return render_template(TEMPLATE, **values)


def _words(triples: Iterable[ox.Triple], predicates: Iterable[str]) -> reading.Label | None:
    """Return the best text of some properties: in the reader's language, else as pages fall back."""
    found = [(t.predicate.value, t.object) for t in triples if isinstance(t.object, ox.Literal)]
    for predicate in predicates:
        words = {term.language or "": term.value for name, term in found if name == predicate}
        for language in (texts.language(), *LANGUAGES, "", *sorted(words)):
            if language in words:
                return reading.Label(words[language], language)
    return None


def _facts(pairs: Iterable[tuple[str, Any]], *, incoming: bool = False) -> list[Facts]:
    """Return facts by property, those of parts without a name left out."""
    found: dict[str, Facts] = {}
    for name, term in pairs:
        if isinstance(term, ox.NamedNode | ox.Literal):
            found.setdefault(name, Facts(name, [], incoming)).values.append(Value(term, []))
    return sorted(found.values(), key=lambda facts: reading.sort_key(facts.property))
