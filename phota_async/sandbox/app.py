"""Run a local stand-in of the Phota API."""

from contextlib import AsyncExitStack
from decimal import Decimal
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from phota_async.sandbox.assembly import assemble
from phota_async.sandbox.callbacks import Scheme, Signing
from phota_async.sandbox.controls import Controls
from phota_async.sandbox.parts import Rules
from phota_async.sandbox.routes import Routes
from phota_async.sandbox.shapes import Shape
from phota_async.sandbox.wire import Wire

MAX_BODY_BYTES = 1024**3
BACKLOG = 1024  # connections that wait to be accepted
STOP_SECONDS = 0.2  # that open requests get when the sandbox closes


class Sandbox(Controls):
    """The Phota API on this machine: real answers, drawn pictures, no money.

        async with Sandbox() as sandbox:
            client = PhotaClient(base_url=sandbox.base_url, api_key=sandbox.api_key)

        sandbox = Sandbox(time_scale=0)             # time stands still
        sandbox.clock.advance(1200)                 # and is stepped
        sandbox.fail("POST /edit", status=503, times=2, headers={"Retry-After": "1"})

    All durations are seconds of the sandbox's clock. Words in a prompt have an effect: ``CONTENT_MODERATION``
    is refused with 400, ``MODERATED_OUTPUT`` is blocked at the end of the work and ``WORK_FAILS`` fails there
    with 500, both refunded. A training photo whose URL contains ``no-subject`` is refused with 400.

    Args:
        host: Address to listen on; keep it on loopback.
        port: 0 takes a free one.
        api_key: The only key that is accepted.
        time_scale: How much faster than real time the clock runs; 0 makes it stand still.
        balance: Prepaid US dollars; ``None`` is without limit.
        seed: Makes handles and chance repeatable.
        job_seconds: From the submit to the end of a job.
        sync_seconds: How long a synchronous call takes.
        sync_limit: After which a synchronous call is answered with 504 and refunded.
        training_seconds: Training of a standard profile.
        fast_training_seconds: Training of a fast one.
        link_lifetime: How long signed links live.
        id_memory: How long a ``client_request_id`` is remembered.
        picture_scale: Factor on the width and height of all outputs; below 1 for fast tests.
        webhook_secret: Keys the signatures of callbacks; ``None`` makes one of the seed.
        callback_scheme: Form of the signature header.
        decode_secret: Key with the base64 behind ``whsec_`` instead of the text.
        callback_copies: How often each callback is delivered.
        allow_http_callbacks: Whether ``callback_url`` may be http, for receivers on loopback.
        keep_images: Keep images in ``requests``; otherwise their lengths, for long runs.
        shape: How answers are worded where nothing is published.
    """

    def __init__(
        self,
        *,
        # Server
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str = "sandbox-key",
        seed: int = 0,
        keep_images: bool = True,
        # Money
        balance: Decimal | None = None,
        # Time
        time_scale: float = 1.0,
        job_seconds: float = 40.0,
        sync_seconds: float = 0.0,
        sync_limit: float = 600.0,
        training_seconds: float = 1200.0,
        fast_training_seconds: float = 400.0,
        link_lifetime: float = 86400.0,
        id_memory: float = 3600.0,
        # Pictures
        picture_scale: float = 1.0,
        # Callbacks
        webhook_secret: str | None = None,
        callback_scheme: Scheme = "sha256",
        decode_secret: bool = False,
        callback_copies: int = 1,
        allow_http_callbacks: bool = False,
        # Wording
        shape: Shape | None = None,
    ) -> None:
        signing = Signing(
            secret=webhook_secret, scheme=callback_scheme, decode_secret=decode_secret, copies=callback_copies
        )
        rules = Rules(
            job_seconds=job_seconds,
            sync_seconds=sync_seconds,
            sync_limit=sync_limit,
            training_seconds=training_seconds,
            fast_training_seconds=fast_training_seconds,
            id_memory=id_memory,
            link_lifetime=link_lifetime,
            picture_scale=picture_scale,
            allow_http_callbacks=allow_http_callbacks,
            keep_images=keep_images,
        )
        parts = assemble(rules, signing, api_key=api_key, seed=seed, time_scale=time_scale, balance=balance)
        parts.shape = shape or parts.shape
        super().__init__(parts)
        self.host = host
        self.port = port
        self._open = AsyncExitStack()

    def __repr__(self) -> str:
        seen, charged = len(self.requests), self.charged
        return f"<Sandbox {self.origin or 'closed'}, {seen} requests, {charged} USD charged>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
        if error is None and self._parts.recorder.crashes:
            raise self._parts.recorder.crashes[0]

    async def start(self) -> None:
        """Listen; ``async with`` does it for you."""
        try:
            await self._start()
        except BaseException:
            await self.aclose()
            raise

    async def _start(self) -> None:
        parts = self._parts
        self._open.enter_context(parts.links.opened())
        self._open.callback(parts.executor.shutdown, cancel_futures=True)
        session = await self._open.enter_async_context(aiohttp.ClientSession())
        parts.inputs.open(session)
        parts.callbacks.open(session)
        self._open.push_async_callback(parts.jobs.aclose)
        await self._listen()

    async def aclose(self) -> None:
        """Stop listening and working, and remove all results."""
        await self._open.aclose()

    async def _listen(self) -> None:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        Wire(self._parts).add_to(app, Routes(self._parts).endpoints())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
        self._open.push_async_callback(runner.cleanup)
        await runner.setup()
        await web.TCPSite(runner, self.host, self.port, backlog=BACKLOG).start()
        self.port = runner.addresses[0][1]
        host = f"[{self.host}]" if ":" in self.host else self.host
        self._parts.links.origin = f"http://{host}:{self.port}"
