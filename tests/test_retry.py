"""The law of what is safe to send again, and when: the whole table."""

import datetime as dt
import math
import time
from email.utils import format_datetime
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async.config import RetryPolicy
from phota_async.errors import (
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ConfigError,
    ConflictError,
    ConnectError,
    ContentModerationError,
    DeadlineError,
    DecodeError,
    DownloadError,
    InputError,
    InsufficientCreditsError,
    JobFailedError,
    NotFoundError,
    PhotaError,
    RateLimitError,
    ResponseLostError,
    ServerError,
    SignatureError,
    StatusError,
)
from phota_async.retry import SAFE_AGAIN, Fault, Kind, RetryBudget, age_of, backoff, decide, fault_of, parse_retry_after

POLICY = RetryPolicy()
KINDS: tuple[Kind, ...] = get_args(Kind)

NOT_SENT = [ConnectError("https://api.example.com", "Connection refused")]
REFUSED = [RateLimitError(429), ServerError(503)]
FAILED = [ServerError(500), ServerError(502)]
TIMED_OUT = [ServerError(504)]
LOST = [ResponseLostError("POST /edit"), DecodeError("cut"), DeadlineError("silence")]
FINAL = [
    *(BadRequestError(400), BadRequestError(422), ContentModerationError(400), AuthenticationError(401)),
    *(AuthenticationError(403), InsufficientCreditsError(402), NotFoundError(404), ConflictError(409)),
    *(StatusError(307), InputError("x"), ConfigError("x"), DownloadError("x", "y"), PhotaError("x")),
    *(JobFailedError("j", "failed"), SignatureError("x"), BudgetExceededError("x")),
    ConnectError("https://x", "TLS: wrong certificate").with_context(retryable=False),
]

# The law, row by row: what each kind of call may do after each fault.
TABLE: dict[Kind, dict[str, bool]] = {
    "free": {"not sent": True, "429, 503": True, "500, 502": True, "504": True, "lost": True},
    "job": {"not sent": True, "429, 503": True, "500, 502": True, "504": True, "lost": True},
    "paid": {"not sent": True, "429, 503": True, "500, 502": False, "504": False, "lost": False},
    "create": {"not sent": True, "429, 503": True, "500, 502": False, "504": False, "lost": False},
}
COLUMNS: dict[str, list[PhotaError]] = {
    "not sent": [*NOT_SENT],
    "429, 503": [*REFUSED],
    "500, 502": [*FAILED],
    "504": [*TIMED_OUT],
    "lost": [*LOST],
}


def half() -> float:
    return 0.5


def cells() -> list[Any]:
    return [
        pytest.param(kind, error, again, id=f"{kind}-{column}-{type(error).__name__}")
        for kind, row in TABLE.items()
        for column, again in row.items()
        for error in COLUMNS[column]
    ]


@pytest.mark.parametrize(("kind", "error", "again"), cells())
def test_the_law(kind: Kind, error: PhotaError, again: bool) -> None:
    delay = decide(POLICY, 1, error, kind, rng=half)
    assert delay == (0.25 if again else None)


def test_the_law_covers_every_kind_and_fault() -> None:
    assert set(TABLE) == set(SAFE_AGAIN) == set(KINDS)
    assert all(set(row) == set(Fault) for row in SAFE_AGAIN.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", FINAL, ids=repr)
def test_what_is_never_tried_again(kind: Kind, error: PhotaError) -> None:
    assert fault_of(error) is None
    assert decide(POLICY, 1, error, kind) is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_came_whole_would_come_again(kind: Kind) -> None:
    error = DecodeError("expected a job with a job_id, got none").with_context(is_final=True)
    assert decide(POLICY, 1, error, kind) is None


@pytest.mark.parametrize("status", [501, 505, 507, 520, 599])
def test_other_server_errors_are_failures_of_unknown_effect(status: int) -> None:
    assert fault_of(ServerError(status)) is Fault.FAILED


# How often and how long


@pytest.mark.parametrize("kind", KINDS)
def test_attempts_are_counted(kind: Kind) -> None:
    error = NOT_SENT[0]
    delays = [decide(POLICY, attempt, error, kind, rng=half) for attempt in range(1, 7)]
    assert delays == [0.25, 0.5, 1.0, 2.0, None, None]


def test_one_attempt_means_no_retry() -> None:
    assert decide(RetryPolicy(max_attempts=1), 1, NOT_SENT[0], "free") is None


@pytest.mark.parametrize(("attempt", "bound"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 16), (7, 20), (99, 20)])
def test_jitter_is_full(attempt: int, bound: float) -> None:
    assert backoff(POLICY, attempt, lambda: 0.0) == 0
    assert backoff(POLICY, attempt, half) == bound / 2
    assert backoff(POLICY, attempt, lambda: 0.999999) == pytest.approx(bound, rel=1e-5)


@given(attempt=st.integers(1, 10**6), share=st.floats(0, 1, exclude_max=True))
def test_a_wait_is_never_above_its_bounds(attempt: int, share: float) -> None:
    wait = backoff(POLICY, attempt, lambda: share)
    assert 0 <= wait <= min(0.5 * 2.0 ** min(attempt - 1, 60), 20)


def test_waits_are_random_by_default() -> None:
    assert len({decide(POLICY, 4, NOT_SENT[0], "free") for _ in range(50)}) > 40


