"""Answers of saved queries for scripts: ``/api/queries/{name}`` with parameters by name."""

from __future__ import annotations

import json

from flask import Blueprint, Response, request

from vetgraph import media, results
from vetgraph.errors import BadParameter
from vetgraph.web.negotiation import accepted, cacheable, respond, root_url
from vetgraph.web.state import service

blueprint = Blueprint("saved", __name__, url_prefix="/api/queries")


@blueprint.get("")
def catalogue() -> Response:
    """List the saved queries with their parameters."""
    rows = [
        {
            "name": query.name,
            "titles": dict(query.titles),
            "description": query.description,
            "keywords": list(query.keywords),
            "parameters": [vars(parameter) for parameter in query.parameters],
            "url": f"{root_url()}/api/queries/{query.name}",
        }
        for query in service().queries.questions
    ]
    return cacheable(respond(json.dumps(rows, ensure_ascii=False, indent=2) + "\n", "application/json"), vary="")


@blueprint.get("/<name>")
@blueprint.get("/<name>.<suffix>")
def rows(name: str, suffix: str | None = None) -> Response:
    """Answer a saved query, in the format of the suffix or of Accept."""
    query = service().queries.get(name)
    values = {name: value for name, value in request.args.items() if name != "at"}
    answer = service().store.query(query.text, bindings=query.bindings(values))
    kinds = media.carrying(results.kind_of(answer))
    choice = media.by_suffix(suffix) if suffix else accepted(kinds)
    if choice is None or choice not in kinds:
        known = ", ".join(kind.suffix for kind in kinds)
        raise BadParameter(f"The suffix is {suffix!r}; this answer can be had as {known}.", parameter="suffix")
    return cacheable(respond(results.write_answer(answer, choice), choice.header), vary="" if suffix else "Accept")
