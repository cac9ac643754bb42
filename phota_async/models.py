"""The values that the service answers with: open words, profiles, jobs, who was recognised.

Unknown fields are ignored and unknown words are kept, since the service may be newer than this client.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Self

import msgspec

from .hidden import rich_repr

SUCCESS_WORDS = frozenset({"succeeded", "success", "completed", "complete", "done", "finished", "ready"})
FAILURE_WORDS = frozenset(
    {
        *("failed", "failure", "error", "errored", "cancelled", "canceled"),
        *("expired", "timed_out", "timeout", "rejected"),
    },
)


class OpenWord(StrEnum):
    """An enum that keeps words it does not know: ``JobStatus("paused") == "paused"``."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = value
        member._value_ = value
        return member

    @property
    def is_known(self) -> bool:
        """Whether this client's release knows the word."""
        return self._value_ in type(self)._value2member_map_


class ProfileStatus(OpenWord):
    """Where a profile's training stands.

    Source: https://docs.photalabs.com/api/profiles/get-profile-status
    """

    VALIDATING = "VALIDATING"
    QUEUING = "QUEUING"
    IN_PROGRESS = "IN_PROGRESS"
    READY = "READY"
    ERROR = "ERROR"
    INACTIVE = "INACTIVE"

    @property
    def is_success(self) -> bool:
        """Whether the profile can be used."""
        return self.upper() == "READY"

    @property
    def is_failure(self) -> bool:
        """Whether the profile will never be usable; the meaning of INACTIVE is not published."""
        return self.upper() in {"ERROR", "INACTIVE"}

    @property
    def is_terminal(self) -> bool:
        """Whether the state will not change any more; unknown words are taken as still training."""
        return self.is_success or self.is_failure


class JobStatus(OpenWord):
    """Where a job stands. The service's words are not published, so they are compared without case.

    Source: https://docs.photalabs.com/api/async-requests
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_success(self) -> bool:
        """Whether the word means that the result is there."""
        return self.lower() in SUCCESS_WORDS

    @property
    def is_failure(self) -> bool:
        """Whether the word means that there will be no result."""
        return self.lower() in FAILURE_WORDS

    @property
    def is_terminal(self) -> bool:
        """Whether the state will not change any more; unknown words are taken as still running."""
        return self.is_success or self.is_failure


class KnownSubjects(msgspec.Struct, frozen=True):
    """Who was recognised in the results."""

    counts: dict[str, int] = msgspec.field(default_factory=dict)
    """Profile id to number of appearances, summed over all images of the answer."""
    is_told: bool = True
    """Whether the service said who was recognised. Where it left that out, empty counts do not mean nobody."""


NOT_TOLD = KnownSubjects(is_told=False)


class ImageAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What an image call answers, without the pictures' bytes."""

    known_subjects: KnownSubjects = NOT_TOLD
    images: tuple[int | str | None, ...] = ()
    """Places of the decoded pictures; ``None`` and ``""`` where the service sent an empty entry."""
    download_urls: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<ImageAnswer {len(self.images)} images, {len(self.download_urls)} links>"

    __rich_repr__ = rich_repr


class Profile(msgspec.Struct, frozen=True):
    """A trained, or still training, person or pet."""

    profile_id: str
    status: ProfileStatus
    """The service's word; the empty word where a listing gave ids only."""
    message: str = ""
    """The reason of an ERROR, or ``""``."""
    tag: str | None = None
    """The label given at creation, where the service repeats it."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """An asynchronous image call on the service's side."""

    job_id: str
    """``""`` where the service finished at once and gave none: the answer is there already."""
    status: JobStatus
    client_request_id: str | None = None
    """The id that makes it safe to submit the same request again, where it is known."""
    answer: ImageAnswer | None = None
    """The finished answer, once there is one."""
    error: str | None = None
    """The service's reason for a failure; ``None`` when there is none."""
    error_code: str | None = None
    expected: tuple[str, ...] = ()
    """Profile ids that the request named, where this job was submitted here."""
    request_id: str | None = None
    """The service's mark of the exchange that told this."""
    raw: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """The service's body as it came. It may hold signed links: keep it out of logs."""

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return not self.is_failed and (self.status.is_success or self.answer is not None)

    @property
    def is_failed(self) -> bool:
        """Whether there will be no result."""
        return self.status.is_failure or self.error is not None

    @property
    def is_terminal(self) -> bool:
        """Whether the job will not change any more."""
        return self.is_done or self.is_failed

    def __str__(self) -> str:
        return self.job_id

    def __repr__(self) -> str:
        return f"<Job {self.job_id} {self.status}>"

    def __rich_repr__(self) -> Any:
        yield self.job_id
        yield str(self.status)
