"""What a validation found, as frozen values that any rendering can be made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from vetgraph.validation.positions import Node, Position, Term
from vetgraph.vocab import SH


class Severity(Enum):
    """How much a finding weighs; only violations keep data from conforming."""

    VIOLATION = "violation"
    WARNING = "warning"
    INFO = "info"

    @property
    def iri(self) -> str:
        """The IRI of the severity in SHACL."""
        return SH + self.value.capitalize()

    @property
    def rank(self) -> int:
        """0 for the gravest."""
        return list(Severity).index(self)


Texts = Mapping[str, str]
"""A text by language."""


def said(texts: Texts, language: str) -> str | None:
    """Return a text in a language, else in English, else untagged, else in any.

    >>> said({"en": "yes", "fr": "oui"}, "nl")
    'yes'
    """
    for wanted in (language, "en", ""):
        if wanted in texts:
            return texts[wanted]
    return next(iter(texts.values()), None)


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and where."""

    focus: Term
    focus_label: str
    focus_name: str
    severity: Severity
    rule: str
    """Stable IRI of what was broken: the shape's, else the constraint component's."""
    component: str
    shape: str | None
    problem: str
    problems: Texts = field(repr=False)
    advice: str | None = None
    advices: Texts = field(default_factory=dict, repr=False)
    path: str | None = None
    path_iris: tuple[str, ...] = ()
    path_tree: object = field(default=None, repr=False)
    property_name: str | None = None
    property_names: Texts = field(default_factory=dict, repr=False)
    shape_names: Texts = field(default_factory=dict, repr=False)
    value: Term | None = None
    value_text: str | None = None
    position: Position | None = None
    graph: str | None = None
    messages: Texts = field(default_factory=dict, repr=False)
    """The shape's own messages, to the letter; ``advices`` may say more."""
    severity_iri: str = ""
    """The severity as the shape has it, which SHACL lets be any IRI."""
    shape_node: Term | None = None
    constraint: Term | None = None

    def in_language(self, language: str) -> Finding:
        """Return the same finding in another language."""
        return replace(
            self,
            problem=said(self.problems, language) or self.problem,
            advice=said(self.advices, language),
            property_name=said(self.property_names, language),
        )


@dataclass(frozen=True)
class Thing:
    """A focus node with what was found about it."""

    focus: Term
    label: str
    name: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """The outcome of one validation. It conforms when there is no violation.

    A ``strict`` report, on a caller's own shapes, conforms when there is no finding at all: that
    is SHACL's own rule, while ours lets warnings and notes pass.
    """

    findings: tuple[Finding, ...]
    language: str
    version: str | None
    files: tuple[str, ...]
    judged: int
    """How many focus nodes were judged."""
    unjudged: int = 0
    """How many things that the change only touches were too many to judge again."""
    in_context: bool = True
    triples: int = 0
    """How many triples were handed in (or taken away)."""
    strict: bool = False

    @property
    def conforms(self) -> bool:
        """True where nothing is a violation; in a strict report, where nothing was found."""
        if self.strict:
            return not self.findings
        return all(finding.severity is not Severity.VIOLATION for finding in self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """Findings per severity, by the severity's value."""
        counts = {severity.value: 0 for severity in Severity}
        for finding in self.findings:
            counts[finding.severity.value] += 1
        return counts

    def things(self) -> list[Thing]:
        """Return the findings grouped by focus node, in the order of the report."""
        grouped: dict[Term, list[Finding]] = {}
        for finding in self.findings:
            grouped.setdefault(finding.focus, []).append(finding)
        return [
            Thing(focus, found[0].focus_label, found[0].focus_name, tuple(found)) for focus, found in grouped.items()
        ]

    def in_language(self, language: str) -> Report:
        """Return the same report in another language."""
        if language == self.language:
            return self
        found = tuple(finding.in_language(language) for finding in self.findings)
        return replace(self, findings=found, language=language)


def ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    """Return findings thing by thing, things by first position, the gravest first in each."""
    first: dict[Term, tuple[object, ...]] = {}
    for finding in findings:
        key = _place(finding)
        if finding.focus not in first or key < first[finding.focus]:
            first[finding.focus] = key
    return tuple(
        sorted(
            findings,
            key=lambda finding: (
                first[finding.focus],
                str(finding.focus),
                finding.severity.rank,
                _place(finding),
                finding.path or "",
                finding.rule,
                finding.value_text or "",
            ),
        )
    )


def _place(finding: Finding) -> tuple[object, ...]:
    spot = finding.position
    return (0, spot.file, spot.line, spot.column) if spot else (1, "", 0, 0)


__all__ = ["Finding", "Node", "Report", "Severity", "Texts", "Thing", "ordered", "said"]
