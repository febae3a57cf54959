"""A SPARQL update → the net delta, evaluated on a scratch: what is published is never touched.

The text is taken apart into its operations. Data and templates are filled in by the engine on an empty store, patterns
are queries on the scratch, and what an operation does is a few look-ups, however large the store is.

Where the default graph of queries is the union of all graphs (``union``), that holds for patterns, too. A triple
outside of GRAPH is then deleted from whichever graph it is in, since that is where the pattern saw it, and is inserted
into the default graph; WITH and GRAPH say otherwise. Without ``union`` all is as SPARQL 1.1 Update has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, cast

import pyoxigraph as ox

from vetgraph.engine.asking import named, translated
from vetgraph.engine.corrections import corrected
from vetgraph.engine.deltas import Delta
from vetgraph.engine.jobs import UpdateJob
from vetgraph.engine.scratch import DEFAULT, Graph, Scratch
from vetgraph.engine.templates import Block, Filled, Row, Template, blocks
from vetgraph.errors import BadParameter, Conflict, NotFound, UnsupportedQuery
from vetgraph.syntax import Draft, Token, partners, tokens

_NOWHERE: Final = "DROP GRAPH <urn:uuid:00000000-0000-0000-0000-000000000000> ; "
"""An operation that fails on a store without that graph, so that the engine reads a text and does nothing of it."""

_FRESH: Final = ("[", "(", "<<", "{|")
"""What makes blank nodes in a template without a label."""


def changed(scratch: Scratch, job: UpdateJob, *, scope: str | None = None) -> Delta:
    """Return the net delta of an update.

    ``scope`` is the graph that text outside of GRAPH, WITH and USING reads and writes in place of the default graph.
    Raises QuerySyntaxError, NotAllowed, UnsupportedQuery; NotFound and Conflict for graphs that are not there, or are;
    BadParameter where the text and the protocol both name a dataset.
    """
    draft = corrected(_with_documents(job), update=True)
    check_syntax(draft, job.base)
    default = named((scope,))[0] if scope else None
    try:
        for operation in operations(draft.text):
            _Evaluation(scratch, job, operation, default).run()
    except SyntaxError:
        # The whole parses, so it was read otherwise here than by the engine: better no change than another one.
        raise UnsupportedQuery(
            "The update can't be taken apart into its operations without doubt: set white space around < and >, and "
            "send its operations one by one."
        ) from None
    except (ValueError, RuntimeError, OSError) as problem:
        raise translated(problem, draft, update=True) from None
    return scratch.delta()


def _with_documents(job: UpdateJob) -> str:
    """Return an update's text, with the documents that it loads in place of LOAD."""
    if not job.documents:
        return job.text
    # It speaks HTTP as well, which few workers need.
    from vetgraph.engine.federation import with_documents

    return with_documents(job.text, job.documents, job.base).text


# -- taking apart -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """One operation of an update: the declarations that hold for it, and its tokens within the text."""

    prologue: str
    text: str
    found: Sequence[Token]

    @cached_property
    def pairs(self) -> dict[int, int]:
        """Which bracket belongs to which, by index."""
        return partners(self.found)

    @property
    def words(self) -> list[str]:
        """The first two keywords."""
        return [token.word for token in self.found[:2]]

    def between(self, start: int, end: int) -> str:
        """Return the text from a token to another one, both included."""
        return self.text[self.found[start].start : self.found[end].end]


def operations(text: str) -> Iterator[Operation]:
    """Yield the operations of an update; each knows the declarations before it (SPARQL 1.1 Update section 4)."""
    prologue: list[str] = []
    for found in _separated(tokens(text)):
        index = _after_declarations(found)
        if index:
            prologue.append(text[found[0].start : found[index - 1].end])
        if index < len(found):
            yield Operation("\n".join(prologue), text, found[index:])


