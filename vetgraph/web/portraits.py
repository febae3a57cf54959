"""What the page about one thing shows, by the kind of thing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pyoxigraph as ox

from vetgraph.errors import NotFound
from vetgraph.store import Term
from vetgraph.vocab import DCTERMS, GRAPH, OA, PROV, RDF, RDFS, SCHEME, SKOS, SOURCE, VET
from vetgraph.web import reading, records
from vetgraph.web.reading import Evidence, Row, each, evidence, grouped, solutions

INFERRED: Final = GRAPH + "inferred"
"""The graph of what follows from the ontology."""


@dataclass
class Value:
    """A value of a property, with the graphs that state it."""

    term: Term
    graphs: list[str]


@dataclass
class Facts:
    """The values of one property; where they point here, the property's inverse if it has one."""

    property: str
    values: list[Value]
    incoming: bool = False
    inverse: str = ""


@dataclass(frozen=True)
class Portrait:
    """What the page about a thing shows, and the template that shows it."""

    template: str
    values: dict[str, Any]


APART: Final = frozenset(
    (
        RDF + "type",
        SKOS + "prefLabel",
        SKOS + "altLabel",
        SKOS + "hiddenLabel",
        SKOS + "definition",
        SKOS + "editorialNote",
        RDFS + "label",
        RDFS + "comment",
        OA + "hasSelector",
        PROV + "wasDerivedFrom",
        VET + "sourceName",
        VET + "source",
    )
)
"""Properties that a page shows elsewhere than in the list of facts."""

RECORDS: Final = frozenset(
    VET + name
    for name in (
        "Claim",
        "Evidence",
        "Involvement",
        "Observation",
        "PolicyStatus",
        "Position",
        "Recommendation",
        "StageRecord",
        "Statement",
    )
)
"""Classes of records that a page shows in sections of their own, not among what points here."""

RECORD_LINKS: Final = frozenset(
    [VET + name for name in ("about", "actor", "mentions", "recipient", "stageRecordOf", "componentOf")]
    + [RDF + "subject", RDF + "object", RDF + "predicate", PROV + "wasDerivedFrom", OA + "hasSource"]
)

TEMPLATES: Final = (
    ("Country", "country.html"),
    ("Region", "country.html"),
    ("Actor", "actor.html"),
    ("LegalAct", "act.html"),
    ("Agreement", "agreement.html"),
    ("PolicyDevelopment", "development.html"),
    ("SourceDocument", "source.html"),
    ("Evidence", "evidence.html"),
)
"""Class → template; anything else gets the general one."""

LISTS: Final = {
    "country.html": "/countries",
    "area.html": "/areas",
    "actor.html": "/actors",
    "act.html": "/legal-acts",
    "agreement.html": "/agreements",
    "development.html": "/developments",
    "source.html": "/sources",
    "evidence.html": "/sources",
}
"""Template → the list that the thing belongs to, for the trail."""


def _gather(rows: Iterable[Row], variable: str) -> list[Facts]:
    """Return the facts in some rows by property, each value once with its graphs."""
    found: dict[str, Facts] = {}
    for row in rows:
        facts = found.setdefault(row["property"], Facts(row["property"], [], variable == "from", row["inverse"]))
        term = row.term(variable)
        known = next((value for value in facts.values if value.term == term), None)
        if known is None and term is not None:
            known = Value(term, [])
            facts.values.append(known)
        if known is not None and row["graph"] not in known.graphs:
            known.graphs.append(row["graph"])
    return sorted(found.values(), key=lambda facts: (_weight(facts.property), reading.sort_key(facts.property)))


def _weight(iri: str) -> int:
    """Our own properties first, then the rest."""
    return 0 if iri.startswith(VET) else 1 if iri.startswith(DCTERMS) else 2


def _template(iri: str, types: set[str]) -> str:
    if iri.startswith(SCHEME + "thematic-area/"):
        return "area.html"
    if SKOS + "ConceptScheme" in types:
        return "scheme.html"
    for name, template in TEMPLATES:
        if VET + name in types:
            return template
    return "resource.html"


def portrait(iri: str) -> Portrait:
    """Return what the page about a thing shows. Raises NotFound where nothing is known of it."""
    rows = solutions("page-facts", thing=iri)
    if not rows:
        raise NotFound(f"Nothing is known of {iri}; look it up in the lists of actors, acts and areas.")
    types = {row["value"] for row in rows if row["property"] == RDF + "type"}
    template = _template(iri, types)
    stated = [row for row in rows if row["graph"] != INFERRED]
    follows = [row for row in rows if row["graph"] == INFERRED and row["property"] != RDF + "type"]
    values: dict[str, Any] = {
        "iri": iri,
        "types": _main_types(stated),
        "facts": _gather((row for row in stated if row["property"] not in APART), "value"),
        "follows": _gather(follows, "value"),
        "texts": {
            name: _own_words(rows, prefix)
            for name, prefix in (("definition", SKOS + "definition"), ("note", SKOS + "editorialNote"))
        },
        "graphs": sorted({row["graph"] for row in stated}),
        "names": names(solutions("page-names", thing=iri)),
        "evidence": evidence(solutions("page-evidence", thing=iri)),
        "pages": [(row["page"], row["address"], row["evidence"]) for row in solutions("page-pages", thing=iri)],
        "parts": [row["value"] for row in stated if row["property"] == OA + "hasSelector"],
        "list_address": LISTS.get(template, ""),
    }
    values |= _sections(iri, template)
    return Portrait(template, values)


