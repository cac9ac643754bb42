"""``phota sandbox``: the local stand-in of the service, until it is stopped."""

import asyncio
import signal
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import click

from phota_async.sandbox import Sandbox
from phota_async.sandbox.inputs import is_loopback

LINK_LIFETIME = 86400.0  # real seconds
ID_MEMORY = 3600.0  # real seconds


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: a free one.")
@click.option("--api-key", default="sandbox-key", show_default=True, help="The only key that is accepted.")
@click.option(
    "--time-scale",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="How much faster than real time jobs and trainings run; 0: never.",
)
@click.option("--balance", type=Decimal, metavar="USD", help="Prepaid sum; without limit if not given.")
@click.option("--seed", default=0, show_default=True, help="Makes handles and chance repeatable.")
@click.option("--picture-scale", default=1.0, show_default=True, help="Factor on the size of all pictures.")
@click.option("--allow-remote", is_flag=True, help="Permit a host that other machines can reach.")
def sandbox(*, host: str, allow_remote: bool, time_scale: float, **options: Any) -> None:
    """Serve a local stand-in of the service, for tests and first steps, until Ctrl-C.

    Example: phota sandbox --port 8080 --time-scale 60
    """
    if not allow_remote and not is_loopback(host):
        raise click.UsageError(f"{host} is not loopback: the sandbox is not made for others; see --allow-remote")
    real = max(1.0, time_scale)  # what clients measure with their own clocks lasts as long as they expect
    options |= {"link_lifetime": LINK_LIFETIME * real, "id_memory": ID_MEMORY * real}
    asyncio.run(_serve(Sandbox(host=host, time_scale=time_scale, keep_images=False, **options)))


async def _serve(server: Sandbox) -> None:
    stopped = asyncio.Event()
    _on_signals(stopped)
    await _start(server)
    async with aclosing(server):
        click.echo(f"base url   {server.base_url}")
        click.echo(f"api key    {server.api_key}")
        click.echo(f"export PHOTA_BASE_URL={server.base_url} PHOTA_API_KEY={server.api_key}")
        click.echo("Ctrl-C stops it.", err=True)
        await stopped.wait()
    click.echo(f"{len(server.requests)} requests, {server.charged} US dollars charged", err=True)


async def _start(server: Sandbox) -> None:
    try:
        await server.start()
    except OSError as exc:
        raise click.ClickException(f"cannot listen on {server.host} port {server.port}: {exc.strerror}") from exc


def _on_signals(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # pragma: no cover, Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))
