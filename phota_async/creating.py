"""Create a profile without paying twice: after a lost answer, look under its tag for the one that was made.

What was there before is noted first, with one free call. A profile that is new under the tag afterwards is ours if
nobody else created under the same tag meanwhile; of this process that is known, of others it is not, so a tag
should be one person's. That nothing is new proves nothing, since the service may still be at work: a creation is
never sent again.
"""

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from .errors import PhotaError, shorten
from .models import Profile

logger = logging.getLogger("phota_async")

NOTING = 5.0  # seconds for the look before a creation, at most; without it the creation goes on
LOOKS = (0.0, 0.5, 1.0, 2.0, 4.0)  # seconds before each look afterwards: a new profile may be listed late
GRACE = 15.0  # seconds for those looks beyond the call's own deadline
EMAIL = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")
TRY = "take a pseudonym, such as a random id that you keep beside the address"
SHOWN = 5  # ids in a hint

LOOK_FIRST = "the profile may exist: look with profiles.list(tag=...) before creating it again"
NO_TAG = "the profile may exist, and without a tag nobody can tell which it is: look through profiles.list() first"
NOT_LISTED = "nothing new bears its tag yet, but it may still come: look with profiles.list(tag=...) before another"
SEVERAL = "it may be one of these, which are new under its tag, but others were created there meanwhile: "

List = Callable[[str, float], Awaitable[list[Profile]]]
"""Lists the profiles of a tag until a time of the running loop."""


def warn_of_personal(tag: str | None) -> None:
    """Log once a process that a tag looks like an e-mail address, without saying which."""
    if _warned or not isinstance(tag, str) or not EMAIL.search(tag):
        return
    _warned.append("told")
    logger.warning(
        "a profile's tag looks like an e-mail address: tags cannot be changed and leave your system; %s", TRY
    )


class Creations:
    """The creations under one tag, in this process, that may have made what another one looks for."""

    def __init__(self) -> None:
        self.running = 0
        self.unclear = 0
        """Those that ended without anybody knowing what they made; it may still come, so they are kept."""
        self.made: set[str] = set()
        """What the running ones, and those beside them, are known to have made."""


_warned: list[str] = []  # the one warning of this process
_running: dict[tuple[str, str], Creations] = {}  # by the service's address and the tag

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_running.clear)


@contextmanager
def _joined(account: str, tag: str) -> Iterator[Creations]:
    """Count a creation as running."""
    creations = _running.setdefault((account, tag), Creations())
    creations.running += 1
    try:
        yield creations
    finally:
        creations.running -= 1
        if not creations.running:
            creations.made.clear()
            if not creations.unclear and _running.get((account, tag)) is creations:
                del _running[account, tag]


async def create_once(
    send: Callable[[], Awaitable[str]], list_profiles: List, *, account: str, tag: str | None, deadline: float
) -> str:
    """Create a profile and return its id, found by its tag when the answer is lost.

    Args:
        send: Sends the creation, once.
        list_profiles: Lists a tag's profiles.
        account: The service's address: creations of the same tag there are told apart.
        tag: The profile's tag; without one nothing can be found.
        deadline: The running loop's time at which the call should end.

    Raises:
        PhotaError: What the creation failed with; its hint says what is known.
    """
    if not isinstance(tag, str):  # none, or what only the service can refuse
        try:
            return await send()
        except PhotaError as error:
            if _is_unclear(error):
                error.hint = NO_TAG
            raise
    with _joined(account, tag) as creations:
        before = await _note(list_profiles, tag, deadline)
        return await _create(send, _Search(list_profiles, tag, deadline, before, creations))


async def _note(list_profiles: List, tag: str, deadline: float) -> frozenset[str] | None:
    """Return the ids that bear the tag already; ``None`` when the list cannot be had."""
    end = min(deadline, asyncio.get_running_loop().time() + NOTING)
    try:
        return frozenset(profile.profile_id for profile in await list_profiles(tag, end))
    except PhotaError:
        return None  # the creation itself will say what is wrong, if anything is


async def _create(send: Callable[[], Awaitable[str]], search: "_Search") -> str:
    creations = search.creations
    try:
        made = await send()
    except PhotaError as error:
        if not _is_unclear(error):
            raise
        failure = error
    except BaseException:  # cancelled: nobody will look
        creations.unclear += 1
        raise
    else:
        creations.made.add(made)
        return made
    try:
        found = await search.find()
    except BaseException:
        creations.unclear += 1
        raise
    if found is None:
        creations.unclear += 1
        raise failure.with_context(hint=search.hint)
    creations.made.add(found)
    logger.warning("the answer to a profile's creation is lost; the profile was found by its tag: %s", found)
    return found


class _Search:
    """Looks for what a creation has made."""

    def __init__(
        self,
        list_profiles: List,
        tag: str,
        deadline: float,
        before: frozenset[str] | None,
        creations: Creations,
    ) -> None:
        self._list, self._tag, self._deadline = list_profiles, tag, deadline
        self._before = before
        self.creations = creations
        self.hint = LOOK_FIRST
        """What is known when it was not found."""

    async def find(self) -> str | None:
        """Return the id of the one profile that it can be, or ``None``."""
        if self._before is None:
            return None
        loop = asyncio.get_running_loop()
        end = max(self._deadline, loop.time() + GRACE)
        for pause in LOOKS:
            await asyncio.sleep(pause)
            try:
                new = await self._new(end)
            except PhotaError:
                return None
            if len(new) == 1 and self._is_alone():
                return new[0]
            self.hint = SEVERAL + shorten(", ".join(new[:SHOWN])) if new else NOT_LISTED
        return None

    async def _new(self, end: float) -> tuple[str, ...]:
        """Return what bears the tag now, did not before, and is not known to be another creation's."""
        known = (self._before or frozenset()) | self.creations.made
        listed = [each.profile_id for each in await self._list(self._tag, end) if each.tag in (None, self._tag)]
        return tuple(profile_id for profile_id in listed if profile_id not in known)

    def _is_alone(self) -> bool:
        """Whether no other creation can have made what is new."""
        return self.creations.running == 1 and not self.creations.unclear


def _is_unclear(error: PhotaError) -> bool:
    """Whether the service may have created it all the same."""
    return error.charged == "unknown"
