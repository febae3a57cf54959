from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from vetgraph.errors import SettingsError
from vetgraph.settings import RESERVED, TABLE, Settings, as_text, from_env


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    assert [row.name for row in TABLE] == [field.name for field in fields(Settings)]


def test_the_docs_show_the_table(root: Path) -> None:
    text = (root / "docs" / "settings.md").read_text()
    for row in TABLE:
        assert f"| `{row.variable}` | {row.default} | {row.help} |" in text
    for name in RESERVED:
        assert f"`VETGRAPH_{name.upper()}`" in text


def test_environment_wins_over_file(tmp_path: Path) -> None:
    (tmp_path / "vetgraph.toml").write_text('default_graph = "plain"\nmax_body = 10\n')
    settings = from_env({"VETGRAPH_MAX_BODY": "20"}, tmp_path)
    assert (settings.default_graph, settings.max_body) == ("plain", 20)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"VETGRAPH_STOER": "x"}, "There is no setting VETGRAPH_STOER"),
        ({"VETGRAPH_MAX_BODY": "many"}, "whole number of bytes"),
        ({"VETGRAPH_MAX_BODY": "0"}, "above 0"),
        ({"VETGRAPH_DEFAULT_GRAPH": "all"}, "`union` or `plain`"),
    ],
    ids=["unknown name", "not a number", "zero", "not a choice"],
)
def test_a_wrong_setting_is_refused_with_a_sentence(environ: dict[str, str], words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        from_env(environ, tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "vetgraph.toml").write_text("store = ")
    with pytest.raises(SettingsError, match=r"vetgraph\.toml is not valid TOML"):
        from_env({}, tmp_path)


def test_reserved_names_are_accepted_and_never_shown(tmp_path: Path) -> None:
    settings = from_env({"VETGRAPH_ADMIN_TOKEN": "secret"}, tmp_path)
    assert "secret" not in as_text(settings)
    assert "VETGRAPH_ADMIN_TOKEN" in as_text(settings)
