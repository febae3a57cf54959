"""The writer: the one who changes a store, step by step, so that it can be killed after any of them.

A write is a delta against the published version, or a whole new content. Its steps: take the lock, note the write in
the journal, apply it to the working copy, flush, take a checkpoint by hard links, describe it, record it in the
history, and point to it. The last is one atomic rename: before it the write has not happened, after it it has.
What a killed write leaves behind is removed by the next writer.
"""

from __future__ import annotations

import gzip
import re
import traceback
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final

import pyoxigraph as ox

from vetgraph.engine.deltas import Delta
from vetgraph.engine.failpoints import reach
from vetgraph.engine.faults import translated
from vetgraph.engine.files import link_or_copy, remove, sync_files, sync_names, write_synced
from vetgraph.engine.history import Intent, Kind, Recorder
from vetgraph.engine.locking import WriteLock
from vetgraph.engine.primary import Primary
from vetgraph.engine.retention import KEEP, retire, surplus
from vetgraph.errors import EngineError, NotFound, StoreDamaged, VetgraphError
from vetgraph.store import graph_name
from vetgraph.versions import Layout, Version, current_version, published

__all__ = ["Delta", "Intent", "Kind", "Overtaken", "Writer"]

WAIT: Final = 30.0
"""Seconds to wait for another writer where the caller does not say."""

COUNTED: Final = 1_000_000
"""Quads up to which a new content is compared with the old one, to say what was added and removed."""


class Overtaken(Exception):
    """The change was made on a version that is no longer the published one.

    Never shown: whoever asked for the change makes it again on the published version.
    """

    def __init__(self, base: int, current: int) -> None:
        super().__init__(f"The change was made on version {base}; version {current} is published by now.")
        self.base, self.current = base, current


