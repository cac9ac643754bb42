"""The same items on many machines, with procrastinate on PostgreSQL. Needs the extra `distributed`.

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn))
    install(app, runner)                             # in workers

    async with app.open_async():
        await enqueue(app, items, batch="summer")    # anywhere
        await work(app, concurrency=50)              # a worker, until SIGTERM

The queue is the engine's, and so are redelivery, the signs of life of workers and the schedule. What is bought stays
bought once by the ledger, whatever is delivered twice.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .preparing import prepare
    from .queueing import enqueue, enqueue_in
    from .working import install, work

__all__ = ["enqueue", "enqueue_in", "install", "prepare", "work"]

_HOMES = {
    "enqueue": "queueing",
    "enqueue_in": "queueing",
    "install": "working",
    "prepare": "preparing",
    "work": "working",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
