"""The command line: another door to the same use cases.

Errors are one clear sentence on standard error. Exit codes: 0 done, 1 the answer is no (violations,
failed checks), 2 the request could not be carried out.
"""

from __future__ import annotations

import click

from vetgraph import __version__, settings
from vetgraph.cli import content, querying, serving, storage
from vetgraph.cli.shared import fail
from vetgraph.errors import VetgraphError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vetgraph")
@click.pass_context
def cli(context: click.Context) -> None:
    """Query, read and curate European policy on learner mobility in VET."""
    context.obj = settings.from_env()


for _family in (content, querying, serving, storage):
    for _command in _family.COMMANDS:
        cli.add_command(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; never show a traceback for an error that is foreseen."""
    try:
        cli.main(arguments, prog_name="vetgraph", standalone_mode=True)
    except VetgraphError as error:
        fail(error)
