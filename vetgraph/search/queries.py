"""Queries of the Reconciliation Service API 0.2 (W3C Community Group), section 4: what a client asks for, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vetgraph.errors import BadParameter, TooLarge
from vetgraph.vocab import BASE, PREFIXES, expand, path_of, shorten

BATCH: Final = 25
"""Queries in one batch, at most: the manifest says so."""

MOST_VALUES: Final = 10_000
"""Things times properties that one data extension asks for, at most."""

LIMIT: Final = 10
MOST: Final = 100
"""Candidates of a query: where it does not say, and at most."""

STRICTNESS: Final = ("any", "all", "should")
STARTS: Final = tuple(BASE + start for start in ("id/", "scheme/", "source/"))
"""How the IRIs begin that names in a table can stand for."""

Value = str | float | bool | None


@dataclass(frozen=True)
class Property:
    """What a thing should have: a property's IRI (or ``country``), and the values of which one will do.

    A value is a text, a number, a truth value, or the IRI of a thing of ours.
    """

    id: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Query:
    """One name, and what is known besides of the thing that it stands for."""

    text: str
    types: tuple[str, ...] = ()
    strict: str = "should"
    limit: int = LIMIT
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True)
class Extension:
    """Things whose properties are asked for, by their identifiers; each property with its settings."""

    ids: tuple[str, ...]
    properties: tuple[tuple[str, Mapping[str, Any]], ...]


def identifier(iri: str) -> str:
    """Return the identifier of a thing: its path under our base, the identifier space.

    >>> identifier("https://w3id.org/vetgraph/id/anefore")
    'id/anefore'
    """
    return path_of(iri) or iri


def iri_of(name: str) -> str:
    """Return the IRI that an identifier means: a path under our base, a prefixed name, or the IRI itself.

    >>> iri_of("id/anefore") == iri_of("id:anefore") == iri_of("https://w3id.org/vetgraph/id/anefore")
    True
    """
    name = name.strip()
    if "://" in name:
        return name
    prefix, colon, local = name.partition(":")
    if colon and prefix in PREFIXES and not local.startswith("//"):
        return expand(name)
    return BASE + name


def term_name(iri: str) -> str:
    """Return the identifier of a type or a property: its prefixed name where there is one."""
    return shorten(iri)


def _parsed(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise BadParameter(f"{name} is not JSON: {problem}.", parameter=name) from None


def read_batch(text: str) -> dict[str, Query]:
    """Return the queries of a batch by their names. Raises BadParameter, or TooLarge where they are too many."""
    found = _parsed(text, "queries")
    if not isinstance(found, dict):
        raise BadParameter("queries has to be an object of queries by name.", parameter="queries")
    if len(found) > BATCH:
        raise TooLarge(f"The batch has {len(found)} queries; send at most {BATCH} at once.", limit=BATCH)
    return {name: _query(name, value) for name, value in found.items()}


def _refuse(name: str, what: str) -> BadParameter:
    return BadParameter(f"The query {name!r} can't be read: {what}.", parameter="queries")


def _query(name: str, value: object) -> Query:
    if not isinstance(value, dict):
        raise _refuse(name, "it has to be an object")
    text = value.get("query") or ""
    properties = value.get("properties") or []
    if not isinstance(text, str) or not isinstance(properties, list):
        raise _refuse(name, "`query` is a text and `properties` a list")
    if not text.strip() and not properties:
        raise _refuse(name, "give `query`, `properties` or both")
    strict = value.get("type_strict") or "should"
    if strict not in STRICTNESS:
        raise _refuse(name, f"type_strict is {strict!r}; there are {', '.join(STRICTNESS)}")
    limit = value.get("limit") or LIMIT
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not 1 <= limit < float("inf"):
        raise _refuse(name, "`limit` is a whole number from 1")
    types = _types(name, value.get("type"))
    return Query(text, types, strict, min(int(limit), MOST), tuple(_property(name, one) for one in properties))


def _types(name: str, value: object) -> tuple[str, ...]:
    several = value if isinstance(value, list) else [value] if value else []
    if not _are_texts(several):
        raise _refuse(name, "`type` is the identifier of a type, or a list of some")
    return tuple(iri_of(str(one)) for one in several)


def _property(name: str, value: object) -> Property:
    if not isinstance(value, dict) or not isinstance(value.get("pid"), str) or "v" not in value:
        raise _refuse(name, "a property is an object with `pid` and `v`")
    several = value["v"] if isinstance(value["v"], list) else [value["v"]]
    pid = value["pid"]
    return Property(property_iri(pid), tuple(_value(name, one) for one in several))


def property_iri(name: str) -> str:
    """Return what a property's identifier means: an IRI, or ``country`` for whatever ties a thing to a country."""
    return name if name == "country" else iri_of(name)


def _value(name: str, value: object) -> Value:
    if isinstance(value, dict) and isinstance(value.get("id"), str):
        return iri_of(value["id"])
    if isinstance(value, str | int | float | bool):
        return value
    raise _refuse(name, "a value is a text, a number, true, false, or an object with `id`")


def read_extension(text: str) -> Extension:
    """Return what a data extension query asks for (section 7.3). Raises BadParameter, TooLarge."""
    found = _parsed(text, "extend")
    ids = found.get("ids") if isinstance(found, dict) else None
    properties = found.get("properties") if isinstance(found, dict) else None
    if not _are_texts(ids) or not isinstance(properties, list):
        raise BadParameter("extend has to be an object with the lists `ids` and `properties`.", parameter="extend")
    assert isinstance(ids, list)
    if len(ids) * len(properties) > MOST_VALUES:
        raise TooLarge(
            f"{len(ids)} things times {len(properties)} properties are too many; at most {MOST_VALUES} go at once.",
            limit=MOST_VALUES,
        )
    pairs = []
    for one in properties:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise BadParameter("Each of the properties is an object with `id`.", parameter="extend")
        settings = one.get("settings")
        pairs.append((one["id"], settings if isinstance(settings, dict) else {}))
    return Extension(tuple(ids), tuple(pairs))


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
