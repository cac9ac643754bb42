"""The attempts of one call: under one deadline, within the limiter, retried by the law of `retry`."""

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import aiohttp
import msgspec
from multidict import istr

from ..answers import error_from
from ..errors import (
    AuthenticationError,
    DeadlineError,
    DecodeError,
    NotFoundError,
    PhotaError,
    ResponseLostError,
    StatusError,
    TransportError,
)
from ..hidden import rich_repr
from ..media.sources import Source, measure
from ..protocol import Call
from ..retry import Fault, age_of, backoff, decide, fault_of, parse_retry_after
from ..turns import FREE, PAID
from ..uptime import Stopwatch
from .deadlines import COARSE, Until
from .failures import lost, silence, translate
from .pools import Pools
from .receive import Receive, read_beginning
from .told import AttemptCounter, counted_body, tell_attempt
from .upload import StreamedBody, photo_size

if TYPE_CHECKING:
    from .exchange import Transport

T = TypeVar("T")

SUCCESS, REDIRECTS = range(200, 300), range(300, 400)
NO_ANSWERS = frozenset((*range(SUCCESS.start), 304))  # they say nothing of what was asked for
DEPRECATION = istr("X-Phota-Deprecation-Date")
MAX_PAUSE = 300.0  # seconds that all calls keep still; whoever asks for longer is asked again
UNTOLD = 8 * 2**20  # bytes reserved for an answer that does not tell its length


class Reply(msgspec.Struct, Generic[T], frozen=True):
    """A successful answer."""

    value: T
    request_id: str | None
    attempts: int
    status: int
    retry_after: float | None = None

    def __repr__(self) -> str:
        return f"<Reply {self.status} after {self.attempts}>"

    __rich_repr__ = rich_repr


