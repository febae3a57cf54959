"""The templates of an update: which quads they make of the solutions of a pattern (SPARQL 1.1 Update section 3.1.3).

Nothing here reads SPARQL's triples. A template is taken apart into its blocks, one for each GRAPH and one for what
stands outside, and the engine fills all of them in, each in a graph of its own, from the solutions as VALUES, on a
store that holds nothing else. Where a solution has what VALUES can't say, a blank node, an IRI of ours stands for it.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

import pyoxigraph as ox

from vetgraph.engine.scratch import DEFAULT, Graph
from vetgraph.syntax import Token

Term: TypeAlias = ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple
Row: TypeAlias = Sequence[Term | None]

_ROWS_AT_ONCE: Final = 5_000


@dataclass(frozen=True)
class Block:
    """Triples of a template for one graph: an IRI or variable as it is written, or None outside of GRAPH."""

    graph: Token | None
    triples: str

    @property
    def variable(self) -> str | None:
        """The variable that names the graph."""
        return self.graph.text[1:] if self.graph is not None and self.graph.kind == "variable" else None


@dataclass(frozen=True)
class Filled:
    """A triple that a block, told by its number, makes; ``graph`` is None outside of GRAPH."""

    block: int
    graph: ox.NamedNode | ox.BlankNode | None
    triple: ox.Triple

    def quad(self, default: Graph = DEFAULT) -> ox.Quad:
        """Return the quad, where ``default`` is the graph outside of GRAPH."""
        triple = self.triple
        graph = default if self.graph is None else self.graph
        return ox.Quad(triple.subject, triple.predicate, triple.object, graph)


def blocks(text: str, found: Sequence[Token], pairs: Mapping[int, int], opening: int) -> list[Block]:
    """Return the blocks of the quads between two braces; those without triples are left out.

    Given are the text's tokens, which bracket belongs to which, and the index of the first brace.
    """
    made: list[Block] = []
    index = start = opening + 1
    closing = pairs[opening]
    while index <= closing:
        token = found[index]
        if index < closing and token.word != "GRAPH":
            index = pairs.get(index, index) + 1
            continue
        if start < index:
            made.append(Block(None, text[found[start].start : found[index - 1].end]))
        if index == closing:
            break
        brace = index + 2
        if pairs[brace] > brace + 1:
            made.append(Block(found[index + 1], text[found[brace].end : found[pairs[brace]].start]))
        index = start = pairs[brace] + 1
        if found[index].text == ".":
            index = start = index + 1
    return made


@dataclass(frozen=True)
class Template:
    """Blocks that share solutions, and what they need to be read.

    ``prologue`` declares the prefixes, ``base`` resolves IRIs, ``variables`` are the columns of the solutions,
    ``graphs`` says for the graph of a block, as it is written, which IRI that is.
    """

    prologue: str
    base: str | None
    blocks: Sequence[Block]
    variables: Sequence[str]
    graphs: Mapping[str, ox.NamedNode]

    def filled(self, rows: Iterable[Row]) -> Iterator[Filled]:
        """Yield the triples that solutions make; what makes none, such as a literal as a subject, is left out."""
        store, names = ox.Store(), _StandIns()
        named_by = [(number, self.variables.index(name)) for number, name in self._graph_variables()]
        columns = " ".join(f"?{name}" for name in (*self.variables, *(self._column(number) for number, _ in named_by)))
        template = "\n".join(self._text(number, names) for number in range(len(self.blocks)))
        waiting = iter(rows)
        while batch := list(itertools.islice(waiting, _ROWS_AT_ONCE)):
            values = "\n".join(f"({_values(row, named_by, names)})" for row in batch)
            where = f"VALUES ({columns}) {{\n{values}\n}}" if columns else _times(len(batch))
            store.update(f"{self.prologue}\nINSERT {{ {template} }} WHERE {{ {where} }}", base_iri=self.base)
            yield from names.read(store)
            store.clear()

    def _graph_variables(self) -> Iterator[tuple[int, str]]:
        """Yield the blocks, by number, whose graph is a variable."""
        return ((number, block.variable) for number, block in enumerate(self.blocks) if block.variable)

    def _column(self, number: int) -> str:
        """Return the variable for what stands for a block and its graph: longer than any other, so none of them."""
        return "g" * (1 + max(map(len, self.variables))) + str(number)

    def _text(self, number: int, names: _StandIns) -> str:
        """Return a block as part of one template: its graph stands for the block and the graph together."""
        block = self.blocks[number]
        if block.variable:
            head = f"?{self._column(number)}"
        else:
            graph = None if block.graph is None else self.graphs[block.graph.text]
            head = f"<{names.of((number, graph))}>"
        # The triples may end in a comment.
        return f"GRAPH {head} {{ {block.triples}\n}}"


def _times(rows: int) -> str:
    """Return a pattern with so many solutions that bind nothing."""
    return "VALUES () { " + "() " * rows + "}"


def _values(row: Row, named_by: Sequence[tuple[int, int]], names: _StandIns) -> str:
    """Return a row of VALUES: a solution, and for each block with a variable graph what stands for it."""
    written = [names.written(term) for term in row]
    for number, column in named_by:
        graph = row[column]
        is_name = isinstance(graph, ox.NamedNode | ox.BlankNode)
        written.append(f"<{names.of((number, graph))}>" if is_name else "UNDEF")
    return " ".join(written)


class _StandIns:
    """IRIs of our own, which no data can have, and what each stands for."""

    def __init__(self) -> None:
        self._start = f"{uuid.uuid4().urn}:"
        self._names: dict[Hashable, str] = {}
        self._meant: dict[str, Hashable] = {}

    def of(self, what: Hashable) -> str:
        """Return the IRI that stands for something."""
        name = self._names.get(what)
        if name is None:
            name = self._names[what] = f"{self._start}{len(self._names)}"
            self._meant[name] = what
        return name

    def written(self, term: Term | None) -> str:
        """Return a term as VALUES has it."""
        if term is None:
            return "UNDEF"
        if isinstance(term, ox.BlankNode):
            return f"<{self.of(term)}>"
        if isinstance(term, ox.Triple):
            parts = (term.subject, term.predicate, term.object)
            return f"<<( {' '.join(self.written(part) for part in parts)} )>>"
        return str(term)

    def read(self, store: ox.Store) -> Iterator[Filled]:
        """Yield what a store holds, with what is meant by its IRIs."""
        for quad in store:
            assert isinstance(quad.graph_name, ox.NamedNode)
            number, graph = cast("tuple[int, ox.NamedNode | None]", self._meant[quad.graph_name.value])
            triple = self._triple(quad.triple)
            if triple is not None:
                yield Filled(number, graph, triple)

    def _triple(self, triple: ox.Triple) -> ox.Triple | None:
        """Return a triple with what is meant by its terms, or None where that is no triple."""
        subject, predicate, object_ = map(self._term, (triple.subject, triple.predicate, triple.object))
        if object_ is None or not isinstance(predicate, ox.NamedNode):
            return None
        return ox.Triple(cast("ox.NamedNode", subject), predicate, object_)

    def _term(self, term: Term) -> Term | None:
        if isinstance(term, ox.NamedNode) and term.value in self._meant:
            return cast("ox.BlankNode", self._meant[term.value])
        return self._triple(term) if isinstance(term, ox.Triple) else term
