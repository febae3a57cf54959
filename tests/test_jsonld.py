"""JSON-LD: one context, a frame and a schema per class; our own compaction and framing against PyLD's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

import pyoxigraph as ox
import pytest
import rdflib
from jsonschema import Draft202012Validator
from pyld import jsonld as pyld
from rdflib.compare import isomorphic

from vetgraph import jsonld, resources
from vetgraph.errors import NotFound
from vetgraph.jsonld import context, forms, framing, schemas
from vetgraph.jsonld.model import VOCABULARIES, model
from vetgraph.resources import Description
from vetgraph.store import GraphStore
from vetgraph.vocab import BASE, PREFIXES, RDF, SKOS, VET, XSD

Json = dict[str, Any]

URL = "http://localhost" + jsonld.context_address()
REQUIRED = os.environ.get("TEST_OPTIONAL") == "required"

PUBLISHED = {1: "2e5642282db9792f5b96"}
"""Checksums of the versions of the context: who has a document that names one must find it as it was."""

BESIDES = (
    *(
        "shapes#ActorGroupShape-supervisedBy",
        "shapes#DatedShape-asOf",
        "shapes#InEnglish",
        "query/areas-without-evaluation",
    ),
    *("graph/curation", "ontology#LegalAct", "scheme/role", "source/lu-guidance-2025", "ontology"),
)
"""Things of no class of ours, or with lists and nodes without names."""


@dataclass(frozen=True)
class Told:
    """What some triples say of a legal act."""

    triples: Sequence[ox.Triple]
    iri: str = BASE + "id/x"
    types: tuple[str, ...] = (VET + "LegalAct",)


def instances(store: GraphStore, limit: int = 2) -> list[str]:
    found = [
        row["s"].value
        for one in model().classes.values()
        if one.iri
        for row in store.select(
            f"SELECT DISTINCT ?s {{ ?s a <{one.iri}> FILTER(ISIRI(?s)) }} ORDER BY ?s LIMIT {limit}"
        )
        if row["s"] is not None
    ]
    return list(dict.fromkeys([*found, *(BASE + path for path in BESIDES)]))


@pytest.fixture(scope="module")
def descriptions(store: GraphStore) -> list[Description]:
    return [resources.describe(store, iri) for iri in instances(store)]


@pytest.fixture(scope="module")
def some(descriptions: list[Description]) -> list[Description]:
    """Descriptions for PyLD, which takes 0.3 ms of processor time for each triple."""
    small = [one for one in descriptions if len(one.triples) < 150]
    return small[::2] if REQUIRED else small[::6]


def written(description: Description | Told, profile: str) -> Any:
    return json.loads(jsonld.write(description, profile, URL))


def loader(address: str, _options: object) -> Json:
    assert address == URL
    document = json.loads(context.text(context.newest()))
    return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": address, "document": document}


def in_order(value: Any) -> Any:
    """A value in which the order of arrays makes no difference."""
    if isinstance(value, list):
        return sorted((in_order(one) for one in value), key=lambda one: json.dumps(one, sort_keys=True))
    return {key: in_order(one) for key, one in value.items()} if isinstance(value, dict) else value


def whole(value: Any) -> Any:
    """A value with whole IRIs for prefixed names, except of classes, and datatypes under their keyword.

    PyLD shortens the IRIs of terms, too, and has the alias in value objects.
    """
    if isinstance(value, list):
        return [whole(one) for one in value]
    if isinstance(value, dict) and "@value" in value:
        return {"@type" if key == "type" else key: one for key, one in value.items()}
    if isinstance(value, dict):
        return {key: one if key == "type" else whole(one) for key, one in value.items()}
    prefix, colon, local = value.partition(":") if isinstance(value, str) else ("", "", "")
    return PREFIXES[prefix] + local if colon and prefix in VOCABULARIES else value


def filled(value: Any) -> Any:
    """A value without members that are empty: an absent text is null under another name where PyLD frames."""
    if isinstance(value, list):
        return [filled(one) for one in value]
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items() if one not in (None, {}, [])}
    return value


def as_json_has_it(value: Any) -> Any:
    """Expanded JSON-LD in which whole numbers and truth values are JSON's own."""
    if isinstance(value, list):
        return [as_json_has_it(one) for one in value]
    if isinstance(value, dict):
        if value.get("@type") in (XSD + "integer", XSD + "boolean"):
            return {"@value": json.loads(value["@value"])}
        return {key: as_json_has_it(one) for key, one in value.items()}
    return value


