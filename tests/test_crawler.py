"""A crawler that starts at ``/`` and knows nothing but links reaches what there is and meets nothing broken.

It follows what pages link to, ``Link`` headers, and, where it reads a document as RDF, the IRIs in it; no sitemap. By
default it takes so many addresses of a running server, of every kind some. ``TEST_OPTIONAL=required`` goes on until no
address is left, in this process, and counts the resources of the store: one document in so many as a page, the others
as N-Triples. ``CRAWL=pages`` reads every document as a page and follows no IRI, as a person would (some minutes).
"""

from __future__ import annotations

import html
import http.client
import os
import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urljoin, urlsplit
from zlib import crc32

import pyoxigraph as ox
import pytest
from flask import Flask

from vetgraph.store import GraphStore
from vetgraph.vocab import BASE

PAGES = os.environ.get("CRAWL") == "pages"
THOROUGH = PAGES or os.environ.get("TEST_OPTIONAL") == "required"
BOUND = 160
"""Addresses of a running server that are asked for."""
SHARE = 25
"""One document in so many is read as a page, and one variant (language, format, past) in so many is asked for."""

THINGS = ("id/", "scheme/", "source/", "graph/", "query/", "version/", "distribution/")
_REFERENCE = re.compile(r"""\b(?:href|src|action)="([^"]*)\"""")
_ANCHOR = re.compile(r"""\bid="([^"]*)\"""")
_TARGET = re.compile(r"<([^>]*)>\s*;")
_LITERAL = re.compile(rb'"(?:[^"\\]|\\.)*"')
_IRI = re.compile(rb"<(https://w3id\.org/vetgraph/[^>]*)>")
_SUBJECT = re.compile(rb"^<(https://w3id\.org/vetgraph/[^>]*#[^>]*)>", re.MULTILINE)
_SUFFIX = re.compile(r"\.(?:html|ttl|jsonld|nt|rdf|trig|nq|csv|tsv|json|xml|gz)$")


@dataclass(frozen=True)
class Reply:
    status: int
    type: str
    location: str
    links: str
    body: bytes


Get = Callable[[str, str], Reply]
"""Answers an address, asked for with an Accept header."""


def drawn(address: str, share: int) -> bool:
    """Whether an address is the one in so many that is drawn: always the same ones."""
    return crc32(address.encode()) % share == 0


@dataclass
class Crawl:
    """What a crawler has seen of a service: which addresses, who linked to them, what was wrong with them."""

    get: Get
    root: str
    share: int = SHARE
    """1: every document as a page, every variant."""
    from_: dict[str, str] = field(default_factory=lambda: {"/": ""})
    waiting: dict[str, deque[str]] = field(default_factory=lambda: {"/": deque(["/"])})
    statuses: Counter[int] = field(default_factory=Counter)
    reached: set[str] = field(default_factory=set)
    anchors: dict[str, set[str]] = field(default_factory=dict)
    anchored: dict[tuple[str, str], str] = field(default_factory=dict)
    described: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    html: bool = True
    """Whether what is read is a page: an IRI with a hash leads to a place in one only where a page says so."""

    def run(self, bound: int | None = None) -> None:
        """Ask for address after address, of each kind in turn, until there is none or there were enough."""
        while self.waiting and (bound is None or self.statuses.total() < bound):
            for kind in [*self.waiting]:
                self._visit(self.waiting[kind].popleft())
                if not self.waiting[kind]:
                    del self.waiting[kind]
        self._check_anchors()

    def _visit(self, address: str) -> None:
        document = address.startswith("/doc/") and not _SUFFIX.search(address.partition("?")[0])
        page = not document or drawn(address, self.share)
        reply = self.get(address, "text/html, */*;q=0.5" if page else "application/n-triples")
        self.statuses[reply.status] += 1
        if reply.status >= 400 or not reply.status:
            self.faults.append(f"{address}: {reply.status}, linked from {self.from_[address]}")
            return
        self.reached.add(unquote(urlsplit(address).path))
        self.html = reply.type == "text/html"
        if reply.type == "application/n-triples":
            self.described.update(one.decode() for one in _SUBJECT.findall(reply.body))
        for target in self._targets(reply):
            self._note(urljoin(self.root + address, target), address)
        if reply.type == "text/html" and reply.status == 200:
            self.anchors[address] = {html.unescape(one) for one in _ANCHOR.findall(reply.body.decode())}

    def _targets(self, reply: Reply) -> Iterator[str]:
        """Yield what an answer links to."""
        if reply.location:
            yield reply.location
        yield from _TARGET.findall(reply.links)
        if reply.type == "text/html":
            yield from map(html.unescape, _REFERENCE.findall(reply.body.decode()))
        elif reply.type == "application/n-triples":
            yield from sorted(one.decode() for one in {*_IRI.findall(_LITERAL.sub(b"", reply.body))})

    def _note(self, url: str, by: str) -> None:
        """Remember an address of ours that is linked to; IRIs of ours are answered for here."""
        if url.startswith(BASE):
            path = quote(url.removeprefix(BASE), safe="/#?=&%+:")
            # Some names are followed; the document that they all lead to is asked for at once else.
            ahead = path.startswith(THINGS) and not drawn(path, self.share)
            url = f"{self.root}/doc/{path}" if ahead else f"{self.root}/{path}"
        if not url.startswith(self.root + "/"):
            return
        address, _, anchor = url.removeprefix(self.root).partition("#")
        if anchor and self.html:
            self.anchored.setdefault((address, unquote(anchor)), by)
        if address not in self.from_ and self._wanted(address):
            self.from_[address] = by
            self.waiting.setdefault(kind_of(address), deque()).append(address)

    def _wanted(self, address: str) -> bool:
        """Whether to ask for an address: all that is no variant of another, and some of the variants."""
        path, _, query = address.partition("?")
        if path.startswith("/dump"):
            return not self.share > 1
        variant = bool(query) or bool(_SUFFIX.search(path)) or path.startswith(("/timemap", "/timegate", "/linkset"))
        if path in ("/ontology.nt", "/shapes.nt"):
            return True
        if path == "/search":
            # Each class has its list; the first pages of it will do, and no mixture of facets.
            return bool(re.fullmatch(r"class=[^&]*(&page=[2-5])?|", query))
        costly = path == "/sparql" or (bool(query) and path.startswith(("/queries/", "/api/")))
        if costly:
            return drawn(address, 25 * self.share)
        if f"/doc{path}" in self.from_:
            # An IRI leads to its document, which is known already: some stand for all.
            variant = True
        return drawn(address, self.share * 5) if variant else True

    def _check_anchors(self) -> None:
        for (address, anchor), by in self.anchored.items():
            known = self.anchors.get(address)
            if known is not None and anchor not in known:
                self.faults.append(f"{address}#{anchor}: no such place, linked from {by}")


