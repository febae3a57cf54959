"""A lane at work: who waits for it and in which order, and who holds how many of its places.

In the quick lane there are two queues, each with places of its own: for runs whose shape is known to be quick, and for
guests, which are not. Guests have to leave sooner where somebody waits. So a burst of runaways of shapes that nobody
has seen does not hold up what is known to be quick, and neither kind ever waits for the other.
"""

from __future__ import annotations

from typing import Final

from vetgraph.engine.scheduling import Lane, Turns
from vetgraph.engine.work import Run

CROWDED_PATIENCE: Final = 0.05
"""Seconds after which a run of which nothing is known has to leave the quick lane where others wait for it."""

READER_PATIENCE: Final = 0.005
"""The same for one that waits for its reader: it has no use for its place."""


class Station:
    """A lane, who waits for it, and how many places each client and all guests hold."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.looked = 0.0
        self._waiting: tuple[Turns[Run], Turns[Run]] = (Turns(), Turns())
        self._busy = 0
        self._guests = 0
        self._held: dict[str, int] = {}

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting[0]) + len(self._waiting[1])

    def is_open(self, run: Run) -> bool:
        """Whether a run may take a place now, without overtaking any of its kind."""
        guest = self._is_guest(run)
        return not self._waiting[guest] and self._has_room(guest) and self._has_share(run.caller.client)

    def may(self, client: str) -> bool:
        """Whether there is a place for what is not a guest, and a client may take it."""
        return self._has_room(0) and self._has_share(client)

    def has_outstayed(self, run: Run, seconds: float) -> bool:
        """Whether a run that has held a place for some seconds has to move on.

        That the machine is busy is no fault of the run's: where nobody waits, and where something is known of the run,
        it is the time for which it has computed that counts.
        """
        patience = self.lane.patience
        crowded = len(self) > 0
        if crowded and self.lane.parts:
            if run.answer is not None and run.answer.paused_since:
                return seconds > READER_PATIENCE
            if run.pace is None:
                return seconds > CROWDED_PATIENCE
        elif crowded:
            return seconds > patience
        return seconds > patience and run.cpu() > patience

    def push(self, run: Run, *, first: bool = False) -> None:
        """Let a run wait: after others of its client, or before them."""
        self._waiting[self._is_guest(run)].push(run.caller.client, run, first=first)

    def pop(self) -> Run | None:
        """Take out who is next; None where nobody may have a place now."""
        for guest in (0, 1):
            if self._waiting[guest] and self._has_room(guest):
                run = self._waiting[guest].pop(self._has_share)
                if run is not None:
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
        return int(self.lane.parts and run.pace != "quick")

    def _has_room(self, guest: int) -> bool:
        return self._guests < self.lane.guests if guest else self._busy - self._guests < self.lane.places

    def _has_share(self, client: str) -> bool:
        return self._held.get(client, 0) < self.lane.share
