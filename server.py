"""Run the service: ``python server.py`` is ``vetgraph serve``; ``app`` is for other WSGI servers."""

import sys


def __getattr__(name: str) -> object:
    """Make the WSGI callable on first use, so that running this file does not need a snapshot."""
    if name == "app":
        from vetgraph.web.wsgi import app

        return app
    raise AttributeError(name)


if __name__ == "__main__":
    from vetgraph.cli import main

    main(["serve", *sys.argv[1:]])