def _separated(found: Iterable[Token]) -> Iterator[list[Token]]:
    """Yield the tokens between semicolons that stand in no braces."""
    depth, part = 0, list[Token]()
    for token in found:
        if token.kind == "other":
            depth += (token.text == "{") - (token.text == "}")
            if token.text == ";" and not depth:
                yield part
                part = []
                continue
        part.append(token)
    yield part


def _after_declarations(found: Sequence[Token]) -> int:
    """Return the index of the first token that is of no declaration."""
    lengths = {"PREFIX": 3, "BASE": 2, "VERSION": 2}
    index = 0
    while index < len(found) and found[index].word in lengths:
        index += lengths[found[index].word]
    return index


def check_syntax(draft: Draft, base: str | None) -> None:
    """Have the engine read a text without doing any of it. Raises QuerySyntaxError with the place in what was sent."""
    try:
        _read(draft.text, _after_declarations(tokens(draft.text)), base)
    except SyntaxError as problem:
        # The engine takes declarations before the first operation only.
        parts = list(operations(draft.text))
        if len({part.prologue for part in parts}) < 2 or not all(_reads(part, base) for part in parts):
            raise translated(problem, draft, update=True) from None


def _read(text: str, declared: int, base: str | None) -> None:
    """Have the engine read a text, given the number of tokens of its declarations. Raises SyntaxError."""
    found = tokens(text)
    if declared < len(found):
        start = found[declared].start
        text = text[:start] + _NOWHERE + text[start:]
    try:
        ox.Store().update(text, base_iri=base)
    except (ValueError, RuntimeError, OSError):
        return  # there is no graph that is nowhere: the engine has read it all, and done nothing


def _reads(part: Operation, base: str | None) -> bool:
    text = f"{part.prologue}\n{part.between(0, len(part.found) - 1)}"
    try:
        _read(text, len(tokens(part.prologue)), base)
    except SyntaxError:
        return False
    return True


# -- doing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Clauses:
    """The parts of an operation with a pattern; ``where`` is in braces."""

    delete: Sequence[Block]
    insert: Sequence[Block]
    where: str
    with_: Token | None = None
    using: Sequence[tuple[bool, Token]] = ()
    fresh: bool = False


