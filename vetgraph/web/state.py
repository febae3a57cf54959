"""What the blueprints share: settings, the published version, shapes, saved queries."""

from __future__ import annotations

import threading
from datetime import datetime
from functools import cached_property
from typing import Final, cast

from flask import current_app

from vetgraph.errors import NotFound
from vetgraph.loading import Content, find_content
from vetgraph.queries import Catalogue, read_catalogue
from vetgraph.settings import Settings
from vetgraph.store import GraphStore, current_version, open_store
from vetgraph.validation import Context, Shapes

NAME: Final = "vetgraph"


class Service:
    """The state of one running service. Shared by threads; opens a new version when one is published."""

    def __init__(self, settings: Settings, store: GraphStore | None = None) -> None:
        self.settings = settings
        self._store = store
        self._fixed = store is not None
        self._context: Context | None = None
        self._lock = threading.Lock()

    @cached_property
    def content(self) -> Content:
        """The files that travel with the package."""
        return find_content()

    @cached_property
    def queries(self) -> Catalogue:
        """The saved queries."""
        return read_catalogue(self.content.root)

    @cached_property
    def shapes(self) -> Shapes:
        """The project's shapes, parsed once."""
        return Shapes.load_directory(self.content.root)

    @property
    def store(self) -> GraphStore:
        """The version that is published now. Raises NotFound where nothing is built."""
        if self._fixed and self._store:
            return self._store
        with self._lock:
            published = current_version(self.settings.store)
            if published is None:
                raise NotFound(f"There is no snapshot in {self.settings.store}; run `vetgraph build`.")
            if self._store is None or self._store.version.number != published.number:
                union = self.settings.default_graph == "union"
                self._store = open_store(self.settings.store, union=union)
            return self._store

    def context(self) -> Context:
        """The published data as the context in which submissions are judged, made on first use."""
        store = self.store
        with self._lock:
            if self._context is None or self._context.version != str(store.version.number):
                self._context = Context(store.engine, version=store.version.number)
            return self._context

    @property
    def version(self) -> int:
        """The number of the published version."""
        return self.store.version.number

    @property
    def built(self) -> datetime:
        """When the published version was built."""
        return self.store.version.built


def service() -> Service:
    """Return the state of the application that handles the current request."""
    return cast(Service, current_app.extensions[NAME])
