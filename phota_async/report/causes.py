"""Why a subject was probably not recognised, as far as a row shows it. No I/O.

The service gives no reason. Its guides name what keeps people from being recognised; here stands which of that a row
bears out. A training that has not ended cannot be seen afterwards: `UNSEEN` says how to look.
"""

from collections.abc import Iterator, Sequence

import msgspec

from .rows import SheetRow
from .shrinking import Thumbnail

MANY = 4  # candidates: as many as the guide's own example passes before it advises to pass fewer
SMALL = 1024  # pixels of the longer side: the guide asks for photos of 1K or more
DARK = 0.2  # of 1, mean brightness: an unlit room has about 0.1, a grey day 0.4

GUIDE_OF_PROFILES = "docs.photalabs.com/guides/profiles"
GUIDE_OF_PRACTICE = "docs.photalabs.com/guides/best-practices"
UNSEEN = "nothing here shows why: look whether the profile is READY, with its face clear and turned to the camera"


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """What probably kept a subject from being recognised."""

    words: str
    """What the row shows."""
    advice: str
    """What to change."""
    source: str
    """The page of the service that says so."""


def likely_causes(row: SheetRow, profile_id: str, sources: Sequence[Thumbnail]) -> list[Cause]:
    """Return what a row shows of why somebody is missing, the likeliest first; nothing where it shows nothing.

    Args:
        row: A row that misses the subject.
        profile_id: The subject.
        sources: What could be read of the row's photos.
    """
    return [*_of_candidates(row, profile_id), *_of_photos(sources)]


def _of_candidates(row: SheetRow, profile_id: str) -> Iterator[Cause]:
    if row.candidates is None:
        return
    if profile_id not in row.candidates:
        yield Cause(
            words="not passed to be matched: only the prompt names it",
            advice="name it as a person of the request: --person, in Python profile_ids",
            source=GUIDE_OF_PROFILES,
        )
    elif len(row.candidates) >= MANY:
        yield Cause(
            words=f"{len(row.candidates)} candidates were passed, and fewer match better",
            advice="name only those who are in the photo",
            source=GUIDE_OF_PRACTICE,
        )


def _of_photos(sources: Sequence[Thumbnail]) -> Iterator[Cause]:
    sizes = [each.original_size for each in sources if each.original_size]
    if sizes and len(sizes) == len(sources) and max(map(max, sizes)) < SMALL:
        width, height = max(sizes, key=max)
        yield Cause(
            words=f"the photo has only {width}\N{MULTIPLICATION SIGN}{height} pixels, so a face in it is small",
            advice="use a larger photo, of 1K or more",
            source=GUIDE_OF_PRACTICE,
        )
    brightest = max((each.brightness for each in sources), default=1.0)
    if brightest < DARK:
        yield Cause(
            words=f"the photo is dark: {brightest:.0%} of full brightness",
            advice="use a photo with the face in the light",
            source=GUIDE_OF_PRACTICE,
        )
