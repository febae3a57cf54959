"""SPARQL 1.1 Protocol: what a request to ``/sparql`` asks for, as a job. No framework, no evaluation.

A request is told by its method, its headers (lower-case names), the address's query string and the body, as bytes.
Parameters of a form may stand in the address as well as in the body; together they are one set.
"""

from __future__ import annotations

import contextlib
import re
from binascii import a2b_qp
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl, unquote_to_bytes

import pyoxigraph as ox

from vetgraph import media
from vetgraph.engine.jobs import QueryJob, UpdateJob
from vetgraph.errors import BadParameter, QuerySyntaxError, UnsupportedMedia
from vetgraph.settings import Settings
from vetgraph.syntax import keywords
from vetgraph.vocab import BASE
from vetgraph.web.accept import KINDS, media_by_kind, wants_page

FORM: Final = "application/x-www-form-urlencoded"
QUERY: Final = "application/sparql-query"
UPDATE: Final = "application/sparql-update"

QUERY_GRAPHS: Final = ("default-graph-uri", "named-graph-uri")
UPDATE_GRAPHS: Final = ("using-graph-uri", "using-named-graph-uri")

MOST_PARAMETERS: Final = 1000
LONGEST_REASON: Final = 500
_REMEMBERED: Final = 512
_LONGEST_REMEMBERED: Final = 4096
_IRI: Final = re.compile(r'[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>"{}|\\^`]*')
_NOT_PRINTABLE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})|[\r\n]")
"""What quoted-printable would read otherwise: percent signs that stand for themselves, and ends of lines."""
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")
_ID: Final = re.compile(r"[A-Za-z0-9_-]{8,64}")

Parameters = Mapping[str, list[str]]
"""The values of each parameter, in their order."""


@dataclass(frozen=True)
class Plan:
    """A query and what its caller wishes: seconds from arrival, a version, an id of the caller's own choice, a page.

    The job's own limit of time is what is left of the seconds once it starts, so it is not set here.
    """

    job: QueryJob
    seconds: float
    at: int | None = None
    id: str | None = None
    page: bool = False


