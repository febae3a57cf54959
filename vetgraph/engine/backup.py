"""Backup and restore: the published version and the history in one file that proves itself.

The file is a tar archive: ``manifest.json`` first, with the size and SHA-256 of every other member, then
``version.json``, ``vetgraph.db`` (where the store has a history) and the data under ``version/``. A backup needs no
lock: it holds the version it copies, and SQLite copies itself while others write. A restore changes nothing before
every file is checked, and publishes what it found as a new version.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import pyoxigraph as ox

from vetgraph.engine.faults import translated
from vetgraph.engine.history import History, Intent
from vetgraph.engine.writer import Writer
from vetgraph.errors import BadParameter, NotFound, UnreadableData
from vetgraph.store import graph_counts
from vetgraph.versions import FORMAT, Version, hold, version_at, version_from_json

MANIFEST: Final = "manifest.json"
RECORD: Final = "version.json"
DATABASE: Final = "vetgraph.db"
DATA: Final = "version/"
LONGEST: Final = 1 << 26
"""Bytes of a manifest, at most."""


@dataclass(frozen=True)
class Manifest:
    """What a backup says it holds: which version, when it was made, and every file's size and SHA-256."""

    format: int
    made: datetime
    version: int
    triples: int
    files: Mapping[str, tuple[int, str]]

    def as_json(self) -> bytes:
        """Return the manifest as a JSON text."""
        return json.dumps({**asdict(self), "made": self.made.isoformat()}, indent=1).encode()


def backup(folder: Path, target: Path) -> Manifest:
    """Write the published version and the history to a file; return what was written.

    Raises BadParameter where the suffix is not ``.tar``, ``.tar.gz`` or ``.tgz``, NotFound where nothing is published,
    DiskFull where the file can't be written, StoreDamaged.
    """
    packed = _is_packed(target)
    with hold(folder) as kept, tempfile.TemporaryDirectory() as scratch:
        version = version_at(folder, kept.number)
        files = {DATA + path.name: path for path in sorted(kept.path.iterdir()) if path.name != "LOCK"}
        files[RECORD] = Path(scratch) / RECORD
        files[RECORD].write_text(version.as_json(), "utf-8")
        if _copy_history(folder, Path(scratch) / DATABASE, kept.number):
            files[DATABASE] = Path(scratch) / DATABASE
        checked = {name: (path.stat().st_size, _checksum(path)) for name, path in files.items()}
        manifest = Manifest(FORMAT, datetime.now(UTC).replace(microsecond=0), version.number, version.triples, checked)
        partial = target.with_name(f"{target.name}.partial")
        try:
            with translated(target):
                _write(partial, manifest, files, packed)
                partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    return manifest


def restore(writer: Writer, source: Path, agent: str) -> tuple[Manifest, Version]:
    """Publish what a backup holds as a new version; return what the backup says of itself, and that version.

    A store without versions takes over the backup's history as well; any other keeps its own, in which the restored
    state is one more version. Raises UnreadableData where the file is no backup or is damaged, StoreFormat where a
    later release made it, DiskFull; nothing has changed then.
    """
    with translated(writer.layout.folder):
        scratch = Path(tempfile.mkdtemp(prefix="restore-", dir=writer.layout.folder))
    try:
        manifest = _unpack(source, scratch, writer.layout.folder)
        version = _verified(source, scratch, manifest)
        if writer.version is None and (scratch / DATABASE).is_file():
            writer.inherit(scratch / DATABASE, version)
        reason = f"backup of version {manifest.version} made {manifest.made:%Y-%m-%d %H:%M} UTC"
        return manifest, writer.adopt(scratch / DATA, version, Intent("restore", agent, reason))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _is_packed(path: Path) -> bool:
    if path.name.endswith((".tar.gz", ".tgz")):
        return True
    if path.suffix == ".tar":
        return False
    raise BadParameter(f"A backup is a .tar or .tar.gz file; {path.name} is neither.", parameter="FILE")


def _copy_history(folder: Path, target: Path, number: int) -> bool:
    """Write a copy of the history as it was when a version was the newest; return whether there is any."""
    try:
        with History(folder) as past:
            past.copy(target)
    except NotFound:
        return False
    with translated(target), closing(sqlite3.connect(target)) as copy, copy:
        copy.execute("DELETE FROM versions WHERE number > ?", (number,))
        copy.execute("UPDATE versions SET pinned = 0, counts = NULL WHERE number < ?", (number,))
        copy.execute("DELETE FROM journal")
        copy.execute("DELETE FROM meta WHERE key = 'primary'")
    return True


