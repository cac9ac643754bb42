"""Receive requests: record, strike with faults, check the key, answer, mark with a request id."""

import hmac
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.faults import Fault
from phota_async.sandbox.parts import Parts
from phota_async.sandbox.recorder import KEY_HEADER, SeenRequest, hide_key
from phota_async.sandbox.routes import Call, Endpoint
from phota_async.sandbox.sending import own_answer, reset, send
from phota_async.sandbox.validation import finding

REQUEST_ID = "X-Request-Id"
DEPRECATION = "X-Phota-Deprecation-Date"
NO_FAULT = Fault()


class BadJson(msgspec.Struct, frozen=True):
    """Stands for a body that is not JSON."""

    message: str
    """What the decoder said."""


class Wire:
    """Serves the endpoints of one sandbox over aiohttp."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def add_to(self, app: web.Application, endpoints: list[Endpoint]) -> None:
        """Register the endpoints, and an answer for everything else."""
        for endpoint in endpoints:
            app.router.add_route(endpoint.method, endpoint.path, self._adapter(endpoint))
        lost = Endpoint(method="*", template="/{path:.*}", handler=_lost, api=False, needs_key=False)
        app.router.add_route(lost.method, lost.path, self._adapter(lost))

    def _adapter(self, endpoint: Endpoint) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            with self._parts.clock.work():
                return await self._serve(endpoint, request)

        return answer

    async def _serve(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        seen = self._see(endpoint, request)
        if self._parts.faults.take(seen.mark, unread=True):
            seen.struck = True
            return reset(request)
        try:
            raw = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return self._mark(self._refuse(ServiceError(413, "The body is too large"), seen), NO_FAULT, seen)
        except (web.RequestPayloadError, ConnectionError):
            return web.Response()  # the client went away while sending
        body = _parse(raw)
        self._parts.recorder.fill(seen, size=len(raw), body=None if isinstance(body, BadJson) else body)
        fault = self._parts.faults.take(seen.mark, body)
        seen.struck = fault is not None
        return await self._answer(fault or NO_FAULT, endpoint, Call(request=request, body=body), seen=seen)

    async def _answer(self, fault: Fault, endpoint: Endpoint, call: Call, *, seen: SeenRequest) -> web.StreamResponse:
        await self._parts.clock.sleep(fault.delay)
        if fault.reset == "before":
            return reset(call.request)
        response = None
        if fault.process or not fault.replaces:
            response = await self._process(endpoint, call, seen)
        if fault.reset == "after":
            return reset(call.request)
        if response is None or fault.replaces:
            response = own_answer(fault) or self._refuse(ServiceError(fault.status or 500), seen)
        return await send(fault, call.request, self._mark(response, fault, seen), clock=self._parts.clock)

    async def _process(self, endpoint: Endpoint, call: Call, seen: SeenRequest) -> web.Response:
        try:
            if endpoint.needs_key:
                _check_key(seen)
            if endpoint.method == "POST":
                _check_json(call.body)
            return await endpoint.handler(call)
        except ServiceError as error:
            return self._refuse(error, seen)
        except Exception as exc:  # noqa: BLE001, a fault of the sandbox itself: shown when it closes
            self._parts.recorder.crashes.append(exc)
            return self._refuse(ServiceError(500, repr(exc)), seen)

    def _see(self, endpoint: Endpoint, request: web.Request) -> SeenRequest:
        key = request.headers.get(KEY_HEADER)
        seen = SeenRequest(
            time=self._parts.clock.time(),
            request_id=self._parts.new_id("req"),
            method=request.method,
            path=request.path,
            route=request.path if endpoint.method == "*" else endpoint.template,
            query=dict(request.query),
            headers=hide_key(request.headers),
            key_sent=key is not None,
            key_ok=key is not None and _equal(key, self._parts.api_key),
        )
        self._parts.recorder.add(seen)
        return seen

    def _refuse(self, error: ServiceError, seen: SeenRequest) -> web.Response:
        body, content_type = self._parts.shape.error_body(error, seen.request_id)
        return web.Response(status=error.status, body=body, content_type=content_type)

    def _mark(self, response: web.Response, fault: Fault, seen: SeenRequest) -> web.Response:
        response.headers[REQUEST_ID] = seen.request_id
        if self._parts.shape.deprecation_date is not None:
            response.headers[DEPRECATION] = self._parts.shape.deprecation_date
        response.headers.update(fault.headers)
        seen.status = response.status
        return response


async def _lost(call: Call) -> web.Response:
    """Refuse a path that does not exist, or a method that it does not take."""
    resources = call.request.app.router.resources()
    allowed = [await resource.resolve(call.request) for resource in resources]
    methods = {method for _, names in allowed for method in names} - {"*"}
    raise ServiceError(405 if methods else 404)


def _check_key(seen: SeenRequest) -> None:
    """Refuse a missing key with 403 and a wrong one with 401, as v0.7.0 does."""
    if not seen.key_sent:
        raise ServiceError(403)
    if not seen.key_ok:
        raise ServiceError(401)


def _check_json(body: Any) -> None:
    if isinstance(body, BadJson):
        raise ServiceError(422, [finding(("body",), "json_invalid", body.message)])


def _equal(key: str, expected: str) -> bool:
    return hmac.compare_digest(key.encode("utf-8", "surrogateescape"), expected.encode())


def _parse(raw: bytes) -> Any:
    if not raw:
        return BadJson("Field required")
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        return BadJson(f"JSON decode error: {exc}")
