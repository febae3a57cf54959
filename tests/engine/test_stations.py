"""Who gets the places of a lane: what is known to be quick, and guests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vetgraph.engine.scheduling import lanes
from vetgraph.engine.stations import GUEST_PATIENCE, Station


@dataclass(eq=False)
class Asked:
    """What a station sees of a run."""

    known: bool
    guest: bool = False
    caller: Any = field(default_factory=lambda: Caller())


@dataclass
class Caller:
    client: str = "somebody"


def station(workers: int, lane: int = 0) -> Any:
    return Station(lanes(workers)[lane])


def placed(here: Any, *runs: Asked) -> list[Asked]:
    """Which of some runs get a place one after the other; the others wait."""
    found = []
    for run in runs:
        if here.is_open(run):
            here.take(run)
            found.append(run)
        else:
            here.push(run)
    return found


def test_guests_leave_a_place_to_what_is_known() -> None:
    here = station(2)
    burst, known = [Asked(known=False) for _ in range(5)], Asked(known=True)
    assert placed(here, *burst, known) == [burst[0], known]
    assert len(here) == 4


def test_free_places_go_to_both_in_turn() -> None:
    here = station(2)
    guests, known = [Asked(known=False) for _ in range(3)], [Asked(known=True) for _ in range(4)]
    first = placed(here, *guests, *known)
    assert first == [guests[0], known[0]]
    assert here.pop() is None
    order, busy = [], first
    while len(here):
        here.leave(busy.pop(0))
        run = here.pop()
        here.take(run)
        busy.append(run)
        order.append(run.known)
    # Whoever frees the place, nobody waits for more than one of the other kind, as far as guests may have it.
    assert sorted(order) == [False, False, True, True, True]
    assert order[:2] != [True, True] or order[2] is False


def test_with_one_place_they_take_turns() -> None:
    here = station(1)
    guests, known = [Asked(known=False) for _ in range(3)], [Asked(known=True) for _ in range(3)]
    (busy,) = placed(here, guests[0], *known, *guests[1:])
    order = []
    while len(here):
        here.leave(busy)
        busy = here.pop()
        here.take(busy)
        order.append(busy.known)
    assert order == [True, False, True, False, True]


def test_guests_leave_sooner_where_somebody_waits() -> None:
    here = station(2)
    guest, known = Asked(known=False), Asked(known=True)
    placed(here, guest, known)
    assert here.patience(guest) == here.patience(known) == here.lane.patience
    placed(here, Asked(known=True))
    assert here.patience(guest) == GUEST_PATIENCE < here.patience(known) == here.lane.patience


def test_later_lanes_know_no_guests() -> None:
    here = station(2, lane=1)
    strangers = [Asked(known=False) for _ in range(here.lane.share)]
    assert placed(here, *strangers) == strangers
    assert not any(run.guest for run in strangers)


def test_places_that_are_given_back_are_there_again() -> None:
    here = station(2)
    guest = Asked(known=False)
    for _ in range(3):
        assert placed(here, guest) == [guest]
        here.leave(guest)
    waiting = Asked(known=False)
    placed(here, guest, waiting)
    here.discard(waiting)
    assert len(here) == 0
