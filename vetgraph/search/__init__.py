"""Search: things by what they are called, in any language, with accents and slips of the pen forgiven.

``Index.of(store)`` is the index of one version; :func:`find` asks it as a reader does, :func:`candidates` as somebody
does who has names in a table and wants to know what they stand for.
"""

from __future__ import annotations

from vetgraph.search.finding import Hit, Label, Page, Wish, find, look_up
from vetgraph.search.index import FACETS, Index
from vetgraph.search.matching import Candidate, candidates

__all__ = ["FACETS", "Candidate", "Hit", "Index", "Label", "Page", "Wish", "candidates", "find", "look_up"]