def facts(triples: Any) -> set[str]:
    dataset = ox.Dataset(ox.Quad(t.subject, t.predicate, t.object) for t in triples)
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    return {str(quad) for quad in dataset}


# -- the context --------------------------------------------------------------------------------------


def test_the_newest_context_is_what_ontology_and_shapes_ask_for() -> None:
    now = context.written(context.built(model()))
    assert context.text(context.newest()) == now, "run `python -m vetgraph.jsonld`"


def test_versions_of_the_context_never_change() -> None:
    found = {number: sha256(context.text(number).encode()).hexdigest()[:20] for number in context.numbers()}
    assert found == PUBLISHED


def test_every_term_has_one_meaning() -> None:
    terms = context.terms()
    active = pyld.JsonLdProcessor().process_context(
        {"processingMode": "json-ld-1.1", "mappings": {}, "@base": "", "@vocab": None}, {"@context": dict(terms)}, {}
    )
    assert active
    said = [one["@id"] for one in terms.values() if isinstance(one, dict) and one["@id"] != "@type"]
    assert len(said) == len(set(said))
    assert terms["supervisedBy"] == {"@id": "vet:supervisedBy", "@type": "@id", "@container": "@set"}
    assert terms["actDate"] == {"@id": "vet:actDate", "@type": "xsd:date"}
    assert terms["prefLabel"] == {"@id": "skos:prefLabel", "@container": "@language"}


def test_every_property_of_the_ontology_is_a_term(store: GraphStore) -> None:
    rows = store.select(
        f"SELECT ?p {{ ?p a ?kind FILTER(STRSTARTS(STR(?p), '{VET}') && ?kind IN "
        "(<http://www.w3.org/2002/07/owl#ObjectProperty>, <http://www.w3.org/2002/07/owl#DatatypeProperty>)) }"
    )
    declared = {row["p"].value for row in rows if row["p"] is not None}
    assert len(declared) > 200
    assert declared <= set(model().properties)


# -- documents ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [jsonld.COMPACTED, jsonld.EXPANDED, jsonld.FLATTENED])
def test_documents_say_the_triples_and_ask_for_nothing_else(descriptions: list[Description], profile: str) -> None:
    assert len(descriptions) > 80
    for description in descriptions:
        # Oxigraph's parser has no loader: a context by its address would be refused.
        read = [quad.triple for quad in ox.parse(jsonld.write(description, profile, URL), format=ox.RdfFormat.JSON_LD)]
        assert facts(read) == facts(description.triples), description.iri


def test_a_document_has_the_thing_first_and_a_part_of_the_context(descriptions: list[Description]) -> None:
    for description in descriptions:
        document = written(description, jsonld.COMPACTED)
        assert document["@graph"][0]["id"] == description.iri
        assert document["@context"].items() <= context.terms().items()


def test_compaction_is_pyld_s(some: list[Description]) -> None:
    for description in some:
        ours = written(description, jsonld.FLATTENED)["@graph"]
        nodes = as_json_has_it(forms.relabelled(forms.expanded(description.triples, description.iri)))
        theirs = pyld.compact(nodes, URL, {"documentLoader": loader, "graph": True})["@graph"]
        assert in_order(whole(ours)) == in_order(whole(theirs)), description.iri


def test_expanding_what_was_compacted_gives_the_expanded(some: list[Description]) -> None:
    for description in some[::4]:
        ours = as_json_has_it(forms.relabelled(written(description, jsonld.EXPANDED)))
        theirs = pyld.expand(written(description, jsonld.FLATTENED), {"documentLoader": loader})
        assert in_order(as_json_has_it(theirs)) == in_order(ours), description.iri


