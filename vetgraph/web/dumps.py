"""Files to fetch: the whole, each graph, terms and rules; in parts too, with checksums (RFC 9110, RFC 9530)."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.client import NOT_MODIFIED, OK, PARTIAL_CONTENT
from typing import IO, Final
from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.datastructures import Range
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from vetgraph.engine.dumping import File
from vetgraph.web.figures import dumps
from vetgraph.web.negotiation import conditional, kept
from vetgraph.web.state import service

blueprint = Blueprint("dumps", __name__)

_MAKING = threading.Lock()

_PIECE: Final = 1 << 16


@blueprint.get("/dump.<any(trig, nq):suffix>.gz")
def dump(suffix: str) -> Response:
    """Answer with all named graphs, compressed; the same bytes for the same version."""
    return answer(f"dump.{suffix}.gz")


@blueprint.get("/dump/<any(ontology, shapes):bundle>.ttl")
def bundle(bundle: str) -> Response:
    """Answer with all terms, or all rules, as one file."""
    return answer(f"dump/{bundle}.ttl")


@blueprint.get("/dump/<slug>.<any(ttl, nt):suffix>.gz")
def graph(slug: str, suffix: str) -> Response:
    """Answer with one named graph, compressed."""
    return answer(f"dump/{slug}.{suffix}.gz")


def answer(name: str) -> Response:
    """Return a file, or the part of it that is asked for. Raises NotFound, EngineError."""
    with _MAKING:
        # One at a time; a file that is open may be read on when those of a newer version take its place.
        file = dumps().file(name)
        stream = file.path.open("rb")
    try:
        return _answer(file, stream, name)
    except Exception:
        stream.close()
        raise


def _answer(file: File, stream: IO[bytes], name: str) -> Response:
    kind = "application/gzip" if name.endswith(".gz") else file.media.header
    response = Response(_pieces(stream, 0, file.size), content_type=kind)
    response.content_length = file.size
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(_file_name(name))}"
    response.headers["Repr-Digest"] = response.headers["Content-Digest"] = _digest(bytes.fromhex(file.sha256))
    response.last_modified = service().filled(*file.graphs).built if file.graphs else service().built
    # The bytes are all there is to tell apart, so a version that changes none of them has the same tag.
    response.set_etag(file.sha256[:32])
    response.call_on_close(stream.close)
    conditional(kept(response, vary=""))
    if response.status_code == OK and (wanted := _wanted(response)) is not None:
        _narrow(response, file, stream, wanted)
    if response.status_code == NOT_MODIFIED or request.method == "HEAD":
        stream.close()
        response.response = ()
        response.headers.pop("Content-Digest", None)
    return response


def _file_name(name: str) -> str:
    """Return the name under which a reader keeps a file."""
    own = name.removeprefix("dump/") if "/" in name else name.removeprefix("dump.")
    return f"vetgraph-{service().version}{'-' if '/' in name else '.'}{own}"


def _wanted(response: Response) -> Range | None:
    """Return the one range of bytes that is asked for, unless it is asked for of another state (RFC 9110 section 14).

    Several ranges at once, other units and what can't be read are left unheard, as the standard allows.
    """
    asked = request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return None
    condition = request.if_range
    if condition.etag is not None and condition.etag != response.get_etag()[0]:
        return None
    if condition.date is not None and condition.date != response.last_modified:
        return None
    return asked


def _narrow(response: Response, file: File, stream: IO[bytes], asked: Range) -> None:
    """Make an answer one of a part. Raises RequestedRangeNotSatisfiable where there is no such part."""
    span = asked.range_for_length(file.size)
    if span is None:
        raise RequestedRangeNotSatisfiable(file.size)
    start, stop = span
    response.status_code = PARTIAL_CONTENT
    response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.size}"
    response.content_length = stop - start
    response.headers["Content-Digest"] = _digest(_sha256(stream, start, stop))
    response.response = _pieces(stream, start, stop)


def _sha256(stream: IO[bytes], start: int, stop: int) -> bytes:
    digest = sha256()
    for piece in _read(stream, start, stop):
        digest.update(piece)
    return digest.digest()


def _digest(found: bytes) -> str:
    """Return a checksum as a structured field (RFC 9530 section 2)."""
    return f"sha-256=:{base64.b64encode(found).decode()}:"


def _read(stream: IO[bytes], start: int, stop: int) -> Iterator[bytes]:
    stream.seek(start)
    while start < stop and (piece := stream.read(min(_PIECE, stop - start))):
        start += len(piece)
        yield piece


def _pieces(stream: IO[bytes], start: int, stop: int) -> Iterator[bytes]:
    with stream:
        yield from _read(stream, start, stop)
