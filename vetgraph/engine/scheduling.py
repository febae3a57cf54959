"""Who comes next: lanes by cost, turns by client, and what is remembered of a query's cost.

A job starts in the quick lane. What outlasts a lane's patience moves on to the next, where more is at work at once, at
a lower priority, so that what is cheap never waits behind what is not. Nothing here knows of processes.
"""

from __future__ import annotations

import math
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from vetgraph.engine.confinement import IDLE
from vetgraph.errors import LimitExceeded

PATIENCE: Final = 0.1
"""Seconds of evaluation after which a job no longer counts as quick."""

BRISK: Final = 0.02
"""Seconds within which a job ends that is known to be quick the next time."""

LONG_PATIENCE: Final = 2.0
"""Seconds of evaluation after which a job counts as long."""

REFUSED_FOR: Final = 60.0
"""Seconds for which a query that reached a limit is answered with that at once."""

REMEMBERED: Final = 4096
"""Queries whose cost, or end at a limit, is remembered."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Lane:
    """A class of jobs: how long one may take in it (seconds), how many at once, and at what niceness."""

    name: str
    patience: float
    places: int
    nice: int

    @property
    def share(self) -> int:
        """Places that one client may take: in the lanes where a job stays, some are kept for the others."""
        return self.places + self.guests if self.parts else max(1, self.places * 3 // 4)

    @property
    def parts(self) -> bool:
        """Whether the lane tells what is known to be quick from what is not known: the first one does."""
        return self.patience == PATIENCE

    @property
    def guests(self) -> int:
        """Places for what is not known, beside those for what is."""
        return self.places if self.parts else 0


def lanes(workers: int, most: int | None = None) -> tuple[Lane, ...]:
    """Return the lanes for a number of quick workers, where memory is enough for ``most`` workers in all.

    >>> [(lane.name, lane.places) for lane in lanes(2)]
    [('quick', 2), ('middle', 4), ('long', 4)]
    >>> [lane.places for lane in lanes(2, most=6)]
    [2, 2, 1]
    """
    rest = 4 * workers if most is None else min(4 * workers, max(2, most - workers - 1))
    return (
        Lane("quick", PATIENCE, workers, 0),
        Lane("middle", LONG_PATIENCE, rest - rest // 2, 15),
        Lane("long", math.inf, rest // 2, IDLE),
    )


class Turns(Generic[Item]):
    """A queue that takes clients in turn, and the items of a client in order.

    >>> turns = Turns()
    >>> for client, item in (("a", 1), ("a", 2), ("b", 3)): turns.push(client, item)
    >>> turns.pop(), turns.pop(), turns.pop(), turns.pop()
    (1, 3, 2, None)
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[Item]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Item]:
        for items in self._waiting.values():
            yield from items

    def push(self, client: str, item: Item, *, first: bool = False) -> None:
        """Add a client's item: after its others, or before them."""
        items = self._waiting.setdefault(client, deque())
        if first:
            items.appendleft(item)
        else:
            items.append(item)
        self._size += 1

    def pop(self, may: Callable[[str], bool] | None = None) -> Item | None:
        """Take the next item of the first client that may have a turn; None where none may."""
        client = next((client for client in self._waiting if may is None or may(client)), None)
        if client is None:
            return None
        items = self._waiting[client]
        item = items.popleft()
        self._size -= 1
        if items:
            self._waiting.move_to_end(client)
        else:
            del self._waiting[client]
        return item

    def discard(self, client: str, item: Item) -> bool:
        """Take a client's item out of its turn; return whether it was there."""
        items = self._waiting.get(client)
        if items is None or item not in items:
            return False
        items.remove(item)
        self._size -= 1
        if not items:
            del self._waiting[client]
        return True


class Experience:
    """What is remembered of queries: which are not quick, and which reached a limit lately.

    A key stands for the query and the version that it reads.
    """

    def __init__(self) -> None:
        self._costs: OrderedDict[int, float] = OrderedDict()
        self._limits: OrderedDict[int, tuple[float, float, LimitExceeded]] = OrderedDict()

    def learn(self, key: int, seconds: float) -> None:
        """Remember what an evaluation took, where that was more than the quick lane gives; else forget the key."""
        if seconds > PATIENCE:
            _remember(self._costs, key, seconds)
        elif self._costs:
            self._costs.pop(key, None)

    def lane(self, key: int, lanes: tuple[Lane, ...]) -> int:
        """Return the number of the lane in which to start."""
        cost = self._costs.get(key, 0.0)
        return next((number for number, lane in enumerate(lanes) if cost <= lane.patience), len(lanes) - 1)

    def reached(self, key: int, limit: float, error: LimitExceeded, now: float) -> None:
        """Remember that a query reached a limit in the time that it was given (seconds)."""
        _remember(self._limits, key, (now + REFUSED_FOR, limit, error))

    def refusal(self, key: int, limit: float, now: float) -> LimitExceeded | None:
        """Return the problem that a query met lately, given the same time or more; None where it may be tried."""
        if not self._limits:
            return None
        until, given, error = self._limits.get(key, (0.0, 0.0, None))
        if error is None or limit > given:
            return None
        if now >= until:
            del self._limits[key]
            return None
        facts = {**error.facts, "retry_after": max(1, round(until - now))}
        return LimitExceeded(f"{error.detail} It was asked before with this result.", **facts)


_CONSTANT: Final = re.compile(r"""<[^<>\s]*>|"[^"]*"|'[^']*'|[0-9]+""")


Pace = Literal["quick", "fair", "slow"]
"""How long queries of a shape take: up to ``BRISK``, what the quick lane gives, or longer."""


class Shapes:
    """What is remembered of queries that are alike but for their constants, whatever version they read.

    It tells where a new query is likely to belong: one that differs from a known runaway by a number only should not
    hold up the quick lane again, and one that differs so from what is always quick should not wait behind what nobody
    knows. A shape is what most of its queries were, so a moment in which the machine was busy decides nothing.

    >>> shapes = Shapes()
    >>> shapes.learn(shape_of("SELECT * { ?s ?p 1 }"), 5.0)
    >>> shapes.learn(shape_of("SELECT * { ?s ?q 1 }"), 0.001)
    >>> [shapes.told(shape_of(f"SELECT * {{ ?s {which} 2 }}")) for which in ("?p", "?q", "?r")]
    ['slow', 'quick', None]
    """

    def __init__(self) -> None:
        self._counts: OrderedDict[int, tuple[int, int, int]] = OrderedDict()

    def learn(self, shape: int, seconds: float) -> None:
        """Remember how long an evaluation took; what is quick by far starts anew."""
        quick, fair, slow = self._counts.get(shape, (0, 0, 0))
        if seconds > PATIENCE:
            slow += 1
        elif seconds > BRISK:
            fair += 1
        elif quick > 2 * (fair + slow):
            quick, fair, slow = 1, 0, 0
        else:
            quick += 1
        _remember(self._counts, shape, (quick, fair, slow))

    def told(self, shape: int) -> Pace | None:
        """Return what queries of a shape have been more often than not; None where there were none."""
        if shape not in self._counts:
            return None
        quick, fair, slow = self._counts[shape]
        if slow > quick + fair:
            return "slow"
        return "fair" if fair + slow > quick else "quick"


def shape_of(text: str) -> int:
    """Return what stands for all queries that are like a text but for constants."""
    return hash(_CONSTANT.sub("0", text))


Value = TypeVar("Value")


def _remember(table: OrderedDict[int, Value], key: int, value: Value) -> None:
    table[key] = value
    table.move_to_end(key)
    if len(table) > REMEMBERED:
        table.popitem(last=False)
