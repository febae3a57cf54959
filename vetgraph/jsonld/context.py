"""The JSON-LD 1.1 context: one file for each of its versions, written once and never changed.

The newest is what :func:`built` makes of ontology and shapes; a test says so. When they change,
``python -m vetgraph.jsonld`` writes the next version: documents that name an older one keep their meaning.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from vetgraph.errors import NotFound
from vetgraph.jsonld.model import VOCABULARIES, Model, Property, json_name, model
from vetgraph.vocab import PREFIXES

FOLDER: Final = Path(__file__).parent / "contexts"

Json = dict[str, Any]


def built(table: Model) -> Json:
    """Return the context of a model: prefixes, classes and properties, each by its name in JSON."""
    terms: Json = {"@version": 1.1, "id": "@id", "type": {"@id": "@type", "@container": "@set"}}
    terms |= {prefix: PREFIXES[prefix] for prefix in VOCABULARIES}
    for one in sorted(table.classes.values(), key=lambda one: one.name):
        name = json_name(one.iri)
        if one.iri and ":" not in name:
            terms[name] = {"@id": short(one.iri)}
    for prop in sorted(table.properties.values(), key=lambda prop: prop.name):
        terms[prop.name] = _definition(prop)
    return {"@context": terms}


def _definition(prop: Property) -> Json:
    """Return what the context says of a property (JSON-LD 1.1 section 9.15.1)."""
    said: Json = {"@id": short(prop.iri)}
    if prop.kind == "link":
        said["@type"] = "@id"
    elif prop.kind == "value" and prop.coerced:
        said["@type"] = short(prop.coerced)
    containers = ["@language"] if prop.kind == "text" else []
    containers += [] if prop.single else ["@set"]
    if containers:
        said["@container"] = containers[0] if len(containers) == 1 else containers
    return said


def short(iri: str) -> str:
    """Return an IRI with a prefix of the context, or the IRI where none fits.

    >>> short("http://www.w3.org/2001/XMLSchema#gYear"), short("http://example.org/x")
    ('xsd:gYear', 'http://example.org/x')
    """
    for prefix in VOCABULARIES:
        namespace = PREFIXES[prefix]
        if iri.startswith(namespace) and iri != namespace:
            return f"{prefix}:{iri[len(namespace) :]}"
    return iri


def numbers() -> list[int]:
    """Return the numbers of the versions that there are, rising."""
    return sorted(int(path.stem) for path in FOLDER.glob("*.jsonld"))


@cache
def text(number: int) -> str:
    """Return a version of the context as it is served. Raises NotFound where there is none of that number."""
    path = FOLDER / f"{number}.jsonld"
    if not path.is_file():
        known = ", ".join(f"/context/{one}.jsonld" for one in numbers())
        raise NotFound(f"The context has no version {number}; there are {known}.")
    return path.read_text("utf-8")


@cache
def newest() -> int:
    """Return the number of the newest version."""
    return numbers()[-1]


def by_path() -> dict[str, str]:
    """Return every version by the path at which it is served, the newest by that of the context as well."""
    return {"/context.jsonld": text(newest())} | {f"/context/{number}.jsonld": text(number) for number in numbers()}


@cache
def terms() -> Mapping[str, Any]:
    """Return the definitions of the newest version by term."""
    found: Mapping[str, Any] = json.loads(text(newest()))["@context"]
    return found


def part(used: Iterable[str]) -> Json:
    """Return the part of the newest context that defines some terms, so that a document can carry it along."""
    known, wanted = terms(), set(used) | {"@version", "id", "type"}
    for term in [*wanted]:
        said = known.get(term)
        if isinstance(said, dict):
            wanted |= {said.get(key, "").partition(":")[0] for key in ("@id", "@type")}
    return {name: said for name, said in known.items() if name in wanted}


def written(context: Json) -> str:
    """Return a context as a file has it: one definition a line."""
    lines = [f"    {json.dumps(name)}: {json.dumps(said)}" for name, said in context["@context"].items()]
    return '{\n  "@context": {\n' + ",\n".join(lines) + "\n  }\n}\n"


def main() -> int:
    """Write the next version where ontology and shapes ask for one; return its number, or the newest as it is."""
    now = written(built(model()))
    known = numbers()
    if known and text(known[-1]) == now:
        return known[-1]
    number = known[-1] + 1 if known else 1
    (FOLDER / f"{number}.jsonld").write_text(now, "utf-8")
    return number
