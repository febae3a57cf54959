"""Commands that read: query and export."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vetgraph import client, media, queries, results, sparql, tables
from vetgraph.cli.shared import build_first, folder_of, pass_settings
from vetgraph.errors import BadParameter
from vetgraph.loading import find_content
from vetgraph.settings import Settings
from vetgraph.store import Answer, current_version, open_store

ANSWERS = ("table", "csv", "tsv", "json", "xml", "turtle", "jsonld")


@click.command()
@click.argument("query_", metavar="[FILE or NAME]", required=False)
@click.option("-e", "text", help="The query itself.")
@click.option("--param", "parameters", multiple=True, metavar="NAME=VALUE", help="Value of a saved query's parameter.")
@click.option("--format", "form", type=click.Choice(ANSWERS), help="Form of the answer.")
@click.option("--endpoint", metavar="URL", help="Ask this SPARQL endpoint, not the store.")
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
    if endpoint := endpoint or config.endpoint:
        return client.ask_endpoint(endpoint, queries.with_values(saved.text, bindings))
    folder = folder_of(config, None)
    if current_version(folder) is None:
        build_first(config, folder)
    store = open_store(folder, union=config.default_graph == "union")
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


@click.command()
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), default="-")
@click.option("--format", "form", type=click.Choice(["trig", "nq"]), default="trig", show_default=True)
@pass_settings
def export(config: Settings, target: Path, form: str) -> None:
    """Write all named graphs of the published version to a file, or to standard output."""
    kind = media.by_suffix(form)
    assert kind is not None
    body = results.write_quads(open_store(folder_of(config, None)).dump(), kind)
    if str(target) == "-":
        sys.stdout.buffer.write(body)
    else:
        target.write_bytes(body)
        click.echo(f"{target}: {len(body):,} bytes", err=True)


COMMANDS = (query, export)
