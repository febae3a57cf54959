"""What the commands share: settings, the store's place, progress, and how an error is said."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from vetgraph import building
from vetgraph.errors import BadParameter, VetgraphError
from vetgraph.settings import Settings
from vetgraph.store import Version

pass_settings = click.make_pass_decorator(Settings)

store_option = click.option("--store", type=click.Path(path_type=Path), help="Folder of the store.")

WHO = "command line"
"""Who writes, as history tells it."""


def fail(error: VetgraphError) -> NoReturn:
    """Say what is wrong in one sentence and end with exit code 2."""
    click.echo(f"vetgraph: {error.detail}", err=True)
    raise SystemExit(2)


def folder_of(config: Settings, store: Path | None) -> Path:
    """Return the store's folder. Raises BadParameter where the store is an endpoint elsewhere."""
    if store is None and config.endpoint:
        raise BadParameter(
            f"This works on a store in a folder, and VETGRAPH_STORE is {config.endpoint}; give --store DIR.",
            parameter="--store",
        )
    return store or config.store


def progress_bar() -> Callable[[str, int, int], None]:
    """Return a progress bar on terminals, plain lines elsewhere."""

    def show(what: str, step: int, steps: int) -> None:
        if sys.stderr.isatty():
            bar = "█" * step + "░" * (steps - step)
            click.echo(f"\r{bar} {step}/{steps} {what:<24}", err=True, nl=step == steps)
        else:
            click.echo(f"{step}/{steps} {what}", err=True)

    return show


def build_first(config: Settings, folder: Path) -> None:
    """Build a snapshot where there is none, and say so."""
    click.echo(f"There is no snapshot in {folder} yet: building one.", err=True)
    building.build(folder, progress=progress_bar(), keep=config.keep_versions)


def show_counts(version: Version) -> None:
    """Show how many triples each graph has."""
    counts = {**version.counts, **({"default graph": version.unnamed} if version.unnamed else {})}
    width = max(len(graph) for graph in (*counts, "all graphs"))
    for graph, count in (*counts.items(), ("all graphs", version.triples)):
        click.echo(f"{graph:<{width}}  {count:>8,}")
