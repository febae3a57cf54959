"""Validation for editors: RDF in, a report that a person can act on out.

``reading`` turns bytes into a :class:`Submission` (``turtle`` and ``positions`` know where each
triple stands); ``shapes`` holds the parsed shapes (``paths``, ``terms``); ``context`` the published
data; ``affected`` says what a change makes worth judging; ``engine`` judges, through ``bridge``,
the only module that knows pySHACL's insides; ``checks`` adds what SHACL can't say; ``telling`` and
``wording`` put it in words; ``report`` and ``renderings`` are what callers get.
"""

from vetgraph.validation.context import Context
from vetgraph.validation.engine import validate, validate_store
from vetgraph.validation.positions import Position
from vetgraph.validation.reading import KINDS, Submission, read, read_file
from vetgraph.validation.renderings import FORMS, headline, render, to_graph, to_json, to_sarif, to_text
from vetgraph.validation.report import Finding, Report, Severity, Thing
from vetgraph.validation.shapes import ShapeInfo, Shapes, runs_queries

__all__ = [
    "FORMS",
    "KINDS",
    "Context",
    "Finding",
    "Position",
    "Report",
    "Severity",
    "ShapeInfo",
    "Shapes",
    "Submission",
    "Thing",
    "headline",
    "read",
    "read_file",
    "render",
    "runs_queries",
    "to_graph",
    "to_json",
    "to_sarif",
    "to_text",
    "validate",
    "validate_store",
]
