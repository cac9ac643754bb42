"""Word what the service answers about jobs, results and profiles."""

import base64
from datetime import UTC, datetime
from typing import Any

from phota_async.sandbox.document import API_PREFIX
from phota_async.sandbox.jobs import FAILED, SUCCEEDED, Job
from phota_async.sandbox.parts import Parts
from phota_async.sandbox.profiles import TrainedProfile

FOREIGN_ORIGIN = "https://elsewhere.invalid"


def result_fields(parts: Parts, job: Job) -> dict[str, Any]:
    """Word the result of a finished call, with links that were signed just now."""
    images = [base64.b64encode(picture).decode() for picture in job.pictures]
    links = [parts.links.sign(name) for name in job.results]
    return parts.shape.result(job.counts, images=images, links=links)


def handle_fields(parts: Parts, job: Job) -> dict[str, Any]:
    """Word the 202 answer to a submit."""
    fields = {"job_id": job.job_id, "status": parts.shape.word(job.status(parts.clock.time()))}
    poll_url = _poll_url(parts, job)
    return parts.shape.present(fields if poll_url is None else {**fields, "poll_url": poll_url})


def job_fields(parts: Parts, job: Job) -> dict[str, Any]:
    """Word a job's state, its result or its error included."""
    status = job.status(parts.clock.time())
    fields: dict[str, Any] = {
        "job_id": job.job_id,
        "status": parts.shape.word(status),
        "client_request_id": job.order.client_request_id,
        "created_at": _iso(job.submitted_at),
    }
    if status == SUCCEEDED:
        fields |= {"finished_at": _iso(job.finish_at), **parts.shape.place_result(result_fields(parts, job))}
    if status == FAILED and job.error is not None:
        fields |= {"finished_at": _iso(job.finish_at), "error": parts.shape.failure(job.error)}
    return parts.shape.present(fields)


def profile_fields(parts: Parts, profile: TrainedProfile) -> dict[str, Any]:
    """Word a profile's state."""
    now = parts.clock.time()
    status = profile.status(now)
    fields = {"profile_id": profile.profile_id, "status": parts.shape.profile_words.get(status, status)}
    return parts.shape.present({**fields, **parts.shape.place_message(profile.message(now))})


def profile_element(parts: Parts, profile: TrainedProfile) -> dict[str, Any] | str:
    """Word a profile as an element of the list."""
    if parts.shape.profile_elements == "strings":
        return profile.profile_id
    fields = {"profile_id": profile.profile_id, "tag": profile.tag}
    if parts.shape.profile_elements == "without_status":
        return parts.shape.present(fields)
    status = profile.status(parts.clock.time() - parts.shape.listing_lag)
    return parts.shape.present({**fields, "status": parts.shape.profile_words.get(status, status)})


def _poll_url(parts: Parts, job: Job) -> str | None:
    path = f"{API_PREFIX}/jobs/{job.job_id}"
    forms = {"absolute": parts.links.origin + path, "relative": path, "foreign": FOREIGN_ORIGIN + path}
    return forms.get(parts.shape.poll_url)


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()
