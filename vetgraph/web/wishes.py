"""What a reading request wishes: a format, a profile of it, a page, labels. By suffix, by parameter, by header."""

from __future__ import annotations

from typing import Final

from flask import request

from vetgraph import jsonld, media
from vetgraph.errors import BadParameter
from vetgraph.media import Media
from vetgraph.web import accept
from vetgraph.web.negotiation import accepted

_LONGEST: Final = 9
"""Digits of a number, at most."""


def form(choices: tuple[Media, ...], suffix: Media | None = None) -> Media:
    """Return the format that a request wishes: of its suffix, else of ``format=``, else of Accept.

    Raises BadParameter where ``format=`` is none of the choices, NotAcceptable where Accept takes none.
    """
    if suffix is not None:
        return suffix
    name = request.args.get("format", "")
    if not name:
        return accept.plainest(request.headers.get("Accept", ""), choices, accepted(choices))
    called = media.called(name)
    for choice in choices:
        if choice is called or name.lower() in (choice.suffix, choice.type):
            return choice
    known = ", ".join(kind.suffix for kind in choices)
    raise BadParameter(f"format is {name!r}; there are {known}.", parameter="format")


def profile() -> str | None:
    """Return the form of JSON-LD that ``profile=`` or Accept names (JSON-LD 1.1, section 6), if it is one of those."""
    asked = request.args.get("profile", "").strip() or accept.profile(request.headers.get("Accept", ""), media.JSON_LD)
    return asked if asked in jsonld.PROFILES else None


def labels() -> bool:
    """Whether labels of what is mentioned are to come with it. Raises BadParameter."""
    asked = request.args.get("labels", "").lower() or "yes"
    if asked not in ("yes", "no"):
        raise BadParameter(f"labels is {asked!r}; say labels=no to have none.", parameter="labels")
    return asked == "yes"


def page() -> int:
    """Return the number of the page that is asked for. Raises BadParameter."""
    asked = request.args.get("page", "") or "1"
    if not (asked.isascii() and asked.isdigit() and len(asked) <= _LONGEST and int(asked) > 0):
        raise BadParameter(f"page is {asked!r}; give a whole number from 1.", parameter="page")
    return int(asked)
