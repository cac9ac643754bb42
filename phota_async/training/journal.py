"""Note what was uploaded for a training, so that it is deleted in the end whatever happens to this process.

A file for each training, readable by its owner alone: the uploads' names, and which profile they are for. No link
is in it. The file goes when its uploads are gone.
"""

import contextlib
import logging
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from .. import threads
from ..errors import ConfigError, LedgerError
from ..hidden import rich_repr
from ..ledger.lock import OwnerLock
from .via import Via

logger = logging.getLogger("phota_async")

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
SUFFIX = ".uploads.json"


class UploadRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be known to finish a training."""

    schema: str = "phota.uploads/1"
    base_url: str
    """The service's address: the profile is of that account."""
    tag: str
    tier: str
    place: str
    """Where the uploads stand, in words."""
    via: Via | None
    """How to get there; ``None`` with an uploader of the user's own."""
    photos: str = ""
    """What tells this set of photos from others."""
    names: tuple[str, ...] = ()
    """Each is noted before it is sent."""
    sent_at: float | None = None
    """Unix time just before the creation was sent; ``None``: it was not."""
    before: tuple[str, ...] = ()
    """Profiles that bore the tag already."""
    profile_id: str = ""
    """``""`` while it is not known."""

    def __repr__(self) -> str:
        return f"<UploadRecord {len(self.names)} uploads>"

    __rich_repr__ = rich_repr


_decode = msgspec.json.Decoder(UploadRecord).decode
_encode = msgspec.json.Encoder().encode


class UploadJournal:
    """The record of one training, on disk. A lock beside it says that its process lives.

    Args:
        path: The file; ``None`` keeps it in memory only.
        record: As it begins, or as it was read.
    """

    def __init__(self, path: Path | None, record: UploadRecord) -> None:
        self.path = path
        self.record = record
        self._lock = OwnerLock(path) if path is not None else None
        self._turn = threading.Lock()
        self._is_over = False

    def __repr__(self) -> str:
        return f"<UploadJournal {self.path}, {len(self.record.names)} uploads>"

    @classmethod
    async def begin(cls, folder: Path | None, record: UploadRecord) -> Self:
        """Write the first record.

        Raises:
            ConfigError: The folder cannot be written.
        """
        journal = cls(folder / f"{secrets.token_hex(6)}{SUFFIX}" if folder is not None else None, record)
        await threads.run(journal.take)
        await journal.note()
        return journal

    def take(self) -> None:
        """Lock it.

        Raises:
            LedgerError: Another process is at it.
            ConfigError: The folder cannot be written.
        """
        if self.path is None or self._lock is None:
            return
        try:
            self.path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.path.parent, error) from None
        self._lock.acquire()

    async def note(self, **changes: Any) -> None:
        """Change the record and make it durable.

        Raises:
            ConfigError: It cannot be written.
        """
        self.record = msgspec.structs.replace(self.record, **changes)
        if self.path is not None:
            await threads.run(self._write, self.path)

    def _write(self, path: Path) -> None:
        with self._turn:  # whoever comes last writes what is known last
            if not self._is_over:
                _replace(path, _encode(self.record))

    async def note_upload(self, name: str) -> None:
        """Add an upload that is about to be sent."""
        await self.note(names=(*self.record.names, name))

    async def note_profile(self, profile_id: str) -> None:
        """Note the profile, which is paid for: a full disk is no reason to stop any more."""
        try:
            await self.note(profile_id=profile_id)
        except ConfigError as error:
            logger.warning("%s", error)

    def close(self) -> None:
        """Let others finish it."""
        if self._lock is not None:
            self._lock.release()

    async def end(self) -> None:
        """Remove it: nothing is left to do."""
        if self.path is not None:
            await threads.run(self._remove, self.path)
        self.close()

    def _remove(self, path: Path) -> None:
        with self._turn:  # a cancelled task may have left a writing thread behind
            self._is_over = True
            _remove(path)


def records_in(folder: Path, *, but: Path | None = None) -> Iterator[UploadRecord]:
    """Yield the records of all trainings but one, of living processes too, in no order. Blocks."""
    for path in folder.glob(f"*{SUFFIX}"):
        with contextlib.suppress(OSError, msgspec.DecodeError):
            if path != but:
                yield _decode(path.read_bytes())


def journals_in(folder: Path) -> Iterator[UploadJournal]:
    """Yield what earlier trainings left, the oldest first, without those whose process lives. Blocks.

    What is yielded is locked; close it.
    """
    for path in sorted(folder.glob(f"*{SUFFIX}"), key=_age):
        with contextlib.suppress(OSError, msgspec.DecodeError, ConfigError, LedgerError):
            journal = UploadJournal(path, _decode(path.read_bytes()))
            journal.take()
            try:
                journal.record = _decode(path.read_bytes())  # its process may have ended it, or noted more
            except OSError:
                _remove(path)  # the lock that was made beside what is gone
                journal.close()
                raise
            yield journal


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _replace(path: Path, data: bytes) -> None:
    """Replace the file as a whole; only its owner may read it."""
    part = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path}: what is uploaded cannot be noted: {error.strerror or error}").with_context(
        hint="free some space there, or name another folder"
    )
