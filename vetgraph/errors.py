"""The one tree of exceptions.

::

    VetgraphError
    ├── RequestError            the caller's request can't be answered as it stands
    │   ├── QuerySyntaxError    400  the query does not parse (line, column)
    │   ├── UnsupportedQuery    400  the query asks for a function that the engine does not have
    │   ├── BadParameter        400  a parameter is missing, unknown or malformed
    │   ├── UnreadableData      400  submitted RDF does not parse (file, line, column, text)
    │   ├── Unauthorized        401  a write came without a token, or with one that is not valid
    │   ├── NotAllowed          403  the service does not do this for anybody
    │   ├── NotFound            404  nothing is known under that name
    │   ├── NotAcceptable       406  none of the media types asked for can be had
    │   ├── Unfinished          408  the body of the request did not come in full, or not in time
    │   ├── Conflict            409  the name or number that was chosen is taken
    │   ├── Gone                410  what was asked for is retired or not kept (successor, version, kept)
    │   ├── PreconditionFailed  412  the data are no longer what the request expects (version)
    │   ├── TooLarge            413  the body exceeds the limit
    │   ├── UnsupportedMedia    415  the body's media type is not understood
    │   ├── TooManyRequests     429  this client has too many requests under way (retry_after)
    │   └── Unavailable         503  not now: what was asked for is in order, but can't be had at present
    │       ├── LimitExceeded   503  the query reached a limit of time, memory or rows (limit, reached)
    │       ├── Cancelled       503  the query was ended by its client or by a maintainer
    │       └── Busy            503  too many queries wait already (retry_after)
    ├── SettingsError           a setting is unknown or malformed
    ├── ContentError            our own files are wrong: nothing is built from them
    └── EngineError             500  the engine failed on a request that was in order
        └── StoreError          503  the store on disk can't be used as it is; nothing in it was changed
            ├── StoreBusy       503  another process writes and does not come to an end
            ├── StoreDamaged    503  files of the store are missing or unreadable
            ├── StoreFormat     503  the store was written by another release
            └── DiskFull        507  the disk, or the right to write to it, gave out

Each class declares ``status``, ``slug`` and ``title``; each instance has a ``detail`` sentence
and typed ``facts``. Nothing here knows of HTTP frameworks.
"""

from __future__ import annotations

from typing import ClassVar


class VetgraphError(Exception):
    """Root of the tree: one clear sentence in ``detail``, the facts behind it in ``facts``."""

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = {name: value for name, value in facts.items() if value is not None}


class RequestError(VetgraphError):
    """The request can't be answered as it stands; the sentence says what to change."""

    status = 400
    slug = "bad-request"
    title = "Bad request"


class QuerySyntaxError(RequestError):
    """The query text does not parse. Facts: line, column, hint."""

    slug = "query-syntax"
    title = "The query does not parse"


class UnsupportedQuery(RequestError):
    """The query asks for something that the engine does not have, such as an unknown function."""

    slug = "unsupported-query"
    title = "The query asks for what is not there"


class BadParameter(RequestError):
    """A parameter is missing, unknown or malformed. Facts: parameter."""

    slug = "bad-parameter"
    title = "A parameter is not as expected"


class UnreadableData(RequestError):
    """RDF that was handed in does not parse. Facts: file, line, column, text (the offending line)."""

    slug = "unreadable-data"
    title = "The data can't be read"


class Unauthorized(RequestError):
    """A write came without a token, or with one that is not valid."""

    status = 401
    slug = "unauthorized"
    title = "A token is needed"


class NotAllowed(RequestError):
    """The service does not do this for anybody, such as federation or anonymous updates."""

    status = 403
    slug = "not-allowed"
    title = "Not allowed"


class NotFound(RequestError):
    """Nothing is known under that name. Facts: kept (versions that can be read)."""

    status = 404
    slug = "not-found"
    title = "Not found"


class NotAcceptable(RequestError):
    """None of the media types asked for can be had. Facts: available."""

    status = 406
    slug = "not-acceptable"
    title = "No acceptable format"


class Unfinished(RequestError):
    """The body of the request did not come in full, or not in time."""

    status = 408
    slug = "request-timeout"
    title = "The request did not arrive"


class Conflict(RequestError):
    """The name or number that was chosen is taken, such as a query's id that is in use."""

    status = 409
    slug = "conflict"
    title = "The name is taken"


class Gone(RequestError):
    """What was asked for is retired, withdrawn or not kept any more. Facts: successor, version, kept."""

    status = 410
    slug = "gone"
    title = "Gone"


class PreconditionFailed(RequestError):
    """The data are no longer what If-Match or If-None-Match expects. Facts: version (the one in force)."""

    status = 412
    slug = "precondition-failed"
    title = "The data have changed"


class TooLarge(RequestError):
    """The body exceeds the limit. Facts: limit (bytes)."""

    status = 413
    slug = "too-large"
    title = "The request is too large"


class UnsupportedMedia(RequestError):
    """The body's media type is not understood. Facts: available."""

    status = 415
    slug = "unsupported-media-type"
    title = "The media type is not supported"


class TooManyRequests(RequestError):
    """This client has too many requests under way. Facts: retry_after (seconds)."""

    status = 429
    slug = "too-many-requests"
    title = "Too many requests"


class Unavailable(RequestError):
    """What was asked for is in order, but can't be had at present. Facts: retry_after (seconds)."""

    status = 503
    slug = "unavailable"
    title = "Not available at present"


class LimitExceeded(Unavailable):
    """The query reached a limit of time, memory or rows.

    Facts: limit, unit, stage, rows, bytes, cpu, memory, retry_after.
    """

    slug = "limit-exceeded"
    title = "The query reached a limit"


class Cancelled(Unavailable):
    """The query was ended by its own client or by a maintainer."""

    slug = "cancelled"
    title = "The query was cancelled"


class Busy(Unavailable):
    """Too many queries wait already. Facts: retry_after (seconds)."""

    slug = "busy"
    title = "The service is busy"


class SettingsError(VetgraphError):
    """A setting is unknown or malformed. Facts: setting."""

    slug = "settings"
    title = "A setting is wrong"


class ContentError(VetgraphError):
    """Our own files are wrong: nothing is built from them. Facts: file, line, column."""

    slug = "content"
    title = "The content is not in order"


class EngineError(VetgraphError):
    """The engine failed on a request that was in order."""

    slug = "engine"
    title = "The engine failed"


class StoreError(EngineError):
    """The store on disk can't be used as it is; nothing in it was changed."""

    status = 503
    slug = "store"
    title = "The store can't be used"


class StoreBusy(StoreError):
    """Another process writes to the store and does not come to an end. Facts: pid, since, doing."""

    slug = "store-busy"
    title = "Another process is writing"


class StoreDamaged(StoreError):
    """Files of the store are missing or unreadable. Facts: path."""

    slug = "store-damaged"
    title = "The store is damaged"


class StoreFormat(StoreError):
    """The store was written by another release of this software. Facts: found, expected."""

    slug = "store-format"
    title = "The store has another format"


class DiskFull(StoreError):
    """The disk is full or may not be written to; nothing was changed. Facts: path."""

    status = 507
    slug = "disk-full"
    title = "The disk can't be written to"
