"""Namespaces, prefixes, and the algebra of IRIs under the project's base.

>>> shorten("https://w3id.org/vetgraph/ontology#LegalAct")
'vet:LegalAct'
>>> expand("thematic-area:recognition")
'https://w3id.org/vetgraph/scheme/thematic-area/recognition'
"""

from __future__ import annotations

from typing import Final

BASE: Final = "https://w3id.org/vetgraph/"
"""The one base of every IRI that the project mints."""

ONTOLOGY: Final = BASE + "ontology"
SHAPES: Final = BASE + "shapes"
VET: Final = ONTOLOGY + "#"
ID: Final = BASE + "id/"
SOURCE: Final = BASE + "source/"
GRAPH: Final = BASE + "graph/"
QUERY: Final = BASE + "query/"
SCHEME: Final = BASE + "scheme/"
DATASET: Final = BASE + "dataset"

SELECTOR: Final = "-selector"
"""What ends the IRI of a selector, which is described with what it belongs to: the IRI before it."""

LICENCE: Final = "https://creativecommons.org/licenses/by/4.0/"
"""Under what the data may be used."""

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
OWL: Final = "http://www.w3.org/2002/07/owl#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
DCTERMS: Final = "http://purl.org/dc/terms/"
PROV: Final = "http://www.w3.org/ns/prov#"
OA: Final = "http://www.w3.org/ns/oa#"
SH: Final = "http://www.w3.org/ns/shacl#"
HYDRA: Final = "http://www.w3.org/ns/hydra/core#"

SCHEMES: Final = (
    "thematic-area",
    "governance-aspect",
    "status-value",
    "status-component",
    "score-band",
    "development-stage",
    "development-type",
    "thematic-category",
    "target-group",
    "european-priority",
    "subsystem",
    "sector",
    "organisation-type",
    "agreement-kind",
    "agreement-status",
    "legal-act-type",
    "framework-kind",
    "tool-kind",
    "channel-kind",
    "event-kind",
    "mobility-mode",
    "claim-rank",
    "certainty",
    "modality",
    "role",
    "statement-kind",
    "circumstance",
    "competence",
    "content-status",
    "link-state",
    "year-part",
    "interest-mark",
    "topic",
    "step-kind",
    "amount-factor",
    "confidence",
    "coding-basis",
)
"""Slugs of the code lists, each a file in ``ontology/schemes`` and a prefix."""

EUROPA: Final = "http://publications.europa.eu/resource/authority/"

PREFIXES: Final[dict[str, str]] = {
    "vet": VET,
    "id": ID,
    "source": SOURCE,
    "graph": GRAPH,
    "shapes": SHAPES + "#",
    "query": QUERY,
    **{slug: f"{SCHEME}{slug}/" for slug in SCHEMES},
    "scheme": SCHEME,
    "rdf": RDF,
    "rdfs": RDFS,
    "owl": OWL,
    "xsd": XSD,
    "skos": SKOS,
    "dcterms": DCTERMS,
    "org": "http://www.w3.org/ns/org#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "schema": "https://schema.org/",
    "eli": "http://data.europa.eu/eli/ontology#",
    "elm": "http://data.europa.eu/snb/model/elm/",
    "cv": "http://data.europa.eu/m8g/",
    "cpsv": "http://purl.org/vocab/cpsv#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "void": "http://rdfs.org/ns/void#",
    "void-ext": "http://ldf.fi/void-ext#",
    "adms": "http://www.w3.org/ns/adms#",
    "dcatap": "http://data.europa.eu/r5r/",
    "spdx": "http://spdx.org/rdf/terms#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "sd": "http://www.w3.org/ns/sparql-service-description#",
    "prov": PROV,
    "oa": OA,
    "time": "http://www.w3.org/2006/time#",
    "qb": "http://purl.org/linked-data/cube#",
    "sh": SH,
    "hydra": HYDRA,
    "cs": "http://purl.org/vocab/changeset/schema#",
    "tree": "https://w3id.org/tree#",
    "ldes": "https://w3id.org/ldes#",
    "dash": "http://datashapes.org/dash#",
    "spex": "https://purl.expasy.org/sparql-examples/ontology#",
    "vann": "http://purl.org/vocab/vann/",
    "vs": "http://www.w3.org/2003/06/sw-vocab-status/ns#",
    "unit": "http://qudt.org/vocab/unit/",
    "eqf": "http://data.europa.eu/snb/eqf/",
    "iscedf": "http://data.europa.eu/snb/isced-f/",
    "nuts": "http://data.europa.eu/nuts/code/",
    "atc": EUROPA + "country/",
    "atu": EUROPA + "atu/",
    "atl": EUROPA + "language/",
    "wd": "http://www.wikidata.org/entity/",
    "gn": "https://sws.geonames.org/",
}
"""Prefix → namespace, for Turtle files, queries and the JSON-LD context."""

LABELS: Final = (
    SKOS + "prefLabel",
    RDFS + "label",
    DCTERMS + "title",
    PREFIXES["foaf"] + "name",
    PREFIXES["schema"] + "name",
    SH + "name",
)
"""What says how a thing is called, the preferred one first."""

LANGUAGES: Final = ("en", "fr", "de", "nl")
"""Languages in which every text of ours is shown, the fallback first."""

_BY_LENGTH: Final = sorted(PREFIXES.items(), key=lambda item: -len(item[1]))


def shorten(iri: str) -> str:
    """Return the prefixed name of an IRI, or the IRI itself where no prefix fits.

    >>> shorten("https://w3id.org/vetgraph/id/anefore")
    'id:anefore'
    >>> shorten("http://example.org/x")
    'http://example.org/x'
    """
    for prefix, namespace in _BY_LENGTH:
        local = iri[len(namespace) :]
        if iri.startswith(namespace) and local and "/" not in local and "#" not in local:
            return f"{prefix}:{local}"
    return iri


def expand(name: str) -> str:
    """Return the IRI of a prefixed name.

    Raises KeyError where the prefix is unknown.

    >>> expand("id:anefore")
    'https://w3id.org/vetgraph/id/anefore'
    """
    prefix, _, local = name.partition(":")
    return PREFIXES[prefix] + local


def path_of(iri: str) -> str | None:
    """Return the path under the base, or None where the IRI is not ours.

    >>> path_of("https://w3id.org/vetgraph/id/anefore")
    'id/anefore'
    >>> path_of("http://example.org/x") is None
    True
    """
    return iri[len(BASE) :] if iri.startswith(BASE) else None
