"""Proof of speed: made-up data of any size, a mix of queries, and a runner that asks several servers the same.

``facts`` says one thing at a time in the words of our ontology, ``generate`` writes as many as are wanted;
``queries`` reads the mix, ``servers`` knows how to load, start and ask each server, ``machine`` reads what the
kernel knows, ``load`` makes requests, ``answers`` compares, ``promises`` measures what is not a rate,
``run`` does it all in one interleaved run, ``verdicts`` holds the targets, ``report`` writes RESULTS.md.
"""
