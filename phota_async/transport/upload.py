"""Stream a request's body: exact length, nothing whole in memory, and a note of whether sending began."""

from collections.abc import Sequence
from typing import Any

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from ..errors import InputError
from ..media.sources import Source, write_all
from ..telling import Meter


class StreamedBody(aiohttp.payload.Payload):
    """One attempt's body; a new one for each attempt.

    Attributes:
        started: Whether the first byte may have left: after that a lost answer is a lost answer.
        error: Why a photo could not be read while it was sent.
    """

    _autoclose = True  # nothing to close: sources hold no files open

    def __init__(self, parts: Sequence[bytes | Source], meter: Meter | None = None) -> None:
        super().__init__(None, content_type="application/json")
        self._parts = parts
        self._size = body_size(parts)
        self._meter = meter
        self.started = False
        self.error: InputError | None = None

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002 - aiohttp's signature
        """Not offered: the body never exists as one text."""
        raise TypeError("a streamed body has no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the body."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:  # noqa: ARG002
        """Send the body; aiohttp turns what is raised here into its own error, so ours is noted."""
        transport = getattr(writer, "transport", None)
        if transport is None or transport.is_closing():  # a kept connection that the service has closed meanwhile
            raise ConnectionResetError("closed before anything was sent")
        self.started = True
        try:
            if self._meter is None:
                await write_all(self._parts, writer.write)
                return
            await write_all(self._parts, self._meter.through(writer.write))
            self._meter.end()
        except InputError as error:
            self.error = error
            raise ConnectionAbortedError("the body cannot be completed") from None


def body_size(parts: Sequence[bytes | Source]) -> int:
    """Return the exact length of a body in bytes."""
    return sum(len(part) if isinstance(part, bytes) else part.encoded_size for part in parts)


def photo_size(parts: Sequence[Any]) -> int:
    """Return the bytes of photos in a body, for the limiter."""
    return sum(part.encoded_size for part in parts if not isinstance(part, bytes))
