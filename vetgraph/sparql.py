"""Answer a reader's query: reads only, no other hosts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vetgraph.errors import NotAllowed, QuerySyntaxError
from vetgraph.isolation import isolated
from vetgraph.store import Answer, GraphStore, Term
from vetgraph.syntax import Draft, keywords

__all__ = ["UPDATE_FORMS", "Request", "answer", "keywords", "refuse_update"]

UPDATE_FORMS: Final = frozenset(("INSERT", "DELETE", "LOAD", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH"))


@dataclass(frozen=True)
class Request:
    """A query with the dataset that its protocol parameters ask for."""

    text: str
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    bindings: Mapping[str, Term] = field(default_factory=dict)


def answer(store: GraphStore, request: Request) -> Answer:
    """Answer a query from one version of the data.

    Raises NotAllowed for updates and for SERVICE, QuerySyntaxError and EngineError.
    """
    words = keywords(request.text)
    if not set(words) & {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"} and set(words) & UPDATE_FORMS:
        raise refuse_update()
    draft = isolated(Draft.of(request.text))
    try:
        return store.query(
            draft.text,
            bindings=request.bindings,
            default_graphs=request.default_graphs,
            named_graphs=request.named_graphs,
        )
    except QuerySyntaxError as problem:
        raise draft.relocated(problem) from None


def refuse_update() -> NotAllowed:
    """Return the refusal of an update."""
    return NotAllowed(
        "This endpoint answers queries and takes no updates. To change the graph, edit the Turtle files "
        "under data/, check them with `vetgraph validate`, and run `vetgraph build`."
    )
