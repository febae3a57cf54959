"""The shapes: each constraint is met by a conforming example and broken by a violating one.

An example is ``tests/shapes/{Shape}/conforms-*.ttl`` or ``violates-{property}-{constraint}.ttl``;
it is judged together with the ontology, the code lists and ``tests/shapes/context.ttl``. What a
violating example must lead to stands beside it as ``….report.ttl``, compared as a set of
(focus node, path, shape, constraint, component, severity); nothing more and nothing less.
To write the reports anew after a change, and read the difference in git::

    WRITE_REPORTS=1 pytest tests/test_shapes.py
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest
from pyshacl.graph_abstraction import DataGraph, OxigraphDataGraph
from pyshacl.pytypes import SHACLExecutor
from pyshacl.shapes_graph import ShapesGraph
from rdflib import OWL, RDF, RDFS, SH, BNode, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from vetgraph.graphs import canonical
from vetgraph.vocab import LANGUAGES, PREFIXES, SHAPES, VET, shorten

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "tests" / "shapes"
OURS = Namespace(SHAPES + "#")
PARTS = sorted(ROOT.glob("shapes/*.ttl"))
CONFORMING = sorted(EXAMPLES.glob("*/conforms-*.ttl"))
VIOLATING = sorted(path for path in EXAMPLES.glob("*/violates-*.ttl") if not path.name.endswith(".report.ttl"))
ABSTRACT = {"Place", "Actor"}
"""Classes that have no instances of their own."""

COMPONENTS = {
    SH["class"]: SH.ClassConstraintComponent,
    SH["in"]: SH.InConstraintComponent,
    SH["not"]: SH.NotConstraintComponent,
    SH["or"]: SH.OrConstraintComponent,
    SH.datatype: SH.DatatypeConstraintComponent,
    SH.disjoint: SH.DisjointConstraintComponent,
    SH.hasValue: SH.HasValueConstraintComponent,
    SH.languageIn: SH.LanguageInConstraintComponent,
    SH.lessThan: SH.LessThanConstraintComponent,
    SH.lessThanOrEquals: SH.LessThanOrEqualsConstraintComponent,
    SH.maxCount: SH.MaxCountConstraintComponent,
    SH.maxInclusive: SH.MaxInclusiveConstraintComponent,
    SH.maxLength: SH.MaxLengthConstraintComponent,
    SH.minCount: SH.MinCountConstraintComponent,
    SH.minInclusive: SH.MinInclusiveConstraintComponent,
    SH.node: SH.NodeConstraintComponent,
    SH.nodeKind: SH.NodeKindConstraintComponent,
    SH.pattern: SH.PatternConstraintComponent,
    SH.qualifiedMinCount: SH.QualifiedMinCountConstraintComponent,
    SH.sparql: SH.SPARQLConstraintComponent,
    SH.uniqueLang: SH.UniqueLangConstraintComponent,
}
"""Parameter → constraint component, for every parameter that the shapes use."""

NOT_CONSTRAINTS = {SH.name, SH.description, SH.message, SH.order, SH.group, SH.severity, SH.path, SH.property}
TARGETS = {SH.targetClass, SH.targetSubjectsOf, SH.targetObjectsOf, SH.targetNode}
REFERENCES = {SH.node, SH["not"], SH.qualifiedValueShape}


@dataclass(frozen=True, order=True)
class Result:
    """What one validation result says, without its messages."""

    focus: str
    path: str
    shape: str
    constraint: str
    component: str
    severity: str


def name_of(node: Node | None) -> str:
    """Return a term as people write it; blank nodes have no name."""
    if isinstance(node, BNode):
        return "[]"
    return "" if node is None else shorten(str(node))


def path_of(graph: Graph, path: Node | None) -> str:
    inverse = graph.value(path, SH.inversePath) if path is not None else None
    return "^" + name_of(inverse) if inverse is not None else name_of(path)


def result_of(graph: Graph, node: Node, paths: Graph) -> Result:
    """Return the result that a node of a report describes."""
    value = graph.value
    return Result(
        focus=name_of(value(node, SH.focusNode)),
        path=path_of(paths, value(node, SH.resultPath)),
        shape=name_of(value(node, SH.sourceShape)),
        constraint=name_of(value(node, SH.sourceConstraint)),
        component=name_of(value(node, SH.sourceConstraintComponent)),
        severity=name_of(value(node, SH.resultSeverity)),
    )


class Judge:
    """The shapes, parsed once, and a store of what all examples refer to."""

    def __init__(self, shapes: Graph, files: list[Path]) -> None:
        self.shapes = ShapesGraph(shapes)
        self.targeted = [s for s in self.shapes.shapes if any(shapes.value(s.node, t) for t in TARGETS)]
        self.store = pyoxigraph.Store()
        for file in files:
            self.store.extend(quads_of(file))
        self.data = DataGraph.from_oxigraph_store(self.store)

    def judge(self, focus: set[Node] | None = None) -> Graph:
        """Return the results for some nodes, or for all."""
        report = Graph()
        for shape in self.targeted:
            nodes = shape.focus_nodes(self.data)
            if focus is not None:
                nodes &= focus
            if nodes:
                _, found = shape.validate(SHACLExecutor(), self.data, focus=sorted(nodes))
                for _, node, triples in found:
                    for s, p, o in triples:
                        if s == node and p not in (SH.value, SH.detail):
                            report.add((s, p, o[1] if isinstance(o, tuple) else o))
        return report

    def judge_example(self, file: Path) -> set[Result]:
        """Return the results for the things that an example describes."""
        added = [quad for quad in quads_of(file) if quad not in self.store]
        self.store.extend(added)
        try:
            report = self.judge({term_of(quad.subject) for quad in added})
        finally:
            for quad in added:
                self.store.remove(quad)
        return results_in(report, self.shapes.graph)


def results_in(report: Graph, paths: Graph) -> set[Result]:
    return {result_of(report, node, paths) for node in report.subjects(RDF.type, SH.ValidationResult)}


def quads_of(file: Path) -> list[pyoxigraph.Quad]:
    parsed = pyoxigraph.parse(path=str(file), format=pyoxigraph.RdfFormat.TURTLE, rename_blank_nodes=True)
    return list(parsed)


def term_of(term: Any) -> Node:
    return BNode(term.value) if isinstance(term, pyoxigraph.BlankNode) else URIRef(term.value)


def example_name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


@pytest.fixture(scope="module", autouse=True)
def quick_truth() -> Iterator[None]:
    """Let pySHACL ask an Oxigraph graph for its truth without counting all its triples."""
    patch = pytest.MonkeyPatch()
    patch.setattr(OxigraphDataGraph, "__bool__", lambda self: True, raising=False)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def shapes() -> Graph:
    graph = Graph()
    for file in PARTS:
        graph.parse(file)
    return graph


@pytest.fixture(scope="module")
def judge(shapes: Graph) -> Judge:
    return Judge(shapes, [*sorted(ROOT.glob("ontology/**/*.ttl")), EXAMPLES / "context.ttl"])


# examples -------------------------------------------------------------------------------------


def test_context_conforms(judge: Judge) -> None:
    results = results_in(judge.judge(), judge.shapes.graph)
    assert sorted(r for r in results if r.severity != "sh:Info") == []


@pytest.mark.parametrize("file", CONFORMING, ids=example_name)
def test_conforming_example(file: Path, judge: Judge) -> None:
    assert judge.judge_example(file) == set()


@pytest.mark.parametrize("file", VIOLATING, ids=example_name)
def test_violating_example(file: Path, judge: Judge) -> None:
    results = judge.judge_example(file)
    expected = file.with_suffix(".report.ttl")
    if os.environ.get("WRITE_REPORTS"):
        expected.write_text(as_report(results), encoding="utf-8")
    report = Graph().parse(expected)
    assert sorted(results) == sorted(results_in(report, report))


def as_report(results: set[Result]) -> str:
    """Return results as a standard validation report in canonical Turtle."""
    lines = [f"@prefix {prefix}: <{namespace}> ." for prefix, namespace in PREFIXES.items()]
    lines.append("[] a sh:ValidationReport ; sh:conforms false")
    for r in sorted(results):
        path = f"[ sh:inversePath {r.path[1:]} ]" if r.path.startswith("^") else r.path
        focus = f"<{r.focus}>" if re.match("https?:", r.focus) else r.focus
        lines.append(f"; sh:result [ a sh:ValidationResult ; sh:focusNode {focus} ; sh:sourceShape {r.shape} ;")
        lines.append(f"  sh:sourceConstraintComponent {r.component} ; sh:resultSeverity {r.severity}")
        lines.append(f"  ; sh:resultPath {path}" if path else "")
        lines.append(f"  ; sh:sourceConstraint {r.constraint} ]" if r.constraint else "]")
    return canonical("\n".join([*lines, "."]))


def test_every_file_is_a_case() -> None:
    reports = {file.with_suffix(".report.ttl") for file in VIOLATING}
    assert {*EXAMPLES.rglob("*.ttl")} == {*CONFORMING, *VIOLATING, *reports, EXAMPLES / "context.ttl"}
    assert CONFORMING
    assert VIOLATING


@pytest.mark.parametrize("file", VIOLATING, ids=example_name)
def test_violating_example_breaks_what_its_name_says(file: Path) -> None:
    report = Graph().parse(file.with_suffix(".report.ttl"))
    results = results_in(report, report)
    shape, rest = file.parent.name, file.stem.removeprefix("violates-")
    rules = {(r.constraint or r.shape).removeprefix("shapes:").removeprefix(f"{shape}-") for r in results}
    assert any(rest.startswith(rule) for rule in rules) or shape in rules
    breaking = {name for name in map(name_of, Graph().parse(file).subjects()) if ":breaks-" in name}
    assert breaking <= {r.focus for r in results}


# completeness ---------------------------------------------------------------------------------


def named_shapes(shapes: Graph) -> set[URIRef]:
    """Return the shapes that SHACL engines evaluate; the validator's own rules are named and deactivated."""
    found = {s for kind in (SH.NodeShape, SH.PropertyShape) for s in shapes.subjects(RDF.type, kind)}
    return {s for s in found if isinstance(s, URIRef) and not shapes.value(s, SH.deactivated)}


