import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from phota_async.sandbox import Sandbox, ServiceError
from phota_async.sandbox import jobs as jobs_module

from .conftest import BODIES, Api


async def test_a_job_is_queued_runs_and_succeeds(api: Api) -> None:
    job_id = await api.submit(num_output_images=2, client_request_id="mine", output_format="png")
    answers = [await api.get(f"/jobs/{job_id}")]
    for seconds in (4, 35, 1):
        api.sandbox.clock.advance(seconds)
        answers.append(await api.get(f"/jobs/{job_id}"))
    result = answers[-1].json["result"]
    pictures = [await api.get(link) for link in result["download_urls"]]

    assert [answer.json["status"] for answer in answers] == ["queued", "running", "running", "succeeded"]
    assert answers[0].json.keys() == {"job_id", "status", "client_request_id", "created_at"}
    assert answers[-1].json["client_request_id"] == "mine"
    assert result["images"] == []
    assert result["known_subjects"] == {"counts": {}}
    assert [picture.picture().format for picture in pictures] == ["PNG", "PNG"]


async def test_the_handle(api: Api) -> None:
    answer = await api.post("/enhance", BODIES["/enhance"] | {"async": True, "response_mode": "urls"})
    job_id = answer.json["job_id"]

    assert answer.status == 202
    assert answer.json == {
        "job_id": job_id,
        "status": "queued",
        "poll_url": f"{api.sandbox.base_url}/jobs/{job_id}",
    }


async def test_links_are_signed_anew_at_each_poll(api: Api) -> None:
    job_id = await api.submit()
    api.sandbox.clock.advance(40)
    first = (await api.get(f"/jobs/{job_id}")).json["result"]["download_urls"]
    api.sandbox.clock.advance(86401)
    second = (await api.get(f"/jobs/{job_id}")).json["result"]["download_urls"]

    assert first != second
    assert (await api.get(first[0])).status == 403
    assert (await api.get(second[0])).status == 200


@pytest.mark.parametrize(
    ("prompt", "code"), [("WORK_FAILS", "INTERNAL_ERROR"), ("MODERATED_OUTPUT", "CONTENT_MODERATION")]
)
async def test_a_job_fails(api: Api, prompt: str, code: str) -> None:
    job_id = await api.submit(prompt=prompt)
    api.sandbox.clock.advance(40)
    answer = await api.get(f"/jobs/{job_id}")

    assert answer.status == 200
    assert answer.json["status"] == "failed"
    assert answer.json["error"]["code"] == code
    assert "result" not in answer.json


async def test_the_next_jobs_fail(api: Api) -> None:
    api.sandbox.fail_jobs(ServiceError(504, "Too slow"), times=2)
    job_ids = [await api.submit() for _ in range(3)]
    api.sandbox.clock.advance(40)
    answers = [(await api.get(f"/jobs/{job_id}")).json for job_id in job_ids]

    assert [answer["status"] for answer in answers] == ["failed", "failed", "succeeded"]
    assert answers[0]["error"] == {"code": "TIMEOUT", "message": "Too slow"}


async def test_a_job_vanishes(api: Api) -> None:
    job_id = await api.submit()
    del api.sandbox.jobs[job_id]

    assert (await api.get(f"/jobs/{job_id}")).status == 404


async def test_a_drawing_that_fails_is_the_services_failure(api: Api, monkeypatch: Any) -> None:
    def explode(_: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr("phota_async.sandbox.pictures.render", explode)
    answer = await api.post("/generate", {"prompt": "x"})

    assert answer.status == 500
    assert api.sandbox.charged == 0


async def test_a_full_disk_is_the_services_failure(api: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(api.sandbox._parts.links, "_folder", Path("/nowhere"))
    job_id = await api.submit()
    api.sandbox.clock.advance(40)

    assert (await api.get(f"/jobs/{job_id}")).json["status"] == "failed"
    assert api.sandbox.charged == 0


async def test_a_crash_in_the_background_is_shown(session: Any, monkeypatch: Any) -> None:
    sandbox = await Sandbox(time_scale=0).__aenter__()
    monkeypatch.setattr(sandbox._parts.account, "settle", lambda *_: 1 // 0)
    await Api(sandbox, session).submit()
    sandbox.clock.advance(40)
    await sandbox.settle()

    with pytest.raises(ZeroDivisionError):
        await sandbox.__aexit__(None, None, None)


async def test_a_poll_does_not_wait_for_ever(api: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs_module, "PATIENCE", 0.001)
    job_id = await api.submit()
    job = api.sandbox.jobs[job_id]
    job.finish_at = 0.0  # due for the poll, not for the work

    assert (await api.get(f"/jobs/{job_id}")).json["status"] == "queued"
    assert repr(job) == f"<Job {job_id} generate running>"


async def test_closing_ends_work_and_waiting_requests(session: Any) -> None:
    sandbox = Sandbox(time_scale=0, sync_seconds=10)
    async with sandbox:
        await Api(sandbox, session).submit()
        waiting = asyncio.create_task(Api(sandbox, session).post("/generate", {"prompt": "x"}))
        await sandbox.wait_for_requests(2)
        await sandbox.settle()
    with pytest.raises(aiohttp.ClientError):
        await waiting
