"""Values keep words they do not know, and survive pickles and JSON."""

import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phota_async.models import (
    FAILURE_WORDS,
    SUCCESS_WORDS,
    ImageAnswer,
    Job,
    JobStatus,
    KnownSubjects,
    Profile,
    ProfileStatus,
)

SUCCESS = ["succeeded", "success", "completed", "complete", "done", "finished", "ready"]
FAILURE = [
    *("failed", "failure", "error", "errored", "cancelled", "canceled"),
    *("expired", "timed_out", "timeout", "rejected"),
]
WORDS = st.text(max_size=20)
SPELLINGS: list[Any] = [str.lower, str.upper, str.capitalize]


def test_the_words_that_have_names() -> None:
    assert [word.value for word in ProfileStatus] == [
        *("VALIDATING", "QUEUING", "IN_PROGRESS", "READY", "ERROR", "INACTIVE"),
    ]
    assert [word.value for word in JobStatus] == ["queued", "running", "succeeded", "failed", "cancelled"]
    assert all(word.name == word.value.upper() for kind in (ProfileStatus, JobStatus) for word in kind)


def test_the_vocabulary() -> None:
    assert set(SUCCESS) == SUCCESS_WORDS
    assert set(FAILURE) == FAILURE_WORDS


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("word", SUCCESS)
def test_words_of_success_in_any_case(word: str, spelling: Any) -> None:
    status = JobStatus(spelling(word))
    assert (status.is_success, status.is_failure, status.is_terminal) == (True, False, True)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("word", FAILURE)
def test_words_of_failure_in_any_case(word: str, spelling: Any) -> None:
    status = JobStatus(spelling(word))
    assert (status.is_success, status.is_failure, status.is_terminal) == (False, True, True)


@pytest.mark.parametrize("word", ["queued", "running", "pending", "IN_PROGRESS", "paused", "", "done!", "déjà vu"])
def test_every_other_word_is_pending(word: str) -> None:
    assert not JobStatus(word).is_terminal


@pytest.mark.parametrize(
    ("word", "success", "failure"),
    [
        ("VALIDATING", False, False),
        ("QUEUING", False, False),
        ("IN_PROGRESS", False, False),
        ("READY", True, False),
        ("ERROR", False, True),
        ("INACTIVE", False, True),
        ("ready", True, False),
        ("Error", False, True),
        ("PUBLISHING", False, False),
        ("", False, False),
    ],
)
def test_profile_statuses(word: str, success: bool, failure: bool) -> None:
    status = ProfileStatus(word)
    assert (status.is_success, status.is_failure) == (success, failure)
    assert status.is_terminal == (success or failure)


@pytest.mark.parametrize("kind", [JobStatus, ProfileStatus])
@given(word=WORDS)
def test_an_open_word_is_the_services_word(kind: type[JobStatus], word: str) -> None:
    status = kind(word)
    assert isinstance(status, kind)
    assert status == word
    assert str(status) == f"{status}" == status.value == word
    assert hash(status) == hash(word)
    assert {word: 1}[status] == 1
    assert kind(word) == status
    assert pickle.loads(pickle.dumps(status)) == status
    assert type(pickle.loads(pickle.dumps(status))) is kind


@pytest.mark.parametrize("kind", [JobStatus, ProfileStatus])
def test_unknown_words_are_not_added_to_the_enum(kind: type[JobStatus]) -> None:
    before = list(kind)
    assert not kind("a new word").is_known
    assert not kind("a new word").is_known  # nor the second time
    assert list(kind) == before
    assert all(word.is_known for word in before)


@pytest.mark.parametrize("value", [None, 3, b"queued"])
def test_only_text_is_a_word(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid JobStatus"):
        JobStatus(value)


@given(word=WORDS)
def test_msgspec_reads_and_writes_unknown_words(word: str) -> None:
    profile = Profile("p1", ProfileStatus(word), "m", "t")
    again = msgspec.json.decode(msgspec.json.encode(profile), type=Profile)
    assert again == profile
    assert type(again.status) is ProfileStatus
    assert str(again.status) == word


VALUES = [
    KnownSubjects({"p1": 2}),
    ImageAnswer(known_subjects=KnownSubjects({"p1": 1}), images=(0, None, ""), download_urls=("https://x/1",)),
    Profile("p1", ProfileStatus("PUBLISHING"), "why", "tag"),
    KnownSubjects(is_told=False),
    Job(
        job_id="j1",
        status=JobStatus("paused"),
        client_request_id="c1",
        answer=ImageAnswer(download_urls=("https://x/1",)),
        error="boom",
        error_code="E1",
        raw={"job_id": "j1", "nested": {"list": [1, None, "x"]}},
    ),
]
each_value = pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)


@each_value
def test_values_survive_a_pickle(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


@each_value
def test_values_survive_json(value: Any) -> None:
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


@each_value
def test_values_are_frozen(value: Any) -> None:
    with pytest.raises(AttributeError):
        setattr(value, value.__struct_fields__[0], "x")


@each_value
def test_unknown_fields_are_ignored_and_missing_ones_have_defaults(value: Any) -> None:
    required = {"job_id": "j", "profile_id": "p", "status": "queued"}
    minimal = msgspec.json.decode(msgspec.json.encode(required | {"newer": {"x": 1}}), type=type(value))
    assert type(minimal) is type(value)
    assert KnownSubjects().counts == {}


ANSWER = ImageAnswer(download_urls=("https://x/1",))


@pytest.mark.parametrize(
    ("job", "done", "failed"),
    [
        (Job(job_id="j", status=JobStatus("queued")), False, False),
        (Job(job_id="j", status=JobStatus("")), False, False),
        (Job(job_id="j", status=JobStatus("succeeded")), True, False),
        (Job(job_id="j", status=JobStatus("running"), answer=ANSWER), True, False),
        (Job(job_id="j", status=JobStatus("failed")), False, True),
        (Job(job_id="j", status=JobStatus("failed"), answer=ANSWER), False, True),
        (Job(job_id="j", status=JobStatus("running"), error="boom"), False, True),
        (Job(job_id="j", status=JobStatus("succeeded"), error="boom"), False, True),
    ],
)
def test_a_job_is_done_or_failed_by_its_word_or_its_contents(job: Job, done: bool, failed: bool) -> None:
    assert (job.is_done, job.is_failed, job.is_terminal) == (done, failed, done or failed)


def test_a_job_stands_for_its_id_and_shows_no_links() -> None:
    job = VALUES[-1]
    assert str(job) == "j1"
    assert repr(job) == "<Job j1 paused>"
    shown: list[Any] = list(job.__rich_repr__())
    assert shown == ["j1", "paused"]


def test_an_answer_shows_no_links() -> None:
    assert repr(VALUES[1]) == "<ImageAnswer 3 images, 1 links>"


def test_jobs_do_not_share_their_raw_body() -> None:
    first, second = (Job(job_id=name, status=JobStatus("queued")) for name in "ab")
    assert first.raw is not second.raw
