"""A loopback service that lives through a soak's plan: it trains, works, calls back, and is down for a while."""

import asyncio
import hashlib
import hmac
import itertools
import random
import socket
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

import aiohttp
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from .soak_plan import Life, Plan, Purchase

SECRET = "the account's secret"
PATH = "/v1/phota"
QUARTERS = 4
LOST = 0.03  # share of submissions whose answer is lost: the job is made
LATE = 1.5  # intervals after a job's end, which a poll has told by then
LISTED = 4.0  # intervals for which a training is listed after its end
RETRY_AFTER, SAID = "1", 1 / 3  # seconds, and the share of 503s that say them
LINGER = 1.0  # seconds in which the ends of connections arrive


class Account(NamedTuple):
    """What the service has to say at the end."""

    ends: dict[str, tuple[str, float]]
    """Each training's and job's last word, and the monotonic clock's moment at which it came."""
    requests: list[Counter[str]]
    """By kind, for each quarter of the time."""
    busiest: int
    """Requests in one second, at the most."""
    connections: int
    """Open at once, at the most."""
    made: int
    """Jobs."""
    resubmitted: int
    """Submissions of jobs that had been made before."""
    callbacks: Counter[int]
    """By the status that they were answered with."""


class Service:
    """What is trained and made, and the routes to it."""

    def __init__(self, plan: Plan) -> None:
        self._runner: web.AppRunner
        self.is_failing = False
        self.is_up = asyncio.Event()
        self._plan, self._randomness = plan, random.Random(plan.seed)
        self._purchases = {each.life.key: each for each in plan.purchases}
        self._lives: dict[str, tuple[Life, float]] = {}  # and when they begin, by the monotonic clock
        self._listed: dict[str | None, list[tuple[Life, float, str | None]]] = defaultdict(list)  # by tag, and all
        self._callbacks = Callbacks(self.is_up)
        self._requests = [Counter[str]() for _ in range(QUARTERS)]
        self._seconds = Counter[int]()
        self._most_connections = self._made = self._resubmitted = 0

    def begin(self, start: float) -> None:
        """Let the time begin."""
        self._start = start
        for wave in itertools.chain(*self._plan.trainings):
            for life in wave.lives:
                self._lives[life.key] = life, start + wave.begin
                for tag in {wave.tag, None}:
                    self._listed[tag].append((life, start + wave.begin, wave.tag))
        self.is_up.set()

    async def until(self, seconds: float) -> None:
        """Wait until so many seconds after the begin."""
        await asyncio.sleep(self._start + seconds - time.monotonic())

    async def account(self) -> Account:
        """Give an account when all callbacks are sent."""
        return Account(
            ends={key: (life.last, born + life.seconds) for key, (life, born) in self._lives.items()},
            requests=self._requests,
            busiest=max(self._seconds.values()),
            connections=self._most_connections,
            made=self._made,
            resubmitted=self._resubmitted,
            callbacks=await self._callbacks.finish(),
        )

    # Over HTTP

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncIterator[None]:
        """Serve; at the end connections are cut, and new ones refused."""
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=0.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port, backlog=1024, reuse_port=True).start()
        try:
            yield
        finally:
            await self._runner.cleanup()

    @property
    def connections(self) -> int:
        """Return how many are open."""
        server = self._runner.server
        return len(server.connections) if server else 0

    def _app(self) -> web.Application:
        """Return the routes, for one more time: an application serves once."""
        app = web.Application(middlewares=[self._count])
        app.router.add_get(f"{PATH}/profiles/ids", self._list, name="listings")
        app.router.add_get(f"{PATH}/profiles/{{key}}/status", self._tell_profile, name="profiles")
        app.router.add_get(f"{PATH}/jobs/{{key}}", self._tell_job, name="jobs")
        app.router.add_post(f"{PATH}/generate", self._submit, name="submissions")
        app.router.add_get(f"{PATH}/webhook-secret", self._tell_secret, name="secrets")
        return app

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        age = time.monotonic() - self._start
        quarter = min(int(age / self._plan.seconds * QUARTERS), QUARTERS - 1)
        self._requests[quarter][request.match_info.route.name or "unknown"] += 1
        self._seconds[int(age)] += 1
        self._most_connections = max(self._most_connections, self.connections)
        if self.is_failing:
            says = self._randomness.random() < SAID
            return web.Response(status=503, headers={"Retry-After": RETRY_AFTER} if says else {})
        return await handler(request)

    async def _list(self, request: web.Request) -> web.Response:
        now, kept = time.monotonic(), LISTED * self._plan.interval
        elements = [
            {"profile_id": life.key, "status": life.word(now - born), "tag": tag}
            for life, born, tag in self._listed[request.query.get("tag")]
            if born <= now < born + life.seconds + kept
        ]
        return _json({"profiles": elements})

    async def _tell_profile(self, request: web.Request) -> web.Response:
        life, age = self._find(request)
        return _json({"profile_id": life.key, "status": life.word(age), "message": ""})

    async def _tell_job(self, request: web.Request) -> web.Response:
        life, age = self._find(request)
        return _json(_job(life, age))

    async def _tell_secret(self, _: web.Request) -> web.Response:
        return _json({"webhook_secret": SECRET})

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        purchase = self._purchases[body["client_request_id"]]
        life = purchase.life
        if life.key in self._lives:
            self._resubmitted += 1
        else:
            self._made += 1
            self._lives[life.key] = life, time.monotonic()
            self._callbacks.plan(purchase, body["callback_url"], LATE * self._plan.interval)
        if self._randomness.random() < LOST and request.transport is not None:
            request.transport.abort()
        return _json({"job_id": life.key, "status": "queued"}, status=202)

    def _find(self, request: web.Request) -> tuple[Life, float]:
        """Return what is asked for, and its age."""
        found = self._lives.get(request.match_info["key"])
        if found is None:
            raise web.HTTPNotFound
        return found[0], time.monotonic() - found[1]


