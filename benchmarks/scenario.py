"""What a benchmark is: cases, contenders, and the numbers that must be reached."""

import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .measure import Run, Sample

OURS = "phota_async"
Samples = Mapping[tuple[str, str], Sequence[Sample]]
"""By case and contender."""


class Case(NamedTuple):
    """One size of a benchmark."""

    name: str
    contenders: tuple[str, ...]
    """The first is the floor."""
    seconds: float
    """Its share of the time."""
    body: str = "0x0"
    """Answers' pictures: ``4x8`` is four of 8 MB."""
    calls: int = 1
    """In a round, one after the other."""
    at_once: int = 1
    tls: bool = False
    photos: str = ""
    """Files to send, like ``body``."""
    pictures: int = 0
    """Bytes of pictures that a round moves, for the memory beside it."""


class Setup(NamedTuple):
    """What a contender is opened with."""

    origin: str
    case: Case
    directory: Path
    """The round's files; the photos to send lie in ``photos``."""
    authority: Path

    def address(self, shape: str, body: str | None = None) -> str:
        """Return where the server answers with a body in a contender's shape."""
        return f"{self.origin}/{shape}/{body or self.case.body}"

    def warm(self) -> "Setup":
        """Return a small twin, to import and open everything before memory and time count."""
        body = "1x1" if self.case.pictures else self.case.body
        photos = self.case.photos and "4x" + self.case.photos.partition("x")[2]
        return self._replace(case=self.case._replace(body=body, calls=1, photos=photos))

    def tls(self) -> ssl.SSLContext | None:
        """Return the context that trusts our server, or ``None`` without TLS."""
        return ssl.create_default_context(cafile=str(self.authority)) if self.case.tls else None

    def out(self) -> Path:
        """Return a new directory for a round's files, which is removed after it."""
        return Path(tempfile.mkdtemp(dir=self.directory, prefix="out-"))

    def photos(self) -> list[Path]:
        """Return the photos to send, made beforehand."""
        return sorted((self.directory / "photos").iterdir())[: int(self.case.photos.partition("x")[0])]


Open = Callable[[str, Setup], AbstractAsyncContextManager[Run]]


class Target(NamedTuple):
    """A number that must be reached."""

    what: str
    limit: float
    value: Callable[[Samples], float]
    unit: str = ""
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


class Scenario(NamedTuple):
    """One benchmark."""

    name: str
    about: str
    open: Open
    cases: tuple[Case, ...]
    targets: tuple[Target, ...] = ()
    warms_up: bool = True
    """Whether a small round comes first, so that imports do not count."""
    paired: bool = False
    """Whether every contender is measured beside the floor in its own process."""


def load(name: str) -> Scenario:
    """Return the scenario of a module."""
    found: Scenario = import_module(f".{name}", __package__).SCENARIO
    return found


def ratio(case: str, one: str, other: str, field: str = "wall") -> Callable[[Samples], float]:
    """Return the median over rounds of ``one / other``."""

    def value(samples: Samples) -> float:
        pairs = zip(samples[case, one], samples[case, other], strict=False)
        return float(median(getattr(a, field) / getattr(b, field) for a, b in pairs))

    return value


def typical(case: str, contender: str, field: str, unit: float = 1.0) -> Callable[[Samples], float]:
    """Return the median over rounds of a field, in units."""
    return lambda samples: median(getattr(sample, field) for sample in samples[case, contender]) / unit