class Writer:
    """The right and the means to write to a store; a context that gives both back.

    Every method that writes returns the published version, which is on disk and visible to readers by then. Each
    raises DiskFull, StoreDamaged, StoreFormat or EngineError, and then nothing has changed.
    """

    def __init__(self, folder: Path, lock: WriteLock, keep: int = KEEP) -> None:
        """Begin with a lock that is held; see :meth:`open`."""
        self.layout = Layout(folder)
        self._keep = keep
        self._lock = lock
        self.history = Recorder(folder)
        self._primary = Primary(self.layout, self.history)
        self._recover()
        self.version = self._known()

    @classmethod
    def open(cls, folder: Path, *, wait: float = WAIT, doing: str = "writing", keep: int = KEEP) -> Writer:
        """Return the writer of a store, which is made where there is none.

        ``doing`` is what others are told who wait; ``keep`` versions stay besides pinned ones and those in use.
        Raises StoreBusy where another process writes for longer than ``wait`` seconds, DiskFull where the folder
        can't be written to, StoreDamaged, StoreFormat.
        """
        with translated(folder):
            Layout(folder).versions.mkdir(parents=True, exist_ok=True)
            lock = WriteLock(folder)
            lock.take(wait, doing)
            try:
                reach("lock-taken")
                return cls(folder, lock, keep)
            except BaseException:
                lock.let_go()
                raise

    def close(self) -> None:
        """Give the lock back. What the working copy holds is noted, so that the next writer begins at once."""
        try:
            with suppress(VetgraphError, OSError):  # what was written is published; the rest the next writer does
                self._primary.close()
                self.prune()
            self.history.close()
        finally:
            self._lock.let_go()

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.close()

    def is_wanted(self) -> bool:
        """Return whether another process waits for this one to be closed."""
        return self._lock.is_wanted()

    def prune(self, most: int = 1 << 30) -> int:
        """Remove up to ``most`` old versions that nobody needs any more; return how many went."""
        newest = self.version.number if self.version else 0
        gone = 0
        for number in surplus(self.layout, newest, self._keep):
            if gone == most:
                break
            gone += retire(self.layout, self.history, number)
        return gone

    def commit(self, delta: Delta, intent: Intent, *, id_: str | None = None) -> Version:
        """Publish the version that a delta makes of the published one; that one itself where nothing changes.

        A write with an ``id_`` is done once: asked for again, the version that it made is returned. Raises Overtaken
        where ``intent.base`` is not the published version.
        """
        if id_ and (done := self._done(id_)):
            return done
        self._check_base(intent)
        with self._writing(intent, id_) as step:
            net = delta.net(self._primary.at(step.base))
            if not net and self.version:
                return self.version
            step.begin()
            net.apply(self._primary.at(step.base))
            reach("delta-applied")
            self._flush(step.base)
            _write_delta(net, self.layout.delta(step.number))
            version = _after(step.version(self.version), net)
            # What it flushed, the engine has synced itself.
            return self._publish(step, version, self._checkpoint, data=False)

    def replace(self, content: ox.Store | Iterable[ox.Quad], intent: Intent, *, fingerprint: str = "") -> Version:
        """Publish a version with just this content, whatever the store held before.

        Blank nodes keep their labels.
        """
        return self.change(lambda store: store.bulk_extend(content), intent, afresh=True, fingerprint=fingerprint)

    def change(
        self,
        work: Callable[[ox.Store], None],
        intent: Intent,
        *,
        afresh: bool = False,
        only_adds: bool = False,
        fingerprint: str | None = None,
    ) -> Version:
        """Publish what some work makes of the published version, or of nothing (``afresh``); for large changes.

        The work is done on a copy: when it raises, nothing has happened. ``only_adds`` says that it removes nothing.
        """
        self._check_base(intent)
        with self._writing(intent, None) as step:
            step.begin()
            start = 0 if afresh else step.base
            if afresh:
                self._primary.discard()
            work(self._primary.at(start))
            self._flush(start)
            self._primary.at(start).optimize()
            version = self._counted(step.version(self.version), only_adds=only_adds)
            if fingerprint is not None:
                version = replace(version, fingerprint=fingerprint)
            return self._publish(step, version, self._checkpoint)

    @contextmanager
    def reading(self) -> Iterator[ox.Store]:
        """Give the published version's data, for reading; there has to be one."""
        assert self.version is not None
        path = self.layout.checkpoint(self.version.number)
        with translated(path):
            yield ox.Store.read_only(str(path))

    def inherit(self, database: Path, version: Version) -> None:
        """Take over another store's history, up to a version whose data are adopted next; ours has to be empty."""
        self.history.inherit(database)
        self.version = version

    def adopt(self, checkpoint: Path, version: Version, intent: Intent) -> Version:
        """Publish the data of a checkpoint on the same disk, whose counts are known, as a new version."""
        with self._writing(intent, None) as step:
            step.begin()
            self._primary.discard()
            known = replace(
                step.version(version), parent=self.version.number if self.version else None, added=None, removed=None
            )
            return self._publish(step, known, lambda target: link_or_copy(checkpoint, target))

    def _done(self, id_: str) -> Version | None:
        number = self.history.published(id_)
        return self.history.version(number).version if number else None

    def _check_base(self, intent: Intent) -> None:
        current = self.version.number if self.version else 0
        if intent.base is not None and intent.base != current:
            raise Overtaken(intent.base, current)

    @contextmanager
    def _writing(self, intent: Intent, id_: str | None) -> Iterator[Step]:
        """Give the names of a write; undo what is left of it where it fails."""
        step = Step(self.history, self.version, intent, id_ or uuid.uuid4().hex)
        try:
            with translated(self.layout.folder):
                yield step
        except Exception as problem:
            self._undo(step, problem)
            raise

    def _undo(self, step: Step, problem: Exception) -> None:
        """Leave things as they were: this is best effort, since the next writer does it as well."""
        _forget_frames(problem)
        if published(self.layout.folder) == step.number:
            self.version = self._known()
            raise EngineError(
                f"Version {step.number} is published, but the disk did not confirm it; check the disk."
            ) from problem
        with suppress(VetgraphError, OSError):
            self._primary.discard()
        for path in _traces(self.layout, step.number):
            with suppress(OSError):
                remove(path)
        if step.begun:
            with suppress(VetgraphError, OSError):
                self.history.fail(step.id, str(problem))

    def _flush(self, base: int) -> None:
        self._primary.at(base).flush()
        reach("flushed")

    def _checkpoint(self, target: Path) -> None:
        self._primary.backup(target)

    def _counted(self, version: Version, *, only_adds: bool) -> Version:
        """Return a version with the counts of the working copy, compared with the version before."""
        before = self.version
        counts, unnamed = self._primary.counts()
        version = replace(version, counts=counts, unnamed=unnamed, added=None, removed=None)
        if before is None or not before.triples or only_adds:
            return replace(version, added=version.triples - (before.triples if before else 0), removed=0)
        if max(version.triples, before.triples) > COUNTED:
            return version
        added = self._primary.differing(self.layout.checkpoint(before.number))
        removed = None if added is None else before.triples + added - version.triples
        return replace(version, added=added, removed=removed)

    def _publish(self, step: Step, version: Version, make: Callable[[Path], None], *, data: bool = True) -> Version:
        """Put the data of a version in place by ``make``, describe, record and point to it."""
        partial = self.layout.versions / f"{step.number}.partial"
        make(partial)
        sync_files(partial, data=data)
        reach("checkpoint-made")
        write_synced(self.layout.record(step.number), version.as_json().encode())
        reach("record-written")
        partial.rename(self.layout.checkpoint(step.number))
        self.layout.use(step.number).touch()
        sync_names(self.layout.versions)
        reach("checkpoint-renamed")
        self.history.record(version, step.id)
        reach("version-recorded")
        point(self.layout, step.number)
        self.version = version
        self._primary.holds(step.number)
        return version

    def _known(self) -> Version | None:
        """Return what is known of the published version, from the history where its description is lost."""
        try:
            return current_version(self.layout.folder)
        except StoreDamaged:
            number = published(self.layout.folder) or 0
            with suppress(NotFound):
                return self.history.version(number).version
            return Version(number, datetime.now(UTC))

    def _recover(self) -> None:
        """Remove what a killed writer left behind, and take over what the history does not know yet."""
        newest = published(self.layout.folder)
        with translated(self.layout.folder):
            left = [path for path in self.layout.versions.iterdir() if _is_left_over(path, self.layout, newest or 0)]
            for path in (*left, *self.layout.folder.glob("restore-*")):
                remove(path)
            if newest and not _points(self.layout, newest):
                point(self.layout, newest)
        reach("leftovers-removed")
        self.history.adopt()
        self.history.abandon()


