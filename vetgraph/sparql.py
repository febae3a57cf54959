"""Answer a reader's query: reads only, no other hosts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from vetgraph.errors import NotAllowed
from vetgraph.store import Answer, GraphStore, Term

_TOKEN: Final = re.compile(
    r'''(?P<comment>\#[^\n\r]*)
      | (?P<string>"""(?:(?:"|"")?(?:[^"\\]|\\.))*"""|\'\'\'(?:(?:'|'')?(?:[^'\\]|\\.))*\'\'\'
                  |"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')
      | (?P<iri><[^<>"{}|^`\\\s]*>)
      | (?P<variable>[?$]\w+)
      | (?P<tag>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
      | (?P<name>[\w.-]*:(?:[\w.:-]|%[0-9A-Fa-f]{2}|\\.)*)
      | (?P<word>\w+)
      | (?P<other>.)''',
    re.VERBOSE | re.DOTALL,
)

UPDATE_FORMS: Final = frozenset(("INSERT", "DELETE", "LOAD", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH"))


@dataclass(frozen=True)
class Request:
    """A query with the dataset that its protocol parameters ask for."""

    text: str
    default_graphs: tuple[str, ...] = ()
    named_graphs: tuple[str, ...] = ()
    bindings: Mapping[str, Term] = field(default_factory=dict)


def keywords(text: str) -> list[str]:
    """Return the bare words of a query in upper case: no strings, comments, IRIs or names.

    What stands between ``<`` and ``>`` is only taken for an IRI where it can't hide a keyword: an
    expression such as ``(?a<?b)SERVICE:x#>`` looks like an IRI to a tokenizer and not to a parser.

    >>> keywords('SELECT * { ?s ?p "SERVICE" } # LOAD')
    ['SELECT']
    """
    found: list[str] = []
    for match in _TOKEN.finditer(text):
        token = match.group()
        if match.lastgroup == "word":
            found.append(token.upper())
        elif match.lastgroup == "iri" and ")" in token:
            found.extend(word.upper() for word in re.findall(r"\w+", token.partition(")")[2]))
    return found


def answer(store: GraphStore, request: Request) -> Answer:
    """Answer a query from one version of the data.

    Raises NotAllowed for updates and for SERVICE, QuerySyntaxError and EngineError.
    """
    words = keywords(request.text)
    if "SERVICE" in words:
        raise NotAllowed(
            "This service asks no other hosts: take the SERVICE clause out of the query and ask that endpoint yourself."
        )
    if not set(words) & {"SELECT", "ASK", "CONSTRUCT", "DESCRIBE"} and set(words) & UPDATE_FORMS:
        raise refuse_update()
    return store.query(
        request.text,
        bindings=request.bindings,
        default_graphs=request.default_graphs,
        named_graphs=request.named_graphs,
    )


def refuse_update() -> NotAllowed:
    """Return the refusal of an update."""
    return NotAllowed(
        "This endpoint answers queries and takes no updates. To change the graph, edit the Turtle files "
        "under data/, check them with `vetgraph validate`, and run `vetgraph build`."
    )