@cache
def unforeseen() -> Told:
    """A thing whose values are not what the ontology says, which a document must tell as they are."""
    thing, blank = ox.NamedNode(BASE + "id/x"), ox.BlankNode("n")
    year = ox.NamedNode(XSD + "gYear")
    pairs: list[tuple[str, Any]] = [
        (RDF + "type", ox.NamedNode(VET + "LegalAct")),
        (VET + "actDate", ox.Literal("2017", datatype=year)),
        (VET + "actDate", ox.Literal("2017-06-22", datatype=ox.NamedNode(XSD + "date"))),
        (VET + "amendsAct", ox.Literal("an act")),
        (VET + "amendsAct", ox.NamedNode("http://example.org/act")),
        (SKOS + "prefLabel", ox.Literal("Law", language="en")),
        (SKOS + "prefLabel", ox.Literal("Act", language="en")),
        (SKOS + "prefLabel", ox.Literal("plain")),
        (SKOS + "prefLabel", ox.Literal("5", datatype=ox.NamedNode(XSD + "integer"))),
        (VET + "pageNumber", ox.Literal("12345678901234567890", datatype=ox.NamedNode(XSD + "integer"))),
        (VET + "pageNumber", ox.Literal("7", datatype=ox.NamedNode(XSD + "integer"))),
        (VET + "pageNumber", ox.Literal("2.50", datatype=ox.NamedNode(XSD + "decimal"))),
        (VET + "transnational", ox.Literal("1", datatype=ox.NamedNode(XSD + "boolean"))),
        (VET + "nothingOfThatName", blank),
        ("http://example.org/p", blank),
        ("http://example.org/p", ox.Literal("1.5E0", datatype=ox.NamedNode(XSD + "double"))),
        ("http://example.org/p", ox.Literal("</script>", language="en-GB")),
    ]
    triples = [ox.Triple(thing, ox.NamedNode(p), o) for p, o in pairs]
    triples.append(ox.Triple(blank, ox.NamedNode(SKOS + "note"), ox.Literal("both speak of it", language="en")))
    return Told(triples)


@pytest.mark.parametrize("profile", [jsonld.COMPACTED, jsonld.EXPANDED, jsonld.FLATTENED])
def test_what_the_ontology_does_not_foresee_is_told_as_it_is(profile: str) -> None:
    read = ox.parse(jsonld.write(unforeseen(), profile, URL), format=ox.RdfFormat.JSON_LD)
    assert facts(quad.triple for quad in read) == facts(unforeseen().triples)


def test_nodes_without_a_name_that_lead_in_a_circle_are_told() -> None:
    thing, one, other = ox.NamedNode(BASE + "id/x"), ox.BlankNode("a"), ox.BlankNode("b")
    follows = ox.NamedNode("http://example.org/follows")
    pairs = ((thing, ox.Literal("x")), (one, other), (other, one))
    round_ = Told([ox.Triple(subject, follows, object_) for subject, object_ in pairs])
    for profile in (jsonld.COMPACTED, jsonld.FLATTENED):
        read = ox.parse(jsonld.write(round_, profile, URL), format=ox.RdfFormat.JSON_LD)
        assert facts(quad.triple for quad in read) == facts(round_.triples)


def test_rdflib_reads_the_same(some: list[Description]) -> None:
    for description in (*some[:4], unforeseen()):
        by_json = rdflib.Graph().parse(data=jsonld.write(description, None, URL), format="json-ld")
        triples = ox.serialize(description.triples, format=ox.RdfFormat.N_TRIPLES)
        assert triples is not None
        assert isomorphic(by_json, rdflib.Graph().parse(data=triples, format="nt")), description.iri


# -- frames and schemas -------------------------------------------------------------------------------


def test_framing_is_pyld_s(some: list[Description]) -> None:
    for description in some:
        ours = whole(filled(written(description, jsonld.FRAMED)))
        frame = framing.frame(model().class_of(description.types).name, URL) | {"id": description.iri}
        nodes = as_json_has_it(forms.expanded(description.triples, description.iri))
        theirs = whole(filled(pyld.frame(nodes, frame, {"documentLoader": loader})))
        assert in_order(ours) == in_order(theirs), description.iri


