"""Set the stage: a sandbox with two trained subjects, or the real service with profiles that are there already."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from phota_async.client import PhotaClient
from phota_async.config import ClientConfig
from phota_async.media.files import Exists
from phota_async.sandbox import Sandbox

from .options import DemoOptions
from .photos import Prepared
from .plan import Cast
from .progress import Progress
from .training import train

# The sandbox answers within a fraction of a second, so it is asked more often than the service would be.
SANDBOX_CONFIG = ClientConfig(job_interval=0.1, max_job_interval=0.5)


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, for whom, and where to put what comes back."""

    client: PhotaClient
    cast: Cast
    results: str
    """Folder of the pictures, below the demo's."""
    exists: Exists
    """What to do about pictures that are there: a bought one is kept and not bought again."""
    sandbox: Sandbox | None = None
    """The sandbox behind the client; ``None`` on the real service."""


@asynccontextmanager
async def open_stage(
    options: DemoOptions,
    prepared: Prepared,
    progress: Progress,
    sandbox: Sandbox | None,
    client: PhotaClient | None,
) -> AsyncIterator[Stage]:
    """Open the client that the demo shall use, and the sandbox behind it."""
    if options.live:
        async with client or PhotaClient() as live:
            cast = Cast.of(options.profiles)
            yield Stage(client=live, cast=cast, results=live_folder(options.profiles), exists="error")
        return
    async with (
        sandbox or Sandbox(time_scale=options.time_scale) as opened,
        PhotaClient(opened.api_key, opened.base_url, SANDBOX_CONFIG) as local,
    ):
        progress.say(f"sandbox at {opened.base_url}")
        urls = {name: [opened.upload(crop) for crop in crops] for name, crops in prepared.crops.items()}
        cast = await train(local, urls, progress)
        yield Stage(client=local, cast=cast, results="results", exists="number", sandbox=opened)


def live_folder(profiles: tuple[str, ...]) -> str:
    """Name the folder of a live run after its profiles, so that the same run again finds what it bought."""
    digest = hashlib.sha256("\0".join(profiles).encode()).hexdigest()
    return f"results/live-{digest[:8]}"
