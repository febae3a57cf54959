"""Queries that never end, or that bring down a process: the ways in which plain text hurts a SPARQL service.

``{n}`` stands for a number that makes each a new one: no memory of an earlier failure helps against them.
"""

from __future__ import annotations

EVERYTHING = "?a ?b ?c . ?d ?e ?f FILTER(?a != <urn:x:{n}>) "
"""A cross product of everything with everything."""
ALL_ROWS = "cross product, all rows"

_OPTIONALS = " ".join("OPTIONAL { ?s <urn:p" + f"{i}> ?o{i} " + "}" for i in range(600))
_STEPS = "/".join(f"<urn:p{i}>" for i in range(800))
_DOUBLED = " ".join(f"BIND(CONCAT(?v{i}, ?v{i}) AS ?v{i + 1})" for i in range(40))
_DEEP = 20_000

RUNAWAY = {
    "cross product, counted": "SELECT (COUNT(*) AS ?n) { " + EVERYTHING + "?g ?h ?i }",
    ALL_ROWS: "SELECT * { " + EVERYTHING + "}",
    "huge sort": "SELECT ?a ?d { " + EVERYTHING + "} ORDER BY ?c ?f",
    "sort of mixed values": "SELECT ?o { ?s ?p ?o FILTER(?s != <urn:x:{n}>) } ORDER BY ?o",
    "regular expressions": "SELECT (COUNT(*) AS ?n) { "
    + EVERYTHING
    + "FILTER(REGEX(CONCAT(STR(?c), STR(?f)), '(a|b|ab)*(x+x+)+y')) }",
    "property path": "SELECT (COUNT(*) AS ?n) { ?a (!<urn:x:{n}>|^!<urn:y>)* ?b }",
    "concatenation of everything": "SELECT (GROUP_CONCAT(CONCAT(STR(?c), STR(?f))) AS ?all) { " + EVERYTHING + "}",
    "distinct rows": "SELECT DISTINCT ?a ?c ?d ?f { " + EVERYTHING + "}",
    "groups without number": "SELECT ?a ?d (SAMPLE(?f) AS ?x) { " + EVERYTHING + "} GROUP BY ?a ?d",
    "quadratic NOT EXISTS": "SELECT (COUNT(*) AS ?n) { ?a ?p ?b FILTER NOT EXISTS { ?b ?q ?c . ?d ?r ?a , {n} } }",
    "planner": "SELECT * { ?s ?p {n} " + _OPTIONALS + " }",
    "long path": "SELECT * { ?s " + _STEPS + " {n} }",
    "deep groups": "SELECT * " + "{" * _DEEP + " ?s ?p {n} " + "}" * _DEEP,
    "deep brackets": "SELECT * { ?s ?p ?o FILTER(" + "(" * _DEEP + "{n}" + ")" * _DEEP + ") }",
    "doubled strings": "SELECT ?z { BIND('{n}-0123456789' AS ?v0) " + _DOUBLED + " BIND(STRLEN(?v40) AS ?z) }",
}
"""What each attacks, and its text."""

LARGE = "SELECT * { ?a ?b ?c . ?c ?e ?f FILTER(?a != <urn:x:{n}>) }"
"""A large answer that is quickly begun."""