def helpers(shapes: Graph) -> set[URIRef]:
    """Return the node shapes without a target: they judge only through the shapes that refer to them."""
    return {
        s
        for s in named_shapes(shapes)
        if (s, RDF.type, SH.NodeShape) in shapes and not any(shapes.value(s, t) for t in TARGETS)
    }


def constraints_of(shapes: Graph, shape: Node) -> set[tuple[str, str, str]]:
    """Return (shape, constraint, component) of each constraint that a shape states itself."""
    found = set()
    for parameter, value in shapes.predicate_objects(shape):
        if isinstance(parameter, URIRef) and parameter in COMPONENTS:
            constraint = name_of(value) if parameter == SH.sparql else ""
            found.add((name_of(shape), constraint, name_of(COMPONENTS[parameter])))
    return found


def test_every_constraint_has_a_violating_example(shapes: Graph) -> None:
    hit = set()
    for file in VIOLATING:
        report = Graph().parse(file.with_suffix(".report.ttl"))
        hit |= {(r.shape, r.constraint, r.component) for r in results_in(report, report)}
    helped = {shapes.value(h, SH.property) or h for h in helpers(shapes)}
    stated = {c for s in named_shapes(shapes) - helped for c in constraints_of(shapes, s)}
    assert sorted(stated - hit) == []
    assert sorted(hit - stated) == []


