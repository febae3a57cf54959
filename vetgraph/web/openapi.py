"""The OpenAPI 3.1 document of the service: every address for machines, and every answer that each can give.

What a table of ours knows is taken from there: media types, problems, limits, languages, the names of the saved
queries, the pages. What only the routes know stands here as data; tests hold it against the routes and the answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import Rule

from vetgraph import __version__, errors, media
from vetgraph.about import LICENCE
from vetgraph.errors import VetgraphError
from vetgraph.media import Media
from vetgraph.settings import Settings
from vetgraph.validation import FORMS, KINDS
from vetgraph.vocab import LANGUAGES
from vetgraph.web.negotiation import cacheable, respond, root_url
from vetgraph.web.problems import PROBLEM_JSON
from vetgraph.web.protocol import FORM
from vetgraph.web.protocol import QUERY as QUERY_BODY
from vetgraph.web.protocol import UPDATE as UPDATE_BODY
from vetgraph.web.state import service
from vetgraph.web.store import READABLE

Json = dict[str, Any]
Kinds = tuple[type[VetgraphError], ...]

blueprint = Blueprint("openapi", __name__)

MULTIPART: Final = "multipart/form-data"

TEXT: Final[Json] = {"type": "string"}
IRI: Final[Json] = {"type": "string", "format": "iri"}
WHOLE: Final[Json] = {"type": "integer", "minimum": 0}

FACTS: Final[Mapping[str, Json]] = {
    "line": WHOLE,
    "column": WHOLE,
    "hint": TEXT,
    "parameter": TEXT,
    "file": TEXT,
    "text": TEXT,
    "available": {"type": "array", "items": TEXT},
    "limit": {"type": "number"},
    "reached": {"type": "number"},
    "unit": TEXT,
    "stage": TEXT,
    "cpu": {"type": "number"},
    "memory": WHOLE,
    "rows": WHOLE,
    "bytes": WHOLE,
    "retry_after": {"type": "number"},
    "pid": WHOLE,
    "since": {"type": ["string", "number"]},
    "doing": TEXT,
    "path": TEXT,
    "found": {"type": ["string", "integer"]},
    "expected": {"type": ["string", "integer"]},
    "number": TEXT,
    "version": WHOLE,
}
"""Members of problems beyond those of RFC 9457; what each kind of problem has, its class says."""

# -- problems: generated from the tree of errors ----------------------------------------------------

UNMET: Final[Kinds] = (errors.SettingsError, errors.ContentError)
"""Errors that end a command and that no request meets."""

ALWAYS: Final[Kinds] = (
    errors.RequestError,
    errors.Unfinished,
    errors.VetgraphError,
    errors.EngineError,
    errors.Unavailable,
)
STORE: Final[Kinds] = (errors.StoreError, errors.StoreDamaged, errors.StoreFormat)
READ: Final[Kinds] = (*ALWAYS, *STORE, errors.BadParameter, errors.NotFound, errors.NotAcceptable)
BODY: Final[Kinds] = (errors.TooLarge, errors.UnsupportedMedia)
LIMITED: Final[Kinds] = (errors.TooManyRequests, errors.Busy, errors.LimitExceeded, errors.Cancelled, errors.Conflict)
EVALUATED: Final[Kinds] = (errors.QuerySyntaxError, errors.UnsupportedQuery, errors.NotAllowed, *LIMITED)
WRITTEN: Final[Kinds] = (errors.Unauthorized, errors.NotAllowed, errors.StoreBusy, errors.DiskFull)
STORED: Final[Kinds] = (*WRITTEN, *LIMITED, *BODY, errors.UnreadableData, errors.PreconditionFailed)


def kinds(root: type[VetgraphError] = VetgraphError) -> Iterator[type[VetgraphError]]:
    """Yield the kinds of problem that a request can meet, the general before the special."""
    # What other modules derive for themselves stays inside: no request meets it.
    if root not in UNMET and root.__module__ == errors.__name__:
        yield root
        for child in root.__subclasses__():
            yield from kinds(child)


def _facts(kind: type[VetgraphError]) -> list[str]:
    """Return the members that a problem may have, as the docstring of its class names them."""
    told = re.search(r"Facts: ([^.]*)\.", " ".join((kind.__doc__ or "").split()))
    return re.findall(r"(\w+)(?: \([^)]*\))?(?:, |$)", told[1]) if told else []


def _problem(kind: type[VetgraphError]) -> Json:
    """Return the schema of one kind of problem (RFC 9457 section 3.1)."""
    fixed = {"type": {"const": f"/problems/{kind.slug}"}, "status": {"const": kind.status}}
    facts = ["number"] if kind is VetgraphError else _facts(kind)
    return {
        "title": kind.title,
        "description": " ".join((kind.__doc__ or "").split()),
        "type": "object",
        "properties": {**fixed, "title": TEXT, "detail": TEXT, **{name: FACTS.get(name, {}) for name in facts}},
        "required": ["type", "title", "status", "detail"],
    }


def _refused(found: Iterable[type[VetgraphError]]) -> Json:
    """Return the answers of an operation that are problems, by their status."""
    by_status: dict[str, list[type[VetgraphError]]] = {}
    for kind in sorted(set(found), key=lambda kind: (kind.status, kind.slug)):
        by_status.setdefault(str(kind.status), []).append(kind)
    return {status: _refusal(several) for status, several in by_status.items()}


def _refusal(several: list[type[VetgraphError]]) -> Json:
    schemas = [{"$ref": f"#/components/schemas/{kind.slug}"} for kind in several]
    answer: Json = {
        "description": " · ".join(kind.title for kind in several),
        "content": {PROBLEM_JSON: {"schema": {"anyOf": schemas}}, media.HTML.type: {"schema": TEXT}},
    }
    if several[0].status in (429, 503):
        answer["headers"] = {"Retry-After": {"schema": WHOLE, "description": "Seconds after which to ask again."}}
    if several[0].status == 401:
        answer["headers"] = {"WWW-Authenticate": {"schema": TEXT, "required": True}}
    return answer


# -- answers ------------------------------------------------------------------------------------------

GRAPH_MEDIA: Final = media.carrying("graph")
RESULT_MEDIA: Final = media.carrying("solutions")
PAGE: Final = (media.HTML,)
SUFFIXES: Final[Json] = {"type": "string", "enum": [kind.suffix for kind in media.TABLE]}


def _content(*found: Media) -> Json:
    schemas = {media.RESULTS_JSON: {"$ref": "#/components/schemas/Results"}, media.JSON_LD: {}}
    return {kind.type: {"schema": schemas.get(kind, TEXT)} for kind in found}


def _answer(description: str, content: Json | None = None, *headers: str) -> Json:
    names = ("Vetgraph-Version", *headers)
    answer: Json = {
        "description": description,
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
    }
    return {**answer, "content": content} if content else answer


def _read(description: str, content: Json, *headers: str) -> Json:
    """Return the answers of an address that caches may keep: itself, and 304 where the reader has it."""
    return {
        "200": _answer(description, content, "ETag", *headers),
        "304": _answer("The reader has it already: `If-None-Match` names its `ETag`.", None, "ETag"),
    }


def _operation(name: str, tag: str, summary: str, answers: Json, problems: Kinds, **more: Any) -> Json:
    """Return an operation; ``more`` are further members, such as ``parameters``."""
    answers = {**answers, **_refused((*ALWAYS, *problems))}
    return {"operationId": name, "tags": [tag], "summary": summary, **more, "responses": answers}


JSON_CONTENT: Final[Json] = {"application/json": {"schema": {}}}
GZIP: Final[Json] = {"application/gzip": {"schema": {"type": "string", "contentEncoding": "binary"}}}
PLAIN: Final[Json] = {"text/plain": {"schema": TEXT}}
REPORT: Final[Json] = {type_: {"schema": {} if "json" in type_ else TEXT} for type_ in (*FORMS.values(), "text/html")}
CHANGED: Final[Json] = {"application/json": {"schema": {"$ref": "#/components/schemas/Change"}}}
RDF_IN: Final[Json] = {kind.type: {"schema": TEXT} for kind in READABLE}
FILES: Final[Json] = {"type": "object", "additionalProperties": {**TEXT, "contentMediaType": media.TURTLE.type}}


# -- parameters ---------------------------------------------------------------------------------------


def _parameter(name: str, schema: Json, description: str, *, where: str = "query", **more: Any) -> Json:
    return {"name": name, "in": where, "description": description, "schema": schema, **more}


def _place(name: str, description: str, example: str, schema: Json | None = None) -> Json:
    """Return a parameter in the path."""
    return _parameter(name, schema or TEXT, description, where="path", required=True, example=example)


def _several(name: str, description: str) -> Json:
    return _parameter(name, {"type": "array", "items": IRI}, description)


AT: Final = _parameter("at", WHOLE, "The version to read; without it the newest.")
LANG: Final = _parameter("lang", {"type": "string", "enum": [*LANGUAGES]}, "Language; else `Accept-Language` decides.")
FORMAT: Final = _parameter(
    "format",
    {"type": "string", "examples": [kind.suffix for kind in media.TABLE]},
    "Suffix or media type of the answer; wins over `Accept`.",
)
LABELS: Final = _parameter(
    "labels",
    {"type": "string", "pattern": "^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$", "examples": [*LANGUAGES]},
    "Adds a column with the label of every IRI, in a language.",
)
REASON: Final = _parameter("reason", TEXT, "Why the change is made; the history keeps it.")
QUERY_ID: Final = _parameter(
    "Vetgraph-Query",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{8,64}$"},
    "A name for the query, by which to cancel it; without it the service makes one up.",
    where="header",
)
DATASET: Final = (
    _several("default-graph-uri", "Graphs that make up the default graph of the query."),
    _several("named-graph-uri", "Graphs that the query can name."),
)
USING: Final = (
    _several("using-graph-uri", "Graphs that make up the default graph of the update's patterns."),
    _several("using-named-graph-uri", "Graphs that the update's patterns can name."),
)
ONE_GRAPH: Final = (
    _parameter("graph", IRI, "IRI of the graph."),
    _parameter("default", {"type": "string", "maxLength": 0}, "The default graph instead.", allowEmptyValue=True),
)
CONDITIONS: Final = (
    _parameter("If-Match", TEXT, "Only where the graph is in the state that this `ETag` names.", where="header"),
    _parameter("If-None-Match", TEXT, "`*`: only where there is no such graph.", where="header"),
)
QUERY_TEXT: Final = _parameter(
    "query", TEXT, "A SPARQL query.", example="SELECT ?class (COUNT(*) AS ?n) { ?s a ?class } GROUP BY ?class"
)


def _timeout(settings: Settings) -> Json:
    longest = settings.query_timeout_max
    return _parameter(
        "timeout",
        {"type": "number", "exclusiveMinimum": 0, "default": settings.query_timeout},
        f"Seconds after which the query is given up: {settings.query_timeout:g} without it, {longest:g} at most.",
    )


def _form(parameters: Iterable[Json], *one_of: str) -> Json:
    """Return the schema of a form that takes parameters, and exactly one of some."""
    return {
        "type": "object",
        "properties": {parameter["name"]: parameter["schema"] for parameter in parameters},
        "oneOf": [{"required": [name]} for name in one_of],
    }


# -- operations -----------------------------------------------------------------------------------------

BEARER: Final[list[Json]] = [{"bearer": []}]
ANYBODY_OR_BEARER: Final[list[Json]] = [{}, {"bearer": []}]


def _sparql(settings: Settings) -> Json:
    wishes = [_timeout(settings), LABELS, FORMAT, AT]
    content = _content(*RESULT_MEDIA, *GRAPH_MEDIA, media.HTML)
    answers = _read(
        "The answer; without a query, the service description where RDF is asked for, or the page. An answer that is "
        "sent as it comes may end early at a limit: in JSON with `meta`, in every format with the trailer "
        "`Vetgraph-Partial`, or the connection is cut.",
        content,
        "Vetgraph-Query",
    )
    update = _parameter("update", TEXT, "A SPARQL update; needs a token.")
    form = _form([QUERY_TEXT, update, *DATASET, *USING, *wishes, REASON], "query", "update")
    bodies = {FORM: {"schema": form}, QUERY_BODY: {"schema": TEXT}, UPDATE_BODY: {"schema": TEXT}}
    done = {**answers["200"], "content": {**content, **CHANGED}}
    return {
        "get": _operation(
            *("query-by-get", "SPARQL", "Answer a query, or describe the service where there is none"),
            *(answers, (*READ, *EVALUATED, errors.UnsupportedMedia)),
            parameters=[QUERY_TEXT, *DATASET, *wishes, QUERY_ID],
        ),
        "post": _operation(
            *("query-or-update-by-post", "SPARQL", "Answer a query, or carry out an update"),
            *({**answers, "200": done}, (*READ, *EVALUATED, *WRITTEN, *BODY, errors.UnreadableData)),
            parameters=[*DATASET, *USING, *wishes, REASON, QUERY_ID],
            requestBody={"required": True, "content": bodies},
            security=ANYBODY_OR_BEARER,
        ),
    }


def _store(settings: Settings) -> Json:
    tag, timeout = "Graph store", _timeout(settings)
    documents = {"required": True, "content": {**RDF_IN, MULTIPART: {"schema": FILES}}}
    update = {"required": True, "content": {UPDATE_BODY: {"schema": TEXT}}}
    done = {"200": _answer("Done.", CHANGED)}
    made = {**done, "201": _answer("Done; the graph is new.", CHANGED, "Location")}
    write: Json = {"parameters": [*ONE_GRAPH, REASON, timeout, *CONDITIONS, QUERY_ID], "security": BEARER}
    problems = (*READ, *STORED)
    return {
        "get": _operation(
            *("read-graph", tag, "Return a graph"),
            *(_read("The graph.", _content(*GRAPH_MEDIA), "Vetgraph-Query"), (*READ, *LIMITED)),
            parameters=[*ONE_GRAPH, FORMAT, AT, timeout],
        ),
        "put": _operation(
            *("replace-graph", tag, "Put a graph in the place of another", made, problems),
            requestBody=documents,
            **write,
        ),
        "post": _operation(
            *("add-to-graph", tag, "Add to a graph; where none is named, make a new one", made, problems),
            requestBody=documents,
            **write,
        ),
        "patch": _operation(
            *("change-graph", tag, "Carry out an update on a graph", made),
            (*problems, errors.QuerySyntaxError, errors.UnsupportedQuery),
            requestBody=update,
            **write,
        ),
        "delete": _operation(*("delete-graph", tag, "Delete a graph", done, problems), **write),
    }


def _running(settings: Settings) -> Json:
    return {
        "get": _operation(
            *("list-running", "SPARQL", "List the queries that are under way"),
            {"200": _answer("The queries, with age and client.", JSON_CONTENT)},
            (errors.Unauthorized, errors.NotAllowed, errors.NotAcceptable),
            security=BEARER,
        )
    }


def _cancel(settings: Settings) -> Json:
    return {
        "delete": _operation(
            *("cancel-query", "SPARQL", "End a query: its own client, who knows its name, or a maintainer"),
            {"204": _answer("The query has been ended.")},
            (errors.Unauthorized, errors.NotAllowed, errors.NotFound),
            parameters=[_place("id", "The name in the header `Vetgraph-Query`.", "mXjnP0dYq1aXvSgk")],
            security=ANYBODY_OR_BEARER,
        )
    }


def _validate(settings: Settings) -> Json:
    forms = _parameter("format", {"type": "string", "enum": [*FORMS, "ttl", "nt", "html"]}, "Form of the report.")
    context = _parameter("context", {"type": "string", "enum": ["store", "none"]}, "What the data is judged with.")
    upload = {
        "type": "object",
        "properties": {"data": TEXT, "shapes": TEXT, "text": TEXT, "context": context["schema"]},
    }
    bodies = {**{type_: {"schema": TEXT} for type_ in KINDS}, MULTIPART: {"schema": upload}, FORM: {"schema": upload}}
    return {
        "get": _operation(
            *("validation-form", "Pages", "Show the form"), {"200": _answer("The page.", _content(media.HTML))}, READ
        ),
        "post": _operation(
            *("validate", "Validation", "Judge RDF by the shapes; 200 whether it conforms or not"),
            {"200": _answer("The report.", REPORT)},
            (*READ, *BODY, errors.UnreadableData, errors.NotAllowed),
            parameters=[forms, context, LANG],
            requestBody={"required": True, "content": bodies},
        ),
    }


def _saved(settings: Settings) -> Json:
    names = [query.name for query in service().queries]
    name = _place("name", "Name of a saved query.", names[0], {"type": "string", "enum": names})
    bindings = _parameter(
        "parameters",
        {"type": "object", "additionalProperties": TEXT},
        "The query's parameters by their names; the list says which it has.",
        style="form",
        explode=True,
    )
    suffix = _place("suffix", "Suffix of a format.", "csv", SUFFIXES)
    answers = _read("The rows, or the graph.", _content(*RESULT_MEDIA, *GRAPH_MEDIA))
    problems = (*READ, *EVALUATED)
    return {
        "": _operation(
            *("answer-saved-query", "Saved queries", "Answer a saved query, in the format of `Accept`"),
            *(answers, problems),
            parameters=[name, bindings],
        ),
        ".{suffix}": _operation(
            *("answer-saved-query-as", "Saved queries", "Answer a saved query in one format"),
            *(answers, problems),
            parameters=[name, suffix, bindings],
        ),
    }


def _catalogue(settings: Settings) -> Json:
    answers = _read("The queries with their parameters.", JSON_CONTENT)
    return {"get": _operation("list-saved-queries", "Saved queries", "List the saved queries", answers, READ)}


THINGS: Final[Mapping[str, str]] = {
    "id": "anefore",
    "scheme": "role/funds",
    "source": "lu-guidance-2025",
    "graph": "curation",
    "query": "areas-without-evaluation",
}
"""Kinds of names that lead to a document, with an example of each."""

DOCUMENT_MEDIA: Final = (media.HTML, media.TURTLE, media.JSON_LD, media.N_TRIPLES, media.RDF_XML)


def _things() -> Iterator[tuple[str, Json]]:
    for kind, example in THINGS.items():
        away = _answer("The document about the thing is at `Location`.", _content(media.HTML), "Location")
        yield (
            f"/{kind}/{{rest}}",
            {
                "get": _operation(
                    *(f"identify-{kind}", "Linked data", "Lead from a thing to the document about it"),
                    *({"303": away}, READ),
                    parameters=[_place("rest", "What follows in the IRI of the thing.", example)],
                )
            },
        )
    answers = _read("The document.", _content(*DOCUMENT_MEDIA), "Link")
    name = _place("path", "Kind and name of a thing; a suffix fixes the format.", "id/anefore.ttl")
    document = _operation(
        "read-document", "Linked data", "Return the document about a thing", answers, READ, parameters=[name, LANG]
    )
    yield "/doc/{path}", {"get": document}


def _bundles() -> Iterator[tuple[str, Json]]:
    for name, what in (("ontology", "all terms and code lists"), ("shapes", "all shapes")):
        answers = _read(f"A graph: {what}.", _content(*GRAPH_MEDIA, media.HTML))
        whole = _operation(f"read-{name}", "The whole", f"Return {what}", answers, READ, parameters=[LANG])
        suffix = _place("suffix", "Suffix of a format.", "ttl", SUFFIXES)
        one = _operation(
            f"read-{name}-as", "The whole", f"Return {what} in one format", answers, READ, parameters=[suffix, LANG]
        )
        yield f"/{name}", {"get": whole}
        yield f"/{name}.{{suffix}}", {"get": one}


def _whole() -> Iterator[tuple[str, Json]]:
    for name, summary, content in (
        ("/context.jsonld", "Return the JSON-LD context of the terms", _content(media.JSON_LD)),
        ("/.well-known/void", "Return the VoID description", _content(*GRAPH_MEDIA)),
        ("/dump.trig.gz", "Return all named graphs as TriG", GZIP),
        ("/dump.nq.gz", "Return all named graphs as N-Quads", GZIP),
        ("/openapi.json", "Return this document", JSON_CONTENT),
    ):
        operation = re.sub(r"\W+", "-", name.strip("/."))
        yield name, {"get": _operation(operation, "The whole", summary, _read("It.", content), READ)}


def _health() -> Iterator[tuple[str, Json]]:
    alive = {"200": {"description": "The process answers.", "content": PLAIN}}
    yield "/healthz", {"get": _operation("alive", "Health", "Say that the process answers", alive, ())}
    ready = {"200": _answer("A version is there to be queried.", JSON_CONTENT)}
    operation = _operation("ready", "Health", "Say which version is there to be queried", ready, STORE)
    operation["responses"]["503"]["content"]["text/plain"] = {"schema": TEXT}
    yield "/readyz", {"get": operation}
    slugs = {"type": "string", "enum": sorted(kind.slug for kind in kinds())}
    meaning = _operation(
        *("explain-problem", "Health", "Say what a kind of problem means"),
        {"200": _answer("Its meaning.", _content(media.HTML))},
        READ,
        parameters=[_place("slug", "Last part of a problem's `type`.", "query-syntax", slugs)],
    )
    yield "/problems/{slug}", {"get": meaning}


def _operations(settings: Settings) -> Iterator[tuple[str, Json]]:
    """Yield the addresses for machines with their operations."""
    yield "/sparql", _sparql(settings)
    yield "/store", _store(settings)
    yield "/queries/running", _running(settings)
    yield "/queries/running/{id}", _cancel(settings)
    yield "/validate", _validate(settings)
    yield "/api/queries", _catalogue(settings)
    for suffix, operation in _saved(settings).items():
        yield f"/api/queries/{{name}}{suffix}", {"get": operation}
    for several in (_things, _bundles, _whole, _health):
        yield from several()


# -- pages: generated from the routes -----------------------------------------------------------------

PAGES: Final = "pages."
"""How the endpoints of pages begin."""


def addresses(rule: Rule) -> list[str]:
    """Return a route's addresses as templates, one for each choice of an ``any`` part.

    ``/<any(a, b):kind>/<path:rest>`` is ``/a/{rest}`` and ``/b/{rest}``.
    """
    found = [rule.rule]
    for part in re.findall(r"<any\([^>]*>", rule.rule):
        choices = re.findall(r"[\w-]+", part[part.index("(") : part.index(")")])
        found = [address.replace(part, choice) for address in found for choice in choices]
    return [re.sub(r"<(?:\w+:)?(\w+?)_?>", r"{\1}", address) for address in found]


def _pages(app: Flask) -> Iterator[tuple[str, Json]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith(PAGES) and "GET" in (rule.methods or ()):
            summary = (app.view_functions[rule.endpoint].__doc__ or rule.rule).splitlines()[0].rstrip(".")
            names = [_place(name, "Which one.", "areas-without-evaluation") for name in sorted(rule.arguments)]
            answers = _read("The page.", _content(media.HTML))
            name = rule.endpoint.replace(".", "-")
            operation = _operation(name, "Pages", summary, answers, READ, parameters=[*names, LANG])
            yield addresses(rule)[0], {"get": operation}


# -- the document ---------------------------------------------------------------------------------------

HEADERS: Final[Mapping[str, tuple[Json, str]]] = {
    "Vetgraph-Version": (WHOLE, "Number of the version that was read, or that a write made."),
    "Vetgraph-Query": (TEXT, "The query's name, by which `/queries/running/{id}` cancels it."),
    "ETag": (TEXT, "Checksum of the answer."),
    "Location": (TEXT, "Address of what was asked for, or of what was made."),
    "Link": (TEXT, "Other formats of the same (RFC 8288)."),
}
RESULTS: Final[Json] = {
    "description": "SPARQL 1.1 Query Results JSON Format. `meta` is there where a limit cut the answer short.",
    "type": "object",
    "properties": {
        "head": {"type": "object"},
        "boolean": {"type": "boolean"},
        "results": {
            "type": "object",
            "properties": {"bindings": {"type": "array", "items": {"type": "object"}}},
            "required": ["bindings"],
        },
        "meta": {
            "type": "object",
            "properties": {"partial": {"type": "boolean"}, "reason": {"enum": ["time", "rows"]}, "limit": {}},
        },
    },
    "required": ["head"],
}


CHANGE: Final[Json] = {
    "description": "What a write did: the version that holds it, and how many triples it added and removed.",
    "type": "object",
    "properties": {"version": WHOLE, "added": WHOLE, "removed": WHOLE},
    "required": ["version", "added", "removed"],
}


def document(app: Flask, settings: Settings, root: str) -> Json:
    """Return the OpenAPI document of an application that is reached at ``root``."""
    schemas: Json = {kind.slug: _problem(kind) for kind in kinds()}
    headers = {name: {"schema": schema, "description": text} for name, (schema, text) in HEADERS.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "vetgraph",
            "version": __version__,
            "summary": "European policy on learner mobility in vocational education and training, as linked data",
            "license": {"name": "CC BY 4.0 (the data)", "url": LICENCE},
        },
        "servers": [{"url": root}],
        "paths": {**dict(_pages(app)), **dict(_operations(settings))},
        "components": {
            "schemas": {"Results": RESULTS, "Change": CHANGE, **schemas},
            "headers": headers,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token of the maintainer."}
            },
        },
    }


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Answer with the description of every address for machines."""
    described = document(current_app, service().settings, root_url())
    return cacheable(respond(json.dumps(described, ensure_ascii=False) + "\n", "application/json"), vary="")
