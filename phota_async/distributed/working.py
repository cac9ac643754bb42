"""A worker: carries out what is in the queue, until it is told to end."""

import math
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from ..batch.single import ItemRunner
from ..errors import ConfigError
from .lasting import until_told
from .logs import hide_arguments
from .preparing import prepare
from .queueing import QUEUE, check_queue
from .runners import Make, Runners

if TYPE_CHECKING:
    from procrastinate import App
else:
    App = Any  # the engine belongs to an extra

CONCURRENCY = 50
HEARTBEAT = 10.0  # seconds
STALLED_AFTER = 30.0  # seconds
GRACE = 20.0  # seconds, at most: whoever ends programs often kills them after 30
SHARE = 2 / 3  # of the time without a sign of life after which others take over

_installed: WeakKeyDictionary[Any, Runners] = WeakKeyDictionary()


def install(app: App, runners: ItemRunner | Make, *, queue: str = QUEUE) -> None:
    """Let workers of an app carry out items; see `work`.

    Args:
        app: Of procrastinate, with a `PsycopgConnector`.
        runners: An `ItemRunner` that is entered and stays so; or a callable, also an async one, that takes a batch's
            name and returns one with ``ItemSettings(name=...)`` of that name, which is entered once, and closed
            when the worker ends.
        queue: As of `enqueue`.

    Raises:
        ConfigError: It is none, or the app has one already.
    """
    from .engine import register  # noqa: PLC0415 - of an extra

    check_queue(queue)
    if app in _installed:
        raise ConfigError("app: expected one without runners, got one that was installed before")
    installed = Runners(runners)
    register(app, installed, queue)
    _installed[app] = installed
    hide_arguments()


async def work(
    app: App,
    *,
    queue: str = QUEUE,
    concurrency: int = CONCURRENCY,
    heartbeat: float = HEARTBEAT,
    stalled_after: float = STALLED_AFTER,
    grace: float | None = None,
) -> None:
    """Carry out items until SIGTERM or Ctrl-C, through restarts of PostgreSQL; its tables are made if need be.

    Told to end, a worker takes nothing new. What ends within the grace ends here, the rest is given back to the queue,
    whose other workers go on with it at no charge; then downloads under way have as long again. Told a second time,
    the process ends at once. Cancelled, it ends as gracefully.

    Args:
        app: An open app on which `install` was called; workers share nothing but its database.
        queue: As of `install`; tasks of others are left alone.
        concurrency: Items at once.
        heartbeat: Seconds between signs of life.
        stalled_after: Seconds without one after which other workers take up what this one had.
        grace: Seconds; ``None`` for 20, or fewer where others would take over meanwhile.

    Raises:
        ConfigError: An argument is none, or `install` was not called.
        LedgerError: PostgreSQL was away from the beginning, or this user may not make tables.
    """
    from .engine import serve  # noqa: PLC0415 - of an extra

    check_queue(queue)
    grace = min(GRACE, SHARE * stalled_after) if grace is None else grace
    _check_numbers(concurrency, heartbeat, stalled_after, grace)
    if (runners := _installed.get(app)) is None:
        raise ConfigError("app: expected one with runners, got one on which install was not called")
    await prepare(app)
    try:
        await until_told(
            serve(
                app,
                queue,
                concurrency=concurrency,
                heartbeat=heartbeat,
                stalled_after=stalled_after,
                grace=grace,
            )
        )
    finally:
        await runners.aclose(grace)


def _check_numbers(concurrency: int, heartbeat: float, stalled_after: float, grace: float) -> None:
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 1:
        raise ConfigError(f"concurrency: expected 1 or more items, got {concurrency!r}")
    for name, seconds in (("heartbeat", heartbeat), ("grace", grace)):
        if not 0 < seconds < math.inf:
            raise ConfigError(f"{name}: expected more than 0 seconds, got {seconds!r}")
    if not heartbeat < stalled_after < math.inf:
        raise ConfigError(f"stalled_after: expected more seconds than heartbeat's {heartbeat}, got {stalled_after!r}")
