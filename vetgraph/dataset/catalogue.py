"""The catalogue in DCAT-AP 3: the dataset, a dataset for each named graph, files, the endpoint, versions.

Ranges and code lists are those of the application profile: authority tables of the Publications Office of the
European Union for themes, languages, formats and frequencies, IANA for media types, SPDX for checksums. What the
profile wants to know of their concepts stands in the catalogue, so that it can be judged by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyoxigraph as ox

from vetgraph import media
from vetgraph.dataset.describing import (
    DESCRIPTION,
    PUBLISHER,
    SERVICE,
    TITLE,
    Description,
    moment,
    plain,
    text,
    typed,
)
from vetgraph.dataset.graphs import TITLES, ours
from vetgraph.media import Media
from vetgraph.store import GraphStore, Version
from vetgraph.vocab import BASE, DATASET, EUROPA, GRAPH, LICENCE, SKOS, SOURCE, expand

CATALOG: Final = BASE + "catalog"
CONTACT: Final = CATALOG + "#contact"
"""Parts have names too: without blank nodes the same version gives the same bytes, whoever writes them."""

DISTRIBUTION: Final = BASE + "distribution/"
VERSION: Final = BASE + "version/"

IANA: Final = "https://www.iana.org/assignments/media-types/"
PROFILE: Final = "http://data.europa.eu/r5r/"
SPARQL_PROTOCOL: Final = "https://www.w3.org/TR/sparql11-protocol/"

FILE_TYPES: Final[Mapping[Media, str]] = {
    media.TURTLE: "RDF_TURTLE",
    media.N_TRIPLES: "RDF_N_TRIPLES",
    media.TRIG: "RDF_TRIG",
    media.N_QUADS: "RDF_N_QUADS",
}
"""Names in the authority table of file types."""

LANGUAGE_TABLE: Final[Mapping[str, tuple[str, str]]] = {
    "en": ("ENG", "English"),
    "fr": ("FRA", "French"),
    "de": ("DEU", "German"),
    "nl": ("NLD", "Dutch"),
}
_PUBLIC: Final = EUROPA + "access-right/PUBLIC"
_IRREGULAR: Final = EUROPA + "frequency/IRREG"
_AVAILABLE: Final = EUROPA + "planned-availability/AVAILABLE"
_EDUCATION: Final = EUROPA + "data-theme/EDUC"
_ATTRIBUTION: Final = "http://purl.org/adms/licencetype/Attribution"

CONCEPTS: Final[Mapping[str, str]] = {
    _PUBLIC: "public",
    _IRREGULAR: "irregular",
    _AVAILABLE: "available",
    _EDUCATION: "Education, culture and sport",
    **{EUROPA + f"file-type/{code}": media_.name for media_, code in FILE_TYPES.items()},
    **{EUROPA + f"language/{code}": label for code, label in LANGUAGE_TABLE.values()},
}
"""Concepts of authority tables that the catalogue uses, with their English names."""

KEYWORDS: Final[Mapping[str, Sequence[str]]] = {
    "en": ("vocational education and training", "learner mobility"),
    "fr": ("enseignement et formation professionnels", "mobilité des apprenants"),
    "de": ("berufliche Bildung", "Lernmobilität"),
    "nl": ("beroepsonderwijs en beroepsopleiding", "leermobiliteit"),
}


@dataclass(frozen=True)
class Distribution:
    """A file that holds a dataset: its name below the service, format, size in bytes, SHA-256 in hexadecimal digits.

    Without a checksum the file is named, and not measured.
    """

    name: str
    media: Media
    dataset: str
    size: int = 0
    sha256: str = ""

    @property
    def iri(self) -> str:
        """The IRI of the file as a distribution."""
        return distribution_iri(self.name)

    @property
    def packed(self) -> bool:
        """Whether the file is compressed."""
        return self.name.endswith(".gz")


def distribution_iri(name: str) -> str:
    """Return the IRI of a file as a distribution.

    >>> distribution_iri("dump/reference.ttl.gz")
    'https://w3id.org/vetgraph/distribution/reference.ttl.gz'
    >>> distribution_iri("dump.nq.gz")
    'https://w3id.org/vetgraph/distribution/vetgraph.nq.gz'
    """
    return DISTRIBUTION + (f"vetgraph{name[4:]}" if name.startswith("dump.") else name.removeprefix("dump/"))


@dataclass(frozen=True)
class Catalogue:
    """What the catalogue is made from: the version, its graphs, its files, the versions that are kept, the address.

    ``contact`` is the address (``mailto:`` or ``https:``) of whoever runs the service, where there is one.
    """

    store: GraphStore
    files: Sequence[Distribution]
    versions: Sequence[Version]
    root: str
    contact: str = ""

    @property
    def version(self) -> Version:
        """The version that the catalogue is of."""
        return self.store.version


def catalogue_description(given: Catalogue) -> list[ox.Triple]:
    """Return the catalogue as triples."""
    it = Description()
    _catalog(it, given)
    _dataset(it, given)
    for graph in ours(given.version.counts):
        _graph(it, given, graph)
    for file in given.files:
        _distribution(it, given, file)
    _endpoint(it, given)
    for version in given.versions:
        _version(it, version)
    _agents(it, given)
    _concepts(it)
    return it.triples


def _catalog(it: Description, given: Catalogue) -> None:
    it.say(CATALOG, "a", expand("dcat:Catalog"))
    it.words(CATALOG, "dcterms:title", {"en": "Catalogue of vetgraph", "fr": "Catalogue de vetgraph"})
    it.words(CATALOG, "dcterms:title", {"de": "Katalog von vetgraph", "nl": "Catalogus van vetgraph"})
    it.words(CATALOG, "dcterms:description", DESCRIPTION)
    it.say(CATALOG, "dcterms:publisher", PUBLISHER)
    it.say(CATALOG, "dcterms:license", LICENCE)
    it.say(CATALOG, "dcterms:conformsTo", PROFILE)
    it.say(PROFILE, "a", expand("dcterms:Standard"))
    it.say(CATALOG, "foaf:homepage", f"{given.root}/")
    it.say(f"{given.root}/", "a", expand("foaf:Document"))
    it.say(CATALOG, "dcterms:modified", moment(given.version.built))
    it.say(CATALOG, "dcterms:issued", moment(min(version.built for version in (given.version, *given.versions))))
    it.say(CATALOG, "dcat:themeTaxonomy", EUROPA + "data-theme")
    for code, _ in LANGUAGE_TABLE.values():
        it.say(CATALOG, "dcterms:language", EUROPA + f"language/{code}")
    _places(it, CATALOG, given.store)
    it.say(CATALOG, "dcat:dataset", DATASET)
    for graph in ours(given.version.counts):
        it.say(CATALOG, "dcat:dataset", graph)
    it.say(CATALOG, "dcat:service", SERVICE)


def _common(it: Description, dataset: str, given: Catalogue) -> None:
    """Say what holds for the whole and for each of its parts."""
    it.say(dataset, "a", expand("dcat:Dataset"))
    it.say(dataset, "dcterms:publisher", PUBLISHER)
    it.say(dataset, "dcterms:creator", PUBLISHER)
    it.say(dataset, "dcterms:license", LICENCE)
    it.say(dataset, "dcterms:accessRights", _PUBLIC)
    it.say(dataset, "dcterms:accrualPeriodicity", _IRREGULAR)
    it.say(dataset, "dcterms:modified", moment(given.version.built))
    it.say(dataset, "dcterms:conformsTo", BASE + "ontology")
    it.say(dataset, "dcterms:conformsTo", BASE + "shapes")
    it.say(dataset, "dcat:theme", _EDUCATION)
    it.say(dataset, "dcat:contactPoint", CONTACT)
    it.say(dataset, "dcat:version", plain(given.version.number))
    for language, several in KEYWORDS.items():
        for keyword in several:
            it.say(dataset, "dcat:keyword", text(keyword, language))
    for code, _ in LANGUAGE_TABLE.values():
        it.say(dataset, "dcterms:language", EUROPA + f"language/{code}")


def _dataset(it: Description, given: Catalogue) -> None:
    """Say what the whole dataset is: its parts, files and versions."""
    _common(it, DATASET, given)
    it.words(DATASET, "dcterms:title", TITLE)
    it.words(DATASET, "dcterms:description", DESCRIPTION)
    it.say(DATASET, "dcterms:identifier", plain(DATASET))
    it.say(DATASET, "dcat:landingPage", f"{given.root}/about")
    it.say(f"{given.root}/about", "a", expand("foaf:Document"))
    it.say(DATASET, "foaf:page", f"{given.root}/about")
    _places(it, DATASET, given.store)
    for term in ("ontology", "shapes"):
        it.say(BASE + term, "a", expand("dcterms:Standard"))
    for graph in ours(given.version.counts):
        it.say(DATASET, "dcterms:hasPart", graph)
    for file in given.files:
        if file.dataset == DATASET:
            it.say(DATASET, "dcat:distribution", file.iri)
    it.say(DATASET, "dcat:hasCurrentVersion", f"{VERSION}{given.version.number}")
    for version in given.versions:
        it.say(DATASET, "dcat:hasVersion", f"{VERSION}{version.number}")


def _graph(it: Description, given: Catalogue, graph: str) -> None:
    """Say what one named graph is, as a dataset: the document behind it, the places that it is about, its files."""
    slug = graph.removeprefix(GRAPH)
    source = ox.NamedNode(SOURCE + slug)
    labels = _values(given.store, source, SKOS + "prefLabel")
    _common(it, graph, given)
    it.say(graph, "dcterms:isPartOf", DATASET)
    it.say(graph, "dcterms:identifier", plain(graph))
    it.say(graph, "dcat:landingPage", f"{given.root}/sources")
    it.say(f"{given.root}/sources", "a", expand("foaf:Document"))
    if labels:
        it.say(graph, "prov:wasDerivedFrom", source)
        for label in labels:
            if isinstance(label, ox.Literal):
                it.say(graph, "dcterms:title", label)
        it.say(graph, "dcterms:description", text("What one document says, each fact with the passage that says it."))
    else:
        it.say(graph, "dcterms:title", text(TITLES.get(slug, slug)))
        it.say(graph, "dcterms:description", text(f"{TITLES.get(slug, slug)}: a named graph of vetgraph."))
    _places(it, graph, given.store, source if labels else None)
    for file in given.files:
        if file.dataset == graph:
            it.say(graph, "dcat:distribution", file.iri)


def _distribution(it: Description, given: Catalogue, file: Distribution) -> None:
    """Say what a file is: format, size, checksum, where it can be had."""
    address, checksum = f"{given.root}/{file.name}", f"{file.iri}#checksum"
    it.say(file.iri, "a", expand("dcat:Distribution"))
    it.say(file.iri, "dcterms:title", text(f"{file.dataset.removeprefix(BASE)} as {file.media.name}"))
    size = "compressed by gzip" if file.packed else "as it is"
    it.say(file.iri, "dcterms:description", text(f"All triples, in a fixed order, as {file.media.name}, {size}."))
    it.say(file.iri, "dcat:accessURL", address)
    it.say(file.iri, "dcat:downloadURL", address)
    it.say(file.iri, "dcterms:license", LICENCE)
    it.say(file.iri, "dcterms:modified", moment(given.version.built))
    it.say(file.iri, "dcterms:format", EUROPA + f"file-type/{FILE_TYPES[file.media]}")
    it.say(file.iri, "dcat:mediaType", _media_type(it, file.media.type))
    if file.packed:
        it.say(file.iri, "dcat:compressFormat", _media_type(it, "application/gzip"))
    it.say(file.iri, "dcatap:availability", _AVAILABLE)
    if file.sha256:
        it.say(file.iri, "dcat:byteSize", typed(str(file.size), "xsd:nonNegativeInteger"))
        it.say(file.iri, "spdx:checksum", checksum)
        it.say(checksum, "a", expand("spdx:Checksum"))
        it.say(checksum, "spdx:checksumValue", typed(file.sha256, "xsd:hexBinary"))
        it.say(checksum, "spdx:algorithm", _SHA256)


_SHA256: Final = "http://spdx.org/rdf/terms#checksumAlgorithm_sha256"


def _media_type(it: Description, name: str) -> str:
    it.say(IANA + name, "a", expand("dcterms:MediaType"))
    return IANA + name


def _endpoint(it: Description, given: Catalogue) -> None:
    """Say what the data service is: the SPARQL endpoint."""
    it.say(SERVICE, "a", expand("dcat:DataService"))
    it.say(SERVICE, "dcterms:title", text("vetgraph SPARQL endpoint"))
    it.say(SERVICE, "dcterms:description", text("SPARQL 1.1 Protocol over all named graphs; SPARQL 1.1 and 1.2."))
    it.say(SERVICE, "dcat:endpointURL", f"{given.root}/sparql")
    it.say(f"{given.root}/sparql", "a", expand("rdfs:Resource"))
    it.say(SERVICE, "dcat:endpointDescription", f"{given.root}/openapi.json")
    it.say(SERVICE, "dcat:servesDataset", DATASET)
    it.say(SERVICE, "dcterms:conformsTo", SPARQL_PROTOCOL)
    it.say(SPARQL_PROTOCOL, "a", expand("dcterms:Standard"))
    it.say(SERVICE, "dcterms:publisher", PUBLISHER)
    it.say(SERVICE, "dcterms:license", LICENCE)
    it.say(SERVICE, "dcterms:accessRights", _PUBLIC)
    it.say(SERVICE, "dcat:theme", _EDUCATION)
    it.say(SERVICE, "dcat:contactPoint", CONTACT)
    it.say(SERVICE, "dcat:landingPage", f"{given.root}/about")
    for language, several in KEYWORDS.items():
        for keyword in several:
            it.say(SERVICE, "dcat:keyword", text(keyword, language))


def _version(it: Description, version: Version) -> None:
    """Say what a version that can be read is."""
    subject = f"{VERSION}{version.number}"
    it.say(subject, "a", expand("dcat:Dataset"))
    it.say(subject, "dcat:isVersionOf", DATASET)
    it.say(subject, "dcat:version", plain(version.number))
    it.say(subject, "dcterms:title", text(f"vetgraph, version {version.number}"))
    size = f"The data as they were published on {version.built.date()}: {version.triples} triples."
    it.say(subject, "dcterms:description", text(size))
    it.say(subject, "dcterms:issued", moment(version.built))
    it.say(subject, "dcterms:license", LICENCE)
    it.say(subject, "dcterms:publisher", PUBLISHER)
    it.say(subject, "void:triples", version.triples)
    it.say(subject, "dcterms:identifier", plain(subject))
    it.say(subject, "dcat:theme", _EDUCATION)
    it.say(subject, "adms:versionNotes", text(version.reason or version.kind))
    if version.parent:
        it.say(subject, "dcat:previousVersion", f"{VERSION}{version.parent}")


def version_description(version: Version) -> list[ox.Triple]:
    """Return what the dataset is at a version."""
    it = Description()
    _version(it, version)
    return it.triples


def dataset_description(given: Catalogue) -> list[ox.Triple]:
    """Return what the whole dataset is: parts, files by name, versions."""
    it = Description()
    _dataset(it, given)
    _agents(it, given)
    return it.triples


def graph_description(given: Catalogue, graph: str) -> list[ox.Triple]:
    """Return what one named graph is, as a dataset."""
    it = Description()
    _graph(it, given, graph)
    _agents(it, given)
    return it.triples


def distribution_description(given: Catalogue, file: Distribution) -> list[ox.Triple]:
    """Return what a file is, as a distribution of its dataset."""
    it = Description()
    _distribution(it, given, file)
    it.say(file.dataset, "dcat:distribution", file.iri)
    return it.triples


def _agents(it: Description, given: Catalogue) -> None:
    """Say who publishes, under which licence, and whom to turn to."""
    it.say(PUBLISHER, "a", expand("foaf:Agent"))
    it.say(PUBLISHER, "a", expand("foaf:Organization"))
    for label in _values(given.store, ox.NamedNode(PUBLISHER), SKOS + "prefLabel") or [text("vetgraph project")]:
        it.say(PUBLISHER, "foaf:name", label)
    for kind in ("vcard:Kind", "vcard:Organization"):
        it.say(CONTACT, "a", expand(kind))
    it.say(CONTACT, "vcard:fn", text("vetgraph project"))
    if given.contact.startswith("mailto:"):
        it.say(CONTACT, "vcard:hasEmail", given.contact)
    it.say(CONTACT, "vcard:hasURL", given.contact if given.contact.startswith("http") else f"{given.root}/about")
    it.say(LICENCE, "a", expand("dcterms:LicenseDocument"))
    it.say(LICENCE, "dcterms:type", _ATTRIBUTION)
    it.say(LICENCE, "dcterms:title", text("Creative Commons Attribution 4.0 International"))


def _concepts(it: Description) -> None:
    """Say of the concepts of authority tables what the application profile wants to know."""
    for iri, label in CONCEPTS.items():
        table = iri.rpartition("/")[0]
        it.say(iri, "a", expand("skos:Concept"))
        it.say(iri, "skos:prefLabel", text(label))
        it.say(iri, "skos:inScheme", table)
        it.say(table, "a", expand("skos:ConceptScheme"))
        it.say(table, "dcterms:title", text("EU authority table: " + table.rpartition("/")[2]))
    for code, _ in LANGUAGE_TABLE.values():
        it.say(EUROPA + f"language/{code}", "a", expand("dcterms:LinguisticSystem"))
    for code in FILE_TYPES.values():
        it.say(EUROPA + f"file-type/{code}", "a", expand("dcterms:MediaTypeOrExtent"))
    it.say(_PUBLIC, "a", expand("dcterms:RightsStatement"))
    it.say(_IRREGULAR, "a", expand("dcterms:Frequency"))
    scheme = "http://purl.org/adms/licencetype/1.0"
    it.say(_ATTRIBUTION, "a", expand("skos:Concept"))
    it.say(_ATTRIBUTION, "skos:prefLabel", text("Attribution"))
    it.say(_ATTRIBUTION, "skos:inScheme", scheme)
    it.say(scheme, "a", expand("skos:ConceptScheme"))
    it.say(scheme, "dcterms:title", text("Licence types of ADMS"))
    it.say(_SHA256, "a", expand("spdx:ChecksumAlgorithm"))


def _values(store: GraphStore, subject: ox.NamedNode, predicate: str) -> list[ox.NamedNode | ox.Literal]:
    found = {quad.object for quad in store.quads(subject, ox.NamedNode(predicate))}
    return sorted((term for term in found if isinstance(term, ox.NamedNode | ox.Literal)), key=str)


_COUNTRY_TABLE: Final = EUROPA + "country/"
_COUNTRIES: Final = f"""PREFIX vet: <{BASE}ontology#> PREFIX skos: <{SKOS}>
SELECT DISTINCT ?document ?code ?label WHERE {{
  ?document a vet:SourceDocument ; vet:coversPlace/(vet:inCountry|vet:partOf)* ?place .
  ?place a vet:Country ; skos:exactMatch ?code ; skos:prefLabel ?label .
  FILTER(STRSTARTS(STR(?code), "{_COUNTRY_TABLE}") && LANG(?label) = "en")
}} ORDER BY ?code ?document"""


def _places(it: Description, dataset: str, store: GraphStore, document: ox.NamedNode | None = None) -> None:
    """Say which countries a document is about, or all of them, as the authority table knows them."""
    for row in store.select(_COUNTRIES):
        code, label = row["code"], row["label"]
        if isinstance(code, ox.NamedNode) and label and document in (None, row["document"]):
            it.say(dataset, "dcterms:spatial", code)
            it.say(code.value, "a", expand("dcterms:Location"))
            it.say(code.value, "a", expand("skos:Concept"))
            it.say(code.value, "skos:prefLabel", label)
            it.say(code.value, "skos:inScheme", _COUNTRY_TABLE.rstrip("/"))
            it.say(_COUNTRY_TABLE.rstrip("/"), "a", expand("skos:ConceptScheme"))
            it.say(_COUNTRY_TABLE.rstrip("/"), "dcterms:title", text("EU authority table: country"))
