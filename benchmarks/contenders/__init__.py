"""The ways to call the service, each in a module that only its own process imports."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import import_module

from ..measure import Run, Work
from ..scenario import OURS, Open, Setup
from .base import Contender

__all__ = ["Contender", "make_contender", "opener"]

HOMES = {
    "aiohttp": "floor",
    "json + base64": "naive",
    "msgspec": "typed",
    "httpx": "httpx_client",
    "openai": "openai_python",
    "fal-client": "fal",
    OURS: "phota",
}


def make_contender(name: str, setup: Setup) -> Contender:
    """Return a contender, to be entered."""
    made: Contender = import_module(f".{HOMES[name]}", __name__).Client(setup)
    return made


def opener(once: Callable[[Contender, Setup], Awaitable[Work]]) -> Open:
    """Return what opens a contender by its name and asks it for ``once``."""

    @asynccontextmanager
    async def opened(name: str, setup: Setup) -> AsyncIterator[Run]:
        async with make_contender(name, setup) as contender:
            yield lambda: once(contender, setup)

    return opened
