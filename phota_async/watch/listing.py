"""Learn from one call what thousands of single ones would tell, for as long as it can be believed.

Whether the service's listing carries statuses, and how fresh they are, is not published. So it is used for many
targets only, and found out about:

* What it does not tell of is looked at singly.
* A status that means the end is not taken from it: one single call confirms it. An end cannot be taken back, since
  nobody looks again; the single call is the documented one, and it brings the reason of an ERROR, which the listing
  does not. It costs one call in a target's life. However many end together, these calls come within what is left of
  the interval, as fast as the few at once allow.
* Shortly before each third listing one target is looked at singly. Where the listing, which is younger, is behind
  the single call, it is left alone for a good while, longer each time.
"""

import logging
import math
import random
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import PhotaError
from ..retry import fault_of
from .pace import scattered
from .schedule import FIRST_OF_ALL, Item
from .targets import Group, Lister, Place, Target
from .trust import Trust
from .words import word_of

logger = logging.getLogger("phota_async")

LEAST = 8  # targets below which single calls cost less
WORTH = 10  # entries of a listing that cost as much as one single call
EARLIEST, LATEST = 0.9, 0.95  # shares of an interval after which a listing comes: it leaves time to confirm
CONFIRM = 0.03  # share of an interval in which the calls begin that confirm ends
VERIFY_EVERY = 3  # listings
LEAD, MOST_LEAD = 0.05, 1.0  # share of an interval, and seconds, by which a single call comes before its listing
RETRY = 2.0  # seconds until a listing that failed is asked for once more, at most a tenth of the interval


