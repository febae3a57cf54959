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
from vetgraph.dataset import citation
from vetgraph.errors import VetgraphError
from vetgraph.jsonld import schemas
from vetgraph.jsonld.model import model
from vetgraph.media import Media
from vetgraph.settings import Settings
from vetgraph.validation import FORMS, KINDS
from vetgraph.vocab import LANGUAGES, LICENCE
from vetgraph.web.negotiation import cacheable, respond, root_url
from vetgraph.web.problems import PROBLEM_JSON
from vetgraph.web.protocol import FORM
from vetgraph.web.protocol import QUERY as QUERY_BODY
from vetgraph.web.protocol import UPDATE as UPDATE_BODY
from vetgraph.web.signposting import LINKSETS
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
    "successor": IRI,
    "kept": {"type": "array", "items": WHOLE},
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
READ: Final[Kinds] = (
    *(*ALWAYS, *STORE, errors.BadParameter, errors.NotFound, errors.Gone, errors.NotAcceptable),
    errors.PreconditionFailed,
)
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
WHEN: Final = _parameter(
    "at", TEXT, "The version to read, by its number; a day or a time leads to the version of then.", example="1"
)
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
    "distribution": "vetgraph.trig.gz",
    "version": "1",
    "ontology": "0.1.0",
    "shapes": "0.1.0",
}
"""Kinds of names that lead to a document, with an example of each."""

DOCUMENT_MEDIA: Final = (media.HTML, *GRAPH_MEDIA)
DOCUMENT_FORMAT: Final = _parameter(
    "format",
    {"type": "string", "examples": [kind.suffix for kind in DOCUMENT_MEDIA]},
    "Suffix or media type of the document; wins over `Accept`.",
)
PROFILE: Final = _parameter(
    "profile", IRI, "Form of the JSON-LD; as a parameter of the media type in `Accept` as well."
)
WITH_LABELS: Final = _parameter(
    "labels",
    {"type": "string", "enum": ["yes", "no"], "default": "yes"},
    "Whether labels of what is mentioned come too.",
)
PAGE_NUMBER: Final = _parameter(
    "page", {"type": "integer", "minimum": 1, "default": 1}, "Which page of the links from other things."
)
MOVED: Final[Json] = {
    "301": _answer("The thing is retired; what has taken its place is at `Location`.", _content(media.HTML), "Location")
}


def _things() -> Iterator[tuple[str, Json]]:
    away = _answer("The document about the thing is at `Location`.", _content(media.HTML), "Location")
    answers, problems = {"303": away, **MOVED}, (*READ, errors.Gone)
    summary, wishes = "Lead from a thing to the document about it", [DOCUMENT_FORMAT, AT]
    for kind, example in THINGS.items():
        rest = _place("rest", "What follows in the IRI of the thing.", example)
        operation = _operation(
            *(f"identify-{kind}", "Linked data", summary, answers, problems), parameters=[rest, *wishes]
        )
        yield f"/{kind}/{{rest}}", {"get": operation}
    dataset = _operation("identify-dataset", "Linked data", summary, answers, problems, parameters=wishes)
    yield "/dataset", {"get": dataset}
    name = _place("path", "Kind and name of a thing; a suffix fixes the format.", "id/anefore.ttl")
    document = _operation(
        *("read-document", "Linked data", "Return the document about a thing"),
        *({**_read("The document.", _content(*DOCUMENT_MEDIA), "Link"), **MOVED}, problems),
        parameters=[name, DOCUMENT_FORMAT, PROFILE, WITH_LABELS, PAGE_NUMBER, AT, LANG],
    )
    yield "/doc/{path}", {"get": document}


def _bundles() -> Iterator[tuple[str, Json]]:
    for name, what in (("ontology", "all terms and code lists"), ("shapes", "all shapes")):
        answers = _read(f"A graph: {what}.", _content(*DOCUMENT_MEDIA))
        whole = _operation(
            f"read-{name}", "The whole", f"Return {what}", answers, READ, parameters=[DOCUMENT_FORMAT, AT, LANG]
        )
        suffix = _place("suffix", "Suffix of a format.", "ttl", SUFFIXES)
        one = _operation(
            f"read-{name}-as", "The whole", f"Return {what} in one format", answers, READ, parameters=[suffix, AT, LANG]
        )
        yield f"/{name}", {"get": whole}
        yield f"/{name}.{{suffix}}", {"get": one}


def _whole() -> Iterator[tuple[str, Json]]:
    for name, summary, content in (("/openapi.json", "Return this document", JSON_CONTENT),):
        operation = re.sub(r"\W+", "-", name.strip("/."))
        yield name, {"get": _operation(operation, "The whole", summary, _read("It.", content), READ)}


