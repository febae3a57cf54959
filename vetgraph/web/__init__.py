"""The web service. Flask appears in this package only."""

from __future__ import annotations

import contextlib

from flask import Flask, Response, request

from vetgraph.errors import VetgraphError
from vetgraph.settings import Settings
from vetgraph.store import GraphStore
from vetgraph.web import (
    changes,
    dataset,
    dumps,
    headers,
    jsonld,
    linksets,
    machine,
    memento,
    metadata,
    openapi,
    pages,
    problems,
    reconcile,
    resources,
    running,
    saved,
    search,
    site,
    sparql,
    store,
    validation,
)
from vetgraph.web.state import NAME, Service, service

BLUEPRINTS = tuple(
    module.blueprint
    for module in (
        sparql,
        store,
        running,
        saved,
        resources,
        validation,
        dataset,
        dumps,
        site,
        jsonld,
        linksets,
        metadata,
        machine,
        memento,
        changes,
        search,
        reconcile,
        openapi,
        problems,
        pages,
    )
)


def create_app(settings: Settings, store: GraphStore | None = None) -> Flask:
    """Return the application that serves the published version, or a store that is handed in."""
    app = Flask("vetgraph.web")
    app.extensions[NAME] = Service(settings, store)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body
    app.config["MAX_FORM_MEMORY_SIZE"] = settings.max_body
    # An address is what it is: none is sent on to another way of writing it.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    problems.register(app)
    app.after_request(_protect)
    return app


def _protect(response: Response) -> Response:
    """Add the headers that hold for every answer."""
    for name, value in headers.EVERY.items():
        response.headers.setdefault(name, value)
    if request.method == "OPTIONS":
        response.headers.setdefault("Access-Control-Allow-Methods", response.headers.get("Allow", ""))
        response.headers.update(headers.PREFLIGHT)
    with contextlib.suppress(VetgraphError):
        # Without a snapshot there is no version to name.
        response.headers.setdefault(headers.VERSION, str(service().version))
    if response.mimetype == "text/html":
        response.headers.setdefault("Content-Security-Policy", headers.POLICY)
    return response
