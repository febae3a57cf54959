"""A lane at work: who waits for it and in which order, and who holds how many of its places.

In the quick lane two queues take turns: runs whose shape is known to be quick, and guests, of which nothing is known
yet. Guests get fewer places and have to leave sooner where somebody waits, so that a burst of runaways of shapes that
nobody has seen does not hold up what is known to be quick; they never have to wait for more than their own kind.
"""

from __future__ import annotations

from typing import Final

from vetgraph.engine.scheduling import Lane, Turns
from vetgraph.engine.work import Run

GUEST_PATIENCE: Final = 0.05
"""Seconds of evaluation after which a guest has to leave the quick lane where others wait for it."""


class Station:
    """A lane, who waits for it, and how many places each client and all guests hold."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.looked = 0.0
        self._waiting: tuple[Turns[Run], Turns[Run]] = (Turns(), Turns())
        self._busy = 0
        self._guests = 0
        self._turn = 0
        self._held: dict[str, int] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting[0]) + len(self._waiting[1])

    def is_open(self, run: Run) -> bool:
        """Whether a run may take a place now, without overtaking any of its kind."""
        guest = self._is_guest(run)
        return not self._waiting[guest] and self.may(run.caller.client) and self._has_room(guest)

    def may(self, client: str) -> bool:
        """Whether there is a place, and a client may take it."""
        return self._busy < self.lane.places and self._held.get(client, 0) < self.lane.share

    def patience(self, run: Run) -> float:
        """Return the seconds after which a run that holds a place has to move on."""
        return GUEST_PATIENCE if run.guest and len(self) else self.lane.patience

    def push(self, run: Run, *, first: bool = False) -> None:
        """Let a run wait: after others of its client, or before them."""
        self._waiting[self._is_guest(run)].push(run.caller.client, run, first=first)

    def pop(self) -> Run | None:
        """Take out who is next; None where nobody may have a place now."""
        for guest in (self._turn, 1 - self._turn):
            if self._waiting[guest] and self._has_room(guest):
                run = self._waiting[guest].pop(self.may)
                if run is not None:
                    self._turn = 1 - guest
                    return run
        return None

    def discard(self, run: Run) -> None:
        """Take out a run that does not want to wait any more."""
        self._waiting[self._is_guest(run)].discard(run.caller.client, run)

    def take(self, run: Run) -> None:
        """Give a run a place."""
        client = run.caller.client
        self._busy += 1
        self._held[client] = self._held.get(client, 0) + 1
        run.guest = bool(self._is_guest(run))
        self._guests += run.guest

    def leave(self, run: Run) -> None:
        """Take a run's place back."""
        client = run.caller.client
        self._busy -= 1
        self._guests -= run.guest
        run.guest = False
        left = self._held[client] - 1
        if left:
            self._held[client] = left
        else:
            del self._held[client]

    def _is_guest(self, run: Run) -> int:
        return int(self.lane.parts and not run.known)

    def _has_room(self, guest: int) -> bool:
        return not guest or self._guests < self.lane.guests
