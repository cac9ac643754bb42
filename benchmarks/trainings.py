"""Many trainings as a function of the time, and a raw loopback server that tells how they stand."""

import asyncio
import random
import time
from multiprocessing.connection import Connection

import msgspec

TRAINING = 1200.0  # seconds
STAGES = (("VALIDATING", 0.0), ("QUEUING", 0.05), ("IN_PROGRESS", 0.15), ("READY", 1.0))  # and when each begins
LISTING = b"/v1/phota/profiles/ids"


class Trainings:
    """Trainings that began at any time within the last twenty minutes.

    Args:
        count: How many.
        begin: ``time.monotonic()`` at which to begin; it is the same in all processes of a machine.
        has_statuses: Whether the listing tells how they stand.
    """

    def __init__(self, count: int, *, begin: float, has_statuses: bool = True) -> None:
        randomness = random.Random(count)
        self.ids = [f"prof_{randomness.getrandbits(96):024x}" for _ in range(count)]
        self.has_statuses = has_statuses
        self._begun = {each: begin - randomness.uniform(0.0, 0.99 * TRAINING) for each in self.ids}

    def status(self, profile_id: str, now: float) -> str:
        share = (now - self._begun[profile_id]) / TRAINING
        return next(name for name, begin in reversed(STAGES) if share >= begin)

    def changes(self, profile_id: str) -> list[tuple[str, float]]:
        """Return each status and the moment at which it begins."""
        return [(name, self._begun[profile_id] + share * TRAINING) for name, share in STAGES]

    def listing(self, now: float) -> bytes:
        elements = [{"profile_id": each, "status": self.status(each, now), "tag": "bench"} for each in self.ids]
        return msgspec.json.encode({"profiles": elements if self.has_statuses else self.ids})


class Service(asyncio.Protocol):
    """One connection, kept alive."""

    requests = 0
    connections = 0
    trainings: Trainings

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        Service.connections += 1

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        Service.connections -= 1

    def data_received(self, data: bytes) -> None:
        Service.requests += 1
        path = data.split(b" ", 2)[1]
        now = time.monotonic()
        if path.startswith(LISTING):
            body = self.trainings.listing(now)
        else:
            profile_id = path.split(b"/")[-2].decode()
            status = self.trainings.status(profile_id, now)
            body = b'{"profile_id":"%b","status":"%b","message":""}' % (profile_id.encode(), status.encode())
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


def serve(pipe: Connection, trainings: Trainings) -> None:
    """Say where, then answer each question with requests and open connections, until the pipe says ``None``."""
    Service.trainings = trainings
    asyncio.run(_serve(pipe))


async def _serve(pipe: Connection) -> None:
    server = await asyncio.get_running_loop().create_server(Service, "127.0.0.1", 0, backlog=4096)
    pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    while await asyncio.to_thread(pipe.recv) is not None:
        pipe.send((Service.requests, Service.connections))
    server.close()
