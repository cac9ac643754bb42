"""Train profiles on the clock: a profile's status is a function of the time, so no task runs for it."""

from collections.abc import Sequence

import msgspec

from phota_async.hidden import rich_repr
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.photos import Photo, placeholder
from phota_async.sandbox.validation import finding

READY, ERROR = "READY", "ERROR"
STAGES = (
    ("VALIDATING", 0.05),
    ("QUEUING", 0.15),
    ("IN_PROGRESS", 1.0),
)  # and the share of the time when each ends
LIMITS = {"standard": (10, 50), "fast": (5, 10)}  # training images: https://docs.photalabs.com/guides/profiles
MESSAGES = {
    "VALIDATING": "The images are being checked",
    "QUEUING": "Waiting for a trainer",
    "IN_PROGRESS": "Training",
    "READY": "",
    "ERROR": "Training failed",
    "INACTIVE": "The profile is inactive",
}


class TrainedProfile(msgspec.Struct, kw_only=True):
    """A subject; mutable, so that a test can bend it."""

    profile_id: str
    """Its handle."""
    created_at: float
    """Seconds since 1970 on the sandbox's clock."""
    seconds: float
    """Seconds that the training takes."""
    tag: str | None = None
    """The customer's label."""
    training_tier: str = "standard"
    """``standard`` or ``fast``."""
    image_urls: list[str] = []
    """Where the training photos were."""
    photos: list[Photo] = []
    """The first training photos that could be read."""
    fetched: int = 0
    """How many training photos were fetched by their links; those beyond this machine never are."""
    problem: str | None = None
    """Why the validation fails; ``None`` when it passes."""
    forced_status: str | None = None
    """A status that a test has set, whatever the time."""
    forced_message: str | None = None
    """The message that goes with it."""

    def __repr__(self) -> str:
        return f"<TrainedProfile {self.profile_id}>"

    __rich_repr__ = rich_repr

    @property
    def portrait(self) -> Photo:
        """The photo that stands for the profile."""
        return self.photos[0] if self.photos else placeholder(self.profile_id)

    def status(self, now: float) -> str:
        """Tell the status at a moment."""
        if self.forced_status is not None:
            return self.forced_status
        share = (now - self.created_at) / self.seconds if self.seconds > 0 else 1.0
        stage = next((name for name, end in STAGES if share < end), READY)
        return ERROR if self.problem is not None and stage != STAGES[0][0] else stage

    def message(self, now: float) -> str:
        """Tell the message at a moment."""
        status = self.status(now)
        if self.forced_message is not None:
            return self.forced_message
        return self.problem if status == ERROR and self.problem else MESSAGES.get(status, "")


class Profiles:
    """The account's profiles, and who will be missed in the next calls."""

    def __init__(self) -> None:
        self.records: dict[str, TrainedProfile] = {}
        self.problems: list[str] = []
        self._misses: list[_Miss] = []

    def __repr__(self) -> str:
        return f"<Profiles {len(self.records)}>"

    def find(self, profile_id: str) -> TrainedProfile:
        """Return a profile, or refuse with 404."""
        if profile_id not in self.records:
            raise ServiceError(404, f"Profile {profile_id!r} not found")
        return self.records[profile_id]

    def require_ready(self, profile_ids: Sequence[str], now: float) -> list[TrainedProfile]:
        """Return the named profiles: 404 for an unknown one, 400 for one that is not READY."""
        found = [self.find(profile_id) for profile_id in profile_ids]
        for profile in found:
            if profile.status(now) != READY:
                raise ServiceError(400, f"Profile {profile.profile_id!r} is {profile.status(now)}, not READY")
        return found

    def with_tag(self, tag: str | None) -> list[TrainedProfile]:
        """List the profiles with a tag; ``None`` lists all."""
        return [profile for profile in self.records.values() if tag is None or profile.tag == tag]

    def miss(self, profile_id: str | None, *, times: int, images: int | None) -> None:
        """Let the next calls fail to render somebody."""
        self._misses.append(_Miss(profile_id, times, images))

    def count_subjects(self, profile_ids: Sequence[str], *, images: int) -> tuple[dict[str, int], int]:
        """Tell in how many images of a call each profile is rendered, and how many show anybody at all."""
        counts = {}
        for profile_id in profile_ids:
            counts[profile_id] = max(0, images - self._missed(profile_id, images))
        return {name: count for name, count in counts.items() if count}, max(counts.values(), default=0)

    def _missed(self, profile_id: str, images: int) -> int:
        for miss in self._misses:
            if miss.times > 0 and miss.profile_id in {None, profile_id}:
                miss.times -= 1
                return images if miss.images is None else miss.images
        return 0


def check_limits(image_urls: Sequence[str], training_tier: str) -> None:
    """Refuse a number of photos that the tier does not take."""
    least, most = LIMITS[training_tier]
    if not least <= len(image_urls) <= most:
        text = f"Training tier '{training_tier}' needs {least} to {most} images, got {len(image_urls)}"
        raise ServiceError(422, [finding(("body", "image_urls"), "value_error", text)])


class _Miss:
    def __init__(self, profile_id: str | None, times: int, images: int | None) -> None:
        self.profile_id = profile_id
        self.times = times
        self.images = images
