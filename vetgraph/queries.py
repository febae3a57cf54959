"""The catalogue of saved queries: one question a file, with a header of ``#+`` lines in TOML.

Each query is also data: :func:`as_quads` says it as ``sh:SPARQLExecutable`` in ``graph/queries``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pyoxigraph as ox

from vetgraph.errors import BadParameter, ContentError, NotFound
from vetgraph.store import Term
from vetgraph.vocab import BASE, GRAPH, LANGUAGES, PREFIXES, QUERY, RDF, SHAPES, XSD, expand

HEADER: Final = "#+"
TYPES: Final = ("iri", "string", "integer", "gYear")


@dataclass(frozen=True)
class Parameter:
    """A variable of a query that the reader may bind."""

    name: str
    type: str
    description: str
    example: str
    required: bool = False


@dataclass(frozen=True)
class SavedQuery:
    """A question with its SPARQL text; titles by language."""

    name: str
    titles: Mapping[str, str]
    description: str
    text: str
    keywords: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = field(default_factory=tuple)

    @property
    def iri(self) -> str:
        """The query's own IRI."""
        return QUERY + self.name

    @property
    def kind(self) -> str:
        """The query form: SELECT, ASK, CONSTRUCT or DESCRIBE."""
        return query_form(self.text)

    @property
    def of_a_page(self) -> bool:
        """Whether the query stands behind a page rather than in the catalogue."""
        return self.name.startswith("page-")

    def title(self, language: str = "en") -> str:
        """Return the question in a language, else in English."""
        return self.titles.get(language, self.titles["en"])

    def bindings(self, values: Mapping[str, str]) -> dict[str, Term]:
        """Return the terms for given parameter values.

        Raises BadParameter where a name is unknown, a value malformed or a required one missing.
        """
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in values:
            if name not in known:
                names = ", ".join(known) or "none"
                raise BadParameter(f"The query {self.name} has no parameter {name}; it has {names}.", parameter=name)
        for parameter in self.parameters:
            if parameter.required and not values.get(parameter.name):
                raise BadParameter(
                    f"The query {self.name} needs the parameter {parameter.name}: "
                    f"{parameter.description} Example: {parameter.example}",
                    parameter=parameter.name,
                )
        return {name: _term(known[name], value) for name, value in values.items() if value}


def _term(parameter: Parameter, value: str) -> Term:
    if parameter.type == "iri":
        return _iri(parameter, value)
    if parameter.type == "integer" and not re.fullmatch(r"[+-]?\d+", value):
        raise BadParameter(f"{parameter.name} is {value!r}; give a whole number.", parameter=parameter.name)
    if parameter.type == "gYear" and not re.fullmatch(r"\d{4}", value):
        raise BadParameter(f"{parameter.name} is {value!r}; give a year of four digits.", parameter=parameter.name)
    if parameter.type == "string":
        return ox.Literal(value)
    return ox.Literal(value, datatype=ox.NamedNode(XSD + parameter.type))


def _iri(parameter: Parameter, value: str) -> ox.NamedNode:
    """Return the IRI that a value means: in full, as a prefixed name, or relative to the base."""
    prefix = value.partition(":")[0]
    try:
        if value.startswith(("http://", "https://")):
            return ox.NamedNode(value)
        return ox.NamedNode(expand(value) if prefix in PREFIXES else BASE + value.lstrip("/"))
    except ValueError:
        raise BadParameter(
            f"{parameter.name} is {value!r}, which is not an IRI; an example is {parameter.example}.",
            parameter=parameter.name,
        ) from None


_COMMENT: Final = re.compile(r"^\s*#.*$", re.MULTILINE)
_FORM: Final = re.compile(r"\b(SELECT|ASK|CONSTRUCT|DESCRIBE)\b", re.IGNORECASE)


def query_form(text: str) -> str:
    """Return the form of a query: SELECT, ASK, CONSTRUCT or DESCRIBE ('' where there is none)."""
    body = re.sub(r"<[^<>\s]*>", "", _COMMENT.sub("", text))
    match = _FORM.search(body)
    return match[1].upper() if match else ""


_BODY: Final = re.compile(r"\bWHERE\s*\{", re.IGNORECASE)


