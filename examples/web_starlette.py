"""Edits in a Starlette service: begun at once, followed as server-sent events, fetched when they are done.

``cd examples && uvicorn web_starlette:app --workers 2``, with PHOTA_API_KEY set, and PUBLIC_URL where callbacks can
come in. What happens behind the routes, and why nothing is paid twice or lost, is in ``edits.py``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict

from edits import Edits, open_edits, view
from job_store import Edit
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route


class State(TypedDict):
    """What each request finds in its ``state``."""

    edits: Edits


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[State]:
    async with open_edits() as edits:  # one client for each worker, for as long as it lives
        yield {"edits": edits}


async def find_edit(request: Request) -> Edit:
    edits: Edits = request.state.edits
    edit = await edits.get(request.path_params["edit_id"])
    if edit is None:
        raise HTTPException(404, "no such edit")
    return edit


async def begin(request: Request) -> Response:
    async with request.form() as form:
        photo, prompt = form.get("photo"), form.get("prompt")
        if not isinstance(photo, UploadFile) or not isinstance(prompt, str):
            raise HTTPException(422, "expected a photo and a prompt")
        try:
            edit = await request.state.edits.begin(photo.file, prompt)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
    return JSONResponse(view(edit), status_code=202)


async def status(request: Request) -> Response:
    return JSONResponse(view(await find_edit(request)))


async def events(request: Request) -> Response:
    edit = await find_edit(request)
    stream = request.state.edits.events(edit.edit_id)
    return StreamingResponse(stream, headers={"Cache-Control": "no-cache"}, media_type="text/event-stream")


async def image(request: Request) -> Response:
    edit = await find_edit(request)
    if edit.image is None:
        raise HTTPException(404, "there is no image yet")
    return FileResponse(edit.image)


async def callback(request: Request) -> Response:
    return Response(status_code=await request.state.edits.deliver(await request.body(), request.headers))


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/edits", begin, methods=["POST"]),
        Route("/edits/{edit_id}", status),
        Route("/edits/{edit_id}/events", events),
        Route("/edits/{edit_id}/image", image),
        Route("/callbacks", callback, methods=["POST"]),
    ],
)
