"""Every address × every format × conditional, ranged, HEAD, OPTIONS and CORS, wrong Accept: one matrix.

The addresses come from the routing table: each has an example below, and a route without one fails. The formats come
from the OpenAPI document, so that what is tested is what consumers are told, and the other way round.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import pyoxigraph as ox
import pytest
import yaml
from flask import Flask

from vetgraph import media
from vetgraph.web import openapi

HTML, JSON_LD = media.HTML.type, media.JSON_LD.type
GRAPHS = tuple(kind.type for kind in media.carrying("graph"))
RESULTS = tuple(kind.type for kind in media.carrying("solutions"))
DOCUMENTS = tuple(kind.type for kind in openapi.DOCUMENT_MEDIA)
Problem = Callable[..., dict[str, Any]]
THOROUGH = os.environ.get("TEST_OPTIONAL") == "required"
NOT_OURS = "image/png"
PROBLEM = "application/problem+json"
PROFILE = 'application/ld+json;profile="http://www.w3.org/ns/json-ld#expanded"'
SUGGESTED = ("entity", "type", "property")
PAGES = (
    *("/about", "/sources", "/countries", "/actors", "/legal-acts", "/agreements", "/areas", "/developments"),
    *("/conflicts", "/queries"),
)
JSON = "application/json"
LATER = "Fri, 31 Dec 9999 23:59:59 GMT"


# -- an example of each route ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """An address that stands for a route, and what it promises.

    ``formats``: the media types that can be had; () for all that the OpenAPI document names. ``fixed``: the address
    itself says which, Accept makes no difference. ``kept``: caches may keep the answer. ``ranged``: parts of it can be
    had. ``chooses``: ``?format=`` wins over Accept. ``dated``: it says when it last changed. ``away``: formats for
    which the reader is led elsewhere.
    """

    address: str
    formats: tuple[str, ...] = ()
    status: int = 200
    fixed: bool = False
    kept: bool = True
    ranged: bool = False
    chooses: bool = False
    dated: bool = True
    away: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.address.replace("=", ":")


def one(address: str) -> tuple[Example, ...]:
    """Return the example of an address that has all formats that the OpenAPI document names."""
    return (Example(address),)


def only(address: str, type_: str, **more: Any) -> tuple[Example, ...]:
    """Return the example of an address that has one format, whatever Accept says."""
    return (Example(address, (type_,), fixed=True, **more),)


def suffixed(address: str, types: tuple[str, ...]) -> tuple[Example, ...]:
    """Return an example for each format that a suffix can fix."""
    known = [kind for kind in map(media.by_type, types) if kind]
    return tuple(Example(f"{address}.{kind.suffix}", (kind.type,), fixed=True) for kind in known)


def leads(address: str) -> tuple[Example, ...]:
    """Return the example of a thing, which leads to its document in any of the document's formats."""
    return (Example(address, DOCUMENTS, status=303, kept=False),)


def asks(query: str, types: tuple[str, ...]) -> Example:
    return Example("/sparql?" + urlencode({"query": query}), types, chooses=True, dated=False)


