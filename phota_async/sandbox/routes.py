"""Answer each route of the API document, and the links beside it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from phota_async.hidden import rich_repr
from phota_async.sandbox.answers import (
    handle_fields,
    job_fields,
    profile_element,
    profile_fields,
    result_fields,
)
from phota_async.sandbox.document import API_PREFIX, document_for, tag_schema
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.orders import read_order, refuse_findings
from phota_async.sandbox.parts import Parts
from phota_async.sandbox.pictures import profile_picture
from phota_async.sandbox.profiles import READY
from phota_async.sandbox.serving import serve_file
from phota_async.sandbox.studio import Studio
from phota_async.sandbox.training import add_profile
from phota_async.sandbox.validation import check

OPERATIONS = ("edit", "generate", "enhance", "remix")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request on its way to a handler."""

    request: web.Request
    """As aiohttp read it."""
    body: Any
    """Its JSON."""

    def __repr__(self) -> str:
        return f"<Call {self.request.method} {self.request.path}>"

    __rich_repr__ = rich_repr

    def part(self, name: str) -> str:
        """Return a variable part of the path, decoded."""
        return self.request.match_info[name]


Handler = Callable[[Call], Awaitable[web.Response]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A route and what answers it."""

    method: str
    """GET, POST or DELETE."""
    template: str
    """The path below the base URL, or below the origin where ``api`` is false."""
    handler: Handler
    """Answers it."""
    api: bool = True
    """Whether it lies below the base URL."""
    needs_key: bool = True
    """Whether the key is asked for."""

    @property
    def path(self) -> str:
        """The template below the origin."""
        return API_PREFIX + self.template if self.api else self.template


class Routes:
    """The handlers of one sandbox."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._studio = Studio(parts)

    def endpoints(self) -> list[Endpoint]:
        """List all routes; the order matters where a fixed path could be a profile's id."""
        images = [
            Endpoint(method="POST", template=f"/{operation}", handler=self._image_handler(operation))
            for operation in OPERATIONS
        ]
        profile = "/profiles/{profile_id}"
        return [
            *images,
            Endpoint(method="GET", template="/jobs/{job_id}", handler=self.job),
            Endpoint(method="GET", template="/webhook-secret", handler=self.webhook_secret),
            Endpoint(method="POST", template="/profiles/add", handler=self.add_profile),
            Endpoint(method="GET", template="/profiles/ids", handler=self.profile_ids),
            Endpoint(method="GET", template=f"{profile}/status", handler=self.profile_status),
            Endpoint(method="GET", template=f"{profile}/profile_picture", handler=self.profile_picture),
            Endpoint(method="DELETE", template=profile, handler=self.delete_profile),
            Endpoint(method="GET", template="/openapi.json", handler=self.document, needs_key=False),
            Endpoint(method="GET", template="/cdn/{name}", handler=self.result, api=False, needs_key=False),
            Endpoint(method="GET", template="/uploads/{name}", handler=self.upload, api=False, needs_key=False),
        ]

    def _image_handler(self, operation: str) -> Handler:
        async def answer(call: Call) -> web.Response:
            with self._parts.recorder.in_flight():
                return await self.image_call(operation, call)

        return answer

    async def image_call(self, operation: str, call: Call) -> web.Response:
        """Answer edit, generate, enhance and remix."""
        allow_http = self._parts.rules.allow_http_callbacks
        order = read_order(operation, call.body, allow_http_callbacks=allow_http)
        job = await self._studio.accept(order)
        if order.is_async:
            return json_answer(handle_fields(self._parts, job), status=202)
        return json_answer(result_fields(self._parts, await self._studio.finish(job)))

    async def job(self, call: Call) -> web.Response:
        """Tell how a job stands; its links are signed anew each time."""
        job = self._parts.jobs.find(call.part("job_id"))
        await self._parts.jobs.settled(job)
        return json_answer(job_fields(self._parts, job))

    async def webhook_secret(self, _: Call) -> web.Response:
        """Tell the account's signing secret."""
        return json_answer({self._parts.shape.secret_field: self._parts.callbacks.secret})

    async def add_profile(self, call: Call) -> web.Response:
        """Start a training."""
        profile = await add_profile(self._parts, call.body)
        return json_answer(self._parts.shape.present({"profile_id": profile.profile_id}))

    async def profile_ids(self, call: Call) -> web.Response:
        """List the profiles."""
        tag = call.request.query.get("tag")
        if tag is not None:
            refuse_findings(list(check(tag, tag_schema(), ("query", "tag"))))
        found = self._parts.profiles.with_tag(tag)[: self._parts.shape.listing_limit]
        profiles = [profile_element(self._parts, each) for each in found]
        return json_answer(self._parts.shape.present({"profiles": profiles}))

    async def profile_status(self, call: Call) -> web.Response:
        """Tell how a training stands."""
        return json_answer(profile_fields(self._parts, self._parts.profiles.find(call.part("profile_id"))))

    async def profile_picture(self, call: Call) -> web.Response:
        """Return the JPEG of a trained profile; before READY there is none."""
        profile = self._parts.profiles.find(call.part("profile_id"))
        if profile.status(self._parts.clock.time()) != READY:
            raise ServiceError(404, "The profile has no picture yet")
        loop = asyncio.get_running_loop()
        data = await loop.run_in_executor(self._parts.executor, profile_picture, profile.portrait)
        return web.Response(body=data, content_type="image/jpeg")

    async def delete_profile(self, call: Call) -> web.Response:
        """Delete a profile for good."""
        profile = self._parts.profiles.find(call.part("profile_id"))
        del self._parts.profiles.records[profile.profile_id]
        return json_answer(self._parts.shape.present({"profile_id": profile.profile_id, "status": "ok"}))

    async def document(self, _: Call) -> web.Response:
        """Return the API document."""
        return json_answer(document_for(self._parts.base_url))

    async def result(self, call: Call) -> web.Response:
        """Return a result by its signed link."""
        name, query = call.part("name"), call.request.query
        data = await self._parts.links.read_result(
            name, expires=query.get("expires", ""), signature=query.get("signature", "")
        )
        return serve_file(call.request, name, data)

    async def upload(self, call: Call) -> web.Response:
        """Return a sample photo."""
        name = call.part("name")
        return serve_file(call.request, name, self._parts.links.read_upload(name))


def json_answer(fields: dict[str, Any], *, status: int = 200) -> web.Response:
    """Build an answer from JSON fields."""
    return web.Response(body=msgspec.json.encode(fields), status=status, content_type="application/json")
