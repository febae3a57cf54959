"""The command line: another door to the same use cases.

Errors are one clear sentence on standard error. Exit codes: 0 done, 1 the answer is no (violations,
failed checks), 2 the request could not be carried out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from vetgraph import __version__, building, checks, client, importing, media, queries, results, settings, sparql, tables
from vetgraph.checks import coverage
from vetgraph.errors import BadParameter, VetgraphError
from vetgraph.loading import find_content
from vetgraph.settings import Settings
from vetgraph.store import Answer, Version, current_version, open_store
from vetgraph.validation import Context, Shapes, read_file, render, validate

REPORTS = ("text", "turtle", "jsonld", "json", "sarif")
ANSWERS = ("table", "csv", "tsv", "json", "xml", "turtle", "jsonld")


def fail(error: VetgraphError) -> NoReturn:
    """Say what is wrong in one sentence and end with exit code 2."""
    click.echo(f"vetgraph: {error.detail}", err=True)
    raise SystemExit(2)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vetgraph")
@click.pass_context
def cli(context: click.Context) -> None:
    """Query, read and curate European policy on learner mobility in VET."""
    context.obj = settings.from_env()


pass_settings = click.make_pass_decorator(Settings)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; never show a traceback for an error that is foreseen."""
    try:
        cli.main(arguments, prog_name="vetgraph", standalone_mode=True)
    except VetgraphError as error:
        fail(error)


@cli.command()
@pass_settings
def build(config: Settings) -> None:
    """Build a new snapshot from ontology, shapes, data and queries, and publish it."""
    version = building.build(config.store, progress=_progress())
    _show_counts(version)
    click.echo(f"Version {version.number} is published in {config.store}.")


def _progress() -> Callable[[str, int, int], None]:
    """Return a progress bar on terminals, plain lines elsewhere."""

    def show(what: str, step: int, steps: int) -> None:
        if sys.stderr.isatty():
            bar = "█" * step + "░" * (steps - step)
            click.echo(f"\r{bar} {step}/{steps} {what:<24}", err=True, nl=step == steps)
        else:
            click.echo(f"{step}/{steps} {what}", err=True)

    return show


def _show_counts(version: Version) -> None:
    width = max(len(graph) for graph in version.counts)
    for graph, count in version.counts.items():
        click.echo(f"{graph:<{width}}  {count:>8,}")
    click.echo(f"{'all graphs':<{width}}  {version.triples:>8,}")


@cli.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--store", type=click.Path(path_type=Path), help="Folder of the snapshots.")
@click.option("--default-graph", type=click.Choice(["union", "plain"]), help="What a query without GRAPH sees.")
@click.option("--empty", is_flag=True, help="Start on an empty store of its own.")
@pass_settings
def serve(config: Settings, host: str, port: int, store: Path | None, default_graph: str | None, empty: bool) -> None:
    """Run the service; build a snapshot first where there is none."""
    from vetgraph.web.serving import run

    folder = store or config.store
    union = default_graph or config.default_graph
    if not empty:
        version = current_version(folder)
        if version is None:
            click.echo(f"There is no snapshot in {folder} yet: building one.", err=True)
            building.build(folder, progress=_progress())
        elif version.fingerprint != find_content().fingerprint():
            click.echo(
                f"The installed content differs from version {version.number}: run `vetgraph build` to publish it.",
                err=True,
            )
    os.environ.update(VETGRAPH_STORE=str(folder), VETGRAPH_DEFAULT_GRAPH=union)
    _announce(host, port)
    run(host, port, empty=empty)


def _announce(host: str, port: int) -> None:
    root = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}"  # noqa: S104
    click.echo(f"vetgraph {__version__} at {root}/ — stop it with Ctrl+C")
    for path, what in (
        ("/", "start here"),
        ("/sparql", "SPARQL endpoint and form"),
        ("/validate", "check new triples"),
    ):
        click.echo(f"  {root + path:<32} {what}")


@cli.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(REPORTS), default="text", show_default=True, help="Form of report.")
@click.option("--alone", is_flag=True, help="Judge the files by themselves, without the published data.")
@click.option("--lang", default="en", show_default=True, type=click.Choice(["en", "fr", "de", "nl"]))
@pass_settings
def validate_(config: Settings, files: tuple[Path, ...], form: str, alone: bool, lang: str) -> None:
    """Check files against the shapes, in the context of the published data."""
    submissions = [read_file(path, limit=config.max_body) for path in files]
    shapes = Shapes.load_directory(find_content().root)
    context = None if alone else _context(config)
    report = validate(submissions, shapes, context, language=lang)
    click.echo(render(report, form, language=lang).decode("utf-8"), nl=False)
    raise SystemExit(0 if report.conforms else 1)


def _context(config: Settings) -> Context:
    """Return the published data; where nothing is built yet, the data that travel with the package."""
    if current_version(config.store) is None:
        return Context(building.assemble(find_content()), copy=False)
    store = open_store(config.store)
    return Context(store.engine, version=store.version.number)