class Sending(AttemptCounter, Generic[T]):
    """The attempts of one call."""

    _parts: tuple[bytes | Source, ...] | None = None
    _age = 0.0  # seconds since it was sent for the first time elsewhere
    _unclear = False  # whether some attempt, here or elsewhere, may have bought something
    _new_key = False
    _refusal: StatusError | None = None
    _admitted = 0.0  # the loop's time when the limiter let it pass

    def __init__(
        self,
        transport: "Transport",
        call: Call,
        deadline: float | None,
        first_sent: float | None,
        *,
        retries: bool,
    ) -> None:
        config = transport.config
        self._transport = transport
        self._limiter = transport.limiter
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._first_sent = first_sent  # Unix time, for errors and other processes
        self._since_first = Stopwatch()
        timeout = config.free_timeout if call.kind == "free" else config.timeout
        self._deadline = self._loop.time() + timeout if deadline is None else deadline
        self._retries = retries
        if first_sent is not None:
            self._age, self._unclear = age_of(first_sent, time.time()), True

    async def run(self, receive: Receive[T], *, validate: bool) -> Reply[T]:
        """Make attempts until one succeeds, or the law, the budget or the deadline says stop."""
        if self._call.body is not None:
            self._parts = await measure(self._call.body, validate=validate)
        while True:
            self.attempt += 1
            outcome = await self._try(receive)
            if not isinstance(outcome, PhotaError):
                break
            delay = self._delay(outcome)
            if self._transport.hooks is not None:
                tell_attempt(self._transport.hooks, self._call.route, self.attempt, outcome, delay)
            if delay is None:
                raise self._final(outcome)
            await asyncio.sleep(delay)
        self._transport.budget.refund()
        return outcome

    async def _try(self, receive: Receive[T]) -> Reply[T] | PhotaError:
        """Make one attempt and return what came of it; errors of ours are values here."""
        if not self._limiter.acquire_nowait():
            refusal = await self._wait_for_place()
            if refusal is not None:
                self._retries = False  # there will be no place later either
                return refusal
        if self._is_forgotten():
            self._limiter.release()
            return lost(self._call, "it waited too long to be sent again safely")
        body = None if self._parts is None else self._body(self._parts)
        self._refusal = None  # an earlier attempt's must not stand for what this one may have bought
        try:
            is_look = self._call.is_look and self._deadline - self._loop.time() >= COARSE
            return await (self._look(receive) if is_look and self._transport.looks else self._exchange(body, receive))
        except PhotaError as error:
            failure = error
        except asyncio.CancelledError as error:
            error.__traceback__ = None  # aiohttp's frames hold what is sent, and tracebacks are printed
            raise
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError, RuntimeError) as error:
            failure = self._refusal or translate(error, self._call, self._transport.origin, body)
        finally:
            self._limiter.release()
        is_late = isinstance(failure, TransportError) and self._loop.time() >= self._deadline
        return silence(self._call, "no answer in time") if is_late and not self._is_not_sent(failure) else failure

    def _body(self, parts: tuple[bytes | Source, ...]) -> StreamedBody:
        hooks = self._transport.hooks
        return StreamedBody(parts) if hooks is None else counted_body(hooks, self._call.route, parts)

    def _is_forgotten(self) -> bool:
        """Whether the service may have forgotten a job's id by now: sent again, it could be bought again."""
        return (
            self._unclear
            and self._call.kind == "job"
            and self._age + self._since_first.seconds > self._transport.config.retry.resend_guard
        )

    async def _wait_for_place(self) -> PhotaError | None:
        """Wait within the deadline; when a pause is known to be longer, say so at once."""
        limiter = self._limiter
        pause = limiter.paused_for  # not statistics(), which counts the crowd: each of many would count all others
        if self._loop.time() + pause < self._deadline:
            try:
                async with asyncio.timeout_at(self._deadline):
                    await limiter.acquire(FREE if self._call.kind == "free" else PAID)
            except TimeoutError:
                pass
            except PhotaError as error:  # a rate that is shared, and cannot be asked
                return error
            else:
                self._admitted = self._loop.time()
                return None
        why = f"the service asked for a pause of {pause:.0f} s" if pause else "no place within the limits in time"
        return DeadlineError(f"{self._call.route}: {why}")

    async def _look(self, receive: Receive[T]) -> Reply[T] | PhotaError:
        """Do what `_exchange` does for the calls that are many: timers of their own would cost them a fifth."""
        transport = self._transport
        pools = transport.pools.get_nowait() or await transport.pools.get()
        with Until(pools.deadlines, min(self._deadline, self._loop.time() + transport.look_timeout)):
            async with self._request(
                pools, None if pools.has_headers else await self._headers(pools), None, transport.connect_only
            ) as response:
                return await self._read(response, receive)

    async def _exchange(self, body: StreamedBody | None, receive: Receive[T]) -> Reply[T] | PhotaError:
        transport = self._transport
        pools = transport.pools.get_nowait() or await transport.pools.get()
        remaining = self._deadline - self._loop.time()
        if remaining <= 0:
            return DeadlineError(f"{self._call.route}: out of time before it was sent")
        async with self._limiter.reserve(photo_size(self._parts or ()), self._deadline):
            headers = None if pools.has_headers else await self._headers(pools)
            if (refusal := await self._keep_to_rate()) is not None:
                return refusal
            response = await self._request(pools, headers, body, self._timeouts(remaining))
        # What is under way now is the answer: holding both reservations could block everybody for ever.
        size = UNTOLD if response.content_length is None and self._call.kind != "free" else response.content_length
        async with response, self._limiter.reserve(size or 0, self._deadline):
            return await self._read(response, receive)

    async def _keep_to_rate(self) -> PhotaError | None:
        """Ask the rate that is shared once more if bytes or a key were waited for longer than its leave is good."""
        if self._limiter.paid_rate is None or self._call.kind == "free":
            return None
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._limiter.keep_to_rate(self._admitted)
        except TimeoutError:
            return DeadlineError(f"{self._call.route}: no place within the shared rate in time")
        except PhotaError as error:
            return error
        return lost(self._call, "it waited too long to be sent again safely") if self._is_forgotten() else None

    def _timeouts(self, remaining: float) -> aiohttp.ClientTimeout:
        config = self._transport.config
        return aiohttp.ClientTimeout(
            total=remaining,
            connect=self._transport.pool_timeout,
            sock_connect=config.connect_timeout,
            sock_read=config.free_answer_timeout if self._call.kind == "free" else config.answer_timeout,
        )

    def _request(
        self, pools: Pools, headers: Mapping[str, str] | None, body: Any, timeout: aiohttp.ClientTimeout
    ) -> Any:
        call = self._call
        return (pools.free if call.kind == "free" else pools.paid).request(
            call.method,
            self._transport.url(call),
            data=body,
            headers=headers,
            allow_redirects=False,  # the key, and with 307 the photos, would go wherever the answer says
            auto_decompress=False,
            raise_for_status=False,  # a lent session may be set to raise, with the request's headers in the error
            proxy=self._transport.config.proxy,
            timeout=timeout,
        )

    async def _headers(self, pools: Pools) -> Mapping[str, str]:
        async with asyncio.timeout_at(self._deadline):  # a callable that is asked for the key may never answer
            headers = await self._transport.headers(anew=self._new_key)
        if self._transport.keeps_headers and pools.lent is None:
            pools.keep_headers(headers)
        return headers

    async def _read(self, response: aiohttp.ClientResponse, receive: Receive[T]) -> Reply[T] | PhotaError:
        status, headers = response.status, response.headers
        if date := headers.get(DEPRECATION):
            self._transport.note(self._call, date)
        request_id = headers.get("X-Request-Id")
        if status in NO_ANSWERS:
            return lost(self._call, f"HTTP {status} answers nothing").with_context(request_id=request_id)
        if status not in SUCCESS and not (self._call.may_redirect and status in REDIRECTS):
            self._refusal = error_from(status, headers, b"", self._call)  # if its body never comes
            return error_from(status, headers, self._transport.redact(await read_beginning(response)), self._call)
        try:
            value = await receive(response)
        except PhotaError as error:
            error.request_id = error.request_id or request_id
            if isinstance(error, DecodeError) and error.is_cut:
                return lost(self._call, "the answer is cut off").with_context(request_id=error.request_id)
            if self._call.kind != "free":
                error.charged = "unknown"
            return error
        asked = headers.get("Retry-After")
        wait = parse_retry_after(asked, headers.get("Date"), time.time()) if asked else None
        return Reply(value, request_id, self.attempt, status, wait)

    def _delay(self, error: PhotaError) -> float | None:
        """Return the seconds until the next attempt, or ``None`` when this error is the last word."""
        if isinstance(error, AuthenticationError) and self._transport.can_renew_key and not self._new_key:
            self._new_key = True
            return 0.0
        fault = fault_of(error)
        if fault in (Fault.FAILED, Fault.TIMED_OUT, Fault.LOST) and not self._is_not_sent(error):
            self._unclear = True
        age = self._age + self._since_first.seconds
        if fault is Fault.REFUSED:
            for tell in self._transport.refusal_listeners:
                tell()
            asked = getattr(error, "retry_after", None)
            self._limiter.pause(
                min(MAX_PAUSE, backoff(self._transport.config.retry, self.attempt) if asked is None else asked)
            )
        delay = decide(self._transport.config.retry, self.attempt, error, self._call.kind, age=age)
        if delay is None or not self._retries or self._loop.time() + delay >= self._deadline:
            return None
        return delay if self._transport.budget.take() else None

    def _is_not_sent(self, error: PhotaError) -> bool:
        """Whether nothing was sent; the time that a paid call's answer takes too long is no `DeadlineError`."""
        is_early = isinstance(error, DeadlineError) and self._call.kind != "free"
        return is_early or fault_of(error) is Fault.NOT_SENT

    def _final(self, error: PhotaError) -> PhotaError:
        """Return the error to raise; a refusal after a lost answer must not hide that something may be bought."""
        error.attempts = self.attempt
        if isinstance(error, NotFoundError):
            error.is_after_loss = self._unclear
        if self._unclear and self._call.kind != "free":
            if isinstance(error, StatusError) and fault_of(error) is None:
                error.charged = "unknown"
            elif not isinstance(error, ResponseLostError) and self._call.kind == "job":
                reason, request_id = f"last heard: {error.sentence()}", error.request_id
                error = lost(self._call, reason).with_context(attempts=self.attempt, request_id=request_id)
        if isinstance(error, ResponseLostError):
            passed = self._since_first.seconds
            error.first_sent_at = self._first_sent or time.time() - passed
            error.sent_clock = time.monotonic() - self._age - passed
        return error
