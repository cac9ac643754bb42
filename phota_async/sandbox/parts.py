"""Hold the parts of one sandbox together, so that routes and studio can reach them."""

import random
from concurrent.futures import Executor
from dataclasses import dataclass, field

import msgspec

from phota_async.sandbox.accounts import Account
from phota_async.sandbox.callbacks import Callbacks
from phota_async.sandbox.clock import Clock
from phota_async.sandbox.document import API_PREFIX
from phota_async.sandbox.faults import FaultScript
from phota_async.sandbox.inputs import Inputs
from phota_async.sandbox.jobs import Jobs
from phota_async.sandbox.links import Links
from phota_async.sandbox.profiles import Profiles
from phota_async.sandbox.recorder import Recorder
from phota_async.sandbox.shapes import Shape


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers and switches that do not change while a sandbox runs."""

    job_seconds: float
    """From the submit to the end of a job, on the sandbox's clock."""
    sync_seconds: float
    """How long a synchronous call takes."""
    sync_limit: float
    """After how long a synchronous call is answered with 504 and refunded."""
    training_seconds: float
    """Training of a standard profile."""
    fast_training_seconds: float
    """Training of a fast profile."""
    id_memory: float
    """How long a ``client_request_id`` is remembered."""
    link_lifetime: float
    """How long a signed link lives."""
    picture_scale: float
    """Factor on the width and height of every output."""
    allow_http_callbacks: bool
    """Whether a callback may go to http, for receivers on loopback."""
    keep_images: bool
    """Whether recorded requests keep their images."""


@dataclass(kw_only=True)
class Parts:
    """Everything behind the wire of one sandbox."""

    api_key: str = field(repr=False)
    rules: Rules
    clock: Clock
    account: Account
    profiles: Profiles
    jobs: Jobs
    links: Links
    inputs: Inputs
    callbacks: Callbacks
    faults: FaultScript
    recorder: Recorder
    executor: Executor
    randomness: random.Random
    shape: Shape

    @property
    def base_url(self) -> str:
        """Where the API is served."""
        return self.links.origin + API_PREFIX

    def new_id(self, prefix: str) -> str:
        """Return a fresh handle, the same ones in every sandbox of one seed."""
        return f"{prefix}_{self.randomness.getrandbits(96):024x}"
