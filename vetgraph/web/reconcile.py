"""``/reconcile``: the Reconciliation Service API 0.2 of the W3C Community Group, as OpenRefine and its like speak it.

Identifiers of things are their paths under our base (``id/anefore``), those of types and properties prefixed names
(``vet:LegalAct``). JSONP, which version 0.2 made optional, is not there: any page may read the answers (CORS).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import pyoxigraph as ox
from flask import Blueprint, Response, render_template, request

from vetgraph import __version__
from vetgraph.errors import BadParameter, NotFound
from vetgraph.media import HTML, JSON
from vetgraph.search import Hit, Index, Wish, find, look_up
from vetgraph.search.queries import (
    BATCH,
    STARTS,
    identifier,
    iri_of,
    property_iri,
    read_batch,
    read_extension,
    term_name,
)
from vetgraph.search.reconciling import COUNTRY, Found, Reconciler
from vetgraph.search.words import fold
from vetgraph.store import Term
from vetgraph.vocab import BASE, DCTERMS, LANGUAGES, OWL, RDF, RDFS, SKOS, VET, XSD
from vetgraph.web import headers, reading, texts
from vetgraph.web.negotiation import cacheable, respond, root_url
from vetgraph.web.search import index, name_of
from vetgraph.web.state import service

blueprint = Blueprint("reconcile", __name__, url_prefix="/reconcile")

ENTITIES: Final = Wish(starts=STARTS)
SUGGESTED: Final = 20
PROPOSED: Final = 50
SAMPLE: Final = 100
"""Things of a type that are looked at to learn which properties such things have."""

DEFAULT_TYPES: Final = (
    *(VET + name for name in ("Actor", "Organisation", "Country", "Place", "LegalAct", "Agreement")),
    *(VET + name for name in ("Project", "MobilityScheme")),
    SKOS + "Concept",
)
"""Types that are offered before anybody asks, where the data have them."""

PROPERTY_TYPES: Final = (OWL + "ObjectProperty", OWL + "DatatypeProperty")
COMMON: Final = (
    *(SKOS + name for name in ("prefLabel", "altLabel", "notation", "exactMatch", "definition", "broader")),
    *(DCTERMS + name for name in ("title", "alternative", "identifier", "spatial", "subject")),
    RDF + "type",
    RDFS + "seeAlso",
)
"""Properties of other vocabularies that things have, beside those of our ontology."""

WIDTH: Final = 430
HEIGHT: Final = 220
"""Pixels that a preview needs."""

FRAMED: Final = headers.POLICY.replace("frame-ancestors 'none'", "frame-ancestors *")
"""Content security policy of previews: any page may show them in a frame."""


# -- the service ----------------------------------------------------------------------------------


@blueprint.route("", methods=["GET", "POST"])
def reconcile() -> Response:
    """Answer queries (``queries=``) or a data extension (``extend=``); without either, say what there is."""
    given = request.values
    if "queries" in given and "extend" in given:
        raise BadParameter("Give `queries` or `extend`, not both.", parameter="extend")
    if "queries" in given:
        return _json(_answers(given["queries"]))
    if "extend" in given:
        return _json(_extended(given["extend"]))
    if request.method == "POST":
        raise BadParameter("Send a form with `queries` or `extend`.", parameter="queries")
    return _json(manifest())


def _json(value: object) -> Response:
    response = respond(json.dumps(value, ensure_ascii=False) + "\n", JSON.header)
    return cacheable(response, vary="Accept-Language") if request.method != "POST" else response


def manifest() -> dict[str, Any]:
    """Return the service manifest (section 3.1)."""
    root = root_url()
    present = _classes(index())
    suggest = {
        kind: {
            "service_url": root,
            "service_path": f"/reconcile/suggest/{kind}",
            "flyout_service_url": root,
            "flyout_service_path": f"/reconcile/flyout/{kind}?id=${{id}}",
        }
        for kind in ("entity", "type", "property")
    }
    return {
        "versions": ["0.2"],
        "name": "vetgraph",
        "identifierSpace": BASE,
        "schemaSpace": VET,
        "documentation": f"{root}/about",
        "serviceVersion": __version__,
        "defaultTypes": [_type(iri) for iri in DEFAULT_TYPES if iri in present],
        "view": {"url": f"{root}/doc/{{{{id}}}}"},
        "preview": {"url": f"{root}/reconcile/preview?id={{{{id}}}}", "width": WIDTH, "height": HEIGHT},
        "suggest": suggest,
        "extend": {
            "propose_properties": {"service_url": root, "service_path": "/reconcile/properties"},
            "property_settings": _settings(),
        },
        "batchSize": BATCH,
    }


def _settings() -> list[dict[str, Any]]:
    tongues = [{"value": code, "name": name} for code, name in texts.NAMES.items()]
    return [
        {
            "name": "limit",
            "label": texts.text("reconcile.limit"),
            "type": "number",
            "default": 0,
            "help_text": texts.text("reconcile.limit_help"),
        },
        {
            "name": "language",
            "label": texts.text("reconcile.language"),
            "type": "select",
            "default": texts.language(),
            "help_text": texts.text("reconcile.language_help"),
            "choices": [*tongues, {"value": "*", "name": texts.text("reconcile.every_language")}],
        },
    ]


def _answers(batch: str) -> dict[str, Any]:
    reconciler = Reconciler(index(), service().store)
    queries = read_batch(batch)
    return {name: {"result": [_candidate(one) for one in reconciler.answer(q)]} for name, q in queries.items()}


def _candidate(one: Found) -> dict[str, Any]:
    return {
        "id": identifier(one.hit.iri),
        "name": name_of(one.hit).text,
        "description": _description(one.hit),
        "type": [_named(iri) for iri in one.hit.types],
        "score": one.score,
        "features": [{"id": name, "value": value} for name, value in one.features.items()],
        "match": one.match,
    }


def _named(iri: str) -> dict[str, str]:
    return {"id": term_name(iri), "name": reading.label(iri).text}


def _type(iri: str) -> dict[str, Any]:
    """Return a type with those directly above it (section 2.2)."""
    found = service().store.quads(ox.NamedNode(iri), ox.NamedNode(RDFS + "subClassOf"))
    above = sorted({quad.object.value for quad in found if isinstance(quad.object, ox.NamedNode)} - {iri})
    broader = [_named(one) for one in above if one.startswith(VET)]
    return {**_named(iri), **({"broader": broader} if broader else {})}


def _description(hit: Hit) -> str:
    """Return what tells a thing from its namesakes: its class, its countries, and the label that was matched."""
    parts = [reading.label(iri).text for iri in (*hit.types[:1], *hit.countries[:3])]
    if hit.matched.text != name_of(hit).text:
        parts.append(f"“{hit.matched.text}”")
    return " · ".join(parts)


# -- suggestions ----------------------------------------------------------------------------------


@blueprint.get("/suggest/<any(entity, type, property):kind>")
def suggest(kind: str) -> Response:
    """Suggest things, types or properties whose names begin with what was typed (section 6)."""
    prefix, start = request.args.get("prefix", "").strip(), _whole("cursor", 0)
    if kind == "entity":
        result = _entities(prefix, start)
    else:
        offered = _types() if kind == "type" else _properties()
        result = [one for one in offered if _begins(one, prefix)][start : start + SUGGESTED]
    return _json({"result": result})


def _whole(name: str, default: int) -> int:
    asked = request.args.get(name, "") or str(default)
    if not (asked.isascii() and asked.isdigit() and len(asked) <= 6):
        raise BadParameter(f"{name} is {asked!r}; give a whole number.", parameter=name)
    return int(asked)


def _entities(prefix: str, start: int) -> list[dict[str, Any]]:
    found = (
        find(index(), prefix, Wish(starts=STARTS, limit=SUGGESTED, offset=start), facets=False).hits if prefix else ()
    )
    meant = look_up(index(), [iri_of(prefix)]) if prefix and not start else []
    hits = {hit.iri: hit for hit in (*meant, *found) if hit.iri.startswith(STARTS)}
    return [
        {
            "id": identifier(hit.iri),
            "name": name_of(hit).text,
            "description": _description(hit),
            "notable": [_named(iri) for iri in hit.types[:2]],
        }
        for hit in hits.values()
    ]


def _types() -> list[dict[str, Any]]:
    """Return the classes of what names can stand for, the largest first."""
    return [_type(iri) for iri in _classes(index())]


@lru_cache(maxsize=2)
def _classes(searched: Index) -> tuple[str, ...]:
    return tuple(iri for iri, _ in find(searched, "", ENTITIES).facets["class"])


def _properties() -> list[dict[str, Any]]:
    ours = find(index(), "", Wish(kinds=PROPERTY_TYPES, limit=1000), facets=False).hits
    named = [{**_named(iri), "description": iri} for iri in (*COMMON, *sorted(hit.iri for hit in ours))]
    return [{"id": COUNTRY, "name": texts.text("filter.country"), "description": ""}, *named]


def _begins(one: Mapping[str, Any], prefix: str) -> bool:
    """Whether a word of a name begins with what was typed, or the identifier does, with or without its prefix."""
    typed = fold(prefix)
    own = str(one["id"]).lower()
    words = f" {fold(str(one['name']))}"
    return f" {typed}" in words or own.startswith(prefix.lower()) or own.partition(":")[2].startswith(prefix.lower())


@blueprint.get("/flyout/<any(entity, type, property):kind>")
def flyout(kind: str) -> Response:
    """Answer with a few words about a thing, a type or a property (section 6.5)."""
    name = request.args.get("id", "").strip()
    if not name:
        raise BadParameter("Say which one by id=.", parameter="id")
    iri = property_iri(name) if kind == "property" else iri_of(name)
    label = texts.text("filter.country") if iri == COUNTRY else reading.label(iri).text
    html = render_template("flyout.html", name=label, kind=kind, iri=iri, words=_definition(iri), hit=_known(iri))
    return _json({"id": name, "html": html})


def _known(iri: str) -> Hit | None:
    return next(iter(look_up(index(), [iri])), None)


def _definition(iri: str) -> str:
    """Return a thing's definition in the reader's language, else in English, if there is one."""
    hit = _known(iri)
    if hit is None:
        return ""
    reader = Reconciler(index(), service().store)
    found = [term for name in (SKOS + "definition", DCTERMS + "description") for term in reader.values(hit, name)]
    literals = [term for term in found if isinstance(term, ox.Literal)]
    return next((term.value for term in _spoken(literals, texts.language()) if isinstance(term, ox.Literal)), "")


@blueprint.get("/preview")
def preview() -> Response:
    """Answer with a small page about a thing, to be shown in a frame (section 5)."""
    name = request.args.get("id", "").strip()
    hit = _known(iri_of(name)) if name else None
    if hit is None:
        raise NotFound(f"Nothing has the identifier {name!r}; identifiers look like id/anefore.")
    others = list(dict.fromkeys(label.text for label in hit.labels if label.role != "code"))
    page = render_template("preview.html", hit=hit, name=name_of(hit), others=others[:8], words=_definition(hit.iri))
    response = respond(page, HTML.header)
    response.headers["Content-Security-Policy"] = FRAMED
    return cacheable(response, vary="Accept-Language")


# -- data extension -------------------------------------------------------------------------------


@blueprint.get("/properties")
def properties() -> Response:
    """Propose properties that things of a type have (section 7.2)."""
    type_ = request.args.get("type", "").strip()
    limit = min(_whole("limit", PROPOSED) or PROPOSED, 500)
    kinds = (iri_of(type_),) if type_ else ()
    hits = find(index(), "", Wish(kinds=kinds, starts=STARTS, limit=SAMPLE), facets=False).hits
    tally: dict[str, int] = {}
    for hit in hits:
        for iri in {quad.predicate.value for quad in service().store.quads(ox.NamedNode(hit.iri))}:
            tally[iri] = tally.get(iri, 0) + 1
    ordered = sorted(tally, key=lambda iri: (-tally[iri], iri))[:limit]
    known: dict[str, Any] = {"type": type_} if type_ else {}
    return _json({**known, "limit": limit, "properties": [_named(iri) for iri in ordered]})


def _extended(text: str) -> dict[str, Any]:
    asked = read_extension(text)
    reconciler = Reconciler(index(), service().store)
    hits = {name: hit for name in asked.ids for hit in look_up(index(), [iri_of(name)])}
    rows = {
        name: {
            pid: _cells(reconciler.values(hits[name], property_iri(pid)), settings) if name in hits else []
            for pid, settings in asked.properties
        }
        for name in asked.ids
    }
    return {"meta": [_column(pid) for pid, _ in asked.properties], "rows": rows}


def _column(pid: str) -> dict[str, Any]:
    """Return what is told of a property: its name, and the type of its values where they are things."""
    iri = property_iri(pid)
    if iri == COUNTRY:
        return {"id": pid, "name": texts.text("filter.country"), "type": _named(VET + "Country")}
    try:
        found = service().store.quads(ox.NamedNode(iri), ox.NamedNode(RDFS + "range"))
    except ValueError:
        return {"id": pid, "name": pid}
    ranges = sorted({quad.object.value for quad in found if isinstance(quad.object, ox.NamedNode)})
    types = [one for one in ranges if one.startswith(VET)]
    return {"id": pid, "name": reading.label(iri).text, **({"type": _named(types[0])} if types else {})}


def _cells(values: Iterable[Term], settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return values as a data extension writes them (section 7.4)."""
    language = str(settings.get("language") or texts.language())
    shown = [_cell(term) for term in _spoken(values, language) if not isinstance(term, ox.BlankNode)]
    limit = str(settings.get("limit") or "0").partition(".")[0]
    return shown[: int(limit)] if limit.isascii() and limit.isdigit() and int(limit) else shown


def _spoken(values: Iterable[Term], language: str) -> list[Term]:
    """Return values without texts in other languages than is wished, or in English where there are none in it."""
    several = list(values)
    if language == "*":
        return several
    spoken = {term.language for term in several if isinstance(term, ox.Literal) and term.language}
    chosen = next((one for one in (language, *LANGUAGES) if one in spoken), None)
    return [
        term
        for term in several
        if not (isinstance(term, ox.Literal) and term.language and chosen and term.language != chosen)
    ]


def _cell(term: Term) -> dict[str, Any]:
    if not isinstance(term, ox.Literal):
        iri = term.value
        return {"id": identifier(iri), "name": reading.label(iri).text} if iri.startswith(STARTS) else {"str": iri}
    kind = term.datatype.value.removeprefix(XSD)
    try:
        if kind in ("integer", "int", "long", "nonNegativeInteger", "positiveInteger"):
            return {"int": int(term.value)}
        if kind in ("decimal", "double", "float"):
            return {"float": float(term.value)}
    except ValueError:
        return {"str": term.value}
    if kind == "date" and len(term.value) == 10:
        return {"date": f"{term.value}T00:00:00Z"}
    return {"date": term.value} if kind == "dateTime" else {"str": term.value}
