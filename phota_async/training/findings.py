"""Judge measured photos: what a training would be refused for, and what a person should look at. No I/O."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from ..hidden import rich_repr
from ..photos.measuring import Measures
from ..validation import one_of
from .limits import LIMITS, TrainingLimits

Severity = Literal["error", "doubtful"]
"""``"error"``: the photo would be refused or paid for in vain. ``"doubtful"``: a person decides."""
Kind = Literal["count", "unreadable", "unsupported", "duplicate", "small", "blurred", "similar"]


class CheckedPhoto(msgspec.Struct, frozen=True, kw_only=True):
    """A photo that was looked at."""

    path: Path
    measures: Measures | None = None
    """``None`` when it could not be read."""
    problem: str = ""
    """Why it could not be read."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that speaks against a photo, or against all of them together."""

    severity: Severity
    kind: Kind
    message: str
    """What was expected and what was found."""
    path: Path | None = None
    """The photo; ``None`` when it is about their number."""
    other: Path | None = None
    """The photo that it repeats or resembles, which is the better one."""


class PhotoCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What was found about a set of photos."""

    tier: str
    photos: tuple[CheckedPhoto, ...]
    """In the order they were given."""
    findings: tuple[Finding, ...]
    """Errors first, then in the order of the photos."""
    limits: TrainingLimits = LIMITS

    def __repr__(self) -> str:
        return f"<PhotoCheck {len(self.photos)} photos, {len(self.errors)} errors, {len(self.doubtful)} doubtful>"

    __rich_repr__ = rich_repr

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings with which no training should be paid for."""
        return tuple(each for each in self.findings if each.severity == "error")

    @property
    def doubtful(self) -> tuple[Finding, ...]:
        """Findings that a person should decide on."""
        return tuple(each for each in self.findings if each.severity == "doubtful")

    @property
    def paths(self) -> tuple[Path, ...]:
        """The photos that can be trained with, doubtful ones too."""
        bad = {each.path for each in self.errors}
        return tuple(photo.path for photo in self.photos if photo.path not in bad)

    def without_doubtful(self) -> "PhotoCheck":
        """Return the check of the photos that nothing speaks against: the others are left out, not mended."""
        bad = {each.path for each in self.findings}
        return judge([photo for photo in self.photos if photo.path not in bad], tier=self.tier, limits=self.limits)


def judge(photos: Sequence[CheckedPhoto], *, tier: str = "standard", limits: TrainingLimits = LIMITS) -> PhotoCheck:
    """Hold photos against the limits.

    Args:
        photos: What was measured.
        tier: ``"standard"`` or ``"fast"``.
        limits: The table.

    Raises:
        InputError: There is no such tier.
    """
    one_of("tier", tier, limits.photos)
    about: dict[Path, Finding] = {}  # the gravest of each photo: one word is enough to look at it
    for rule in (_unreadable, _repeated, _small, _blurred, _similar):
        left = [photo for photo in photos if about.get(photo.path) is None or about[photo.path].severity != "error"]
        for finding in rule(left, limits):
            if finding.path is not None:
                about.setdefault(finding.path, finding)
    ordered = [about[photo.path] for photo in photos if photo.path in about]
    usable = len(photos) - sum(each.severity == "error" for each in ordered)
    findings = [*_count(usable, tier, limits), *ordered]
    findings.sort(key=lambda each: each.severity != "error")
    return PhotoCheck(tier=tier, photos=tuple(photos), findings=tuple(findings), limits=limits)


Rule = Callable[[Sequence[CheckedPhoto], TrainingLimits], Iterator[Finding]]


def _count(usable: int, tier: str, limits: TrainingLimits) -> Iterator[Finding]:
    least, most = limits.photos[tier]
    if not least <= usable <= most:
        message = f"expected {least} to {most} usable photos for the {tier} tier, got {usable}"
        yield Finding(severity="error", kind="count", message=message)


def _unreadable(photos: Sequence[CheckedPhoto], _: TrainingLimits) -> Iterator[Finding]:
    for photo in photos:
        if photo.measures is None:
            yield Finding(severity="error", kind="unreadable", message=photo.problem, path=photo.path)


def _repeated(photos: Sequence[CheckedPhoto], _: TrainingLimits) -> Iterator[Finding]:
    first: dict[str, Path] = {}
    for photo, measures in _measured(photos):
        before = first.setdefault(measures.digest, photo.path)
        if before != photo.path:
            message = f"expected different photos, got {before.name} once more"
            yield Finding(severity="error", kind="duplicate", message=message, path=photo.path, other=before)


def _small(photos: Sequence[CheckedPhoto], limits: TrainingLimits) -> Iterator[Finding]:
    for photo, measures in _measured(photos):
        if min(measures.size) < limits.min_side:
            width, height = measures.size
            message = f"expected sides of {limits.min_side} pixels or more, got {width}x{height}"
            yield Finding(severity="doubtful", kind="small", message=message, path=photo.path)


def _blurred(photos: Sequence[CheckedPhoto], limits: TrainingLimits) -> Iterator[Finding]:
    for photo, measures in _measured(photos):
        if measures.sharpness < limits.min_sharpness:
            message = f"expected a sharpness of {limits.min_sharpness:g} or more, got {measures.sharpness:g}"
            yield Finding(severity="doubtful", kind="blurred", message=message, path=photo.path)


def _similar(photos: Sequence[CheckedPhoto], limits: TrainingLimits) -> Iterator[Finding]:
    """Of photos that look alike, keep the sharpest and doubt the others."""
    kept: list[tuple[CheckedPhoto, Measures]] = []
    for photo, measures in sorted(_measured(photos), key=lambda each: -each[1].sharpness):
        like = next((other for other, seen in kept if seen.distance(measures) <= limits.max_distance), None)
        if like is None:
            kept.append((photo, measures))
            continue
        message = f"expected different photos, got one that looks like {like.path.name}"
        yield Finding(severity="doubtful", kind="similar", message=message, path=photo.path, other=like.path)


def _measured(photos: Sequence[CheckedPhoto]) -> Iterator[tuple[CheckedPhoto, Measures]]:
    for photo in photos:
        if photo.measures is not None:
            yield photo, photo.measures
