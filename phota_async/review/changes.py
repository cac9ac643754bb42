"""Which items changed, in which order, and who did it: what open pages wait for."""

import asyncio

import msgspec


class Change(msgspec.Struct, frozen=True):
    """What happened to an item."""

    item: int
    """Its number."""
    tab: str
    """The page that did it; ``""`` when none did."""


class Changes:
    """A history that can be waited for. Versions count changes since the server began."""

    def __init__(self) -> None:
        self._history: list[Change] = []
        self._moved = asyncio.Event()
        self._over = asyncio.Event()

    @property
    def is_over(self) -> bool:
        """Whether there will be no more."""
        return self._over.is_set()

    @property
    def version(self) -> int:
        """How many changes there were."""
        return len(self._history)

    def add(self, item: int, tab: str) -> None:
        """Tell that an item changed."""
        self._history.append(Change(item, tab))
        self._wake()

    def end(self) -> None:
        """Let everybody go who waits."""
        self._over.set()
        self._wake()

    async def over(self) -> None:
        """Wait for the end."""
        await self._over.wait()

    def since(self, version: int) -> dict[int, str]:
        """Return the items that changed behind a version, each with the page that changed it last."""
        return {change.item: change.tab for change in self._history[max(0, version) :]}

    async def wait(self, version: int, seconds: float) -> None:
        """Wait until there is a change behind a version, for so many seconds at most."""
        try:
            async with asyncio.timeout(seconds):
                while self.version <= version and not self.is_over:
                    await self._moved.wait()
        except TimeoutError:
            return

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Changes {self.version}{' over' if self.is_over else ''}>"
