"""Write the next version of the context where ontology and shapes ask for one: ``python -m vetgraph.jsonld``."""

from vetgraph.jsonld.context import main

main()
