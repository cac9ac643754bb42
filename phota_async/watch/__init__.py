"""Follow many profiles or jobs: one poller looks at each once, however many wait for it."""

from .changes import WAITING_CHANGES, Watch, ids_of
from .pace import Pace, growing, steady
from .poller import Poller
from .pollers import Pollers
from .schedule import AT_ONCE as WORKERS
from .targets import Lister, Subject
from .waiting import wait_for

__all__ = [
    "WAITING_CHANGES",
    "WORKERS",
    "Lister",
    "Pace",
    "Poller",
    "Pollers",
    "Subject",
    "Watch",
    "growing",
    "ids_of",
    "steady",
    "wait_for",
]
