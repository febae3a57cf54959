"""A frame for each class, and things in their frames: JSON that always has the same shape (JSON-LD 1.1 Framing).

A framed thing has every property of its class, empty where nothing is stated, and any other property of the model that
is stated of it. What it leads to is told by IRI and label. Any framing processor makes the same of the published frame;
only that absent texts are null there and an empty map here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from vetgraph.errors import NotFound
from vetgraph.jsonld.context import short
from vetgraph.jsonld.forms import Compaction, fits
from vetgraph.jsonld.model import OWNED, Class, Model, Property, model
from vetgraph.vocab import SKOS

Json = dict[str, Any]

LABEL: Final = SKOS + "prefLabel"

_LINK: Final[Json] = {"id": {}, "@embed": "@always", "@explicit": True, short(LABEL): {}}
"""What is told of the thing at the other end of a link."""


def class_named(name: str) -> Class:
    """Return the class of a name. Raises NotFound."""
    try:
        return model().classes[name]
    except KeyError:
        known = ", ".join(sorted(model().classes))
        raise NotFound(f"There is no class {name}; there are {known}.") from None


def frame(name: str, context_url: str) -> Json:
    """Return the frame of a class. Raises NotFound."""
    kind, table = class_named(name), model()
    said: Json = {"@context": context_url}
    if kind.iri:
        said["type"] = short(kind.iri)
    said["@explicit"] = True
    for prop in _always(kind, table):
        said[_key(prop)] = _wanted(prop)
    for prop in further(kind):
        said[_key(prop)] = {**_wanted(prop), "@omitDefault": True}
    return said


def _key(prop: Property) -> str:
    """Return a property's name in a frame: not its term where that has a map of languages, which takes no wildcard."""
    return spare(prop) if prop.kind == "text" else prop.name


def _wanted(prop: Property) -> Json:
    if prop.iri in OWNED:
        return {"@embed": "@always"}
    return dict(_LINK) if prop.kind == "link" else {}


def _always(kind: Class, table: Model) -> list[Property]:
    return [table.properties[iri] for iri in kind.properties]


def further(kind: Class) -> Iterable[Property]:
    """Return the properties that a thing of a class can have besides those of the class."""
    return [prop for iri, prop in sorted(model().properties.items()) if iri not in kind.properties]


def framed(nodes: list[Json], iri: str, types: Iterable[str]) -> Json:
    """Return a thing in the frame of its class, from expanded nodes of which the first is the thing's."""
    table = model()
    kind = table.class_of(types)
    named = {node["@id"]: node for node in nodes}
    thing = named.get(iri, {"@id": iri})
    names = Compaction(nodes, nest=False)
    found = names.node({key: thing[key] for key in ("@id", "@type") if key in thing})
    found.setdefault("type", [])
    stated = {p for p in thing if p in table.properties}
    values: Json = {}
    for prop in (table.properties[p] for p in {*kind.properties, *stated}):
        _fill(values, prop, thing.get(prop.iri, ()), names, named)
    label = {table.properties[LABEL].name: values.pop(table.properties[LABEL].name)}
    return found | label | {key: values[key] for key in sorted(values)}


def _fill(
    values: Json, prop: Property, given: Iterable[Mapping[str, Any]], names: Compaction, named: Mapping[str, Json]
) -> None:
    """Add a property's values, or what stands for none."""
    told = [one for one in given if fits(prop, one)]
    if prop.kind == "text":
        values[prop.name] = _texts(prop, told)
    elif prop.kind == "link":
        ends = [_end(one["@id"], prop, names, named) for one in told]
        values[prop.name] = _one_or_all(prop, ends)
    else:
        values[prop.name] = _one_or_all(prop, [names.value(one, prop) for one in told])
    for one in given:
        if not fits(prop, one):
            # A value of an unforeseen kind keeps its type, under the name that adds none.
            values.setdefault(spare(prop), []).append(names.value(one, None))


def spare(prop: Property) -> str:
    """Return another name of a property than its term: one that adds neither type nor language."""
    name = short(prop.iri)
    return prop.iri if name == prop.name else name


def _one_or_all(prop: Property, found: list[Any]) -> Any:
    if not prop.single:
        return found
    return found[0] if len(found) == 1 else found or None


def _texts(prop: Property, told: Iterable[Mapping[str, Any]]) -> Json:
    """Return texts by their language, `@none` for those without."""
    found: Json = {}
    for one in told:
        language = one.get("@language", "@none")
        if not prop.single:
            found.setdefault(language, []).append(one["@value"])
        elif language in found:
            found[language] = [*_listed(found[language]), one["@value"]]
        else:
            found[language] = one["@value"]
    return dict(sorted(found.items()))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _end(iri: str, prop: Property, names: Compaction, named: Mapping[str, Json]) -> Json:
    """Return what is told of the thing at the end of a link: all of it where it is a part, else IRI and label."""
    node = named.get(iri, {"@id": iri})
    if prop.iri in OWNED:
        return names.node(node)
    label = model().properties[LABEL]
    texts = [one for one in node.get(LABEL, ()) if fits(label, one)]
    said = names.node({key: node[key] for key in ("@id", "@type") if key in node})
    return said | {label.name: _texts(label, texts)}
