"""Run the demo from the photos to the contact sheet."""

import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import anyio.to_thread
import msgspec

from phota_async.pricing import PUBLISHED
from phota_async.report import contact_sheet
from phota_async.sandbox import Sandbox

from .folder import DemoFolder
from .options import DemoOptions
from .photos import prepare
from .plan import plan
from .progress import Progress
from .report import DemoReport
from .shooting import Shooting, Taken
from .stage import Stage, open_stage
from .verify import unreadable

SANDBOX_NOTE = (
    "Four photos, two trained subjects, every operation. Made on the local sandbox, which draws stand-ins for "
    "the service's pictures: no key, no network, nothing paid."
)
LIVE_NOTE = "Four photos, every operation, on the real service."

encode_summary = msgspec.json.Encoder(decimal_format="number").encode


async def run_demo(
    options: DemoOptions, *, progress: Progress, sandbox: Sandbox | None = None
) -> DemoReport:
    """Prepare photos, train, run one batch over them, check every picture and write the contact sheet.

    Args:
        options: What to do and where.
        progress: Is told what happens.
        sandbox: A sandbox to use, not yet started; ``None`` makes one. Not used by a live run.

    Raises:
        InputError: The folder cannot be written.
        TrainingError: A profile did not become READY.
        PhotaError: The service cannot be used. A request that fails is reported, not raised.
    """
    started = time.monotonic()
    folder = DemoFolder(options.out)
    await anyio.to_thread.run_sync(folder.open)
    try:
        with progress:
            progress.say(f"photos into {folder.root / 'sources'}")
            prepared = await prepare(folder)
            async with open_stage(options, prepared, progress, sandbox) as stage:
                shooting = _shooting(options, stage, folder, progress, plan(prepared.photos, stage.cast))
                taken = await shooting.run()
            return await _finish(stage, taken, folder, started)
    finally:
        await anyio.to_thread.run_sync(folder.close)
