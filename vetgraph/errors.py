"""The one tree of exceptions.

::

    VetgraphError
    ├── RequestError            the caller's request can't be answered as it stands
    │   ├── QuerySyntaxError    400  the query does not parse (line, column)
    │   ├── UnsupportedQuery    400  the query asks for a function that the engine does not have
    │   ├── BadParameter        400  a parameter is missing, unknown or malformed
    │   ├── UnreadableData      400  submitted RDF does not parse (file, line, column, text)
    │   ├── NotAllowed          403  the service does not do this for anybody
    │   ├── NotFound            404  nothing is known under that name
    │   ├── NotAcceptable       406  none of the media types asked for can be had
    │   ├── TooLarge            413  the body exceeds the limit
    │   └── UnsupportedMedia    415  the body's media type is not understood
    ├── SettingsError           a setting is unknown or malformed
    ├── ContentError            our own files are wrong: nothing is built from them
    └── EngineError             500  the engine failed on a request that was in order

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
    """The query text does not parse. Facts: line, column."""

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


class NotAllowed(RequestError):
    """The service does not do this for anybody, such as federation or anonymous updates."""

    status = 403
    slug = "not-allowed"
    title = "Not allowed"


class NotFound(RequestError):
    """Nothing is known under that name."""

    status = 404
    slug = "not-found"
    title = "Not found"


class NotAcceptable(RequestError):
    """None of the media types asked for can be had. Facts: available."""

    status = 406
    slug = "not-acceptable"
    title = "No acceptable format"


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
