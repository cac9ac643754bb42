"""Train a profile from photos: upload them, create, wait, and delete the uploads again."""

import contextlib
import logging
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import msgspec

from .. import threads
from ..client import PhotaClient
from ..errors import CheckError, ConfigError, NotFoundError, PhotaError, TrainingError
from ..media.sinks import MemorySink
from ..models import Profile
from ..photos.workers import PhotoWorkers
from ..validation import TRAINING_PHOTOS, check_tag, one_of
from .cleaning import clean
from .following import Waiting, follow
from .journal import UploadJournal, UploadRecord
from .progress import TrainingProgress
from .repeating import identify, refuse_repeated
from .uploading import Upload, Uploader, place_of, upload_photos, verify_link

logger = logging.getLogger("phota_async")


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A training that ended well."""

    profile: Profile
    tag: str
    tier: str
    uploads: int
    """Photos that were sent."""
    left: Mapping[str, str]
    """Uploads that could not be deleted, and why; empty when none is left."""
    seconds: float
    """From the creation to its end."""


async def train_photos(
    client: PhotaClient,
    photos: Iterable[str | Path],
    uploader: Uploader,
    *,
    tag: str | None = None,
    tier: str = "standard",
    waiting: Waiting | None = None,
    journal_folder: Path | None = None,
    workers: PhotoWorkers | None = None,
    fetch_back: bool = True,
) -> Training:
    """Create a profile from photos on this machine and wait until it is READY. It is charged once, never twice.

    Photos are stripped of all metadata and uploaded under random names; one link is fetched back, to see before
    anything is paid that it leads to the photo. When the training has ended, well or badly, the uploads are deleted,
    and also when it was refused. Nobody says until when the service reads the links, so while the training goes on
    they stay: after a cancelled wait, one that ran out of time, or an answer that was lost. What stays is noted in
    ``journal_folder``, and `finish_trainings` ends it.

    Args:
        client: The client.
        photos: 10 to 50 paths for ``standard``, 5 to 10 for ``fast``; see `check_photos`.
        uploader: Where the photos stand meanwhile.
        tag: Your label, see `Profiles.create`; ``None`` makes a random one, by which a lost profile is found.
        tier: ``"standard"`` or ``"fast"``.
        waiting: How long to wait, and who is told of it.
        journal_folder: Where to note the uploads; ``None`` notes nothing, and what a cancelled wait leaves is only
            named in the log.
        workers: Open ones; ``None`` makes some.
        fetch_back: Whether the first link is tried.

    Raises:
        CheckError: Too few or too many photos.
        InputError: A photo cannot be read, the tag or tier cannot be, or an unfinished training in
            ``journal_folder`` is of the same photos or tag: it would be paid twice.
        UploadError: A photo could not be uploaded, or its link does not lead to it. Nothing was paid.
        TrainingError: The profile ended in ERROR or INACTIVE.
        DeadlineError: It is not READY in time, and goes on.
        ResponseLostError: It may exist and be charged: see `Profiles.create`.
    """
    paths = [Path(photo) for photo in photos]
    _check(paths, tier, tag)
    tag = f"phota-{secrets.token_hex(8)}" if tag is None else tag
    before = tuple(each.profile_id for each in await client.profiles.list(tag))  # also tries the key
    record = UploadRecord(
        base_url=client.base_url,
        tag=tag,
        tier=tier,
        place=place_of(uploader),
        via=getattr(uploader, "via", None),
        photos=await threads.run(identify, paths),
        before=before,
    )
    if journal_folder is not None:
        await threads.run(refuse_repeated, journal_folder, record)
    journal = await UploadJournal.begin(journal_folder, record)
    try:
        run = _Run(client, uploader, journal, waiting or Waiting())
        return await run.run(paths, workers, fetch_back=fetch_back)
    finally:
        journal.close()


def _check(paths: Sequence[Path], tier: str, tag: str | None) -> None:
    one_of("tier", tier, TRAINING_PHOTOS)
    least, most = TRAINING_PHOTOS[tier]
    if not least <= len(paths) <= most:
        raise CheckError(f"expected {least} to {most} photos for the {tier} tier, got {len(paths)}")
    if tag is not None:
        check_tag(tag)


class _Run:
    """One training."""

    def __init__(self, client: PhotaClient, uploader: Uploader, journal: UploadJournal, waiting: Waiting) -> None:
        self._client, self._uploader = client, uploader
        self._journal, self._waiting = journal, waiting
        self._tier = journal.record.tier

    async def run(self, paths: Sequence[Path], workers: PhotoWorkers | None, *, fetch_back: bool) -> Training:
        profile_id = await self._start(paths, workers, fetch_back=fetch_back)
        begun = time.monotonic()
        try:
            profile = await follow(self._client, profile_id, self._waiting, tier=self._tier)
        except (TrainingError, NotFoundError):
            await self._clean()
            raise
        except BaseException:
            self._say_what_stays()
            raise
        left = await self._clean()
        record = self._journal.record
        return Training(
            profile=msgspec.structs.replace(profile, tag=record.tag),
            tag=record.tag,
            tier=record.tier,
            uploads=len(record.names),
            left=left,
            seconds=time.monotonic() - begun,
        )

    async def _start(self, paths: Sequence[Path], workers: PhotoWorkers | None, *, fetch_back: bool) -> str:
        """Upload and create; what was uploaded for nothing is deleted."""
        try:
            uploads = await self._upload(paths, workers)
            if fetch_back:
                await verify_link(uploads[0], place_of(self._uploader), self._fetch)
            return await self._create([each.link for each in uploads])
        except BaseException as error:
            if self._may_exist(error):
                self._say_what_stays()
            else:
                await self._forget_creation()
                await self._clean()
            raise

    async def _upload(self, paths: Sequence[Path], workers: PhotoWorkers | None) -> list[Upload]:
        total, place = len(paths), place_of(self._uploader)

        def tell(done: int) -> None:
            self._waiting.tell(TrainingProgress(stage="uploading", done=done, total=total, place=place))

        async with AsyncExitStack() as stack:
            own = await stack.enter_async_context(PhotoWorkers()) if workers is None else workers
            note = self._journal.note_upload
            return await upload_photos(paths, self._uploader, workers=own, note=note, tell=tell)

    async def _fetch(self, link: str) -> Sequence[bytes]:
        sink = MemorySink()
        await self._client._get_downloader().fetch(link, sink)  # noqa: SLF001 - one package
        return sink.pieces

    async def _create(self, links: Sequence[str]) -> str:
        """Create the profile and learn its id, also when it is cancelled meanwhile."""
        self._waiting.tell(TrainingProgress(stage="creating", total=len(links)))
        with anyio.CancelScope(shield=True):
            await self._journal.note(sent_at=time.time())
            await self._refuse_repeated()
            create = self._client.profiles.create
            profile_id = await create(links, tag=self._journal.record.tag, training_tier=self._tier)
            await self._journal.note_profile(profile_id)
        return profile_id

    async def _refuse_repeated(self) -> None:
        """Look once more: of two that began together, neither goes on without having seen the other."""
        path = self._journal.path
        if path is not None:
            await threads.run(refuse_repeated, path.parent, self._journal.record, own=path)

    def _may_exist(self, error: BaseException) -> bool:
        """Whether the service may be training all the same."""
        is_refused = isinstance(error, PhotaError) and error.charged == "no"
        return self._journal.record.sent_at is not None and not is_refused

    async def _forget_creation(self) -> None:
        """Note that nothing was created: whoever finishes this has no profile to wait for."""
        with anyio.CancelScope(shield=True), contextlib.suppress(ConfigError):
            if self._journal.record.sent_at is not None:
                await self._journal.note(sent_at=None)

    async def _clean(self) -> Mapping[str, str]:
        return await clean(self._journal, self._uploader, self._waiting.tell)

    def _say_what_stays(self) -> None:
        if self._journal.path is None:
            names, place = ", ".join(self._journal.record.names), self._journal.record.place
            logger.warning("uploads for a training that goes on stay at %s: %s", place, names)