@pytest.mark.parametrize("asked", [0, 3, 90])
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_with_a_little_jitter(asked: float, status: int) -> None:
    kind = RateLimitError if status == 429 else ServerError
    error = kind(status).with_context(retry_after=asked)
    assert decide(POLICY, 1, error, "paid", rng=lambda: 0.0) == asked
    assert decide(POLICY, 1, error, "paid", rng=half) == asked + 0.025


def test_retry_after_does_not_make_safe_what_is_not() -> None:
    assert decide(POLICY, 1, ServerError(504).with_context(retry_after=1), "paid") is None


# The resend guard: how long the service remembers an id is not published


@pytest.mark.parametrize(
    ("age", "asked", "again"),
    [(0, None, True), (2879, None, True), (2881, None, False), (0, 2881, False), (2800, 79, True)],
)
def test_a_job_is_not_sent_again_when_its_id_may_be_forgotten(age: float, asked: float | None, again: bool) -> None:
    error = ServerError(503).with_context(retry_after=asked)
    delay = decide(POLICY, 1, error, "job", age=age, rng=half)
    assert (delay is not None) is again


@pytest.mark.parametrize("kind", ["free", "paid", "create"])
def test_the_guard_is_for_jobs_only(kind: Kind) -> None:
    assert decide(POLICY, 1, ServerError(503), kind, age=10**6) is not None


def test_the_guard_is_kept_to_the_moment() -> None:
    assert decide(POLICY, 1, LOST[0], "job", age=2879.75, rng=half) == 0.25
    assert decide(POLICY, 1, LOST[0], "job", age=2879.76, rng=half) is None


def test_the_guard_can_be_set() -> None:
    policy = RetryPolicy(resend_guard=10)
    assert decide(policy, 1, LOST[0], "job", age=9, rng=half) == 0.25
    assert decide(policy, 1, LOST[0], "job", age=9.9, rng=half) is None
    assert decide(RetryPolicy(resend_guard=0.25), 1, LOST[0], "job", rng=half) == 0.25  # sent just now


# Retry-After: RFC 9110, 10.2.3

NOW = 1_700_000_000.0


def http_date(moment: float) -> str:
    return format_datetime(dt.datetime.fromtimestamp(moment, dt.UTC), usegmt=True)


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("5", None, 5),
        ("0", None, 0),
        ("1.5", None, 1.5),
        (" 7 ", None, 7),
        (http_date(NOW + 90), None, 90),
        (http_date(NOW - 90), None, 0),
        (http_date(NOW + 1000), http_date(NOW + 990), 10),  # the service's clock is ahead of ours
        (http_date(NOW + 10), http_date(NOW - 10), 20),
        (http_date(NOW + 10), "nonsense", 10),
        ("Tuesday, 14-Nov-23 22:14:20 GMT", None, 60),  # the obsolete forms must be taken too
        ("Tue Nov 14 22:14:20 2023", None, 60),
        ("Tue, 14 Nov 2023 22:14:20 -0000", None, 60),
        ("Tue, 14 Nov 2023 23:14:20 +0100", None, 60),
    ],
)
def test_retry_after(value: str, date: str | None, seconds: float) -> None:
    assert parse_retry_after(value, date, NOW) == seconds


@pytest.mark.parametrize("value", ["Tue Nov 14 22:14:20 2023", "Tue, 14 Nov 2023 22:14:20 -0000"])
def test_dates_without_a_zone_are_in_utc_wherever_we_are(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert parse_retry_after(value, None, NOW) == 60
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "-1",
        "nan",
        "inf",
        "1e999",
        "9" * 400,
        "1e3",
        "1_0",
        "+5",
        "\u0661\u0662",
        "5 seconds",
        "99 Nov 2023",
        "Tue, 99 Nov 2023 99:99:99 GMT",
    ],
)
def test_garbage_asks_for_nothing(value: str | None) -> None:
    assert parse_retry_after(value, None, NOW) is None


@given(value=st.text(max_size=40), date=st.none() | st.text(max_size=40))
def test_no_header_breaks_the_parser(value: str, date: str | None) -> None:
    seconds = parse_retry_after(value, date, NOW)
    assert seconds is None or 0 <= seconds < float("inf")


# The budget


def test_the_budget_is_five_a_retry_and_one_back_a_success() -> None:
    budget = RetryBudget(POLICY)
    assert [budget.take() for _ in range(101)] == [True] * 100 + [False]
    assert budget.tokens == 0
    for _ in range(4):
        budget.refund()
    assert not budget.take()
    budget.refund()
    assert budget.take()
    assert budget.tokens == 0


def test_the_budget_never_holds_more_than_it_began_with() -> None:
    budget = RetryBudget(RetryPolicy(tokens=7, retry_cost=3, success_refund=5))
    budget.refund()
    assert budget.tokens == 7
    budget.take()
    budget.refund()
    assert repr(budget) == "<RetryBudget 7/7 tokens>"


def test_an_empty_budget_allows_nothing() -> None:
    assert not RetryBudget(RetryPolicy(tokens=0)).take()


@pytest.mark.parametrize(
    ("moment", "age"),
    [(1000.0, 0.0), (900.0, 100.0), (1059.0, 0.0), (1060.0, 0.0), (1061.0, math.inf), (0.0, 1000.0), (1e12, math.inf)],
)
def test_a_moment_that_lies_ahead_may_be_any_time_ago(moment: float, age: float) -> None:
    assert age_of(moment, 1000.0) == age
