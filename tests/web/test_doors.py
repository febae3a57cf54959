"""Turns at the door: who goes away while waiting leaves no trace."""

from __future__ import annotations

import asyncio

from vetgraph.web.doors import Door


async def _stay(door: Door, client: str, leave: asyncio.Event) -> str:
    async with door.enter(client):
        await leave.wait()
    return client


def test_who_leaves_in_the_moment_of_its_turn_takes_nobody_s_place() -> None:
    async def scene() -> None:
        door, leave, later = Door(2), asyncio.Event(), asyncio.Event()
        inside = [asyncio.create_task(_stay(door, name, leave)) for name in ("a", "b")]
        await asyncio.sleep(0)
        waiting = [asyncio.create_task(_stay(door, name, later)) for name in ("c", "d")]
        await asyncio.sleep(0)
        # The first of those who wait goes, and a place becomes free before it has had time to say so.
        leave.set()
        waiting[0].cancel()
        assert await asyncio.gather(*inside) == ["a", "b"]
        assert isinstance((await asyncio.gather(waiting[0], return_exceptions=True))[0], asyncio.CancelledError)
        later.set()
        assert await waiting[1] == "d"
        # Both places are free again.
        async with asyncio.timeout(5), door.enter("e"), door.enter("f"):
            pass

    asyncio.run(scene())
