"""Things, pages and the dataset in the words of schema.org, for search engines: JSON-LD that stands in pages.

Only what schema.org has a class and properties for is said; :data:`DOMAINS` keeps each property to its classes.
No Flask in here: what a thing is called and where its page is, the caller knows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyoxigraph as ox

from vetgraph.jsonld.model import model
from vetgraph.store import GraphStore
from vetgraph.vocab import DCTERMS, PREFIXES, RDF, SCHEME, SH, SKOS, VET, expand

Json = dict[str, Any]

CONTEXT: Final = "https://schema.org"
NAMESPACE: Final = PREFIXES["schema"]

CLASSES: Final[Mapping[str, str]] = {
    VET + "Country": "Country",
    VET + "Region": "AdministrativeArea",
    VET + "City": "City",
    VET + "Place": "Place",
    VET + "NationalAgency": "GovernmentOrganization",
    VET + "VETProvider": "EducationalOrganization",
    VET + "Organisation": "Organization",
    VET + "ActorGroup": "Audience",
    VET + "Project": "Project",
    VET + "LegalAct": "Legislation",
    VET + "LegalProvision": "Legislation",
    VET + "Agreement": "CreativeWork",
    VET + "Event": "Event",
    VET + "FundingProgramme": "FundingScheme",
    VET + "FinancialSupport": "Grant",
    VET + "TrainingProgramme": "EducationalOccupationalProgram",
    VET + "GuidanceService": "Service",
    VET + "Qualification": "EducationalOccupationalCredential",
    VET + "Framework": "CreativeWork",
    VET + "SourceDocument": "Report",
    VET + "Publication": "DigitalDocument",
    VET + "DocumentSection": "CreativeWork",
    VET + "Evidence": "CreativeWork",
    VET + "Statement": "Statement",
    VET + "Claim": "Claim",
    VET + "MobilityTool": "CreativeWork",
    VET + "DataSet": "Dataset",
    VET + "MonetaryAmount": "MonetaryAmount",
    VET + "Indicator": "DefinedTerm",
    SKOS + "Concept": "DefinedTerm",
    SKOS + "ConceptScheme": "DefinedTermSet",
    expand("owl:Ontology"): "DefinedTermSet",
    expand("sd:NamedGraph"): "Dataset",
    SH + "SPARQLExecutable": "SoftwareSourceCode",
    expand("dcat:Dataset"): "Dataset",
    expand("dcat:Catalog"): "DataCatalog",
    expand("dcat:Distribution"): "DataDownload",
}
"""Class → schema.org's; what has none is a Thing."""

_PUBLIC_BODIES: Final = frozenset(
    f"{SCHEME}organisation-type/{name}"
    for name in (
        *("ministry", "department", "government", "national-agency", "public-administration", "regional-authority"),
        *("eu-institution", "eu-agency", "public-employment-service", "social-security-body", "parliamentary-body"),
    )
)
"""Kinds of bodies that are a GovernmentOrganization."""

_WORKS: Final = frozenset(
    (
        *("Legislation", "CreativeWork", "Report", "DigitalDocument", "Statement", "Claim", "Dataset", "DataCatalog"),
        *("DefinedTermSet", "SoftwareSourceCode", "DataDownload", "EducationalOccupationalCredential"),
    )
)
_BODIES: Final = frozenset(
    ("Organization", "GovernmentOrganization", "EducationalOrganization", "Project", "FundingScheme")
)
_PLACES: Final = frozenset(("Place", "Country", "AdministrativeArea", "City", "EducationalOrganization"))
_AREAS: Final = frozenset(("Country", "AdministrativeArea", "City"))

DOMAINS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(("inLanguage", "datePublished", "publisher", "isPartOf", "license", "creator"), _WORKS),
    **dict.fromkeys(("about", "text"), _WORKS),
    **dict.fromkeys(("foundingDate", "memberOf"), _BODIES),
    "location": _BODIES | {"Event"},
    "containedInPlace": _PLACES - {"EducationalOrganization"},
    **dict.fromkeys(("legislationDate", "legislationType", "legislationJurisdiction"), frozenset({"Legislation"})),
    **dict.fromkeys(("legislationChanges", "legislationIdentifier"), frozenset({"Legislation"})),
    **dict.fromkeys(("startDate", "endDate"), frozenset({"Event", "EducationalOccupationalProgram"})),
    "contentUrl": frozenset({"DataDownload"}),
    "provider": frozenset({"EducationalOccupationalProgram", "Service"}),
    **dict.fromkeys(("termCode", "inDefinedTermSet"), frozenset({"DefinedTerm"})),
}
"""Property → the classes of ours on which schema.org has it; one that is not here goes on anything."""


