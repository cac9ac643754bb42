"""A body's bytes as they arrive, in the pieces that the socket gave."""

from typing import Self

import aiohttp


class Chunks:
    """Iterates over a body without joining what arrived meanwhile: that would copy each byte once more.

    Usage::

        async for chunk in Chunks(response): scanner.feed(chunk)
    """

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._content = response.content
        self._read = response.content.readchunk

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while True:
            chunk, is_end_of_http_chunk = await self._read()
            if chunk:
                return chunk
            # aiohttp's stand-in for no body (204, 304) says "end of a chunk" for ever, without a turn of the loop
            if not is_end_of_http_chunk or self._content.at_eof():
                raise StopAsyncIteration
