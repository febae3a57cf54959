"""Commands about the store: load, backup, restore, history."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vetgraph.cli.shared import WHO, folder_of, pass_settings, show_counts, store_option
from vetgraph.engine import backup as backups
from vetgraph.engine import bulk
from vetgraph.engine.history import Entry, History
from vetgraph.engine.writer import Intent, Writer
from vetgraph.settings import Settings


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option("--graph", metavar="IRI", help="Graph of the triples that name none; else they go to the default graph.")
@click.option("--replace", is_flag=True, help="Empty that graph first; without --graph, the whole store.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for the history.")
@store_option
@pass_settings
def load(
    config: Settings, files: tuple[Path, ...], graph: str | None, replace: bool, reason: str, store: Path | None
) -> None:
    """Load RDF files (Turtle, N-Triples, N-Quads, TriG, RDF/XML, JSON-LD; also .gz) and publish them as one version."""
    wanted = bulk.sources(files)
    folder = folder_of(config, store)
    intent = Intent("load", WHO, reason or ", ".join(path.name for path in files))
    with Writer.open(folder, doing="load", keep=config.keep_versions) as writer:
        version = bulk.load(writer, wanted, intent, graph=graph, replace=replace, progress=_say)
    show_counts(version)
    click.echo(f"Version {version.number} is published in {folder}.")


def _say(name: str) -> None:
    click.echo(f"loading {name}", err=True)


@click.command()
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@store_option
@pass_settings
def backup(config: Settings, target: Path, store: Path | None) -> None:
    """Write the published version and the history to a .tar or .tar.gz file, while writes may go on."""
    manifest = backups.backup(folder_of(config, store), target)
    click.echo(f"{target}: version {manifest.version}, {manifest.triples:,} triples, {target.stat().st_size:,} bytes")


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False))
@store_option
@pass_settings
def restore(config: Settings, source: Path, store: Path | None) -> None:
    """Verify a backup, then publish what it holds as a new version."""
    folder = folder_of(config, store)
    with Writer.open(folder, doing="restore", keep=config.keep_versions) as writer:
        manifest, version = backups.restore(writer, source, WHO)
    click.echo(
        f"Version {version.number} is published in {folder}: {version.triples:,} triples, "
        f"as of version {manifest.version} in the backup of {manifest.made:%Y-%m-%d %H:%M}."
    )


@click.command("history")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="Most versions to list.")
@click.option("--pin", type=int, metavar="N", help="Keep version N until it is unpinned.")
@click.option("--unpin", type=int, metavar="N", help="Let version N go when its time comes.")
@store_option
@pass_settings
def history(
    config: Settings, as_json: bool, limit: int, pin: int | None, unpin: int | None, store: Path | None
) -> None:
    """List the published versions, the newest first: when, how, by whom, what changed, and why."""
    with History(folder_of(config, store)) as past:
        for number, pinned in ((pin, True), (unpin, False)):
            if number is not None:
                past.pin(number, pinned)
                click.echo(f"Version {number} is {'pinned' if pinned else 'no longer pinned'}.")
        if pin is not None or unpin is not None:
            return
        entries = past.versions(limit)
    if as_json:
        click.echo(json.dumps([_told(entry) for entry in entries], indent=2))
        return
    for entry in entries:
        click.echo(_line(entry))


def _told(entry: Entry) -> dict[str, object]:
    version = json.loads(entry.version.as_json())
    return {**version, "triples": entry.triples, "pinned": entry.pinned, "kept": entry.kept}


def _line(entry: Entry) -> str:
    version = entry.version
    marks = " ".join(word for word, so in (("pinned", entry.pinned), ("removed", not entry.kept)) if so)
    changed = "" if version.added is None else f"+{version.added:,} −{version.removed:,}"
    return (
        f"{version.number:>6}  {version.built:%Y-%m-%d %H:%M:%S}  {version.kind:<8} {version.agent:<14} "
        f"{entry.triples:>12,}  {changed:<18} {marks:<8} {version.reason}"
    ).rstrip()


COMMANDS = (load, backup, restore, history)
