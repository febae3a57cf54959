"""Settings: one table, read once at the door, passed in, never a global.

Values come from ``VETGRAPH_*`` environment variables, else from ``vetgraph.toml`` in the working
folder, else from the defaults below. Unknown names are refused.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    endpoint: str = ""
    store_update: str = ""
    store_graphs: str = ""
    store_user: str = ""
    store_password: str = field(default="", repr=False)
    store_token: str = field(default="", repr=False)
    store_trust: float = 60.0
    query_timeout: float = 30.0
    query_timeout_max: float = 60.0
    admin_token: str = field(default="", repr=False)
    allow_hosts: tuple[str, ...] = ()
    workers: int = 0
    memory: int = -1
    worker_memory: int = 2 << 30
    max_rows: int = 0
    queue: int = 256
    queue_per_client: int = 64
    cache: int = 256_000_000
    keep_versions: int = 10
    contact: str = ""
    shared_age: int = 10

    @property
    def union(self) -> bool:
        """Whether a query without GRAPH sees all named graphs as one."""
        return self.default_graph == "union"


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
    Row("store", "$XDG_DATA_HOME/vetgraph", "Folder of the store, or the http(s) address of a SPARQL 1.1 endpoint."),
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
    Row("store_update", "the store's own", "Address for updates of a store elsewhere, if not that of queries."),
    Row("store_graphs", "none", "Address of the Graph Store Protocol of a store elsewhere."),
    Row("store_user", "not set", "Name under which a store elsewhere knows this service."),
    Row("store_password", "not set", "Password to go with that name. Never shown."),
    Row("store_token", "not set", "Bearer token for a store elsewhere, instead of name and password. Never shown."),
    Row("store_trust", "60", "Seconds for which an answer of a store elsewhere is repeated without asking again."),
    Row("query_timeout", "30", "Seconds that a query may take where it does not say `timeout=`."),
    Row("query_timeout_max", "60", "Most seconds that `timeout=` can ask for."),
    Row("admin_token", "not set", "A maintainer's token: whoever sends it may write. Never shown."),
    Row("allow_hosts", "none", "Hosts that SERVICE and LOAD may reach, by commas; see docs/scaling.md."),
    Row("workers", "one per processor", "Queries that are evaluated at once, long ones apart."),
    Row("memory", "half of the machine", "Bytes that copies of the data in memory may take; `0` reads from disk."),
    Row("worker_memory", "2147483648", "Bytes that one query may take beyond the data."),
    Row("max_rows", "0", "Most rows or triples that a query may return; `0` for no limit."),
    Row("queue", "256", "Queries that may be under way or wait, over all clients."),
    Row("queue_per_client", "64", "Queries that one client may have under way or waiting."),
    Row("cache", "256000000", "Bytes of answers that are kept for being asked again; `0` keeps none."),
    Row("keep_versions", "10", "Versions that stay readable, besides pinned ones and those in use."),
    Row(
        "contact",
        "not set",
        "Where to reach whoever runs the service: `mailto:…` or `https://…`, for /about and the catalogue.",
    ),
    Row("shared_age", "10", "Seconds for which a cache shared by many may repeat a page or document without asking."),
)
"""The table that the documentation, `vetgraph settings` and the reader share."""

SECRETS: Final = frozenset({"admin_token", "store_password", "store_token"})
"""Settings whose values are never shown."""

_WHOLE: Final = {
    "max_body": 1,
    "workers": 1,
    "memory": 0,
    "worker_memory": 1 << 26,
    "max_rows": 0,
    "queue": 1,
    "queue_per_client": 1,
    "cache": 0,
    "keep_versions": 1,
    "shared_age": 0,
}
"""Settings that are whole numbers, with the smallest value that each can have."""

_SECONDS: Final = ("query_timeout", "query_timeout_max", "store_trust")


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
    if name not in {row.name for row in TABLE}:
        known = ", ".join(row.variable for row in TABLE)
        raise SettingsError(f"There is no setting {PREFIX}{name.upper()}; known are {known}.", setting=name)
    if name == "store" and value.startswith(("http://", "https://")):
        return replace(settings, endpoint=value)
    return replace(settings, **{name: _converted(name, value)})


def _converted(name: str, value: str) -> Any:
    if name in ("store", "sources"):
        return Path(value).expanduser()
    if name in _WHOLE:
        return _whole(name, value)
    if name in _SECONDS:
        return _seconds(name, value)
    if name == "allow_hosts":
        return tuple(host.strip().lower() for host in value.split(",") if host.strip())
    if name == "contact" and not value.startswith(("mailto:", "https://", "http://")):
        raise SettingsError(f"{PREFIX}CONTACT is {value!r}; give a `mailto:` or `https:` address.", setting=name)
    if name == "default_graph" and value not in ("union", "plain"):
        raise SettingsError(f"{PREFIX}DEFAULT_GRAPH is {value!r}; give `union` or `plain`.", setting=name)
    return value.rstrip("/") if name == "public_url" else value


def _whole(name: str, value: str) -> int:
    least = _WHOLE[name]
    if not value.isdigit() or int(value) < least:
        raise SettingsError(
            f"{PREFIX}{name.upper()} is {value!r}; give a whole number of at least {least}.", setting=name
        )
    return int(value)


def _seconds(name: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise SettingsError(f"{PREFIX}{name.upper()} is {value!r}; give seconds above 0.", setting=name)
    return seconds


def as_text(settings: Settings) -> str:
    """Return the table of settings with the values in force, one line each."""
    lines = []
    for row in TABLE:
        lines.append(f"{row.variable:<24} {_shown(settings, row.name)}")
        lines.append(f"{'':<24} {row.help} Default: {row.default}.")
    return "\n".join(lines)


def _shown(settings: Settings, name: str) -> str:
    """Return a setting's value for people; secrets only as being set."""
    value = settings.endpoint or settings.store if name == "store" else getattr(settings, name)
    if name in SECRETS:
        return "set, not shown" if value else "-"
    if isinstance(value, tuple):
        value = ", ".join(value)
    unset = {"workers": 0, "memory": -1}.get(name)
    return "-" if value in (None, "", unset) else str(value)
