"""The dataset about itself over HTTP: VoID, the DCAT-AP catalogue, and documents about dataset, files and versions."""

from __future__ import annotations

from functools import lru_cache

import pyoxigraph as ox
from flask import Blueprint, Response

from vetgraph import media, results
from vetgraph.dataset import catalogue
from vetgraph.dataset.catalogue import Catalogue, Distribution
from vetgraph.dataset.graphs import ours
from vetgraph.dataset.void import void_description
from vetgraph.engine.dumping import WHOLE, File, names
from vetgraph.errors import VetgraphError
from vetgraph.media import Media
from vetgraph.versions import Version
from vetgraph.vocab import DATASET, GRAPH
from vetgraph.web import resources, wishes
from vetgraph.web.figures import dumps, figures, mark
from vetgraph.web.negotiation import cacheable, respond, root_url
from vetgraph.web.state import Service, service

blueprint = Blueprint("dataset", __name__)


@blueprint.get("/.well-known/void")
def void() -> Response:
    """Answer with the VoID description, computed from the version that is read."""
    choice = wishes.form(media.carrying("graph"))
    return cacheable(respond(_void(mark(service().store), root_url(), choice), choice.header))


@lru_cache(maxsize=6)
def _void(_mark: str, root: str, choice: Media) -> bytes:
    """Return the description as it is sent; it is large, and the same for as long as the version is."""
    addresses = [f"{root}/{name}" for name in WHOLE]
    found = void_description(service().store.version, figures(), service().queries, root, addresses)
    return results.write_quads(found, choice)


@blueprint.get("/catalog")
def catalog() -> Response:
    """Answer with the DCAT-AP catalogue: every file with its size and checksum, and the versions."""
    choice = wishes.form(media.carrying("graph"))
    files = [_measured(file) for file in dumps().files()]
    found = catalogue.catalogue_description(_given(files))
    return cacheable(respond(resources.written(found, choice), choice.header))


def versions() -> list[Version]:
    """Return the versions that can be read, the oldest first, up to the one that is read."""
    past, current = service().past, service().store.version
    known = past.kept() if past else []
    return [*(version for version in known if version.number < current.number), current]


def _given(files: list[Distribution]) -> Catalogue:
    return Catalogue(service().store, files, versions(), root_url(), service().settings.contact)


def _measured(file: File) -> Distribution:
    return Distribution(file.name, file.media, file.dataset, file.size, file.sha256)


def _named() -> list[Distribution]:
    """Return the files of the version, not measured, so that none has to be made."""
    return [_measured(File(name, dumps().path(name), 0, "")) for name in names(service().store)]


def _describe(_service: Service, iri: str) -> list[ox.Triple] | None:
    """Say what is known of the dataset, its graphs, files and versions beyond the store."""
    if iri == DATASET:
        return catalogue.dataset_description(_given(_named()))
    if iri.startswith(GRAPH):
        known = iri in ours(service().store.version.counts)
        return catalogue.graph_description(_given(_named()), iri) if known else None
    if iri.startswith(catalogue.DISTRIBUTION):
        found = next((one for one in _named() if one.iri == iri), None)
        if found is None:
            return None
        return catalogue.distribution_description(_given([]), _measured(dumps().file(found.name)))
    if iri.startswith(catalogue.VERSION):
        return _version(iri.removeprefix(catalogue.VERSION))
    return None


def _version(number: str) -> list[ox.Triple] | None:
    past, current = service().past, service().store.version
    if number == str(current.number):
        return catalogue.version_description(current)
    if past is None or not (number.isascii() and number.isdigit() and len(number) < 10):
        return None
    try:
        return catalogue.version_description(past.entry(int(number)).version)
    except VetgraphError:
        return None


resources.virtual.append(_describe)
