"""A worker's side of a store elsewhere: queries are passed on, and what comes back is written as any other answer.

An endpoint is asked for JSON or N-Triples whatever the caller wants; solutions and triples then go through the same
serialisers and limits as those of our own engine. A worker that is ended closes its connection with it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import IO, Any, Final
from urllib.parse import quote, urlencode

import pyoxigraph as ox

from vetgraph import media
from vetgraph.client import wants_graph
from vetgraph.engine import endpoint, federation
from vetgraph.engine.asking import bindings, names_dataset
from vetgraph.engine.endpoint import Endpoint, Place
from vetgraph.engine.jobs import QueryJob, StoreJob, UpdateJob
from vetgraph.engine.labelling import Find, best
from vetgraph.engine.storing import document
from vetgraph.errors import EngineError, NotAllowed, UnsupportedQuery
from vetgraph.isolation import isolated
from vetgraph.queries import with_values
from vetgraph.syntax import Draft, Token, tokens
from vetgraph.vocab import LABELS

UPDATE_FORMS: Final = frozenset(("INSERT", "DELETE", "LOAD", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH"))

AT_ONCE: Final = 200
"""Things whose labels are asked for in one question."""

DEEPEST: Final = 200
"""Nesting of a text that is passed on, at most."""

_OPENING: Final = frozenset(("(", "{", "[", "<<", "<<(", "{|"))
_CLOSING: Final = frozenset((")", "}", "]", ">>", ")>>", "|}"))

Parameters = list[tuple[str, str]]

_FORM: Final = "application/x-www-form-urlencoded"
_SPELT: Final = re.compile(r"(se)\\u0072(vice)|(lo)\\u0061(d)", re.IGNORECASE)
"""The letters of keywords as ``isolation`` and ``federation`` write them."""


_ANY_GRAPH: Final = re.compile(r"\A(ASK \{ GRAPH <[^<>]*> )\{\} \}\Z")
"""The question whether there is a graph. Virtuoso, which knows no empty ones, says yes of any name."""


class Triples:
    """A graph as it comes over the wire: to iterate over once, and to serialise like the engine's own answers."""

    def __init__(self, triples: Iterator[ox.Triple]) -> None:
        self._triples = triples

    def __iter__(self) -> Iterator[ox.Triple]:
        return self._triples

    def serialize(self, output: IO[bytes], format: ox.RdfFormat) -> None:  # noqa: A002 — the engine's own name
        """Write the graph in a format."""
        ox.serialize(self._triples, output, format=format)


