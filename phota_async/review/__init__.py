"""The review: a local page on which a person compares each source with its variations, and picks the best.

    async with ReviewServer(latest_run("results")) as server:
        print(server.url)
        await server.finished()
    for line in chosen(latest_run("results"), to="picks"):
        print(line.key, line.choice, line.exported)

What is decided stands in ``picks.jsonl`` beside the run's records, a line a decision, each on the disk before the page
shows it. Needs the extra ``images`` (Pillow); ``heic`` for HEIC photos.
"""

from typing import TYPE_CHECKING, Any

from .events import Event
from .exporting import Chosen, chosen
from .journal import Journal, read_picks
from .picks import Ask, Choice, Picks

if TYPE_CHECKING:
    from .asking import Asking
    from .server import ReviewServer

__all__ = [
    "Ask",
    "Asking",
    "Choice",
    "Chosen",
    "Event",
    "Journal",
    "Picks",
    "ReviewServer",
    "chosen",
    "read_picks",
]

_LATE = {"Asking": "asking", "ReviewServer": "server"}  # they need the network; reading picks does not


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - once a name

    value = getattr(import_module(f".{_LATE[name]}", __name__), name)
    globals()[name] = value
    return value
