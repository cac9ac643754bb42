"""What the users of a soak do: follow trainings, buy and wait, take callbacks, all at once; and what they learn."""

import asyncio
import math
import time
from array import array
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from aiohttp import web

from phota_async import GenerateRequest, JobFailedError, PhotaClient, PhotaError, SignatureError, TrainingError

from .soak_plan import Life, Plan, Purchase, Wave, Way

PAUSE = 1.0  # seconds after which a call is made again that the service could not take
PATIENCE = 3600.0  # seconds; what hangs is ended with the soak
T = TypeVar("T")


class Learnt:
    """What was learnt and when. All room is taken beforehand, so that its growth is not taken for the client's."""

    def __init__(self, lives: Iterable[Life]) -> None:
        self._places = {life.key: place for place, life in enumerate(lives)}
        self._words: list[str | None] = [None] * len(self._places)
        self._begun = array("d", [math.nan]) * len(self._places)
        self._ended = array("d", [math.nan]) * len(self._places)
        self.contradictions = 0

    def begin(self, key: str) -> None:
        """Note that it is followed from now on."""
        self._begun[self._places[key]] = time.monotonic()

    def end(self, key: str, word: str) -> None:
        """Note how it ended, which may be learnt by several."""
        place = self._places[key]
        self.contradictions += self._words[place] not in (None, word)
        self._words[place], self._ended[place] = word, time.monotonic()

    def word(self, key: str) -> str | None:
        """Return how it ended, as far as anybody knows."""
        return self._words[self._places[key]]

    def times(self, key: str) -> tuple[float, float]:
        """Return when it was begun to be followed, and when all who did knew how it ended."""
        place = self._places[key]
        return self._begun[place], self._ended[place]


class Users:
    """All tasks of a web service that uses the client."""

    def __init__(self, client: PhotaClient, plan: Plan, learnt: Learnt, *, start: float, callback_url: str) -> None:
        self._client, self._plan, self._learnt = client, plan, learnt
        self._start, self._callback_url = start, callback_url

    async def run(self) -> None:
        """Do everything that is planned."""
        buyer = await self._client.for_user("buyers")
        async with asyncio.TaskGroup() as group:
            for waves in self._plan.trainings:
                group.create_task(self._follow(waves))
            for purchases in self._plan.buyers:
                group.create_task(self._buy(purchases, buyer))

    async def _until(self, seconds: float) -> None:
        await asyncio.sleep(self._start + seconds - time.monotonic())

    # Trainings

    async def _follow(self, waves: list[Wave]) -> None:
        """Follow one wave after the other, an end user's within a scope."""
        for wave in waves:
            await self._until(wave.begin)
            view = self._client if wave.tag is None else await _insist(self._client.for_user, wave.tag)
            for life in wave.lives:
                self._learnt.begin(life.key)
            if len(wave.lives) == 1:
                await self._wait(view, wave.lives[0])
            else:
                await self._watch(view, wave.lives)

    async def _wait(self, view: PhotaClient, life: Life) -> None:
        try:
            word = str((await view.profiles.wait(life.key, timeout=PATIENCE)).status)
        except TrainingError as error:
            word = error.status
        self._learnt.end(life.key, word)

    async def _watch(self, view: PhotaClient, lives: Iterable[Life]) -> None:
        async with view.profiles.watch([life.key for life in lives]) as changes:
            async for change in changes:
                if change.error is not None:
                    raise change.error
                if change.status is not None and change.status.is_terminal:
                    self._learnt.end(change.profile_id, str(change.status))

    # Jobs

    async def _buy(self, purchases: list[Purchase], buyer: PhotaClient) -> None:
        """Buy one after the other, each of them waited for by several."""
        for purchase in purchases:
            await self._until(purchase.begin)
            await _insist(self._submit, purchase.life.key)
            self._learnt.begin(purchase.life.key)
            async with asyncio.TaskGroup() as group:
                for way in purchase.ways:
                    group.create_task(self._learn(purchase, way, buyer))

    async def _submit(self, key: str) -> None:
        request = GenerateRequest(prompt="a sea")
        job = await self._client.jobs.submit(
            request, client_request_id=key, callback_url=self._callback_url, validate=False
        )
        assert job.job_id == key, job

    async def _learn(self, purchase: Purchase, way: Way, buyer: PhotaClient) -> None:
        key = purchase.life.key
        match way:
            case "wait":
                word = await self._end(self._client, key)
            case "scope":
                word = await self._end(buyer, key)
            case "watch":
                word = await self._last_change(key)
            case "impatient":
                with anyio.move_on_after(purchase.patience):
                    await self._end(self._client, key)
                return
        self._learnt.end(key, word)

    async def _end(self, view: PhotaClient, key: str) -> str:
        try:
            result = await view.jobs.wait(key, timeout=PATIENCE)
        except JobFailedError as error:
            return error.status
        assert result.job_id == key, result
        return "succeeded"

    async def _last_change(self, key: str) -> str:
        word = ""
        async with self._client.jobs.watch(key) as changes:
            async for change in changes:
                if change.error is not None:
                    raise change.error
                word = str(change.status)
        return word


async def _insist(call: Callable[[str], Awaitable[T]], about: str) -> T:
    """Call until the service can be reached, if that may be repeated without harm."""
    while True:
        try:
            return await call(about)
        except PhotaError as error:
            if not error.retryable:
                raise
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def taking_callbacks(client: PhotaClient, taken: Counter[str]) -> AsyncIterator[str]:
    """Take callbacks at an address, and count what they are taken for."""

    async def take(request: web.Request) -> web.Response:
        try:
            event = await client.webhooks.deliver(await request.read(), request.headers)
        except SignatureError:
            taken["refused"] += 1
            return web.Response(status=401)
        taken["repeated" if event.is_repeated else "believed"] += 1
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
