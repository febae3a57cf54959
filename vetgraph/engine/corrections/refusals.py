"""What the engine takes and the standard refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from vetgraph.errors import QuerySyntaxError
from vetgraph.syntax import Draft, Token, in_expressions, partners, place, tokens

AGGREGATES: Final = frozenset(("COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT"))


def aggregates(found: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Yield where the calls of aggregates begin and end: the index of the name, and of the closing parenthesis."""
    pairs = partners(found)
    for index, token in enumerate(found[:-1]):
        if token.word in AGGREGATES and found[index + 1].text == "(" and index + 1 in pairs:
            yield index, pairs[index + 1]


def refuse_nested_aggregates(draft: Draft) -> Draft:
    """Return the draft as it is. Raises QuerySyntaxError where an aggregate is called in another one's argument.

    Only a pattern in between, that of an EXISTS, may hold a query with aggregates of its own.
    """
    found = tokens(draft.text)
    calls = list(aggregates(found))
    pairs = partners(found)
    for begin, end in calls:
        for inner, _ in calls:
            if begin < inner < end and not _is_in_pattern(found, pairs, inner, begin):
                raise refusal(
                    draft,
                    found[inner],
                    f"{found[inner].word} stands inside {found[begin].word}; compute the inner one in a subquery.",
                )
    return draft


def _is_in_pattern(found: Sequence[Token], pairs: dict[int, int], index: int, since: int) -> bool:
    return any(found[at].text == "{" and pairs.get(at, -1) > index for at in range(since, index))


def refuse_triple_terms(draft: Draft) -> Draft:
    """Return the draft as it is. Raises QuerySyntaxError where a triple term in an expression has a wrong subject.

    There it is a variable or an IRI (SPARQL 1.2 rule ExprTripleTermSubject); patterns may ask for more.
    """
    found = tokens(draft.text)
    marks = in_expressions(found)
    for index, token in enumerate(found[:-1]):
        after = found[index + 1]
        if token.text == "<<(" and marks[index] and after.kind not in ("variable", "iri", "name"):
            raise refusal(draft, after, "The subject of a triple term in an expression is a variable or an IRI.")
    return draft


def refusal(draft: Draft, token: Token, reason: str) -> QuerySyntaxError:
    """Return the error for a token, with its place in the original text."""
    line, column = draft.position(*place(draft.text, token.start))
    return QuerySyntaxError(
        f"The query does not parse at line {line}, column {column}: {reason}", line=line, column=column
    )