EXAMPLES: dict[str, tuple[Example, ...]] = {
    # SPARQL and saved queries
    "/sparql": (
        asks("SELECT ?o { <id/anefore> a ?o } ORDER BY ?o", RESULTS),
        asks("ASK { <id/anefore> a ?o }", RESULTS),
        asks("CONSTRUCT WHERE { <id/anefore> a ?o }", GRAPHS),
        Example("/sparql", (*GRAPHS, HTML)),
    ),
    "/store": (Example("/store?graph=https://w3id.org/vetgraph/graph/catalogue", GRAPHS, chooses=True),),
    "/queries/running": (Example("/queries/running", (PROBLEM,), status=403, kept=False, fixed=True),),
    "/api/queries": one("/api/queries"),
    "/api/queries/{name}": (Example("/api/queries/areas-without-evaluation", RESULTS),),
    "/api/queries/{name}.{suffix}": suffixed("/api/queries/areas-without-evaluation", RESULTS),
    "/validate": (Example("/validate", kept=False),),
    # things and their documents
    "/id/{rest}": leads("/id/epos"),
    "/scheme/{rest}": leads("/scheme/role/funds"),
    "/source/{rest}": leads("/source/lu-guidance-2025"),
    "/graph/{rest}": leads("/graph/curation"),
    "/query/{rest}": leads("/query/areas-without-evaluation"),
    "/distribution/{rest}": leads("/distribution/vetgraph.trig.gz"),
    "/version/{rest}": leads("/version/1"),
    "/dataset": leads("/dataset"),
    "/ontology/{rest}": leads("/ontology/0.1.0"),
    "/shapes/{rest}": leads("/shapes/0.1.0"),
    "/doc/{path}": (Example("/doc/id/epos", DOCUMENTS, chooses=True), *suffixed("/doc/id/epos", DOCUMENTS)),
    "/linkset/{stem}.json": only("/linkset/id/epos.json", "application/linkset+json"),
    "/linkset/{stem}.txt": only("/linkset/id/epos.txt", "application/linkset"),
    "/context.jsonld": only("/context.jsonld", "application/ld+json"),
    "/context/{number}.jsonld": only("/context/1.jsonld", "application/ld+json"),
    "/frames/{name}.jsonld": only("/frames/LegalAct.jsonld", "application/ld+json"),
    "/schemas/{name}.json": only("/schemas/LegalAct.json", "application/schema+json"),
    # the whole
    "/ontology": (Example("/ontology", chooses=True),),
    "/ontology.{suffix}": suffixed("/ontology", DOCUMENTS),
    "/shapes": (Example("/shapes", chooses=True),),
    "/shapes.{suffix}": suffixed("/shapes", DOCUMENTS),
    "/.well-known/void": one("/.well-known/void"),
    "/catalog": one("/catalog"),
    "/dump.trig.gz": only("/dump.trig.gz", "application/gzip", ranged=True),
    "/dump.nq.gz": only("/dump.nq.gz", "application/gzip", ranged=True),
    "/dump/{slug}.ttl.gz": only("/dump/curation.ttl.gz", "application/gzip", ranged=True),
    "/dump/{slug}.nt.gz": only("/dump/curation.nt.gz", "application/gzip", ranged=True),
    "/dump/ontology.ttl": only("/dump/ontology.ttl", "text/turtle", ranged=True),
    "/dump/shapes.ttl": only("/dump/shapes.ttl", "text/turtle", ranged=True),
    "/citation.bib": only("/citation.bib", "application/x-bibtex"),
    "/citation.cff": only("/citation.cff", "application/yaml"),
    "/citation.ris": only("/citation.ris", "application/x-research-info-systems"),
    "/robots.txt": only("/robots.txt", "text/plain"),
    "/sitemap.xml": only("/sitemap.xml", "application/xml"),
    "/sitemap/{name}.xml": only("/sitemap/pages.xml", "application/xml"),
    "/openapi.json": only("/openapi.json", "application/json"),
    # time and change
    "/timegate/{rest}": only("/timegate/doc/id/epos", HTML, status=302, kept=False),
    "/timemap/{rest}": one("/timemap/doc/id/epos"),
    "/changes": one("/changes"),
    # Of the first version there is no patch: all of it is new.
    "/changes/{number}": (Example("/changes/1", (JSON, *GRAPHS), away=("application/rdf-patch",)),),
    "/feed.atom": only("/feed.atom", "application/atom+xml"),
    "/ldes": one("/ldes"),
    "/ldes/{page}": one("/ldes/1"),
    # finding
    "/search": one("/search?q=anefore"),
    "/reconcile": one("/reconcile"),
    **{f"/reconcile/suggest/{kind}": one(f"/reconcile/suggest/{kind}?prefix=a") for kind in SUGGESTED},
    "/reconcile/flyout/entity": one("/reconcile/flyout/entity?id=id/anefore"),
    "/reconcile/flyout/type": one("/reconcile/flyout/type?id=vet:LegalAct"),
    "/reconcile/flyout/property": one("/reconcile/flyout/property?id=vet:inCountry"),
    "/reconcile/preview": one("/reconcile/preview?id=id/anefore"),
    "/reconcile/properties": one("/reconcile/properties?type=vet:Organisation"),
    # pages
    "/": (Example("/", (HTML,), away=GRAPHS),),
    **{path: one(path) for path in PAGES},
    "/queries/{name}": one("/queries/areas-without-evaluation"),
    "/problems/{slug}": (Example("/problems/not-found", kept=False),),
    # what keeps it running
    "/healthz": only("/healthz", "text/plain", kept=False),
    "/readyz": only("/readyz", "application/json", kept=False),
    "/static/{filename}": only("/static/style.css", "text/css", ranged=True),
}
"""What stands for each address that can be read; the keys are as the OpenAPI document writes them."""