def test_every_helper_is_one_constraint_that_others_use(shapes: Graph) -> None:
    """A violating example of the user is one of the helper then: the helper has no second constraint."""
    for helper in helpers(shapes):
        own = constraints_of(shapes, helper)
        for part in shapes.objects(helper, SH.property):
            own |= constraints_of(shapes, part)
        users = [s for p in REFERENCES for s in shapes.subjects(p, helper)]
        assert len(own) == 1, helper
        assert users, helper


def test_every_shape_with_a_target_has_both_kinds_of_example(shapes: Graph) -> None:
    targeted = {
        name_of(s).removeprefix("shapes:")
        for s in named_shapes(shapes) - helpers(shapes)
        if (s, RDF.type, SH.NodeShape) in shapes
    }
    assert targeted == {file.parent.name for file in CONFORMING}
    assert targeted == {file.parent.name for file in VIOLATING}


def test_every_class_has_a_shape(shapes: Graph) -> None:
    ontology = Graph().parse(ROOT / "ontology" / "vetgraph.ttl")
    classes = {str(c).removeprefix(VET) for c in ontology.subjects(RDF.type, OWL.Class) if str(c).startswith(VET)}
    general = {OURS.LabelledShape, OURS.IdentifiedShape}
    for shape in general:
        named = {str(c).removeprefix(VET) for c in shapes.objects(shape, SH.targetClass)}
        assert classes - ABSTRACT <= named, shape
    own = {str(c).removeprefix(VET) for s, c in shapes.subject_objects(SH.targetClass) if s not in general}
    assert sorted(classes - ABSTRACT - own) == []


# words ----------------------------------------------------------------------------------------


def languages_of(shapes: Graph, node: Node, predicate: Node) -> list[str]:
    return sorted(str(o.language) for o in shapes.objects(node, predicate) if isinstance(o, Literal))


def test_every_shape_is_named_and_described(shapes: Graph) -> None:
    for shape in named_shapes(shapes):
        assert languages_of(shapes, shape, SH.name) == sorted(LANGUAGES), shape
        assert "en" in languages_of(shapes, shape, SH.description), shape
        if (shape, RDF.type, SH.PropertyShape) in shapes:
            assert shapes.value(shape, SH.order) is not None, shape
            group = shapes.value(shape, SH.group)
            assert (group, RDF.type, SH.PropertyGroup) in shapes, shape
            assert group is not None
            assert languages_of(shapes, group, RDFS.label) == sorted(LANGUAGES)


