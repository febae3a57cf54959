"""The dataset about itself: figures are those of the version, files are as they are said to be, DCAT-AP is kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pyoxigraph as ox
import pyshacl
import pytest
import rdflib
from flask import Flask
from flask.testing import FlaskClient
from rdflib import DCAT, RDF, SH, VOID

from vetgraph import media
from vetgraph.dataset.service import service_description
from vetgraph.dataset.statistics import count, from_json
from vetgraph.settings import Settings
from vetgraph.store import GraphStore, memory_store
from vetgraph.vocab import PREFIXES
from vetgraph.web.store import READABLE

ROOT = Path(__file__).resolve().parents[2]
BASE = "https://w3id.org/vetgraph/"
DATASET = rdflib.URIRef(BASE + "dataset")
SPDX = rdflib.Namespace("http://spdx.org/rdf/terms#")
ALL = "".join(f"PREFIX {prefix}: <{namespace}>\n" for prefix, namespace in PREFIXES.items())


def graph_of(client: FlaskClient, address: str) -> rdflib.Graph:
    answer = client.get(address, headers={"Accept": "application/n-triples"})
    assert answer.status_code == 200, answer.text
    return rdflib.Graph().parse(data=answer.data, format="nt")


@pytest.fixture(scope="module")
def void(app: Flask) -> ox.Store:
    """The VoID description, in a store to ask."""
    answer = app.test_client().get("/.well-known/void?format=nt")
    store = ox.Store()
    store.load(answer.data, format=ox.RdfFormat.N_TRIPLES)
    return store


@pytest.fixture(scope="module")
def catalogue(app: Flask) -> rdflib.Graph:
    return graph_of(app.test_client(), "/catalog")


def rows(found: ox.Store, pattern: str) -> list[tuple[str, ...]]:
    answer = found.query(f"{ALL}SELECT {pattern}")
    assert isinstance(answer, ox.QuerySolutions)
    return [tuple("" if term is None else term.value for term in row) for row in answer]


def number(store: GraphStore, pattern: str) -> int:
    (row,) = store.select(f"{ALL}SELECT (COUNT(*) AS ?n) {{ SELECT DISTINCT {pattern} }}")
    assert row["n"] is not None
    return int(row["n"].value)


# -- VoID ---------------------------------------------------------------------------------------------


def test_sizes_are_those_of_the_union(void: ox.Store, store: GraphStore) -> None:
    (found,) = rows(
        void,
        f"?t ?e ?c ?p {{ <{DATASET}> void:triples ?t ; void:entities ?e ; void:classes ?c ; void:properties ?p }}",
    )
    wanted = ("?s ?p ?o { ?s ?p ?o }", "?s { ?s ?p ?o }", "?c { ?s a ?c }", "?p { ?s ?p ?o }")
    assert tuple(map(int, found)) == tuple(number(store, pattern) for pattern in wanted)


@pytest.mark.parametrize("name", ["vet:LegalAct", "vet:Actor", "skos:Concept"])
def test_partitions_count_what_is_there(void: ox.Store, store: GraphStore, name: str) -> None:
    ((entities,),) = rows(void, f"?n {{ <{DATASET}> void:classPartition [ void:class {name} ; void:entities ?n ] }}")
    assert int(entities) == number(store, f"?s {{ ?s a {name} }}")
    found = rows(
        void,
        f"""?p ?n {{ <{DATASET}> void:classPartition [ void:class {name} ; void:propertyPartition ?pp ] .
        ?pp void:property ?p ; void:triples ?n }}""",
    )
    assert {p for p, _ in found} == {
        row["p"].value for row in store.select(f"{ALL}SELECT DISTINCT ?p {{ ?s a {name} ; ?p ?o }}") if row["p"]
    }
    for property_, triples in found[::7]:
        assert int(triples) == number(store, f"?s ?o {{ ?s a {name} ; <{property_}> ?o }}")


EDITOR = """DISTINCT ?subjectClass ?prop ?objectClass ?objectDatatype WHERE {
  ?cp void:class ?subjectClass ; void:propertyPartition ?pp . ?pp void:property ?prop .
  OPTIONAL {
    { ?pp void:classPartition [ void:class ?objectClass ] }
    UNION { ?pp void-ext:datatypePartition [ void-ext:datatype ?objectDatatype ] }
  } }"""
"""What SPARQL editors ask to learn which property of a class has which kind of value."""


def test_an_editor_learns_which_classes_and_properties_go_together(void: ox.Store, store: GraphStore) -> None:
    found = set(rows(void, EDITOR))
    vet, xsd = PREFIXES["vet"], PREFIXES["xsd"]
    assert (vet + "Involvement", vet + "actor", vet + "Organisation", "") in found
    assert (vet + "LegalAct", vet + "actDate", "", xsd + "date") in found
    for name in ("vet:Agreement", "vet:Observation"):
        wanted = store.select(
            f"""{ALL}SELECT DISTINCT ?p ?c ?d {{ ?s a {name} ; ?p ?o
            OPTIONAL {{ ?o a ?c FILTER(?p != rdf:type) }} BIND(DATATYPE(?o) AS ?d) }}"""
        )
        told = {tuple("" if row[n] is None else row[n].value for n in "pcd") for row in wanted}  # type: ignore[union-attr]
        assert {row[1:] for row in found if row[0] == PREFIXES["vet"] + name[4:]} == told


def test_each_graph_has_its_figures(void: ox.Store, store: GraphStore) -> None:
    found = rows(void, f"?g ?n {{ <{DATASET}> void:subset ?g . ?g void:triples ?n FILTER(isIRI(?g)) }}")
    assert {graph: int(size) for graph, size in found} == dict(store.version.counts)
    curation = BASE + "graph/curation"
    found = rows(void, f"?p ?n {{ <{curation}> void:propertyPartition [ void:property ?p ; void:triples ?n ] }}")
    told = {row[0]: row[1] for row in found}
    wanted = store.select(f"SELECT ?p (COUNT(*) AS ?n) {{ GRAPH <{curation}> {{ ?s ?p ?o }} }} GROUP BY ?p")
    assert told == {row["p"].value: row["n"].value for row in wanted if row["p"] and row["n"]}


@pytest.mark.parametrize("start", ["http://www.wikidata.org/entity/", f"{PREFIXES['atc']}", "eli"])
def test_linksets_count_the_links(void: ox.Store, store: GraphStore, start: str) -> None:
    told = rows(
        void,
        """?target ?property ?n { ?set a void:Linkset ; void:subjectsTarget ?ours ; void:objectsTarget ?target ;
        void:linkPredicate ?property ; void:triples ?n }""",
    )
    test = 'REGEX(STR(?o), "^https?://[^/]+/eli/(?!ontology)")'.replace("(?!ontology)", "[^o]")
    test = test if start == "eli" else f'STRSTARTS(STR(?o), "{start}")'
    found = store.select(
        f"""{ALL}SELECT ?p (COUNT(*) AS ?n) {{
        SELECT DISTINCT ?s ?p ?o {{ ?s ?p ?o FILTER(isIRI(?o) && ?p != rdf:type && {test}) }} }} GROUP BY ?p"""
    )
    wanted = {row["p"].value: int(row["n"].value) for row in found if row["p"] and row["n"]}
    sums: dict[str, int] = {}
    for target, property_, triples in told:
        if target.endswith("/eli/") if start == "eli" else start.startswith(target):
            sums[property_] = sums.get(property_, 0) + int(triples)
    assert wanted
    assert sums == wanted


def test_saved_questions_are_examples_for_editors(void: ox.Store, app: Flask) -> None:
    found = rows(
        void,
        """?q ?comment ?text ?target { ?q a sh:SPARQLExecutable ; rdfs:comment ?comment ;
        sh:select|sh:ask|sh:construct ?text ; schema:target ?target }""",
    )
    assert len(found) == len(app.extensions["vetgraph"].queries.questions)
    assert {target for *_, target in found} == {"http://localhost/sparql"}
    assert all(comment and "SELECT" in text for _, comment, text, _ in found)


def test_the_description_is_the_same_each_time_and_names_its_version(client: FlaskClient) -> None:
    first = client.get("/.well-known/void")
    assert first.data == client.get("/.well-known/void").data
    assert b'dcat:version "1"' in first.data
    again = client.get("/.well-known/void", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_a_triple_of_two_graphs_is_counted_once_and_figures_survive_being_kept() -> None:
    thing, name, value = ox.NamedNode("urn:s"), ox.NamedNode("urn:p"), ox.Literal("x")
    graphs = [ox.NamedNode("urn:g1"), ox.NamedNode("urn:g2")]
    found = count(memory_store(ox.Quad(thing, name, value, graph) for graph in graphs))
    assert (found.whole.triples, found.graphs["urn:g1"].triples, found.graphs["urn:g2"].triples) == (1, 1, 1)
    assert from_json(found.as_json()) == found
    assert from_json('{"format": 0}') is None
    assert from_json("broken") is None


# -- DCAT-AP ------------------------------------------------------------------------------------------


def violations(data: rdflib.Graph, shapes: rdflib.Graph) -> list[str]:
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes)
    assert isinstance(report, rdflib.Graph)
    results = list(report.objects(None, SH.result))
    grave = [result for result in results if report.value(result, SH.resultSeverity) == SH.Violation]
    return [f"{report.value(one, SH.focusNode)} {report.value(one, SH.resultPath)}" for one in grave]


@pytest.fixture(scope="module")
def profile() -> rdflib.Graph:
    return rdflib.Graph().parse(ROOT / "tests" / "dcat-ap.ttl")


def test_the_catalogue_fits_the_application_profile(catalogue: rdflib.Graph, profile: rdflib.Graph) -> None:
    assert violations(catalogue, profile) == []


@pytest.mark.parametrize(
    ("subject", "predicate"),
    [
        (rdflib.URIRef(BASE + "catalog"), rdflib.DCTERMS.publisher),
        (rdflib.URIRef(BASE + "distribution/vetgraph.nq.gz"), DCAT.accessURL),
        (DATASET, rdflib.DCTERMS.title),
        (rdflib.URIRef("https://creativecommons.org/licenses/by/4.0/"), RDF.type),
        (None, SPDX.checksumValue),
    ],
)
def test_what_lacks_is_found(
    catalogue: rdflib.Graph, profile: rdflib.Graph, subject: rdflib.URIRef | None, predicate: rdflib.URIRef
) -> None:
    copy = rdflib.Graph() + catalogue
    copy.remove((subject, predicate, None))
    assert len(copy) < len(catalogue)
    assert violations(copy, profile) != []


def test_the_catalogue_fits_the_official_shapes(catalogue: rdflib.Graph) -> None:
    folder = os.environ.get("DCAT_AP_SHAPES")
    if not folder:
        pytest.skip("the official shapes are not at hand; enable with: DCAT_AP_SHAPES=<folder of SEMICeu's DCAT-AP>")
    for path in sorted(Path(folder).rglob("*.ttl")):
        shapes = rdflib.Graph().parse(path)
        for shape in {*shapes.objects(None, SH.property)}:
            if shapes.value(shape, SH.path) is None:  # as published, two property shapes lack their path
                shapes.remove((None, None, shape))
                shapes.remove((shape, None, None))
        # One published pattern wants IRIs of SPDX to begin with https, which they do not.
        found = [one for one in violations(catalogue, shapes) if not one.endswith(str(SPDX.algorithm))]
        assert found == [], path.name


def test_the_catalogue_is_the_same_each_time(client: FlaskClient, catalogue: rdflib.Graph) -> None:
    assert client.get("/catalog?format=ttl").data == client.get("/catalog?format=ttl").data
    assert not [node for node in catalogue.all_nodes() if isinstance(node, rdflib.BNode)]


def test_files_are_as_the_catalogue_says(client: FlaskClient, catalogue: rdflib.Graph) -> None:
    files = list(catalogue.subjects(RDF.type, DCAT.Distribution))
    assert len(files) > 30
    for file in files:
        address = str(catalogue.value(file, DCAT.downloadURL))
        body = client.get(address.removeprefix("http://localhost")).data
        checksum = catalogue.value(file, SPDX.checksum)
        assert int(str(catalogue.value(file, DCAT.byteSize))) == len(body), address
        assert str(catalogue.value(checksum, SPDX.checksumValue)).lower() == sha256(body).hexdigest(), address
        assert (address.endswith(".gz")) == ((file, DCAT.compressFormat, None) in catalogue)


def test_each_source_is_a_dataset_with_files(catalogue: rdflib.Graph, store: GraphStore) -> None:
    parts = set(catalogue.objects(DATASET, rdflib.DCTERMS.hasPart))
    assert {str(part) for part in parts} == set(store.graphs())
    for part in parts:
        assert len(list(catalogue.objects(part, DCAT.distribution))) >= 2
    fiche = rdflib.URIRef(BASE + "graph/lu-mobility-fiche-2021")
    country = rdflib.URIRef("http://publications.europa.eu/resource/authority/country/LUX")
    assert (fiche, rdflib.DCTERMS.spatial, country) in catalogue


@pytest.mark.parametrize("name", ["dataset", "distribution/vetgraph.nq.gz", "version/1", "graph/curation"])
def test_dataset_files_and_versions_have_documents(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/{name}", headers={"Accept": "text/turtle"})
    assert answer.status_code == 303
    found = graph_of(client, f"/doc/{name}.nt")
    subject = rdflib.URIRef(BASE + name)
    assert {DCAT.Dataset, DCAT.Distribution} & set(found.objects(subject, RDF.type))


@pytest.mark.parametrize("name", ["distribution/none.ttl.gz", "version/999", "version/x"])
def test_what_is_no_file_or_version_is_not_there(
    client: FlaskClient, assert_problem: Callable[..., object], name: str
) -> None:
    assert_problem(client.get(f"/doc/{name}.ttl"), 404, "not-found")


def test_the_operator_can_be_reached_where_an_address_is_given(store: GraphStore, config: Settings) -> None:
    from dataclasses import replace

    from vetgraph.web import create_app

    client = create_app(replace(config, contact="mailto:editors@example.org")).test_client()
    email = rdflib.URIRef("http://www.w3.org/2006/vcard/ns#hasEmail")
    assert (None, email, rdflib.URIRef("mailto:editors@example.org")) in graph_of(client, "/doc/dataset.nt")
    assert 'href="mailto:editors@example.org"' in client.get("/about").text


# -- service description ------------------------------------------------------------------------------

SD = rdflib.Namespace("http://www.w3.org/ns/sparql-service-description#")
FORMATS = {
    "Turtle": media.TURTLE,
    "N-Triples": media.N_TRIPLES,
    "JSON-LD": media.JSON_LD,
    "RDF_XML": media.RDF_XML,
    "TriG": media.TRIG,
    "N-Quads": media.N_QUADS,
    "SPARQL_Results_JSON": media.RESULTS_JSON,
    "SPARQL_Results_XML": media.RESULTS_XML,
    "SPARQL_Results_CSV": media.CSV,
    "SPARQL_Results_TSV": media.TSV,
}


def described(config: Settings, store: GraphStore) -> rdflib.Graph:
    triples = service_description(store.version, config, "http://localhost/sparql")
    data = ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES)
    assert data is not None
    return rdflib.Graph().parse(data=data, format="nt")


def test_every_format_that_is_promised_can_be_had(client: FlaskClient) -> None:
    found = graph_of(client, "/sparql")
    promised = {str(o).rpartition("/")[2] for o in found.objects(None, SD.resultFormat)}
    assert promised == set(FORMATS)
    for name in promised:
        kind = FORMATS[name]
        query = (
            "CONSTRUCT { ?s a ?o } { ?s a ?o } LIMIT 1" if "graph" in kind.carries else "SELECT * { ?s a ?o } LIMIT 1"
        )
        answer = client.get("/sparql", query_string={"query": query}, headers={"Accept": kind.type})
        assert (answer.status_code, answer.mimetype) == (200, kind.type)


def test_features_are_those_of_the_settings(store: GraphStore) -> None:
    bare = described(Settings(), store)
    full = described(Settings(default_graph="plain", admin_token="t", allow_hosts=("example.org",)), store)
    assert (None, SD.feature, SD.UnionDefaultGraph) in bare
    assert (None, SD.feature, SD.UnionDefaultGraph) not in full
    assert (None, SD.feature, SD.BasicFederatedQuery) not in bare
    assert (None, SD.feature, SD.BasicFederatedQuery) in full
    assert (None, SD.supportedLanguage, SD.SPARQL11Update) not in bare
    assert (None, SD.supportedLanguage, SD.SPARQL11Update) in full
    taken = {FORMATS[str(o).rpartition("/")[2]] for o in full.objects(None, SD.inputFormat)}
    assert taken == set(READABLE)
    assert not set(bare.objects(None, SD.inputFormat))


def test_the_service_names_each_graph_with_its_size(client: FlaskClient, store: GraphStore) -> None:
    found = graph_of(client, "/sparql")
    told = {
        str(found.value(node, SD.name)): int(str(found.value(found.value(node, SD.graph), VOID.triples)))
        for node in found.objects(DATASET, SD.namedGraph)
    }
    assert told == dict(store.version.counts)
