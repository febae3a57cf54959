"""Linked data: an IRI of ours → 303 → the document about it, in every format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import quote, urlencode
from weakref import WeakKeyDictionary

import pyoxigraph as ox
from flask import Blueprint, Response, redirect, request
from flask.blueprints import BlueprintSetupState

from vetgraph import jsonld, media, resources, results, turtle
from vetgraph.dataset.graphs import TERMS
from vetgraph.errors import Gone, NotFound, VetgraphError
from vetgraph.media import HTML, JSON_LD, Media
from vetgraph.resources import Description
from vetgraph.store import GraphStore
from vetgraph.vocab import BASE, GRAPH, LICENCE, OWL, path_of
from vetgraph.web import links, pages, signposting, wishes
from vetgraph.web.negotiation import cacheable, respond, root_url
from vetgraph.web.outlines import outline_page
from vetgraph.web.signposting import FORMATS
from vetgraph.web.state import Service, service

blueprint = Blueprint("resources", __name__)

GRAPH_FORMATS: Final = media.carrying("graph")

Describer = Callable[[Service, str], list[ox.Triple] | None]
"""Says what is known of an IRI beyond what the store holds; None at once where that is nothing."""

virtual: Final[list[Describer]] = []
"""Describers of what is computed: the dataset, its distributions and versions. Modules add theirs."""


@blueprint.record_once
def _prepare(state: BlueprintSetupState) -> None:
    """Tell the templates of pages in which formats, and where, a document can be had."""
    state.app.jinja_env.globals.update(document=links.document, graph_formats=GRAPH_FORMATS)


# -- things -------------------------------------------------------------------------------------------


@blueprint.get("/<any(id, scheme, source, graph, query, distribution, version):kind>/<path:rest>")
def identify(kind: str, rest: str) -> Response:
    """Send the reader from a thing to the document about it (httpRange-14: 303 See Other)."""
    return _lead(f"{kind}/{rest}")


@blueprint.get("/dataset")
def identify_dataset() -> Response:
    """Send the reader from the dataset to the document about it."""
    return _lead("dataset")


def _lead(path: str) -> Response:
    iri = _iri(path)
    try:
        resources.refuse_retired(service().store, iri)
    except Gone as gone:
        return _moved(gone)
    if not _known(iri):
        raise _missing(iri)
    choice = wishes.form(FORMATS)
    suffix = "" if choice is HTML else f".{choice.suffix}"
    return _see(f"{root_url()}/doc/{quote(path)}{suffix}")


def _see(address: str) -> Response:
    """Send the reader on to a document (303), with the parameters of this request."""
    response = redirect(_with_query(address), code=303)
    if "format" not in request.args:
        response.headers["Vary"] = "Accept"
    return response  # type: ignore[return-value]


def _iri(path: str) -> str:
    """Return the IRI of a path. Raises NotFound where it can't be part of one."""
    try:
        return ox.NamedNode(resources.iri_of(path)).value
    except ValueError:
        raise NotFound(f"{path} is not a name of ours: it can't be part of an IRI.") from None


def _known(iri: str) -> bool:
    """Whether anything is known of an IRI."""
    return _stored(iri) or bool(_virtual(iri))


def _stored(iri: str) -> bool:
    return next(iter(service().store.quads(ox.NamedNode(iri))), None) is not None


def _missing(iri: str) -> VetgraphError:
    """Return the error for an IRI of which nothing is known: whether that was ever different."""
    seen = service().last_seen(iri)
    if seen is None:
        return NotFound(f"Nothing is known of {iri}; look it up in /search, or in the lists of actors, acts and areas.")
    return Gone(
        f"{iri} was withdrawn; version {seen} was the last to describe it: ask for it with at={seen}.", version=seen
    )


def _virtual(iri: str) -> list[ox.Triple]:
    """Return what is known of an IRI beyond the store."""
    return [triple for describer in virtual for triple in describer(service(), iri) or ()]


