"""``python -m vetgraph``."""

from vetgraph.cli import main

main()
