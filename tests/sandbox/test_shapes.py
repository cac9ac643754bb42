from typing import Any

import pytest

from phota_async.sandbox import ServiceError, Shape
from phota_async.sandbox.shapes import ErrorForm, ResultPlace

from .conftest import Api

JOB = {"prompt": "x", "async": True, "response_mode": "urls"}


@pytest.mark.parametrize("place", ["result", "output", "response", "flat"])
async def test_where_a_job_holds_its_result(api: Api, place: ResultPlace) -> None:
    api.sandbox.shape = Shape(job_result=place)
    job_id = await api.submit()
    api.sandbox.clock.advance(40)
    fields = (await api.get(f"/jobs/{job_id}")).json
    holder = fields if place == "flat" else fields[place]

    assert len(holder["download_urls"]) == 1


async def test_words_of_jobs(api: Api) -> None:
    api.sandbox.shape = Shape(job_words={"queued": "PENDING", "succeeded": "Completed"})
    handle = (await api.post("/generate", JOB)).json
    api.sandbox.clock.advance(40)

    assert handle["status"] == "PENDING"
    assert (await api.get(f"/jobs/{handle['job_id']}")).json["status"] == "Completed"


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("absolute", "http://127.0.0.1"),
        ("relative", "/v1/phota/jobs/"),
        ("foreign", "https://elsewhere.invalid/"),
    ],
)
async def test_forms_of_the_poll_url(api: Api, form: Any, start: str) -> None:
    api.sandbox.shape = Shape(poll_url=form)

    assert (await api.post("/generate", JOB)).json["poll_url"].startswith(start)


async def test_no_poll_url(api: Api) -> None:
    api.sandbox.shape = Shape(poll_url="missing")

    assert "poll_url" not in (await api.post("/generate", JOB)).json


async def test_a_jobs_error_as_text(api: Api) -> None:
    api.sandbox.shape = Shape(job_error="string")
    job_id = await api.submit(prompt="WORK_FAILS")
    api.sandbox.clock.advance(40)

    assert (await api.get(f"/jobs/{job_id}")).json["error"] == "INTERNAL_ERROR: The model failed"


async def test_known_subjects(api: Api) -> None:
    api.sandbox.shape = Shape(known_subjects="null")
    null = await api.post("/generate", {})
    api.sandbox.shape = Shape(known_subjects="missing")
    missing = await api.post("/generate", {})

    assert null.json["known_subjects"] is None
    assert "known_subjects" not in missing.json


async def test_profiles(api: Api) -> None:
    api.sandbox.add_profile("anna")
    api.sandbox.shape = Shape(profile_elements="strings", message="null", profile_words={"READY": "ready"})
    listed = await api.get("/profiles/ids")
    status = await api.get("/profiles/anna/status")
    api.sandbox.shape = Shape(message="missing", extra_fields={"since": 1})
    newer = await api.get("/profiles/anna/status")

    assert listed.json == {"profiles": ["anna"]}
    assert status.json == {"profile_id": "anna", "status": "ready", "message": None}
    assert newer.json == {"profile_id": "anna", "status": "READY", "since": 1}


async def test_the_listing_of_profiles(api: Api) -> None:
    for name in ("anna", "ben", "cleo"):
        api.sandbox.add_profile(name, status=None, training_seconds=100, tag="t")
    api.sandbox.clock.advance(50)
    api.sandbox.shape = Shape(listing_lag=40, listing_limit=2)
    behind = await api.get("/profiles/ids")
    api.sandbox.shape = Shape(profile_elements="without_status", listing_limit=1)
    without = await api.get("/profiles/ids")

    assert behind.json["profiles"] == [
        {"profile_id": name, "tag": "t", "status": "QUEUING"} for name in ("anna", "ben")
    ]
    assert without.json["profiles"] == [{"profile_id": "anna", "tag": "t"}]
    assert (await api.get("/profiles/anna/status")).json["status"] == "IN_PROGRESS"
    assert api.sandbox.charges == []


async def test_the_field_of_the_secret(api: Api) -> None:
    api.sandbox.shape = Shape(secret_field="secret")

    assert (await api.get("/webhook-secret")).json == {"secret": api.sandbox.webhook_secret}


@pytest.mark.parametrize(
    ("form", "body", "kind"),
    [
        ("detail", b'{"detail":"No","request_id":"r"}', "application/json"),
        (
            "detail_list",
            b'{"detail":[{"loc":["body"],"msg":"No","type":"NOT_FOUND"}],"request_id":"r"}',
            None,
        ),
        ("code", b'{"code":"NOT_FOUND","message":"No","request_id":"r"}', "application/json"),
        ("error", b'{"error":{"code":"NOT_FOUND","message":"No"},"request_id":"r"}', "application/json"),
        ("empty", b"", "text/plain"),
    ],
)
def test_forms_of_errors(form: ErrorForm, body: bytes, kind: str | None) -> None:
    expected = (body, kind or "application/json")

    assert Shape(errors=form).error_body(ServiceError(404, "No"), "r") == expected


def test_an_html_page() -> None:
    body, kind = Shape(errors="html").error_body(ServiceError(502), "r")

    assert kind == "text/html"
    assert b"<h1>502 Bad gateway</h1>" in body


@pytest.mark.parametrize("form", ["detail", "detail_list", "code", "error", "html", "empty"])
async def test_errors_on_the_wire(api: Api, form: ErrorForm) -> None:
    api.sandbox.shape = Shape(errors=form)
    answer = await api.post("/generate", {"num_output_images": 9})

    assert answer.status == 422
    assert answer.headers["X-Request-Id"]


def test_an_error_reads_well() -> None:
    assert str(ServiceError(422, [{"msg": "a"}, {"msg": "b"}])) == "422 VALIDATION_ERROR: a; b"
    assert str(ServiceError(418)) == "418 ERROR: Error"
