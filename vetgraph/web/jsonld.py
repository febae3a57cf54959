"""What readers of our JSON-LD need besides documents: contexts, frames, schemas. All come with the package."""

from __future__ import annotations

import json
from typing import Any, Final

from flask import Blueprint, Response

from vetgraph.jsonld import context as contexts
from vetgraph.jsonld import context_address, framing, schemas
from vetgraph.media import JSON_LD
from vetgraph.vocab import GRAPH
from vetgraph.web.negotiation import IMMUTABLE, cacheable, respond, root_url
from vetgraph.web.state import service

blueprint = Blueprint("jsonld", __name__)

_PROFILE: Final = JSON_LD.type + ';profile="http://www.w3.org/ns/json-ld#{}"'
"""Media type of a context or a frame (JSON-LD 1.1, appendix C)."""


def context_url() -> str:
    """Return the whole address of the newest context, as documents name it."""
    return root_url() + context_address()


@blueprint.get("/context.jsonld")
def context() -> Response:
    """Answer with the newest JSON-LD context."""
    return _answer(contexts.text(contexts.newest()), _PROFILE.format("context"))


@blueprint.get("/context/<int:number>.jsonld")
def context_version(number: int) -> Response:
    """Answer with one version of the JSON-LD context, which never changes."""
    response = _answer(contexts.text(number), _PROFILE.format("context"))
    response.headers["Cache-Control"] = IMMUTABLE
    return response


@blueprint.get("/frames/<name>.jsonld")
def frame(name: str) -> Response:
    """Answer with the frame of a class."""
    return _answer(_text(framing.frame(name, context_url())), _PROFILE.format("frame"))


@blueprint.get("/schemas/<name>.json")
def schema(name: str) -> Response:
    """Answer with the JSON Schema of the things of a class, as the framed profile tells them."""
    return _answer(_text(schemas.schema(name)), schemas.MEDIA)


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _answer(body: str, content_type: str) -> Response:
    """Return a response that is as old as ontology and shapes are."""
    changed = service().filled(GRAPH + "ontology", GRAPH + "shapes")
    return cacheable(respond(body, content_type), vary="", modified=changed)
