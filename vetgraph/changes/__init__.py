"""Time and change: the versions of a store that there were, what each changed, and when a description last did.

Needs a store's folder and no engine: whoever may read the folder can look back. No Flask in here.
"""

from __future__ import annotations

from vetgraph.changes.index import Index, Step, index_of
from vetgraph.changes.past import Past

__all__ = ["Index", "Past", "Step", "index_of"]
