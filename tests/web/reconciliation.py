"""JSON Schemas of the Reconciliation Service API 0.2, written anew from the text of its sections 2 to 7.

The Community Group publishes schemas of its own; their repository names no licence for its files, so none is copied
here. These ask for the same members and types, and are stricter in places: no member that the text does not name.

https://www.w3.org/community/reports/reconciliation/CG-FINAL-specs-0.2-20230410/
"""

from __future__ import annotations

from typing import Any, Final

from jsonschema import Draft202012Validator

Json = dict[str, Any]

TEXT: Final[Json] = {"type": "string"}
NAME: Final[Json] = {"type": "string", "minLength": 1}
URL: Final[Json] = {"type": "string", "pattern": "^https?://"}
NUMBER: Final[Json] = {"type": "number"}
FLAG: Final[Json] = {"type": "boolean"}


def members(*required: str, **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def several(items: Json, **more: Any) -> Json:
    return {"type": "array", "items": items, **more}


# 2.2 types, 2.1 entities, 2.3 properties
TYPE: Final = members("id", "name", id=NAME, name=NAME, description=TEXT, broader=several({"$ref": "#/$defs/type"}))
PLAIN_TYPE: Final = members("id", id=NAME, name=NAME)
ANY_TYPE: Final[Json] = {"anyOf": [PLAIN_TYPE, NAME]}

# 3.1 service manifest; 5.1, 6.1, 7.1 metadata of the services
TEMPLATE: Final[Json] = {"type": "string", "pattern": r"^https?://.*\{\{id\}\}"}
SUGGEST: Final = members(
    *("service_url", "service_path"),
    service_url=URL,
    service_path=TEXT,
    flyout_service_url=URL,
    flyout_service_path={"type": "string", "pattern": r"\$\{id\}"},
)


def setting(kind: str, default: Json, **more: Json) -> Json:
    required = ("type", "label", "name", *more)
    return members(*required, type={"const": kind}, label=NAME, name=NAME, help_text=TEXT, default=default, **more)


SETTING: Final[Json] = {
    "oneOf": [
        setting("number", NUMBER),
        setting("text", TEXT),
        setting("checkbox", FLAG),
        setting("select", TEXT, choices=several(members("value", "name", value=TEXT, name=NAME))),
    ]
}
MANIFEST: Final = members(
    *("versions", "name", "identifierSpace", "schemaSpace"),
    versions=several(TEXT, contains={"const": "0.2"}),
    name=NAME,
    identifierSpace=URL,
    schemaSpace=URL,
    defaultTypes=several({"$ref": "#/$defs/type"}, uniqueItems=True),
    documentation=URL,
    logo=URL,
    serviceVersion=NAME,
    view=members("url", url=TEMPLATE),
    feature_view=members("url", url=TEMPLATE),
    preview=members("url", "width", "height", url=TEMPLATE, width={"type": "integer"}, height={"type": "integer"}),
    suggest=members(entity=SUGGEST, property=SUGGEST, type=SUGGEST),
    extend=members(
        propose_properties=members("service_url", "service_path", service_url=URL, service_path=TEXT),
        property_settings=several(SETTING),
    ),
    batchSize={"type": "integer", "minimum": 1},
    authentication={"type": "object"},
)

# 4.1 queries
GIVEN: Final[Json] = {"anyOf": [TEXT, NUMBER, FLAG, members("id", id=NAME, name=TEXT)]}
QUERY: Final[Json] = {
    **members(
        query=NAME,
        type={"anyOf": [TEXT, several(TEXT)]},
        limit={"type": "integer", "minimum": 1},
        properties=several(members("pid", "v", pid=NAME, v={"anyOf": [GIVEN, several(GIVEN)]})),
        type_strict={"enum": ["should", "all", "any"]},
    ),
    "anyOf": [{"required": ["query"]}, {"required": ["properties"], "properties": {"properties": {"minItems": 1}}}],
}
QUERIES: Final[Json] = {"type": "object", "additionalProperties": QUERY}

# 4.2 candidates
CANDIDATE: Final = members(
    *("id", "name", "score"),
    id=NAME,
    name=NAME,
    description=TEXT,
    type=several(ANY_TYPE),
    score=NUMBER,
    features=several(members("id", "value", id=NAME, value={"anyOf": [NUMBER, FLAG]})),
    match=FLAG,
)
RESULTS: Final[Json] = {
    "type": "object",
    "additionalProperties": members("result", result=several(CANDIDATE)),
}

# 6.3 suggestions, 6.5 flyouts
ENTITIES: Final = members(
    "result",
    result=several(members("id", "name", id=NAME, name=NAME, description=TEXT, notable=several(ANY_TYPE))),
)
PROPERTIES: Final = members("result", result=several(members("id", "name", id=NAME, name=NAME, description=TEXT)))
TYPES: Final = members("result", result=several({"$ref": "#/$defs/type"}))
FLYOUT: Final = members("id", "html", id=NAME, html=NAME)

# 7.2 proposals, 7.3 queries and 7.4 answers of data extension
PROPOSAL: Final = members(
    "properties",
    properties=several(members("id", "name", id=NAME, name=NAME, description=TEXT)),
    type=TEXT,
    limit=NUMBER,
)
EXTENSION: Final = members(
    *("ids", "properties"),
    ids=several(TEXT),
    properties=several(members("id", id=NAME, settings={"type": "object"})),
)
MOMENT: Final = r"^-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$"
CELL: Final[Json] = {
    "oneOf": [
        members(),
        members("id", "name", id=NAME, name=NAME, description=TEXT),
        members("str", str=TEXT),
        members("float", float=NUMBER),
        members("int", int={"type": "integer"}),
        members("date", date={"type": "string", "pattern": MOMENT}),
    ]
}
EXTENDED: Final = members(
    *("meta", "rows"),
    meta=several(members("id", "name", id=NAME, name=NAME, type=PLAIN_TYPE, service=URL)),
    rows={"type": "object", "additionalProperties": {"type": "object", "additionalProperties": several(CELL)}},
)


def faults(value: object, schema: Json) -> list[str]:
    """What is wrong with a value by a schema, each fault with its place."""
    validator = Draft202012Validator({**schema, "$defs": {"type": TYPE}})
    found = validator.iter_errors(value)
    return [f"{fault.json_path}: {fault.message[:200]}" for fault in found]