VOCABULARY = {"/context.jsonld", "/context/{number}.jsonld", "/frames/{name}.jsonld"}
"""JSON-LD that says nothing by itself."""
LARGE = {"/ontology", "/shapes", "/catalog", "/"}
UNDESCRIBED = {"/static/{filename}"}
"""What pages link to, and no machine needs to know of."""


def every(choose: Callable[[Example], bool] = lambda _: True, *, alike: bool = THOROUGH) -> pytest.MarkDecorator:
    """Run a test on each example that is chosen; ``alike``: on those too that differ from another by their suffix."""
    several = [
        (path, example)
        for path, shown in EXAMPLES.items()
        for number, example in enumerate(shown)
        if choose(example) and (alike or not number or not example.fixed)
    ]
    return pytest.mark.parametrize(("path", "example"), [pytest.param(*pair, id=str(pair[1])) for pair in several])


def large(example: Example) -> bool:
    return example.address.partition(".")[0] in LARGE


def template(address: str) -> str:
    return re.sub(r"{\w+:", "{", address)


def readable(app: Flask) -> set[str]:
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    return {template(address) for rule in rules for address in openapi.addresses(rule)}


def test_every_route_has_an_example(app: Flask) -> None:
    assert sorted(readable(app) - {*EXAMPLES}) == [], "add an example to EXAMPLES"
    assert sorted({*EXAMPLES} - readable(app)) == [], "these routes are gone"


@every(alike=True)
def test_an_example_is_one_of_its_route(app: Flask, path: str, example: Example) -> None:
    rule, _ = app.url_map.bind("localhost").match(example.address.partition("?")[0], return_rule=True)
    assert path in {template(address) for address in openapi.addresses(rule)}


@pytest.fixture(scope="module")
def told(app: Flask) -> Mapping[str, tuple[str, ...]]:
    """The media types of each address, as the OpenAPI document tells them."""
    paths = app.test_client().get("/openapi.json").get_json()["paths"]
    reads = {path: item["get"]["responses"] for path, item in paths.items() if "get" in item}
    return {path: tuple(answers.get("200", {}).get("content", ())) for path, answers in reads.items()}


@pytest.mark.parametrize("path", sorted({*EXAMPLES} - UNDESCRIBED))
def test_examples_have_the_formats_that_are_told(told: Mapping[str, tuple[str, ...]], path: str) -> None:
    several = [example for example in EXAMPLES[path] if example.status == 200 and example.formats]
    shown = {type_ for example in several for type_ in example.formats}
    if several:
        assert shown <= {*told[path]}
        shown |= {type_ for example in several for type_ in example.away if example.address != "/"}
        # A saved query answers with solutions or with a graph: one example shows one of the two.
        assert shown == {*told[path]} or path.startswith("/api/queries/")


# -- what is asked ------------------------------------------------------------------------------------------


