"""What is under way: a list for the maintainer, and the end of a query for whoever knows its id."""

from __future__ import annotations

import json

from flask import Blueprint, Response

from vetgraph.errors import NotFound
from vetgraph.web import access
from vetgraph.web.negotiation import respond
from vetgraph.web.state import service

blueprint = Blueprint("running", __name__, url_prefix="/queries/running")


@blueprint.get("")
def listed() -> Response:
    """List what is under way or waits, the oldest first."""
    access.maintainer()
    rows = [each.as_json() for each in service().engine.running()]
    response = respond(json.dumps(rows, ensure_ascii=False) + "\n", "application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.delete("/<id_>")
def cancel(id_: str) -> Response:
    """End a query or a change. Its id can't be guessed, so whoever knows it may do so."""
    if not service().engine.cancel(id_):
        raise NotFound("Nothing under that id is under way; it has come to its end, or never was.")
    return Response(status=204)
