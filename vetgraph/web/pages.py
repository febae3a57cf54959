"""Pages for people: server-rendered, each with its data and its query one click away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, redirect, render_template, request
from flask.blueprints import BlueprintSetupState

from vetgraph import __version__, media
from vetgraph.errors import VetgraphError
from vetgraph.vocab import BASE, DATASET, PREFIXES, VET, shorten
from vetgraph.web import accept, links, portraits, reading, records, terms, texts
from vetgraph.web.negotiation import cacheable, kept, respond
from vetgraph.web.reading import Row, each, grouped, narrowed, solutions
from vetgraph.web.state import looks_back, service
from vetgraph.web.tables import ROWS_SHOWN, Table, table_of

blueprint = Blueprint("pages", __name__)

SECTIONS: Final = (
    ("countries", "/countries"),
    ("areas", "/areas"),
    ("actors", "/actors"),
    ("legal-acts", "/legal-acts"),
    ("agreements", "/agreements"),
    ("developments", "/developments"),
    ("conflicts", "/conflicts"),
    ("sources", "/sources"),
    ("queries", "/queries"),
    ("sparql", "/sparql"),
    ("validate", "/validate"),
)
"""The sections of the site: message key and address, in the order of the navigation."""

HOME_CLASSES: Final = (
    ("Country", "/countries"),
    ("Actor", "/actors"),
    ("LegalAct", "/legal-acts"),
    ("Agreement", "/agreements"),
    ("PolicyStatus", "/areas"),
    ("PolicyDevelopment", "/developments"),
    ("Statement", "/areas"),
    ("Involvement", "/actors"),
    ("Claim", "/conflicts"),
    ("Evidence", "/sources"),
)
"""Classes that the home page counts, with the page that lists them."""


@blueprint.record_once
def _prepare(state: BlueprintSetupState) -> None:
    """Give every template the functions that it may use."""
    environment = state.app.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.globals.update(
        t=texts.text,
        t_or=texts.text_or,
        counted=texts.counted,
        number=texts.number,
        day=texts.day,
        language=texts.language,
        languages=texts.NAMES,
        label=reading.label,
        known_labels=reading.labels,
        fragment=reading.fragment_of,
        document_numbers=reading.document_numbers,
        used=reading.used,
        address=links.address,
        kept=links.kept,
        outside=links.outside,
        here=links.here,
        rooted=links.rooted,
        result_address=links.result_address,
        query_address=links.query_address,
        graph_address=links.graph_address,
        graph_number=portraits.graph_number,
        shorten=shorten,
        sections=SECTIONS,
        package_version=__version__,
        version=_version,
        looks_back=looks_back,
    )


def _version() -> Any:
    """Return the version that is served, or None where there is none to speak of."""
    try:
        return service().store.version
    except VetgraphError:
        return None


def page(template: str, **values: Any) -> Response:
    """Return the response for a page of this blueprint."""
    response = respond(render_template(template, **values), media.HTML.header)
    return cacheable(response, vary="Accept-Language")


@blueprint.after_app_request
def _say_language(response: Response) -> Response:
    """Say in which language a page is."""
    if response.mimetype == media.HTML.type:
        response.headers.setdefault("Content-Language", texts.language())
    return response


@blueprint.get("/")
def home() -> Response:
    """Answer with what is in here and where to start; machines are sent to what describes the dataset (303)."""
    choice = accept.best(request.headers.get("Accept", ""), (media.HTML, *media.carrying("graph"))) or media.HTML
    if choice is not media.HTML:
        away = redirect(links.rooted(links.document(DATASET, choice.suffix)), code=303)
        return kept(away, vary="Accept")  # type: ignore[arg-type]
    counts = {row["class"]: int(row["things"]) for row in solutions("page-classes")}
    shown = [(VET + name, counts.get(VET + name, 0), link) for name, link in HOME_CLASSES]
    questions = [query for query in service().queries.questions if not query.parameters]
    response = page(
        "home.html",
        counts=[item for item in shown if item[1]],
        sample=records.sample(records.matrices(solutions("page-statuses"))),
        sources=_sources(),
        questions=questions[:: max(1, len(questions) // 6)][:6],
        question_count=len(service().queries.questions),
    )
    response.vary.add("Accept")
    return response


def _sources() -> list[dict[str, Any]]:
    found = grouped(solutions("page-sources"), lambda row: row["source"])
    return [
        {"iri": iri, "row": rows[0], "places": each(rows, "place"), "publishers": each(rows, "publisher")}
        for iri, rows in found.items()
    ]


@blueprint.get("/sources")
def sources() -> Response:
    """Answer with the documents that the graph is made from."""
    return page("sources.html", sources=_sources(), graphs=solutions("page-graphs"))


COUNTED: Final = ("statuses", "developments", "acts", "agreements", "actors", "sources")


@blueprint.get("/countries")
def countries() -> Response:
    """Answer with the countries and regions, those that a source describes first."""
    rows = sorted(solutions("page-countries"), key=lambda row: reading.sort_key(row["place"]))
    described = [row for row in rows if any(int(row[name] or 0) for name in COUNTED)]
    named = [row for row in rows if row not in described]
    return page("countries.html", described=described, named=named, counted_names=COUNTED)


def _chosen(name: str, rows: list[Row], variable: str) -> str:
    """Return a filter's value from the address where some row has it, else nothing."""
    wanted = request.args.get(name, "").strip()
    values = {row[variable] for row in rows if variable in row}
    for value in (wanted, BASE + wanted):
        if wanted and value in values:
            return value
    return ""


