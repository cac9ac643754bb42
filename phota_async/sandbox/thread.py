"""Run a sandbox in a thread of its own: for synchronous programs, and for tests on other event loops."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from phota_async.sandbox.accounts import Charge
from phota_async.sandbox.app import Sandbox
from phota_async.sandbox.callbacks import SentCallback
from phota_async.sandbox.faults import Fault
from phota_async.sandbox.jobs import Job
from phota_async.sandbox.profiles import TrainedProfile
from phota_async.sandbox.recorder import SeenRequest
from phota_async.sandbox.shapes import Shape

START_SECONDS = 30.0  # that the thread has to listen
CALL_SECONDS = 30.0  # that a switch has to take effect

Result = TypeVar("Result")


class SandboxThread:
    """A sandbox whose switches may be used from any thread; lists come as copies.

        with running_sandbox(time_scale=1000) as sandbox:
            sandbox.fail("POST /edit", status=503)
            subprocess.run(["phota", ...], env={"PHOTA_BASE_URL": sandbox.base_url, ...})
            assert sandbox.posts("/edit") == 2

    Args:
        options: Keyword arguments of ``Sandbox``.
    """

    def __init__(self, **options: Any) -> None:
        self.sandbox = Sandbox(**options)
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._ended: Future[None] = Future()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="phota-sandbox", daemon=True)

    def __repr__(self) -> str:
        return f"<SandboxThread of {self.sandbox!r}>"

    def start(self) -> None:
        """Listen, in the background."""
        self._thread.start()
        self._ready.result(START_SECONDS)

    def close(self) -> None:
        """Stop; an error inside the sandbox is raised here."""
        self._ready.result().call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._ended.result()

    def call(self, action: Callable[[Sandbox], Result]) -> Result:
        """Run something on the sandbox in its thread, and return what it returns."""

        async def act() -> Result:
            return action(self.sandbox)

        return asyncio.run_coroutine_threadsafe(act(), self._ready.result()).result(CALL_SECONDS)

    def settle(self) -> None:
        """Wait until all that is due at the clock's time has been done, callbacks included."""
        asyncio.run_coroutine_threadsafe(self.sandbox.settle(), self._ready.result()).result(CALL_SECONDS)

    # Address

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self.sandbox.origin

    @property
    def base_url(self) -> str:
        """Where the API is served."""
        return self.sandbox.base_url

    @property
    def api_key(self) -> str:
        """The only key that is accepted."""
        return self.sandbox.api_key

    @property
    def webhook_secret(self) -> str:
        """What callbacks are signed with."""
        return self.sandbox.webhook_secret

    # What happened

    @property
    def requests(self) -> list[SeenRequest]:
        """All requests so far."""
        return self.call(lambda sandbox: list(sandbox.requests))

    @property
    def charges(self) -> list[Charge]:
        """All purchases so far."""
        return self.call(lambda sandbox: list(sandbox.charges))

    @property
    def charged(self) -> Decimal:
        """US dollars charged, refunds taken off."""
        return self.call(lambda sandbox: sandbox.charged)

    @property
    def profiles(self) -> dict[str, TrainedProfile]:
        """All profiles by their id, as a copy."""
        return self.call(lambda sandbox: dict(sandbox.profiles))

    @property
    def jobs(self) -> dict[str, Job]:
        """All asynchronous jobs by their id, as a copy."""
        return self.call(lambda sandbox: dict(sandbox.jobs))

    @property
    def callbacks(self) -> list[SentCallback]:
        """All callbacks that were sent."""
        return self.call(lambda sandbox: list(sandbox.callbacks))

    @property
    def keys_on_links(self) -> int:
        """Requests for results or uploads that came with an API key."""
        return self.call(lambda sandbox: sandbox.keys_on_links)

    def posts(self, route: str | None = None) -> int:
        """Count the POST requests to a route, or to all."""
        return self.call(lambda sandbox: sandbox.posts(route))

    def gets(self, route: str | None = None) -> int:
        """Count the GET requests to a route, or to all."""
        return self.call(lambda sandbox: sandbox.gets(route))

    # What will happen

    @property
    def clock(self) -> "ThreadClock":
        """The sandbox's time."""
        return ThreadClock(self)

    def set_shape(self, **fields: Any) -> None:
        """Word answers in another way; the arguments are those of ``Shape``."""
        self.call(lambda sandbox: setattr(sandbox, "shape", Shape(**fields)))

    def fail(self, fault: Fault | str, /, **fields: Any) -> Fault:
        """Script a failure."""
        return self.call(lambda sandbox: sandbox.fail(fault, **fields))

    def add_profile(self, profile_id: str | None = None, **options: Any) -> str:
        """Put a profile in place without training and charge, and return its id."""
        return self.call(lambda sandbox: sandbox.add_profile(profile_id, **options))

    def upload(self, photo: str | Path | bytes, *, name: str | None = None) -> str:
        """Serve a photo without a key and return its URL."""
        return self.call(lambda sandbox: sandbox.upload(photo, name=name))

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001, it belongs to whoever waits in the other thread
            _hand_over(error, self._ready if not self._ready.done() else self._ended)
        else:
            self._ended.set_result(None)

    async def _serve(self) -> None:
        async with self.sandbox:
            self._ready.set_result(asyncio.get_running_loop())
            await self._stop.wait()


class ThreadClock:
    """The clock of a sandbox in another thread."""

    def __init__(self, thread: SandboxThread) -> None:
        self._thread = thread

    def time(self) -> float:
        """Tell the service's time, in seconds since 1970."""
        return self._thread.sandbox.clock.time()

    def advance(self, seconds: float) -> None:
        """Step forwards; ``sandbox.settle()`` waits until what is due then has been done."""
        self._thread.call(lambda sandbox: sandbox.clock.advance(seconds))


@contextmanager
def running_sandbox(**options: Any) -> Iterator[SandboxThread]:
    """Run a sandbox in a thread for the length of a ``with``; the arguments are those of ``Sandbox``."""
    thread = SandboxThread(**options)
    thread.start()
    try:
        yield thread
    finally:
        thread.close()


def _hand_over(error: BaseException, future: Future[Any]) -> None:
    future.set_exception(error)
