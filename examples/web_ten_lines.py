"""The least: photos in, job ids out, links when they are done. ``cd examples && uvicorn web_ten_lines:app``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import FastAPI, Form, UploadFile

from phota_async import EditRequest, PhotaClient

client = PhotaClient()  # the key comes from PHOTA_API_KEY


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with client:  # its connections close with the service
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/edits", status_code=202)
async def begin(photo: UploadFile, prompt: Annotated[str, Form()]) -> dict[str, str]:
    job = await client.jobs.submit(EditRequest(images=[await photo.read()], prompt=prompt))
    return {"job_id": job.job_id}  # at once: no request is held open for minutes


@app.get("/edits/{job_id}")
async def status(job_id: str) -> dict[str, Any]:
    job = await client.jobs.get(job_id)
    return {"status": job.status, "links": job.answer.download_urls if job.answer else []}
