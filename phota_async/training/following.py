"""Follow a training to its end and tell each change."""

import asyncio

import msgspec

from ..client import PhotaClient
from ..errors import DeadlineError, TrainingError
from ..models import Profile, ProfileStatus
from ..profiles import GOES_ON, WAIT, ProfileChange
from .limits import EXPECTED_SECONDS
from .progress import Tell, TrainingProgress


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """How to wait for a training."""

    timeout: float = WAIT
    """Seconds."""
    interval: float | None = None
    """Seconds between two looks; ``None`` uses the client's ``profile_interval``."""
    tell: Tell = lambda _: None
    """Is told each step."""


async def follow(client: PhotaClient, profile_id: str, waiting: Waiting, *, tier: str, since: float = 0.0) -> Profile:
    """Wait until a profile is READY, as `Profiles.wait` does, and tell each change.

    Args:
        client: The client.
        profile_id: The profile.
        waiting: How.
        tier: Says how long it is expected to take.
        since: Seconds that have gone by since the creation was sent.

    Raises:
        TrainingError: It ended in ERROR or INACTIVE.
        NotFoundError: It does not exist any more.
        DeadlineError: It is not READY in time.
    """
    loop = asyncio.get_running_loop()
    begun, last = loop.time() - since, Profile(profile_id, ProfileStatus(""))
    try:
        async with asyncio.timeout(waiting.timeout) as limit:
            async with client.profiles.watch(profile_id, interval=waiting.interval) as changes:
                async for change in changes:
                    last = _profile_of(change)
                    waiting.tell(_progress(last, loop.time() - begun, EXPECTED_SECONDS.get(tier)))
    except TimeoutError:
        if not limit.expired():
            raise
        sentence = f"profile {profile_id} is not READY after {waiting.timeout:g} s"
        raise DeadlineError(sentence).with_context(hint=GOES_ON) from None
    if last.status.is_failure:
        raise TrainingError(profile_id, str(last.status), last.message)
    return last


def _profile_of(change: ProfileChange) -> Profile:
    if change.error is not None:
        raise change.error
    return Profile(change.profile_id, change.status or ProfileStatus(""), change.message)


def _progress(profile: Profile, elapsed: float, expected: float | None) -> TrainingProgress:
    return TrainingProgress(
        stage="training",
        profile_id=profile.profile_id,
        status=str(profile.status),
        elapsed=elapsed,
        expected=expected,
    )
