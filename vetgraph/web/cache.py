"""Answers that are kept to be given again: what names them, how long they stay, and the tags they carry.

An answer is named by everything that it depends on: the version of the data first of all, so that nothing ever has to
be thrown out of the cache but for want of room.

>>> canonical('SELECT *  { ?s ?p "a  b" } # all')
'SELECT * { ?s ?p "a  b" }'
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from hashlib import blake2b
from typing import Final

Header = tuple[bytes, bytes]

LARGEST: Final = 8
"""An answer may take this part of the cache's room, one in so many."""

OVERHEAD: Final = 1024
"""Bytes that an entry takes beside its body, roughly."""

ALIASES: Final = 16_384
"""Requests that are remembered as they came."""

_LOOSE: Final = re.compile(r"[ \t\r\n]{2}|[\t\r\n]|(?:^|[\s.;{}])#")
_SPACE: Final = re.compile(r"[ \t\r\n]+")
_PIECE: Final = re.compile(
    r"""[^<"'\# \t\r\n]+ | [ \t\r\n]+ | <[^<>"{}|^`\\'\x00-\x20]*> | "[^"\\\n\r]*" | '[^'\\\n\r]*' | \#[^\n\r]* | .""",
    re.VERBOSE | re.DOTALL,
)
_COMPARISON: Final = re.compile(r"<(?![A-Za-z][A-Za-z0-9+.-]*://)[^<>\s]*#")
_WHITE: Final = frozenset(" \t\r\n")
_QUOTES: Final = frozenset("\"'")
_DOUBTFUL: Final = re.compile(r"""\\|"{3}|'{3}|<[^<>"\s]*'""")


def canonical(text: str) -> str:
    """Return a query without comments and superfluous white space; two texts with one result mean the same.

    Where it is not certain what is a comment, a string or an IRI, the text stays as it is. Where an IRI may be none,
    line ends stay line ends: ``?a <b:c#d>`` may compare, and comment up to the end of its line.
    """
    if not _LOOSE.search(text):
        return text
    if "#" not in text and '"' not in text and "'" not in text:
        return _SPACE.sub(" ", text).strip()
    if _DOUBTFUL.search(text):
        return text
    line_end = "\n" if "(" in text and _COMPARISON.search(text) else " "
    shortened = []
    for piece in _PIECE.findall(text):
        if piece in _QUOTES:
            # It belongs to no string on its line: what follows can't be told.
            return text
        if piece[0] in _WHITE:
            shortened.append(line_end if "\n" in piece or "\r" in piece else " ")
        elif piece[0] != "#":
            shortened.append(piece)
    return "".join(shortened).strip()


def tag_of(stamp: str, key: Hashable) -> bytes:
    """Return the strong entity tag of what a key names (RFC 9110 section 8.8.3)."""
    return f'"v{stamp}-{blake2b(repr(key).encode(), digest_size=12).hexdigest()}"'.encode()


def matches(condition: bytes, tag: bytes) -> bool:
    """Whether an If-None-Match header names a tag (RFC 9110 section 13.1.2: weakly compared).

    >>> matches(b'"a", W/"b"', b'"b"'), matches(b'*', b'"b"'), matches(b'"ab"', b'"b"')
    (True, True, False)
    """
    return any(part.strip().removeprefix(b"W/") in (tag, b"*") for part in condition.split(b","))


class Kept:
    """An answer as it leaves: its headers and its body, made ready once."""

    __slots__ = ("body", "headers", "key", "live", "size", "stamp", "start", "tag", "whole")

    def __init__(self, stamp: str, headers: Iterable[Header], body: bytes, tag: bytes) -> None:
        self.stamp = stamp
        self.headers = [*headers, (b"cache-status", b"vetgraph; hit")]
        self.tag = tag
        self.body = body
        self.size = len(body) + OVERHEAD + sum(len(name) + len(value) for name, value in self.headers)
        self.key: Hashable = None
        self.live = False
        # The server takes messages as they are: one for all requests.
        self.start = {"type": "http.response.start", "status": 200, "headers": self.headers}
        self.whole = {"type": "http.response.body", "body": body}

    def forget(self) -> None:
        """Let go of the body, whoever still knows the entry."""
        self.live = False
        self.body = b""
        self.whole = {"type": "http.response.body", "body": b""}


class Cache:
    """Answers up to a number of bytes; the ones that were not asked for longest go first.

    An answer is found by its key, or by the request that asked for it before, as it came (an alias).
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.largest = limit // LARGEST
        self.size = 0
        self.hits = 0
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._aliases: OrderedDict[Hashable, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable, alias: Hashable = None) -> Kept | None:
        """Return the answer of a key, if it is kept; from now on the alias finds it as well."""
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            self.hits += 1
            if alias is not None:
                self._name(alias, kept)
        return kept

    def recall(self, alias: Hashable, stamp: str) -> Kept | None:
        """Return the answer that a request had before, if it is kept and the data are still these."""
        kept = self._aliases.get(alias)
        if kept is None:
            return None
        if kept.stamp != stamp or not kept.live:
            del self._aliases[alias]
            return None
        self._kept.move_to_end(kept.key)
        self.hits += 1
        return kept

    def put(self, key: Hashable, kept: Kept, alias: Hashable = None) -> None:
        """Keep an answer, unless it is too large; others make room."""
        if kept.size > self.largest:
            return
        before = self._kept.pop(key, None)
        if before is not None:
            self._drop(before)
        kept.key, kept.live = key, True
        self._kept[key] = kept
        self.size += kept.size
        if alias is not None:
            self._name(alias, kept)
        while self.size > self.limit:
            self._drop(self._kept.popitem(last=False)[1])

    def _name(self, alias: Hashable, kept: Kept) -> None:
        self._aliases[alias] = kept
        if len(self._aliases) > ALIASES:
            self._aliases.popitem(last=False)

    def _drop(self, kept: Kept) -> None:
        self.size -= kept.size
        kept.forget()
