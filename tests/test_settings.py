from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from vetgraph.errors import SettingsError
from vetgraph.settings import SECRETS, TABLE, Settings, as_text, from_env


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    # The store is a folder or an endpoint: one row, two fields.
    assert [row.name for row in TABLE] == [field.name for field in fields(Settings) if field.name != "endpoint"]


def test_the_docs_show_the_table(root: Path) -> None:
    text = (root / "docs" / "settings.md").read_text()
    for row in TABLE:
        assert f"| `{row.variable}` | {row.default} | {row.help} |" in text


def test_environment_wins_over_file(tmp_path: Path) -> None:
    (tmp_path / "vetgraph.toml").write_text('default_graph = "plain"\nmax_body = 10\n')
    settings = from_env({"VETGRAPH_MAX_BODY": "20"}, tmp_path)
    assert (settings.default_graph, settings.max_body) == ("plain", 20)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"VETGRAPH_STOER": "x"}, "There is no setting VETGRAPH_STOER"),
        ({"VETGRAPH_MAX_BODY": "many"}, "whole number of at least 1"),
        ({"VETGRAPH_MAX_BODY": "0"}, "at least 1"),
        ({"VETGRAPH_DEFAULT_GRAPH": "all"}, "`union` or `plain`"),
        ({"VETGRAPH_QUERY_TIMEOUT": "soon"}, "seconds above 0"),
        ({"VETGRAPH_QUERY_TIMEOUT": "inf"}, "seconds above 0"),
    ],
    ids=["unknown name", "not a number", "zero", "not a choice", "not seconds", "endless"],
)
def test_a_wrong_setting_is_refused_with_a_sentence(environ: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        from_env(environ, tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "vetgraph.toml").write_text("store = ")
    with pytest.raises(SettingsError, match=r"vetgraph\.toml is not valid TOML"):
        from_env({}, tmp_path)


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    settings = from_env({f"VETGRAPH_{name.upper()}": "hush" for name in SECRETS}, tmp_path)
    assert "hush" not in as_text(settings)
    assert "hush" not in repr(settings)
    assert "set, not shown" in as_text(settings)


def test_the_store_is_a_folder_or_an_endpoint(tmp_path: Path) -> None:
    assert from_env({"VETGRAPH_STORE": "/srv/store"}, tmp_path).store == Path("/srv/store")
    assert from_env({"VETGRAPH_STORE": "https://example.org/sparql"}, tmp_path).endpoint == "https://example.org/sparql"


def test_allowed_hosts_are_a_list(tmp_path: Path) -> None:
    settings = from_env({"VETGRAPH_ALLOW_HOSTS": "Example.org, query.example.net:8443"}, tmp_path)
    assert settings.allow_hosts == ("example.org", "query.example.net:8443")
