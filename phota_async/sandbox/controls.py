"""Show what happened in a sandbox, and bend what will: the switches that tests and demonstrations use."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from phota_async.sandbox.accounts import Charge
from phota_async.sandbox.callbacks import SentCallback
from phota_async.sandbox.clock import Clock
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.faults import Fault, FaultScript
from phota_async.sandbox.jobs import Job
from phota_async.sandbox.parts import Parts
from phota_async.sandbox.photos import open_photo
from phota_async.sandbox.profiles import READY, TrainedProfile
from phota_async.sandbox.recorder import SeenRequest
from phota_async.sandbox.shapes import Shape

DEFAULT_JOB_FAILURE = ServiceError(500, "The model failed")


class Controls:
    """State and switches of a sandbox.

    They belong to its event loop; other threads go through ``SandboxThread``.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # Address

    @property
    def origin(self) -> str:
        """Scheme, host and port; empty before the start."""
        return self._parts.links.origin

    @property
    def base_url(self) -> str:
        """Where the API is served."""
        return self._parts.base_url

    @property
    def api_key(self) -> str:
        """The only key that is accepted."""
        return self._parts.api_key

    @property
    def webhook_secret(self) -> str:
        """What callbacks are signed with."""
        return self._parts.callbacks.secret

    # What happened

    @property
    def requests(self) -> list[SeenRequest]:
        """All requests, in the order of their arrival."""
        return self._parts.recorder.requests

    @property
    def charges(self) -> list[Charge]:
        """All purchases, in their order; refunded ones are marked."""
        return self._parts.account.charges

    @property
    def charged(self) -> Decimal:
        """US dollars charged, refunds taken off."""
        return self._parts.account.charged

    @property
    def balance(self) -> Decimal | None:
        """US dollars left, ``None`` is without limit; assign what shall be left."""
        return self._parts.account.balance

    @balance.setter
    def balance(self, amount: Decimal | None) -> None:
        self._parts.account.credit = None if amount is None else amount + self.charged

    @property
    def profiles(self) -> dict[str, TrainedProfile]:
        """All profiles by their id; deleting one here makes it vanish."""
        return self._parts.profiles.records

    @property
    def jobs(self) -> dict[str, Job]:
        """All asynchronous jobs by their id; deleting one here makes it vanish."""
        return self._parts.jobs.records

    @property
    def callbacks(self) -> list[SentCallback]:
        """All callbacks that were sent."""
        return self._parts.callbacks.sent

    @property
    def keys_on_links(self) -> int:
        """Requests for results or uploads that came with an API key: a client's mistake."""
        return self._parts.recorder.keys_on_links

    @property
    def most_at_once(self) -> int:
        """The largest number of image calls that were answered at the same time."""
        return self._parts.recorder.most_at_once

    def posts(self, route: str | None = None) -> int:
        """Count the POST requests to a route such as ``/edit``, or to all."""
        return self._parts.recorder.count("POST", route)

    def gets(self, route: str | None = None) -> int:
        """Count the GET requests to a route such as ``/jobs/{job_id}``, or to all."""
        return self._parts.recorder.count("GET", route)

    async def wait_for_requests(self, count: int) -> None:
        """Wait until this many requests have arrived, answered or not."""
        await self._parts.recorder.wait_for(count)

    # Time

    @property
    def clock(self) -> Clock:
        """The sandbox's time."""
        return self._parts.clock

    async def settle(self) -> None:
        """Wait until all that is due at the clock's time has been done, callbacks included."""
        await self._parts.clock.idle()

    # What will happen

    @property
    def capacity(self) -> int | None:
        """Image calls at work at once, beyond which more are refused with 429; ``None`` is without limit."""
        return self._parts.jobs.capacity

    @capacity.setter
    def capacity(self, calls: int | None) -> None:
        self._parts.jobs.capacity = calls

    @property
    def shape(self) -> Shape:
        """How answers are worded; assign another one at any time."""
        return self._parts.shape

    @shape.setter
    def shape(self, shape: Shape) -> None:
        self._parts.shape = shape

    @property
    def faults(self) -> FaultScript:
        """The script of failures to come."""
        return self._parts.faults

    def fail(self, fault: Fault | str, /, **fields: Any) -> Fault:
        """Script a failure: ``fail(Fault(...))``, or ``fail("POST /edit", status=503, times=2)``."""
        if isinstance(fault, str):
            fault = msgspec.convert({"route": fault, **fields}, Fault)
        self._parts.faults.add(fault)
        return fault

    def fail_jobs(self, error: ServiceError = DEFAULT_JOB_FAILURE, *, times: int = 1) -> None:
        """Let the work on the next image calls fail at its end, and be refunded."""
        self._parts.jobs.failures += [error] * times

    def fail_training(self, message: str = "Training failed", *, times: int = 1) -> None:
        """Let the next trainings end in ERROR with this message."""
        self._parts.profiles.problems += [message] * times

    def miss_identity(self, profile_id: str | None = None, *, times: int = 1, images: int | None = None) -> None:
        """Let the next calls that name a profile not render it.

        Args:
            profile_id: Whom; ``None`` means anybody.
            times: In how many calls.
            images: In how many images of each call; ``None`` means in all.
        """
        self._parts.profiles.miss(profile_id, times=times, images=images)

    def add_profile(
        self,
        profile_id: str | None = None,
        *,
        status: str | None = READY,
        training_seconds: float = 0.0,
        tag: str | None = None,
        message: str | None = None,
        photo: str | Path | bytes | None = None,
    ) -> str:
        """Put a profile in place without charge, and return its id.

        Args:
            profile_id: Its id; ``None`` makes one.
            status: What its status is, whatever the time; ``None`` lets the clock decide.
            training_seconds: How long it trains from now on, where the clock decides.
            tag: The customer's label.
            message: What goes with its status.
            photo: A training photo, for its picture.
        """
        profile = TrainedProfile(
            profile_id=profile_id or self._parts.new_id("prof"),
            created_at=self.clock.time(),
            seconds=training_seconds,
            tag=tag,
            forced_status=status,
            forced_message=message,
        )
        if photo is not None:
            profile.photos = [open_photo(photo if isinstance(photo, bytes) else Path(photo).read_bytes())]
        self.profiles[profile.profile_id] = profile
        return profile.profile_id

    def set_profile(self, profile_id: str, *, status: str | None, message: str | None = None) -> None:
        """Force a profile's status, also to an unknown word; ``None`` lets the clock decide again."""
        profile = self._parts.profiles.records[profile_id]
        profile.forced_status, profile.forced_message = status, message

    def upload(self, photo: str | Path | bytes, *, name: str | None = None) -> str:
        """Serve a photo without a key and return its URL, for training and for URL inputs."""
        return self._parts.links.upload(photo, name=name)
