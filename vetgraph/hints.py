"""What is wrong with a query that does not parse: the very token, in words, and what to write instead.

The engine's own message names the furthest place that any of its rules came to, which lies beyond the fault by up to
the length of a keyword. So the text is read once more with every token on a line of its own and room behind it: the
number of the line is then the number of the token. Costs a second parse, so it belongs where queries are evaluated.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import pyoxigraph as ox

from vetgraph.errors import QuerySyntaxError
from vetgraph.syntax import Token, in_expressions, partners, place, prefixes, tokens
from vetgraph.vocab import BASE, PREFIXES

LONGEST: Final = 100_000
"""Characters of the longest text that is read a second time."""

_ROOM: Final = " " * 16 + "\n"
"""More than the longest keyword, so that what is read ahead stays on the token's own line."""

_AT: Final = re.compile(r"error at (\d+):(\d+)")

QUERY_FORMS: Final = ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE")
UPDATE_FORMS: Final = ("INSERT", "DELETE", "LOAD", "CLEAR", "CREATE", "DROP", "COPY", "MOVE", "ADD", "WITH")
_MODIFIERS: Final = ("GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "VALUES")

FUNCTIONS: Final = frozenset(
    re.findall(
        r"\w+",
        "ABS AVG BNODE BOUND CEIL COALESCE CONCAT CONTAINS COUNT DATATYPE DAY ENCODE_FOR_URI EXISTS FLOOR GROUP_CONCAT "
        "HOURS IF IRI ISBLANK ISIRI ISLITERAL ISNUMERIC ISURI LANG LANGMATCHES LCASE MAX MD5 MIN MINUTES MONTH NOW "
        "RAND REGEX REPLACE ROUND SAMETERM SAMPLE SECONDS SHA1 SHA256 SHA384 SHA512 STR STRAFTER STRBEFORE STRDT "
        "STRENDS STRLANG STRLEN STRSTARTS STRUUID SUBSTR SUM TIMEZONE TZ UCASE URI UUID YEAR",
    )
)
"""The built-in functions and aggregates of SPARQL 1.1."""

_KNOWN_SENTENCES: Final = {
    "The SELECT contains a variable that is unbound": "a variable of SELECT is neither grouped nor aggregated: "
    "add it to GROUP BY, or take a value of it, as in (SAMPLE(?x) AS ?any)",
    "The SELECT contains an expression with a variable that is unbound": "an expression of SELECT has a variable that "
    "is neither grouped nor aggregated: add it to GROUP BY",
    "SELECT * is not authorized with GROUP BY": "SELECT * does not go with GROUP BY: name the variables",
    "The SELECT overrides an existing variable using an expression": "SELECT gives a name to an expression that the "
    "pattern uses already: choose another name after AS",
    "BIND is overriding an existing variable": "BIND gives a value to a variable that has one already: choose another "
    "name after AS",
    "Duplicated variable name in SELECT": "a variable stands twice in SELECT",
    "Already used blank node id": "the same label of a blank node stands in two groups: use a variable instead",
    "Variables are not allowed in INSERT DATA": "INSERT DATA takes no variables: write INSERT { … } WHERE { … }",
    "Variables and blank nodes are not allowed in DELETE DATA": "DELETE DATA takes neither variables nor blank nodes: "
    "write DELETE { … } WHERE { … }",
    "Blank nodes are not allowed in DELETE WHERE": "blank nodes can't be deleted by a label: use variables",
    "Repeated variables are not allowed in VALUES clauses": "a variable stands twice in VALUES",
    "The VALUES clause rows should have exactly the same number of values": "a row of VALUES has not as many values as "
    "there are variables: write UNDEF where one has none",
    "cannot be shared by multiple blocks": "the same label of a blank node stands in two operations: rename one",
}
"""What the engine says of faults that are not of the grammar → what we say."""


@dataclass(frozen=True)
class Fault:
    """A text that does not parse, and the number of the token at which that shows; after the last one, its end."""

    text: str
    found: list[Token]
    index: int
    update: bool = False

    def at(self, step: int = 0) -> Token:
        """Return the token at the fault, or so many after it; an empty one beyond the ends."""
        index = self.index + step
        return self.found[index] if 0 <= index < len(self.found) else Token("", "", len(self.text), len(self.text))

    @cached_property
    def words(self) -> list[str]:
        """The keywords before the fault."""
        return [token.word for token in self.found[: self.index] if token.word]

    @cached_property
    def pairs(self) -> dict[int, int]:
        """Which bracket belongs to which."""
        return partners(self.found)

    @cached_property
    def open(self) -> list[int]:
        """The brackets before the fault that are open there, the outermost first."""
        inside = range(min(self.index, len(self.found)))
        return [i for i in inside if _opens(self.found[i]) and self.pairs.get(i, self.index) >= self.index]

    @property
    def in_pattern(self) -> bool:
        """Whether the fault lies in a group of triples and not in an expression."""
        return bool(self.open) and self.found[self.open[-1]].text == "{" and not self._in_expression

    @cached_property
    def _in_expression(self) -> bool:
        marks = in_expressions(self.found)
        return self.index < len(marks) and marks[self.index]

    @property
    def called(self) -> str:
        """The word before the parenthesis in which the fault lies."""
        last = self.open[-1] if self.open else 0
        return self.found[last - 1].word if last and self.found[last].text == "(" else ""


def _opens(token: Token) -> bool:
    return token.kind in ("other", "sign") and token.text in ("{", "(", "[")


def explained(message: str, text: str, *, update: bool = False) -> QuerySyntaxError:
    """Return our error for a text that the engine refused with a message.

    Facts: line and column from 1, and ``hint`` where a usual mistake is recognised.
    """
    what = "update" if update else "query"
    if not text.strip():
        return QuerySyntaxError(f"The {what} does not parse: it is empty.", line=1, column=1)
    fault = _fault(text, update) if len(text) <= LONGEST else None
    said = next((said for known, said in _KNOWN_SENTENCES.items() if known in message), None)
    if fault is None:
        where = _AT.search(message)
        line, column = (int(where[1]), int(where[2])) if where else (1, 1)
        reason, hint = said or "something else is expected here", None
    else:
        line, column = place(text, fault.at().start)
        reason = said or _seen(fault)
        hint = None if said else next(filter(None, (look(fault) for look in _LOOKS)), None)
    detail = f"The {what} does not parse at line {line}, column {column}: {reason}."
    return QuerySyntaxError(f"{detail} {hint}" if hint else detail, line=line, column=column, hint=hint)


def _fault(text: str, update: bool) -> Fault | None:
    """Return the fault of a text; None where it does not show once the text is taken apart."""
    found = tokens(text)
    # What ends it makes sure that it is refused, and never evaluated, whatever the engine takes for a token.
    spread = "".join(token.text.replace("\n", " ") + _ROOM for token in found) + "\x00"
    where = _AT.search(_refusal(spread, update))
    return Fault(text, found, min(int(where[1]) - 1, len(found)), update) if where else None


def _refusal(text: str, update: bool) -> str:
    """Return what the engine says of a text that does not parse; nothing where it does."""
    store = ox.Store()
    try:
        (store.update if update else store.query)(text, base_iri=BASE)
    except SyntaxError as problem:
        return str(problem.msg or problem)
    except (ValueError, RuntimeError, OSError):
        return ""
    return ""


def _seen(fault: Fault) -> str:
    """Return what stands at the fault, in words."""
    token = fault.at()
    if not token.text:
        return "it ends where more is expected"
    shown = token.text if len(token.text) <= 40 else token.text[:39] + "…"
    return f"`{' '.join(shown.split())}` is not expected here"


# -- usual mistakes: each function returns what to do, or nothing ---------------------------------------------


def _other_operation(fault: Fault) -> str | None:
    word = fault.at().word
    if fault.words and set(fault.words) - {"PREFIX", "BASE"}:
        return None
    if not fault.update and word in UPDATE_FORMS:
        return "This is an update: send it by POST as `update=` or as application/sparql-update, with a token."
    if fault.update and word in QUERY_FORMS:
        return "This is a query: send it as `query=` or as application/sparql-query."
    return None


def _turtle_prefix(fault: Fault) -> str | None:
    if fault.at().text.lower() in ("@prefix", "@base"):
        return "SPARQL declares prefixes without @ and without a dot at the end: PREFIX ex: <http://example.org/>."
    if fault.at().text == "." and fault.at(-1).kind == "iri" and "PREFIX" in fault.words[-1:]:
        return "A PREFIX declaration has no dot at its end."
    return None


def _prefix(fault: Fault) -> str | None:
    token = fault.at()
    if "PREFIX" in fault.words[-1:] and fault.at(-1).word == "PREFIX":
        return "A declaration is written PREFIX ex: <http://example.org/>, with a colon after the prefix."
    if "PREFIX" in fault.words[-1:] and fault.at(-2).word == "PREFIX" and token.kind != "iri":
        return "The IRI of a prefix stands between < and >."
    if token.kind != "name" or fault.at(1).text == "=":
        return None
    prefix = token.text.partition(":")[0]
    if prefix.lower() in ("http", "https", "urn", "mailto"):
        return "Write an IRI between < and >."
    if f"{prefix}:" in {name for _, name, _ in prefixes(fault.found[: fault.index])}:
        return None
    known = PREFIXES.get(prefix)
    if known:
        return f"The prefix is not declared: add PREFIX {prefix}: <{known}> at the top."
    return f"Say at the top what {prefix}: stands for, as in PREFIX {prefix}: <http://example.org/>."


def _bracket(fault: Fault) -> str | None:
    token = fault.at()
    if token.text in ("}", ")", "]") and fault.index not in fault.pairs and not fault.open:
        return f"There is one {token.text} too many."
    if token.text or not fault.open:
        return None
    last = fault.found[fault.open[-1]]
    closing = {"{": "}", "(": ")", "[": "]"}[last.text]
    line, column = place(fault.text, last.start)
    return f"The {last.text} at line {line}, column {column} is not closed: a {closing} is missing."


def _quotes(fault: Fault) -> str | None:
    if any(quote in fault.at().text for quote in "“”„‘’«»") and fault.at().kind == "other":
        return "Write strings between straight quotation marks, \" or '."
    if fault.at().text in ('"', "'"):
        return "The string is not closed in its line; one of several lines stands between three quotation marks."
    if fault.in_pattern and "<" in (fault.at(-step).text for step in range(5)):
        return "An IRI stands between < and >, without spaces."
    return None


def _assignment(fault: Fault) -> str | None:
    token, before = fault.at(), fault.at(-1)
    if fault.called == "BIND" and token.text == ")":
        return "BIND wants the value first: BIND(expression AS ?name)."
    if fault.in_pattern and before.kind == "variable" and (token.text == "=" or fault.at(1).text == "="):
        name = before.text
        return f"To give a variable a value, write BIND(expression AS {name}); to compare, FILTER({name} = …)."
    if before.text == ")" and fault.at(-3).word == "AS":
        name = fault.at(-2).text
        if name in (earlier.text for earlier in fault.found[: fault.index - 2]):
            return f"{name} has a value already: choose another name after AS."
    return None


def _select(fault: Fault) -> str | None:
    token = fault.at()
    in_select = fault.words[-1:] == ["SELECT"] or fault.words[-2:] in (["SELECT", "DISTINCT"], ["SELECT", "REDUCED"])
    if in_select and not fault.open:
        if token.text == ",":
            return "The variables of a SELECT are separated by spaces, without commas."
        if token.word in FUNCTIONS or token.text in ("=", "("):
            return "An expression in SELECT stands in parentheses with its name: SELECT (COUNT(*) AS ?count)."
    between = [fault.found[number].text for number in fault.open]
    if token.kind == "variable" and fault.words[:1] == ["SELECT"] and between == ["("]:
        return f"An expression gets its name by AS: (… AS {token.text})."
    return None


def _filter(fault: Fault) -> str | None:
    token, before = fault.at(), fault.at(-1)
    if before.word in ("FILTER", "HAVING") and token.text not in ("(", ""):
        return f"The condition after {before.word} stands in parentheses: {before.word}(…)."
    if token.text == "=" and before.text == "=":
        return "Equality is written with one =."
    instead = {"AND": "&&", "OR": "||", "NOT": "!", "LIKE": "CONTAINS(text, part) or REGEX(text, pattern)"}
    if fault._in_expression and token.word in instead:
        return f"Write {instead[token.word]} instead of {token.word}."
    return None


def _function(fault: Fault) -> str | None:
    # The engine reads a word and its parenthesis as one, so the fault shows at either.
    token = fault.at() if fault.at().word else fault.at(-1)
    following = fault.at(1) if fault.at().word else fault.at()
    if not token.word or following.text != "(" or token.word in FUNCTIONS or token.word in _NOT_FUNCTIONS:
        return None
    near = difflib.get_close_matches(token.word, FUNCTIONS, 1)
    if near:
        return f"There is no function {token.text}; is it {near[0]}?"
    return f"There is no function {token.text} in SPARQL; functions of other makers are called by their IRI."


_NOT_FUNCTIONS: Final = {"FILTER", "BIND", "SELECT", "BY", "HAVING", "VALUES", "IN", "DISTINCT", "WHERE", "NOT"}


def _modifier(fault: Fault) -> str | None:
    token, before = fault.at(), fault.at(-1)
    if before.word in ("ORDER", "GROUP") and token.word != "BY":
        return f"Write {before.word} BY."
    if before.word in ("DESC", "ASC"):
        return f"Write {before.word}(…), with parentheses."
    if before.word in ("LIMIT", "OFFSET") and token.kind != "number":
        return f"{before.word} wants a whole number."
    if token.word in _MODIFIERS and set(fault.words) & set(_MODIFIERS):
        return "The order is GROUP BY, HAVING, ORDER BY, LIMIT or OFFSET, VALUES."
    if token.word in _MODIFIERS and fault.open:
        return f"{token.word} stands after the last }}, not within the group."
    return None


def _shape(fault: Fault) -> str | None:
    token, before = fault.at(), fault.at(-1)
    if before.word in ("WHERE", "OPTIONAL", "UNION", "MINUS", "EXISTS") and token.text not in ("{", ""):
        return f"The pattern after {before.word} stands between {{ and }}."
    if token.text == "-" and before.kind == "variable" and before.end == token.start:
        return "There is no hyphen in the name of a variable; write an underscore."
    if not fault.in_pattern or token.text not in ("}", ".", ";", ","):
        return None
    if before.text == ",":
        return "After a comma another object is expected; take the comma out."
    terms = list(itertools.takewhile(lambda step: fault.at(-step).text not in _ENDS, range(1, 4)))
    if len(terms) in (1, 2) and all(fault.at(-step).kind in _TERMS or fault.at(-step).text == "a" for step in terms):
        return "The triple before it is not whole: it has a subject, a property and an object."
    return None


_ENDS: Final = ("{", "}", ".", ";", ",", "")
_TERMS: Final = ("variable", "name", "iri", "string", "number", "blank")


def _operation(fault: Fault) -> str | None:
    token, before = fault.at(), fault.at(-1)
    if not fault.update:
        return None
    if before.word in ("CLEAR", "DROP", "SILENT") and token.text:
        return "After CLEAR and DROP stands GRAPH <…>, DEFAULT, NAMED or ALL."
    if not token.text and not fault.open and before.text == "}" and "DATA" not in fault.words:
        return "INSERT { … } and DELETE { … } need WHERE { … }; fixed triples go into INSERT DATA or DELETE DATA."
    if token.word in UPDATE_FORMS and before.text in ("}", "ALL"):
        return "Operations are separated by a semicolon."
    return None


_KEYWORDS: Final = frozenset(
    (
        *QUERY_FORMS,
        *UPDATE_FORMS,
        *_MODIFIERS,
        *("PREFIX", "BASE", "FROM", "NAMED", "WHERE", "FILTER", "OPTIONAL", "UNION", "MINUS", "EXISTS", "BIND"),
        *("GRAPH", "DISTINCT", "REDUCED", "DATA", "USING", "DEFAULT", "SILENT", "INTO", "DESC", "ASC"),
    )
)


def _misspelt(fault: Fault) -> str | None:
    word = fault.at().word
    near = difflib.get_close_matches(word, _KEYWORDS, 1, 0.75) if word and word not in _KEYWORDS else []
    return f"Is it {near[0]}?" if near else None


_LOOKS: Final[tuple[Callable[[Fault], str | None], ...]] = (
    _other_operation,
    _turtle_prefix,
    _prefix,
    _bracket,
    _quotes,
    _assignment,
    _select,
    _filter,
    _modifier,
    _shape,
    _function,
    _operation,
    _misspelt,
)
"""Looked for in this order; the first that is recognised is told."""