def _options(rows: list[Row], variable: str, key: str) -> list[tuple[str, str, int]]:
    """Return the values of a filter with their labels and the number of things that have them."""
    pairs = {(row[variable], row[key]) for row in rows if variable in row}
    tally = Counter(value for value, _ in pairs)
    options = [(value, reading.label(value).text, count) for value, count in tally.items()]
    return sorted(options, key=lambda option: option[1].casefold())


@blueprint.get("/actors")
def actors() -> Response:
    """Answer with the actors, by country and by type where the reader asks for one."""
    everything = solutions("page-actors")
    country = _chosen("country", everything, "country")
    kind = _chosen("type", everything, "type")
    rows = narrowed("page-actors", everything, {"country": country, "type": kind}, {})
    found = grouped(rows, lambda row: row["actor"])
    order = request.args.get("sort") == "roles"
    entries: list[dict[str, Any]] = [
        {
            "iri": iri,
            "row": several[0],
            "types": each(several, "type"),
            "classes": each(several, "class"),
            "countries": each(several, "country"),
            "roles": int(several[0]["roles"] or 0),
        }
        for iri, several in found.items()
    ]
    entries.sort(key=lambda one: (-one["roles"] if order else 0, reading.sort_key(one["iri"])))
    return page(
        "actors.html",
        entries=entries,
        total=len(grouped(everything, lambda row: row["actor"])),
        countries=_options(everything, "country", "actor"),
        types=_options(everything, "type", "actor"),
        chosen={"country": country, "type": kind, "sort": "roles" if order else ""},
    )


@blueprint.get("/legal-acts")
def legal_acts() -> Response:
    """Answer with the legal acts, by type and year where the reader asks for one."""
    everything = solutions("page-legal-acts")
    kind = _chosen("type", everything, "type")
    years = Counter(row["date"][:4] for row in everything if "date" in row)
    year = request.args.get("year", "")
    year = year if year in years else ""
    rows = narrowed("page-legal-acts", everything, {"type": kind}, {"date": year})
    found = grouped(rows, lambda row: row["act"])
    entries = [
        {
            "iri": iri,
            "row": several[0],
            "types": each(several, "type"),
            "places": each(several, "place"),
            "elis": each(several, "eli"),
        }
        for iri, several in found.items()
    ]
    return page(
        "legal-acts.html",
        entries=entries,
        total=len(grouped(everything, lambda row: row["act"])),
        types=_options(everything, "type", "act"),
        years=sorted(years.items(), reverse=True),
        chosen={"type": kind, "year": year},
    )


