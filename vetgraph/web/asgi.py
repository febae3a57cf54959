"""The ASGI application for servers that import one by name: ``vetgraph.web.asgi:app``.

Settings come from the environment. ``vetgraph serve`` runs this under granian; see ``serving``.
"""

import gc
import sys

from vetgraph.settings import from_env
from vetgraph.web import create_app
from vetgraph.web.front import Front, be_quiet
from vetgraph.web.memory import be_frugal
from vetgraph.web.state import backend_of

# The loop must not wait long for a thread that is at an answer: a tenth of the usual time.
sys.setswitchinterval(0.0005)
be_quiet()
be_frugal()

_settings = from_env()
app = Front(create_app(_settings), backend_of(_settings), _settings)

# What is here stays: the collector need not look at it again and again.
gc.collect()
gc.freeze()