@cli.command()
@click.argument("query_", metavar="[FILE or NAME]", required=False)
@click.option("-e", "text", help="The query itself.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Value of a saved query's parameter.")
@click.option("--format", "form", type=click.Choice(ANSWERS), help="Form of the answer.")
@click.option("--endpoint", metavar="URL", help="Ask this SPARQL endpoint instead of the local snapshot.")
@pass_settings
def query(
    config: Settings,
    query_: str | None,
    text: str | None,
    parameters: tuple[str, ...],
    form: str | None,
    endpoint: str | None,
) -> None:
    """Run a query: a file, a text (-e), or a saved query by name; without any, list the saved ones."""
    if text is None and query_ is None:
        for saved in queries.read_catalogue(find_content().root).questions:
            click.echo(f"{saved.name:<44} {saved.title()}")
        return
    saved = _query(text, query_)
    values = dict(_pair(item) for item in parameters)
    _show(_answer(config, saved, values, endpoint), form)


def _query(text: str | None, name: str | None) -> queries.SavedQuery:
    """Return the query that the arguments mean: a text, a file's, or a saved one."""
    if text is not None:
        return queries.SavedQuery("-e", {"en": ""}, "", text)
    assert name is not None
    path = Path(name)
    if path.suffix in (".rq", ".sparql") or path.is_file():
        try:
            body = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            raise BadParameter(f"The file {name} can't be read: {problem}.", parameter="FILE") from None
        return queries.parse_query(path.stem, body) if body.startswith("#+") else _plain(path.stem, body)
    return queries.read_catalogue(find_content().root).get(name)


def _plain(name: str, body: str) -> queries.SavedQuery:
    return queries.SavedQuery(name, {"en": name}, "", body)


def _answer(config: Settings, saved: queries.SavedQuery, values: dict[str, str], endpoint: str | None) -> Answer:
    bindings = saved.bindings(values)
    if endpoint is not None:
        return client.ask_endpoint(endpoint, queries.with_values(saved.text, bindings))
    if current_version(config.store) is None:
        click.echo(f"There is no snapshot in {config.store} yet: building one.", err=True)
        building.build(config.store, progress=_progress())
    store = open_store(config.store, union=config.default_graph == "union")
    return sparql.answer(store, sparql.Request(saved.text, bindings=bindings))


def _pair(item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not equals:
        raise BadParameter(f"--param {item} has no value; write --param {item}=VALUE.", parameter=item)
    return name, value


def _show(answer: Answer, form: str | None) -> None:
    graph = results.kind_of(answer) == "graph"
    form = form or ("turtle" if graph else "table")
    if form == "table" and not graph:
        click.echo(tables.as_table(answer), nl=False)
        return
    kind = media.by_suffix({"turtle": "ttl"}.get(form, form))
    if kind is None or results.kind_of(answer) not in kind.carries:
        fitting = "turtle or jsonld" if graph else "table, csv, tsv, json or xml"
        raise BadParameter(f"This answer can't be written as {form}; take {fitting}.", parameter="--format")
    click.echo(results.write_answer(answer, kind).decode("utf-8"), nl=False)


@cli.command()
@click.option("--only", multiple=True, metavar="NAME", help="Run only these checks.")
@click.option("--list", "listing", is_flag=True, help="List the checks and end.")
@click.option("--coverage", "covering", is_flag=True, help="Show how much of the source texts the evidence covers.")
@pass_settings
def check(config: Settings, only: tuple[str, ...], listing: bool, covering: bool) -> None:
    """Check everything of the content: syntax, terms, hygiene, consistency, shapes, evidence, questions."""
    if listing:
        for name, what in checks.catalogue().items():
            click.echo(f"{name:<16} {what}")
        return
    if covering:
        reports = coverage.reports(find_content(), config.sources)
        click.echo("\n".join(report.as_text() for report in reports))
        raise SystemExit(1 if any(report.is_low for report in reports) else 0)
    failed = False
    for outcome in checks.run(find_content(), only=only, sources=config.sources):
        click.echo(outcome.as_text())
        failed = failed or bool(outcome.faults)
    raise SystemExit(1 if failed else 0)


@cli.command("import")
@click.argument("mapping", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--csv", "table", type=click.Path(path_type=Path, dir_okay=False), help="The table, if not the one named."
)
@click.option("--dry-run", is_flag=True, help="Say what would change, and write nothing.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write here, not beside the mapping.")
def import_(mapping: Path, table: Path | None, dry_run: bool, out: Path | None) -> None:
    """Make the Turtle file of a graph from a CSV table, by a mapping."""
    result = importing.import_table(mapping, find_content(), table)
    target = (out or mapping.parent) / result.plan.target
    click.echo(importing.summary(result, importing.compare(result, target)))
    if result.problems:
        for problem in result.problems:
            click.echo(problem.as_text(), err=True)
        click.echo(f"{len(result.problems)} problem(s): nothing was written.", err=True)
        raise SystemExit(1)
    if dry_run:
        click.echo("A dry run: nothing was written.")
        return
    importing.publish(result, target)
    click.echo(f"{target} is written.")


@cli.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), default="-")
@click.option("--format", "form", type=click.Choice(["trig", "nq"]), default="trig", show_default=True)
@pass_settings
def export(config: Settings, target: Path, form: str) -> None:
    """Write all named graphs of the published version to a file, or to standard output."""
    kind = media.by_suffix(form)
    assert kind is not None
    body = results.write_quads(open_store(config.store).dump(), kind)
    if str(target) == "-":
        sys.stdout.buffer.write(body)
    else:
        target.write_bytes(body)
        click.echo(f"{target}: {len(body):,} bytes", err=True)


@cli.command("settings")
@pass_settings
def settings_(config: Settings) -> None:
    """Show every setting, its value and its default."""
    click.echo(settings.as_text(config))
