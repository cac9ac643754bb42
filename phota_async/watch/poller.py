"""Look once at what many wait for, and tell each of them."""

import asyncio
import copy
from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import AuthenticationError, ConfigError, InsufficientCreditsError, NotFoundError, PhotaError
from ..retry import fault_of
from .listing import Listing
from .pace import Pace, scattered
from .schedule import FIRST_OF_ALL, Schedule
from .targets import Follower, Group, Listener, Place, Subject, Target
from .trust import Trust
from .words import tell_unknown, word_of

NOT_FOUND_LOOKS = 2  # a 404 is believed when it is confirmed: a new id may take a moment to be known
ENDS_ALL = (AuthenticationError, InsufficientCreditsError, ConfigError)  # about the client, so about every id


class Poller:
    """The one poller of a client and an event loop.

    Whoever waits joins with the ids and leaves them again; an id that nobody waits for is forgotten at once, and
    its look, if one is under way, is cancelled. So is a subject, but for what its listing is worth, which is kept
    for as long as the subject lives. The shortest interval of those who wait for an id rules.
    """

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.schedule = Schedule()
        self._groups: dict[Subject[Any], Group] = {}  # those with targets
        self._trusts: WeakKeyDictionary[Subject[Any], Trust] = WeakKeyDictionary()
        self._parked: set[Target[Any]] = set()

    # For those who wait

    def join(self, subject: Subject[Any], keys: Sequence[str], listener: Listener, pace: Pace) -> None:
        """Follow some ids. Those that are new are looked at at once; of many the rest by and by."""
        if not keys:
            return
        group = self._group(subject)
        for key in keys:
            target = group.targets.get(key)
            if target is None:
                target = group.targets[key] = Target(group, key)
                target.followers = (Follower(listener, pace, 0),)
                self.put(target, self.loop.time() + scattered(group.fresh + 1, pace.interval(1)), Place.NEW)
            else:
                looks_before = target.looks - (target.place is Place.LOOKING)
                self._join_known(target, Follower(listener, pace, looks_before))
        if group.listing is not None:
            group.listing.consider()

    async def leave(self, subject: Subject[Any], keys: Iterable[str], listener: Listener) -> None:
        """Follow some ids no more, and wait until looks that nobody needs have ended."""
        group = self._groups.get(subject)
        for target in [] if group is None else [group.targets[key] for key in keys if key in group.targets]:
            target.followers = tuple(each for each in target.followers if each.listener is not listener)
            if not target.followers:
                self._remove(target)
        await self.schedule.ended()

    def nudge(self, subject: Subject[Any], key: str) -> bool:
        """Look at an id now, once, before all whose turn it is; says whether anybody waits for it."""
        group = self._groups.get(subject)
        target = group.targets.get(key) if group else None
        if target is None:
            return False
        if target.place is Place.LOOKING:
            target.again = True  # what is under way may have been answered before it happened
        else:
            self.put(target, FIRST_OF_ALL, Place.NEW if target.place is Place.NEW else Place.WAITING)
        return True

    def resume(self, listener: Listener) -> None:
        """Look again on behalf of somebody who was full."""
        parked = [each for each in self._parked if any(one.listener is listener for one in each.followers)]
        for place, target in enumerate(parked, 1):
            self.put(target, self.loop.time() + scattered(place, target.interval()), Place.WAITING)

    def end(self, error: Exception) -> None:
        """Tell everybody that it is over."""
        targets = [target for group in self._groups.values() for target in group.targets.values()]
        listeners = dict.fromkeys(each.listener for target in targets for each in target.followers)
        for target in targets:
            self._remove(target)
        for each, own in zip(listeners, _copies(error, len(listeners)), strict=True):
            each.ended(own)

    async def aclose(self, error: Exception) -> None:
        """Tell everybody that it is over, and wait until nothing is under way."""
        self.end(error)
        await self.schedule.ended()

    def __repr__(self) -> str:
        watched = sum(len(group.targets) for group in self._groups.values())
        return f"<Poller {watched} watched, {self.schedule!r}>"

    # For targets and the listing

    def admit(self, target: Target[Any]) -> bool:
        """Whether a target is to be looked at now; if not, it waits for the listing or for a reader."""
        group, listing = target.group, target.group.listing
        if all(each.listener.is_full for each in target.followers):
            group.move(target, Place.PARKED)
            self._parked.add(target)
            return False
        if listing is not None and listing.holds(target):
            group.move(target, Place.LISTED)
            return False
        group.move(target, Place.LOOKING)
        target.looks += 1
        return True

    async def look(self, target: Target[Any]) -> None:
        """Look once at a target and tell who waits for it what came of it."""
        seen, asked = None, None
        failure: Exception | None = None
        try:
            seen, asked = await target.group.subject.look(target.key)
        except PhotaError as error:
            failure, asked = error, getattr(error, "retry_after", None)
        except Exception as error:  # noqa: BLE001 - of whoever waits, who must not wait for ever
            failure = error
        if target.place is Place.GONE:
            return
        target.task = None  # the rest is done in one step
        target.not_found = target.not_found + 1 if isinstance(failure, NotFoundError) else 0
        if isinstance(failure, ENDS_ALL):
            self.end(failure)
        elif failure is not None and _is_final(failure, target.not_found):
            self._fail(target, failure)
        else:
            if seen is not None:
                self._saw_single(target, seen)
            self._go_on(target, asked)

    def put(self, target: Target[Any], due: float, place: Place) -> None:
        """Let a target wait for its turn."""
        self._parked.discard(target)
        target.group.move(target, place)
        self.schedule.put(target, due)

    def saw(self, target: Target[Any], seen: Any) -> None:
        """Tell what was seen; what is done is watched no more."""
        subject = target.group.subject
        previous, target.seen = target.seen, seen
        is_done = subject.is_done(seen)
        if is_done:
            self._remove(target)
        else:
            tell_unknown(seen.status)
        if previous is None or word_of(previous) != word_of(seen):
            subject.tell(target.key, previous, seen)
        target.untold = False
        for each in target.followers:  # all of them, whoever has no room
            target.untold |= not _tell(each, target.key, seen, is_done=is_done)

    def _saw_single(self, target: Target[Any], seen: Any) -> None:
        if target.group.listing is not None:
            target.group.listing.compare(target, seen)
        self.saw(target, seen)

    def _go_on(self, target: Target[Any], asked: float | None) -> None:
        """Let the next look come when it is due, unless it was the last."""
        if target.place is Place.GONE:
            return
        now, listing = self.loop.time(), target.group.listing
        target.floor = now + asked if asked else 0.0
        due = max(now + min(each.pace(target.looks - each.since) for each in target.followers), target.floor)
        if target.again:
            target.again, due = False, FIRST_OF_ALL
        if listing is not None and listing.takes(target, due):
            target.group.move(target, Place.LISTED)
            due = listing.due
        else:
            self.put(target, due, Place.WAITING)
        for each in target.followers:
            each.listener.waits_until(due)
        if listing is not None:
            listing.consider()

    def _fail(self, target: Target[Any], error: Exception) -> None:
        self._remove(target)
        for each, own in zip(target.followers, _copies(error, len(target.followers)), strict=True):
            each.listener.failed(target.key, each.told, own)

    def _join_known(self, target: Target[Any], follower: Follower) -> None:
        """Follow what others follow already: what they know is news, and if their next look is far off, it comes."""
        target.followers = (*target.followers, follower)
        if target.place is Place.LOOKING:
            return
        now, listing, interval = self.loop.time(), target.group.listing, follower.pace.interval(1)
        is_listed = listing is not None and target.place is Place.LISTED
        due = listing.due if listing is not None and is_listed else target.due
        is_far = due > now + interval
        if target.seen is not None and not is_far:
            _tell(follower, target.key, target.seen, is_done=False)
        if is_far or target.place is Place.PARKED:
            self.put(target, max(now, target.floor), Place.NEW if target.place is Place.NEW else Place.WAITING)
        elif listing is not None and is_listed and interval < listing.interval:
            self.put(target, due, Place.WAITING)  # listings are too rare for it

    def _remove(self, target: Target[Any]) -> None:
        """Forget a target, and with the last of them everything but what the listing is worth."""
        group = target.group
        group.move(target, Place.GONE)
        del group.targets[target.key]
        self._parked.discard(target)
        self.schedule.drop(target)
        if group.targets:
            return
        if group.listing is not None:
            group.listing.stop()
        del self._groups[group.subject]
        if not self._groups:
            self.schedule.clear()

    def _group(self, subject: Subject[Any]) -> Group:
        group = self._groups.get(subject)
        if group is None:
            group = self._groups[subject] = Group(self, subject)
            if subject.lister is not None:
                group.listing = Listing(group, subject.lister, self._trusts.setdefault(subject, Trust()))
        return group


def _is_final(error: Exception, not_found: int) -> bool:
    """Whether another look cannot help."""
    if isinstance(error, NotFoundError):
        return not_found >= NOT_FOUND_LOOKS
    return not isinstance(error, PhotaError) or fault_of(error) is None


def _tell(follower: Follower, key: str, seen: Any, *, is_done: bool) -> bool:
    """Tell a follower if it is news; says whether it knows now."""
    told = follower.told
    if told is not None and not is_done and word_of(told) == word_of(seen):
        return True
    if not follower.listener.saw(key, told, seen, is_done=is_done):
        return False
    follower.told = seen
    return True


def _copies(error: Exception, count: int) -> Iterable[Exception]:
    """Return an error for each of several, since whoever catches one may write on it."""
    return [error, *(copy.copy(error) if isinstance(error, PhotaError) else error for _ in range(count - 1))][:count]