class RemoteSource:
    """Answers from a store elsewhere, and makes changes there."""

    def __init__(self, told: str | Place, seconds: float | None = None, *, whole: bool = False) -> None:
        """``told`` is the place, or its JSON; ``seconds`` and ``whole`` are as for ``Endpoint``."""
        self.place = told if isinstance(told, Place) else Place.from_json(told)
        self._endpoint = Endpoint(self.place, seconds, whole=whole)

    def query(self, job: QueryJob) -> Any:
        """Return the answer to a query, read from the wire as it is used. Raises as ``Endpoint.results``."""
        text = self.sent(with_values(job.text, bindings_of(job)))
        parameters = self._dataset(job, text)
        if wants_graph(text):
            return Triples(self._endpoint.triples(text, parameters))
        return self._endpoint.results(text, parameters)

    def change(self, job: UpdateJob | StoreJob) -> tuple[dict[str, Any], bytes]:
        """Make a change; return the version that holds it and whether the graph was there, and no delta.

        What the store adds and removes, nobody counts. Raises RequestErrors for what is not taken or not understood,
        Unavailable where the store takes nothing from us.
        """
        before = endpoint.current_mark(self._endpoint)
        existed = True
        if isinstance(job, UpdateJob):
            if not self._update(job):
                return {"version": before.number, "existed": True, "added": 0, "removed": 0}, b""
        else:
            existed = self._exists(job)
            if job.action == "delete" and not existed:
                return {"version": before.number, "existed": False, "added": 0, "removed": 0}, b""
            self._store(job, existed=existed)
        return {"version": self._marked(before), "existed": existed, "added": None, "removed": None}, b""

    def labels(self, language: str) -> Find:
        """Return what finds labels of things in a language, some hundred at a time, over all named graphs.

        Asks over a connection of its own: that of the query is still being read from.
        """
        asked = Endpoint(self.place, whole=True)
        wanted = " ".join(f"<{iri}>" for iri in LABELS)

        def find(things: Collection[ox.NamedNode]) -> dict[ox.NamedNode, ox.Literal]:
            candidates: dict[ox.NamedNode, list[tuple[str, ox.Literal]]] = {}
            waiting = iter(things)
            while batch := list(itertools.islice(waiting, AT_ONCE)):
                text = f"VALUES ?x {{ {' '.join(map(str, batch))} }} VALUES ?p {{ {wanted} }} GRAPH ?g {{ ?x ?p ?l }}"
                for row in asked.select(f"SELECT DISTINCT ?x ?p ?l WHERE {{ {text} FILTER(ISLITERAL(?l)) }}"):
                    candidates.setdefault(row["x"], []).append((row["p"].value, row["l"]))
            found = {thing: best(told, language) for thing, told in candidates.items()}
            return {thing: label for thing, label in found.items() if label is not None}

        return find

    def sent(self, text: str, *, update: bool = False) -> str:
        """Return a text as it may be sent: asking no other hosts, however it is read. Raises NotAllowed."""
        draft = isolated(Draft.of(text), update=update)
        found = tokens(text)
        if any(token.word == "DEFINE" for token in found):
            raise NotAllowed("DEFINE is no SPARQL, and can make a store ask other hosts: leave it out.")
        if _depth(found) > DEEPEST:
            raise UnsupportedQuery(
                f"The text is nested too deeply to be passed on: more than {DEEPEST} groups, unions or negations lie "
                "in each other."
            )
        if self.place.virtuoso:
            # It reads tokens, as the standard wants, so the text is safe as it is; and no code points in IRIs.
            return _ANY_GRAPH.sub(r"\1{ ?s ?p ?o } }", _SPELT.sub(_plain, text))
        return draft.text

    def _dataset(self, job: QueryJob, text: str) -> Parameters:
        """Return the protocol's parameters for what a query sees (SPARQL 1.1 Protocol section 2.1.4)."""
        if job.default_graphs or job.named_graphs:
            return _graphs(job.default_graphs, job.named_graphs)
        if not job.union or names_dataset(text):
            return []
        return self._union("union-default-graph")

    def _union(self, name: str, first: str = "default-graph-uri", second: str = "named-graph-uri") -> Parameters:
        """Return the parameters with which the store sees all its graphs as one."""
        if self.place.union == "parameter":
            return [(name, "")]
        return _graphs(self.place.listed, self.place.listed, first, second)

    # Changes ----------------------------------------------------------------------------------------------------

    def _update(self, job: UpdateJob) -> bool:
        """Make an update; False where it has no operation."""
        draft = federation.with_documents(job.text, job.documents, job.base) if job.documents else Draft.of(job.text)
        text = self.sent(draft.text, update=True)
        found = tokens(text)
        if UPDATE_FORMS.isdisjoint(token.word for token in found):
            if error := endpoint.complaint(job.text, update=True):
                raise error
            return False
        using = ("using-graph-uri", "using-named-graph-uri")
        parameters = _graphs(job.using_graphs, job.using_named_graphs, *using)
        if not parameters and job.union and {"USING", "WITH"}.isdisjoint(token.word for token in found):
            parameters = self._union("using-union-graph", *using)
        if job.base:
            text = f"BASE <{job.base}> {text}"
        # The mark comes with the change, in one request. It has no pattern, so the parameters do not touch it.
        separator = "" if found[-1].text == ";" else ";"
        self._operate(f"{text}\n{separator} {endpoint.mark()}", parameters, told=job.text)
        return True

    def _operate(self, text: str, parameters: Iterable[tuple[str, str]] = (), *, told: str | None = None) -> None:
        """Have the store make an update; ``told`` is the caller's own text, if it is one."""
        body = urlencode([("update", text), *parameters]).encode()
        status, said = endpoint.send(self.place, self.place.update, body, _FORM)
        if status >= 300:
            raise endpoint.refusal(self.place, status, said, text if told is None else told, update=True)

    def _marked(self, before: endpoint.Mark) -> int:
        """Return the version after a write; where the write removed marks, have them counted on from before."""
        after = endpoint.current_mark(self._endpoint)
        if after.number > before.number:
            return after.number
        if after.number == before.number and after.at == before.at:
            raise EngineError(
                f"The store at {endpoint.host_of(self.place)} took a change and left no mark of it: whether it was "
                "made is not known."
            )
        start = before.number + 1 - (after.number - after.counted)
        self._operate(endpoint.counted_from(start))
        return before.number + 1

    # Whole graphs -----------------------------------------------------------------------------------------------

    def _exists(self, job: StoreJob) -> bool:
        if job.graph is None:
            return True
        return self._endpoint.ask(f"ASK {{ GRAPH {ox.NamedNode(job.graph)} {{ ?s ?p ?o }} }}")

    def _store(self, job: StoreJob, *, existed: bool) -> None:
        """Do a Graph Store operation: by that protocol where the store has it, else by an update."""
        if job.action == "patch":
            raise NotAllowed(
                "PATCH is not for a store elsewhere, as nobody there sees to it that one graph only is changed: send "
                "the update to /sparql, with GRAPH."
            )
        triples = [quad.triple for number in range(len(job.parts)) for quad in document(job, number, ox.DefaultGraph())]
        if self.place.graphs:
            self._by_protocol(job, triples)
            self._operate(endpoint.mark())
        else:
            self._by_update(job, triples, existed=existed)

    def _by_update(self, job: StoreJob, triples: list[ox.Triple], *, existed: bool) -> None:
        graph = f"GRAPH {ox.NamedNode(job.graph)}" if job.graph is not None else ""
        steps = []
        if job.action in ("put", "delete") and existed:
            steps.append(f"DROP SILENT {graph or 'DEFAULT'}")
        if triples:
            data = _written(triples)
            steps.append(f"INSERT DATA {{ {graph} {{ {data} }} }}" if graph else f"INSERT DATA {{ {data} }}")
        elif graph and job.action != "delete":
            steps.append(f"CREATE SILENT {graph}")
        self._operate(" ;\n".join((*steps, endpoint.mark())))

    def _by_protocol(self, job: StoreJob, triples: list[ox.Triple]) -> None:
        """Send whole graphs (SPARQL 1.1 Graph Store HTTP Protocol section 5)."""
        name = "default" if job.graph is None else f"graph={quote(job.graph, safe='')}"
        url = f"{self.place.graphs}{'&' if '?' in self.place.graphs else '?'}{name}"
        if job.action == "delete":
            self._transfer(url, None, "DELETE")
            return
        self._transfer(url, _written(triples).encode(), "PUT" if job.action == "put" else "POST")

    def _transfer(self, url: str, body: bytes | None, method: str) -> None:
        # N-Triples are Turtle, which more stores know by name.
        status, said = endpoint.send(self.place, url, body, media.TURTLE.type, method=method)
        if status >= 300 and not (method == "DELETE" and status == 404):
            raise endpoint.refusal(self.place, status, said, "", update=True)


