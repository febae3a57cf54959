"""Settings: one table, read once at the door, passed in, never a global.

Values come from ``VETGRAPH_*`` environment variables, else from ``vetgraph.toml`` in the working
folder, else from the defaults below. Unknown names are refused.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from vetgraph.errors import SettingsError

PREFIX: Final = "VETGRAPH_"
FILE: Final = "vetgraph.toml"


def _data_home() -> str:
    return os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")


@dataclass(frozen=True)
class Settings:
    """What the operator decides. Every field has a row in :data:`TABLE`."""

    store: Path = Path("store")
    default_graph: str = "union"
    max_body: int = 2_000_000
    sources: Path | None = None
    public_url: str = ""


@dataclass(frozen=True)
class Row:
    """One setting: its name, its default in words, and one line of help."""

    name: str
    default: str
    help: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()


TABLE: Final = (
    Row("store", "$XDG_DATA_HOME/vetgraph", "Folder of the snapshots that the service reads."),
    Row(
        "default_graph",
        "union",
        "What a query without GRAPH sees: `union` of all named graphs, or `plain`.",
    ),
    Row("max_body", "2000000", "Largest request body that is read, in bytes."),
    Row(
        "sources",
        "not set",
        "Folder of the source texts, needed only to check or write evidence offsets.",
    ),
    Row(
        "public_url",
        "the request's own",
        "Address under which users reach the service, where it differs from the request's.",
    ),
)
"""The table that the documentation, `vetgraph settings` and the reader share."""

RESERVED: Final = ("query_timeout", "admin_token", "allow_hosts")
"""Names kept for settings of coming versions: accepted, reported, without effect so far."""


def from_env(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Return the settings of an environment and a folder's ``vetgraph.toml``.

    Raises SettingsError where a name is unknown or a value malformed.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, str] = _from_file((folder or Path.cwd()) / FILE)
    for variable, value in environ.items():
        if variable.startswith(PREFIX):
            values[variable.removeprefix(PREFIX).lower()] = value
    settings = Settings(store=Path(_data_home()) / "vetgraph")
    for name, value in values.items():
        settings = _with(settings, name, value)
    return settings


def _from_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return {name: str(value) for name, value in tomllib.loads(path.read_text("utf-8")).items()}
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError(f"{path} is not valid TOML: {problem}", setting=str(path)) from None


def _with(settings: Settings, name: str, value: str) -> Settings:
    if name in RESERVED:
        return settings
    if name not in {field.name for field in fields(Settings)}:
        known = ", ".join(row.variable for row in TABLE)
        raise SettingsError(f"There is no setting {PREFIX}{name.upper()}; known are {known}.", setting=name)
    return replace(settings, **{name: _converted(name, value)})


def _converted(name: str, value: str) -> Any:
    if name in ("store", "sources"):
        return Path(value).expanduser()
    if name == "max_body":
        if not value.isdigit() or int(value) == 0:
            raise SettingsError(
                f"{PREFIX}MAX_BODY is {value!r}; give a whole number of bytes above 0.",
                setting=name,
            )
        return int(value)
    if name == "default_graph" and value not in ("union", "plain"):
        raise SettingsError(f"{PREFIX}DEFAULT_GRAPH is {value!r}; give `union` or `plain`.", setting=name)
    return value.rstrip("/") if name == "public_url" else value


def as_text(settings: Settings) -> str:
    """Return the table of settings with the values in force, one line each."""
    lines = []
    for row in TABLE:
        value = getattr(settings, row.name)
        lines.append(f"{row.variable:<24} {value if value not in (None, '') else '-'}")
        lines.append(f"{'':<24} {row.help} Default: {row.default}.")
    lines.append(f"Reserved, without effect so far: {', '.join(PREFIX + n.upper() for n in RESERVED)}.")
    return "\n".join(lines)
