"""Errors carry data, speak, travel in pickles, and stand in the tree that their module draws."""

import copy
import inspect
import pickle
import re
from typing import Any

import pytest

from phota_async import errors
from phota_async.errors import (
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    CheckError,
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
    LedgerError,
    NotFoundError,
    PhotaError,
    RateLimitError,
    ResponseLostError,
    ScopeError,
    ServerError,
    SignatureError,
    StatusError,
    TrainingError,
    TransportError,
    UploadError,
    shorten,
)

SAMPLES: list[PhotaError] = [
    PhotaError("something"),
    ConfigError("no API key"),
    InputError("images: expected 1 to 10 photos, got 0"),
    CheckError("expected 10 to 50 photos for the standard tier, got 3"),
    ScopeError("profile p1 is not in the scope"),
    TransportError("broken"),
    ConnectError("https://api.example.com", "Connection refused"),
    ResponseLostError("POST /edit", "the connection was reset"),
    DeadlineError("GET /jobs/{job_id}: no answer in time"),
    DecodeError("expected a list, got a dict", 17),
    StatusError(307, "a redirect"),
    BadRequestError(422, "prompt: too long", "VALIDATION"),
    ContentModerationError(400, "blocked", "CONTENT_MODERATION"),
    AuthenticationError(401, "Invalid API key"),
    InsufficientCreditsError(402, "balance"),
    NotFoundError(404, "Not Found"),
    ConflictError(409, "other body"),
    RateLimitError(429, "slow down"),
    ServerError(503, "later"),
    JobFailedError("j1", "failed", "no face", "NO_FACE"),
    TrainingError("p1", "ERROR", "no subject"),
    UploadError("0f.jpg", "s3://bucket/faces", "403 Forbidden"),
    DownloadError("https://cdn.example.com/1.jpg", "HTTP 410"),
    SignatureError("expected one X-Phota-Signature header, got 0"),
    BudgetExceededError("1.20 of 1.00 US dollars"),
    LedgerError("read-only"),
]
SENTENCES = {
    "PhotaError": "something",
    "ConnectError": "cannot connect to https://api.example.com: Connection refused",
    "ResponseLostError": "the answer to POST /edit is lost: the connection was reset",
    "DecodeError": "the answer cannot be understood: expected a list, got a dict at byte 17",
    "StatusError": "HTTP 307: a redirect",
    "BadRequestError": "HTTP 422 VALIDATION: prompt: too long",
    "JobFailedError": "job j1 ended as failed NO_FACE: no face",
    "TrainingError": "training of profile p1 ended as ERROR: no subject",
    "UploadError": "upload 0f.jpg at s3://bucket/faces: 403 Forbidden",
    "DownloadError": "https://cdn.example.com/1.jpg: HTTP 410",
}
each_error = pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)


def all_errors() -> dict[str, type[PhotaError]]:
    found = {name: value for name, value in vars(errors).items() if inspect.isclass(value)}
    return {name: value for name, value in found.items() if issubclass(value, PhotaError)}


def drawn_tree() -> dict[str, str]:
    """Return child to parent, as the module's docstring draws them."""
    parents: dict[str, str] = {}
    path: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ([│ ]*(?:├── |└── )?)(\w+Error)\b", line)
        if not found:
            continue
        depth = len(found[1]) // 4
        path[depth] = found[2]
        if depth:
            parents[found[2]] = path[depth - 1]
    return parents


def test_the_drawn_tree_is_the_real_one() -> None:
    real = {
        name: next(base.__name__ for base in kind.__bases__ if issubclass(base, PhotaError))
        for name, kind in all_errors().items()
        if kind is not PhotaError
    }
    assert drawn_tree() == real


def test_a_sample_of_each_error_is_tested() -> None:
    assert {type(sample).__name__ for sample in SAMPLES} == set(all_errors())


def test_errors_are_what_python_programmers_catch() -> None:
    assert issubclass(InputError, ValueError)
    assert issubclass(DeadlineError, TimeoutError)
    assert not issubclass(ConnectError, OSError)  # our errors hold no foreign data


@each_error
def test_an_error_survives_a_pickle_with_all_its_data(error: PhotaError) -> None:
    error = copy.copy(error).with_context(attempts=3, request_id="r1", charged="unknown", hint="do this")
    error.add_note("item 12.jpg")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert again.args == error.args
    assert str(again) == str(error)
    public = {name: value for name, value in vars(error).items() if name not in error._private}
    assert vars(again) == public
    assert again.__notes__ == ["item 12.jpg"]