@cache
def strict(name: str, members: frozenset[str]) -> Draft202012Validator:
    """A validator of a class that also refuses members that the schema does not tell of.

    What the schema says of members that a thing does not have makes no difference, and is left out to be quick.
    """
    schema = described(name)
    told = {member: said for member, said in schema["properties"].items() if member in members}
    return Draft202012Validator({**schema, "properties": told, "additionalProperties": False})


@cache
def described(name: str) -> Json:
    return schemas.schema(name)


def every(store: GraphStore) -> Iterator[str]:
    types = store.quads(None, ox.NamedNode(RDF + "type"))
    found = sorted({q.subject.value for q in types if isinstance(q.subject, ox.NamedNode)})
    return (iri for iri in found if iri.startswith(BASE))


def test_every_instance_is_as_its_schema_says(store: GraphStore) -> None:
    seen: dict[str, int] = {}
    for iri in every(store):
        types = [q.object.value for q in store.quads(ox.NamedNode(iri), ox.NamedNode(RDF + "type"))]  # type: ignore[union-attr]
        name = model().class_of(types).name
        seen[name] = seen.get(name, 0) + 1
        if not REQUIRED and seen[name] > 4:
            continue
        # Labels of all that things lead to would take most of the time, and are seen at the first of each class.
        description = resources.describe(store, iri, labels=seen[name] <= 4)
        framed = written(description, jsonld.FRAMED)
        faults = [error.message for error in strict(name, frozenset(framed)).iter_errors(framed)]
        assert not faults, f"{iri}, {name}: {faults[:3]}"
    assert len(seen) > 45


@pytest.mark.parametrize("name", sorted(model().classes))
def test_a_class_has_a_valid_schema_and_a_frame(name: str) -> None:
    schema = schemas.schema(name)
    if REQUIRED or name in ("Concept", "LegalAct", "Resource"):
        Draft202012Validator.check_schema(schema)
    assert schema["title"] == name
    assert schema["description"]
    properties = [model().properties[iri] for iri in model().classes[name].properties]
    assert {prop.name for prop in properties} <= set(schema["required"])
    frame = framing.frame(name, URL)
    # A term with a map of languages takes no wildcard in a frame.
    assert all((prop.name if prop.kind != "text" else framing.spare(prop)) in frame for prop in properties)


@pytest.mark.parametrize("name", ["Organisation", "LegalAct"])
def test_a_frame_asks_for_every_property_of_its_class(name: str) -> None:
    (expanded,) = pyld.expand(framing.frame(name, URL), {"documentLoader": loader, "isFrame": True})
    kind = model().classes[name]
    assert expanded["@type"] == [kind.iri]
    for iri in kind.properties:
        (wanted,) = expanded[iri]
        assert "@omitDefault" not in wanted


def test_a_schema_refuses_what_is_amiss(store: GraphStore) -> None:
    description = resources.describe(store, BASE + "id/law-lu-2017-06-22")
    sound = written(description, jsonld.FRAMED)
    validator = Draft202012Validator(schemas.schema("LegalAct"))
    assert validator.is_valid(sound)
    for member, value in (
        ("actDate", "22 June 2017"),
        ("actType", "law"),
        ("amendsAct", None),
        ("prefLabel", "Law"),
        ("type", ["Project"]),
    ):
        assert not validator.is_valid({**sound, member: value}), member
    for member in ("id", "actDate", "jurisdiction", "hiddenLabel"):
        assert not validator.is_valid({key: one for key, one in sound.items() if key != member}), member


def test_a_framed_thing_has_every_property_of_its_class() -> None:
    found = written(Told([]), jsonld.FRAMED)
    names = {model().properties[iri].name for iri in model().classes["LegalAct"].properties}
    assert names | {"@context", "id", "type"} == set(found)
    assert found["actDate"] is None
    assert found["amendsAct"] == []
    assert found["prefLabel"] == {}


def test_an_unknown_class_is_told_with_those_there_are() -> None:
    for ask in (schemas.schema, lambda name: framing.frame(name, URL)):
        with pytest.raises(NotFound, match="LegalAct"):
            ask("Nonsense")
