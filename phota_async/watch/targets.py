"""What is watched, and who waits for it: a subject, its targets, their followers."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import Context
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import msgspec

from .pace import Pace
from .schedule import Item
from .words import Status

if TYPE_CHECKING:
    from .listing import Listing
    from .poller import Poller

EARLY = 0.01  # share of an interval by which looks may come early together
MOST_EARLY = 0.2  # seconds


class Watched(Protocol):
    """What is seen: a profile or a job."""

    @property
    def status(self) -> Status: ...  # noqa: D102


V = TypeVar("V", bound=Watched)
Look = Callable[[str], Awaitable[tuple[V, float | None]]]
"""Asks once; returns what was seen and the seconds the service asks to wait."""


class Lister(msgspec.Struct, Generic[V], frozen=True, eq=False):
    """How one call tells of many targets."""

    fetch: Callable[[str | None], Awaitable[tuple[Mapping[str, V], float | None]]]
    """Lists those with a tag, or all; returns them by id and the seconds the service asks to wait."""
    tag: Callable[[V], str | None]
    """The tag of what was seen, where it tells."""
    stage: Callable[[V], int | None]
    """How far it has come, to find out which of two looks is older; ``None`` where the word is not known."""


class Subject(msgspec.Struct, Generic[V], frozen=True, eq=False, weakref=True):
    """A kind of things to watch."""

    look: Look[V]
    is_done: Callable[[V], bool]
    """Whether it will not change any more."""
    tell: Callable[[str, V | None, V], None]
    """Is told each change of a target once, however many wait for it."""
    lister: Lister[V] | None = None


class Listener(Protocol):
    """Who waits. It must not wait itself while it is told."""

    context: Context
    """Where it waits: looks on its behalf run in a copy."""

    @property
    def is_full(self) -> bool:
        """Whether it can take no more for now, so that nobody needs to look on its behalf."""
        ...

    def saw(self, key: str, previous: Any, seen: Any, *, is_done: bool) -> bool:
        """Hear of a change; says whether it was taken. The end of a target must be."""
        ...

    def waits_until(self, due: float) -> None:
        """Hear when the next look comes, in the loop's time."""
        ...

    def failed(self, key: str, previous: Any, error: Exception) -> None:
        """Hear that a target, last told as ``previous``, cannot be followed any more."""
        ...

    def ended(self, error: Exception) -> None:
        """Hear that nothing can be followed any more."""
        ...


class Follower:
    """One listener's interest in one target."""

    __slots__ = ("listener", "pace", "since", "told")

    def __init__(self, listener: Listener, pace: Pace, since: int) -> None:
        self.listener = listener
        self.pace = pace
        self.since = since  # looks before it came
        self.told: Any = None  # what it was told last


class Place(Enum):
    """Where a target stands."""

    NEW = "waits for its first look"
    WAITING = "waits for its next look"
    LOOKING = "is being looked at"
    LISTED = "waits for the listing"
    PARKED = "waits until somebody reads what was seen before"
    GONE = "is watched no more"


class Target(Item, Generic[V]):
    """One id that is watched, however many wait for it."""

    __slots__ = (
        *("again", "floor", "followers", "group", "heard", "key"),
        *("looks", "not_found", "place", "seen", "untold"),
    )

    def __init__(self, group: "Group", key: str) -> None:
        super().__init__()
        self.group = group
        self.key = key
        self.followers: tuple[Follower, ...] = ()
        self.seen: V | None = None
        self.place = Place.GONE
        self.looks = 0
        self.not_found = 0  # in a row
        self.floor = 0.0  # the service asked for no look before
        self.heard = 0  # the last listing that told of it
        self.again = False  # whether to look again at once after the look that is under way
        self.untold = False  # whether somebody was too full to hear of what was seen

    def interval(self) -> float:
        """Return the seconds until the next look, as the most impatient follower wants it."""
        if len(self.followers) == 1:  # as nearly all have it, and the listing asks thousands
            only = self.followers[0]
            return only.pace.interval(self.looks + 1 - only.since)
        return min(each.pace.interval(self.looks + 1 - each.since) for each in self.followers)

    def is_ready(self) -> bool:
        """Whether the poller lets it look now."""
        return self.group.poller.admit(self)

    def slack(self, now: float) -> float:
        """Return the seconds by which its look may come early; none before the moment that the service named."""
        return 0.0 if self.floor > now else min(MOST_EARLY, EARLY * self.interval())

    def context(self) -> Context:
        """Return the context of who has waited longest."""
        return self.followers[0].listener.context

    def run(self) -> Coroutine[Any, Any, None]:
        """Look once."""
        return self.group.poller.look(self)

    def __repr__(self) -> str:
        return f"<Target {self.key} {self.place.value}>"


class Group:
    """All targets of one subject."""

    def __init__(self, poller: "Poller", subject: Subject[Any]) -> None:
        self.poller = poller
        self.subject = subject
        self.targets: dict[str, Target[Any]] = {}
        self.listing: Listing | None = None
        self.fresh = 0
        """How many wait for their first look."""

    def move(self, target: Target[Any], place: Place) -> None:
        """Note where a target stands."""
        self.fresh += (place is Place.NEW) - (target.place is Place.NEW)
        target.place = place
