"""Looks as a test writes them, and what a watch makes of them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from phota_async.errors import PhotaError
from phota_async.models import Profile, ProfileStatus
from phota_async.watch import Poller, Subject, Watch, steady, wait_for

from .virtual_time import now

Step = str | PhotaError | tuple[str, float]
TRAINING = ("VALIDATING", "QUEUING", "IN_PROGRESS", "READY")


class Script:
    """Looks as they are written; the last one is seen for ever."""

    def __init__(self, **steps: Sequence[Step]) -> None:
        self.steps = {key: list(each) for key, each in steps.items()}
        self.looks: list[tuple[float, str]] = []
        self.most = self.running = 0
        self.seconds = 0.0

    async def look(self, key: str) -> tuple[Profile, float | None]:
        self.looks.append((now(), key))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.running -= 1
        steps = self.steps[key]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, PhotaError):
            raise step
        word, asked = step if isinstance(step, tuple) else (step, None)
        return Profile(key, ProfileStatus(word)), asked

    def times(self, key: str) -> list[float]:
        return [time for time, each in self.looks if each == key]


Change = tuple[str, str | None, str | None, PhotaError | None]


def to_change(key: str, previous: Profile | None, profile: Profile | None, error: PhotaError | None) -> Change:
    return key, previous.status if previous else None, profile.status if profile else None, error


def subject_of(look: Any, *, told: list[Any] | None = None, lister: Any = None) -> Subject[Profile]:
    def tell(*change: Any) -> None:
        if told is not None:
            told.append(change)

    return Subject(look=look, is_done=lambda seen: seen.status.is_terminal, tell=tell, lister=lister)


def watch_script(script: Script, keys: Any = None, *, interval: float = 10) -> Watch[Profile, Change]:
    chosen = list(script.steps) if keys is None else keys
    return Watch(chosen, Poller, subject_of(script.look), steady(interval), to_change)


async def wait_script(
    poller: Poller, subject: Subject[Profile], key: str = "a", *, timeout: float = 1000, interval: float = 10
) -> Profile:
    pace, deadline = steady(interval), now() + timeout
    return await wait_for(
        poller, subject, key, pace, deadline, what=f"profile {key}", hint="wait for the same id again"
    )


async def all_changes(watched: Watch[Profile, Change], seen: list[Change] | None = None) -> list[Change]:
    seen = [] if seen is None else seen
    async with watched as changes:
        async for change in changes:
            seen.append(change)
    return seen


def read_along(watched: Watch[Profile, Change]) -> "asyncio.Task[list[Change]]":
    """Read a watch to its end beside the test."""
    return asyncio.create_task(all_changes(watched))


def timers() -> int:
    """Return how many timers the running loop has, this test's own among them."""
    scheduled: Any = asyncio.get_running_loop()
    return sum(not handle.cancelled() for handle in scheduled._scheduled)
