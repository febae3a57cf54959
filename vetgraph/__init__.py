"""vetgraph: a citable knowledge graph of European policy on learner mobility in VET."""

__version__ = "0.1.0"