@dataclass(frozen=True)
class _Rule:
    """How a property of ours is told: schema.org's name, and whether values are texts, dates, addresses or things."""

    name: str
    kind: str
    range: frozenset[str] = frozenset()


_RULES: Final[tuple[tuple[str, _Rule], ...]] = (
    (SKOS + "exactMatch", _Rule("sameAs", "url")),
    (expand("schema:sameAs"), _Rule("sameAs", "url")),
    (SKOS + "notation", _Rule("termCode", "text")),
    (SKOS + "inScheme", _Rule("inDefinedTermSet", "thing", frozenset({"DefinedTermSet"}))),
    (VET + "inCountry", _Rule("location", "thing", _PLACES)),
    (VET + "inCountry", _Rule("containedInPlace", "thing", _PLACES)),
    (VET + "locatedIn", _Rule("location", "thing", _PLACES)),
    (VET + "locatedIn", _Rule("containedInPlace", "thing", _PLACES)),
    (VET + "memberOf", _Rule("memberOf", "thing", _BODIES)),
    (VET + "foundedIn", _Rule("foundingDate", "date")),
    (VET + "actDate", _Rule("legislationDate", "date")),
    (VET + "celex", _Rule("legislationIdentifier", "text")),
    (VET + "eli", _Rule("legislationIdentifier", "url")),
    (VET + "actType", _Rule("legislationType", "label")),
    (VET + "jurisdiction", _Rule("legislationJurisdiction", "thing", _AREAS)),
    (VET + "amendsAct", _Rule("legislationChanges", "thing", frozenset({"Legislation"}))),
    (VET + "provisionOf", _Rule("isPartOf", "thing", _WORKS)),
    (VET + "sectionOf", _Rule("isPartOf", "thing", _WORKS)),
    (VET + "startDate", _Rule("startDate", "date")),
    (VET + "endDate", _Rule("endDate", "date")),
    (VET + "programmeOf", _Rule("provider", "thing", _BODIES)),
    (VET + "serviceProvidedBy", _Rule("provider", "thing", _BODIES)),
    (VET + "about", _Rule("about", "thing")),
    (DCTERMS + "publisher", _Rule("publisher", "thing", _BODIES)),
    (DCTERMS + "issued", _Rule("datePublished", "date")),
    (DCTERMS + "license", _Rule("license", "url")),
    (DCTERMS + "language", _Rule("inLanguage", "code")),
    (expand("dcat:downloadURL"), _Rule("contentUrl", "url")),
    (SH + "select", _Rule("text", "text")),
    (expand("foaf:page"), _Rule("sameAs", "url")),
)

_DATES: Final = frozenset(("date", "dateTime", "gYear", "gYearMonth"))
_DESCRIPTIONS: Final = (SKOS + "definition", DCTERMS + "description", SH + "description")
_OTHER_NAMES: Final = (SKOS + "prefLabel", SKOS + "altLabel", VET + "officialTitle")
_FEW: Final = 20
"""Most values of one property that are told: a page is no data file."""

_LANGUAGES: Final = {"ENG": "en", "FRA": "fr", "DEU": "de", "NLD": "nl", "SPA": "es", "POR": "pt", "LTZ": "lb"}


def type_of(types: Iterable[str], kinds: Iterable[str] = ()) -> str:
    """Return schema.org's class for a thing of some classes, an organisation also by the kind of body that it is.

    >>> type_of([VET + "Actor", VET + "Organisation"])
    'Organization'
    >>> type_of([VET + "Organisation"], [SCHEME + "organisation-type/ministry"])
    'GovernmentOrganization'
    """
    types = set(types)
    known = [one.iri for one in model().classes_of(types)] + sorted(types)
    above = [wide for iri in known if iri in model().by_iri for wide in sorted(model().by_iri[iri].above)]
    found = next((CLASSES[iri] for iri in (*known, *above) if iri in CLASSES), "Thing")
    if found == "Organization" and _PUBLIC_BODIES.intersection(kinds):
        return "GovernmentOrganization"
    return found


