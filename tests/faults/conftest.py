"""What every test of the matrix may use: `fault`, the peers and their clients."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from support.clients import connect, listen

from .shop import Shop
from .trial import Leap, Trial

__all__ = ["connect", "listen"]


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[Trial]:
    """Tell how many inputs were tried, and what was lost: ``fault.tried(inputs=n)``, ``await fault.end_of(call)``."""
    trial = Trial()
    yield trial
    request.node.user_properties.append(("fault", trial.told()))
    assert not trial.losses, dict(trial.losses)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """The service with accounts; it has one job, ``job-0``."""
    async with Shop() as opened:
        opened.prompts["job-0"] = "a sea"
        yield opened


@pytest.fixture
async def leap(monkeypatch: pytest.MonkeyPatch) -> Leap:
    """Move the running loop's clock forward: deadlines pass at once, however busy the machine is."""
    loop = asyncio.get_running_loop()
    true, ahead = loop.time, [0.0]
    monkeypatch.setattr(loop, "time", lambda: true() + sum(ahead))
    return ahead.append