def _with_query(address: str) -> str:
    """Return an address with the parameters of this request, but for the format, which the address has."""
    query = urlencode([(name, value) for name, value in request.args.items(multi=True) if name != "format"])
    return f"{address}?{query}" if query else address


def _moved(gone: Gone, before: str = "", after: str = "") -> Response:
    """Send the reader on to what has taken a thing's place (301). Raises the error where nothing has."""
    successor = gone.facts.get("successor")
    if not isinstance(successor, str):
        raise gone
    path = path_of(successor)
    address = successor if path is None else f"{root_url()}/{before}{quote(path, safe='/#')}{after}"
    return redirect(_with_query(address), code=301)  # type: ignore[return-value]


# -- documents ----------------------------------------------------------------------------------------


@blueprint.get("/doc/<path:path>")
def document(path: str) -> Response:
    """Answer with the document about a thing, in the format of its suffix, of ``format=`` or of Accept."""
    stem, suffix = _split(path)
    iri = _iri(stem)
    choice = wishes.form(FORMATS, suffix)
    try:
        found = described(iri, labels=wishes.labels(), page=wishes.page())
    except Gone as gone:
        return _moved(gone, "doc/", f".{suffix.suffix}" if suffix else "")
    profile = wishes.profile() if choice is JSON_LD else None
    body = _page(found) if choice is HTML else write(found, choice, profile)
    response = respond(body, f'{JSON_LD.type}; profile="{profile}"' if profile else choice.header)
    told = signposting.links(iri, stem, types=found.types, formats=FORMATS, page=choice is HTML)
    response.headers["Link"] = ", ".join([*told, *_page_links(found)])
    explicit = suffix is not None or "format" in request.args
    # A page shows more than the description, so it is as new as the version that it shows.
    return cacheable(response, vary=_vary(choice, explicit), modified=None if choice is HTML else found.changed)


def described(iri: str, *, labels: bool = True, page: int = 1) -> Description:
    """Return the description of an IRI in the version that this request reads. Raises NotFound and Gone."""
    store, more = service().store, _virtual(iri)
    if not more and not _stored(iri):
        raise _missing(iri)
    # What is computed from a version is as new as that version; what is said of a version stays as it is.
    changed = store.version if more and not iri.startswith(BASE + "version/") else service().changed(iri)
    return resources.describe(store, iri, labels=labels, page=page, more=more, changed=changed)


def _page(description: Description) -> str:
    """Return the page about a thing: that of its kind, or an outline where the store does not hold it."""
    return pages.resource_page(description.iri) if _stored(description.iri) else outline_page(description)


def _vary(choice: Media, explicit: bool) -> str:
    named = [] if explicit and choice is not JSON_LD else ["Accept"]
    return ", ".join([*named, *(["Accept-Language"] if choice is HTML else [])])


def _split(path: str) -> tuple[str, Media | None]:
    """Return a document's path without suffix, and the format of the suffix.

    Where a thing's own name ends like one, it is part of the name.
    """
    stem, dot, suffix = path.rpartition(".")
    choice = media.by_suffix(suffix) if dot else None
    if choice is None or choice not in FORMATS or _known(_iri(path)):
        return path, None
    return stem, choice


def written(triples: Iterable[ox.Triple], choice: Media, ahead: Sequence[str] = ()) -> bytes:
    """Return triples in a format, Turtle in the form that people read; what is ``ahead`` comes first there."""
    if choice in (media.TURTLE, media.TRIG):
        return turtle.turtle(triples, ahead).encode("utf-8")
    return results.write_quads(triples, choice)


def write(description: Description, choice: Media, profile: str | None = None) -> bytes:
    """Return a description in a format for machines; the named graphs that say it where the format has them."""
    ahead = (description.iri, description.document)
    if choice is media.TURTLE:
        return written(description.triples, choice, ahead)
    if choice is media.TRIG:
        return turtle.trig(description.quads, ahead).encode("utf-8")
    if choice is JSON_LD:
        return jsonld.write(description, profile, root_url() + jsonld.context_address())
    if choice is media.N_QUADS:
        return results.write_quads(sorted(description.quads, key=str), choice)
    return results.write_quads(sorted(description.triples, key=_subject_first), choice)