def _checksum(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write(target: Path, manifest: Manifest, files: Mapping[str, Path], packed: bool) -> None:
    with target.open("wb") as stream:
        with (
            tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1)
            if packed
            else tarfile.open(fileobj=stream, mode="w")
        ) as archive:
            text = manifest.as_json()
            archive.addfile(_member(MANIFEST, len(text), manifest.made), io.BytesIO(text))
            for name, path in files.items():
                with path.open("rb") as data:
                    archive.addfile(_member(name, manifest.files[name][0], manifest.made), data)
        stream.flush()
        os.fsync(stream.fileno())


def _member(name: str, size: int, made: datetime) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    member.mtime = int(made.timestamp())
    return member


def _unpack(source: Path, scratch: Path, folder: Path) -> Manifest:
    """Write the files of a backup to a scratch folder, each checked while it is written."""
    (scratch / DATA).mkdir()
    try:
        with source.open("rb") as stream, tarfile.open(fileobj=stream, mode="r|*") as archive:
            members = iter(archive)
            manifest = _manifest(archive, next(members, None), source)
            missing = set(manifest.files)
            for member in members:
                if member.name not in missing or not member.isfile():
                    raise _broken(source, f"it has {member.name}, which its manifest does not name")
                missing.remove(member.name)
                data = archive.extractfile(member)
                assert data is not None
                with translated(folder):
                    found = _extract(data, scratch / member.name)
                if found != tuple(manifest.files[member.name]):
                    raise _broken(source, f"{member.name} is not what was backed up")
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError) as problem:
        raise _broken(source, str(problem)) from None
    except OSError as problem:
        raise _broken(source, problem.strerror or str(problem)) from None
    if missing:
        raise _broken(source, f"{min(missing)} is missing")
    return manifest


def _manifest(archive: tarfile.TarFile, member: tarfile.TarInfo | None, source: Path) -> Manifest:
    data = archive.extractfile(member) if member and member.name == MANIFEST and member.size < LONGEST else None
    if data is None:
        raise _broken(source, "it does not begin with a manifest")
    told = json.loads(data.read())
    version_from_json(json.dumps({**told, "number": told["version"], "built": told["made"]}))  # refuses later formats
    files = {str(name): (int(size), str(checksum)) for name, (size, checksum) in told["files"].items()}
    if any(not _is_plain(name) for name in files):
        raise _broken(source, "its manifest names files that are none of a backup")
    made = datetime.fromisoformat(told["made"])
    return Manifest(int(told["format"]), made, int(told["version"]), int(told["triples"]), files)


def _is_plain(name: str) -> bool:
    """Return whether a name is one that a backup has, and leads nowhere else."""
    inside = name.removeprefix(DATA)
    return name in (RECORD, DATABASE) or (
        name.startswith(DATA) and inside not in ("", ".", "..") and not {"/", "\\", "\0"} & set(inside)
    )


def _extract(data: IO[bytes], target: Path) -> tuple[int, str]:
    """Write a member to a file that is on disk when this returns; return its size and checksum."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as stream:
        while chunk := data.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    return size, digest.hexdigest()


def _verified(source: Path, scratch: Path, manifest: Manifest) -> Version:
    """Return what is known of the version in a scratch folder, after opening it and counting."""
    if not (scratch / RECORD).is_file():
        raise _broken(source, f"{RECORD} is missing")
    version = version_from_json((scratch / RECORD).read_text("utf-8"))
    try:
        store = ox.Store.read_only(str(scratch / DATA))
        counts = graph_counts(store)
        triples = len(store)
    except (OSError, RuntimeError, ValueError) as problem:
        raise _broken(source, f"its data can't be opened: {problem}") from None
    if (triples, counts) != (manifest.triples, dict(version.counts)):
        raise _broken(source, f"it says {manifest.triples} triples and holds {triples}, or other graphs than it says")
    if (scratch / DATABASE).is_file():
        _check_history(source, scratch / DATABASE)
    return version


def _check_history(source: Path, path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as copy:
            said = copy.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as problem:
        said = str(problem)
    if said != "ok":
        raise _broken(source, f"its history is damaged: {said}")


def _broken(source: Path, why: str) -> UnreadableData:
    return UnreadableData(
        f"{source} is not a whole backup: {why}. Nothing was changed; try another copy of it.", file=str(source)
    )
