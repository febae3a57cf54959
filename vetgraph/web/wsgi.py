"""The WSGI callable for servers that import one by name: ``vetgraph.web.wsgi:app``.

``VETGRAPH_EMPTY=1`` is how ``vetgraph serve --empty`` tells its worker process to start on nothing.
"""

import os

from vetgraph.settings import from_env
from vetgraph.store import memory_store
from vetgraph.web import create_app

_empty = os.environ.pop("VETGRAPH_EMPTY", "") == "1"
_settings = from_env()
app = create_app(_settings, memory_store([], union=_settings.default_graph == "union") if _empty else None)
