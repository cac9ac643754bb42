"""``phota profiles wait`` and ``watch``: trainings, until they have ended."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
import click
import msgspec

from ..client import PhotaClient
from ..errors import PhotaError
from ..events import Event, ProfileChanged
from ..models import ProfileStatus
from ..profiles import WAIT, ProfileChange
from .common import account_option, end, interval_option, json_option, people_argument, quiet_options, timeout_option
from .following import TRAINING, States, choose_states
from .people import resolve_people
from .plain_text import clean
from .settings import Settings, connect, load_settings
from .stopping import interruptible
from .streams import result, say

FIRST = "stopped; the trainings go on: wait for the same again"
CHANGE_SCHEMA = "phota.profile-change/1"


@click.command(short_help="Wait until profiles are READY.")
@people_argument()
@timeout_option(WAIT)
@interval_option
@quiet_options
@account_option
@click.pass_context
def wait(
    ctx: click.Context,
    *,
    people: tuple[str, ...],
    timeout: float,
    interval: float | None,
    quiet: bool,
    no_progress: bool,
    account: str | None,
) -> None:
    """Wait until profiles are READY; their ids are written as they become so.

    Exits with 9 when a training failed, with 10 when the time is up: waiting again costs nothing.

    Example: phota profiles wait mia ruth --timeout 3600
    """
    settings = load_settings(account)
    ids = resolve_people(settings, people)
    states = choose_states(ids, expected=TRAINING, quiet=quiet, no_progress=no_progress)
    with states:
        work = partial(_wait_all, settings, ids, states, timeout=timeout, interval=interval)
        errors = asyncio.run(interruptible(work, first=FIRST, second=FIRST))
    ctx.exit(end(len(ids) - len(errors), errors))


@click.command(short_help="Write every change of state, until all have ended.")
@people_argument(required=False)
@click.option("--tag", metavar="TAG", help="Those with this tag, where nobody is named.")
@interval_option
@json_option
@quiet_options
@account_option
@click.pass_context
def watch(
    ctx: click.Context,
    *,
    people: tuple[str, ...],
    tag: str | None,
    interval: float | None,
    as_json: bool,
    quiet: bool,
    no_progress: bool,
    account: str | None,
) -> None:
    """Write every change of state as a line, until nothing changes any more.

    Where nobody is named, all profiles of the account that are still training. Columns: id, state before, state now,
    the service's reason.

    \b
    Example: phota profiles watch
             phota profiles watch --tag user-4711 --json
    """  # noqa: D301
    if people and tag is not None:
        raise click.UsageError("expected people or --tag, got both")
    settings = load_settings(account)
    ids = resolve_people(settings, people) if people else asyncio.run(_in_training(settings, tag))
    if not ids:
        say("nothing is training")
        return
    states = choose_states(ids, expected=TRAINING, quiet=quiet, no_progress=no_progress, is_told=True)
    with states:
        work = partial(_watch, settings, ids, states, interval=interval, as_json=as_json)
        errors = asyncio.run(interruptible(work, first=FIRST, second=FIRST))
    ctx.exit(end(len(ids) - len(errors), errors))


async def _wait_all(
    settings: Settings,
    ids: Sequence[str],
    states: States,
    *,
    timeout: float,
    interval: float | None,
) -> list[PhotaError]:
    errors: list[PhotaError] = []

    def tell(event: Event) -> None:
        if isinstance(event, ProfileChanged):
            states.change(event.profile_id, event.status, is_end=ProfileStatus(event.status).is_terminal)

    async def wait_for(client: PhotaClient, profile_id: str) -> None:
        try:
            await client.profiles.wait(profile_id, timeout=timeout, interval=interval)
            result(profile_id)
        except PhotaError as error:
            errors.append(error)

    async with connect(settings, hooks=[tell]) as client, anyio.create_task_group() as group:
        for profile_id in ids:
            group.start_soon(wait_for, client, profile_id)
    return errors


async def _in_training(settings: Settings, tag: str | None) -> list[str]:
    async with connect(settings) as client:
        listed = await client.profiles.list(tag)
    return [profile.profile_id for profile in listed if not profile.status.is_terminal]


async def _watch(
    settings: Settings, ids: Sequence[str], states: States, *, interval: float | None, as_json: bool
) -> list[PhotaError]:
    errors: list[PhotaError] = []
    async with connect(settings) as client, client.profiles.watch(ids, interval=interval) as changes:
        async for change in changes:
            if change.error is not None:
                errors.append(change.error)
            status = str(change.status or "gone")
            states.change(change.profile_id, status, is_end=change.status is None or change.status.is_terminal)
            result(_to_json(change) if as_json else _to_line(change))
    return errors


def _to_line(change: ProfileChange) -> str:
    words = (change.profile_id, change.previous or "", change.status or "gone", change.message)
    return "\t".join(clean(str(word)) for word in words)


def _to_json(change: ProfileChange) -> str:
    told: dict[str, Any] = {
        "schema": CHANGE_SCHEMA,
        "time": datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"),
        "profile_id": change.profile_id,
        "previous": change.previous and str(change.previous),
        "status": change.status and str(change.status),
        "message": change.message,
        "error": None if change.error is None else change.error.sentence(),
    }
    return msgspec.json.encode(told).decode()
