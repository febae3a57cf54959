"""How words are compared: letter case, accents and punctuation make no difference, and a slip of the pen little.

>>> fold("Äußere Zusammenarbeit – l'Œuvre (A.N.E.F.O.R.E., Erasmus+)")
'aussere zusammenarbeit l oeuvre anefore erasmus plus'
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŋ": "n"}
)
"""Letters of European languages that Unicode does not take apart into a base and an accent."""


class _Marks(dict[int, int | None]):
    """Takes away accents and other marks that belong to the letter before; looks each character up once."""

    def __missing__(self, character: int) -> int | None:
        self[character] = found = None if unicodedata.combining(chr(character)) else character
        return found


_MARKS: Final = _Marks()
_DOTTED: Final = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_WORD: Final = re.compile(r"[^\W_]+")
_ACRONYM: Final = re.compile(r"\S{2,12}")


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Return the words of a text as they are compared, one space between them.

    Dotted acronyms become one word, and a plus sign is spoken, as in Erasmus+.
    """
    joined = _DOTTED.sub(lambda match: match[0].replace(".", ""), text).replace("+", " plus ")
    plain = joined.casefold()
    if not plain.isascii():
        apart = unicodedata.normalize("NFKD", plain.translate(LETTERS))
        plain = apart.translate(_MARKS)
    return " ".join(_WORD.findall(plain))


def is_acronym(text: str) -> bool:
    """Whether a name is one word, short, and has more capitals and digits than small letters.

    >>> [is_acronym(text) for text in ("ADEM", "WKÖ", "KA1", "EfVET", "Childminding", "Day 1", "x")]
    [True, True, True, True, False, False, False]
    """
    capitals = sum(letter.isupper() or letter.isdigit() for letter in text)
    small = sum(letter.islower() for letter in text)
    return _ACRONYM.fullmatch(text) is not None and capitals >= 2 and capitals > small


def slips(word: str) -> int:
    """Return how many slips of the pen are forgiven in a word: the longer it is, the more.

    >>> slips("of"), slips("adem"), slips("ministry"), slips("apprenticeship")
    (0, 1, 2, 3)
    """
    return 0 if len(word) < 3 else 1 if len(word) < 6 else 2 if len(word) < 12 else 3


def distance(one: str, other: str, most: int) -> int:
    """Return by how many slips two texts differ: a letter too many, missing, changed, or two swapped.

    The optimal string alignment distance; ``most + 1`` where it is larger than ``most``.

    >>> distance("commision", "commission", 2), distance("epso", "epos", 2), distance("kitten", "sitting", 2)
    (1, 1, 3)
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        # Cells further than `most` from the diagonal can't matter.
        first, last = max(1, i - most), min(len(other), i + most)
        after = [most + 1] * (len(other) + 1)
        after[0] = i
        for j in range(first, last + 1):
            same = letter == other[j - 1]
            after[j] = min(row[j] + 1, after[j - 1] + 1, row[j - 1] + (not same))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == other[j - 1]:
                after[j] = min(after[j], before[j - 2] + 1)
        if min(after) > most:
            return most + 1
        before, row = row, after
    return min(row[-1], most + 1)


def likeness(one: str, other: str) -> float:
    """Return how alike two folded names are, from 0 to 1: as strings, and as sets of words in any order.

    >>> likeness("national agency erasmus", "erasmus national agency")
    0.95
    >>> likeness("european commision", "european commission") > 0.9
    True
    """
    if one == other:
        return 1.0
    longest = max(len(one), len(other))
    most = longest // 3
    apart = distance(one, other, most)
    whole = 1 - apart / longest if longest and apart <= most else 0.0
    return max(whole, 0.95 * _shared(one, other)) if one and other else 0.0


def _shared(one: str, other: str) -> float:
    """Return the part of the letters of two names that is in words which both have, slips taken off."""
    mine, theirs = one.split(), other.split()
    common = 0.0
    for word in mine:
        if word in theirs:
            theirs.remove(word)
            common += 2 * len(word)
            continue
        best = min(((distance(word, each, slips(word)), each) for each in theirs), default=None)
        if best and best[0] <= slips(word):
            theirs.remove(best[1])
            common += len(word) + len(best[1]) - 2 * best[0]
    return common / (len(one.replace(" ", "")) + len(other.replace(" ", "")))
