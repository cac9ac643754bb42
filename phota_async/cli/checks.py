"""What ``phota doctor`` looks at: this machine, the files, the key, and the way to the service."""

import platform
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import msgspec

from .. import threads
from ..client import PhotaClient
from ..errors import AuthenticationError, ConnectError, PhotaError
from ..events import Deprecated, Event
from ..ledger.view import LedgerView
from ..protocol import list_profiles_call
from .config_files import PROJECT, config_path, read_config, read_project
from .credentials import credentials_path, mask, read_credentials
from .exit_codes import ExitCode, code_for
from .settings import Settings, connect
from .wording import in_options

State = Literal["ok", "warning", "failed", "skipped"]
PACKAGES = ("phota-async", "aiohttp", "msgspec", "anyio")
OPTIONAL = {"images": "PIL", "heic": "pi_heif", "report": "jinja2", "upload": "obstore", "otel": "opentelemetry"}
LITTLE = 2**30  # bytes: a hundred results in 4K
SKEW = 30.0  # seconds by which clocks may differ; signed links and ids are judged by them
FORBIDDEN = 403


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about one thing."""

    name: str
    state: State
    message: str
    hint: str = ""
    """What to do next."""
    code: ExitCode = ExitCode.DONE
    """The exit code that it asks for, where it failed."""


def check_versions() -> Check:
    """Tell what runs here."""
    found = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return Check(name="versions", state="ok", message=f"Python {platform.python_version()}, {found}")


def check_extras() -> Check:
    """Tell which extras are installed; none of them has to be."""
    there = [extra for extra, module in OPTIONAL.items() if find_spec(module)]
    absent = [extra for extra in OPTIONAL if extra not in there]
    hint = f'pip install "phota-async[{",".join(absent)}]" brings what some commands need' if absent else ""
    message = f"{', '.join(there) or 'none'}; not installed: {', '.join(absent) or 'none'}"
    return Check(name="extras", state="ok", message=message, hint=hint)


def check_files() -> Iterator[Check]:
    """Read every settings file, whatever the others hold."""
    readers: tuple[tuple[Path, Callable[[Path], object]], ...] = (
        (PROJECT, read_project),
        (config_path(), read_config),
        (credentials_path(), read_credentials),
    )
    for path, read in readers:
        message = str(path) if path.exists() else f"no {path}"
        yield _checked(f"file {path.name}", partial(read, path), message)


def check_key(settings: Settings) -> Check:
    """Tell which key is used, and where it was found."""
    if settings.key is None:
        return _failed("key", _error_of(lambda: connect(settings)))
    whose = f" of account {settings.account}" if settings.account else ""
    return Check(name="key", state="ok", message=f"{mask(settings.key)}{whose} from {settings.places['key']}")


async def check_service(settings: Settings) -> AsyncIterator[Check]:
    """Make one free call: is it reachable, is the key taken, does its clock agree with ours?"""
    notices: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Deprecated):
            notices.append(f"{event.route} will change on {event.date}")

    async with connect(settings, hooks=[listen]) as client:
        try:
            date = await _date(client)
        except PhotaError as error:
            yield _unserved(client.base_url, error)
            return
    yield Check(name="service", state="ok", message=f"{client.base_url} takes the key")
    yield check_clock(date, datetime.now(UTC))
    for notice in notices:
        yield Check(name="notice", state="warning", message=notice, hint="look for a newer phota-async")


def check_clock(date: str | None, now: datetime) -> Check:
    """Compare the service's ``Date`` with this machine's clock."""
    try:
        theirs = parsedate_to_datetime(date or "")
        skew = (now - theirs.astimezone(UTC)).total_seconds()
    except (ValueError, TypeError):
        return Check(name="clock", state="skipped", message="the service did not tell its time")
    if abs(skew) <= SKEW:
        return Check(name="clock", state="ok", message="agrees with the service's")
    side = "ahead of" if skew > 0 else "behind"
    message = f"{abs(skew):.0f} s {side} the service's"
    return Check(name="clock", state="warning", message=message, hint="let this machine set its clock from the network")


def check_disk(folder: Path) -> Check:
    """Look whether results can be written, and how much room there is."""
    probe = folder / f".phota-doctor-{secrets.token_hex(4)}"
    try:
        probe.touch(exist_ok=False)
        probe.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        message = f"{folder.absolute()} cannot be written: {error.strerror}"
        return Check(
            name="disk", state="failed", message=message, hint="choose another folder: -o", code=ExitCode.USAGE
        )
    state: State = "ok" if free >= LITTLE else "warning"
    return Check(name="disk", state=state, message=f"{folder.absolute()} can be written, {free / 2**30:.1f} GB free")


async def check_ledger(path: Path) -> Check:
    """Read the ledger of a folder, if there is one."""
    if not await threads.run(path.exists):
        return Check(name="ledger", state="skipped", message=f"no {path}")
    with closing(LedgerView(path)) as view:
        try:
            await view.open()
            count = sum([1 async for _ in view.records()])
        except PhotaError as error:
            return _failed("ledger", error)
    return Check(name="ledger", state="ok", message=f"{path} holds {count:,} purchases")


async def _date(client: PhotaClient) -> str | None:
    """Make the call and return the service's ``Date``, where it told one."""
    dates: list[str | None] = []

    async def receive(response: Any) -> object:
        dates.append(response.headers.get("Date"))
        return await client._transport.read_json(response)  # noqa: SLF001 - one package

    await client._transport.send(list_profiles_call(None), receive, retries=False)  # noqa: SLF001
    return dates[-1]


def _unserved(address: str, error: PhotaError) -> Check:
    check = _failed("service", error)
    if isinstance(error, ConnectError):
        return msgspec.structs.replace(check, hint="look at the network, at proxies and firewalls, and at base_url")
    if not isinstance(error, AuthenticationError):
        return check
    means = "knows this key and refuses it" if error.status == FORBIDDEN else "does not know this key"
    hint = "see what your account may do" if error.status == FORBIDDEN else "store the right one: phota config set-key"
    message = f"{address} answers, and {means} (HTTP {error.status})"
    return msgspec.structs.replace(check, message=message, hint=f"{hint}; https://platform.photalabs.com")


def _checked(name: str, look: Callable[[], object], message: str) -> Check:
    error = _error_of(look)
    return Check(name=name, state="ok", message=message) if error is None else _failed(name, error)


def _error_of(look: Callable[[], object]) -> PhotaError | None:
    try:
        look()
    except PhotaError as error:
        return error
    return None


def _failed(name: str, error: PhotaError | None) -> Check:
    assert error is not None  # noqa: S101 - what is looked at has failed
    return Check(name=name, state="failed", message=error.sentence(), hint=in_options(error.hint), code=code_for(error))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "?"