class Asked:
    """A client that asks nothing twice: the same request has the same answer as long as nobody writes."""

    def __init__(self, http: Any, told: Mapping[str, tuple[str, ...]]) -> None:
        self._http = http
        self._told = told
        self._known: dict[Any, Any] = {}

    def __call__(self, method: str, address: str, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        key = (method, address, *sorted(named.items()))
        if key not in self._known:
            self._known[key] = self._http.open(address, method=method, headers=named)
        return self._known[key]

    def formats(self, path: str, example: Example) -> tuple[str, ...]:
        """Return the media types that an example can be had in."""
        return example.formats or self._told[path]

    def some(self, path: str, example: Example) -> tuple[str, ...]:
        """Return these media types; of what is large only one and the page, unless the tests are to be thorough."""
        several = self.formats(path, example)
        if large(example) and not THOROUGH:
            return tuple(type_ for type_ in several if type_ in (several[-1], HTML))
        return several

    def first(self, path: str, example: Example) -> Any:
        """Return the answer in the first of the formats."""
        return self("GET", example.address, Accept=self.formats(path, example)[0])


@pytest.fixture(scope="module")
def asked(readonly: Any, told: Mapping[str, tuple[str, ...]]) -> Asked:
    """The service, by its front."""
    return Asked(readonly, told)


def _graph(type_: str) -> Callable[[bytes], Any]:
    form = ox.RdfFormat.from_media_type(type_)
    assert form
    return lambda body: next(iter(ox.parse(io.BytesIO(body), format=form)))


def _text(start: str) -> Callable[[bytes], Any]:
    def read(body: bytes) -> None:
        assert body.decode().lstrip().lower().startswith(start), body[:200]

    return read


READERS: dict[str, Callable[[bytes], Any]] = {
    **{type_: _graph(type_) for type_ in GRAPHS},
    HTML: _text("<!doctype html>"),
    "text/css": _text(""),
    "text/plain": _text(""),
    "text/csv": _text(""),
    "text/tab-separated-values": _text(""),
    "application/gzip": gzip.decompress,
    "application/linkset": _text("<"),
    "application/link-format": _text("<"),
    "application/x-bibtex": _text("@"),
    "application/x-research-info-systems": _text("ty  - "),
    "application/yaml": yaml.safe_load,
}
"""How a body of each type is read; all JSON and XML by their own parsers."""


def read_as(type_: str, body: bytes) -> None:
    """Read a body by a parser of its type. Fails where it is none."""
    if type_ in READERS:
        READERS[type_](body)
    elif type_.endswith("json"):
        json.loads(body)
    else:
        assert type_.endswith("xml"), f"add a reader for {type_}"
        ElementTree.fromstring(body)


def names(value: str | None) -> set[str]:
    """Return the members of a header that is a list, in lower case."""
    return {one.strip().lower() for one in (value or "").split(",") if one.strip()}


# -- formats ------------------------------------------------------------------------------------------------


@every(alike=True)
def test_each_format_is_had_by_accept(asked: Asked, path: str, example: Example) -> None:
    for type_ in asked.formats(path, example):
        reply = asked("GET", example.address, Accept=type_)
        assert reply.status_code == example.status, (type_, reply.text)
        if example.status == 303:
            address = "/" + reply.headers["Location"].split("/", 3)[3]
            reply = asked("GET", address, Accept=type_)
            assert reply.status_code == 200
        if reply.status_code == 200:
            assert reply.mimetype == type_
            read_as(JSON if reply.mimetype == JSON_LD and path in VOCABULARY else type_, reply.data)


def _form(reply: Any) -> tuple[str, str]:
    """Return the media type of an answer, and where it leads."""
    return reply.content_type, reply.headers.get("Location", "")


@every(lambda example: not example.fixed and example.address not in ("/", *PAGES))
def test_weights_and_wildcards_decide(asked: Asked, path: str, example: Example) -> None:
    several = asked.some(path, example)
    whole = {type_: asked("GET", example.address, Accept=type_) for type_ in asked.formats(path, example)}

    def same(accept: str, type_: str) -> None:
        reply = asked("GET", example.address, Accept=accept)
        assert reply.status_code == example.status, accept
        assert _form(reply) == _form(whole[type_]), accept

    for type_ in several:
        same(f"{NOT_OURS}, {type_};q=0.2", type_)
        same(f"*/*;q=0.1, {type_}", type_)
        same(f"{type_.partition('/')[0]}/*;q=0.3, */*;q=0.1, {type_};q=0.9", type_)
        same(type_.upper(), type_)
    if len(several) > 1:
        first = _form(asked("GET", example.address, Accept="*/*"))
        refused = next(type_ for type_ in asked.formats(path, example) if _form(whole[type_]) == first)
        other = asked("GET", example.address, Accept=f"{refused};q=0, */*")
        assert other.status_code == example.status
        assert _form(other) != first


@every(lambda example: example.status != 403)
def test_what_cannot_be_had_is_406_with_what_can(
    asked: Asked, assert_problem: Problem, path: str, example: Example
) -> None:
    for accept in (NOT_OURS, f"{NOT_OURS}, audio/*;q=0.5"):
        reply = asked("GET", example.address, Accept=accept)
        several = asked.formats(path, example)
        if example.fixed or (len(several) == 1 and reply.status_code == 200):
            # There is but one: who asks for another is better served by it than by a refusal (RFC 9110 12.4.1).
            assert reply.status_code == example.status
            continue
        problem = assert_problem(reply, 406, "not-acceptable")
        assert {*problem["available"]} == {*several, *example.away}
        # Whoever keeps the refusal must not give it to those who accept more.
        assert "no-store" in names(reply.headers.get("Cache-Control")) or "accept" in names(reply.headers.get("Vary"))


@every(lambda example: example.chooses)
def test_a_parameter_wins_over_accept(asked: Asked, path: str, example: Example) -> None:
    for type_ in asked.some(path, example):
        kind = media.by_type(type_)
        assert kind
        for value in (kind.suffix, type_.replace("+", "%2B")):
            address = f"{example.address}{'&' if '?' in example.address else '?'}format={value}"
            assert asked("GET", address, Accept=NOT_OURS).mimetype == type_


# -- caches -------------------------------------------------------------------------------------------------

KEPT = every(lambda example: example.kept)


@KEPT
def test_an_answer_has_a_strong_tag_a_date_and_a_rule(asked: Asked, path: str, example: Example) -> None:
    tags = {}
    for type_ in asked.some(path, example):
        reply = asked("GET", example.address, Accept=type_)
        tags[type_] = reply.headers["ETag"]
        assert re.fullmatch(r'"[!#-~]+"', tags[type_])
        if example.dated:
            parsedate_to_datetime(reply.headers["Last-Modified"])
        assert names(reply.headers["Cache-Control"]) & {"public", "immutable"}
    assert len({*tags.values()}) == len(tags)


@KEPT
def test_who_has_the_tag_gets_304(asked: Asked, path: str, example: Example) -> None:
    for type_ in asked.some(path, example):
        whole = asked("GET", example.address, Accept=type_)
        tag = whole.headers["ETag"]
        for method in ("GET", "HEAD"):
            for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
                reply = asked(method, example.address, Accept=type_, If_None_Match=known)
                assert (reply.status_code, reply.data) == (304, b""), known
                for name in ("ETag", "Vary", "Cache-Control", "Content-Location", "Access-Control-Allow-Origin"):
                    assert reply.headers.get(name) == whole.headers.get(name), name
        other = asked("GET", example.address, Accept=type_, If_None_Match='"other"')
        assert (other.status_code, other.data) == (200, whole.data)


@every(lambda example: example.kept and example.dated)
def test_who_has_the_date_gets_304(asked: Asked, path: str, example: Example) -> None:
    type_ = asked.formats(path, example)[0]
    date = asked.first(path, example).headers["Last-Modified"]
    before = format_datetime(parsedate_to_datetime(date) - timedelta(days=1), usegmt=True)

    def status(**headers: str) -> int:
        return int(asked("GET", example.address, Accept=type_, **headers).status_code)

    assert status(If_Modified_Since=date) == 304
    assert status(If_Modified_Since=before) == 200
    if not THOROUGH and (example.address in PAGES or large(example)):
        return
    assert status(If_Modified_Since=LATER) == 304
    assert status(If_Modified_Since="not a date") == 200
    # RFC 9110 section 13.1.3: who sends a tag as well is judged by the tag.
    assert status(If_Modified_Since=date, If_None_Match='"other"') == 200


def _body(path: str, reply: Any) -> Any:
    """Return the body of an answer; the statements of a graph of the store come in no fixed order."""
    return {*re.findall(rb"[^\s,;.]+", reply.data)} if path == "/store" else reply.data


def _outcome(path: str, reply: Any) -> tuple[Any, ...]:
    body = _body(path, reply)
    return (
        *(reply.status_code, reply.headers.get("Location"), reply.headers.get("Memento-Datetime")),
        body if isinstance(body, bytes) else frozenset(body),
    )


@every(lambda example: example.status < 400)
def test_vary_names_what_matters_and_nothing_else(asked: Asked, path: str, example: Example) -> None:
    several = asked.formats(path, example)
    accepts = [*several, *example.away[:1], NOT_OURS, *([PROFILE] if JSON_LD in several else [])]
    by_accept = [asked("GET", example.address, Accept=accept) for accept in accepts]
    for type_ in asked.some(path, example):
        usual = asked("GET", example.address, Accept=type_)
        vary = names(usual.headers.get("Vary"))
        if "no-store" in names(usual.headers.get("Cache-Control")):
            continue
        tongues = ("en", "fr", "de", "nl") if type_ == HTML else ("fr",)
        others = {
            "accept": by_accept if not example.fixed or type_ == JSON_LD else [],
            "accept-language": [asked("GET", example.address, Accept=type_, Accept_Language=code) for code in tongues],
            "accept-datetime": [asked("GET", example.address, Accept=type_, Accept_Datetime=LATER)],
        }
        matters = {
            name for name, replies in others.items() if {_outcome(path, r) for r in replies} - {_outcome(path, usual)}
        }
        if path.startswith("/timegate"):
            # With one version, every time leads to it.
            matters.add("accept-datetime")
        assert matters == vary & {*others}, (type_, "matters", matters, "said", vary)
        assert vary <= {*others, "origin", "accept-encoding", "prefer"}


@every(lambda example: not example.kept and example.status == 200)
def test_what_caches_may_not_keep_says_so(asked: Asked, path: str, example: Example) -> None:
    reply = asked.first(path, example)
    assert names(reply.headers.get("Cache-Control")) & {"no-store", "no-cache"} or reply.headers.get("ETag")


# -- ranges -------------------------------------------------------------------------------------------------


@every(lambda example: example.ranged)
def test_parts_can_be_had(asked: Asked, assert_problem: Problem, path: str, example: Example) -> None:
    whole = asked("GET", example.address)
    size = len(whole.data)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert int(whole.headers["Content-Length"]) == size
    for text, part in (("0-9", slice(0, 10)), (f"{size - 5}-", slice(-5, None)), ("-7", slice(-7, None))):
        reply = asked("GET", example.address, Range=f"bytes={text}")
        start, end, _ = part.indices(size)
        assert (reply.status_code, reply.data) == (206, whole.data[part])
        assert reply.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
        assert int(reply.headers["Content-Length"]) == len(reply.data)
        assert reply.headers["ETag"] == whole.headers["ETag"]
    beyond = asked("GET", example.address, Range=f"bytes={size}-")
    assert_problem(beyond, 416)
    assert beyond.headers["Content-Range"] == f"bytes */{size}"


@every(lambda example: example.ranged)
def test_a_part_of_what_has_changed_is_not_given(asked: Asked, path: str, example: Example) -> None:
    whole = asked("GET", example.address)
    for known, status in ((whole.headers["ETag"], 206), ('"other"', 200), (whole.headers["Last-Modified"], 206)):
        assert asked("GET", example.address, Range="bytes=0-9", If_Range=known).status_code == status
    # A condition is judged before a range (RFC 9110 section 13.2.2); what is no range is passed over.
    reply = asked("GET", example.address, Range="bytes=0-9", If_None_Match=whole.headers["ETag"])
    assert reply.status_code == 304 or path in UNDESCRIBED
    for odd in ("lines=0-9", "bytes=9-0", "bytes"):
        assert asked("GET", example.address, Range=odd).status_code in (200, 416)


@every(lambda example: not example.ranged and example.status == 200)
def test_what_has_no_parts_comes_whole(asked: Asked, path: str, example: Example) -> None:
    type_ = asked.formats(path, example)[0]
    reply = asked("GET", example.address, Accept=type_, Range="bytes=0-9")
    assert reply.headers.get("Accept-Ranges") in (None, "none")
    assert reply.status_code == 200
    assert _body(path, reply) == _body(path, asked.first(path, example))


# -- HEAD, OPTIONS, CORS, other methods ---------------------------------------------------------------------------


@every()
def test_head_says_what_get_says_without_the_body(asked: Asked, path: str, example: Example) -> None:
    for type_ in asked.some(path, example):
        whole = asked("GET", example.address, Accept=type_)
        head = asked("HEAD", example.address, Accept=type_)
        assert (head.status_code, head.data) == (whole.status_code, b"")
        dropped = {"date", "vetgraph-query", "content-length", "transfer-encoding", "connection", "server"}
        dropped |= {"cache-status"}
        told = {name.lower(): value for name, value in whole.headers.items() if name.lower() not in dropped}
        said = {name.lower(): value for name, value in head.headers.items() if name.lower() not in dropped}
        assert said == told
        assert head.headers.get("Content-Length") in (None, str(len(whole.data)))


@every()
def test_options_lists_the_methods(app: Flask, asked: Asked, path: str, example: Example) -> None:
    adapter = app.url_map.bind("localhost")
    reply = asked(
        "OPTIONS", example.address, Origin="https://example.org", Access_Control_Request_Method="GET",
        Access_Control_Request_Headers="accept"
    )  # fmt: skip
    assert reply.status_code in (200, 204)
    allowed = {method.lower() for method in adapter.allowed_methods(example.address.partition("?")[0])}
    assert names(reply.headers["Allow"]) == allowed
    assert names(reply.headers["Access-Control-Allow-Methods"]) == allowed
    assert "accept" in names(reply.headers["Access-Control-Allow-Headers"])
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


@every()
def test_any_page_may_read_without_credentials(asked: Asked, path: str, example: Example) -> None:
    for accept in (asked.formats(path, example)[0], NOT_OURS):
        reply = asked("GET", example.address, Accept=accept, Origin="https://example.org")
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in reply.headers
        shown = names(reply.headers["Access-Control-Expose-Headers"])
        ours = {"etag", "link", "location", "vetgraph-version", "memento-datetime", "repr-digest", "content-range"}
        assert ours & {name.lower() for name in reply.headers.keys()} <= shown  # noqa: SIM118


@every()
def test_other_methods_are_405_with_what_there_is(
    app: Flask, asked: Asked, assert_problem: Problem, path: str, example: Example
) -> None:
    allowed = app.url_map.bind("localhost").allowed_methods(example.address.partition("?")[0])
    for method in {"PUT", "PATCH", "DELETE", "POST", "PROPFIND"} - {*allowed}:
        reply = asked(method, example.address)
        assert_problem(reply, 405, "method-not-allowed")
        assert names(reply.headers["Allow"]) == {name.lower() for name in allowed}


@every()
def test_every_answer_says_its_version_and_is_not_guessed_at(asked: Asked, path: str, example: Example) -> None:
    reply = asked.first(path, example)
    assert int(reply.headers["Vetgraph-Version"]) >= 1
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    if reply.mimetype == HTML:
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
