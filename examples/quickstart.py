"""Enhance one photo: ``python examples/quickstart.py photo.jpg``.

The key is taken from PHOTA_API_KEY. To try it without one, start ``phota sandbox`` and set the two variables
that it prints.
"""

import asyncio
import sys

from phota_async import PhotaClient


async def main(photo: str) -> None:
    async with PhotaClient() as client:
        result = await client.enhance(photo)
        for path in await result.save("out", stem="enhanced", exists="number"):
            print(path)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
