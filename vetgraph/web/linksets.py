"""Link sets (RFC 9264): all links of a document, or of the dataset's landing page, from each of its addresses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response

from vetgraph import resources
from vetgraph.engine.dumping import BUNDLES, WHOLE, names
from vetgraph.errors import NotFound
from vetgraph.media import HTML, TURTLE
from vetgraph.vocab import LICENCE
from vetgraph.web.negotiation import cacheable, respond, root_url
from vetgraph.web.resources import described
from vetgraph.web.signposting import FORMATS, LINKSETS, Link, of_data, of_dataset, of_page
from vetgraph.web.state import service

blueprint = Blueprint("linksets", __name__)


@blueprint.get("/linkset/<path:stem>.<any(json, txt):suffix>")
def linkset(stem: str, suffix: str) -> Response:
    """Answer with the links of the document about a thing, or of `about`, as a link set."""
    found = list(_of_about() if stem == "about" else _of_thing(stem))
    return cacheable(respond(_as_json(found) if suffix == "json" else _as_text(found), LINKSETS[suffix]), vary="")


def files(*, all_: bool = True) -> list[tuple[str, str]]:
    """Return address and media type of each file that the dataset can be had as; or of those with many graphs only."""
    found = [name for name in names(service().store) if all_ or name in (*WHOLE, *BUNDLES)]
    return [(f"{root_url()}/{name}", "application/gzip" if name.endswith(".gz") else TURTLE.type) for name in found]


def _of_about() -> Iterator[Link]:
    address = f"{root_url()}/about"
    for link in of_dataset(address, files()):
        yield link
        if link.relation == "item":
            yield Link(link.target, "collection", address, HTML.type)


def _of_thing(stem: str) -> Iterator[Link]:
    try:
        found = described(resources.iri_of(stem), labels=False)
    except ValueError:
        raise NotFound(f"{stem} is not a name of ours: it can't be part of an IRI.") from None
    address = f"{root_url()}/doc/{quote(stem)}"
    yield from of_page(found.iri, address, found.types, FORMATS)
    for kind in FORMATS:
        if kind is not HTML:
            anchor = f"{address}.{kind.suffix}"
            yield Link(anchor, "cite-as", found.iri)
            yield from of_data(found.iri, address, anchor)
            yield Link(anchor, "license", LICENCE)


def _as_json(found: Iterable[Link]) -> str:
    """Return links as JSON: an object for each anchor, an array for each relation (RFC 9264 section 4.2)."""
    anchors: dict[str, dict[str, Any]] = {}
    for link in found:
        one = anchors.setdefault(link.anchor, {"anchor": link.anchor})
        target = {"href": link.target, "type": link.type} if link.type else {"href": link.target}
        one.setdefault(link.relation, []).append(target)
    return json.dumps({"linkset": list(anchors.values())}, indent=2) + "\n"


def _as_text(found: Iterable[Link]) -> str:
    """Return links in the syntax of the Link header, each with its anchor (RFC 9264 section 4.1)."""
    return ",\n".join(f'{link.header}; anchor="{link.anchor}"' for link in found) + "\n"
