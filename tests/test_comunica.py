"""Comunica, a query engine for linked data on the web, answers over our documents and over our endpoint."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

HOW = (
    'cd some/folder && echo \'{"overrides": {"undici": "^7.0.0"}}\' > package.json'
    " && npm install @comunica/query-sparql@5.4.1 && export COMUNICA=$PWD"
)
"""Comunica's own HTTP client wants a newer Node than Debian has; the one before it does not."""

PREFIXES = """
PREFIX id: <https://w3id.org/vetgraph/id/>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
PREFIX vet: <https://w3id.org/vetgraph/ontology#>
"""
NAMED_SUPERVISORS = """SELECT DISTINCT ?body ?name WHERE {
  id:anefore vet:supervisedBy ?body .
  ?body skos:prefLabel ?name FILTER(LANG(?name) = "en")
} ORDER BY ?name"""
MENJE = {"body": "https://w3id.org/vetgraph/id/menje", "name": "Ministry of National Education, Children and Youth"}
MESR = {"body": "https://w3id.org/vetgraph/id/mesr", "name": "Ministry of Higher Education and Research"}

Rows = list[dict[str, str]]


@pytest.fixture(scope="module")
def comunica(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Rows]:
    """Ask Comunica: sources, then the query; the rows come back."""
    folder = os.environ.get("COMUNICA", "")
    path = shutil.which(str(Path(folder, "node_modules", ".bin", "comunica-sparql"))) if folder else None
    path = path or shutil.which("comunica-sparql")
    if path is None:
        required = os.environ.get("TEST_OPTIONAL") == "required"
        (pytest.fail if required else pytest.skip)(f"no Comunica; enable with: {HOW}")
    home = tmp_path_factory.mktemp("comunica")

    def ask(*arguments: str) -> Rows:
        *sources, query = arguments
        result = subprocess.run(
            [str(path), *sources, "-q", PREFIXES + query, "-t", "text/csv"],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=home,
        )
        assert result.returncode == 0, result.stderr[-2000:]
        return list(csv.DictReader(io.StringIO(result.stdout)))

    return ask


@pytest.mark.parametrize("suffix", ["", ".ttl", ".jsonld", ".rdf"])
def test_a_query_over_two_documents(comunica: Callable[..., Rows], server_url: str, suffix: str) -> None:
    # Without its labels the one document knows no names; without the other, nobody knows who supervises.
    one, other = f"{server_url}/doc/id/anefore{suffix}?labels=no", f"{server_url}/doc/id/menje{suffix}"
    assert comunica(one, other, NAMED_SUPERVISORS) == [MENJE]
    if not suffix:
        assert comunica(one, NAMED_SUPERVISORS) == []
        assert comunica(one, f"{server_url}/id/menje", f"{server_url}/id/mesr", NAMED_SUPERVISORS) == [MESR, MENJE]


def test_a_query_over_the_endpoint(comunica: Callable[..., Rows], server_url: str) -> None:
    assert comunica(f"{server_url}/sparql", NAMED_SUPERVISORS) == [MESR, MENJE]


def test_a_query_over_the_endpoint_and_a_document(comunica: Callable[..., Rows], server_url: str) -> None:
    """Who supervises, by the endpoint; who else they have to do with, by a document."""
    query = """SELECT DISTINCT ?class WHERE { id:anefore a ?class . ?class skos:definition ?text } ORDER BY ?class"""
    both = comunica(f"sparql@{server_url}/sparql", f"{server_url}/ontology.ttl", query)
    assert {"class": "https://w3id.org/vetgraph/ontology#NationalAgency"} in both
