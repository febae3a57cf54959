"""Addresses for whoever watches the service: is it alive, is it ready?"""

from __future__ import annotations

import json

from flask import Blueprint, Response

from vetgraph.errors import VetgraphError
from vetgraph.web.state import service

blueprint = Blueprint("machine", __name__)


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