@each_error
def test_an_error_is_readable(error: PhotaError) -> None:
    text = str(error)
    assert text.startswith(SENTENCES.get(type(error).__name__, ""))
    assert len(text) > 3
    assert "\n" not in text
    assert "object at 0x" not in text
    if error.hint:
        assert text.endswith(f"; {error.hint}")


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (ConnectError, ("origin", "reason")),
        (ResponseLostError, ("call", "reason")),
        (DecodeError, ("reason", "offset")),
        (StatusError, ("status", "message", "code")),
        (JobFailedError, ("job_id", "status", "message", "code")),
        (TrainingError, ("profile_id", "status", "message")),
        (DownloadError, ("source", "reason")),
    ],
)
def test_data_stands_in_attributes_and_in_args(kind: type[PhotaError], names: tuple[str, ...]) -> None:
    samples = [error for error in SAMPLES if isinstance(error, kind)]
    assert samples
    for error in samples:
        given = dict(zip(names, error.args, strict=True))
        assert {name: getattr(error, name) for name in names} == given


@each_error
def test_defaults_of_what_every_error_tells(error: PhotaError) -> None:
    assert isinstance(error.retryable, bool)
    assert error.charged in ("no", "refunded", "unknown")
    assert error.request_id is None
    assert error.attempts == 0


@pytest.mark.parametrize(
    "kind",
    [
        *(ContentModerationError, AuthenticationError, InsufficientCreditsError, NotFoundError),
        *(ConflictError, RateLimitError, TrainingError),
    ],
)
def test_a_refusal_says_what_to_do(kind: type[PhotaError]) -> None:
    sample = next(error for error in SAMPLES if type(error) is kind)
    assert str(sample).endswith(f"; {kind.hint}")
    assert len(kind.hint) > 20


def test_who_may_have_been_charged_without_being_told_otherwise() -> None:
    unclear = {type(error).__name__ for error in SAMPLES if error.charged != "no"}
    assert unclear == {"ResponseLostError", "JobFailedError", "TrainingError"}


def test_what_may_be_tried_again_without_being_told_otherwise() -> None:
    again = {type(error).__name__ for error in SAMPLES if error.retryable}
    assert again == {"ConnectError", "DeadlineError", "RateLimitError"}


def test_context_stays_with_its_error() -> None:
    assert ServerError(500).with_context(retryable=True).retryable
    assert not ServerError(500).retryable


def test_the_request_id_is_in_the_sentence() -> None:
    error = ServerError(500, "boom").with_context(request_id="req-1", hint="try later")
    assert str(error) == "HTTP 500: boom (request req-1); try later"


def test_errors_without_words_still_say_something() -> None:
    assert str(PhotaError()) == "PhotaError"
    assert str(StatusError(502)) == "HTTP 502"
    assert str(ConnectError("https://x")) == "cannot connect to https://x"
    assert str(ResponseLostError("POST /edit")) == "the answer to POST /edit is lost"
    assert str(DecodeError("empty")) == "the answer cannot be understood: empty"
    assert str(JobFailedError("j", "failed")) == "job j ended as failed"
    assert TrainingError("p", "ERROR").sentence() == "training of profile p ended as ERROR"


def test_foreign_words_are_shortened_and_kept_on_one_line() -> None:
    error = BadRequestError(400, "a\r\nb\x1b[31m\u202e" + "c" * 10_000)
    assert "\n" not in str(error)
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)  # turns the text of a terminal around
    assert len(str(error)) < 500
    assert error.message.endswith("c" * 100)  # the data itself is whole


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("a \t\n b", 9, "a b"), ("", 5, ""), ("é\x00ü", 9, "é ü")],
)
def test_shorten(text: str, limit: int, shown: str) -> None:
    assert shorten(text, limit) == shown


async def test_a_lost_job_resumes() -> None:
    async def resume() -> str:
        return "the pictures"

    error = ResponseLostError("POST /edit").on_resume(resume)
    assert await error.resume() == "the pictures"


@pytest.mark.parametrize("how", ["never set", "pickled"])
async def test_what_cannot_resume_says_why(how: str) -> None:
    async def resume() -> None: ...

    error = ResponseLostError("POST /edit").with_context(client_request_id="c1", first_sent_at=12.5)
    if how == "pickled":
        error = pickle.loads(pickle.dumps(error.on_resume(resume)))
    assert error.client_request_id == "c1"
    assert error.first_sent_at == 12.5
    with pytest.raises(ConfigError, match="cannot resume") as caught:
        await error.resume()
    assert "client_request_id" in caught.value.hint


def test_copies_are_independent() -> None:
    first: Any = NotFoundError(404, "gone").with_context(fields=("a",))
    second = copy.copy(first).with_context(attempts=9)
    assert first.attempts == 0
    assert second.fields == ("a",)
    assert copy.deepcopy(first).args == first.args
