"""Other hosts in a query or an update: SERVICE and LOAD, for hosts that the operator lists, and never otherwise.

Workers have no network. What a text wants from other hosts is therefore fetched before it is evaluated, by a child that
has the network and no data, and put in its place (SPARQL 1.1 Federated Query section 4; Update section 3.1.4):

- ``SERVICE <iri> { … }`` is asked as ``SELECT * WHERE { … }`` and becomes a VALUES block with its solutions. To the
  rest of the query either is a multiset of solutions that is joined, so the answer is the same. A blank node has no
  place in VALUES: it becomes a fresh IRI (RDF 1.1 section 3.5), one for each node of an answer.
- ``LOAD <iri>`` becomes the document, which a worker without network parses, as INSERT DATA.

A text is told apart by its tokens here. Should the engine read it otherwise, no host is asked by it: what workers get
goes through ``isolation`` as ever, and they have no network.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urljoin

import pyoxigraph as ox

from vetgraph.client import RESULTS, solutions_of
from vetgraph.engine import hosts
from vetgraph.engine.jobs import FetchJob, QueryJob, UpdateJob
from vetgraph.errors import (
    LimitExceeded,
    NotAllowed,
    QuerySyntaxError,
    RequestError,
    Unavailable,
    UnreadableData,
    UnsupportedQuery,
)
from vetgraph.hints import explained
from vetgraph.isolation import isolated
from vetgraph.syntax import Draft, Edit, Token, keywords, partners, place, tokens
from vetgraph.vocab import BASE

SECONDS: Final = 10.0
"""Seconds that other hosts are given, all clauses of a text together."""

BYTES: Final = 20_000_000
"""Bytes that are taken from them."""

ROWS: Final = 100_000
"""Solutions that are taken from them."""

_ACCEPT_RDF: Final = (
    "text/turtle, application/n-triples, application/ld+json;q=0.9, application/rdf+xml;q=0.8, text/plain;q=0.1"
)
_VAGUE: Final = ("text/plain", "application/octet-stream", "application/x-download", "binary/octet-stream")
"""Media types that servers give to files that they do not know; the name's suffix tells more."""

