"""What a run of the demo can be told."""

from pathlib import Path

import msgspec

TIME_SCALE = 200.0  # a fast training of 400 s passes in two
CONCURRENCY = 8


class DemoOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one run."""

    out: Path = Path("phota-demo")
    """Where everything goes; made when it is not there."""
    live: bool = False
    """Whether to buy from the real service instead of asking a sandbox."""
    profiles: tuple[str, ...] = ()
    """Profile ids for a live run, which does not train: the first plays the astronaut, the second the cat."""
    time_scale: float = TIME_SCALE
    """Seconds of the sandbox's clock in a real one."""
    max_concurrency: int = CONCURRENCY
    """Requests of the batch that are begun and not final at a time."""