@dataclass(frozen=True)
class _Evaluation:
    """One operation, and what it is done to."""

    scratch: Scratch
    job: UpdateJob
    operation: Operation
    scope: ox.NamedNode | None

    def run(self) -> None:
        """Do the operation to the scratch."""
        first, second = [*self.operation.words, ""][:2]
        if second == "DATA":
            self._change_data(first)
        elif (first, second) == ("DELETE", "WHERE"):
            self._modify(self._delete_where())
        elif first in ("INSERT", "DELETE", "WITH"):
            self._modify(self._clauses())
        else:
            _MANAGEMENT[first](self)

    # data and patterns

    def _change_data(self, verb: str) -> None:
        """INSERT DATA and DELETE DATA."""
        operation = self.operation
        found = blocks(operation.text, operation.found, operation.pairs, 2)
        made = list(self._template(found, ()).filled([()]))
        if verb == "INSERT":
            self.scratch.change((), (each.quad(self._written) for each in made))
        else:
            self.scratch.change(self._deleted(made, None), ())

    def _modify(self, clauses: _Clauses) -> None:
        """DELETE and INSERT with a pattern."""
        found = [*clauses.delete, *clauses.insert]
        variables = _variables(found)
        rows = self._solutions(clauses, variables)
        with_ = self._iris([clauses.with_])[clauses.with_.text] if clauses.with_ else None
        removed: list[Filled] = []
        added: list[Filled] = []
        for each in self._template(found, variables).filled(rows):
            (removed if each.block < len(clauses.delete) else added).append(each)
        default = with_ or self._written
        self.scratch.change(self._deleted(removed, with_), (each.quad(default) for each in added))

    def _deleted(self, made: Iterable[Filled], with_: ox.NamedNode | None) -> Iterator[ox.Quad]:
        """Yield the quads that filled blocks delete."""
        everywhere = self.job.union and with_ is None and self.scope is None
        for each in made:
            if each.graph is None and everywhere:
                yield from self.scratch.everywhere(each.triple)
            else:
                yield each.quad(with_ or self._written)

    @property
    def _written(self) -> Graph:
        """The graph that is written to outside of GRAPH and WITH."""
        return self.scope or DEFAULT

    def _solutions(self, clauses: _Clauses, variables: Sequence[str]) -> Iterator[Row]:
        """Yield the solutions of a pattern, as the values of some variables."""
        named_ = "".join(f" FROM {'NAMED ' if is_named else ''}{token.text}" for is_named, token in clauses.using)
        # Solutions that are alike make the same triples, unless each makes blank nodes of its own.
        select = "SELECT" if clauses.fresh else "SELECT DISTINCT"
        columns = " ".join(f"?{name}" for name in variables) or "(1 AS ?one)"
        text = f"{self.operation.prologue}\n{select} {columns}{named_}\nWHERE {clauses.where}"
        answer = self.scratch.store.query(text, base_iri=self.job.base, **self._dataset(clauses))
        assert isinstance(answer, ox.QuerySolutions)
        width = range(len(variables))
        return ([solution[column] for column in width] for solution in answer)

    def _dataset(self, clauses: _Clauses) -> dict[str, Any]:
        """Return what the engine's query takes for the dataset of a pattern (SPARQL 1.1 Update section 3.1.3)."""
        job = self.job
        if job.using_graphs or job.using_named_graphs:
            if clauses.using or clauses.with_:
                raise BadParameter(
                    "The update says USING or WITH, and the request has using-graph-uri or using-named-graph-uri: "
                    "say it in one place (SPARQL 1.1 Protocol section 2.2.3).",
                    parameter="using-graph-uri" if job.using_graphs else "using-named-graph-uri",
                )
            return {"default_graph": named(job.using_graphs), "named_graphs": named(job.using_named_graphs)}
        if clauses.using:
            return {}
        if clauses.with_:
            return {"default_graph": [self._iris([clauses.with_])[clauses.with_.text]]}
        return {"default_graph": [self.scope]} if self.scope else {"use_default_graph_as_union": job.union}

    def _template(self, found: Sequence[Block], variables: Sequence[str]) -> Template:
        graphs = self._iris([block.graph for block in found if block.graph and not block.variable])
        return Template(self.operation.prologue, self.job.base, found, variables, graphs)

    def _iris(self, found: Sequence[Token | None]) -> Mapping[str, ox.NamedNode]:
        """Return the IRIs of some tokens, by how they are written, as the engine reads them."""
        written = list(dict.fromkeys(token.text for token in found if token))
        if not written:
            return {}
        columns = " ".join(f"?iri{number}" for number in range(len(written)))
        text = f"{self.operation.prologue}\nSELECT {columns} {{ VALUES ({columns}) {{ ({' '.join(written)}) }} }}"
        answer = ox.Store().query(text, base_iri=self.job.base)
        assert isinstance(answer, ox.QuerySolutions)
        (iris,) = answer
        return dict(zip(written, cast("Iterable[ox.NamedNode]", iris), strict=True))

    # reading clauses

    def _delete_where(self) -> _Clauses:
        operation = self.operation
        found = blocks(operation.text, operation.found, operation.pairs, 2)
        # Blocks without triples are no part of the pattern, so it is put together anew.
        where = " ".join(
            f"GRAPH {each.graph.text} {{ {each.triples}\n}}" if each.graph else each.triples + "\n" for each in found
        )
        return _Clauses(found, (), f"{{ {where} }}")

    def _clauses(self) -> _Clauses:
        operation = self.operation
        found, pairs = operation.found, operation.pairs
        with_: Token | None = None
        using: list[tuple[bool, Token]] = []
        templates: dict[str, Sequence[Block]] = {}
        fresh = False
        index = 0
        while (word := found[index].word) != "WHERE":
            if word == "WITH":
                with_, index = found[index + 1], index + 2
            elif word == "USING":
                is_named = found[index + 1].word == "NAMED"
                using.append((is_named, found[index + 1 + is_named]))
                index += 2 + is_named
            else:
                end = pairs[index + 1]
                templates[word] = blocks(operation.text, found, pairs, index + 1)
                fresh = fresh or (word == "INSERT" and _makes_nodes(found[index + 2 : end]))
                index = end + 1
        where = operation.between(index + 1, pairs[index + 1])
        return _Clauses(templates.get("DELETE", ()), templates.get("INSERT", ()), where, with_, using, fresh)

    # managing graphs

    def _target(self) -> tuple[bool, Token]:
        """Return whether an operation is SILENT, and what it names: a graph, or DEFAULT, NAMED or ALL."""
        rest = [token for token in self.operation.found[1:] if token.word != "GRAPH"]
        silent = rest[0].word == "SILENT"
        return silent, rest[silent]

    def _targets(self) -> list[Graph]:
        """Return the graphs that CLEAR or DROP is about. Raises NotFound."""
        silent, target = self._target()
        if target.word == "DEFAULT":
            return [self._written]
        if target.word in ("NAMED", "ALL"):
            return [*self.scratch.graphs(), *([DEFAULT] if target.word == "ALL" else [])]
        graph = self._iris([target])[target.text]
        if self.scratch.exists(graph):
            return [graph]
        if not silent:
            raise _missing(graph)
        return []

    def clear(self) -> None:
        """CLEAR: section 3.1.5."""
        for graph in self._targets():
            self.scratch.clear(graph)

    def drop(self) -> None:
        """DROP: section 3.2.2."""
        for graph in self._targets():
            self.scratch.drop(graph)

    def create(self) -> None:
        """CREATE: section 3.2.1."""
        silent, target = self._target()
        graph = self._iris([target])[target.text]
        if self.scratch.exists(graph) and not silent:
            raise Conflict(
                f"The graph <{graph.value}> exists already; CREATE SILENT passes over that.", graph=graph.value
            )
        self.scratch.create(graph)

    def transfer(self) -> None:
        """COPY, MOVE and ADD: sections 3.2.3 to 3.2.5."""
        rest = [token for token in self.operation.found[1:] if token.word not in ("GRAPH", "TO")]
        silent = rest[0].word == "SILENT"
        source, target = (self._graph(token) for token in rest[silent : silent + 2])
        verb = self.operation.words[0]
        if source == target:
            return
        quads = self.scratch.quads(source)
        if verb != "ADD":
            self.scratch.drop(target)
        self.scratch.change((), (replace_graph(quad, target) for quad in quads))
        if verb == "MOVE":
            if not self.scratch.exists(source) and not silent:
                raise _missing(source)
            self.scratch.drop(source)

    def _graph(self, token: Token) -> Graph:
        return self._written if token.word == "DEFAULT" else self._iris([token])[token.text]


_MANAGEMENT: Final[Mapping[str, Callable[[_Evaluation], None]]] = {
    "CLEAR": _Evaluation.clear,
    "DROP": _Evaluation.drop,
    "CREATE": _Evaluation.create,
    **dict.fromkeys(("COPY", "MOVE", "ADD"), _Evaluation.transfer),
}


def replace_graph(quad: ox.Quad, graph: Graph) -> ox.Quad:
    """Return a quad's triple in another graph."""
    return ox.Quad(quad.subject, quad.predicate, quad.object, graph)


def _variables(found: Iterable[Block]) -> list[str]:
    """Return the variables of some blocks, in order."""
    names = [
        token.text[1:]
        for block in found
        for token in (*([block.graph] if block.graph else []), *tokens(block.triples))
        if token.kind == "variable"
    ]
    return list(dict.fromkeys(names))


def _makes_nodes(found: Iterable[Token]) -> bool:
    return any(token.kind == "blank" or token.text in _FRESH for token in found)


def _missing(graph: Graph) -> NotFound:
    name = graph.value if isinstance(graph, ox.NamedNode) else str(graph)
    return NotFound(f"There is no graph <{name}>; SILENT after the verb passes over that.", graph=name)