class Protocol:
    """The protocol under some settings. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._remembered = lru_cache(_REMEMBERED)(self._planned)

    def plan(self, method: str, headers: Mapping[str, str], query_string: bytes, body: bytes = b"") -> Plan | None:
        """Return the query that a request asks to be answered to a machine, or None where it does not.

        Raises BadParameter and QuerySyntaxError (text that is not UTF-8), UnsupportedMedia (another charset).
        """
        plan = self.asked(method, headers, query_string, body)
        return None if plan is None or plan.page else plan

    def asked(self, method: str, headers: Mapping[str, str], query_string: bytes, body: bytes = b"") -> Plan | None:
        """Return the query that a request asks, for a machine or for a page; None where it asks none.

        Raises as :meth:`plan`.
        """
        accept = headers.get("accept", "")
        if method in ("GET", "HEAD"):
            planned = self._remembered if len(query_string) <= _LONGEST_REMEMBERED else self._planned
            plan = planned(query_string, accept)
        elif method == "POST":
            plan = self._posted(headers, query_string, body, accept)
        else:
            plan = None
        chosen = headers.get("vetgraph-query")
        return replace(plan, id=chosen_id(chosen)) if plan and chosen else plan

    def update(self, headers: Mapping[str, str], query_string: bytes, body: bytes) -> UpdateJob:
        """Return the update that a POST asks for (SPARQL 1.1 Protocol section 2.2).

        Raises BadParameter, QuerySyntaxError (text that is not UTF-8), UnsupportedMedia.
        """
        parameters = parsed(query_string)
        if media_type(headers) == UPDATE:
            if "update" in parameters or "query" in parameters:
                raise BadParameter("The update is the body; take it out of the address.", parameter="update")
            text = _direct(headers, body)
        else:
            parameters = parsed(query_string, _form(headers, body))
            if "query" in parameters:
                raise BadParameter("Give `query` or `update`, not both.", parameter="update")
            text = _only(parameters, "update")
        using, using_named = _graphs(parameters, UPDATE_GRAPHS, others=QUERY_GRAPHS)
        if (using or using_named) and not {"USING", "WITH"}.isdisjoint(keywords(text)):
            raise BadParameter(
                "The update says USING or WITH, and the request using-graph-uri: leave one of the two out.",
                parameter=UPDATE_GRAPHS[0],
            )
        return UpdateJob(text, using, using_named, union=self._settings.union, base=BASE)

    def _posted(self, headers: Mapping[str, str], query_string: bytes, body: bytes, accept: str) -> Plan | None:
        kind = media_type(headers)
        if kind == FORM:
            return self._from_parameters(parsed(query_string, _form(headers, body)), accept)
        if kind != QUERY:
            return None
        parameters = parsed(query_string)
        for name in ("query", "update"):
            if name in parameters:
                raise BadParameter("The query is the body; take it out of the address.", parameter=name)
        return self._from_parameters({**parameters, "query": [_direct(headers, body)]}, accept)

    def _planned(self, query_string: bytes, accept: str) -> Plan | None:
        return self._from_parameters(parsed(query_string), accept)

    def _from_parameters(self, parameters: Parameters, accept: str) -> Plan | None:
        if "query" not in parameters or "update" in parameters:
            return None
        plan = self._plain(_only(parameters, "query"), accept)
        if len(parameters) == 1:
            # Nothing but the query: most requests of most clients.
            return plan
        default, named = _graphs(parameters, QUERY_GRAPHS, others=UPDATE_GRAPHS)
        limit = seconds(parameters, self._settings)
        job = replace(
            plan.job,
            default_graphs=default,
            named_graphs=named,
            media=wished_media(parameters, accept),
            labels=_labels(parameters),
        )
        name = _one(parameters, "format").lower()
        page = name == media.HTML.suffix or (plan.page and not name)
        return replace(plan, job=job, seconds=limit, at=at(parameters), page=page)

    def _plain(self, text: str, accept: str) -> Plan:
        limit, rows = self._settings.query_timeout, self._settings.max_rows
        union, wishes = self._settings.union, media_by_kind(accept)
        job = QueryJob(text, union=union, media=wishes, rows=rows, base=BASE)
        return Plan(job, limit, page=wants_page(accept))


@lru_cache(8)
def protocol_of(settings: Settings) -> Protocol:
    """Return the protocol under some settings, made once."""
    return Protocol(settings)


def reads_body(method: str, headers: Mapping[str, str]) -> bool:
    """Whether a request's body may hold a query, so that it has to be read before planning."""
    return method == "POST" and media_type(headers) in (FORM, QUERY)


def is_update(headers: Mapping[str, str], query_string: bytes, body: bytes) -> bool:
    """Whether a POST is an update. Raises as :meth:`Protocol.update`."""
    kind = media_type(headers)
    return kind == UPDATE or (kind == FORM and "update" in parsed(query_string, _form(headers, body)))


def media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a request's body, without its parameters; empty where none is said."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def parsed(*sources: bytes) -> dict[str, list[str]]:
    """Return the parameters of a query string, and of a form where one comes with it.

    Raises QuerySyntaxError where they are not UTF-8, BadParameter where there are too many.
    """
    found: dict[str, list[str]] = {}
    try:
        for source in sources:
            if source.startswith(b"query=") and b"&" not in source:
                found.setdefault("query", []).append(_unquoted(source[6:].replace(b"+", b" ")).decode())
                continue
            pairs = parse_qsl(source.decode(), True, errors="strict", max_num_fields=MOST_PARAMETERS)
            for name, value in pairs:
                found.setdefault(name, []).append(value)
    except UnicodeDecodeError:
        raise QuerySyntaxError("The parameters are not UTF-8 text; send them in UTF-8.") from None
    except ValueError:
        raise BadParameter(f"The request has more than {MOST_PARAMETERS} parameters.") from None
    return found


def _unquoted(text: bytes) -> bytes:
    """Return what percent-encoding stands for (RFC 3986 section 2.1); what is no encoding stays as it is.

    Where every percent sign begins one, it is read as quoted-printable, which is the same with another sign and is
    decoded in one go: most requests are small, and this is most of what reading them takes.
    """
    if _NOT_PRINTABLE.search(text):
        return unquote_to_bytes(text)
    return a2b_qp(text.replace(b"=", b"=3D").replace(b"%", b"="))


