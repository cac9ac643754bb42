"""Find the poller of the running event loop: one for each client, loop and process."""

import asyncio
import os
from weakref import WeakKeyDictionary

from ..errors import ConfigError
from .poller import Poller

_inherited: list[object] = []  # pollers of a parent process: letting them go would complain about its tasks


class Pollers:
    """The pollers of a client. One without anybody who waits has neither task nor timer, and needs no closing."""

    def __init__(self) -> None:
        self._pollers: WeakKeyDictionary[asyncio.AbstractEventLoop, Poller] = WeakKeyDictionary()
        self._pid = os.getpid()

    def here(self) -> Poller:
        """Return the running loop's poller."""
        self._leave_to_parent()
        loop = asyncio.get_running_loop()
        poller = self._pollers.get(loop)
        if poller is None:
            for ended in [each for each in self._pollers if each.is_closed()]:
                del self._pollers[ended]  # a poller refers to its loop: they would keep each other
            poller = self._pollers[loop] = Poller()
        return poller

    async def aclose(self) -> None:
        """Tell whoever waits on the running loop that the client is closed."""
        self._leave_to_parent()
        poller = self._pollers.pop(asyncio.get_running_loop(), None)
        if poller is not None:
            await poller.aclose(ConfigError("the client is closed"))

    def _leave_to_parent(self) -> None:
        if self._pid != os.getpid():
            _inherited.append(self._pollers)
            self._pollers, self._pid = WeakKeyDictionary(), os.getpid()

    def __repr__(self) -> str:
        return f"<Pollers of {len(self._pollers)} loops>"
