"""Corrections of how the engine reads characters: IRIs, names, booleans, prologues."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from vetgraph.syntax import Draft, Edit, Token, prefixes, tokens

BOOLEANS: Final = ("true", "false")

DOUBTFUL_IRI: Final = re.compile(r"""<(?![A-Za-z][A-Za-z0-9+.-]*://|\\)(?=[^<>]*[&)(,#;'])[^\x00-\x20<>"{}|^`]+>""")
"""An IRI that the engine may read as a comparison: all others, in an expression, are none."""

_PIECE: Final = r"""[^\s<>"'{}()\[\],;|^/&=!?*+.]"""
DOTTED_NAME: Final = re.compile(rf":{_PIECE}{{0,99}}+(?:\.++{_PIECE}{{1,99}}+){{2}}")
"""A name with dots in several places, at first sight: the engine stops reading at the second."""

_DOTS: Final = re.compile(r"(?<!\\)\.+")


def without_doubt(draft: Draft) -> Draft:
    """Return a draft whose IRIs and names the engine reads as the standard does.

    In ``?x<?a&&?b>?y`` the longest match is the IRI ``<?a&&?b>`` (SPARQL 1.1 section 19.8); the engine would take it
    for two comparisons, unless the first character is written as a code point. Of ``ex:a.b.c`` it would read
    ``ex:a.b``, unless the dots are escaped.
    """
    return draft.edited(_undoubted(token) for token in tokens(draft.text) if _is_doubtful(token))


def _is_doubtful(token: Token) -> bool:
    if token.kind == "iri":
        return DOUBTFUL_IRI.fullmatch(token.text) is not None
    return token.kind == "name" and len(_DOTS.findall(token.text.partition(":")[2])) > 1


def _undoubted(token: Token) -> Edit:
    if token.kind == "iri":
        return Edit(token.start + 1, token.start + 2, f"\\U{ord(token.text[1]):08x}")
    label, _, local = token.text.partition(":")
    escaped = _DOTS.sub(lambda dots: r"\." * len(dots[0]), local)
    return Edit(token.start, token.end, f"{label}:{escaped}")


def with_plain_booleans(draft: Draft) -> Draft:
    """Return a draft whose booleans are in lower case; keywords are insensitive to case (SPARQL 1.1 section 19.8)."""
    return draft.edited(
        Edit(token.start, token.end, token.text.lower())
        for token in tokens(draft.text)
        if token.kind == "word" and token.text.lower() in BOOLEANS
    )


def with_one_prologue(draft: Draft) -> Draft:
    """Return the draft of an update whose prefixes are all declared at its start.

    The standard lets each operation have a prologue (SPARQL 1.1 Update section 3, rule Update), the engine only the
    first one. A prefix that is declared twice with different meanings stays where it is, and is an error.
    """
    found = tokens(draft.text)
    first = _first_operation(found)
    known = {name: iri for _, name, iri in prefixes(found[:first])}
    declarations, edits = [], []
    for index in range(first, len(found) - 2):
        word, name, iri = found[index : index + 3]
        if word.word == "PREFIX" and name.kind == "name" and iri.kind == "iri":
            if known.setdefault(name.text, iri.text[1:-1]) != iri.text[1:-1]:
                return draft
            declarations.append(f"PREFIX {name.text} {iri.text} ")
            edits.append(Edit(word.start, iri.end, ""))
    start = found[first].start if first < len(found) else len(draft.text)
    return draft.edited([Edit(start, start, "".join(declarations)), *edits])


def _first_operation(found: Sequence[Token]) -> int:
    """Return the index of the first token after the prologue."""
    for index, token in enumerate(found):
        if token.kind == "word" and token.word not in ("PREFIX", "BASE", "VERSION"):
            return index
    return len(found)
