"""Functions that a query may call by IRI, and those whose values differ from one evaluation to the next."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import pyoxigraph as ox

from vetgraph.errors import UnsupportedQuery
from vetgraph.syntax import Token, in_expressions, place, prefixes, tokens
from vetgraph.vocab import XSD

_DATATYPES: Final = (
    "string boolean double float integer decimal date time dateTime duration yearMonthDuration dayTimeDuration gYear "
    "gYearMonth gMonth gMonthDay gDay"
)
CASTS: Final = tuple(XSD + name for name in _DATATYPES.split())
"""Datatypes whose IRI is called to cast a value (SPARQL 1.1 section 17.5, and the engine's own)."""

_GEOMETRY: Final = (
    "area asGeoJSON centroid convexHull coordinateDimension difference dimension distance ehContains ehCoveredBy "
    "ehCovers ehDisjoint ehEquals ehInside ehMeet ehOverlap envelope getSRID intersection isEmpty isSimple length "
    "perimeter rcc8dc rcc8ec rcc8eq rcc8ntpp rcc8ntppi rcc8po rcc8tpp rcc8tppi relate sfContains sfCrosses sfDisjoint "
    "sfEquals sfIntersects sfOverlaps sfTouches sfWithin spatialDimension symDifference union"
)
GEOSPARQL: Final = tuple(f"http://www.opengis.net/def/function/geosparql/{name}" for name in _GEOMETRY.split())
"""The functions of GeoSPARQL 1.1 that the engine has."""

_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\\]*")


def check_functions(text: str) -> None:
    """See to it that the engine has every function that a text calls by IRI.

    The engine by itself only finds out where it does not optimise the call away. Raises UnsupportedQuery. Facts:
    function, line, column.
    """
    found = tokens(text)
    namespaces = {name: iri for _, name, iri in prefixes(found)}
    for token in _called(found):
        iri = _iri(token, namespaces)
        if iri and not is_known(iri):
            line, column = place(text, token.start)
            raise UnsupportedQuery(
                f"There is no function <{iri}> (line {line}, column {column}); besides SPARQL's own functions, "
                "casts such as xsd:integer and those of GeoSPARQL can be called.",
                function=iri,
                line=line,
                column=column,
            )


def _called(found: Sequence[Token]) -> list[Token]:
    """Return the IRIs and names that are called: in a pattern, one before a parenthesis has a list for its object."""
    marks = in_expressions(found)
    return [
        token
        for index, token in enumerate(found[:-1])
        if token.kind in ("iri", "name") and marks[index] and found[index + 1].text == "("
    ]


def _iri(token: Token, namespaces: dict[str, str]) -> str:
    """Return the IRI of a token; '' where only the engine can tell."""
    if token.kind == "iri":
        written = token.text[1:-1]
    else:
        label, _, local = token.text.partition(":")
        written = namespaces.get(f"{label}:", "") + re.sub(r"\\(.)", r"\1", local)
    return written if _ABSOLUTE.fullmatch(written) else ""


@lru_cache(256)
def is_known(iri: str) -> bool:
    """Return whether the engine has a function of that IRI: asked of the engine itself, so that none is forgotten."""
    try:
        ox.Store().query(f"SELECT (<{iri}>() AS ?x) {{}}")
    except RuntimeError as problem:
        return "is not supported" not in str(problem)
    except SyntaxError:
        pass
    return True


_CHANGING: Final = ("now", "rand", "uuid", "bnode", "service")


def is_deterministic(text: str) -> bool:
    """Return whether a query has the same answer each time it is put to the same data.

    It has not where it calls NOW, RAND, UUID, STRUUID or BNODE, or asks another host; when in doubt it has not. Blank
    nodes that a template makes anew, the order of rows, and what SAMPLE and LIMIT choose may differ between two runs,
    but each choice is right: an answer that holds one may be given again.

    >>> is_deterministic('SELECT * { ?s ?p "now" }'), is_deterministic("SELECT (Now() AS ?x) {}")
    (True, False)
    """
    lowered = text.lower()
    if not any(word in lowered for word in _CHANGING):
        return True
    words = (token.text.lower() for token in tokens(text) if token.kind == "word")
    return not any(changing in word for word in words for changing in _CHANGING)
