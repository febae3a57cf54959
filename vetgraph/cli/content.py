"""Commands about the content: build, check, validate, import."""

from __future__ import annotations

from pathlib import Path

import click

from vetgraph import building, checks, importing
from vetgraph.checks import coverage
from vetgraph.cli.shared import folder_of, pass_settings, progress_bar, show_counts
from vetgraph.loading import find_content
from vetgraph.settings import Settings
from vetgraph.store import current_version, open_store
from vetgraph.validation import Context, Shapes, read_file, render
from vetgraph.validation import validate as judge

REPORTS = ("text", "turtle", "jsonld", "json", "sarif")


@click.command()
@pass_settings
def build(config: Settings) -> None:
    """Build a new snapshot from ontology, shapes, data and queries, and publish it."""
    folder = folder_of(config, None)
    version = building.build(folder, progress=progress_bar(), keep=config.keep_versions)
    show_counts(version)
    click.echo(f"Version {version.number} is published in {folder}.")


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--format", "form", type=click.Choice(REPORTS), default="text", show_default=True, help="Form of report.")
@click.option("--alone", is_flag=True, help="Judge the files by themselves, without the published data.")
@click.option("--lang", default="en", show_default=True, type=click.Choice(["en", "fr", "de", "nl"]))
@pass_settings
def validate(config: Settings, files: tuple[Path, ...], form: str, alone: bool, lang: str) -> None:
    """Check files against the shapes, in the context of the published data."""
    submissions = [read_file(path, limit=config.max_body) for path in files]
    shapes = Shapes.load_directory(find_content().root)
    context = None if alone else _context(config)
    report = judge(submissions, shapes, context, language=lang)
    click.echo(render(report, form, language=lang).decode("utf-8"), nl=False)
    raise SystemExit(0 if report.conforms else 1)


def _context(config: Settings) -> Context:
    """Return the published data; where nothing is built yet, the data that travel with the package."""
    if current_version(config.store) is None:
        return Context(building.assemble(find_content()), copy=False)
    store = open_store(config.store)
    return Context(store.engine, version=store.version.number)


@click.command()
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


@click.command("import")
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


COMMANDS = (build, check, validate, import_)
