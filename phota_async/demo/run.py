"""Run the demo from the photos to the contact sheet."""

import time
from pathlib import Path

import anyio.to_thread
import msgspec

from phota_async.client import PhotaClient
from phota_async.pricing import PUBLISHED
from phota_async.report import contact_sheet
from phota_async.requests import AnyRequest
from phota_async.sandbox import Sandbox

from .folder import DemoFolder
from .options import DemoOptions
from .photos import prepare
from .plan import plan
from .progress import Progress
from .report import DemoReport
from .shooting import Shooting, Taken
from .stage import Stage, open_stage
from .training import TIER
from .verify import unreadable

SANDBOX_NOTE = (
    "Four photos, two trained subjects, every operation. Made on the local sandbox, which draws stand-ins for "
    "the service's pictures: no key, no network, nothing paid."
)
LIVE_NOTE = "Four photos, every operation, on the real service."

encode_summary = msgspec.json.Encoder(decimal_format="number").encode


async def run_demo(
    options: DemoOptions, *, progress: Progress, sandbox: Sandbox | None = None, client: PhotaClient | None = None
) -> DemoReport:
    """Prepare photos, train, run one batch over them, check every picture and write the contact sheet.

    Args:
        options: What to do and where.
        progress: Is told what happens.
        sandbox: A sandbox to use, not yet started; ``None`` makes one. Not used by a live run.
        client: The real service's, for a live run, which closes it; ``None`` makes one of the environment.

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
            async with open_stage(options, prepared, progress, sandbox, client) as stage:
                shooting = _shooting(options, stage, folder, progress, plan(prepared.photos, stage.cast))
                taken = await shooting.run()
            return await _finish(stage, taken, folder, started)
    finally:
        await anyio.to_thread.run_sync(folder.close)


def _shooting(
    options: DemoOptions, stage: Stage, folder: DemoFolder, progress: Progress, requests: dict[str, AnyRequest]
) -> Shooting:
    progress.begin(len(requests))
    return Shooting(
        stage.client,
        requests,
        progress,
        output=folder.root / stage.results,
        exists=stage.exists,
        max_concurrency=options.max_concurrency,
        on_picture=folder.own if stage.sandbox else _bought,
    )


async def _finish(stage: Stage, taken: Taken, folder: DemoFolder, started: float) -> DemoReport:
    """Check the pictures, write the contact sheet and the summary."""
    pictures = [path for row in taken.rows for path in row.results if isinstance(path, Path)]
    unwhole = await unreadable(pictures)
    sheet = await contact_sheet(
        taken.rows,
        folder.free("contact-sheet.html"),
        title="Phota demo",
        note=SANDBOX_NOTE if stage.sandbox else LIVE_NOTE,
        names=stage.cast.names(),
    )
    folder.own(sheet)
    trained = len(stage.cast.names())
    report = DemoReport(
        rows=taken.rows,
        broken=tuple(row.key for row in taken.rows if row.key in taken.short or unwhole & {*row.results}),
        errors=tuple(taken.errors.values()),
        seconds=time.monotonic() - started,
        training_price=trained * PUBLISHED.training[TIER] if trained else None,
        charged=stage.sandbox.charged if stage.sandbox else None,
        sheet=sheet,
        summary=folder.free("summary.json"),
    )
    await anyio.to_thread.run_sync(_summarise, report)
    folder.own(report.summary)
    return report


def _summarise(report: DemoReport) -> None:
    report.summary.write_bytes(msgspec.json.format(encode_summary(report.to_json())) + b"\n")


def _bought(_: Path) -> None:
    """Leave a picture that was paid for out of what the next run may replace."""
