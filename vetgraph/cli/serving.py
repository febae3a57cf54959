"""Commands about running: serve and settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from vetgraph import __version__, building, settings
from vetgraph.cli.shared import build_first, pass_settings
from vetgraph.errors import BadParameter
from vetgraph.loading import find_content
from vetgraph.settings import Settings
from vetgraph.store import current_version


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--store", metavar="DIR or URL", help="Folder of the store, or address of a SPARQL 1.1 endpoint.")
@click.option("--default-graph", type=click.Choice(["union", "plain"]), help="What a query without GRAPH sees.")
@click.option("--empty", is_flag=True, help="Begin with an empty store: in --store DIR, else in a temporary folder.")
@pass_settings
def serve(config: Settings, host: str, port: int, store: str | None, default_graph: str | None, empty: bool) -> None:
    """Run the service; build a snapshot first where there is none."""
    from vetgraph.web.serving import run

    with _place(config, store, empty) as place:
        os.environ.update(VETGRAPH_STORE=place, VETGRAPH_DEFAULT_GRAPH=default_graph or config.default_graph)
        _announce(host, port)
        run(host, port)


@contextmanager
def _place(config: Settings, store: str | None, empty: bool) -> Iterator[str]:
    """Give the store that is served, with a version in it: a folder, or an address."""
    chosen = store or config.endpoint or str(config.store)
    if empty and store is None:
        folder = Path(tempfile.mkdtemp(prefix="vetgraph-"))
        try:
            building.begin(folder)
            yield str(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return
    if not chosen.startswith(("http://", "https://")):
        _prepare(config, Path(chosen).expanduser(), empty)
    elif empty:
        raise BadParameter("--empty begins a store in a folder; leave it out with an address.", parameter="--empty")
    yield chosen


def _prepare(config: Settings, folder: Path, empty: bool) -> None:
    """See to it that a folder has a version: an empty one, or one that is built."""
    version = current_version(folder)
    if empty and version is not None:
        raise BadParameter(
            f"There is version {version.number} in {folder} already; leave out --empty, or name another folder.",
            parameter="--empty",
        )
    if empty:
        building.begin(folder)
    elif version is None:
        build_first(config, folder)
    elif version.fingerprint and version.fingerprint != find_content().fingerprint():
        click.echo(
            f"The installed content differs from version {version.number}: run `vetgraph build` to publish it.",
            err=True,
        )


def _announce(host: str, port: int) -> None:
    root = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}"  # noqa: S104
    click.echo(f"vetgraph {__version__} at {root}/ — stop it with Ctrl+C")
    for path, what in (
        ("/", "start here"),
        ("/sparql", "SPARQL endpoint and form"),
        ("/validate", "check new triples"),
    ):
        click.echo(f"  {root + path:<32} {what}")


@click.command("settings")
@pass_settings
def settings_(config: Settings) -> None:
    """Show every setting, its value and its default."""
    click.echo(settings.as_text(config))


COMMANDS = (serve, settings_)
