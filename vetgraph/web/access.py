"""Who may write: whoever sends the maintainer's token."""

from __future__ import annotations

import hmac
from typing import Final

from flask import request

from vetgraph.errors import NotAllowed, Unauthorized
from vetgraph.web.state import service

MAINTAINER: Final = "maintainer"
"""The role that history names for a write; the token itself is never kept."""

_SEND = "send it as `Authorization: Bearer TOKEN`"


def maintainer() -> str:
    """Return the role of whoever sent the request (RFC 6750 section 2.1).

    Raises NotAllowed where the service has no token, Unauthorized where the request has none, or a wrong one.
    """
    token = service().settings.admin_token
    if not token:
        raise NotAllowed(
            "This service takes no updates and tells nobody what it is doing: it has no maintainer's token. Whoever "
            "runs it sets one in VETGRAPH_ADMIN_TOKEN, or changes the files under data/ and runs `vetgraph build`."
        )
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        raise Unauthorized(f"This needs the maintainer's token; {_SEND}.")
    if scheme.lower() != "bearer":
        raise Unauthorized(f"The maintainer's token is expected, not {scheme[:20]!r}; {_SEND}.")
    if not hmac.compare_digest(given.strip().encode("latin-1", "replace"), token.encode()):
        raise Unauthorized("The token is not valid; ask whoever runs the service for the one in force.")
    return MAINTAINER
