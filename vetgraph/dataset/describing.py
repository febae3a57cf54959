"""A small builder of triples by prefixed names, and what every description of the dataset shares."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import pyoxigraph as ox

from vetgraph import media
from vetgraph.media import Media
from vetgraph.store import Term
from vetgraph.vocab import BASE, LANGUAGES, RDF, XSD, expand

__all__ = [
    "DESCRIPTION",
    "FORMATS",
    "PUBLISHER",
    "SERVICE",
    "TITLE",
    "Description",
    "moment",
    "name",
    "plain",
    "text",
    "typed",
]

PUBLISHER: Final = BASE + "id/vetgraph-project"
SERVICE: Final = BASE + "sparql"
"""The endpoint as a thing, under whatever host it runs; saved queries name it as their target."""

FORMATS: Final[Mapping[Media, str]] = {
    kind: "http://www.w3.org/ns/formats/" + local
    for kind, local in (
        (media.TURTLE, "Turtle"),
        (media.N_TRIPLES, "N-Triples"),
        (media.JSON_LD, "JSON-LD"),
        (media.RDF_XML, "RDF_XML"),
        (media.TRIG, "TriG"),
        (media.N_QUADS, "N-Quads"),
        (media.RESULTS_JSON, "SPARQL_Results_JSON"),
        (media.RESULTS_XML, "SPARQL_Results_XML"),
        (media.CSV, "SPARQL_Results_CSV"),
        (media.TSV, "SPARQL_Results_TSV"),
    )
}
"""What W3C calls the formats that the endpoint can answer in."""

TITLE: Final[Mapping[str, str]] = {
    "en": "vetgraph: a knowledge graph of European policy on learner mobility in vocational education and training",
    "fr": "vetgraph : un graphe de connaissances sur les politiques européennes de mobilité des apprenants dans "
    "l'enseignement et la formation professionnels",
    "de": "vetgraph: ein Wissensgraph zur europäischen Politik der Lernmobilität in der beruflichen Bildung",
    "nl": "vetgraph: een kennisgraaf van het Europese beleid inzake leermobiliteit in het beroepsonderwijs",
}
DESCRIPTION: Final[Mapping[str, str]] = {
    "en": "European policy on learner mobility in vocational education and training, fact by fact with its source.",
    "fr": "La politique européenne de mobilité des apprenants dans l'enseignement et la formation professionnels, "
    "fait par fait avec sa source.",
    "de": "Die europäische Politik der Lernmobilität in der beruflichen Bildung, Angabe für Angabe mit ihrer Quelle.",
    "nl": "Het Europese beleid inzake leermobiliteit in het beroepsonderwijs, feit voor feit met de bron.",
}


class Description:
    """A builder of triples by prefixed names. Nothing is said twice."""

    def __init__(self) -> None:
        self._said: dict[ox.Triple, None] = {}

    @property
    def triples(self) -> list[ox.Triple]:
        """What was said, in order."""
        return list(self._said)

    def say(self, subject: str | ox.BlankNode, predicate: str, value: str | int | Term) -> None:
        """Add a triple; strings are IRIs, an integer object is an xsd:integer literal."""
        node = ox.NamedNode(subject) if isinstance(subject, str) else subject
        if isinstance(value, int):
            value = ox.Literal(str(value), datatype=ox.NamedNode(XSD + "integer"))
        elif isinstance(value, str):
            value = ox.NamedNode(value)
        self._said[ox.Triple(node, ox.NamedNode(name(predicate)), value)] = None

    def words(self, subject: str | ox.BlankNode, predicate: str, several: Mapping[str, str]) -> None:
        """Say a text in each language that there is."""
        for language in LANGUAGES:
            if language in several:
                self.say(subject, predicate, text(several[language], language))


def name(prefixed: str) -> str:
    """Return the IRI of a prefixed name; ``a`` is rdf:type. Raises KeyError where the prefix is unknown."""
    return RDF + "type" if prefixed == "a" else expand(prefixed)


def text(value: str, language: str = "en") -> ox.Literal:
    """Return a text in a language."""
    return ox.Literal(value, language=language)


def plain(value: str | int) -> ox.Literal:
    """Return a text in no language, such as a version."""
    return ox.Literal(str(value))


def typed(value: str, datatype: str) -> ox.Literal:
    """Return a literal of a datatype, given as a prefixed name."""
    return ox.Literal(value, datatype=ox.NamedNode(name(datatype)))


def moment(when: datetime) -> ox.Literal:
    """Return a point in time as an xsd:dateTime."""
    return typed(when.isoformat(), "xsd:dateTime")
