"""``/search?q=``: things by what they are called, as a page and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from flask import Blueprint, Response, render_template, request

from vetgraph import media
from vetgraph.errors import BadParameter
from vetgraph.search import FACETS, Hit, Index, Label, Page, Wish, find
from vetgraph.search.finding import LONGEST
from vetgraph.search.queries import iri_of
from vetgraph.search.words import fold
from vetgraph.vocab import LABELS as PREDICATES
from vetgraph.vocab import LANGUAGES, shorten
from vetgraph.web import links, reading, texts, wishes
from vetgraph.web.negotiation import cacheable, respond
from vetgraph.web.state import service

blueprint = Blueprint("search", __name__)

FORMATS: Final = (media.HTML, media.JSON)

PER_PAGE: Final = 20
MOST: Final = 100
"""Results on a page: where the request does not say, and at most."""

LAST: Final = 10_000
"""Results that can be leafed through; who wants all of them has `/dump.nq.gz` and SPARQL."""

CHOSEN: Final = 50
"""Values to which one facet can be narrowed."""

SHOWN: Final = 60
"""Values of a facet that a page offers."""


def index() -> Index:
    """Return the index of the version that the request reads."""
    settings = service().settings
    return Index.of(service().store, None if settings.endpoint else settings.store)


@dataclass(frozen=True)
class Choice:
    """A value that results can be narrowed to: its short name for addresses, its label, and how many there are."""

    value: str
    iri: str
    label: str
    count: int
    chosen: bool


@blueprint.get("/search")
def search() -> Response:
    """Answer with the things whose labels have the words that are asked for."""
    choice = wishes.form(FORMATS)
    text = request.args.get("q", "").strip()[:LONGEST]
    wish, number = _wish(), wishes.page()
    found = find(index(), text, wish)
    if choice is media.JSON:
        body = json.dumps(_described(text, found, wish, number), ensure_ascii=False, indent=1)
        response = respond(body + "\n", media.JSON.header)
    else:
        response = respond(_page(text, found, wish, number), media.HTML.header)
    named = "format" in request.args
    return cacheable(response, vary="Accept-Language" if named else "Accept, Accept-Language")


def _wish() -> Wish:
    limit = _limit()
    offset = (wishes.page() - 1) * limit
    if offset + limit > LAST:
        raise BadParameter(f"Only {LAST} results can be leafed through; narrow the search.", parameter="page")
    kinds, countries, sources = ([iri_of(one) for one in _several(name)] for name in FACETS)
    languages = [one.lower() for one in _several("language")]
    return Wish(kinds, countries, sources, languages, limit=limit, offset=offset)


def _several(name: str) -> list[str]:
    """Return the values of a parameter. Raises BadParameter where they are more than anybody would choose."""
    found = [one for one in request.args.getlist(name) if one]
    if len(found) > CHOSEN:
        raise BadParameter(
            f"{name} is given {len(found)} times; at most {CHOSEN} values can be chosen.", parameter=name
        )
    return found


def _limit() -> int:
    asked = request.args.get("limit", "") or str(PER_PAGE)
    if not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= MOST):
        raise BadParameter(f"limit is {asked!r}; give a whole number from 1 to {MOST}.", parameter="limit")
    return int(asked)


def name_of(hit: Hit) -> Label:
    """Return what to call a thing: its preferred label in the reader's language, else in English, else in any."""
    order = (texts.language(), *LANGUAGES, "")
    shown = [label for label in hit.labels if label.role in ("preferred", "title")] or list(hit.labels)
    return min(shown, key=lambda label: order.index(label.language) if label.language in order else len(order))


def _choices(found: Page, wish: Wish) -> dict[str, list[Choice]]:
    """Return the values of each facet for a form, by their labels, those that are chosen among them."""
    chosen = dict(zip(FACETS, (wish.kinds, wish.countries, wish.sources), strict=True))
    result = {}
    for facet, values in found.facets.items():
        counts = dict(values[:SHOWN]) | {iri: dict(values).get(iri, 0) for iri in chosen[facet]}
        several = [
            Choice(shorten(iri), iri, reading.label(iri).text, count, iri in chosen[facet])
            for iri, count in counts.items()
        ]
        result[facet] = sorted(several, key=lambda one: one.label.casefold())
    return result


def _page(text: str, found: Page, wish: Wish, number: int) -> str:
    reading.note("search", texts.text("search.query"), _as_query(found.instead or text), {})
    last = min(-(-found.total // wish.limit), LAST // wish.limit)
    return render_template(
        "search.html",
        text=text,
        found=found,
        hits=[(hit, name_of(hit), _also(hit)) for hit in found.hits],
        choices=_choices(found, wish),
        narrowed=bool(wish.chosen),
        at_page=number,
        last=last,
        first=wish.offset + 1,
    )


def _also(hit: Hit) -> Label | None:
    """Return the label by which a thing was found, where that is not the one that is shown."""
    return hit.matched if fold(hit.matched.text) != fold(name_of(hit).text) else None


def _as_query(text: str) -> str:
    """Return a SPARQL query that finds much the same, for whoever goes on from here."""
    names = " ".join(f"<{predicate}>" for predicate in PREDICATES)
    tests = "".join(f"\n  FILTER(CONTAINS(LCASE(STR(?label)), {_quoted(word)}))" for word in text.lower().split()[:8])
    pattern = f"VALUES ?name {{ {names} }}\n  ?thing ?name ?label{tests}"
    return f"SELECT DISTINCT ?thing ?label WHERE {{\n  {pattern}\n}}\nLIMIT 100"


def _quoted(word: str) -> str:
    return json.dumps(word.strip('"'), ensure_ascii=False)


# -- JSON -----------------------------------------------------------------------------------------


def _described(text: str, found: Page, wish: Wish, number: int) -> dict[str, Any]:
    root = links.rooted("")
    more = wish.offset + wish.limit < min(found.total, LAST)
    return {
        "query": text,
        "instead": found.instead or None,
        "version": service().version,
        "total": found.total,
        "page": number,
        "limit": wish.limit,
        "next": root + links.here(page=str(number + 1)) if more else None,
        "results": [_result(hit) for hit in found.hits],
        "facets": {
            facet: [{"iri": iri, "label": reading.label(iri).text, "count": count} for iri, count in values]
            for facet, values in found.facets.items()
        },
    }


def _result(hit: Hit) -> dict[str, Any]:
    name, address = name_of(hit), links.address(hit.iri)
    matched = _also(hit) or name
    return {
        "iri": hit.iri,
        "url": links.rooted(address) if address else hit.iri,
        "label": name.text,
        "language": name.language,
        "matched": {"text": matched.text, "language": matched.language, "role": matched.role},
        "score": round(hit.score, 4),
        "classes": list(hit.types),
        "countries": list(hit.countries),
        "sources": list(hit.sources),
    }
