"""A service that may be written to, and a client that sends what it is told, byte for byte."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pyoxigraph as ox
import pytest
from flask import Flask

from vetgraph.engine import writer
from vetgraph.engine.deltas import Delta
from vetgraph.settings import Settings
from vetgraph.vocab import BASE, SKOS
from vetgraph.web import create_app

TOKEN = "token-of-the-maintainer"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Reply:
    """An answer, with the names that Flask's own test client uses."""

    status_code: int
    headers: Message
    data: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def mimetype(self) -> str:
        return self.content_type.partition(";")[0]

    @property
    def text(self) -> str:
        return self.data.decode()

    def get_json(self, force: bool = True) -> Any:
        return json.loads(self.data)


class Http:
    """A client of one service; ``write`` and ``update`` send the maintainer's token."""

    def __init__(self, url: str) -> None:
        self.url = url

    def send(
        self, method: str, address: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            data = body.encode() if isinstance(body, str) else body
            connection.request(method, address, body=data, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Reply(answer.status, answer.msg, answer.read())
        finally:
            connection.close()

    def open(
        self,
        address: str,
        *,
        method: str = "GET",
        query_string: Mapping[str, Any] | str | None = None,
        headers: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | bytes | None = None,
        content_type: str | None = None,
    ) -> Reply:
        """Send a request that is told as Flask's own test client wants it."""
        query = query_string if isinstance(query_string, str) else urlencode(query_string or {}, doseq=True)
        body = data if isinstance(data, bytes | None) else urlencode(data, doseq=True).encode()
        type_ = content_type or (FORM if isinstance(data, Mapping) else None)
        own = {"Content-Type": type_} if type_ else {}
        return self.send(method, f"{address}?{query}" if query else address, body, {**own, **(headers or {})})

    def get(self, address: str, accept: str | None = None, **headers: str) -> Reply:
        return self.send("GET", address, headers={**({"Accept": accept} if accept else {}), **headers})

    def write(
        self, method: str, address: str, body: bytes | str | None = None, type_: str = "", **headers: str
    ) -> Reply:
        own = {"Authorization": f"Bearer {TOKEN}", **({"Content-Type": type_} if type_ else {})}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send(method, address, body, {**own, **named})

    def update(self, text: str, **parameters: Any) -> Reply:
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        return self.write("POST", f"/sparql{query}", text, "application/sparql-update")

    def ask(self, pattern: str, **parameters: Any) -> bool:
        query = urlencode({"query": f"ASK {{ {pattern} }}", "format": "csv", **parameters}, doseq=True)
        reply = self.get(f"/sparql?{query}")
        assert reply.status_code == 200, reply.text
        return reply.text.strip() == "true"


@pytest.fixture(scope="session")
def http_of() -> Callable[[str], Http]:
    """Return a client of the service at an address."""
    return Http


@pytest.fixture(scope="session")
def token() -> str:
    return TOKEN


@pytest.fixture(scope="session")
def writable_url(start_server: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    """The address of a running service with a store of its own, and a token."""
    with start_server("--empty", "--default-graph", "plain", VETGRAPH_ADMIN_TOKEN=TOKEN) as url:
        yield url


@pytest.fixture
def writable(writable_url: str) -> Http:
    """A client of a service that may be written to, and that holds nothing."""
    client = Http(writable_url)
    reply = client.update("DROP ALL")
    assert reply.status_code == 200, reply.text
    return client


@pytest.fixture(scope="session")
def readonly(server_url: str) -> Http:
    """A client of the service on the session's snapshot, to which nobody may write."""
    return Http(server_url)


@pytest.fixture(params=["front", "flask"])
def door(request: pytest.FixtureRequest) -> Any:
    """The same service by both of its doors: the asynchronous front of a server, and the WSGI application."""
    return request.getfixturevalue("readonly" if request.param == "front" else "client")


class Clock(datetime):
    """A clock that is a minute on each time somebody asks: versions are told apart by whole seconds."""

    minutes = 0

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        Clock.minutes += 1
        return datetime.now(tz) + timedelta(minutes=Clock.minutes)


def _said(name: str, predicate: str, words: str) -> ox.Quad:
    return ox.Quad(
        ox.NamedNode(BASE + name),
        ox.NamedNode(SKOS + predicate),
        ox.Literal(words, language="en"),
        ox.NamedNode(BASE + "graph/curation"),
    )


@pytest.fixture(scope="session")
def aged(store_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a store with a past: the session's snapshot, and four changes of it.

    2 says something of id/anefore (its data are not kept), 3 renames id/menje and brings id/newcomer, 4 takes that
    one away again, 5 says something of id/epos.
    """
    folder = tmp_path_factory.mktemp("aged") / "store"
    shutil.copytree(store_folder, folder)
    newcomer = _said("id/newcomer", "prefLabel", "Newcomer")
    steps = (
        (Delta(added=(_said("id/anefore", "note", "known to all"),)), "anefore"),
        (Delta(added=(_said("id/menje", "prefLabel", "The Ministry"), newcomer)), "a newcomer"),
        (Delta(removed=(newcomer,)), "no newcomer"),
        (Delta(added=(_said("id/epos", "note", "in Flanders"),)), "epos & <more>"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writer, "datetime", Clock)
        for number, (delta, reason) in enumerate(steps, 2):
            with writer.Writer.open(folder, keep=1 if number == 5 else 10) as one:
                assert one.commit(delta, writer.Intent("update", "tester", reason)).number == number
                for pinned in (1, 3, 4):
                    if number == 4:
                        one.history.pin(pinned)
    return folder


@pytest.fixture(scope="session")
def elder(aged: Path) -> Flask:
    """The application on the store with a past."""
    return create_app(Settings(store=aged))
