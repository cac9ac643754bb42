"""What one test of the matrix tells: how many inputs it tried, and what was lost with them."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from phota_async import PhotaError

T = TypeVar("T")
Loss = Literal["paid_twice", "lost_results", "hangs", "foreign_exceptions"]
Leap = Callable[[float], None]
"""Moves the clock forward by seconds."""
LOSSES: tuple[Loss, ...] = ("paid_twice", "lost_results", "hangs", "foreign_exceptions")
PATIENCE = 20.0  # seconds after which a call that should have ended hangs


class Trial:
    """The account of one test. Any loss fails the test, and is counted.

    Usage::

        def test_names(fault: Trial) -> None:
            fault.tried(inputs=len(NAMES))

        async def test_resets(fault: Trial) -> None:
            outcome = await fault.end_of(client.generate("a sea"))  # a result, or one of our errors
            fault.lost("paid_twice", charges - results)  # 0 counts nothing
    """

    def __init__(self) -> None:
        self.inputs = 0
        self.losses: Counter[Loss] = Counter()

    def tried(self, inputs: int = 1) -> None:
        """Count inputs: each a fault with its own bytes, moment, name or value."""
        self.inputs += inputs

    def lost(self, kind: Loss, count: int = 1) -> None:
        """Count losses; negative numbers and 0 are none."""
        if count > 0:
            self.losses[kind] += count

    async def end_of(self, call: Awaitable[T], patience: float = PATIENCE) -> T | PhotaError:
        """Count one input and await what it does: a value, or an error of ours, within ``patience`` seconds."""
        self.tried()
        scope = asyncio.timeout(patience)
        try:
            async with scope:
                return await call
        except PhotaError as error:
            return error
        except Exception as error:
            self.lost("hangs" if scope.expired() and isinstance(error, TimeoutError) else "foreign_exceptions")
            raise

    def told(self) -> dict[str, Any]:
        """Return the account as plain data. A test that counts nothing has tried one input."""
        return {"inputs": self.inputs or 1, "losses": dict(self.losses)}
