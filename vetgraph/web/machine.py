"""Addresses for machines: VoID, dumps, health."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from functools import lru_cache, partial
from hashlib import sha256
from http.client import NOT_MODIFIED
from pathlib import Path
from typing import IO

from flask import Blueprint, Response, request

from vetgraph import about, media, results
from vetgraph.engine.dumping import made, write, write_apart
from vetgraph.errors import VetgraphError
from vetgraph.store import GraphStore
from vetgraph.versions import Layout
from vetgraph.web.negotiation import accepted, cacheable, kept, respond, root_url
from vetgraph.web.state import service

blueprint = Blueprint("machine", __name__)

_WRITING = threading.Lock()

_PIECE = 1 << 16


@blueprint.get("/.well-known/void")
def void() -> Response:
    """Answer with the VoID description, computed from the version that is served."""
    choice = accepted(media.carrying("graph"))
    triples = about.void_description(service().store, root_url())
    return cacheable(respond(results.write_quads(triples, choice), choice.header))


@blueprint.get("/dump.<any(trig, nq):suffix>.gz")
def dump(suffix: str) -> Response:
    """Answer with all named graphs, compressed; the same bytes for the same version."""
    store = service().store
    version = store.version
    stamp = service().engine.stamp if service().settings.endpoint else f"{version.number} {version.built.isoformat()}"
    tag = f"v{version.number}-{sha256(f'{stamp} {suffix}'.encode()).hexdigest()[:20]}"
    with _WRITING:
        # One at a time; an open file may be read on when a newer version's takes its place.
        file = made(_folder() / f"{tag}.{suffix}.gz", partial(_write, store, suffix)).open("rb")
    response = Response(_pieces(file), content_type="application/gzip")
    response.call_on_close(file.close)
    response.headers["Content-Disposition"] = f"attachment; filename=vetgraph-{version.number}.{suffix}.gz"
    response.content_length = os.fstat(file.fileno()).st_size
    response.last_modified = version.built
    response.set_etag(tag)
    kept(response, vary="").make_conditional(request)
    if response.status_code == NOT_MODIFIED or request.method == "HEAD":
        file.close()
        response.response = ()
    return response


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE):
            yield piece


def _write(store: GraphStore, suffix: str, path: Path) -> None:
    folder, number = service().settings.store, store.version.number
    if not service().settings.endpoint and Layout(folder).checkpoint(number).is_dir():
        write_apart(folder, number, suffix, path)
    else:
        write(store, suffix, path)


def _folder() -> Path:
    """Return the folder for dumps: the store's own, where we may write there."""
    settings = service().settings
    folder = settings.store / "dumps"
    if not settings.endpoint and settings.store.is_dir() and os.access(settings.store, os.W_OK):
        folder.mkdir(exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    return Path(_temporary().name)


@lru_cache(1)
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="vetgraph-dumps-")


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
