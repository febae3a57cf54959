"""What pages read: the project's own saved queries on the published version, and labels.

Every query that a page runs is noted, so that the page can show it; :func:`solutions` is the only
place where pages touch the store.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

import pyoxigraph as ox
from flask import g

from vetgraph.queries import with_values
from vetgraph.store import GraphStore, Term
from vetgraph.vocab import LANGUAGES, shorten
from vetgraph.web import texts
from vetgraph.web.labels import Labels, Names
from vetgraph.web.state import Service, service

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Row:
    """One solution of a query: terms by variable name."""

    terms: Mapping[str, Term | None]

    def __getitem__(self, name: str) -> str:
        """The text of a variable, empty where it is unbound."""
        term = self.terms.get(name)
        return "" if term is None else str(term.value)

    def __contains__(self, name: str) -> bool:
        return self.terms.get(name) is not None

    def term(self, name: str) -> Term | None:
        """The term of a variable."""
        return self.terms.get(name)


@dataclass(frozen=True)
class Used:
    """A saved query as a page ran it: its name, its title, and its text ready to run."""

    name: str
    title: str
    text: str
    bindings: Mapping[str, str]


@dataclass(frozen=True)
class Label:
    """The words for a thing, and their language (empty where they have none)."""

    text: str
    language: str

    @property
    def foreign(self) -> bool:
        """Whether the words are in another language than the page."""
        return bool(self.language) and self.language != texts.language()


@dataclass(frozen=True, order=True)
class Evidence:
    """A passage: the document's number and address, its characters and lines."""

    document: str
    start: int
    end: int
    first: int
    last: int
    iri: str
    source: str


def solutions(name: str, **bindings: str) -> list[Row]:
    """Return the rows of a saved query with IRIs bound to variables, and note that it ran."""
    query = service().queries.get(name)
    terms = {variable: ox.NamedNode(iri) for variable, iri in bindings.items()}
    note(name, query.title(texts.language()), with_values(query.text, terms).strip(), bindings)
    return [Row(found) for found in service().store.select(query.text, **terms)]


def narrowed(name: str, rows: list[Row], only: Mapping[str, str], starting: Mapping[str, str]) -> list[Row]:
    """Return the rows in which some variables have, or start with, some values; '' asks for nothing.

    The query that the page shows gets the same conditions.
    """
    exact = {variable: value for variable, value in only.items() if value}
    begun = {variable: value for variable, value in starting.items() if value}
    g.used_queries = [
        replace(one, text=narrower(one.text, exact, begun)) if one.name == name else one for one in used()
    ]
    return [
        row
        for row in rows
        if all(row[v] == value for v, value in exact.items())
        and all(row[v].startswith(value) for v, value in begun.items())
    ]


def note(name: str, title: str, text: str, bindings: Mapping[str, str]) -> None:
    """Remember a query of this page, once."""
    used: list[Used] = g.setdefault("used_queries", [])
    if all(one.text != text for one in used):
        used.append(Used(name, title, text, dict(bindings)))


def used() -> list[Used]:
    """Return the queries that this page has run, in order."""
    return list(g.get("used_queries", []))


def narrower(query: str, only: Mapping[str, str], starting: Mapping[str, str]) -> str:
    """Return a query with conditions at the end of its pattern.

    >>> print(narrower("SELECT ?a WHERE { ?a ?b ?c }", {"c": "x"}, {"b": "y"}))
    SELECT ?a WHERE { ?a ?b ?c
      FILTER(STR(?c) = "x")
      FILTER(STRSTARTS(STR(?b), "y"))
    }
    """
    tests = [f"STR(?{v}) = {_quoted(value)}" for v, value in only.items()]
    tests += [f"STRSTARTS(STR(?{v}), {_quoted(value)})" for v, value in starting.items()]
    if not tests:
        return query
    body, _, rest = query.rpartition("}")
    return body.rstrip() + "".join(f"\n  FILTER({test})" for test in tests) + "\n}" + rest


def _quoted(value: str) -> str:
    return str(ox.Literal(value))


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, list[Row]]:
    """Return rows by a key, in the order in which keys first occur."""
    groups: dict[Key, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def each(rows: Iterable[Row], name: str) -> list[str]:
    """Return the values of a variable over some rows, each once, in order."""
    return list(dict.fromkeys(row[name] for row in rows if name in row))


def evidence(rows: Iterable[Row]) -> list[Evidence]:
    """Return the passages that some rows rest on, each once, in the order of the documents."""
    found = {
        Evidence(
            row["document"],
            int(row["start"] or 0),
            int(row["end"] or 0),
            int(row["first"] or 0),
            int(row["last"] or 0),
            row["evidence"],
            row["source"],
        )
        for row in rows
        if "document" in row and "first" in row  # a web page as a whole is evidence too, but no passage
    }
    return sorted(found)


_LABELS: Final[WeakKeyDictionary[Service, Labels]] = WeakKeyDictionary()
_NUMBERS: Final[WeakKeyDictionary[GraphStore, dict[str, str]]] = WeakKeyDictionary()


def all_labels() -> Names:
    """Return every thing's labels by language, in the version that the request reads."""
    if "labels" not in g:
        state = service()
        known = _LABELS.get(state)
        if known is None:
            known = _LABELS.setdefault(state, Labels(None if state.settings.endpoint else state.settings.store))
        g.labels = known.of(state.store)
    names: Names = g.labels
    return names


def labels(iri: str) -> Mapping[str, str]:
    """Return a thing's labels by language."""
    return all_labels().get(iri, {})


def label(iri: str) -> Label:
    """Return a thing's label in the reader's language, else in English, else in any, else its name."""
    known = labels(iri)
    for wanted in (texts.language(), *LANGUAGES, ""):
        if wanted in known:
            return Label(known[wanted], wanted)
    for written, words in sorted(known.items()):
        return Label(words, written)
    return Label(texts.text_or(f"terms.{shorten(iri).replace(':', '-')}", shorten(iri)), "")


def sort_key(iri: str) -> str:
    """Return what a thing is sorted by: its label without regard to case."""
    return label(iri).text.casefold()


def fragment_of(iri: str) -> str:
    """Return the last part of an IRI.

    >>> fragment_of("https://w3id.org/vetgraph/scheme/role/funds")
    'funds'
    """
    return iri.rpartition("#")[2].rpartition("/")[2]


def document_numbers() -> dict[str, str]:
    """Return the number of each source document."""
    store = service().store
    numbers = _NUMBERS.get(store)
    if numbers is None:
        rows = [Row(found) for found in store.select(service().queries.get("page-sources").text)]
        numbers = _NUMBERS[store] = {row["source"]: row["number"] for row in rows}
    return numbers