def _subject_first(triple: ox.Triple) -> tuple[str, str]:
    return str(triple.subject), str(triple)


RELATIONS: Final = {"first": "first", "previous": "prev", "next": "next", "last": "last"}
"""Hydra's names of the pages that a page leads to, and those of links (RFC 8288)."""


def _page_links(it: Description) -> list[str]:
    """Return links to the pages that a page leads to, in the format and with the parameters of this request."""
    found = []
    for name, page in resources.page_links(it).items():
        query = urlencode({**request.args.to_dict(), "page": str(page)})
        found.append(f'<{root_url()}{quote(request.path)}?{query}>; rel="{RELATIONS[name]}"')
    return found


# -- ontology and shapes ------------------------------------------------------------------------------

_WRITTEN: Final[WeakKeyDictionary[GraphStore, dict[tuple[str, Media], bytes]]] = WeakKeyDictionary()
"""Bundles of a version as they were written: some thousand triples each."""


@blueprint.get("/<any(ontology, shapes):name>")
@blueprint.get("/<any(ontology, shapes):name>.<suffix>")
def bundle(name: str, suffix: str | None = None) -> Response:
    """Answer with the whole ontology (schemes and alignments included) or all shapes."""
    fixed = media.by_suffix(suffix) if suffix else None
    if suffix and fixed not in FORMATS:
        known = ", ".join(f"/{name}.{kind.suffix}" for kind in FORMATS)
        raise NotFound(f"{request.path} does not exist; there are {known}.")
    choice = wishes.form((*GRAPH_FORMATS, HTML), fixed)
    explicit = fixed is not None or "format" in request.args
    if choice is HTML:
        return cacheable(respond(pages.bundle_page(name), HTML.header), vary=_vary(HTML, explicit))
    response = respond(_bundle(service().store, name, choice), choice.header)
    response.headers["Link"] = ", ".join(_bundle_links(name))
    filled = service().filled(*(GRAPH + slug for slug in TERMS[name]))
    return cacheable(response, vary="" if explicit else "Accept", modified=filled)


def _bundle(store: GraphStore, name: str, choice: Media) -> bytes:
    """Return all that is said in the graphs of a bundle, written once for each version."""
    bundles = _WRITTEN.setdefault(store, {})
    if (name, choice) not in bundles:
        quads = [quad for slug in TERMS[name] for quad in store.dump(GRAPH + slug)]
        triples = list(dict.fromkeys(quad.triple for quad in quads))
        if choice is media.TRIG:
            bundles[name, choice] = turtle.trig(quads, (BASE + name,)).encode()
        elif choice is media.N_QUADS:
            bundles[name, choice] = results.write_quads(quads, choice)
        else:
            bundles[name, choice] = written(triples, choice, (BASE + name,))
    return bundles[name, choice]


def _bundle_links(name: str) -> list[str]:
    address = f"{root_url()}/{name}"
    found = [f'<{address}.{kind.suffix}>; rel="alternate"; type="{kind.type}"' for kind in FORMATS]
    return [*found, f'<{address}>; rel="canonical"', f'<{LICENCE}>; rel="license"']


@blueprint.get("/<any(ontology, shapes):name>/<path:rest>")
def identify_release(name: str, rest: str) -> Response:
    """Send the reader from a part or a release of the ontology or the shapes to the document that holds it."""
    node = ox.NamedNode(_iri(f"{name}/{rest}"))
    release = service().store.quads(None, ox.NamedNode(OWL + "versionIRI"), node)
    if not _stored(node.value) and next(iter(release), None) is None:
        raise NotFound(f"{node.value} is not the release that is served here; /{name} names it as its owl:versionIRI.")
    choice = wishes.form((*GRAPH_FORMATS, HTML))
    suffix = "" if choice is HTML else f".{choice.suffix}"
    return _see(f"{root_url()}/{name}{suffix}")
