"""Train the demo's two subjects on the sandbox and follow them until both are READY."""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence

from phota_async.client import PhotaClient
from phota_async.errors import DeadlineError, PhotaError, TrainingError
from phota_async.profiles import ProfileChange

from .photos import ASTRONAUT, CAT, SUBJECTS
from .plan import Cast
from .progress import Progress

TIER = "fast"
INTERVAL = 0.15  # seconds between two looks; the sandbox's clock runs fast
DEADLINE = 60.0  # seconds for a training that takes two


async def train(client: PhotaClient, urls: Mapping[str, Sequence[str]], progress: Progress) -> Cast:
    """Create a profile of each subject and wait until they can be used.

    Args:
        client: A client of the sandbox.
        urls: Links to the training photos by the name of the subject's photo.
        progress: Is told each change.

    Raises:
        TrainingError: A profile ended in ERROR or INACTIVE.
    """
    run = secrets.token_hex(4)  # a tag of its own for each profile, so that it can be found again
    names: dict[str, str] = {}
    for subject in SUBJECTS:
        profile_id = await client.profiles.create(
            urls[subject.photo],
            tag=f"phota-demo-{run}-{subject.photo}",
            training_tier=TIER,
        )
        names[profile_id] = subject.name
    try:
        async with asyncio.timeout(DEADLINE):
            await _follow(client, names, progress)
    except TimeoutError:
        raise DeadlineError(f"the profiles are not trained after {DEADLINE:.0f} s") from None
    ids = {name: profile_id for profile_id, name in names.items()}
    return Cast(astronaut=ids[ASTRONAUT.name], cat=ids[CAT.name])


async def _follow(client: PhotaClient, names: Mapping[str, str], progress: Progress) -> None:
    started = time.monotonic()
    failure: PhotaError | None = None
    async with client.profiles.watch(names, interval=INTERVAL) as changes:
        async for change in changes:
            progress.profile(names[change.profile_id], str(change.status), time.monotonic() - started)
            failure = failure or _failure(change)
    if failure is not None:
        raise failure


def _failure(change: ProfileChange) -> PhotaError | None:
    """Return what makes a profile useless, or ``None`` while it is well."""
    if change.error is not None:
        return change.error
    if change.status is not None and change.status.is_failure:
        return TrainingError(change.profile_id, str(change.status), change.message)
    return None
