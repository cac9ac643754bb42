"""What a training's photos should be like: one table, to be replaced where you know better. No I/O."""

from collections.abc import Mapping

import msgspec

from ..validation import TRAINING_PHOTOS


class TrainingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits that `check_photos` holds photos against."""

    photos: Mapping[str, tuple[int, int]] = msgspec.field(default_factory=lambda: TRAINING_PHOTOS)
    """Fewest and most by training tier. The service refuses others (422).
    Source: https://docs.photalabs.com/api/profiles/add-profile (v0.5.0)"""
    min_side: int = 1024
    """Pixels of the shorter side: the smallest size that the service itself makes is 1K. It takes smaller photos,
    which show less of a face, so this is a doubt and no error."""
    min_sharpness: float = 30.0
    """See `Measures.sharpness`. Measured on seven pictures: 590 to 3080 when sharp, 50 and more when blurred by one
    pixel, 17 and less by two."""
    max_distance: int = 8
    """Bits of 64 in which the looks of two near-duplicates differ at most. Measured on the same: 0 to 1 for a smaller
    copy of low quality, 26 and more between strangers."""


LIMITS = TrainingLimits()
EXPECTED_SECONDS: Mapping[str, float | None] = {
    "standard": 1200.0,  # "about 20 minutes": https://docs.photalabs.com/guides/profiles
    "fast": None,  # quicker, but no number is published
}