class Teller:
    """Tells of things of one version, in one language."""

    def __init__(
        self, store: GraphStore, language: str, name: Callable[[str], str], address: Callable[[str], str]
    ) -> None:
        self._store = store
        self._language = language
        self._name = name
        self._address = address

    def thing(self, iri: str) -> Json:
        """Return what schema.org has words for of a thing."""
        facts: dict[str, list[ox.NamedNode | ox.Literal]] = {}
        for quad in self._store.quads(ox.NamedNode(iri)):
            if isinstance(quad.object, ox.NamedNode | ox.Literal):
                facts.setdefault(quad.predicate.value, []).append(quad.object)
        kind = self._kind(iri)
        found: Json = {"@type": kind, "@id": iri, "name": self._name(iri), "url": self._address(iri)}
        others = sorted({t.value for p in _OTHER_NAMES for t in facts.get(p, ())} - {found["name"]})
        if others:
            found["alternateName"] = others[:_FEW]
        for predicate in _DESCRIPTIONS:
            self._describe(found, facts.get(predicate, []))
        for predicate, rule in _RULES:
            if kind in DOMAINS.get(rule.name, {kind}):
                self._tell(found, rule, facts.get(predicate, []))
        if kind == "SoftwareSourceCode":
            found["programmingLanguage"] = "SPARQL"
        return {key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in found.items()}

    def _kind(self, iri: str) -> str:
        node = ox.NamedNode(iri)
        types = {q.object.value for q in self._store.quads(node, ox.NamedNode(RDF + "type"))}  # type: ignore[union-attr]
        kinds = {q.object.value for q in self._store.quads(node, _CLASSIFICATION)}  # type: ignore[union-attr]
        return type_of(types, kinds)

    def _describe(self, found: Json, texts: list[ox.NamedNode | ox.Literal]) -> None:
        known = {t.language: t.value for t in texts if isinstance(t, ox.Literal)}
        if known and "description" not in found:
            found["description"] = known.get(self._language) or known.get("en") or sorted(known.values())[0]

    def _tell(self, found: Json, rule: _Rule, terms: list[ox.NamedNode | ox.Literal]) -> None:
        told = [value for term in sorted(set(terms), key=str)[:_FEW] if (value := self._value(rule, term)) is not None]
        if told:
            known = found.setdefault(rule.name, [])
            known += [one for one in told if one not in known]

    def _value(self, rule: _Rule, term: ox.NamedNode | ox.Literal) -> Any:
        """Return a value as schema.org wants it; None where it does not fit."""
        if isinstance(term, ox.Literal):
            dated = term.datatype.value.rpartition("#")[2] in _DATES
            return term.value if rule.kind == "text" or (rule.kind == "date" and dated) else None
        if rule.kind == "url":
            return term.value if term.value.startswith(("http://", "https://")) else None
        if rule.kind == "label":
            return self._name(term.value)
        if rule.kind == "code":
            return _LANGUAGES.get(term.value.rpartition("/")[2])
        return self._reference(rule, term.value) if rule.kind == "thing" else None

    def _reference(self, rule: _Rule, iri: str) -> Json | None:
        kind = self._kind(iri)
        if rule.range and kind not in rule.range:
            return None
        return {"@type": kind, "@id": iri, "name": self._name(iri)}


_CLASSIFICATION: Final = ox.NamedNode(expand("org:classification"))


def website(root: str, languages: Iterable[str], licence: str) -> Json:
    """Return the site with its search form, at an address without a final slash."""
    return {
        "@type": "WebSite",
        "@id": f"{root}/#site",
        "url": f"{root}/",
        "name": "vetgraph",
        "inLanguage": list(languages),
        "license": licence,
        "potentialAction": {
            "@type": "SearchAction",
            "target": {"@type": "EntryPoint", "urlTemplate": f"{root}/search?q={{text}}"},
            "query-input": "required name=text",
        },
    }


def webpage(root: str, address: str, language: str, name: str, kind: str, main: str = "") -> Json:
    """Return a page of the site: its address, language and name, and the thing that it is about."""
    page: Json = {"@type": kind, "@id": address, "url": address, "name": name, "inLanguage": language}
    return page | {"isPartOf": {"@id": f"{root}/#site"}} | ({"mainEntity": {"@id": main}} if main else {})


def dataset(iri: str, root: str, facts: Mapping[str, Any], files: Iterable[tuple[str, str]]) -> Json:
    """Return the dataset: ``facts`` are its name, description, licence and so on; ``files`` address and media type."""
    return {
        "@type": "Dataset",
        "@id": iri,
        "identifier": iri,
        "url": f"{root}/about",
        **facts,
        "isAccessibleForFree": True,
        "includedInDataCatalog": {"@type": "DataCatalog", "@id": f"{root}/catalog", "name": "vetgraph"},
        "distribution": [
            {"@type": "DataDownload", "contentUrl": address, "encodingFormat": media_type}
            for address, media_type in files
        ],
    }
