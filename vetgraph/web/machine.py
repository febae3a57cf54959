"""Addresses for machines: VoID, dumps, health."""

from __future__ import annotations

import gzip
import json

from flask import Blueprint, Response

from vetgraph import about, media, results
from vetgraph.errors import VetgraphError
from vetgraph.web.negotiation import accepted, cacheable, respond, root_url
from vetgraph.web.state import service

blueprint = Blueprint("machine", __name__)

DUMPS = {"trig": media.TRIG, "nq": media.N_QUADS}


@blueprint.get("/.well-known/void")
def void() -> Response:
    """Answer with the VoID description, computed from the version that is served."""
    choice = accepted(media.carrying("graph"))
    triples = about.void_description(service().store, root_url())
    return cacheable(respond(results.write_quads(triples, choice), choice.header))


@blueprint.get("/dump.<any(trig, nq):suffix>.gz")
def dump(suffix: str) -> Response:
    """Answer with all named graphs, compressed; the same bytes for the same version."""
    body = gzip.compress(results.write_quads(service().store.dump(), DUMPS[suffix]), mtime=0)
    response = respond(body, "application/gzip")
    response.headers["Content-Disposition"] = f"attachment; filename=vetgraph-{service().version}.{suffix}.gz"
    return cacheable(response, vary="")


@blueprint.get("/healthz")
def alive() -> Response:
    """Say that the process answers."""
    return Response("ok\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/readyz")
def ready() -> Response:
    """Say whether a version is there to be queried, and which."""
    try:
        store = service().store
    except VetgraphError as error:
        return Response(error.detail + "\n", status=503, content_type="text/plain; charset=utf-8")
    body = json.dumps({"version": store.version.number, "triples": store.version.triples})
    return Response(body + "\n", content_type="application/json")
