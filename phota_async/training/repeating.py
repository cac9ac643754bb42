"""Keep a set of photos from being trained, and paid for, twice because a first training was cut off. Blocks."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..photos.loading import read
from .journal import UploadRecord, records_in


def identify(paths: Iterable[Path]) -> str:
    """Return what tells a set of photos from others, whatever their names and order.

    Raises:
        InputError: A file cannot be read.
    """
    digests = sorted(hashlib.sha256(read(path, str(path))).digest() for path in paths)
    return hashlib.sha256(b"".join(digests)).hexdigest()


def refuse_repeated(folder: Path, wanted: UploadRecord, *, own: Path | None = None) -> None:
    """Refuse what an unfinished training was, or may have been, created for.

    Args:
        folder: Where trainings are noted.
        wanted: The training that is about to begin.
        own: Where that one is noted itself.

    Raises:
        InputError: There is one of the same photos or the same tag.
    """
    for record in records_in(folder, but=own):
        if record.sent_at is None or record.base_url != wanted.base_url:
            continue
        if record.photos == wanted.photos or record.tag == wanted.tag:
            what = "these photos" if record.photos == wanted.photos else f"tag {record.tag}"
            profile = f"profile {record.profile_id}" if record.profile_id else "a profile, perhaps"
            raise InputError(f"an unfinished training of {what} has been paid already: {profile}").with_context(
                hint="finish it first (phota train --resume, or finish_trainings), so that nothing is paid twice"
            )
