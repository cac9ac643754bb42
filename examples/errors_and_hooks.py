"""What can go wrong, and how to see it: ``python examples/errors_and_hooks.py photo.jpg``."""

import asyncio
import sys

from phota_async import (
    ContentModerationError,
    InputError,
    InsufficientCreditsError,
    Limiter,
    PhotaClient,
    PhotaError,
    ResponseLostError,
)


async def main(photo: str) -> None:
    async with PhotaClient(limiter=Limiter(8, rate=5), hooks=[print]) as client:
        try:
            result = await client.edit(photo, "brighter", mode="job", timeout=900)
        except InputError as error:
            sys.exit(f"nothing was sent: {error}")
        except ContentModerationError as error:
            sys.exit(f"refused, nothing was charged: {error}")
        except InsufficientCreditsError as error:
            sys.exit(f"top up first: {error}")
        except ResponseLostError as error:
            result = await error.resume()  # the same job, not a second one
        except PhotaError as error:
            sys.exit(f"{error} (retryable: {error.retryable}, charged: {error.charged}, attempts: {error.attempts})")
        print(result, result.images[0])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
