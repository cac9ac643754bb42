"""Train a profile from a folder of photos: check them, bring them to the service, wait, and clean up.

    check = await check_folder("mia")
    uploader = StoreUploader("s3://bucket/prefix?region=eu-central-1")
    training = await train_photos(client, check.paths, uploader, tag="u_17")

The service fetches training photos from links. An `Uploader` puts them where it can: `StoreUploader` (extra
``upload``), `ShellUploader`, `PublicFolder`, or two methods of your own. Checking needs the extra ``images``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checking import check_folder, check_photos, refuse_errors
    from .findings import CheckedPhoto, Finding, PhotoCheck
    from .finishing import Finished, finish_trainings, left_over
    from .following import Waiting
    from .limits import LIMITS, TrainingLimits
    from .progress import TrainingProgress
    from .public import PublicFolder
    from .running import Training, train_photos
    from .shell import ShellUploader
    from .stores import StoreUploader
    from .uploading import Uploader
    from .via import Via, open_uploader

_HOMES = {
    "checking": ("check_folder", "check_photos", "refuse_errors"),
    "findings": ("CheckedPhoto", "Finding", "PhotoCheck"),
    "finishing": ("Finished", "finish_trainings", "left_over"),
    "following": ("Waiting",),
    "limits": ("LIMITS", "TrainingLimits"),
    "progress": ("TrainingProgress",),
    "public": ("PublicFolder",),
    "running": ("Training", "train_photos"),
    "shell": ("ShellUploader",),
    "stores": ("StoreUploader",),
    "uploading": ("Uploader",),
    "via": ("Via", "open_uploader"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "LIMITS",
    "CheckedPhoto",
    "Finding",
    "Finished",
    "PhotoCheck",
    "PublicFolder",
    "ShellUploader",
    "StoreUploader",
    "Training",
    "TrainingLimits",
    "TrainingProgress",
    "Uploader",
    "Via",
    "Waiting",
    "check_folder",
    "check_photos",
    "finish_trainings",
    "left_over",
    "open_uploader",
    "refuse_errors",
    "train_photos",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - a check needs no uploader

    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value