class Callbacks:
    """Tells addresses how jobs ended, as badly as was planned."""

    def __init__(self, is_up: asyncio.Event) -> None:
        self._is_up = is_up
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers = Counter[int]()
        self._session = aiohttp.ClientSession()

    def plan(self, purchase: Purchase, url: str, late: float) -> None:
        """Let a job's callback come when it is due; ``late`` is how many seconds too late some do."""
        life, kind = purchase.life, purchase.callback
        waits = {"never": None, "forged": life.seconds / 2, "late": life.seconds + late}.get(kind, life.seconds)
        if waits is not None:
            task = asyncio.get_running_loop().create_task(self._call(url, purchase, waits))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def finish(self) -> Counter[int]:
        """Wait until all are sent; return what they were answered with."""
        await asyncio.gather(*self._tasks)
        await self._session.close()
        return self._answers

    async def _call(self, url: str, purchase: Purchase, waits: float) -> None:
        await asyncio.sleep(waits)
        await self._is_up.wait()
        life, kind = purchase.life, purchase.callback
        body = msgspec.json.encode({"job_id": life.key, "status": life.last})
        for _ in range(2 if kind == "twice" else 1):
            header = _sign(body, "a guess" if kind == "forged" else SECRET)
            async with self._session.post(url, data=body, headers={"X-Phota-Signature": header}) as answer:
                self._answers[answer.status] += 1


def _job(life: Life, age: float) -> dict[str, Any]:
    told: dict[str, Any] = {"job_id": life.key, "status": life.word(age)}
    if age >= life.seconds and life.last == "succeeded":
        told["result"] = {"known_subjects": {"counts": {}}, "download_urls": [f"http://127.0.0.1/{life.key}.jpg"]}
    elif age >= life.seconds:
        told["error"] = {"code": "NO_LUCK", "message": "the model failed"}
    return told


def _sign(body: bytes, secret: str) -> str:
    moment = int(time.time())
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


@contextmanager
def _kept_port() -> Iterator[int]:
    """Keep a port that nobody else takes while the service does not listen on it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def serve(pipe: Connection, plan: Plan) -> None:
    """Live through a plan, in step with the other end of the pipe.

    It is told where to call; tells when the time begins; at the other's word gives its account; and at the next
    says how many connections are left.
    """
    with suppress(EOFError):  # the other has given up
        asyncio.run(_serve(pipe, plan))


async def _serve(pipe: Connection, plan: Plan) -> None:
    service = Service(plan)
    outage = plan.outage

    async def hear() -> Any:
        return await asyncio.to_thread(pipe.recv)

    with _kept_port() as port:
        async with service.listening(port):
            pipe.send(f"http://127.0.0.1:{port}{PATH}")
            service.begin(await hear())
            await service.until(outage.begin)
            service.is_up.clear()
        await service.until(outage.middle)
        service.is_failing = True
        async with service.listening(port):
            await service.until(outage.end)
            service.is_failing = False
            service.is_up.set()
            await hear()
            pipe.send(await service.account())
            await hear()
            pipe.send(await _left(service))


async def _left(service: Service) -> int:
    """Return the connections that are still open when all that were closed have told so."""
    for _ in range(100):
        if not service.connections:
            break
        await asyncio.sleep(LINGER / 100)
    return service.connections
