"""What the blueprints share: settings, the published version, shapes, saved queries."""

from __future__ import annotations

import atexit
import threading
from datetime import datetime
from functools import cached_property
from typing import Final, cast

from flask import Flask, current_app, g, has_request_context

from vetgraph.changes import Past, index_of
from vetgraph.changes.index import CONTENT
from vetgraph.engine.backend import Backend
from vetgraph.engine.bridge import Bridge
from vetgraph.engine.elsewhere import Elsewhere
from vetgraph.engine.embedded import Embedded
from vetgraph.engine.remotestore import RemoteStore
from vetgraph.errors import Gone, NotFound
from vetgraph.loading import Content, find_content
from vetgraph.queries import Catalogue, read_catalogue
from vetgraph.settings import Settings
from vetgraph.store import GraphStore, Version, current_version, open_store
from vetgraph.vocab import BASE
from vetgraph.web.looking import Looking

NAME: Final = "vetgraph"

CHOSEN: Final = "vetgraph_store"
"""Where a request keeps the version that it reads, if that is not the published one."""


class Service:
    """The state of one running service. Shared by threads; opens a new version when one is published."""

    def __init__(self, settings: Settings, store: GraphStore | None = None) -> None:
        self.settings = settings
        self._store = store
        self._fixed = store is not None
        self._engine: Bridge | None = None
        self._lock = threading.Lock()
        self._versions: dict[tuple[int, int, datetime], Version] = {}
        self._looking = Looking(settings.store, union=settings.union)

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
        """The version that the current request reads: the published one, or the one that it chose (``web/memento``).

        Raises NotFound where nothing is built.
        """
        chosen: GraphStore | None = g.get(CHOSEN) if has_request_context() else None
        return chosen or self.current

    @property
    def current(self) -> GraphStore:
        """The version that is published now, whatever the request reads. Raises NotFound where nothing is built."""
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
                self._looking.tidy()
            return self._store

    def _elsewhere(self) -> GraphStore:
        version = self.engine.version
        with self._lock:
            if self._store is None or self._store.version is not version:
                self._store = RemoteStore(version, union=self.settings.union)
            return self._store

    @property
    def version(self) -> int:
        """The number of the version that the request reads."""
        return self.store.version.number

    @property
    def built(self) -> datetime:
        """When the version that the request reads was built."""
        return self.store.version.built

    # Time -------------------------------------------------------------------------------------------------------

    @property
    def past(self) -> Past | None:
        """The versions that there were; None where the store is elsewhere or was handed in, and has no past here."""
        return None if self._fixed or self.settings.endpoint else Past(self.settings.store)

    def known_past(self) -> Past:
        """Return the versions that there were. Raises NotFound where the store has no past here."""
        past = self.past
        if past is None:
            raise NotFound(
                "The store behind this service keeps no old versions and no record of changes here; "
                f"it reads version {self.current.version.number}."
            )
        return past

    def at(self, number: int) -> GraphStore:
        """Return a version by its number.

        Raises NotFound where there is none of that number, Gone where its data are not kept any more, and NotFound
        where the store has no past here.
        """
        current = self.current
        if number == current.version.number:
            return current
        past = self.known_past()
        kept = [one.number for one in past.kept()]
        known = ", ".join(map(str, kept))
        if number > kept[-1] or number < 1:
            raise NotFound(f"There is no version {number}; these can be read: {known}.", kept=kept)
        try:
            return self._looking.at(number)
        except NotFound:
            raise Gone(
                f"The data of version {number} are not kept any more; these can be read: {known}.", kept=kept
            ) from None

    def changed(self, iri: str) -> Version:
        """Return the last version, up to the one that is read, in which the description of an IRI changed."""
        name = iri.removeprefix(BASE)
        if iri.startswith(BASE) and (name == "dataset" or name.startswith("distribution/")):
            return self.store.version
        kind, _, number = name.partition("/")
        past = self.past
        if past and kind == "version" and number.isascii() and number.isdigit() and int(number) <= self.version:
            return past.entry(int(number)).version
        return self._noted(iri)

    def modified(self, iri: str) -> datetime:
        """Return when the description of an IRI last changed, as seen from the version that is read."""
        return self.changed(iri).built

    def filled(self, *graphs: str) -> Version:
        """Return the last version, up to the one that is read, in which the triples of some graphs changed."""
        return max((self._noted(CONTENT + graph) for graph in graphs), key=lambda version: version.number)

    def last_seen(self, iri: str) -> int | None:
        """Return the number of the last version that described an IRI, for one that is in no graph now."""
        past = self.past
        return index_of(self.settings.store).last_with(iri, self.version) if past else None

    def _noted(self, key: str) -> Version:
        past, version = self.past, self.store.version
        if past is None:
            return version
        number = index_of(self.settings.store).changed(key, version.number)
        return self._version(number)

    def built_of(self, number: int) -> datetime | None:
        """Return when a version was built, None where that is not known."""
        return self._version(number).built if self.past or number == self.version else None

    def _version(self, number: int) -> Version:
        version = self.store.version
        if number == version.number:
            return version
        mark = number, version.number, version.built
        if mark not in self._versions:
            # Nothing but the numbers of versions can fill this, and a new version empties it.
            self._versions = {one: known for one, known in self._versions.items() if one[1:] == mark[1:]}
            self._versions[mark] = self.known_past().entry(number).version
        return self._versions[mark]


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


def looks_back() -> bool:
    """Return whether the current request names the version that it reads."""
    return has_request_context() and CHOSEN in g
