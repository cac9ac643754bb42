"""Shared by all tests: no settings from outside, and aioresponses made to fit today's aiohttp."""

import os
import signal
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import aioresponses.core
import pytest
import pytest_asyncio
from aiohttp.client_proto import ResponseHandler
from faults.tally import Tally
from hypothesis import Phase, settings
from support.browser import chromium
from support.service import KEY, FakeService

from phota_async import PhotaClient

if TYPE_CHECKING:
    from playwright.async_api import Browser

LONG_ID = 30  # bytes
WHOLE_BODY = 2**30  # bytes: aioresponses feeds a body before anybody reads, so its reader must take it all


class Response(aiohttp.ClientResponse):
    """aioresponses 0.7.9 does not know the argument ``stream_writer`` of aiohttp 3.14."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **kwargs)


def _reader(loop: Any = None) -> aiohttp.StreamReader:
    return aiohttp.StreamReader(ResponseHandler(loop=loop), limit=WHOLE_BODY, loop=loop)


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background; what is started would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.register_profile(  # for tests/mutation: the same examples for every mutant, and no search for smaller ones
    "mutation", deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patient"))
core: Any = aioresponses.core  # it has no types
core.ClientResponse = Response
core.stream_reader_factory = _reader


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # where tests run side by side, the process that hands them out counts
        config.pluginmanager.register(Tally(), "fault-tally")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case with much data by its argument: pictures hold the time at which they were made, and ids must stay."""
    return argname if isinstance(val, bytes) and len(val) > LONG_ID else None


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in [each for each in os.environ if each.startswith("PHOTA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-settings"))


@pytest.fixture
def service() -> Iterator[FakeService]:
    """The service without a socket: for the shapes of requests only."""
    with aioresponses.core.aioresponses() as mocked:
        yield FakeService(mocked)


@pytest.fixture
async def client(service: FakeService) -> AsyncIterator[PhotaClient]:
    """A client of the fake service."""
    async with PhotaClient(KEY) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium_browser() -> "AsyncIterator[Browser]":
    """One browser for all tests that need one: they take contexts of their own, and run on the session's loop."""
    async with chromium() as started:
        yield started
