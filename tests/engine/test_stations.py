"""Who gets the places of a lane: what is known to be quick, and guests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vetgraph.engine.scheduling import lanes
from vetgraph.engine.stations import CROWDED_PATIENCE, READER_PATIENCE, Station


@dataclass(eq=False)
class Asked:
    """What a station sees of a run. ``seconds`` is the time for which it has computed."""

    pace: str | None
    guest: bool = False
    caller: Any = field(default_factory=lambda: Caller())
    answer: Any = None
    seconds: float = 0.0

    def cpu(self) -> float:
        return self.seconds


@dataclass
class Answer:
    paused_since: float


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


def test_guests_do_not_hold_up_what_is_known() -> None:
    here = station(2)
    burst, known = [Asked(pace=None) for _ in range(5)], [Asked(pace="quick") for _ in range(3)]
    assert placed(here, *burst, *known) == [*burst[:2], *known[:2]]
    assert len(here) == 4


def test_what_is_known_does_not_hold_up_guests() -> None:
    here = station(1)
    known, guests = [Asked(pace="quick") for _ in range(3)], [Asked(pace=None) for _ in range(2)]
    assert placed(here, *known, *guests) == [known[0], guests[0]]


def test_a_free_place_goes_to_its_own_kind() -> None:
    here = station(1)
    guests, known = [Asked(pace=None) for _ in range(2)], [Asked(pace="quick") for _ in range(2)]
    placed(here, *guests, *known)
    assert here.pop() is None
    here.leave(guests[0])
    assert here.pop() is guests[1]
    here.take(guests[1])
    assert here.pop() is None
    here.leave(known[0])
    assert here.pop() is known[1]


def test_who_holds_its_share_waits_and_others_do_not() -> None:
    here = station(2, lane=1)
    greedy = [Asked(pace=None) for _ in range(4)]
    other = Asked(pace=None, caller=Caller("another"))
    assert placed(here, *greedy, other) == greedy[: here.lane.share]
    assert here.pop() is other


def test_without_anybody_who_waits_only_work_counts() -> None:
    here = station(2)
    stalled, busy = Asked(pace=None, seconds=0.01), Asked(pace=None, seconds=0.2)
    placed(here, stalled, busy)
    assert not here.has_outstayed(stalled, 5)
    assert here.has_outstayed(busy, 0.2)


def test_guests_leave_sooner_where_somebody_waits() -> None:
    here = station(1)
    guest, known = Asked(pace=None), Asked(pace="quick")
    placed(here, guest, known)
    between = (CROWDED_PATIENCE + here.lane.patience) / 2
    assert not here.has_outstayed(guest, between)
    placed(here, Asked(pace="quick"))
    assert here.has_outstayed(guest, between)
    assert not here.has_outstayed(guest, CROWDED_PATIENCE / 2)


def test_what_is_known_to_be_quick_leaves_for_its_work_only() -> None:
    here = station(1)
    stalled = Asked(pace="quick", seconds=0.001)
    placed(here, stalled, Asked(pace="quick"))
    assert not here.has_outstayed(stalled, 1)
    stalled.seconds = 2 * here.lane.patience
    assert here.has_outstayed(stalled, 1)


def test_what_is_known_to_be_fair_is_a_guest_that_may_stay() -> None:
    here = station(1)
    fair = Asked(pace="fair", seconds=0.06)
    placed(here, fair, Asked(pace="fair"))
    assert fair.guest
    assert not here.has_outstayed(fair, 1)
    fair.seconds = 0.11
    assert here.has_outstayed(fair, 1)


def test_who_waits_for_a_reader_leaves_at_once_where_somebody_waits() -> None:
    here = station(1)
    sending = Asked(pace="quick", answer=Answer(paused_since=1.0))
    placed(here, sending)
    assert not here.has_outstayed(sending, 2 * READER_PATIENCE)
    placed(here, Asked(pace="quick"))
    assert here.has_outstayed(sending, 2 * READER_PATIENCE)


def test_later_lanes_know_no_guests() -> None:
    here = station(2, lane=1)
    strangers = [Asked(pace=None) for _ in range(here.lane.share)]
    assert placed(here, *strangers) == strangers
    assert not any(run.guest for run in strangers)


def test_places_that_are_given_back_are_there_again() -> None:
    here = station(2)
    guest = Asked(pace=None)
    for _ in range(3):
        assert placed(here, guest) == [guest]
        here.leave(guest)
    waiting = Asked(pace=None)
    placed(here, guest, waiting)
    here.discard(waiting)
    assert len(here) == 0
