"""The web service. Flask appears in this package only."""

from __future__ import annotations

import contextlib

from flask import Flask, Response, request

from vetgraph.errors import VetgraphError
from vetgraph.settings import Settings
from vetgraph.store import GraphStore
from vetgraph.web import machine, pages, problems, resources, saved, sparql, validation
from vetgraph.web.negotiation import VERSION_HEADER
from vetgraph.web.state import NAME, Service, service

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Content security policy: nothing but our own styles and images, no script at all."""


def create_app(settings: Settings, store: GraphStore | None = None) -> Flask:
    """Return the application that serves the published version, or a store that is handed in."""
    app = Flask("vetgraph.web")
    app.extensions[NAME] = Service(settings, store)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body
    app.url_map.strict_slashes = False
    for module in (sparql, saved, resources, validation, machine, problems, pages):
        app.register_blueprint(module.blueprint)
    problems.register(app)
    app.after_request(_protect)
    return app


def _protect(response: Response) -> Response:
    """Add the headers that hold for every answer."""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Access-Control-Allow-Origin", "*")
    if request.method == "OPTIONS":
        response.headers.setdefault("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
        response.headers.setdefault("Access-Control-Allow-Headers", "Accept, Content-Type, If-None-Match")
    response.headers.setdefault("Access-Control-Expose-Headers", "ETag, Link, Vetgraph-Version")
    with contextlib.suppress(VetgraphError):
        # Without a snapshot there is no version to name.
        response.headers.setdefault(VERSION_HEADER, str(service().version))
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", POLICY)
    return response