def _json_ld() -> Iterator[tuple[str, Json]]:
    """Yield what readers of JSON-LD need besides documents, and where its links stand together."""
    sets = {suffix: {type_: {"schema": {} if suffix == "json" else TEXT}} for suffix, type_ in LINKSETS.items()}
    schema: Json = {schemas.MEDIA: {"schema": {}}}
    number = _place("number", "Number of a version of the context.", "1", {"type": "integer", "minimum": 1})
    name = _place("name", "Name of a class.", "LegalAct", {"type": "string", "enum": sorted(model().classes)})
    stem = _place("stem", "Path of a document, or `about` for the dataset.", "id/anefore")
    for address, summary, content, places in (
        ("/context.jsonld", "Return the newest JSON-LD context", _content(media.JSON_LD), ()),
        ("/context/{number}.jsonld", "Return a version of the JSON-LD context", _content(media.JSON_LD), (number,)),
        ("/frames/{name}.jsonld", "Return the frame of a class", _content(media.JSON_LD), (name,)),
        ("/schemas/{name}.json", "Return the JSON Schema of a class in its frame", schema, (name,)),
        ("/linkset/{stem}.json", "Return the links of a document as JSON (RFC 9264)", sets["json"], (stem,)),
        ("/linkset/{stem}.txt", "Return the links of a document as text (RFC 9264)", sets["txt"], (stem,)),
    ):
        operation = re.sub(r"\W+", "-", address.strip("/"))
        answers, problems = _read("It.", content), (*READ, errors.Gone)
        described = _operation(operation, "Linked data", summary, answers, problems, parameters=list(places))
        yield address, {"get": described}


CITED: Final[Json] = {suffix: {type_.partition(";")[0]: {}} for suffix, type_ in citation.TYPES.items()}
SITEMAP: Final[Json] = {"application/xml": {"schema": TEXT}}
RANGE: Final = (
    _parameter("Range", TEXT, "Bytes of the file, such as `bytes=0-999`.", where="header"),
    _parameter("If-Range", TEXT, "The part only where the file is still what this `ETag` names.", where="header"),
)


def _dataset() -> Iterator[tuple[str, Json]]:
    """Yield what the dataset says of itself."""
    formats = _parameter("format", SUFFIXES, "Suffix or media type of the answer; wins over `Accept`.")
    for name, summary in (
        ("/.well-known/void", "Return the VoID description"),
        ("/catalog", "Return the DCAT-AP catalogue"),
    ):
        operation = re.sub(r"\W+", "-", name.strip("/."))
        answers = _read("It.", _content(*GRAPH_MEDIA))
        yield name, {"get": _operation(operation, "The whole", summary, answers, READ, parameters=[formats, AT])}
    about = _read("The page.", _content(media.HTML))
    yield "/about", {"get": _operation("about", "Pages", "Say what the dataset is", about, READ, parameters=[LANG])}
    for suffix, content in CITED.items():
        cited = _operation(f"cite-{suffix}", "The whole", "Return the citation", _read("It.", content), READ)
        yield f"/citation.{suffix}", {"get": cited}
    for name, content in (("/robots.txt", PLAIN), ("/sitemap.xml", SITEMAP)):
        operation = re.sub(r"\W+", "-", name.strip("/"))
        yield name, {"get": _operation(operation, "The whole", "For robots", _read("It.", content), READ)}
    number = _place("name", "`pages`, or a number.", "pages")
    part = _operation("sitemap-part", "The whole", "For robots", _read("It.", SITEMAP), READ, parameters=[number])
    yield "/sitemap/{name}.xml", {"get": part}


def _files() -> Iterator[tuple[str, Json]]:
    """Yield the files to fetch."""
    bundle, slug = _content(media.TURTLE), _place("slug", "Last part of the graph's IRI.", "curation")
    for name, summary, content, places in (
        ("/dump.trig.gz", "all named graphs as TriG", GZIP, ()),
        ("/dump.nq.gz", "all named graphs as N-Quads", GZIP, ()),
        ("/dump/ontology.ttl", "all terms and code lists as Turtle", bundle, ()),
        ("/dump/shapes.ttl", "all shapes as Turtle", bundle, ()),
        ("/dump/{slug}.ttl.gz", "a named graph as Turtle", GZIP, (slug,)),
        ("/dump/{slug}.nt.gz", "a named graph as N-Triples", GZIP, (slug,)),
    ):
        answers = _read(f"A file: {summary}.", content, "Repr-Digest")
        answers["206"] = _answer("The part of it that `Range` names.", content, "ETag", "Repr-Digest")
        operation = _operation(
            *(re.sub(r"\W+", "-", name.strip("/")), "The whole", f"Return {summary}"),
            *(answers, (*READ, errors.PreconditionFailed)),
            parameters=[*places, *RANGE],
        )
        operation["responses"]["416"] = {
            "description": "The file has no such part; `Content-Range` says how long it is.",
            "content": {PROBLEM_JSON: {"schema": {}}, media.HTML.type: {"schema": TEXT}},
        }
        yield name, {"get": operation}


