"""Delete a training's uploads when nobody needs them any more."""

from collections.abc import Mapping

import anyio

from .journal import UploadJournal
from .progress import Tell, TrainingProgress
from .uploading import Uploader, delete_uploads

PATIENCE = 60.0  # seconds for the deletions, also of a task that is being cancelled


async def clean(journal: UploadJournal, uploader: Uploader, tell: Tell) -> Mapping[str, str]:
    """Delete the uploads of a journal, and the journal when all are gone. A cancelled task does it all the same.

    Returns:
        What is left: names, and why. They stay in the journal, unless the uploader can delete nothing at all.
    """
    names = journal.record.names
    tell(TrainingProgress(stage="deleting", total=len(names), place=journal.record.place))
    left = dict.fromkeys(names, f"not deleted within {PATIENCE:.0f} s")
    with anyio.move_on_after(PATIENCE, shield=True):
        left = await delete_uploads(names, uploader)
    with anyio.CancelScope(shield=True):
        if left and getattr(uploader, "can_delete", True):
            await journal.note(names=tuple(left))
        else:
            await journal.end()
    if left:
        tell(TrainingProgress(stage="left", total=len(left), place=journal.record.place, left=left))
    return left
