"""``phota review``: pick the best of each photo's variations, on a page of this machine."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, get_args

import anyio
import click
import msgspec

from ..batch import Budget
from ..batch.options import Metadata
from ..config import KEY_VARIABLE
from ..errors import ConfigError
from ..pricing import PUBLISHED, Price, PriceTable
from ..review import Asking, Chosen, ReviewServer, chosen
from ..review.exporting import Rule
from ..review.session import NO_ASKING
from ..runs import RunFolder, find_run
from .asking import dollars
from .common import account_option, usd
from .exit_codes import ExitCode
from .settings import Settings, connect, load_settings
from .streams import result, say
from .usual import usual_folder
from .wording import in_options

SIGNALLED = 128  # and the signal's number: what shells say of a program that one ended
UNPRICED = ("edit", "generate")

encode = msgspec.json.Encoder().encode


@click.command()
@click.argument(
    "out", type=click.Path(exists=True, file_okay=False, path_type=Path), default=usual_folder, required=False
)
@click.option("--run", metavar="ID", help="Which run, by its name or the beginning of it; the latest if not given.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="A free one if not given.")
@click.option("--no-open", is_flag=True, help="Open no browser: the address is printed.")
@click.option(
    "--max-spend", type=usd, metavar="USD", help="What asking again may cost, all reviews of the run together."
)
@click.option("--price", type=usd, metavar="USD", help="What a picture costs, where no price is published.")
@click.option(
    "--export",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Copy what was picked: new files only, in the same tree.",
)
@click.option(
    "--exists",
    type=click.Choice(["skip", "number"]),
    default="skip",
    show_default=True,
    help="With --export: where another file has the name.",
)
@click.option("--page/--no-page", default=None, help="With --export and --json, no page is the default.")
@click.option("--json", "as_json", is_flag=True, help="Write what was decided as JSON Lines.")
@account_option
@click.pass_context
def review(
    ctx: click.Context,
    /,
    *,
    out: Path,
    run: str | None,
    export: Path | None,
    exists: Rule,
    page: bool | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Pick the best of each photo's variations, on a page that opens on this machine only.

    OUT is the folder that phota wrote to: ./phota-out or this one if not given. Every pick is on the disk at once: end
    with Done on the page, or with Ctrl-C, and go on whenever you like. Standard output gets the paths of what was
    picked.

    \b
    Example: phota review results                  pick
             phota review results --export picks   copy what was picked, without a page
             phota review results --export picks --page
             phota review results --max-spend 5    pick, and ask for further variations
    """  # noqa: D301 - \b keeps click from joining the lines
    folder = find_run(out, run)
    wants_page = page if page is not None else export is None and not as_json
    code = asyncio.run(_serve(folder, **options)) if wants_page else 0
    if code and export is not None:
        say(f"nothing was copied yet: phota review {out} --export {export}")
        export = None
    lines = chosen(folder, to=export, exists=exists)
    _print(lines, as_json=as_json, is_export=export is not None)
    ctx.exit(code or _code_of(lines))


async def _serve(
    folder: RunFolder,
    *,
    port: int,
    no_open: bool,
    max_spend: str | None,
    price: str | None,
    account: str | None,
) -> int:
    """Serve the page until the person is done, and return the exit code."""
    settings = load_settings(account)
    names = {profile_id: alias for alias, profile_id in settings.people.items()}
    async with AsyncExitStack() as stack:
        asking, reason = await _asking(stack, folder, settings, max_spend=max_spend, price=price)
        server = ReviewServer(folder, port=port, asking=asking, reason=reason, names=names)
        await stack.enter_async_context(server)
        code = await _wait(server, partial(_announce, server, folder, no_open=no_open))
        _say_end(server)
    return code


async def _announce(server: ReviewServer, folder: RunFolder, *, no_open: bool) -> None:
    say(f"review of {folder.output} ({folder.run}): {server.url}")
    say("Done on the page ends it, Ctrl-C too; what was picked is on the disk.")
    if not no_open and has_display():
        await open_browser(server.url_for_browser())