@dataclass
class Name:
    """A name with the languages in which it is used and the graphs that use it."""

    text: str
    languages: list[str]
    graphs: list[str]


NAME_KINDS: Final = (
    SKOS + "prefLabel",
    SKOS + "altLabel",
    VET + "officialTitle",
    VET + "sourceName",
    SKOS + "hiddenLabel",
)
"""Kinds of names in the order in which a page shows them."""


def names(rows: Sequence[Row]) -> dict[str, list[Name]]:
    """Return the names in some rows by kind, each once."""
    found: dict[str, dict[str, Name]] = {kind: {} for kind in NAME_KINDS}
    for row in rows:
        term = row.term("name")
        written = term.language if isinstance(term, ox.Literal) else None
        name = found[row["kind"]].setdefault(row["name"], Name(row["name"], [], []))
        if written and written not in name.languages:
            name.languages.append(written)
        if row["graph"] not in name.graphs:
            name.graphs.append(row["graph"])
    return {kind: list(several.values()) for kind, several in found.items() if several}


def _main_types(rows: Iterable[Row]) -> list[str]:
    found = {row["value"] for row in rows if row["property"] == RDF + "type"}
    return sorted(found, key=lambda iri: (not iri.startswith(VET), iri))


def _own_words(rows: Iterable[Row], prefix: str) -> list[reading.Label]:
    """Return the texts of a property: in the reader's language where there is one, else all."""
    terms = [row.term("value") for row in rows if row["property"] == prefix]
    words = [reading.Label(term.value, term.language or "") for term in terms if isinstance(term, ox.Literal)]
    own = [one for one in words if not one.foreign]
    return own or words


def _sections(iri: str, template: str) -> dict[str, Any]:
    """Return what the sections of a page show, by the kind of thing."""
    values: dict[str, Any] = {"roles": [], "statements": {}, "disputes": [], "tables": [], "links": []}
    if template == "evidence.html":
        rests = grouped(solutions("page-passage", evidence=iri), lambda row: row["thing"])
        return values | {"rests": {thing: each(rows, "class") for thing, rows in rests.items()}}
    if template == "scheme.html":
        return values | {"concepts": solutions("page-schemes", scheme=iri)}
    values |= {
        "roles": records.roles(solutions("page-involvements", thing=iri)),
        "statements": records.statements(solutions("page-statements", thing=iri)),
        "disputes": records.conflicts(solutions("page-disputes", thing=iri)),
        "links": _links_here(iri),
    }
    if template not in ("actor.html", "area.html", "source.html"):
        values["tables"] = records.number_tables(solutions("page-numbers", thing=iri))
    return values | _own_sections(iri, template)


def _own_sections(iri: str, template: str) -> dict[str, Any]:
    """Return what only pages of one kind show."""
    if template == "country.html":
        return {
            "matrices": records.matrices(solutions("page-statuses", country=iri)),
            "place": {
                reading.fragment_of(kind): each(rows, "thing")
                for kind, rows in grouped(solutions("page-place", place=iri), lambda row: row["kind"]).items()
            },
        }
    if template == "area.html":
        return {"matrices": records.matrices(solutions("page-statuses", area=iri))}
    if template == "development.html":
        return {"developments": records.developments(solutions("page-developments", development=iri))}
    if template == "source.html":
        return {
            "sections_here": _document_sections(iri),
            "kinds": solutions("page-source-kinds", thing=iri),
        }
    return {}


def _links_here(iri: str) -> list[Facts]:
    """Return what points at a thing, records left out that other sections show."""
    rows = [
        row
        for row in solutions("page-links", thing=iri)
        if row["graph"] != INFERRED and row["property"] not in RECORD_LINKS and row["property"] != RDF + "type"
    ]
    shown = [row for row in rows if not row["kind"] or row["kind"] not in RECORDS]
    return _gather(shown, "from")


@dataclass(frozen=True)
class Section:
    """A part of a document, and whether it is filled."""

    iri: str
    ordinal: str
    field: str
    content: str
    evidence: tuple[Evidence, ...]


def _document_sections(iri: str) -> list[Section]:
    found = grouped(solutions("page-sections", thing=iri), lambda row: row["section"])
    return [
        Section(section, rows[0]["ordinal"], rows[0]["field"], rows[0]["content"], tuple(evidence(rows)))
        for section, rows in found.items()
    ]


def graph_number(graph: str, numbers: dict[str, str]) -> str:
    """Return the number of the document that a graph is made from, if it is made from one."""
    return numbers.get(graph.replace(GRAPH, SOURCE, 1), "")
