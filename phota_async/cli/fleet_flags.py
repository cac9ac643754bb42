"""Which flags go with ``--on``, and which do not."""

from collections.abc import Mapping
from typing import Any

import click

from phota_async.batch.sinks import is_bucket

HERE_ONLY = {  # flag: why
    "json": "workers tell of each photo, not this command",
    "jsonl": "workers tell of each photo, not this command",
    "require_identity": "workers see who was recognised, not this command",
    "resend_unknown": "it holds for a run, and workers carry out many",
}


def check_fleet(values: Mapping[str, Any]) -> None:
    """Raise `click.UsageError` for flags that do not go with ``--on``, or only with it."""
    if values.get("on") is None:
        _check_alone(values)
        return
    for name, why in HERE_ONLY.items():
        if values.get(name):
            raise click.UsageError(f"--{name.replace('_', '-')} does not go with --on: {why}")
    if values["out"] == "-" or "-" in values.get("src", ()):
        raise click.UsageError("- does not go with --on: workers read photos from folders and links")


def _check_alone(values: Mapping[str, Any]) -> None:
    if is_bucket(values["out"]):
        raise click.UsageError(f"-o {values['out']}: workers bring results to a bucket: add --on DSN")
    for name in ("batch", "no_wait"):
        if values.get(name) not in (None, False):
            raise click.UsageError(f"--{name.replace('_', '-')} goes with --on DSN")
