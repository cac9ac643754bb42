"""Finish what earlier trainings left: wait for their profiles and delete their uploads."""

import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from .. import threads
from ..client import PhotaClient
from ..errors import ConfigError, DeadlineError, NotFoundError, PhotaError, TrainingError
from ..hidden import rich_repr
from .cleaning import clean
from .following import Waiting, follow
from .journal import UploadJournal, UploadRecord, journals_in
from .uploading import Uploader
from .via import open_uploader

SETTLES = 900.0  # seconds after which a creation whose answer was lost makes no profile any more; a guess
GONE = "DELETED"  # our word for a profile that is not there any more


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one training."""

    tag: str
    place: str
    """Where the uploads stood."""
    profile_id: str = ""
    """``""`` when none was made."""
    status: str = ""
    """The profile's status at its end, ``"DELETED"`` when it is gone, ``""`` when none was made."""
    message: str = ""
    """The service's reason of an ERROR."""
    deleted: int = 0
    """Uploads that are gone."""
    left: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Uploads that could not be deleted, and why."""
    error: PhotaError | None = None
    """Why it could not be finished yet; it can be tried again."""

    def __repr__(self) -> str:
        return f"<Finished {self.profile_id} {self.status}>"

    __rich_repr__ = rich_repr


class _End(msgspec.Struct, frozen=True):
    """How a training ended."""

    profile_id: str = ""
    status: str = ""
    message: str = ""


async def left_over(journal_folder: Path) -> list[UploadRecord]:
    """Return what is left of trainings whose processes have ended, the oldest first."""

    def read() -> list[UploadRecord]:
        found = []
        for journal in journals_in(journal_folder):
            found.append(journal.record)
            journal.close()
        return found

    return await threads.run(read)


async def finish_trainings(
    client: PhotaClient, journal_folder: Path, *, uploader: Uploader | None = None, waiting: Waiting | None = None
) -> list[Finished]:
    """Wait for the trainings that earlier processes left, one after the other, and delete their uploads.

    Args:
        client: The client, of the same account.
        journal_folder: Where they are noted.
        uploader: For those that were uploaded by one of your own; the shipped ones are opened again as noted.
        waiting: How long to wait for each, and who is told of it.

    Returns:
        What became of each, the oldest first; trainings whose process lives are not touched.
    """
    how = waiting or Waiting()
    with ExitStack() as stack:
        journals = await threads.run(lambda: list(journals_in(journal_folder)))
        for journal in journals:
            stack.callback(journal.close)
        return [await _finish(client, journal, uploader, how) for journal in journals]


async def _finish(client: PhotaClient, journal: UploadJournal, own: Uploader | None, waiting: Waiting) -> Finished:
    record = journal.record
    try:
        uploader = _uploader_of(record, own)
        end = await _end_of(client, record, waiting)
    except PhotaError as error:
        profile_id = record.profile_id
        return Finished(tag=record.tag, place=record.place, profile_id=profile_id, error=error)
    left = await clean(journal, uploader, waiting.tell)
    return Finished(
        tag=record.tag,
        place=record.place,
        profile_id=end.profile_id,
        status=end.status,
        message=end.message,
        deleted=len(record.names) - len(left),
        left=left,
    )


def _uploader_of(record: UploadRecord, own: Uploader | None) -> Uploader:
    if record.via is not None:
        return open_uploader(record.via)
    if own is None:
        raise ConfigError(f"the uploads at {record.place} were made by an uploader of your own: give it")
    return own


async def _end_of(client: PhotaClient, record: UploadRecord, waiting: Waiting) -> _End:
    """Wait until nobody needs the uploads any more."""
    if record.sent_at is None:
        return _End()
    if record.base_url != client.base_url:
        raise ConfigError(f"the training is at {record.base_url}, and this client talks to {client.base_url}")
    ids = [record.profile_id] if record.profile_id else await _made_since(client, record)
    ends = [await _end_of_profile(client, record, profile_id, waiting) for profile_id in ids]
    return ends[-1] if ends else _End()


async def _made_since(client: PhotaClient, record: UploadRecord) -> Sequence[str]:
    """Return the profiles that the lost creation may have made."""
    listed = await client.profiles.list(record.tag)
    new = [each.profile_id for each in listed if each.profile_id not in record.before]
    age = time.time() - (record.sent_at or 0.0)
    if not new and age < SETTLES:
        minutes = (SETTLES - age) / 60
        raise DeadlineError(f"a profile of tag {record.tag} may still appear").with_context(
            hint=f"try again in {minutes:.0f} minutes"
        )
    return new


async def _end_of_profile(client: PhotaClient, record: UploadRecord, profile_id: str, waiting: Waiting) -> _End:
    since = max(0.0, time.time() - (record.sent_at or 0.0))
    try:
        profile = await follow(client, profile_id, waiting, tier=record.tier, since=since)
    except TrainingError as error:
        return _End(profile_id, error.status, error.message)
    except NotFoundError:
        return _End(profile_id, GONE)
    return _End(profile_id, str(profile.status))