@blueprint.get("/agreements")
def agreements() -> Response:
    """Answer with the agreements and their parties."""
    found = grouped(solutions("page-agreements"), lambda row: row["agreement"])
    entries = [
        {
            "iri": iri,
            "row": rows[0],
            "parties": each(rows, "party"),
            "kinds": each(rows, "kind"),
            "states": each(rows, "state"),
        }
        for iri, rows in found.items()
    ]
    return page("agreements.html", entries=entries)


@blueprint.get("/areas")
def areas() -> Response:
    """Answer with the thematic areas and what is recorded for each, country by country."""
    matrices = records.matrices(solutions("page-statuses"))
    return page("areas.html", areas=solutions("page-areas"), matrices=matrices)


@blueprint.get("/developments")
def developments() -> Response:
    """Answer with the policy developments and their stage in each year."""
    return page("developments.html", entries=records.developments(solutions("page-developments")))


@blueprint.get("/conflicts")
def conflicts() -> Response:
    """Answer with claims that contradict each other, side by side, and with doubtful ones."""
    groups = records.conflicts(solutions("page-conflicts"))
    return page(
        "conflicts.html",
        disputes=[group for group in groups if len(group.claims) > 1],
        doubts=[group for group in groups if len(group.claims) == 1],
    )


@blueprint.get("/queries")
def queries() -> Response:
    """Answer with the saved queries, those behind pages apart."""
    catalogue = service().queries
    behind = [query for query in catalogue if query.of_a_page]
    return page("queries.html", questions=catalogue.questions, behind=behind)


@blueprint.get("/queries/<name>")
def query(name: str) -> Response:
    """Answer with one saved query, its form and its result."""
    saved = service().queries.get(name)
    given = {p.name: request.args.get(p.name, "").strip() for p in saved.parameters}
    values = {parameter: value for parameter, value in given.items() if value}
    complete = all(values.get(p.name) for p in saved.parameters if p.required)
    table: Table | None = None
    problem: Mapping[str, Any] | None = None
    if complete:
        try:
            bindings = saved.bindings(values)
            table = table_of(service().store.query(saved.text, bindings=bindings))
        except VetgraphError as error:
            problem = {"title": error.title, "detail": error.detail, **error.facts}
    return page("query.html", saved=saved, given=given, values=values, table=table, problem=problem, prefixes=PREFIXES)


FIRST_QUERY: Final = f"""PREFIX vet: <{VET}>
PREFIX skos: <{PREFIXES["skos"]}>
SELECT ?actor ?name WHERE {{
  ?actor a vet:Organisation ;
    skos:prefLabel ?name .
  FILTER(LANG(?name) = "en")
}}
ORDER BY ?name
LIMIT 20
"""
"""What the query page starts with."""


def sparql_page(query_text: str, table: Table | None, problem: Mapping[str, Any] | None) -> str:
    """Return the page on which a reader writes a query: form, saved queries, result or problem."""
    questions = service().queries.questions
    return render_template(
        "sparql.html",
        query_text=query_text or FIRST_QUERY,
        asked=bool(query_text),
        table=table,
        seconds=texts.number(f"{service().settings.query_timeout:g}"),
        rows=texts.number(ROWS_SHOWN),
        problem=problem,
        questions=questions,
        prefixes=PREFIXES,
    )


def validate_page(form: Mapping[str, str], report: Any | None, problem: Mapping[str, Any] | None) -> str:
    """Return the page that checks RDF against the shapes: form, and report or problem."""
    return render_template("validate.html", form=form, report=report, problem=problem)


def resource_page(iri: str) -> str:
    """Return the page about one thing. Raises NotFound where nothing is known of it."""
    portrait = portraits.portrait(iri)
    return render_template(portrait.template, **portrait.values)


def bundle_page(name: str) -> str:
    """Return the page of the whole ontology or of all shapes."""
    return terms.ontology_page() if name == "ontology" else terms.shapes_page()


def problem_page(problem: Mapping[str, Any]) -> str:
    """Return the page that says what went wrong and what to do."""
    known = ("type", "title", "status", "detail", "hint")  # the hint is in the detail
    facts = {name: value for name, value in problem.items() if name not in known}
    return render_template("problem.html", problem=problem, facts=facts)


__all__ = [
    "blueprint",
    "bundle_page",
    "problem_page",
    "resource_page",
    "sparql_page",
    "validate_page",
]
