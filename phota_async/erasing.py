"""Delete everything of one end user, and keep a receipt of it."""

import asyncio
import logging
import time
from collections.abc import Iterable

import anyio
import msgspec

from .errors import NotFoundError, PhotaError
from .hidden import rich_repr
from .scope import UserScope
from .watch import ENDS_ALL

logger = logging.getLogger("phota_async")

AT_ONCE = 8  # deletions side by side
PAUSES = (0.0, 0.0, 0.5, 1.0, 2.0)  # seconds before each look; a list may lag behind


class Deletion(msgspec.Struct, frozen=True, kw_only=True):
    """One profile that is gone."""

    profile_id: str
    deleted_at: float
    """Unix time at which the service confirmed it, seconds."""
    request_id: str | None
    """The service's mark of that exchange."""
    was_gone: bool = False
    """Whether somebody else had deleted it before."""


class FailedDeletion(msgspec.Struct, frozen=True, kw_only=True):
    """One profile that could not be deleted."""

    profile_id: str
    failed_at: float
    """Unix time, seconds."""
    request_id: str | None
    reason: str


class EraseReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was deleted of an end user. It is plain data: ``msgspec.json.encode(receipt)`` stores it."""

    tag: str
    deleted: tuple[Deletion, ...]
    """In the order of their deletion."""
    failed: tuple[FailedDeletion, ...]
    """What is left because its deletion failed."""
    left: tuple[str, ...]
    """What is still there: what the tag listed at the last look, less what was deleted since."""
    verified_at: float | None
    """Unix time of the look that found nothing left; ``None`` when there was none."""
    reason: str = ""
    """Why it could not be verified, or ``""``."""

    @property
    def is_complete(self) -> bool:
        """Whether the service lists nothing under the tag any more."""
        return self.verified_at is not None

    def __repr__(self) -> str:
        end = "complete" if self.is_complete else "not complete"
        return f"<EraseReceipt {len(self.deleted)} deleted, {len(self.left)} left, {end}>"

    __rich_repr__ = rich_repr


async def erase(scope: UserScope) -> EraseReceipt:
    """Do what `UserScope.erase` says."""
    await scope.refresh()
    erasing = _Erasing(scope)
    receipt = await erasing.run()
    if not receipt.is_complete:
        logger.warning("an end user's profiles could not all be erased: %d are left", len(receipt.left))
    return receipt


class _Erasing:
    """The deletions of one end user."""

    def __init__(self, scope: UserScope) -> None:
        self._scope = scope
        self._deleted: dict[str, Deletion] = {}
        self._failed: dict[str, FailedDeletion] = {}
        self._end: PhotaError | None = None  # about the client, so about every further call
        self._left: tuple[str, ...] = scope.profile_ids

    async def run(self) -> EraseReceipt:
        """Delete, look, and delete what appeared meanwhile."""
        for pause in PAUSES:
            await self._delete_all(self._left)
            await asyncio.sleep(pause)
            if self._end is not None:
                break
            try:
                listed = await self._scope.profiles.list()
            except PhotaError as error:
                return self._receipt(reason=error.sentence())
            self._left = tuple(profile.profile_id for profile in listed)
            if not self._left:
                return self._receipt(verified_at=time.time())
        return self._receipt(reason=self._end.sentence() if self._end else "the tag still lists profiles")

    async def _delete_all(self, ids: Iterable[str]) -> None:
        waiting = iter(ids)

        async def worker() -> None:
            for profile_id in waiting:
                if self._end is None:
                    await self._delete(profile_id)

        async with anyio.create_task_group() as group:
            for _ in range(AT_ONCE):
                group.start_soon(worker)

    async def _delete(self, profile_id: str) -> None:
        was_gone = False
        try:
            request_id = await self._scope.profiles._delete(profile_id)  # noqa: SLF001 - one package
        except NotFoundError as error:
            request_id, was_gone = error.request_id, True
        except PhotaError as error:
            self._fail(profile_id, error)
            return
        done = Deletion(profile_id=profile_id, deleted_at=time.time(), request_id=request_id, was_gone=was_gone)
        self._deleted.setdefault(profile_id, done)
        self._left = tuple(each for each in self._left if each != profile_id)
        logger.info("profile %s is deleted (request %s)", profile_id, request_id)

    def _fail(self, profile_id: str, error: PhotaError) -> None:
        reason = f"{type(error).__name__}: {error.sentence()}"
        self._failed[profile_id] = FailedDeletion(
            profile_id=profile_id, failed_at=time.time(), request_id=error.request_id, reason=reason
        )
        if isinstance(error, ENDS_ALL):
            self._end = error

    def _receipt(self, *, verified_at: float | None = None, reason: str = "") -> EraseReceipt:
        return EraseReceipt(
            tag=self._scope.tag,
            deleted=tuple(self._deleted.values()),
            failed=tuple(self._failed[each] for each in self._left if each in self._failed),
            left=self._left,
            verified_at=verified_at,
            reason=reason,
        )