LINK_FORMAT: Final[Json] = {"application/link-format": {"schema": TEXT}}
PATCH: Final[Json] = {"application/rdf-patch": {"schema": TEXT}}
ATOM: Final[Json] = {"application/atom+xml": {"schema": TEXT}}
MOMENT: Final = _parameter(
    "Accept-Datetime", TEXT, "The time of the state that is wanted (RFC 7089), such as that in `Date`.", where="header"
)


def _time() -> Iterator[tuple[str, Json]]:
    """Yield what tells of other versions, and of changes."""
    tag = "Time and change"
    rest = _place("rest", "An address of the service, its query added to this one's.", "doc/id/anefore")
    led = {"302": _answer("The version that was in force is at `Location`.", _content(media.HTML), "Location", "Link")}
    form = _parameter("format", {"type": "string"}, "Suffix or media type of the answer; wins over `Accept`.")
    number = _place("number", "Number of a version.", "1", WHOLE)
    page = _place("page", "Number of a page, from 1.", "1", WHOLE)
    since = _parameter("since", TEXT, "A version's number, a day, or a time: what came after it.")
    limit = _parameter("limit", WHOLE, "Changes in one answer: 100 without it, 1000 at most.")
    before = _parameter("before", WHOLE, "The version before which a page of the feed begins.")
    told = {**JSON_CONTENT, **_content(*GRAPH_MEDIA)}
    for address, name, summary, answers, parameters in (
        ("/timegate/{rest}", "timegate", "Lead to the state of an address at a time", led, [rest, MOMENT]),
        (
            *("/timemap/{rest}", "timemap", "List the versions of an address that can be read"),
            *(_read("The versions.", {**LINK_FORMAT, **JSON_CONTENT}), [rest, form]),
        ),
        (
            *("/changes", "list-changes", "List the changes after a version or a time, the oldest first"),
            *(_read("The changes.", told, "Link"), [since, limit, form]),
        ),
        (
            *("/changes/{number}", "read-change", "Return the change that made a version"),
            *(_read("The change.", {**told, **PATCH}), [number, form]),
        ),
        ("/feed.atom", "feed", "Return the changes as a feed, the newest first", _read("It.", ATOM), [before]),
        ("/ldes", "stream", "Return the first page of the event stream", _read("It.", _content(*GRAPH_MEDIA)), [form]),
        (
            *("/ldes/{page}", "stream-page", "Return a page of the event stream"),
            *(_read("It; a full page never changes.", _content(*GRAPH_MEDIA)), [page, form]),
        ),
    ):
        yield address, {"get": _operation(name, tag, summary, answers, READ, parameters=parameters)}


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


# -- search and reconciliation --------------------------------------------------------------------------


def _object(*required: str, **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(required)}


def _list(items: Json) -> Json:
    return {"type": "array", "items": items}


IRIS: Final = _list(IRI)
FOUND: Final = _object(
    *("query", "version", "total", "results", "facets"),
    query=TEXT,
    instead={
        "type": ["string", "null"],
        "description": "The words that were looked for, where nothing has the others.",
    },
    version=WHOLE,
    total=WHOLE,
    page=WHOLE,
    limit=WHOLE,
    next={"type": ["string", "null"], "format": "uri"},
    results=_list(
        _object(
            *("iri", "url", "label", "score"),
            iri=IRI,
            url=TEXT,
            label=TEXT,
            language=TEXT,
            matched=_object("text", "language", "role", text=TEXT, language=TEXT, role=TEXT),
            score={"type": "number"},
            classes=IRIS,
            countries=IRIS,
            sources=IRIS,
        )
    ),
    facets={
        "type": "object",
        "additionalProperties": _list(_object("iri", "label", "count", iri=IRI, label=TEXT, count=WHOLE)),
    },
)
NAMED: Final = _object("id", "name", id=TEXT, name=TEXT)
CANDIDATE: Final = _object(
    *("id", "name", "score"),
    id=TEXT,
    name=TEXT,
    description=TEXT,
    type=_list(NAMED),
    score={"type": "number"},
    features=_list(_object("id", "value", id=TEXT, value={"type": ["number", "boolean"]})),
    match={"type": "boolean"},
)
EXTENDED: Final = _object("meta", "rows", meta=_list(NAMED), rows={"type": "object"})
MANIFEST: Final = _object(*("versions", "name", "identifierSpace", "schemaSpace"), versions=_list(TEXT), name=TEXT)
RECONCILED: Final[Json] = {
    "anyOf": [
        MANIFEST,
        EXTENDED,
        {"type": "object", "additionalProperties": _object("result", result=_list(CANDIDATE))},
    ]
}


