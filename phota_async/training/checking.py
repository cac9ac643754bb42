"""Check photos before a training is paid for: free, offline, and off the event loop."""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from .. import threads
from ..errors import CheckError, InputError
from ..photos.workers import PhotoWorkers
from ..validation import one_of
from .findings import CheckedPhoto, Finding, PhotoCheck, judge
from .folder import find_photos
from .limits import LIMITS, TrainingLimits
from .side_by_side import side_by_side

AT_ONCE = 8  # photos that wait for a worker process

Tell = Callable[[int, int], object]
"""Is told how many are done, and of how many."""


async def check_folder(
    folder: str | os.PathLike[str],
    *,
    tier: str = "standard",
    recursive: bool = False,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    limits: TrainingLimits = LIMITS,
    workers: PhotoWorkers | None = None,
    tell: Tell | None = None,
) -> PhotoCheck:
    """Check the photos of a folder; see `find_photos` and `check_photos`.

    Raises:
        InputError: It is no folder, or there is no such tier.
    """
    found = await threads.run(find_photos, folder, recursive=recursive, include=include, exclude=exclude)
    check = await check_photos(found.photos, tier=tier, limits=limits, workers=workers, tell=tell)
    passed_over = tuple(_unsupported(path) for path in found.unsupported)
    return PhotoCheck(tier=tier, photos=check.photos, findings=(*check.findings, *passed_over), limits=limits)


async def check_photos(
    photos: Iterable[str | os.PathLike[str]],
    *,
    tier: str = "standard",
    limits: TrainingLimits = LIMITS,
    workers: PhotoWorkers | None = None,
    tell: Tell | None = None,
) -> PhotoCheck:
    """Look at photos closely and say what speaks against training with them. Nothing is sent.

    Errors are what would be refused or paid for in vain: too few or too many, unreadable files, the same file twice.
    Doubtful are small and blurred photos and those that look like a better one.

    Args:
        photos: Paths.
        tier: ``"standard"`` or ``"fast"``.
        limits: What they are held against.
        workers: Open ones; ``None`` makes some for this check.
        tell: Is told how many have been looked at.

    Raises:
        InputError: There is no such tier.
        ConfigError: An extra is missing; it names the extra.
    """
    one_of("tier", tier, limits.photos)
    paths = list(dict.fromkeys(Path(photo) for photo in photos))
    checked: dict[Path, CheckedPhoto] = {}

    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(PhotoWorkers()) if workers is None else workers

        async def look(path: Path) -> None:
            checked[path] = await _look(own, path)
            if tell is not None:
                tell(len(checked), len(paths))

        await side_by_side(look, paths, at_once=AT_ONCE)
    return await threads.run(judge, [checked[path] for path in paths], tier=tier, limits=limits)


def refuse_errors(check: PhotoCheck) -> None:
    """Raise `CheckError` when there is an error among the findings."""
    if not check.errors:
        return
    first, more = check.errors[0], len(check.errors) - 1
    where = f"{first.path}: " if first.path is not None and str(first.path) not in first.message else ""
    rest = f" (and {more} more)" if more else ""
    raise CheckError(f"{where}{first.message}{rest}").with_context(hint=_advice(check))


def _advice(check: PhotoCheck) -> str:
    kinds = {each.kind for each in check.errors}
    if kinds == {"count"}:
        usable, (least, _) = len(check.paths), check.limits.photos[check.tier]
        return "add photos, or take another tier" if usable < least else "leave some out"
    return "take these files out of the set, or let what the check doubts be left out"


async def _look(workers: PhotoWorkers, path: Path) -> CheckedPhoto:
    try:
        return CheckedPhoto(path=path, measures=await workers.measure(path))
    except InputError as error:
        return CheckedPhoto(path=path, problem=error.sentence())


def _unsupported(path: Path) -> Finding:
    message = "expected a picture, got a film or a camera's raw file, which is passed over: develop it first"
    return Finding(severity="doubtful", kind="unsupported", message=message, path=path)
