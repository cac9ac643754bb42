"""Edits in a FastAPI service: begun at once, followed as server-sent events, fetched when they are done.

``cd examples && uvicorn web_fastapi:app --workers 2``, with PHOTA_API_KEY set, and PUBLIC_URL where callbacks can
come in. What happens behind the routes, and why nothing is paid twice or lost, is in ``edits.py``.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from edits import Edits, open_edits, view
from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from job_store import Edit


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with open_edits() as app.state.edits:  # one client for each worker, for as long as it lives
        yield


app = FastAPI(lifespan=lifespan)


def get_edits(request: Request) -> Edits:
    edits: Edits = request.app.state.edits
    return edits


TheEdits = Annotated[Edits, Depends(get_edits)]


async def find_edit(edit_id: str, edits: TheEdits) -> Edit:
    edit = await edits.get(edit_id)
    if edit is None:
        raise HTTPException(404, "no such edit")
    return edit


FoundEdit = Annotated[Edit, Depends(find_edit)]


@app.post("/edits", status_code=202)
async def begin(photo: UploadFile, prompt: Annotated[str, Form()], edits: TheEdits) -> dict[str, Any]:
    try:
        return view(await edits.begin(photo.file, prompt))
    except ValueError as error:
        raise HTTPException(422, str(error)) from None


@app.get("/edits/{edit_id}")
async def status(edit: FoundEdit) -> dict[str, Any]:
    return view(edit)


@app.get("/edits/{edit_id}/events")
async def events(edit: FoundEdit, edits: TheEdits) -> StreamingResponse:
    headers = {"Cache-Control": "no-cache"}
    return StreamingResponse(edits.events(edit.edit_id), headers=headers, media_type="text/event-stream")


@app.get("/edits/{edit_id}/image")
async def image(edit: FoundEdit) -> FileResponse:
    if edit.image is None:
        raise HTTPException(404, "there is no image yet")
    return FileResponse(edit.image)


@app.post("/callbacks")
async def callback(request: Request, edits: TheEdits) -> Response:
    return Response(status_code=await edits.deliver(await request.body(), request.headers))
