"""What a training tells while it runs."""

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

Stage = Literal["uploading", "creating", "training", "deleting", "left"]


class TrainingProgress(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a training; what does not belong to the stage is empty."""

    stage: Stage
    place: str = ""
    """Where the uploads stand."""
    done: int = 0
    """Photos that are uploaded, or deleted again."""
    total: int = 0
    """All photos."""
    profile_id: str = ""
    status: str = ""
    """The service's word."""
    elapsed: float = 0.0
    """Seconds since the creation was sent."""
    expected: float | None = None
    """Seconds that a training takes, or ``None`` where nobody says."""
    left: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Stage ``"left"``: names of uploads that could not be deleted, and why."""


Tell = Callable[[TrainingProgress], object]
