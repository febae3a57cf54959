"""The published data as a replica in memory, into which a change is put for as long as it is judged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import RLock

from pyoxigraph import NamedNode, Quad, Store

from vetgraph.validation.bridge import StoreGraph
from vetgraph.validation.terms import Terms
from vetgraph.vocab import GRAPH


class Context:
    """A replica that is used again and again; one validation at a time has it.

    With ``copy=False`` the store given is used itself: it must be in memory and private, because
    changes are put into it and taken out again.
    """

    def __init__(self, store: Store, *, version: str | int | None = None, copy: bool = True) -> None:
        self.store = store
        if copy:
            self.store = Store()
            self.store.bulk_extend(store)
        self._version = version
        self._lock = RLock()
        self._graph: StoreGraph | None = None
        self._knows: set[int] = set()

    @classmethod
    def of(cls, quads: Iterable[Quad], *, version: str | int | None = None) -> Context:
        """Return a context that holds some quads."""
        store = Store()
        store.bulk_extend(quads)
        return cls(store, version=version, copy=False)

    @property
    def version(self) -> str | None:
        """The version of the data, as the caller gave it."""
        return None if self._version is None else str(self._version)

    @property
    def graph(self) -> StoreGraph:
        """The replica as pySHACL sees it."""
        if self._graph is None:
            self._graph = StoreGraph(self.store)
        return self._graph

    def apply(
        self,
        adds: Iterable[Quad] = (),
        removes: Iterable[Quad] = (),
        *,
        version: str | int | None = None,
    ) -> None:
        """Keep up with what was published."""
        with self._lock:
            for quad in removes:
                self.store.remove(quad)
            self.store.extend(adds)
            if version is not None:
                self._version = version

    def learn(self, terms: Terms, lacking: Iterable[Quad] | None = None) -> None:
        """Make sure that the ontology and the code lists are in the replica.

        ``lacking`` is what of them is not, where the caller knows; else each triple is looked up.
        """
        with self._lock:
            if id(terms) in self._knows:
                return
            self._knows.add(id(terms))
            graph = NamedNode(GRAPH + "ontology")
            if lacking is None:
                lacking = [quad for quad in terms.quads if not self.holds(quad)]
            self.store.extend(Quad(quad.subject, quad.predicate, quad.object, graph) for quad in lacking)

    def holds(self, quad: Quad) -> bool:
        """Return whether some graph has a quad's triple."""
        found = self.store.quads_for_pattern(quad.subject, quad.predicate, quad.object, None)
        return next(iter(found), None) is not None

    @contextmanager
    def changed(self, adds: Iterable[Quad], removes: Iterable[Quad]) -> Iterator[Change]:
        """Hold the replica, with a change put in; on leaving it is as it was."""
        with self._lock:
            change = Change(self, tuple(adds), tuple(removes))
            change.put_in()
            try:
                yield change
            finally:
                change.take_out()


class Change:
    """Quads put into a context and taken from it for a while."""

    def __init__(self, context: Context, adds: tuple[Quad, ...], removes: tuple[Quad, ...]) -> None:
        self.context = context
        self.adds, self.removes = adds, removes
        self._added: list[Quad] = []
        self._removed: list[Quad] = []

    def put_in(self) -> None:
        """Make the change."""
        store = self.context.store
        self._removed = [quad for quad in self.removes if quad in store]
        for quad in self._removed:
            store.remove(quad)
        self._added = list(dict.fromkeys(quad for quad in self.adds if not self.context.holds(quad)))
        store.extend(self._added)

    def take_out(self) -> None:
        """Undo the change."""
        store = self.context.store
        for quad in self._added:
            store.remove(quad)
        store.extend(self._removed)
        self._added, self._removed = [], []
