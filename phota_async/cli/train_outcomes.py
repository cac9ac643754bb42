"""What `phota train` writes when it is over: the profile's id, or JSON of the schema ``phota.train/1``."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..errors import PhotaError, TrainingError
from ..training import Finished, PhotoCheck, Training
from ..training.journal import UploadRecord
from .exit_codes import ExitCode, code_for
from .photo_check import finding_json
from .streams import offer, say
from .train_options import TrainOptions
from .wording import in_options

SCHEMA = "phota.train/1"
RESUME = "phota train --resume"

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Reporter:
    """Writes the one result of a training.

    Args:
        options: What was asked for.
    """

    def __init__(self, options: TrainOptions) -> None:
        self._options = options
        self.check: PhotoCheck | None = None
        """The photos, once they are checked."""

    def planned(self) -> None:
        """Write what a dry run would do."""
        self._write("planned")

    def done(self, training: Training) -> None:
        """Write a profile that is READY."""
        if not self._options.as_json:
            offer(training.profile.profile_id)
        self._write(
            str(training.profile.status),
            profile_id=training.profile.profile_id,
            tag=training.tag,
            seconds=round(training.seconds, 1),
            uploads_left=sorted(training.left),
        )

    def failed(self, error: PhotaError, left: Sequence[UploadRecord]) -> None:
        """Write what went wrong."""
        if isinstance(error, TrainingError):
            self._write(error.status, profile_id=error.profile_id, error=str(error), left=_left_json(left))
        else:
            self._write("failed", error=str(error), left=_left_json(left))

    def stopped(self, left: Sequence[UploadRecord]) -> None:
        """Write that somebody stopped it."""
        self._write("stopped", left=_left_json(left))

    def _write(self, status: str, **fields: Any) -> None:
        if not self._options.as_json:
            return
        about: dict[str, Any] = {
            "schema": SCHEMA,
            "status": status,
            "profile_id": None,
            "tag": self._options.tag,
            "tier": self._options.selection.tier,
            "price_usd": self._options.price,
            "photos": len(self.check.paths) if self.check else None,
            "findings": [finding_json(each, self._options.selection) for each in self._findings()],
        }
        offer(_encode(about | fields).decode())

    def _findings(self) -> Sequence[Any]:
        return self.check.findings if self.check else ()


def _left_json(left: Sequence[UploadRecord]) -> list[Mapping[str, Any]]:
    return [
        {"profile_id": each.profile_id or None, "tag": each.tag, "place": each.place, "uploads": len(each.names)}
        for each in left
    ]


def say_what_stays(left: Sequence[UploadRecord]) -> None:
    """Say what a stopped training leaves and how to finish it."""
    for each in left:
        uploads = f"{len(each.names)} uploads stay at {each.place}"
        if each.sent_at is None:
            say(f"{uploads}, and nothing was paid")
        elif each.profile_id:
            say(f"profile {each.profile_id} goes on training at the service and is paid; until then {uploads}")
        else:
            say(f"a profile of tag {each.tag} may have been created and paid; until that is known {uploads}")
    if left:
        say(f"finish with: {RESUME}")


def write_finished(each: Finished, *, as_json: bool) -> ExitCode:
    """Write what became of one earlier training, and return its exit code."""
    if as_json:
        offer(_encode(_finished_json(each)).decode())
    elif each.status == "READY":
        offer(each.profile_id)
    say(_finished_line(each))
    if each.error is not None:
        return code_for(each.error)
    return ExitCode.TRAINING if each.status in {"ERROR", "INACTIVE"} else ExitCode.DONE


def _finished_line(each: Finished) -> str:
    if each.error is not None:
        return f"not finished: tag {each.tag}, uploads at {each.place}: {in_options(each.error)}"
    profile = f"profile {each.profile_id} is {each.status}" if each.profile_id else "no profile was made"
    reason = f" ({each.message})" if each.message else ""
    return f"{profile}{reason}; {each.deleted} uploads at {each.place} are deleted"


def _finished_json(each: Finished) -> Mapping[str, Any]:
    return {
        "schema": SCHEMA,
        "status": "failed" if each.error else each.status or "none",
        "profile_id": each.profile_id or None,
        "tag": each.tag,
        "message": each.message,
        "uploads_deleted": each.deleted,
        "uploads_left": sorted(each.left),
        "error": str(each.error) if each.error else None,
    }
