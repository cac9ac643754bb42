"""Edits in an aiohttp.web service: begun at once, followed as server-sent events, fetched when they are done.

``python examples/web_aiohttp.py 8000``, with PHOTA_API_KEY set, and PUBLIC_URL where callbacks can come in; start as
many on other ports as you like. What happens behind the routes, and why nothing is paid twice or lost, is in
``edits.py``.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web
from edits import MAX_PHOTO, Edits, open_edits, view
from job_store import Edit

EDITS = web.AppKey("edits", Edits)
routes = web.RouteTableDef()


async def edits_context(app: web.Application) -> AsyncIterator[None]:
    async with open_edits() as app[EDITS]:  # one client for each process, for as long as it lives
        yield


async def find_edit(request: web.Request) -> Edit:
    edit = await request.app[EDITS].get(request.match_info["edit_id"])
    if edit is None:
        raise web.HTTPNotFound(text="no such edit")
    return edit


@routes.post("/edits")
async def begin(request: web.Request) -> web.Response:
    form = await request.post()
    photo, prompt = form.get("photo"), form.get("prompt")
    if not isinstance(photo, web.FileField) or not isinstance(prompt, str):
        raise web.HTTPUnprocessableEntity(text="expected a photo and a prompt")
    try:
        edit = await request.app[EDITS].begin(photo.file, prompt)
    except ValueError as error:
        raise web.HTTPUnprocessableEntity(text=str(error)) from None
    return web.json_response(view(edit), status=202)


@routes.get("/edits/{edit_id}")
async def status(request: web.Request) -> web.Response:
    return web.json_response(view(await find_edit(request)))


@routes.get("/edits/{edit_id}/events")
async def events(request: web.Request) -> web.StreamResponse:
    edit = await find_edit(request)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(request)
    with suppress(ConnectionResetError):  # the client has left, which ends this stream and nothing else
        async for event in request.app[EDITS].events(edit.edit_id):
            await response.write(event)
    return response


@routes.get("/edits/{edit_id}/image")
async def image(request: web.Request) -> web.FileResponse:
    edit = await find_edit(request)
    if edit.image is None:
        raise web.HTTPNotFound(text="there is no image yet")
    return web.FileResponse(edit.image)


@routes.post("/callbacks")
async def callback(request: web.Request) -> web.Response:
    return web.Response(status=await request.app[EDITS].deliver(await request.read(), request.headers))


def make_app() -> web.Application:
    app = web.Application(client_max_size=MAX_PHOTO + 2**20)  # the photo, and what is around it
    app.cleanup_ctx.append(edits_context)
    app.add_routes(routes)
    return app


if __name__ == "__main__":
    web.run_app(make_app(), host="127.0.0.1", port=int(sys.argv[1]))
