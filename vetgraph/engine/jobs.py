"""Jobs: what a worker can be asked to do, as frozen values that travel as one line of JSON and a body.

>>> job = QueryJob("ASK {}", media={"boolean": "text/csv"})
>>> decoded(encoded(job)) == job
True
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Any, Final, Literal

Kind = Literal["solutions", "boolean", "graph"]
Action = Literal["put", "post", "delete", "patch"]

DEFAULT_MEDIA: Final[Mapping[str, str | None]] = {
    "solutions": "application/sparql-results+json",
    "boolean": "application/sparql-results+json",
    "graph": "text/turtle",
}
"""The media type of each kind of answer for a caller without wishes."""


@dataclass(frozen=True)
class QueryJob:
    """A query, over a dataset, to be answered in a media type that depends on what kind of answer it has.

    ``media`` names a media type for each kind of answer; None where the caller accepts none that can carry it.
    ``rows`` and ``seconds`` are soft limits: the answer ends there, flagged as partial (0: none); ``seconds`` is what
    is left of ``limit``, the caller's. ``bindings`` maps variables to terms in N-Triples. ``labels`` is the language of
    the labels that are added to IRIs.
    """

    text: str
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    union: bool = True
    media: Mapping[str, str | None] = field(default_factory=lambda: DEFAULT_MEDIA)
    labels: str | None = None
    rows: int = 0
    seconds: float = 0.0
    limit: float = 0.0
    bindings: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None


@dataclass(frozen=True)
class UpdateJob:
    """A SPARQL update; its answer is the net delta.

    The graphs are the protocol's ``using-…graph-uri``. ``documents`` are what its LOADs name, where they may be loaded:
    address, media type and body of each.
    """

    text: str
    using_graphs: tuple[str, ...] = ()
    using_named_graphs: tuple[str, ...] = ()
    union: bool = True
    base: str | None = None
    documents: tuple[tuple[str, str, bytes], ...] = ()


@dataclass(frozen=True)
class StoreJob:
    """An operation of the Graph Store Protocol; its answer is the net delta.

    ``graph`` is None for the default graph. ``parts`` are the documents of the body with their media types: one, or
    those of a multipart body; for ``patch`` one SPARQL update, whose graph this is.
    """

    action: Action
    graph: str | None = None
    parts: tuple[tuple[str, bytes], ...] = ()
    base: str | None = None


@dataclass(frozen=True)
class FetchJob:
    """What a query's SERVICE clauses or an update's LOADs want from the hosts that may be asked.

    ``kind`` is ``query`` or ``update``. ``seconds``, ``bytes`` and ``rows`` limit all fetching together.
    """

    text: str
    kind: str = "query"
    base: str | None = None
    hosts: tuple[str, ...] = ()
    seconds: float = 0.0
    bytes: int = 0
    rows: int = 0


@dataclass(frozen=True)
class ValidateJob:
    """A validation; its answer is the report, in one of the report's forms, or what the page shows of it (``page``).

    ``documents`` are the data and, where the caller brings shapes, these: of each the media type or suffix (empty where
    the name tells it), what to call it, and its bytes. ``version`` is the number of the published version that is the
    context, None where the data are judged alone. ``contexts`` are the JSON-LD contexts that may be named, by address.
    ``seconds`` and ``limit`` are as a query's.
    """

    documents: tuple[tuple[str, str, bytes], ...]
    version: int | None = None
    form: str = "turtle"
    language: str = "en"
    contexts: Mapping[str, object] = field(default_factory=dict)
    text: str = "a validation"
    seconds: float = 0.0
    limit: float = 0.0


@dataclass(frozen=True)
class FollowJob:
    """To be at a later version, by its deltas: these files, in order. Its answer says nothing."""

    deltas: tuple[str, ...]


Job = QueryJob | UpdateJob | StoreJob | FetchJob | ValidateJob | FollowJob


def encoded(job: Job) -> bytes:
    """Return the payload of a ``J`` frame: what differs from the defaults as one line of JSON, then the body.

    A query's line begins with its text; what follows is the same for many queries and is made once.
    """
    if isinstance(job, QueryJob):
        graphs = (job.default_graphs, job.named_graphs)
        limits = (job.rows, job.seconds, job.limit)
        maps = (tuple(job.media.items()), tuple(job.bindings.items()))
        return (
            _QUERY
            + encode_basestring_ascii(job.text).encode()
            + _rest(graphs, job.union, job.labels, limits, maps, job.base)
        )
    told: dict[str, Any] = {"do": _NAMES[type(job)]}
    body = b""
    for name, default in _DEFAULTS[type(job)]:
        value = getattr(job, name)
        if name in _BODIES:
            told[name] = [(*names, len(data)) for *names, data in value]
            body = b"".join(each[-1] for each in value)
        elif value != default:
            told[name] = value
    return _encode(told).encode() + b"\n" + body


@lru_cache(512)
def _rest(
    graphs: tuple[tuple[str, ...], tuple[str, ...]],
    union: bool,
    labels: str | None,
    limits: tuple[int, float, float],
    maps: tuple[tuple[tuple[str, str | None], ...], tuple[tuple[str, str], ...]],
    base: str | None,
) -> bytes:
    """Return what follows the text in a query's line."""
    rows, seconds, limit = limits
    job = QueryJob("", *graphs, union, dict(maps[0]), labels, rows, seconds, limit, dict(maps[1]), base)
    told = {name: getattr(job, name) for name, default in _DEFAULTS[QueryJob] if getattr(job, name) != default}
    told.pop("text", None)
    return ("," + _encode(told)[1:] if told else "}").encode() + b"\n"