async def _asking(
    stack: AsyncExitStack, folder: RunFolder, settings: Settings, *, max_spend: str | None, price: str | None
) -> tuple[Asking | None, str]:
    """Return who buys further variations, or ``None`` and why nobody does."""
    cap = settings.agreed(dollars(max_spend))  # a folder's file agrees to nothing
    if cap is None:
        return None, NO_ASKING
    budget = Budget(cap, prices=_prices(price))
    try:
        client = await stack.enter_async_context(connect(settings))
    except ConfigError as error:
        return None, f"asking again is off: {in_options(error)}"
    return Asking(client, budget, options=batch_options(folder)), ""


def _prices(price: str | None) -> PriceTable:
    if price is None:
        return PUBLISHED
    dollars = Budget(price).usd  # the same rules for an amount
    own = dict.fromkeys(UNPRICED, Price(dollars, dollars))
    return msgspec.structs.replace(PUBLISHED, images={**own, **PUBLISHED.images})


def batch_options(folder: RunFolder) -> dict[str, Any]:
    """Return how the run treated its files, so that further ones are no different."""
    noted = folder.record().settings.get("run")
    run = noted if isinstance(noted, dict) else {}
    carried = {"gps": not run["no_gps"]} if isinstance(run.get("no_gps"), bool) else {}
    return carried | ({"metadata": run["metadata"]} if run.get("metadata") in get_args(Metadata) else {})


async def _wait(server: ReviewServer, begin: Callable[[], Awaitable[None]]) -> int:
    """Begin, and wait until the person is done or a signal comes; a second Ctrl-C then leaves at once."""
    codes: list[int] = []

    async def listen(signals: AsyncIterator[signal.Signals], scope: anyio.CancelScope) -> None:
        async for number in signals:
            codes.append(SIGNALLED + number)
            scope.cancel()
            return

    async with anyio.create_task_group() as tasks:
        with _signals() as signals:
            if signals is not None:
                tasks.start_soon(listen, signals, tasks.cancel_scope)
            await begin()
            await server.finished()
            tasks.cancel_scope.cancel()
    return codes[0] if codes else 0


def _signals() -> AbstractContextManager[AsyncIterator[signal.Signals] | None]:
    """Listen to signals; on Windows Ctrl-C is an exception."""
    if sys.platform == "win32":
        return nullcontext()
    return anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM)


def _say_end(server: ReviewServer) -> None:
    counts = server.session.counts()
    say(", ".join(f"{count} {kind}" for kind, count in counts.items()))
    if waiting := server.session.open_asks:
        say(f"{waiting} asked for and not there yet: the next review fetches what was bought")


def has_display() -> bool:
    """Whether a browser could show itself."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def open_browser(url: str) -> None:
    """Open a browser in a process of its own, whose words do not mix with our results, and which gets no key."""
    nothing = asyncio.subprocess.DEVNULL
    keyless = {name: value for name, value in os.environ.items() if name != KEY_VARIABLE}
    await asyncio.create_subprocess_exec(
        sys.executable, "-m", "webbrowser", url, stdin=nothing, stdout=nothing, stderr=nothing, env=keyless
    )


def _print(lines: Sequence[Chosen], *, as_json: bool, is_export: bool) -> None:
    """Write results: of an export the copies, else the picked pictures themselves."""
    for line in lines:
        if as_json:
            result(encode(line).decode())
        elif path := line.exported if is_export else line.path:
            result(path)
        if line.status == "skipped":
            say(f"{line.key}: another file has the name of its picture; --exists number copies it beside")
        if line.error:
            say(f"{line.key}: {line.error}")


def _code_of(lines: Sequence[Chosen]) -> ExitCode:
    """Return how an export went."""
    failed = sum(line.status == "failed" for line in lines)
    if not failed:
        return ExitCode.DONE
    return ExitCode.SOME_FAILED if failed < sum(line.status is not None for line in lines) else ExitCode.ALL_FAILED
