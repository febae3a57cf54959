"""The past of every reading address (RFC 7089): ``?at=`` and Accept-Datetime, TimeGates and TimeMaps.

``?at=`` with the number of a version is a memento's own address (URI-M): the request reads that version, whatever it
asks for. With a time, or with Accept-Datetime, the address acts as its own TimeGate and leads there (section 4.1.1);
``/timegate/`` does the same for clients that look for one apart.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import pyoxigraph as ox
from flask import Blueprint, Response, current_app, g, redirect, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import http_date

from vetgraph import media
from vetgraph.changes import Past, index_of
from vetgraph.errors import BadParameter, NotFound, RequestError, VetgraphError
from vetgraph.media import JSON, LINK_FORMAT, Media
from vetgraph.versions import Version
from vetgraph.vocab import BASE
from vetgraph.web import wishes
from vetgraph.web.negotiation import cacheable, kept, respond, root_url, settle
from vetgraph.web.state import CHOSEN, looks_back, service

blueprint = Blueprint("memento", __name__)


TIMELESS: Final = frozenset(
    (
        *("sparql", "store", "running", "validation", "problems", "openapi", "memento", "changes"),
        *("jsonld", "reconcile", "static", "machine.alive", "machine.ready"),
    )
)
"""Blueprints and endpoints that have no past here: they know ``at=`` themselves, or do not tell of the data."""

THINGS: Final = ("id", "scheme", "source", "graph", "query", "shapes", "evidence")
"""Kinds of things that a version may not have had yet."""

_VERSION: Final = re.compile(r"(?:/doc)?/version/(\d{1,15})(?:\.\w+)?\Z")


# -- which version a request reads ----------------------------------------------------------------------


@blueprint.before_app_request
def choose() -> Response | None:
    """Have the request read the version that it asks for, or lead it to the address of that one."""
    if request.method not in ("GET", "HEAD") or not has_past(request.endpoint):
        return None
    asked, header = request.args.getlist("at"), request.headers.get("Accept-Datetime")
    if asked and asked != [""]:
        return _by_address(asked)
    past = service().past
    if header is None or past is None:
        return None
    target = Target.here()
    version = target.closest(past, _from_header(header))
    return _led(target, version, vary="Accept-Datetime")


def has_past(endpoint: str | None) -> bool:
    """Return whether what an endpoint answers depends on the version of the data."""
    return bool(endpoint) and endpoint not in TIMELESS and str(endpoint).partition(".")[0] not in TIMELESS


def _by_address(asked: list[str]) -> Response | None:
    value = asked[0].strip()
    if len(asked) > 1:
        raise BadParameter("`at` stands in the address more than once; say one version.", parameter="at")
    if value.isascii() and value.isdigit():
        if len(value) > 15:
            raise BadParameter(f"at is {value[:40]!r}; give the number of a version.", parameter="at")
        g.setdefault(CHOSEN, service().at(int(value)))
        return None
    past, moment = service().known_past(), moment_of(value, "at")
    version = past.at(moment)
    if version is None:
        first = past.after(0, 1)[0].version
        raise NotFound(f"There was no version yet at {moment.isoformat()}; the first is of {first.built.isoformat()}.")
    return _led(Target.here(), version, vary="")


def moment_of(value: str, parameter: str) -> datetime:
    """Return the moment that a parameter says; a day means its end. Raises BadParameter."""
    try:
        if len(value) <= len("2026-01-01"):
            return datetime.combine(datetime.fromisoformat(value).date(), time.max, UTC)
        # A plus sign that was not escaped has become a space.
        found = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(value).replace(tzinfo=UTC)
    except (ValueError, IndexError):
        raise BadParameter(
            f"{parameter} is {value[:40]!r}; give the number of a version, a day such as 2026-01-31, or a time such as "
            "2026-01-31T12:00:00Z.",
            parameter=parameter,
        ) from None


def _from_header(value: str) -> datetime:
    """Return the moment that Accept-Datetime says (RFC 7089 section 2.1.1). Raises RequestError."""
    try:
        return parsedate_to_datetime(value).replace(tzinfo=UTC)
    except (ValueError, IndexError):
        raise RequestError(
            f"Accept-Datetime is {value[:40]!r}; give a time such as Sat, 31 Jan 2026 12:00:00 GMT."
        ) from None


def _led(target: Target, version: Version, *, vary: str) -> Response:
    """Lead to a memento (RFC 7089 section 4.1.1: 302), which tells of the others."""
    response: Response = redirect(target.at(version.number), code=302)  # type: ignore[assignment]
    g.led = target
    return kept(response, vary=vary)


# -- what a request asks for, in any version ----------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """An original resource: its path, and its query without ``at``."""

    path: str
    query: str = ""

    @classmethod
    def here(cls) -> Target:
        """Return what the current request asks for."""
        return cls.of(request.path, request.query_string.decode("latin-1"))

    @classmethod
    def of(cls, path: str, query: str) -> Target:
        """Return what an address of ours names."""
        pairs = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != "at"]
        return cls(path, urlencode(pairs))

    @property
    def original(self) -> str:
        """The address without a version (URI-R)."""
        return self._address(quote(self.path), self.query)

    @property
    def timegate(self) -> str:
        """The address of the TimeGate (URI-G)."""
        return self._address("/timegate" + quote(self.path), self.query)

    def timemap(self, form: Media = LINK_FORMAT) -> str:
        """Return the address of the TimeMap (URI-T)."""
        wish = "" if form is LINK_FORMAT else f"format={form.suffix}"
        return self._address("/timemap" + quote(self.path), "&".join(filter(None, (self.query, wish))))

    def at(self, number: int) -> str:
        """Return the address of a memento (URI-M)."""
        return self._address(quote(self.path), "&".join(filter(None, (self.query, f"at={number}"))))

    def _address(self, path: str, query: str) -> str:
        return f"{root_url()}{path}" + (f"?{query}" if query else "")

    def _iris(self) -> list[str]:
        """Return the IRIs of which a version has to have one in order to have the address; none where all have it."""
        name = self.path.removeprefix("/doc").removeprefix("/")
        kind, _, rest = name.partition("/")
        if kind not in THINGS or not rest:
            return []
        stem, dot, suffix = name.rpartition(".")
        return [BASE + one for one in (name, *([stem] if dot and media.by_suffix(suffix) else []))]

    def mementos(self, past: Past) -> list[Version]:
        """Return the versions that can be read and have what the address is about, the oldest first."""
        kept, iris = past.kept(), self._iris()
        number = _VERSION.match(self.path)
        if number:
            return [version for version in kept if int(number[1]) <= version.number]
        if not iris:
            return kept
        index = index_of(past.layout.folder)
        there: dict[tuple[int, ...], bool] = {}
        found = []
        for version in reversed(kept):
            # Where nothing about it has changed in between, one version is asked for all.
            state = tuple(index.changed(iri, version.number) for iri in iris)
            if state not in there:
                there[state] = _has(version.number, iris)
            if there[state]:
                found.append(version)
        return found[::-1]

    def closest(self, past: Past, moment: datetime | None) -> Version:
        """Return the version that was in force at some time, else the next one that can be read; or just the newest.

        The first or the last where the time is before or after all (RFC 7089 section 4.5.3). Raises NotFound where no
        version has it.
        """
        there = self.mementos(past)
        if not there:
            raise NotFound(f"No version that can be read has {self.original}.")
        if moment is None:
            return there[-1]
        force = past.at(moment)
        number = force.number if force else 0
        return next((version for version in there if version.number >= number), there[-1])


def _has(number: int, iris: list[str]) -> bool:
    with suppress(ValueError, VetgraphError):
        store = service().at(number)
        return any(next(store.quads(ox.NamedNode(iri)), None) is not None for iri in iris)
    return False


# -- what answers say of other versions ----------------------------------------------------------------------


blueprint.after_app_request(settle)


@blueprint.after_app_request
def tell(response: Response) -> Response:
    """Say in an answer which version it is of and where others are (RFC 7089 section 2)."""
    if request.method not in ("GET", "HEAD") or response.status_code >= 400 or not has_past(request.endpoint):
        return response
    with_past = service().past
    if with_past is None:
        return response
    target = g.get("led") or Target.here()
    if looks_back():
        _tell_past(response, target, with_past)
    else:
        if "led" not in g:
            response.vary.add("Accept-Datetime")
        if response.status_code != 304:
            _link(response, _around(target))
    return response


def _tell_past(response: Response, target: Target, past: Past) -> None:
    version = service().store.version
    location = response.headers.get("Location", "")
    if location and (location.startswith(("/", root_url() + "/"))):
        response.headers["Location"] = _with_at(location, version.number)
    if response.status_code == 304:
        return
    response.headers["Memento-Datetime"] = http_date(version.built)
    response.headers["X-Robots-Tag"] = "noindex"
    _link(response, _around(target), _neighbours(target, past, version.number))


def _with_at(location: str, number: int) -> str:
    parts = urlsplit(location)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if any(name == "at" for name, _ in pairs):
        return location
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, f"at={number}")))))


def _link(response: Response, *several: list[str]) -> None:
    before = response.headers.get("Link", "")
    response.headers["Link"] = ", ".join(filter(None, (before, *(link for links in several for link in links))))


def _around(target: Target) -> list[str]:
    if target.path == "/":
        # The start page has no name that could stand behind /timegate/; it acts as its own TimeGate all the same.
        return [f'<{target.original}>; rel="original timegate"']
    return [
        f'<{target.original}>; rel="original"',
        f'<{target.timegate}>; rel="timegate"',
        f'<{target.timemap()}>; rel="timemap"; type="{LINK_FORMAT.type}"',
        f'<{target.timemap(JSON)}>; rel="timemap"; type="{JSON.type}"',
    ]


def _neighbours(target: Target, past: Past, number: int) -> list[str]:
    """Return the links to the first, the last, and the mementos beside one (RFC 7089 section 2.2.4)."""
    there = target.mementos(past)
    earlier = [version for version in there if version.number < number]
    later = [version for version in there if version.number > number]
    wanted: dict[int, list[str]] = {}
    for name, version in (
        ("first", there[0] if there else None),
        ("prev", earlier[-1] if earlier else None),
        ("next", later[0] if later else None),
        ("last", there[-1] if there else None),
    ):
        if version is not None:
            wanted.setdefault(version.number, []).append(name)
    wanted.setdefault(number, [])
    by_number = {version.number: version for version in (*there, service().store.version)}
    return [_memento(target, by_number[one], *wanted[one]) for one in sorted(wanted)]


def _memento(target: Target, version: Version, *names: str) -> str:
    rel = " ".join((*names, "memento"))
    return f'<{target.at(version.number)}>; rel="{rel}"; datetime="{http_date(version.built)}"'


# -- TimeGate and TimeMap ---------------------------------------------------------------------------------------


def _asked(rest: str) -> tuple[Target, Past]:
    """Return what a TimeGate or TimeMap is asked about. Raises NotFound where that has no past."""
    past = service().known_past()
    for root in (root_url() + "/", BASE):
        rest = rest.removeprefix(root)
    query = "&".join(f"{name}={quote(value)}" for name, value in request.args.items(multi=True) if name != "format")
    target = Target.of("/" + rest.removeprefix("/"), query)
    try:
        endpoint, _ = current_app.url_map.bind("").match(target.path, "GET")
    except HTTPException:
        endpoint = None
    if not has_past(endpoint):
        raise NotFound(f"{target.path} is no address that has a past; give one such as /doc/id/anefore.")
    return target, past


@blueprint.get("/timegate/<path:rest>")
def timegate(rest: str) -> Response:
    """Lead to the version of an address that was in force at the time of Accept-Datetime; without it the newest."""
    target, past = _asked(rest)
    header = request.headers.get("Accept-Datetime")
    version = target.closest(past, _from_header(header) if header else None)
    response = _led(target, version, vary="Accept-Datetime")
    there = target.mementos(past)
    ends = [_memento(target, there[0], "first"), _memento(target, there[-1], "last")] if len(there) > 1 else []
    _link(response, _around(target), ends or [_memento(target, there[0], "first", "last")])
    return response


@blueprint.get("/timemap/<path:rest>")
def timemap(rest: str) -> Response:
    """List the versions of an address that can be read, as links (RFC 7089 section 5) or JSON."""
    choice = wishes.form((LINK_FORMAT, JSON))
    target, past = _asked(rest)
    there = target.mementos(past)
    if not there:
        raise NotFound(f"No version that can be read has {target.original}.")
    body = _as_links(target, there) if choice is LINK_FORMAT else _as_json(target, there)
    return cacheable(respond(body, choice.type), vary="" if "format" in request.args else "Accept")


def _as_links(target: Target, there: list[Version]) -> str:
    first, last = http_date(there[0].built), http_date(there[-1].built)
    own = f'<{target.timemap()}>; rel="self"; type="{LINK_FORMAT.type}"; from="{first}"; until="{last}"'
    links = [f'<{target.original}>; rel="original"', own, f'<{target.timegate}>; rel="timegate"']
    for place, version in enumerate(there):
        names = [name for name, at in (("first", 0), ("last", len(there) - 1)) if place == at]
        links.append(_memento(target, version, *names))
    return ",\n".join(links) + "\n"


def _as_json(target: Target, there: list[Version]) -> str:
    listed = [
        {
            "datetime": version.built.astimezone(UTC).isoformat(),
            "uri": target.at(version.number),
            "version": version.number,
        }
        for version in there
    ]
    told = {
        "original_uri": target.original,
        "self": target.timemap(JSON),
        "timegate_uri": target.timegate,
        "timemap_uri": {"link_format": target.timemap(), "json_format": target.timemap(JSON)},
        "mementos": {"first": listed[0], "last": listed[-1], "list": listed},
    }
    return json.dumps(told, indent=2) + "\n"
