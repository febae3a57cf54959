"""The WSGI callable for servers that import one by name: ``vetgraph.web.wsgi:app``.

The engine runs in a thread of its own here. Under these servers there is no cache before the application, nothing
notices clients that go away, and an answer that can't be completed may end as if it were: prefer ``vetgraph serve``.
"""

from vetgraph.settings import from_env
from vetgraph.web import create_app

app = create_app(from_env())
