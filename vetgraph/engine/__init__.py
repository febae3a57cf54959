"""The rooms behind the endpoint: versions on disk, their writer, and the processes in which queries run.

Three kinds of process, each small enough to understand alone: a front that never runs foreign work, workers that may
die at any time, a writer whose every step can be repeated or undone. ``backend`` is what the doors see.
"""
