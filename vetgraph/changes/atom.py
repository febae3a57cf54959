"""Changes as an Atom feed (RFC 4287), paged (RFC 5005 section 3)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from vetgraph.changes.telling import VERSION, Change, patch
from vetgraph.vocab import BASE, LICENCE

NAMESPACE: Final = "http://www.w3.org/2005/Atom"
NOBODY: Final = "unknown"
"""Who made a change of which nobody noted that: Atom wants a name."""


def feed(
    changes: Iterable[Change],
    updated: str,
    links: Mapping[str, tuple[str, str]],
    addresses: Mapping[int, tuple[str, str]],
) -> bytes:
    """Return a page of the feed, the changes in the order in which they are given.

    ``links`` are the feed's own, as relation → address and media type; ``addresses`` are for each version its document
    and its patch.
    """
    root = Element("feed", {"xmlns": NAMESPACE, "xml:lang": "en"})
    _say(root, "id", BASE + "dataset#changes")
    _say(root, "title", "vetgraph: changes")
    _say(root, "updated", updated)
    _say(root, "rights", LICENCE)
    for relation, (address, type_) in links.items():
        SubElement(root, "link", {"rel": relation, "href": address, "type": type_})
    for change in changes:
        _entry(root, change, *addresses[change.number])
    indent(root)
    text: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _entry(root: Element, change: Change, document: str, whole: str) -> None:
    version = change.step.version
    entry = SubElement(root, "entry")
    _say(entry, "id", f"{VERSION}{change.number}")
    _say(entry, "title", f"Version {change.number}" + (f": {_clean(version.reason)}" if version.reason else ""))
    _say(entry, "updated", change.made)
    _say(entry, "published", change.made)
    _say(SubElement(entry, "author"), "name", _clean(version.agent) or NOBODY)
    SubElement(entry, "category", {"term": version.kind})
    SubElement(entry, "link", {"rel": "alternate", "href": document})
    SubElement(entry, "link", {"rel": "enclosure", "href": whole, "type": "application/rdf-patch"})
    _say(entry, "summary", _summary(change))
    if change.step.delta is not None:
        _say(entry, "content", _clean(b"".join(patch(change)).decode()), {"type": "text/plain"})


def _summary(change: Change) -> str:
    added, removed = change.counts
    counts = [f"{what}: {number}" for what, number in (("added", added), ("removed", removed)) if number is not None]
    said = f"Triples {', '.join(counts)}." if counts else ""
    return " ".join(filter(None, (said, change.note))) or "Nothing is known of what changed."


def _say(parent: Element, name: str, text: str, attributes: Mapping[str, str] | None = None) -> None:
    SubElement(parent, name, dict(attributes or {})).text = text


_UNFIT: Final = re.compile("[^\\t\\n\\r -\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def _clean(text: str) -> str:
    """Return a text with a sign in place of the characters that XML 1.0 can't hold (section 2.2)."""
    return _UNFIT.sub("\ufffd", text)