class Listing(Item):
    """The one call that stands for many of a group's targets."""

    __slots__ = ("_ends", "_entries", "_group", "_lister", "_probe", "_trust", "interval", "tick")

    def __init__(self, group: Group, lister: Lister[Any], trust: Trust) -> None:
        super().__init__()
        self._group = group
        self._lister = lister
        self._trust = trust
        self._entries = 0  # of the last listing
        self._ends: set[str] = set()  # said to be done, and about to be confirmed
        self._probe: Probe | None = None
        self.interval = 0.0
        """Seconds between two listings; targets with a shorter interval are looked at singly."""
        self.tick = 0
        """How many listings there were."""

    # For the poller

    def consider(self) -> None:
        """Ask for a listing if there is enough to learn from it, at once if many wait for their first look."""
        need, now = self._need(), self._now()
        if self.task is not None or len(self._group.targets) < need or now < self._trust.floor:
            return
        is_on = self.turn > 0
        if (is_on and self._group.fresh >= need) or (not is_on and self._trust.holds(now)):
            self._group.poller.schedule.put(self, FIRST_OF_ALL)

    def holds(self, target: Target[Any]) -> bool:
        """Whether a target whose turn it is waits for the listing that is under way instead."""
        return self.task is not None and target.key not in self._ends and target.interval() >= self.interval

    def takes(self, target: Target[Any], due: float) -> bool:
        """Whether the next listing will tell of a target in time."""
        is_on = self.turn > 0 or self.task is not None
        return is_on and 0 < target.heard == self.tick and self.due <= due

    def compare(self, target: Target[Any], seen: Any) -> None:
        """Hold what a single call tells against what the listing told."""
        if self._probe is not None and self._probe.key == target.key:
            self._probe.told = word_of(seen)
        if target.key in self._ends:
            self._ends.discard(target.key)
            if not self._group.subject.is_done(seen):
                self._give_up("it tells of an end that is none")

    def stop(self) -> None:
        """Ask for nothing any more, since nobody waits."""
        self._group.poller.schedule.drop(self)

    # Its turn

    async def run(self) -> None:
        """Ask for the listing and tell what it tells."""
        group = self._group
        self.interval = self.interval or self._choose_interval() or math.inf
        try:
            listed, asked = await self._lister.fetch(self._common_tag())
        except PhotaError as error:
            self.task = None
            self._fail(error)
            return
        except Exception:
            self.task = None
            logger.exception("the listing could not be read")
            self._give_up("it cannot be read")
            return
        self.task = None  # the rest is done in one step
        self._trust.worked()
        self.tick += 1
        self._entries = len(listed)
        if self._is_behind(listed):
            self._give_up("it is behind what single calls tell")
        elif self._apply(listed) < min(LEAST, len(group.targets)):
            self._give_up("it tells too few statuses")
        else:
            self._go_on(asked or 0.0)

    def _apply(self, listed: Mapping[str, Any]) -> int:
        """Tell what the listing tells; returns of how many targets it knows."""
        known, ends, missing = 0, list[Target[Any]](), list[Target[Any]]()
        for target in list(self._group.targets.values()):
            seen = listed.get(target.key)
            if seen is None or not word_of(seen):
                missing.append(target)
                continue
            known, target.heard = known + 1, self.tick
            if _is_old_news(target, seen) or target.place in (Place.LOOKING, Place.PARKED):
                continue  # a single call knows better; whoever is to be told takes no more
            if self._group.subject.is_done(seen):
                ends.append(target)
            else:
                self._tell(target, seen)
        self._ends = {target.key for target in ends}
        self._look_singly(ends, CONFIRM)
        self._look_singly([each for each in missing if each.place is Place.LISTED])
        return known

    def _tell(self, target: Target[Any], seen: Any) -> None:
        poller = self._group.poller
        poller.saw(target, seen)
        if target.interval() >= self.interval:
            poller.schedule.take_off(target)
            self._group.move(target, Place.LISTED)

    def _go_on(self, asked: float) -> None:
        """Let the next listing come when the most impatient of many want it."""
        interval = self._choose_interval()
        if interval is None:
            self._leave_few()
            return
        self._look_singly([each for each in self._listed() if each.interval() < interval])
        self.interval, self._trust.floor = interval, self._now() + asked
        wait = max(interval * random.uniform(EARLIEST, LATEST), asked)  # noqa: S311 - no secret
        self._group.poller.schedule.put(self, self._now() + wait)
        self._choose_probe()

    def _leave_few(self) -> None:
        """Look singly at targets that are too few for it; which is its own fault only where it is long."""
        if len(self._group.targets) < LEAST:
            self._let_go()
        else:
            self._give_up("it is too long for so few")

    def _fail(self, error: PhotaError) -> None:
        """Ask once more where that may help; then single calls tell what is wrong, or do without."""
        if fault_of(error) is None:
            self._give_up(f"it answers with {type(error).__name__}")
        elif self._trust.failed(self._now()):
            wait = getattr(error, "retry_after", None) or min(RETRY, self.interval / 10)
            self._trust.floor = self._now() + wait
            self._group.poller.schedule.put(self, self._trust.floor)
        else:
            self._note(f"it fails with {type(error).__name__}")
            self._let_go()

    def _give_up(self, why: str) -> None:
        """Believe it no more for a good while."""
        self._trust.doubt(self._now())
        self._note(why)
        self._let_go()

    def _note(self, why: str) -> None:
        pause = self._trust.until - self._now()
        logger.info("the listing of profiles is not used for the next %.0f s: %s", pause, why)

    def _let_go(self) -> None:
        """Look at everything singly, by and by."""
        self._group.poller.schedule.take_off(self)
        self._entries, self._probe, self.interval = 0, None, 0.0
        self._ends.clear()
        self._look_singly(self._listed())

    def _look_singly(self, targets: Iterable[Target[Any]], share: float = 1.0) -> None:
        """Give each a turn within a share of its interval."""
        for place, target in enumerate(targets, 1):
            wait = scattered(place, target.interval() * share)
            self._group.poller.put(target, max(self._now() + wait, target.floor), Place.WAITING)

    # What it is worth

    def _need(self) -> int:
        """Return how many targets one listing must stand for."""
        return max(LEAST, math.ceil(self._entries / WORTH))

    def _choose_interval(self) -> float | None:
        """Return the shortest interval that enough targets share or go below."""
        need, intervals = self._need(), sorted(each.interval() for each in self._group.targets.values())
        return intervals[need - 1] if len(intervals) >= need else None

    def _common_tag(self) -> str | None:
        tags = {None if each.seen is None else self._lister.tag(each.seen) for each in self._group.targets.values()}
        return tags.pop() if len(tags) == 1 else None

    def _is_behind(self, listed: Mapping[str, Any]) -> bool:
        """Whether it tells something older than single calls did."""
        probe, stage = self._probe, self._lister.stage
        if probe is not None and probe.key in listed and probe.is_behind(word_of(listed[probe.key])):
            return True
        for target in self._group.targets.values():
            told = listed.get(target.key)
            if told is None or target.seen is None or told.status == target.seen.status:
                continue
            then, now = stage(target.seen), stage(told)
            if then is not None and now is not None and now < then and target.place is not Place.LOOKING:
                return True
        return False

    def _choose_probe(self) -> None:
        """Let one target be looked at singly, shortly before the next listing tells of it."""
        self._probe = None
        listed = [] if self.tick % VERIFY_EVERY else self._listed()
        if not listed:
            return
        target = random.choice(listed)  # noqa: S311 - no secret
        self._probe = Probe(target.key, word_of(target.seen))
        lead = min(MOST_LEAD, LEAD * self.interval)
        self._group.poller.put(target, max(self.due - lead, target.floor), Place.WAITING)

    def _listed(self) -> "list[Target[Any]]":
        return [each for each in self._group.targets.values() if each.place is Place.LISTED]

    def _now(self) -> float:
        return self._group.poller.loop.time()

    def __repr__(self) -> str:
        return f"<Listing every {self.interval:g} s, {len(self._listed())} targets>"


def _is_old_news(target: Target[Any], seen: Any) -> bool:
    """Whether nothing needs doing: of thousands nearly all are as they were."""
    is_same = target.seen is not None and target.seen.status == seen.status
    return is_same and target.place is Place.LISTED and not target.untold


class Probe:
    """One target that is looked at singly, to find out whether the listing is behind."""

    __slots__ = ("before", "key", "told")

    def __init__(self, key: str, before: str) -> None:
        self.key = key
        self.before = before  # the listing's word
        self.told = before  # the single call's, which came later

    def is_behind(self, word: str) -> bool:
        """Whether a still later listing repeats what the single call has found out to be over."""
        return self.told != self.before and word == self.before