def kind_of(address: str) -> str:
    """Return which kind an address is: the start of its path, and whether it has parameters."""
    path, _, query = address.partition("?")
    parts = path.removeprefix("/doc").split("/")
    # Names of things begin with what they are: ``act-lu-2017``, ``ev-000-29459``.
    return "/".join([*parts[:2], *(re.split(r"-|\d", part)[0] for part in parts[2:3])]) + ("?" if query else "")


# -- how to ask ---------------------------------------------------------------------------------------------


def by_flask(app: Flask) -> Get:
    client = app.test_client()

    def get(address: str, accept: str) -> Reply:
        with client.get(address, headers={"Accept": accept}) as answer:
            links = ", ".join(answer.headers.getlist("Link"))
            return Reply(answer.status_code, answer.mimetype, answer.headers.get("Location", ""), links, answer.data)

    return get


def by_http(url: str) -> Get:
    place = urlsplit(url)

    def get(address: str, accept: str) -> Reply:
        connection = http.client.HTTPConnection(place.netloc, timeout=60)
        try:
            connection.request("GET", address, headers={"Accept": accept})
            answer = connection.getresponse()
            type_ = answer.headers.get_content_type()
            links = ", ".join(answer.headers.get_all("Link") or [])
            return Reply(answer.status, type_, answer.headers.get("Location", ""), links, answer.read())
        finally:
            connection.close()

    return get


# -- what must hold --------------------------------------------------------------------------------------------


def resources(store: GraphStore) -> set[str]:
    """Return the IRIs of ours that the store describes."""
    subjects = {quad.subject.value for quad in store.quads() if isinstance(quad.subject, ox.NamedNode)}
    return {iri for iri in subjects if iri.startswith(BASE)}


def unreached(crawl: Crawl, iris: Iterable[str]) -> list[str]:
    """Return the IRIs of which the crawler has seen no document; a hash names a place in one."""
    places = {address.partition("?")[0]: names for address, names in crawl.anchors.items()}
    missing = []
    for iri in iris:
        path, _, anchor = iri.removeprefix(BASE).partition("#")
        seen = {f"/{path}", f"/doc/{path}"} & crawl.reached
        if not seen or (anchor and anchor not in places.get(f"/{path}", ()) and iri not in crawl.described):
            missing.append(iri)
    return sorted(missing)


def test_a_crawler_meets_no_broken_link(server_url: str) -> None:
    crawl = Crawl(by_http(server_url), server_url, share=2)
    crawl.run(BOUND)
    assert not crawl.faults, "\n".join(crawl.faults[:20])
    assert crawl.statuses.total() >= BOUND
    # A crawler that finds nothing meets nothing broken.
    assert len(crawl.from_) > 1000
    assert {"/sources", "/ontology", "/doc/id/luxembourg"} <= crawl.reached


def test_a_crawler_sees_what_is_broken() -> None:
    pages = {
        "/": b'<a href=\'/\' href="/doc/id/a#here">a</a> <a href="/gone?a=1&amp;b=2">gone</a>',
        "/doc/id/a": b'<p id="there"><a href="https://w3id.org/vetgraph/id/b">b</a><a href="http://elsewhere/">x</a>',
        "/id/b": b"",
    }

    def get(address: str, accept: str) -> Reply:
        return Reply(200 if address in pages else 404, "text/html", "", "", pages.get(address, b""))

    crawl = Crawl(get, "http://localhost", share=1)
    crawl._wanted = lambda address: True  # type: ignore[method-assign]
    crawl.run()
    assert sorted(crawl.faults) == [
        "/doc/id/a#here: no such place, linked from /",
        "/gone?a=1&b=2: 404, linked from /",
    ]
    assert unreached(crawl, [BASE + "id/a", BASE + "id/b", BASE + "id/c"]) == [BASE + "id/c"]


def test_a_crawler_reaches_every_resource(app: Flask, store: GraphStore) -> None:
    if not THOROUGH:
        pytest.skip("a crawl of everything takes a minute; enable with: TEST_OPTIONAL=required (or CRAWL=pages)")
    crawl = Crawl(by_flask(app), "http://localhost", share=1 if PAGES else SHARE)
    crawl.run()
    assert not crawl.faults, f"{len(crawl.faults)} of {crawl.statuses}:\n" + "\n".join(crawl.faults[:20])
    every = resources(store)
    missing = unreached(crawl, every)
    kinds = Counter(kind_of(iri.removeprefix(BASE[:-1])) for iri in missing)
    assert not missing, f"{len(missing)} of {len(every)}: {kinds.most_common(12)} {missing[:8]}"