class Step:
    """The names of one write: its id, the version that it makes, and of which."""

    def __init__(self, history: Recorder, before: Version | None, intent: Intent, id_: str) -> None:
        self.id = id_
        self.base = before.number if before else 0
        self.number = self.base + 1
        self.begun = False
        self._history = history
        self._intent = intent

    def begin(self) -> None:
        """Note the write in the journal."""
        self._history.begin(self.id, self.number, self._intent)
        self.begun = True
        reach("journal-written")

    def version(self, before: Version | None) -> Version:
        """Return what is known of the version so far; content and counts as those before it."""
        start = before or Version(0, datetime.now(UTC))
        return replace(
            start,
            number=self.number,
            built=datetime.now(UTC).replace(microsecond=0),
            parent=self.base or None,
            kind=self._intent.kind,
            agent=self._intent.agent,
            reason=self._intent.reason,
        )


def point(layout: Layout, number: int) -> None:
    """Make a version the published one by one atomic rename, on disk when this returns."""
    pointer = layout.folder / "current.new"
    write_synced(pointer, str(number).encode())
    reach("pointer-written")
    pointer.replace(layout.pointer)
    sync_names(layout.folder)
    reach("pointer-moved")


def _points(layout: Layout, number: int) -> bool:
    try:
        return layout.pointer.read_text("ascii").strip() == str(number)
    except (OSError, ValueError):
        return False


_OURS: Final = re.compile(r"(\d+)(\..+)?")


def _is_left_over(path: Path, layout: Layout, newest: int) -> bool:
    """Return whether a file belongs to a version that was not published, or that was being removed."""
    ours = _OURS.fullmatch(path.name)
    if ours is None:
        return False
    number = int(ours[1])
    unread = number < newest and not layout.checkpoint(number).is_dir()
    return number > newest or unread or ours[2] == ".gone"


def _after(version: Version, net: Delta) -> Version:
    """Return a version with the counts that a net delta leaves."""
    counts = {**version.counts, "": version.unnamed, **dict.fromkeys(net.created, 0)}
    for quads, sign in ((net.added, 1), (net.removed, -1)):
        for quad in quads:
            name = graph_name(quad.graph_name)
            counts[name] = counts.get(name, 0) + sign
    unnamed = counts.pop("")
    left = {name: counts[name] for name in sorted(counts) if name not in net.dropped}
    return replace(version, counts=left, unnamed=unnamed, added=len(net.added), removed=len(net.removed))


def _write_delta(delta: Delta, path: Path) -> None:
    write_synced(path, gzip.compress(delta.to_bytes(), compresslevel=1, mtime=0))
    reach("delta-file-written")


def _traces(layout: Layout, number: int) -> list[Path]:
    partial = layout.versions / f"{number}.partial"
    return [partial, *(make(number) for make in (layout.record, layout.delta, layout.use, layout.checkpoint))]


def _forget_frames(problem: BaseException) -> None:
    """Let go of what the frames of an error hold: the engine's store closes only when nobody refers to it."""
    seen: BaseException | None = problem
    while seen is not None:
        traceback.clear_frames(seen.__traceback__)
        seen = seen.__cause__ or seen.__context__