def _depth(found: Sequence[Token]) -> int:
    """Return how deeply a text is nested at most: by brackets, by a chain of UNION, or by one of ``!``.

    A store elsewhere is not a process that we may sacrifice, and the stack of some overflows.
    """
    deepest = depth = chain = unions = 0
    for token in found:
        if token.text in _OPENING:
            depth += 1
        elif token.text in _CLOSING:
            depth -= 1
        chain = chain + 1 if token.text == "!" else 0
        unions += token.word == "UNION"
        deepest = max(deepest, depth, chain, unions)
    return deepest


def bindings_of(job: QueryJob) -> dict[str, Any]:
    """Return the terms of a job's variables by name. Raises BadParameter where one is none."""
    return {variable.value: term for variable, term in bindings(job.bindings).items()}


def _graphs(
    default: Iterable[str], named: Iterable[str], first: str = "default-graph-uri", second: str = "named-graph-uri"
) -> Parameters:
    return [*((first, iri) for iri in default), *((second, iri) for iri in named)]


def _plain(match: re.Match[str]) -> str:
    return f"{match[1]}r{match[2]}" if match[1] else f"{match[3]}a{match[4]}"


def _written(triples: list[ox.Triple]) -> str:
    return (ox.serialize(triples, format=ox.RdfFormat.N_TRIPLES) or b"").decode()
