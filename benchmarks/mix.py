"""The mix of queries: one question a file in ``queries/``, with a header of ``#+`` lines in TOML.

``kind`` is what targets speak of: look-up, join, aggregate, large, other. A text with ``{subject}`` is a template:
every request asks for another thing. Answers are determined by the data: where rows are cut off, the order has no ties.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urlencode

from vetgraph.media import N_TRIPLES, RESULTS_JSON
from vetgraph.queries import HEADER, query_form

FOLDER: Final = Path(__file__).parent / "queries"
KINDS: Final = ("look-up", "join", "aggregate", "large", "other")
SUBJECT: Final = "{subject}"


@dataclass(frozen=True)
class Question:
    """A query of the mix."""

    name: str
    kind: str
    question: str
    text: str

    @property
    def varies(self) -> bool:
        """Whether every request asks for another thing."""
        return SUBJECT in self.text

    @property
    def gives_triples(self) -> bool:
        """Whether the answer is a graph."""
        return query_form(self.text) in ("CONSTRUCT", "DESCRIBE")

    @property
    def accept(self) -> str:
        """The media type to ask for: the one in which engines write such an answer fastest."""
        return (N_TRIPLES if self.gives_triples else RESULTS_JSON).type

    def texts(self, subjects: Sequence[str]) -> list[str]:
        """Return the query for every subject, or the one text that there is."""
        return [self.text.replace(SUBJECT, one) for one in subjects] if self.varies else [self.text]


def read(path: Path) -> Question:
    """Return the query of a file."""
    lines = path.read_text("utf-8").splitlines()
    header = tomllib.loads("\n".join(line.removeprefix(HEADER) for line in lines if line.startswith(HEADER)))
    text = "\n".join(line for line in lines if not line.startswith(HEADER))
    return Question(path.stem, header["kind"], header["question"], text)


def read_all(names: Iterable[str] = ()) -> list[Question]:
    """Return the mix in the order of kinds and names, or the queries of some names."""
    found = sorted(map(read, FOLDER.glob("*.rq")), key=lambda one: (KINDS.index(one.kind), one.name))
    wanted = set(names)
    return [one for one in found if not wanted or one.name in wanted]


def address(text: str, more: Sequence[tuple[str, str]] = ()) -> str:
    """Return the path part of a request for a query, with further parameters, after the endpoint's own path."""
    return "?" + urlencode([("query", text), *more])


def sample(subjects: Iterable[str], most: int, seed: int) -> list[str]:
    """Return at most so many subjects, chosen and ordered by chance."""
    everyone = list(subjects)
    Random(seed).shuffle(everyone)  # noqa: S311 - a fair sample, not a secret
    return everyone[:most]