def decoded(payload: bytes) -> Job:
    """Return the job of a ``J`` frame's payload."""
    line, _, body = payload.partition(b"\n")
    told = _decode(line.decode())[0]
    kind = _KINDS[told.pop("do")]
    for name in _READ_ANEW.intersection(told):
        told[name] = _READERS[name](told[name], body)
    # As the constructor would do, which takes four times as long for a frozen class.
    job: Job = object.__new__(kind)
    job.__dict__.update(_PLAIN[kind])
    job.__dict__.update(told)
    return job


def _bodies(told: list[list[Any]], body: bytes) -> tuple[tuple[Any, ...], ...]:
    found, start = [], 0
    for *names, length in told:
        found.append((*names, body[start : start + length]))
        start += length
    return tuple(found)


def _strings(told: list[str], body: bytes) -> tuple[str, ...]:
    return tuple(told)


def _defaults(kind: Any) -> tuple[tuple[str, object], ...]:
    """Return the fields of a kind of job with their defaults; what has none is always told."""
    return tuple(
        (each.name, each.default_factory() if callable(each.default_factory) else each.default) for each in fields(kind)
    )


# Made once, these take half of what `json.dumps` and `json.loads` take for a line as short as a query's.
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode
_decode: Final = json.JSONDecoder().raw_decode


_BODIES: Final = ("parts", "documents")
_READERS: Final[Mapping[str, Callable[[Any, bytes], Any]]] = {
    **dict.fromkeys(_BODIES, _bodies),
    **dict.fromkeys(
        ("default_graphs", "named_graphs", "using_graphs", "using_named_graphs", "hosts", "deltas"), _strings
    ),
}
_READ_ANEW: Final = frozenset(_READERS)
_KINDS: Final[Mapping[str, type[Any]]] = {
    "query": QueryJob,
    "update": UpdateJob,
    "store": StoreJob,
    "fetch": FetchJob,
    "validate": ValidateJob,
    "follow": FollowJob,
}
_QUERY: Final = b'{"do":"query","text":'
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}
_DEFAULTS: Final = {kind: _defaults(kind) for kind in _KINDS.values()}
_PLAIN: Final = {kind: {name: value for name, value in _DEFAULTS[kind] if value is not MISSING} for kind in _DEFAULTS}