def with_values(text: str, bindings: Mapping[str, Term]) -> str:
    """Return a query that binds variables in its own text, for endpoints and for readers to copy.

    The values stand as ``VALUES`` at the start of the outermost pattern (SPARQL 1.1 section 10.2).

    >>> print(with_values("SELECT ?a WHERE { ?a ?b ?c }", {"a": ox.NamedNode("http://x/1")}))
    SELECT ?a WHERE {
      VALUES (?a) { (<http://x/1>) } ?a ?b ?c }
    """
    if not bindings:
        return text
    match = _BODY.search(text)
    at = match.end() if match else text.index("{") + 1
    names = " ".join(f"?{name}" for name in bindings)
    terms = " ".join(str(term) for term in bindings.values())
    return f"{text[:at]}\n  VALUES ({names}) {{ ({terms}) }}{text[at:]}"


def parse_query(name: str, text: str) -> SavedQuery:
    """Return the saved query of a file's text. Raises ContentError where the header is wrong."""
    lines = text.splitlines()
    head = [line for line in lines if line.startswith(HEADER)]
    body = "\n".join(line for line in lines if not line.startswith(HEADER)).strip() + "\n"
    where = f"queries/{name}.rq"
    try:
        header = tomllib.loads("\n".join(line.removeprefix(HEADER).strip() for line in head))
    except tomllib.TOMLDecodeError as problem:
        raise ContentError(f"{where}: the #+ header is not valid TOML: {problem}.", file=where) from None
    titles = header.get("title", {})
    missing = [language for language in LANGUAGES if not titles.get(language)]
    if missing or not header.get("description"):
        wanted = [f"title.{language}" for language in missing]
        wanted += [] if header.get("description") else ["description"]
        raise ContentError(f"{where}: the header lacks {', '.join(wanted)}.", file=where)
    return SavedQuery(
        name,
        titles,
        header["description"],
        body,
        tuple(header.get("keywords", ())),
        tuple(_parameter(where, *item) for item in header.get("parameters", {}).items()),
    )


def _parameter(where: str, name: str, values: Mapping[str, Any]) -> Parameter:
    type_ = values.get("type", "")
    if type_ not in TYPES:
        raise ContentError(f"{where}: the type of parameter {name} must be one of {', '.join(TYPES)}.", file=where)
    return Parameter(
        name,
        type_,
        values.get("description", ""),
        str(values.get("example", "")),
        bool(values.get("required", False)),
    )


class Catalogue:
    """All saved queries by name."""

    def __init__(self, queries: Mapping[str, SavedQuery]) -> None:
        self._queries = dict(sorted(queries.items()))

    def __iter__(self) -> Any:
        return iter(self._queries.values())

    def __len__(self) -> int:
        return len(self._queries)

    def get(self, name: str) -> SavedQuery:
        """Return the query of that name. Raises NotFound."""
        if name not in self._queries:
            raise NotFound(f"There is no saved query {name}; see the list of queries.")
        return self._queries[name]

    @property
    def questions(self) -> list[SavedQuery]:
        """The queries for readers, those behind pages left out."""
        return [query for query in self if not query.of_a_page]


def read_catalogue(root: Path) -> Catalogue:
    """Return the catalogue of a project's root folder. Raises ContentError."""
    paths = sorted((root / "queries").glob("*.rq"))
    return Catalogue({path.stem: parse_query(path.stem, path.read_text("utf-8")) for path in paths})


_KINDS: Final = {"SELECT": "Select", "ASK": "Ask", "CONSTRUCT": "Construct"}


def as_quads(catalogue: Catalogue) -> list[ox.Quad]:
    """Return the questions as data, each a ``sh:SPARQLExecutable`` (SHACL-AF section 7.1)."""
    graph = ox.NamedNode(GRAPH + "queries")
    quads: list[ox.Quad] = []

    def say(query: SavedQuery, name: str, value: Term) -> None:
        predicate = RDF + "type" if name == "a" else expand(name)
        quads.append(ox.Quad(ox.NamedNode(query.iri), ox.NamedNode(predicate), value, graph))

    for query in catalogue.questions:
        kind = _KINDS.get(query.kind)
        say(query, "a", ox.NamedNode(expand("sh:SPARQLExecutable")))
        if kind:
            say(query, "a", ox.NamedNode(expand(f"sh:SPARQL{kind}Executable")))
            say(query, f"sh:{kind.lower()}", ox.Literal(query.text))
        for language, title in query.titles.items():
            say(query, "skos:prefLabel", ox.Literal(title, language=language))
        say(query, "rdfs:comment", ox.Literal(query.description, language="en"))
        say(query, "sh:prefixes", ox.NamedNode(SHAPES))
        say(query, "schema:target", ox.NamedNode(BASE + "sparql"))
        for keyword in query.keywords:
            say(query, "schema:keywords", ox.Literal(keyword))
    return quads
