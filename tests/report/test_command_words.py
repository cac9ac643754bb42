"""Hints of the library as people of the command read them."""

import pytest

from phota_async.answers import UNCLEAR_HINTS
from phota_async.report.command_words import advice_of, reason_of
from phota_async.transport.failures import SYNC_HINT

WHICH = "this is variation 2 of 4, outcome.variations has each"


@pytest.mark.parametrize(
    ("hint", "advice"),
    [
        ("", ""),
        ("choose another photo", "choose another photo"),
        (SYNC_HINT, "it may have been charged and is not sent again; --mode job can be repeated safely"),
        (UNCLEAR_HINTS["paid"], "it may have been charged; --mode job can be repeated safely"),
        (UNCLEAR_HINTS["job"], "it may have been charged"),
        (f"use a larger photo; {WHICH}", "use a larger photo"),
        (WHICH, ""),
        ("await error.resume() waits on, as does client.jobs.wait('j1')", "resume the run, which waits on"),
        ("Budget(usd, prices=PriceTable(...)) takes prices that you know", "--price USD takes a price that you know"),
        ("validate=False leaves the judgement to the service", ""),
        ("ClientConfig(allow_private_downloads=True) permits it", ""),
    ],
)
def test_no_python_is_advised(hint: str, advice: str) -> None:
    assert advice_of(hint) == advice


def test_the_reason_says_which_variation() -> None:
    assert reason_of("HTTP 400: refused", WHICH) == "variation 2 of 4: HTTP 400: refused"
    assert reason_of("HTTP 400: refused", "try again") == "HTTP 400: refused"