def _json_content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _search() -> Iterator[tuple[str, Json]]:
    number: Json = {"type": "integer", "minimum": 1}
    parameters = [
        _parameter("q", TEXT, "Words, or their beginnings; words in double quotes stand together.", example="anefore"),
        _several("class", "Classes of which a thing has one: IRIs or prefixed names such as `vet:LegalAct`."),
        _several("country", "Countries to one of which a thing belongs, such as `id:luxembourg`."),
        _several("source", "Graphs of which one speaks of a thing, such as `graph:lu-guidance-2025`."),
        _parameter("language", _list(TEXT), "Languages of the labels that are searched; all of them without it."),
        _parameter("page", number, "Page of the results."),
        _parameter("limit", {**number, "maximum": 100}, "Results on a page; 20 without it."),
        _parameter("format", {"type": "string", "enum": ["html", "json"]}, "Wins over `Accept`."),
        LANG,
    ]
    answers = _read("What is called so, the best first.", {**_content(media.HTML), **_json_content(FOUND)})
    found = _operation("search", "Search", "Find things by their labels", answers, READ, parameters=parameters)
    yield "/search", {"get": found}


def _reconciliation() -> Iterator[tuple[str, Json]]:
    tag = "Reconciliation"
    queries = _parameter("queries", TEXT, "A batch of queries, as JSON.", example='{"q0": {"query": "Anefore"}}')
    extend = _parameter("extend", TEXT, "A data extension query, as JSON.")
    answers = _read("The manifest, the candidates, or the values.", _json_content(RECONCILED))
    said = {"200": _answer("The candidates, or the values.", _json_content(RECONCILED))}
    body = {"required": True, "content": {FORM: {"schema": _form([queries, extend], "queries", "extend")}}}
    yield (
        "/reconcile",
        {
            "get": _operation(
                *("reconcile-by-get", tag, "Say what the service does; match names to things, or extend data"),
                *(answers, (*READ, errors.TooLarge)),
                parameters=[queries, extend, LANG],
            ),
            "post": _operation(
                *("reconcile-by-post", tag, "Match names to things, or extend data", said, (*READ, *BODY)),
                parameters=[LANG],
                requestBody=body,
            ),
        },
    )
    suggested = _object("result", result=_list(NAMED))
    flyout = _object("id", "html", id=TEXT, html=TEXT)
    proposed = _object("properties", properties=_list(NAMED), type=TEXT, limit=WHOLE)
    prefix = _parameter("prefix", TEXT, "What was typed.", example="a")
    cursor = _parameter("cursor", WHOLE, "How many suggestions to leave out.")
    name = _parameter("id", TEXT, "An identifier.", required=True)
    type_ = _parameter("type", TEXT, "A type, such as `vet:Actor`.")
    limit = _parameter("limit", WHOLE, "How many, at most.")
    for kind in ("entity", "type", "property"):
        yield _got(f"/reconcile/suggest/{kind}", f"Suggest: {kind}", _json_content(suggested), prefix, cursor)
        yield _got(f"/reconcile/flyout/{kind}", f"Say a few words: {kind}", _json_content(flyout), name)
    yield _got("/reconcile/preview", "Show a thing in a frame", _content(media.HTML), name)
    yield _got("/reconcile/properties", "Propose properties of a type", _json_content(proposed), type_, limit)


def _got(address: str, summary: str, content: Json, *parameters: Json) -> tuple[str, Json]:
    name = address.strip("/").replace("/", "-")
    answers = _read("It.", content)
    operation = _operation(name, "Reconciliation", summary, answers, READ, parameters=[*parameters, LANG])
    return address, {"get": operation}


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
    for several in (_things, _bundles, _json_ld, _dataset, _files, _whole, _time, _health, _search, _reconciliation):
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
            operation = _operation(name, "Pages", summary, answers, READ, parameters=[*names, LANG, WHEN])
            yield addresses(rule)[0], {"get": operation}


# -- the document ---------------------------------------------------------------------------------------

HEADERS: Final[Mapping[str, tuple[Json, str]]] = {
    "Vetgraph-Version": (WHOLE, "Number of the version that was read, or that a write made."),
    "Vetgraph-Query": (TEXT, "The query's name, by which `/queries/running/{id}` cancels it."),
    "ETag": (TEXT, "Checksum of the answer."),
    "Location": (TEXT, "Address of what was asked for, or of what was made."),
    "Link": (TEXT, "Other formats of the same (RFC 8288)."),
    "Repr-Digest": (TEXT, "SHA-256 of the whole file (RFC 9530)."),
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
