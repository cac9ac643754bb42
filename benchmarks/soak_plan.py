"""What happens in a soak, all of it random and decided beforehand: trainings, purchases, and an outage."""

import itertools
import random
from collections.abc import Iterator
from typing import Literal, NamedTuple

TRAINING = (1 / 12, 1 / 3)  # of the soak's seconds
JOB = (1 / 60, 1 / 6)
LAST_END = 0.85  # of the soak's seconds: nothing that is begun ends later, but for what an outage holds up
TRAINING_WORDS = ("VALIDATING", "QUEUING", "IN_PROGRESS")
TRAINING_ENDS = {"READY": 85, "ERROR": 10, "INACTIVE": 5}  # and how often of a hundred
JOB_WORDS = ("queued", "running")
JOB_ENDS = {"succeeded": 90, "failed": 10}
ODD = 0.3  # share of lives with a word on their way that no release knows
ODD_WORDS = ("CHECKING_TWICE", "NEARLY_THERE", "ON_HOLD")
LONGEST_INTERVAL = 15.0  # seconds
WATCHED, SCOPED = 200, 50  # trainings of one watch, and of an end user's
GUEST_EVERY = 4  # of trainings that are waited for alone, one is an end user's

Callback = Literal["once", "twice", "late", "forged", "never"]
CALLBACKS: tuple[Callback, ...] = ("once", "twice", "late", "forged", "never")
Way = Literal["wait", "scope", "watch", "impatient"]
WAYS: tuple[Way, ...] = ("wait", "scope", "watch", "impatient")


class Life(NamedTuple):
    """A training or a job: its words, and the seconds from its begin at which each of them begins."""

    key: str
    words: tuple[tuple[str, float], ...]

    @property
    def last(self) -> str:
        return self.words[-1][0]

    @property
    def seconds(self) -> float:
        return self.words[-1][1]

    def word(self, age: float) -> str:
        return next((word for word, begin in reversed(self.words) if age >= begin), self.words[0][0])


class Wave(NamedTuple):
    """Trainings that begin together, and are followed together."""

    begin: float
    tag: str | None
    """The end user whose they are: followed within a scope that is opened for it."""
    lives: tuple[Life, ...]


class Purchase(NamedTuple):
    """A job, whose key is the ``client_request_id`` too."""

    begin: float
    """Seconds from the soak's begin at which it is submitted, or later."""
    life: Life
    callback: Callback
    ways: tuple[Way, ...]
    """How it is waited for, each by a task of its own."""
    patience: float
    """Seconds after which the impatient have gone."""


class Outage(NamedTuple):
    """When the service is down: it refuses connections first, and then answers with 503."""

    begin: float
    middle: float
    end: float


class Plan:
    """All that happens.

    Args:
        seed: Of everything that is random.
        seconds: How long it lasts.
        profiles: Trainings at once; each that ends is followed by another.
        jobs: Jobs at once, likewise.
    """

    def __init__(self, *, seed: int, seconds: float, profiles: int, jobs: int) -> None:
        self.seed, self.seconds = seed, seconds
        self._randomness = random.Random(seed)
        self._numbers = itertools.count()
        self.interval = min(LONGEST_INTERVAL, seconds / 10)
        self.outage = Outage(seconds * 15 / 30, seconds * 16 / 30, seconds * 17 / 30)
        alone, scoped = profiles // 2, profiles // 10
        self.trainings = [
            self._waves(1, None if number % GUEST_EVERY else f"guest-{number}") for number in range(alone)
        ]
        for number, size in enumerate(_portions(scoped, SCOPED)):
            self.trainings.append(self._waves(size, f"user-{number}"))
        self.trainings += [self._waves(size, None) for size in _portions(profiles - alone - scoped, WATCHED)]
        self.buyers = [self._purchases() for _ in range(jobs)]
        self.purchases = [*itertools.chain(*self.buyers)]

    @property
    def jobs(self) -> Iterator[Life]:
        return (each.life for each in self.purchases)

    @property
    def profiles(self) -> Iterator[Life]:
        return (life for wave in itertools.chain(*self.trainings) for life in wave.lives)

    def _waves(self, size: int, tag: str | None) -> list[Wave]:
        """Return what one task follows: wave after wave."""
        waves, begin = list[Wave](), self._randomness.uniform(0.0, self.interval)
        while begin + TRAINING[1] * self.seconds < LAST_END * self.seconds or not waves:
            lives = tuple(self._training() for _ in range(size))
            waves.append(Wave(begin, tag, lives))
            begin += max(life.seconds for life in lives) + self._randomness.uniform(0.0, self.interval)
        return waves

    def _purchases(self) -> list[Purchase]:
        purchases, begin = list[Purchase](), self._randomness.uniform(0.0, self.interval)
        while begin + JOB[1] * self.seconds < LAST_END * self.seconds or not purchases:
            purchases.append(self._purchase(begin))
            begin += purchases[-1].life.seconds + self._randomness.uniform(0.0, self.interval / 2)
        return purchases

    def _training(self) -> Life:
        seconds = self._randomness.uniform(*TRAINING) * self.seconds
        return self._life(f"prof_{next(self._numbers):06}", seconds, TRAINING_WORDS, TRAINING_ENDS)

    def _purchase(self, begin: float) -> Purchase:
        choose = self._randomness
        seconds = choose.uniform(*JOB) * self.seconds
        life = self._life(f"job_{next(self._numbers):06}", seconds, JOB_WORDS, JOB_ENDS)
        ways = ("wait", *choose.choices(WAYS, k=choose.randint(0, 3)))
        return Purchase(begin, life, choose.choice(CALLBACKS), ways, choose.uniform(0.1, 0.9) * seconds)

    def _life(self, key: str, seconds: float, usual: tuple[str, ...], ends: dict[str, int]) -> Life:
        choose, words = self._randomness, [*usual]
        if choose.random() < ODD:
            words.insert(choose.randint(1, len(words)), choose.choice(ODD_WORDS))
        begins = [0.0, *sorted(choose.uniform(0.0, seconds) for _ in words[1:]), seconds]
        (end,) = choose.choices([*ends], [*ends.values()])
        return Life(key, tuple(zip([*words, end], begins, strict=True)))


def _portions(count: int, size: int) -> list[int]:
    """Return how many go together, all of a size but for the last."""
    return [min(size, count - begin) for begin in range(0, count, size)]


def _guest(number: int) -> str | None:
    return None if number % GUEST_EVERY else f"guest-{number}"