_LETTERS: Final = re.compile("service|load", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_STRAY: Final = "XXXXXXX"
_GENID: Final = f"{BASE}.well-known/genid/"

J = TypeVar("J", QueryJob, UpdateJob)


# The front's side: what is to be fetched, and what comes of it.


def is_wanted(job: QueryJob | UpdateJob) -> bool:
    """Whether a text names SERVICE or LOAD. Its answer depends on others then, and is not to be kept."""
    lowered = job.text.lower()
    if "service" not in lowered and (isinstance(job, QueryJob) or "load" not in lowered):
        return False
    return not {"SERVICE", "LOAD"}.isdisjoint(keywords(job.text))


def wish(job: QueryJob | UpdateJob, allowed: Sequence[str], seconds: float) -> FetchJob | None:
    """Return the job that fetches what a job wants from other hosts, within some seconds.

    None where it wants nothing, or where no host may be asked: then the worker refuses it.
    """
    if not allowed or not is_wanted(job):
        return None
    kind = "query" if isinstance(job, QueryJob) else "update"
    return FetchJob(job.text, kind, job.base, tuple(allowed), min(seconds, SECONDS), BYTES, ROWS)


def granted(job: J, head: Mapping[str, Any], data: bytes) -> J:
    """Return a job with what :func:`fetch` brought for it."""
    text, rest = data[: head["text"]].decode(), data[head["text"] :]
    if isinstance(job, QueryJob):
        return replace(job, text=text)
    documents, start = [], 0
    for iri, kind, length in head["documents"]:
        documents.append((iri, kind, rest[start : start + length]))
        start += length
    return replace(job, text=text, documents=tuple(documents))


# The child's side: with network, without data.


def fetch(job: FetchJob) -> tuple[dict[str, Any], bytes]:
    """Return what a text wants from other hosts: a head, and the text with its SERVICE clauses replaced.

    The documents of its LOADs follow the text; the head tells lengths. Raises QuerySyntaxError for a text that does
    not parse, before anybody is asked; NotAllowed for a host or an address that may not be asked; UnsupportedQuery for
    a clause that can't be fetched beforehand; LimitExceeded and Unavailable for what a host did, unless it is SILENT.
    """
    reader = _Reader(job.text, job.base)
    services, loads = list(reader.services()), list(reader.loads()) if job.kind == "update" else []
    _check(reader, services, loads, update=job.kind == "update")
    allowed = hosts.AllowList(job.hosts)
    for clause in (*services, *(load for load in loads if not load.silent)):
        allowed.place(clause.iri)
    purse = _Purse(job, allowed)
    edits = [
        Edit(clause.start, clause.end, _on_line(reader, clause, _values(reader, clause, purse)))
        for clause in services
        if not clause.nested
    ]
    documents = [_document(clause, purse) for clause in loads]
    text = Draft.of(job.text).edited(edits).text.encode()
    head = {"text": len(text), "documents": [(iri, kind, len(body)) for iri, kind, body in documents]}
    return head, b"".join((text, *(body for _, _, body in documents)))


@dataclass(frozen=True)
class _Clause:
    """A SERVICE clause or a LOAD: its place, the IRI it names, what stands before it, and what it asks."""

    start: int
    end: int
    iri: str
    silent: bool
    prologue: str = ""
    body: str = ""
    graph: str | None = None
    nested: bool = False


class _Reader:
    """A text, told apart as far as other hosts are concerned."""

    def __init__(self, text: str, base: str | None) -> None:
        self.text = text
        self._base = base
        self._found = tokens(text)
        self._pairs = partners(self._found)

    def services(self) -> Iterator[_Clause]:
        """Yield the SERVICE clauses in their order, those within others marked. Raises UnsupportedQuery."""
        outer, exists = 0, 0
        for index, token in enumerate(self._found):
            if token.text == "{" and index and self._found[index - 1].word == "EXISTS":
                exists = max(exists, self._pairs.get(index, 0))
            if token.word != "SERVICE" or not (clause := self._service(index)):
                continue
            if index < exists:
                raise self._refusal(
                    token,
                    "stands within EXISTS, where each solution would ask anew; put it before the FILTER",
                )
            yield replace(clause, nested=token.start < outer)
            outer = max(outer, clause.end)

    def loads(self) -> Iterator[_Clause]:
        """Yield the LOAD operations in their order."""
        for index, token in enumerate(self._found):
            if token.word == "LOAD" and (clause := self._load(index)):
                yield clause

    def strays(self, clauses: Iterable[_Clause]) -> Iterator[Token]:
        """Yield the keywords that begin no clause: where the text does not parse."""
        known = {clause.start for clause in clauses}
        for token in self._found:
            if token.word in ("SERVICE", "LOAD") and token.start not in known:
                yield token

    def _service(self, index: int) -> _Clause | None:
        at = index + 1 + (self._word(index + 1) == "SILENT")
        if self._kind(at) not in ("iri", "name", "variable") or self._pairs.get(at + 1, 0) <= at + 1:
            return None
        name, opening, closing = self._found[at], self._found[at + 1], self._found[self._pairs[at + 1]]
        if opening.text != "{":
            return None
        if name.kind == "variable":
            raise self._refusal(
                self._found[index], f"asks {name.text}; name the endpoint by its IRI, as it is asked before all else"
            )
        prologue, iri = self._named(at)
        body = self.text[opening.start : closing.end]
        return _Clause(self._found[index].start, closing.end, iri, at > index + 1, prologue, body)

    def _load(self, index: int) -> _Clause | None:
        at = index + 1 + (self._word(index + 1) == "SILENT")
        if self._kind(at) not in ("iri", "name"):
            return None
        last, graph = at, None
        if self._word(at + 1) == "INTO":
            last = at + 3
            if self._word(at + 2) != "GRAPH" or self._kind(last) not in ("iri", "name"):
                return None
            graph = self._named(last)[1]
        silent = at > index + 1
        return _Clause(self._found[index].start, self._found[last].end, self._named(at)[1], silent, graph=graph)

    def _named(self, at: int) -> tuple[str, str]:
        """Return the declarations that hold at a token, as text, and the IRI that the token stands for."""
        base, declared = self._base or "", {}
        lines = [f"BASE <{base}>"] if base else []
        for index in range(1, at):
            last, token = self._found[index - 1], self._found[index]
            if token.kind == "iri" and last.word == "BASE":
                base = _resolved(base, token)
                lines.append(f"BASE <{base}>")
            elif token.kind == "iri" and last.kind == "name" and self._word(index - 2) == "PREFIX":
                declared[last.text] = _resolved(base, token)
                lines.append(f"PREFIX {last.text} <{declared[last.text]}>")
        token = self._found[at]
        if token.kind == "iri":
            return "\n".join(lines), _resolved(base, token)
        label, colon, local = token.text.partition(":")
        if label + colon not in declared:
            line, column = place(self.text, token.start)
            what = f"The prefix {label}: at line {line}, column {column} is not declared."
            raise QuerySyntaxError(what, line=line, column=column)
        return "\n".join(lines), declared[label + colon] + re.sub(r"\\(.)", r"\1", local)

    def _refusal(self, token: Token, why: str) -> UnsupportedQuery:
        line, column = place(self.text, token.start)
        return UnsupportedQuery(f"The SERVICE clause at line {line}, column {column} {why}.", line=line, column=column)

    def _word(self, at: int) -> str:
        return self._found[at].word if at < len(self._found) else ""

    def _kind(self, at: int) -> str:
        return self._found[at].kind if at < len(self._found) else ""


class _Purse:
    """What may still be taken from other hosts: seconds, bytes, solutions."""

    def __init__(self, job: FetchJob, allowed: hosts.AllowList) -> None:
        self._job = job
        self._allowed = allowed
        self._ends = time.monotonic() + job.seconds
        self._size = job.bytes
        self._rows = job.rows

    def fetch(self, iri: str, accept: str, form: Mapping[str, str] | None = None) -> hosts.Reply:
        """Return what a host answers, to a form by POST. Raises NotAllowed, LimitExceeded, Unavailable."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise hosts.too_slow(iri, self._job.seconds)
        headers = {"Accept": accept}
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = None if form is None else urlencode(form).encode()
        reply = hosts.fetch(iri, self._allowed, hosts.Limits(left, self._size), headers=headers, body=body)
        self._size -= len(reply.body)
        return reply

    def count(self, rows: Iterable[T]) -> Iterator[T]:
        """Yield rows as long as any may be taken. Raises LimitExceeded."""
        for row in rows:
            if not self._rows:
                raise LimitExceeded(
                    f"Other hosts answered with more than the {self._job.rows} solutions that are taken from them; "
                    "narrow what the SERVICE clause asks.",
                    limit=self._job.rows,
                    unit="rows",
                )
            self._rows -= 1
            yield row


T = TypeVar("T")


def _check(reader: _Reader, services: Sequence[_Clause], loads: Sequence[_Clause], *, update: bool) -> None:
    """Raise QuerySyntaxError where the text does not parse. Nobody is asked on behalf of such a text."""
    edits = [Edit(clause.start, _opening(clause), _blank(reader, clause)) for clause in services]
    edits += [Edit(clause.start, clause.end, _on_line(reader, clause, "DROP ALL")) for clause in loads]
    # No clause, so the text does not parse; as the engine may see one all the same, it gets another word to stumble on.
    strays = list(reader.strays((*services, *loads)))
    edits += [Edit(token.start, token.end, _STRAY[: len(token.text)]) for token in strays]
    try:
        _parsed(Draft.of(reader.text).edited(edits).text, update=update)
    except QuerySyntaxError as error:
        for token in strays:
            error.detail = error.detail.replace(f"`{_STRAY[: len(token.text)]}`", f"`{token.text}`")
        raise


def _parsed(text: str, *, update: bool = False) -> Any:
    """Return what the engine answers on no data at all. Raises QuerySyntaxError."""
    store = ox.Store()
    try:
        # The same wall as everywhere: this process has a network.
        safe = isolated(Draft.of(text), update=update).text
        return store.update(safe, base_iri=BASE) if update else store.query(safe, base_iri=BASE)
    except SyntaxError as problem:
        raise explained(str(problem.msg or problem), text, update=update) from None
    except (ValueError, RuntimeError, OSError):
        return None  # it parses; what else is wrong with it is told when it is evaluated


def _opening(clause: _Clause) -> int:
    return clause.end - len(clause.body)


def _blank(reader: _Reader, clause: _Clause) -> str:
    """Return what stands before a clause's group as white space, so that all else keeps its place."""
    return re.sub(r"[^\r\n]", " ", reader.text[clause.start : _opening(clause)])


def _on_line(reader: _Reader, clause: _Clause, text: str) -> str:
    """Return what takes a clause's place with as many lines as the clause, so that those after it keep theirs."""
    return text + "\n" * reader.text.count("\n", clause.start, clause.end)


def _values(reader: _Reader, clause: _Clause, purse: _Purse) -> str:
    """Return the solutions of a SERVICE clause as a group of a query."""
    names = _variables(clause)
    query = f"{clause.prologue}\nSELECT * WHERE {clause.body}"
    try:
        reply = purse.fetch(clause.iri, RESULTS, {"query": query})
        rows = [[solution.get(name) for name in names] for solution in purse.count(_solutions(reply))]
    except NotAllowed:
        raise  # an answer that lacks a host's part because of our rules would mislead: said aloud, SILENT or not
    except RequestError:
        if not clause.silent:
            raise
        rows = [[None] * len(names)]
    if not names:
        # The engine takes several empty rows of VALUES for one; a union keeps them apart.
        return " UNION ".join(["{ }"] * len(rows)) if rows else "VALUES () { }"
    fresh = f"{_GENID}{uuid.uuid4().hex}-"
    written = "".join(f"({' '.join(_written(term, fresh) for term in row)})" for row in rows)
    return f"VALUES ({' '.join(f'?{name}' for name in names)}) {{ {written} }}"


def _variables(clause: _Clause) -> list[str]:
    """Return the variables that a clause's group puts into scope, as the engine sees it."""
    inner = _Reader(f"{clause.prologue}\nSELECT * WHERE {clause.body}", None)
    edits = [Edit(each.start, _opening(each), _blank(inner, each)) for each in inner.services()]
    answer = _parsed(Draft.of(inner.text).edited(edits).text)
    return [variable.value for variable in answer.variables] if isinstance(answer, ox.QuerySolutions) else []


def _solutions(reply: hosts.Reply) -> Iterator[Mapping[str, Any]]:
    try:
        yield from solutions_of(reply.body, reply.media)
    except SyntaxError as problem:
        raise Unavailable(f"<{reply.url}> answered something that is no SPARQL result: {problem.msg}.") from None


def _written(term: Any, fresh: str) -> str:
    """Return a term as VALUES can hold it, with the keywords that ask other hosts spelt otherwise."""
    if term is None:
        return "UNDEF"
    if isinstance(term, ox.BlankNode):
        return f"<{fresh}{term.value}>"
    if isinstance(term, ox.Triple):
        return f"<<( {' '.join(_written(part, fresh) for part in term)} )>>"
    return _spelt(str(term))


def _spelt(text: str) -> str:
    """Return terms with the letters of SERVICE and LOAD as code points: workers would look at each (``isolation``)."""
    return _LETTERS.sub(lambda match: f"{match[0][:2]}\\u{ord(match[0][2]):04x}{match[0][3:]}", text)


def _resolved(base: str, token: Token) -> str:
    """Return the IRI that a token stands for (RFC 3986 section 5.2)."""
    iri = _ESCAPED.sub(lambda match: chr(int(match[1] or match[2], 16)), token.text[1:-1])
    if _ABSOLUTE.match(iri):
        return iri
    # urljoin() loses a fragment that is empty, which the namespace of a prefix often ends with.
    joined = urljoin(base, iri)
    return f"{joined}#" if iri.endswith("#") and not joined.endswith("#") else joined


def _document(clause: _Clause, purse: _Purse) -> tuple[str, str, bytes]:
    """Return address, media type and body of the document that a LOAD names; no media type where it failed silently."""
    try:
        reply = purse.fetch(clause.iri, _ACCEPT_RDF)
    except RequestError:
        if not clause.silent:
            raise
        return clause.iri, "", b""
    return reply.url, reply.media, reply.body


# The worker's side: without network.


def with_documents(text: str, documents: Sequence[tuple[str, str, bytes]], base: str | None = None) -> Draft:
    """Return an update with its LOADs as INSERT DATA. Raises UnreadableData for a document that does not parse.

    ``documents`` are address, media type and body, one for each LOAD in its order.
    """
    reader = _Reader(text, base)
    clauses = list(reader.loads())
    if len(clauses) != len(documents):
        raise NotAllowed("This update loads documents that were not fetched for it.")
    edits = []
    for clause, document in zip(clauses, documents, strict=True):
        triples = _triples(clause, *document)
        data = f"GRAPH <{clause.graph}> {{ {triples} }}" if clause.graph else triples
        edits.append(Edit(clause.start, clause.end, _on_line(reader, clause, f"INSERT DATA {{ {data} }}")))
    return Draft.of(text).edited(edits)


def _triples(clause: _Clause, url: str, kind: str, body: bytes) -> str:
    """Return the triples of a document on one line; none where it can't be had and that is to be silent."""
    try:
        quads = _read(url, kind, body) if kind or not clause.silent else []
    except UnreadableData:
        if not clause.silent:
            raise
        quads = []
    data = ox.serialize((quad.triple for quad in quads), format=ox.RdfFormat.N_TRIPLES) or b""
    return _spelt(data.decode().replace("\n", " "))


def _read(url: str, kind: str, body: bytes) -> list[ox.Quad]:
    form = None if kind in _VAGUE else ox.RdfFormat.from_media_type(kind)
    form = form or ox.RdfFormat.from_extension(url.partition("?")[0].rpartition(".")[2])
    if form is None:
        raise UnreadableData(f"<{url}> is {kind or 'of no known kind'}, which is not RDF.", file=url)
    try:
        # Labels of blank nodes count within their document only.
        return list(ox.parse(body, format=form, base_iri=url, without_named_graphs=True, rename_blank_nodes=True))
    except (SyntaxError, ValueError) as problem:
        line = getattr(problem, "lineno", None)
        where = f" at line {line}" if line else ""
        said = getattr(problem, "msg", None) or problem
        raise UnreadableData(f"<{url}> does not parse{where}: {said}.", file=url, line=line) from None
