"""A process that sends paid calls as fast as a rate that it shares lets it.

    python rate_worker.py '{"server": ..., "base_url": ..., "limit": 20, "period": 2, "calls": 15}'

Prints ``ready`` and waits for a line, sends, and prints when it sent what, in the seconds of the machine, as JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any

from phota_async import ClientConfig, GenerateRequest, Limiter, PhotaClient, PostgresRate, RedisRate, RetryPolicy
from phota_async.transport.attempts import Sending

LATENESS = 0.1  # seconds
CONFIG = ClientConfig(retry=RetryPolicy(backoff=0.01, tokens=10**6), timeout=60)
sent: list[float] = []


def note_sends() -> None:
    request = Sending._request

    def noting(sending: Any, *arguments: Any) -> Any:
        sent.append(time.monotonic())
        return request(sending, *arguments)

    setattr(Sending, "_request", noting)  # noqa: B010 - in its place


async def work(*, server: str, base_url: str, limit: int, period: float, calls: int) -> None:
    kind = RedisRate if server.startswith("redis://") else PostgresRate
    async with (
        kind(server, limit, period=period, lateness=LATENESS) as rate,
        PhotaClient("sandbox-key", base_url, config=CONFIG, limiter=Limiter(8, paid_rate=rate)) as client,
    ):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(*(client.send(GenerateRequest(prompt=f"boat {number}")) for number in range(calls)))


if __name__ == "__main__":
    settings: dict[str, Any] = json.loads(sys.argv[1])
    note_sends()
    asyncio.run(work(**settings))
    sys.stdout.write(json.dumps(sent) + "\n")
