"""A report as text, JSON, SARIF 2.1.0, or the standard SHACL report in RDF."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from pyoxigraph import BlankNode, Literal, NamedNode, RdfFormat, Triple, serialize
from rdflib.term import Node

from vetgraph.errors import BadParameter
from vetgraph.validation import bridge
from vetgraph.validation.paths import Path, write_path
from vetgraph.validation.positions import Position, Term
from vetgraph.validation.report import Finding, Report, Severity, Texts, Thing, said
from vetgraph.validation.wording import cut, word
from vetgraph.vocab import BASE, PREFIXES, RDF, SH, SHAPES, XSD, shorten

FORMS: Final[dict[str, str]] = {
    "text": "text/plain",
    "json": "application/json",
    "sarif": "application/sarif+json",
    "turtle": "text/turtle",
    "ntriples": "application/n-triples",
    "jsonld": "application/ld+json",
}
"""Forms of a report and their media types."""

SHOWN: Final = 200
"""Findings that the text shows; it says how many more there are."""

_RDF: Final = {
    "turtle": RdfFormat.TURTLE,
    "ntriples": RdfFormat.N_TRIPLES,
    "jsonld": RdfFormat.JSON_LD,
}
_EARL: Final = "http://www.w3.org/ns/earl#"
_PTR: Final = "http://www.w3.org/2009/pointers#"


def render(report: Report, form: str, *, language: str | None = None) -> bytes:
    """Return a report in one of ``FORMS``, as UTF-8. Raises BadParameter for another form."""
    if language is not None:
        report = report.in_language(language)
    if form == "text":
        return to_text(report).encode()
    if form in {"json", "sarif"}:
        tree = to_json(report) if form == "json" else to_sarif(report)
        return json.dumps(tree, ensure_ascii=False, indent=2).encode() + b"\n"
    if form in _RDF:
        triples = to_graph(report)
        if form == "turtle":
            return serialize(triples, format=_RDF[form], prefixes=_prefixes(triples)) or b""
        return serialize(triples, format=_RDF[form]) or b""
    raise BadParameter(
        f"{form!r} is not a form of report; there are {', '.join(FORMS)}.",
        parameter="format",
        available=tuple(FORMS),
    )


def _prefixes(triples: list[Triple]) -> dict[str, str]:
    used = {
        shorten(term.value).partition(":")[0]
        for triple in triples
        for term in (triple.subject, triple.predicate, triple.object)
        if isinstance(term, NamedNode)
    }
    known = {name: space for name, space in PREFIXES.items() if name in used}
    return {**known, "xsd": XSD, "earl": _EARL, "ptr": _PTR}


# --- text -----------------------------------------------------------------------------------------


def to_text(report: Report, *, limit: int = SHOWN) -> str:
    """Return a report for people: things, what is wrong with each, what to do, and where."""
    language = report.language
    lines: list[str] = []
    left = limit
    for thing in report.things():
        if left <= 0:
            break
        lines.extend(_thing_lines(thing, thing.findings[:left], language))
        left -= len(thing.findings)
    hidden = len(report.findings) - limit
    if hidden > 0:
        lines += [word("more", language).replace("{more}", str(hidden)), ""]
    return "\n".join([*lines, *_summary(report)]) + "\n"


def _thing_lines(thing: Thing, findings: tuple[Finding, ...], language: str) -> list[str]:
    name = "" if thing.name == thing.label else f" ({thing.name})"
    lines = [f"{thing.label}{name}"]
    for finding, following in zip(findings, [*findings[1:], None], strict=True):
        where = f"{finding.position}: " if finding.position else ""
        lines.append(f"  {where}{word(finding.severity.value, language)}: {headline(finding)}")
        repeated = following is not None and following.advice == finding.advice
        if finding.advice and not repeated:
            lines.append(f"      → {finding.advice}")
    return [*lines, ""]


def headline(finding: Finding) -> str:
    """Return what is wrong in one line: the property's name, then the problem.

    The name stands in front with its prefixed form, so that both people and machines know it.
    """
    name = finding.property_name
    path = finding.path
    subject = f"{name} ({path})" if name and path else path or name
    if subject is None:
        return finding.problem
    return f"{subject}: {finding.problem}"


def _summary(report: Report) -> list[str]:
    language = report.language
    facts = {**report.counts, "judged": report.judged, "unjudged": report.unjudged}
    lines = [word("conforms" if report.conforms else "fails", language)]
    counts = word("counts", language)
    for name, number in facts.items():
        counts = counts.replace("{" + name + "}", str(number))
    lines.append(counts)
    if not report.triples:
        lines.append(word("empty", language))
    if report.unjudged:
        lines.append(word("unjudged", language).replace("{unjudged}", str(report.unjudged)))
    if not report.in_context:
        lines.append(word("alone", language))
    elif report.version is not None:
        lines.append(word("version", language).replace("{version}", report.version))
    return lines


# --- JSON -----------------------------------------------------------------------------------------


def to_json(report: Report) -> dict[str, Any]:
    """Return a report as plain data. The shape is documented and only ever grows."""
    return {
        "conforms": report.conforms,
        "counts": report.counts,
        "triples": report.triples,
        "judged": report.judged,
        "unjudged": report.unjudged,
        "language": report.language,
        "context": "store" if report.in_context else "none",
        "version": report.version,
        "files": list(report.files),
        "things": [
            {
                "iri": _address(thing.focus),
                "name": thing.name,
                "label": thing.label,
                "findings": [_finding_json(finding) for finding in thing.findings],
            }
            for thing in report.things()
        ],
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity.value,
        "problem": finding.problem,
        "advice": finding.advice,
        "property": {
            "name": finding.property_name,
            "path": finding.path,
            "iris": list(finding.path_iris),
        }
        if finding.path
        else None,
        "value": _term_json(finding.value, finding.value_text),
        "position": _position_json(finding.position),
        "graph": finding.graph,
        "rule": finding.rule,
        "shape": finding.shape,
        "component": finding.component,
        "problems": dict(finding.problems),
        "advices": dict(finding.advices),
    }


def _position_json(spot: Position | None) -> dict[str, Any] | None:
    if spot is None:
        return None
    return {
        "file": spot.file,
        "line": spot.line,
        "column": spot.column,
        "endLine": spot.end_line,
        "endColumn": spot.end_column,
    }


def _term_json(term: Term | None, text: str | None) -> dict[str, Any] | None:
    if term is None:
        return None
    if isinstance(term, NamedNode):
        return {"type": "uri", "value": term.value, "text": text}
    if isinstance(term, BlankNode):
        return {"type": "bnode", "value": term.value, "text": text}
    if not isinstance(term, Literal):
        return None
    facts = {"type": "literal", "value": cut(term.value, 2_000), "text": text}
    if term.language:
        return {**facts, "language": term.language}
    if term.datatype.value != XSD + "string":
        return {**facts, "datatype": term.datatype.value}
    return facts


def _address(term: Term) -> str:
    return term.value if isinstance(term, (NamedNode, Literal)) else str(term)


# --- SARIF ----------------------------------------------------------------------------------------

_LEVELS: Final = {Severity.VIOLATION: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def to_sarif(report: Report) -> dict[str, Any]:
    """Return a report as a SARIF 2.1.0 log with one run."""
    rules: dict[str, dict[str, Any]] = {}
    results = []
    for finding in report.findings:
        name = shorten(finding.rule)
        rules.setdefault(name, _sarif_rule(name, finding, report.language))
        results.append(_sarif_result(finding, name, list(rules).index(name), report))
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "vetgraph",
                        "version": _version(),
                        "informationUri": BASE,
                        "rules": list(rules.values()),
                    }
                },
                "language": report.language,
                "columnKind": "unicodeCodePoints",
                "artifacts": [{"location": {"uri": _uri(name)}} for name in report.files],
                "results": results,
                "properties": {
                    "conforms": report.conforms,
                    "judged": report.judged,
                    "unjudged": report.unjudged,
                    **({"version": report.version} if report.version else {}),
                },
            }
        ],
    }


def _sarif_rule(name: str, finding: Finding, language: str) -> dict[str, Any]:
    title = said(finding.shape_names, language) or finding.property_name or name
    help_text = finding.advice or finding.problem
    rule: dict[str, Any] = {
        "id": name,
        "name": name.rpartition(":")[2],
        "shortDescription": {"text": title},
        "fullDescription": {"text": f"{title}: {help_text}"},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": _LEVELS[finding.severity]},
    }
    if finding.rule.startswith(("http:", "https:")):
        rule["helpUri"] = finding.rule
    return rule


def _sarif_result(finding: Finding, rule: str, index: int, report: Report) -> dict[str, Any]:
    text = f"{finding.focus_label}: {headline(finding)}"
    if finding.advice:
        text += f" {finding.advice}"
    location: dict[str, Any] = {
        "logicalLocations": [
            {
                "name": finding.focus_label,
                "fullyQualifiedName": _address(finding.focus),
                "kind": "resource",
            }
        ]
    }
    physical = _physical(finding.position, report)
    if physical:
        location["physicalLocation"] = physical
    return {
        "ruleId": rule,
        "ruleIndex": index,
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "locations": [location],
        "properties": {
            "component": finding.component,
            **({"path": finding.path} if finding.path else {}),
            **({"value": finding.value_text} if finding.value_text else {}),
        },
    }


def _physical(spot: Position | None, report: Report) -> dict[str, Any] | None:
    if spot is None:
        return {"artifactLocation": {"uri": _uri(report.files[0])}} if len(report.files) == 1 else None
    return {
        "artifactLocation": {"uri": _uri(spot.file)},
        "region": {
            "startLine": spot.line,
            "startColumn": spot.column,
            "endLine": spot.end_line,
            "endColumn": spot.end_column,
        },
    }


def _uri(name: str) -> str:
    path = PurePath(name)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())


def _version() -> str:
    try:
        return version("vetgraph")
    except PackageNotFoundError:
        return "0"


# --- RDF ------------------------------------------------------------------------------------------


def to_graph(report: Report) -> list[Triple]:
    """Return the standard validation report, with a pointer to line and column at each result."""
    writer = _Writer()
    root = BlankNode()
    writer.say(root, RDF + "type", NamedNode(SH + "ValidationReport"))
    writer.say(root, SH + "conforms", _typed(str(report.conforms).lower(), "boolean"))
    for finding in report.findings:
        writer.say(root, SH + "result", writer.result(finding))
    return writer.triples


class _Writer:
    def __init__(self) -> None:
        self.triples: list[Triple] = []

    def say(self, subject: Any, predicate: str, value: Any) -> None:
        self.triples.append(Triple(subject, NamedNode(predicate), value))

    def say_rdflib(self, subject: Node, predicate: str, value: Node) -> None:
        self.say(bridge.to_oxigraph(subject), predicate, bridge.to_oxigraph(value))

    def result(self, finding: Finding) -> BlankNode:
        node = BlankNode()
        self.say(node, RDF + "type", NamedNode(SH + "ValidationResult"))
        self.say(node, SH + "focusNode", finding.focus)
        self.say(node, SH + "resultSeverity", NamedNode(finding.severity_iri or finding.severity.iri))
        self.say(node, SH + "sourceConstraintComponent", NamedNode(finding.component))
        if finding.shape_node is not None:
            self.say(node, SH + "sourceShape", finding.shape_node)
        elif finding.rule.startswith(SHAPES):
            self.say(node, SH + "sourceShape", NamedNode(finding.rule))
        if finding.constraint is not None:
            self.say(node, SH + "sourceConstraint", finding.constraint)
        if isinstance(finding.path_tree, Path):
            path = write_path(finding.path_tree, self.say_rdflib)
            self.say(node, SH + "resultPath", bridge.to_oxigraph(path))
        if finding.value is not None:
            self.say(node, SH + "value", finding.value)
        for literal in _messages(finding):
            self.say(node, SH + "resultMessage", literal)
        if finding.position:
            self.say(node, _EARL + "pointer", self.pointer(finding.position))
        return node

    def pointer(self, spot: Position) -> BlankNode:
        node = BlankNode()
        self.say(node, RDF + "type", NamedNode(_PTR + "LineCharPointer"))
        self.say(node, _PTR + "reference", Literal(spot.file))
        self.say(node, _PTR + "lineNumber", _typed(str(spot.line), "integer"))
        self.say(node, _PTR + "charNumber", _typed(str(spot.column), "integer"))
        return node


def _typed(text: str, kind: str) -> Literal:
    return Literal(text, datatype=NamedNode(XSD + kind))


def _messages(finding: Finding) -> list[Literal]:
    """The shape's own messages where it has any, as SHACL asks; else our words."""
    texts: Texts = finding.messages or {
        language: f"{problem} {said(finding.advices, language) or ''}".strip()
        for language, problem in finding.problems.items()
    }
    return [Literal(text, language=language) if language else Literal(text) for language, text in texts.items()]
