"""Ending an answer in SPARQL JSON before its last row, so that it is still well-formed and says what it is.

The engine writes a stream of bytes without telling where a row ends. Rows are told apart by what can't be said within
a string: a quotation mark that is not escaped. ``},{"name":{"type":"`` holds five of them in places where the end of a
string could not stand, so wherever it stands a row has ended before its comma.
"""

from __future__ import annotations

import json
import re
from typing import Final

_NEXT_ROW: Final = b'},{"'
_ROW_STARTS: Final = re.compile(rb'\},\{"[^"\\{}:,]+":\{"type":"')
_FIRST_ROW: Final = b'"bindings":['
_PIECE: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[{}]', re.DOTALL)
"""A string, though the data end within it, or a brace."""

_DEPTH_OF_ROWS: Final = 2


def last_row_end(data: bytes) -> int:
    """Return where the last row ends that another one follows, or 0.

    >>> last_row_end(b'{"x":{"type":"uri","value":"a"}},{"x":{"type":"uri","val')
    32
    """
    end = len(data)
    while True:
        place = data.rfind(_NEXT_ROW, 0, end)
        if place < 0:
            return 0
        if _ROW_STARTS.match(data, place):
            return place + 1
        end = place + len(_NEXT_ROW) - 1


def last_row_end_by_reading(data: bytes, *, headed: bool) -> int:
    """Return where the last whole row ends, or 0, reading all of the data: needed where rows bind nothing.

    ``headed`` says that the data follow the end of a row, or the head, rather than begin the document.
    """
    depth, end = (_DEPTH_OF_ROWS if headed else 0), 0
    for piece in _PIECE.finditer(data):
        mark = piece.group()
        if mark == b"{":
            depth += 1
        elif mark == b"}":
            depth -= 1
            if depth == _DEPTH_OF_ROWS:
                end = piece.end()
    return end


def head_end(data: bytes) -> int:
    """Return where the head of a document ends and its rows begin, or 0."""
    place = data.find(_FIRST_ROW)
    return place + len(_FIRST_ROW) if place >= 0 else 0


def closing(reason: str, limit: float) -> bytes:
    """Return what ends a document after a whole row and tells why it ends there."""
    meta = {"partial": True, "reason": reason, "limit": limit}
    return b']},"meta":' + json.dumps(meta, separators=(",", ":")).encode() + b"}"
