"""Words of the interface: which language a reader gets, messages, numbers and dates.

Messages lie in ``messages/{language}.toml``; the four files have the same keys.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from flask import g, has_request_context, request

from vetgraph.vocab import LANGUAGES

FOLDER: Final = Path(__file__).parent / "messages"

NAMES: Final = {"en": "English", "fr": "Français", "de": "Deutsch", "nl": "Nederlands"}
"""Each language's name in itself, for the language switch."""

_THOUSANDS: Final = {"en": ",", "fr": "\u202f", "de": ".", "nl": "."}
_DECIMAL: Final = {"en": ".", "fr": ",", "de": ",", "nl": ","}


@cache
def messages(language: str) -> Mapping[str, str]:
    """Return the messages of a language, keyed by their dotted names."""
    tables = tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8"))
    return dict(_flattened(tables))


def _flattened(tables: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in tables.items():
        if isinstance(value, Mapping):
            found += _flattened(value, f"{prefix}{name}.")
        else:
            found.append((prefix + name, str(value)))
    return found


def asked_language() -> str | None:
    """Return the language that the address asks for by ``?lang=``, if it is one of ours."""
    asked = request.args.get("lang", "") if has_request_context() else ""
    return asked if asked in LANGUAGES else None


def language() -> str:
    """Return the reader's language: ``?lang=``, then Accept-Language, then English."""
    if not has_request_context():
        return LANGUAGES[0]
    if "language" not in g:
        best = request.accept_languages.best_match(LANGUAGES)
        g.language = asked_language() or best or LANGUAGES[0]
    return str(g.language)


def text(key: str, **values: object) -> str:
    """Return a message in the reader's language, its places filled. Raises KeyError."""
    message = messages(language())[key]
    return message.format(**values) if values else message


def text_or(key: str, otherwise: str) -> str:
    """Return a message in the reader's language, or other words where there is none."""
    return messages(language()).get(key, otherwise)


def counted(key: str, count: int) -> str:
    """Return the message ``key.one`` or ``key.many`` with the count in it."""
    return text(f"{key}.one" if count == 1 else f"{key}.many", count=number(count))


def number(value: float | str) -> str:
    """Return a number as the reader's language writes it.

    >>> number(1234567), number("0.50")
    ('1,234,567', '0.50')
    """
    written = language()
    whole, _, part = f"{value}".partition(".")
    sign, digits = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    if not digits.isdigit():
        return f"{value}"
    grouped = f"{int(digits):,}".replace(",", _THOUSANDS[written])
    return sign + grouped + (_DECIMAL[written] + part if part else "")


_DAY: Final = re.compile(r"(-?\d{4,})(?:-(\d{2}))?(?:-(\d{2}))?(?:Z|[+-]\d{2}:\d{2})?")


def day(value: str) -> str:
    """Return a date, a month or a year in words of the reader's language.

    >>> day("2017-06-22"), day("2017-06"), day("2017"), day("soon")
    ('22 June 2017', 'June 2017', '2017', 'soon')
    """
    match = _DAY.fullmatch(value)
    if not match:
        return value
    year, month, date = match.groups()
    if month is None:
        return year
    name = text("months").split()[int(month) - 1] if 1 <= int(month) <= 12 else month
    if date is None:
        return text("date.month", month=name, year=year)
    return text("date.day", day=int(date), month=name, year=year)
