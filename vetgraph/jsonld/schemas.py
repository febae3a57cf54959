"""A JSON Schema (2020-12) for each class: the shape of a thing of that class in the framed profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from vetgraph.jsonld.framing import class_named, further
from vetgraph.jsonld.model import OWNED, Class, Property, json_name, model
from vetgraph.vocab import BASE, XSD

Json = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

MEDIA: Final = "application/schema+json"
"""Media type of a JSON Schema."""

_NATIVE: Final[Mapping[str, Json]] = {
    XSD + "integer": {"type": "integer"},
    XSD + "boolean": {"type": "boolean"},
    XSD + "string": {"type": "string"},
}
_WRITTEN: Final[Mapping[str, Json]] = {
    XSD + "date": {"type": "string", "pattern": r"^-?\d{4,}-\d{2}-\d{2}(Z|[+-]\d{2}:\d{2})?$"},
    XSD + "gYear": {"type": "string", "pattern": r"^-?\d{4,}(Z|[+-]\d{2}:\d{2})?$"},
    XSD + "gYearMonth": {"type": "string", "pattern": r"^-?\d{4,}-\d{2}(Z|[+-]\d{2}:\d{2})?$"},
    XSD + "gMonth": {"type": "string", "pattern": r"^--\d{2}(Z|[+-]\d{2}:\d{2})?$"},
    XSD + "decimal": {"type": "string", "pattern": r"^[+-]?(\d+(\.\d*)?|\.\d+)$"},
    XSD + "duration": {"type": "string", "pattern": r"^-?P"},
}
"""Datatypes that the context adds → how their values are written."""

_DEFINITIONS: Final[Mapping[str, Json]] = {
    "Text": {
        "description": "A text in each of its languages, by BCP 47 tags.",
        "type": "object",
        "additionalProperties": {"type": "string"},
    },
    "Texts": {
        "description": "Texts by language; any number in each.",
        "type": "object",
        "additionalProperties": {"type": "array", "items": {"type": "string"}, "minItems": 1},
    },
    "Link": {
        "description": "Another thing: its IRI and its label; its classes where the document has them.",
        "type": "object",
        "properties": {
            "id": {"$ref": "#/$defs/Iri"},
            "type": {"type": "array", "items": {"type": "string"}},
            "prefLabel": {"$ref": "#/$defs/Text"},
        },
        "required": ["id", "prefLabel"],
        "additionalProperties": False,
    },
    "Part": {
        "description": "A part of the thing, told in full.",
        "type": "object",
        "properties": {"id": {"$ref": "#/$defs/Iri"}},
        "required": ["id"],
    },
    "Iri": {"description": "An IRI, or a blank node's label.", "type": "string", "pattern": '^[^\\s<>"{}|^`]+$'},
    "Value": {
        "description": "A text, a whole number or a truth value as it is; any other value with its datatype.",
        "anyOf": [
            {"type": ["string", "integer", "boolean"]},
            {
                "type": "object",
                "properties": {"@type": {"type": "string"}, "@value": {"type": "string"}},
                "required": ["@type", "@value"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"@language": {"type": "string"}, "@value": {"type": "string"}},
                "required": ["@language", "@value"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"id": {"$ref": "#/$defs/Iri"}},
                "required": ["id"],
                "additionalProperties": False,
            },
        ],
    },
}


def schema(name: str) -> Json:
    """Return the schema of a class; required is what every thing of that class has. Raises NotFound."""
    kind = class_named(name)
    own = [model().properties[iri] for iri in kind.properties]
    members = {prop.name: _member(prop) for prop in (*own, *further(kind))}
    fixed: Json = {
        "@context": {"description": "Address of the context.", "type": ["string", "object"]},
        "id": {"$ref": "#/$defs/Iri"},
        "type": {"description": "Its classes.", "type": "array", "items": {"type": "string"}, **_contains(kind)},
    }
    return {
        "$schema": DIALECT,
        "$id": f"{BASE}schemas/{name}.json",
        "title": name,
        "description": kind.definition or name,
        "type": "object",
        "properties": {**fixed, **members},
        "required": [*fixed, *sorted(prop.name for prop in own)],
        "$defs": dict(_DEFINITIONS),
    }


def _contains(kind: Class) -> Json:
    return {"contains": {"const": json_name(kind.iri)}} if kind.iri else {}


def _member(prop: Property) -> Json:
    """Return the schema of a property's values."""
    if prop.kind == "text":
        return {"$ref": "#/$defs/Text" if prop.single else "#/$defs/Texts"}
    one = _value(prop)
    if not prop.single:
        return {"type": "array", "items": one}
    return {"anyOf": [one, {"type": "null"}]}


def _value(prop: Property) -> Json:
    if prop.kind == "link":
        return {"$ref": "#/$defs/Part" if prop.iri in OWNED else "#/$defs/Link"}
    if prop.coerced:
        return dict(_WRITTEN.get(prop.coerced, {"type": "string"}))
    return dict(_NATIVE.get(prop.datatype, {"$ref": "#/$defs/Value"}))
