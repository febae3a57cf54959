"""What the blueprints share: settings, the published version, shapes, saved queries."""

from __future__ import annotations

import atexit
import threading
from datetime import datetime
from functools import cached_property
from typing import Final, cast

from flask import Flask, current_app

from vetgraph.engine.backend import Backend
from vetgraph.engine.bridge import Bridge
from vetgraph.engine.elsewhere import Elsewhere
from vetgraph.engine.embedded import Embedded
from vetgraph.engine.remotestore import RemoteStore
from vetgraph.errors import NotFound
from vetgraph.loading import Content, find_content
from vetgraph.queries import Catalogue, read_catalogue
from vetgraph.settings import Settings
from vetgraph.store import GraphStore, current_version, open_store

NAME: Final = "vetgraph"


class Service:
    """The state of one running service. Shared by threads; opens a new version when one is published."""

    def __init__(self, settings: Settings, store: GraphStore | None = None) -> None:
        self.settings = settings
        self._store = store
        self._fixed = store is not None
        self._engine: Bridge | None = None
        self._lock = threading.Lock()

    @property
    def engine(self) -> Bridge:
        """The engine that answers queries and makes changes; where the front has none, one in a thread of its own.

        Raises StoreError where it can't be started.
        """
        if self._engine is None:
            with self._lock:
                if self._engine is None:
                    self._engine = Bridge.start(lambda: backend_of(self.settings))
                    atexit.register(self._engine.close)
        return self._engine

    @engine.setter
    def engine(self, engine: Bridge) -> None:
        self._engine = engine

    def close(self) -> None:
        """End an engine in a thread of its own."""
        if self._engine is not None:
            self._engine.close()

    @cached_property
    def content(self) -> Content:
        """The files that travel with the package."""
        return find_content()

    @cached_property
    def queries(self) -> Catalogue:
        """The saved queries."""
        return read_catalogue(self.content.root)

    @property
    def store(self) -> GraphStore:
        """The version that is published now. Raises NotFound where nothing is built."""
        if self._fixed and self._store:
            return self._store
        if self.settings.endpoint:
            return self._elsewhere()
        with self._lock:
            published = current_version(self.settings.store)
            if published is None:
                raise NotFound(f"There is no snapshot in {self.settings.store}; run `vetgraph build`.")
            if self._store is None or self._store.version.number != published.number:
                union = self.settings.default_graph == "union"
                self._store = open_store(self.settings.store, union=union)
            return self._store

    def _elsewhere(self) -> GraphStore:
        version = self.engine.version
        with self._lock:
            if self._store is None or self._store.version is not version:
                self._store = RemoteStore(version, union=self.settings.union)
            return self._store

    @property
    def version(self) -> int:
        """The number of the published version."""
        return self.store.version.number

    @property
    def built(self) -> datetime:
        """When the published version was built."""
        return self.store.version.built


def backend_of(settings: Settings) -> Backend:
    """Return the backend that the settings ask for: on a store's folder, or on an endpoint elsewhere."""
    if settings.endpoint:
        return Elsewhere(settings)
    return Embedded(settings)


def state_of(app: Flask) -> Service:
    """Return the state of an application."""
    return cast(Service, app.extensions[NAME])


def service() -> Service:
    """Return the state of the application that handles the current request."""
    return cast(Service, current_app.extensions[NAME])