def wished_media(parameters: Parameters, accept: str) -> Mapping[str, str | None]:
    """Return the media type for each kind of answer: of ``format=``, else of Accept.

    Clients send the parameter along with Accept and mean the latter where the former does not fit.
    Raises BadParameter where no format at all is called so.
    """
    wished = media_by_kind(accept)
    name = _one(parameters, "format").lower()
    if not name:
        return wished
    choice = media.called(name)
    if choice is None:
        known = ", ".join(kind.suffix for kind in media.TABLE)
        raise BadParameter(f"format is {name!r}; there are {known}.", parameter="format")
    return {kind: choice.type if kind in choice.carries else wished[kind] for kind in KINDS}


def seconds(parameters: Parameters, settings: Settings) -> float:
    """Return the seconds that a request may take: what ``timeout=`` asks, up to the greatest. Raises BadParameter."""
    value = _one(parameters, "timeout")
    if not value:
        return settings.query_timeout
    try:
        asked = float(value)
    except ValueError:
        asked = 0.0
    if not 0 < asked < float("inf"):
        raise BadParameter(f"timeout is {value!r}; give seconds above 0.", parameter="timeout")
    return min(asked, settings.query_timeout_max)


def at(parameters: Parameters) -> int | None:
    """Return the number of the version that ``at=`` asks for. Raises BadParameter."""
    value = _one(parameters, "at")
    if not value:
        return None
    if not (value.isascii() and value.isdigit() and len(value) < 16):
        raise BadParameter(f"at is {value!r}; give the number of a version.", parameter="at")
    return int(value)


def iri(value: str, parameter: str) -> str:
    """Return an absolute IRI. Raises BadParameter."""
    if _IRI.fullmatch(value):
        with contextlib.suppress(ValueError):
            return str(ox.NamedNode(value).value)
    raise BadParameter(f"{parameter} is {value[:200]!r}; give an absolute IRI.", parameter=parameter)


def _labels(parameters: Parameters) -> str | None:
    value = _one(parameters, "labels")
    if value and not _LANGUAGE.fullmatch(value):
        raise BadParameter(f"labels is {value!r}; give a language such as en or fr.", parameter="labels")
    return value.lower() or None


def reason(parameters: Parameters) -> str:
    """Return why a change is made, as ``reason=`` says for the history, in one line."""
    return " ".join(_one(parameters, "reason").split())[:LONGEST_REASON]


def chosen_id(value: str) -> str:
    """Return the id that a client gives its query. Raises BadParameter."""
    if not _ID.fullmatch(value):
        raise BadParameter(
            "Vetgraph-Query is not an id: give 8 to 64 letters, digits, hyphens and underscores.",
            parameter="Vetgraph-Query",
        )
    return value


def _graphs(
    parameters: Parameters, names: tuple[str, str], *, others: tuple[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the graphs of a dataset. Raises BadParameter where it is said in the words of the other operation."""
    for name in others:
        if name in parameters:
            raise BadParameter(f"{name} does not go with this operation; say {' or '.join(names)}.", parameter=name)
    first, second = (tuple(iri(value, name) for value in parameters.get(name, ())) for name in names)
    return first, second


def _one(parameters: Parameters, name: str) -> str:
    """Return the last value of an optional parameter, or the empty string."""
    return parameters[name][-1].strip() if name in parameters else ""


def _only(parameters: Parameters, name: str) -> str:
    values = parameters.get(name, [])
    if len(values) != 1:
        raise BadParameter(f"Give exactly one `{name}`, not {len(values)}.", parameter=name)
    return values[0]


def _form(headers: Mapping[str, str], body: bytes) -> bytes:
    check_charset(headers)
    return body


def _direct(headers: Mapping[str, str], body: bytes) -> str:
    check_charset(headers)
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise QuerySyntaxError("The body is not UTF-8 text; send it in UTF-8.") from None


def check_charset(headers: Mapping[str, str]) -> None:
    """Raise UnsupportedMedia where a body is said to be in another encoding than UTF-8."""
    named = re.search(r';\s*charset="?([^";\s]+)', headers.get("content-type", ""), re.IGNORECASE)
    if named and named[1].lower() not in ("utf-8", "utf8", "us-ascii", "ascii"):
        raise UnsupportedMedia(f"The body is said to be in {named[1]}; send it in UTF-8.", available=["utf-8"])
