"""What an engine logs while its database is away is kept from people who did not ask for all."""

import asyncio
import logging

import pytest

from phota_async.cli.logs import engines_are_quiet


class EngineError(Exception):
    """As one of the engine's."""

    __module__ = "procrastinate.exceptions"


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


async def break_off(error: Exception) -> None:
    """Let the event loop tell of an error, as of a task that nobody awaited."""
    asyncio.get_running_loop().call_exception_handler({"message": f"broke off: {error}", "exception": error})


@pytest.mark.parametrize("verbose", [False, True])
async def test_tasks_of_the_engine_that_broke_off_are_told_to_who_asked(
    told: pytest.LogCaptureFixture, verbose: bool
) -> None:
    with engines_are_quiet(verbose=verbose):
        await break_off(EngineError("theirs"))
        await break_off(ValueError("ours"))
        logging.getLogger("psycopg.pool").warning("error connecting")
        logging.getLogger("procrastinate.worker").error("no database")
    assert ("theirs" in told.text, "error connecting" in told.text, "no database" in told.text) == (verbose,) * 3
    assert "broke off: ours" in told.text


async def test_afterwards_all_is_as_before(told: pytest.LogCaptureFixture) -> None:
    with engines_are_quiet(verbose=False):
        pass
    await break_off(EngineError("theirs"))
    logging.getLogger("psycopg.pool").warning("error connecting")
    assert "theirs" in told.text
    assert "error connecting" in told.text
