"""``phota doctor``: look at everything that a run needs, before it is needed."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from ..errors import PhotaError
from .checks import (
    Check,
    check_disk,
    check_extras,
    check_files,
    check_key,
    check_ledger,
    check_service,
    check_versions,
)
from .common import account_option
from .exit_codes import ExitCode, code_for
from .plain_text import clean
from .settings import Settings, load_settings
from .spend_command import LEDGER
from .streams import result
from .usual import usual_folder

SCHEMA = "phota.doctor/1"
ORDER = (  # when several apply: what a person must deal with first
    *(ExitCode.AUTHENTICATION, ExitCode.BALANCE, ExitCode.UNAVAILABLE, ExitCode.USAGE),
    *(ExitCode.ALL_FAILED, ExitCode.SOME_FAILED),
)


@click.command()
@click.argument("out", type=click.Path(path_type=Path), default=usual_folder, metavar="[OUT]")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@account_option
@click.pass_context
def doctor(ctx: click.Context, *, out: Path, as_json: bool, account: str | None) -> None:
    """Look whether everything works: versions, files, key, service, clock, disk, ledger. Costs nothing.

    OUT is the folder for results; the default is ./phota-out, or this folder. Exits with the code that a run would
    end with: 2 for files, settings and disk, 3 for the key, 10 for the network.

    Example: phota doctor out
    """
    folder = next(each for each in (out.absolute(), *out.absolute().parents) if each.is_dir())
    checks = [*asyncio.run(_gather(account)), check_disk(folder), asyncio.run(check_ledger(out / LEDGER))]
    code = next((each for each in ORDER if any(check.code is each for check in checks)), ExitCode.DONE)
    if as_json:
        result(_to_json(checks, code))
    else:
        for check in checks:
            result(_line(check))
    ctx.exit(code)


async def _gather(account: str | None) -> list[Check]:
    checks = [check_versions(), check_extras(), *check_files()]
    try:
        settings = load_settings(account)
    except PhotaError as error:
        settings = None
        checks.append(_unsettled(error, checks))
    if settings is not None:
        checks += [check async for check in _connected(settings)]
    return checks


def _unsettled(error: PhotaError, checks: Sequence[Check]) -> Check:
    """Tell what is wrong with the settings, unless a file has told it."""
    if any(check.message == error.sentence() for check in checks):
        return Check(name="service", state="skipped", message="not asked: settings cannot be read")
    return Check(name="settings", state="failed", message=error.sentence(), hint=error.hint, code=code_for(error))


async def _connected(settings: Settings) -> AsyncIterator[Check]:
    key = check_key(settings)
    yield key
    if key.state != "ok":
        yield Check(name="service", state="skipped", message="not asked: there is no key")
        return
    async for check in check_service(settings):
        yield check


def _line(check: Check) -> str:
    hint = f"; {check.hint}" if check.hint else ""
    return clean(f"{check.state:8} {check.name}: {check.message}{hint}")


def _to_json(checks: Sequence[Check], code: ExitCode) -> str:
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "exit_code": int(code),
        "checks": [
            {name: value for name, value in msgspec.structs.asdict(each).items() if name != "code"} for each in checks
        ],
    }
    return msgspec.json.encode(told).decode()