def test_every_constraint_has_a_message_in_each_language(shapes: Graph) -> None:
    for shape in named_shapes(shapes):
        own = {c for c in constraints_of(shapes, shape) if not c[1]}
        assert languages_of(shapes, shape, SH.message) == (sorted(LANGUAGES) if own else []), shape
    for constraint in shapes.subjects(RDF.type, SH.SPARQLConstraint):
        assert languages_of(shapes, constraint, SH.message) == sorted(LANGUAGES), constraint
        assert "en" in languages_of(shapes, constraint, RDFS.comment), constraint


def test_severities_are_said(shapes: Graph) -> None:
    for shape in named_shapes(shapes):
        if constraints_of(shapes, shape) and shape not in helpers(shapes):
            assert shapes.value(shape, SH.severity) in (SH.Violation, SH.Warning, SH.Info), shape


def test_no_unknown_parameter(shapes: Graph) -> None:
    known = {*COMPONENTS, *NOT_CONSTRAINTS, *TARGETS, SH.qualifiedValueShape}
    for shape in named_shapes(shapes):
        used = {p for p in shapes.predicates(shape) if str(p).startswith(str(SH))}
        assert used <= known, shape


def test_the_validator_s_own_rules_are_described(shapes: Graph) -> None:
    described = set(shapes.subjects(SH.deactivated))
    assert {name_of(rule).removeprefix("shapes:") for rule in described} == {
        "DanglingReference",
        "UndeclaredTerm",
        "ConceptOutsideScheme",
        "UnknownPredicate",
    }
    for rule in described:
        assert languages_of(shapes, rule, SH.name) == sorted(LANGUAGES)


def test_names_in_messages_exist(shapes: Graph) -> None:
    """A prefixed name in a message or comment is a term, a concept or an invented thing."""
    content = Graph()
    for file in ROOT.glob("ontology/**/*.ttl"):
        content.parse(file)
    lists = {prefix for prefix, namespace in PREFIXES.items() if "/vetgraph/scheme/" in namespace} - {"scheme"}
    for constraint, message in shapes.subject_objects(SH.message):
        for prefix, local in re.findall(r"\b([a-z-]+):([A-Za-z0-9-]+)", str(message)):
            if prefix in lists or prefix == "vet":
                assert (URIRef(PREFIXES[prefix] + local), None, None) in content, f"{constraint}: {prefix}:{local}"


# documentation --------------------------------------------------------------------------------


def needs(shapes: Graph, shape: Node, severity: Node) -> str:
    """Return what a shape asks for at that severity: its compulsory properties, then its rules."""
    asked, rules = set(), set()
    for part in shapes.objects(shape, SH.property):
        if shapes.value(part, SH.severity) == severity and shapes.value(part, SH.minCount) is not None:
            asked.add(f"`{path_of(shapes, shapes.value(part, SH.path))}`")
    if shapes.value(shape, SH.severity) == severity:
        rules = {str(shapes.value(rule, RDFS.comment)) for rule in shapes.objects(shape, SH.sparql)}
    return " · ".join([*sorted(asked), *sorted(rules)])


def table_of_needs(shapes: Graph) -> str:
    """Return what each class needs, as Markdown."""
    general = {OURS.LabelledShape, OURS.IdentifiedShape, OURS.DistinctNameShape, OURS.TranslatedShape}
    targets = {(c, s) for s, c in shapes.subject_objects(SH.targetClass) if s not in general}
    lines = ["| class | must | should |", "|---|---|---|"]
    for kind in sorted({c for c, _ in targets}, key=str):
        cells = []
        for severity in (SH.Violation, SH.Warning):
            parts = [needs(shapes, shape, severity) for c, shape in sorted(targets, key=str) if c == kind]
            cells.append(" · ".join(part for part in parts if part))
        if any(cells):
            lines.append(f"| `{name_of(kind)}` | {cells[0]} | {cells[1]} |")
    return "\n".join(lines) + "\n"


def test_table_in_the_documentation_is_current(shapes: Graph) -> None:
    page = ROOT / "docs" / "shapes.md"
    words, mark, table = page.read_text(encoding="utf-8").partition("<!-- table -->\n")
    if os.environ.get("WRITE_REPORTS"):
        table = table_of_needs(shapes)
        page.write_text(words + mark + table, encoding="utf-8")
    assert table == table_of_needs(shapes)


# content --------------------------------------------------------------------------------------


def test_content_has_no_violations(shapes: Graph) -> None:
    files = [*sorted(ROOT.glob("ontology/**/*.ttl")), *sorted(ROOT.glob("data/*/*.ttl"))]
    results = results_in(Judge(shapes, files).judge(), shapes)
    assert sorted(r for r in results if r.severity == "sh:Violation") == []
