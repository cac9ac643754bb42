"""Bodies of successful answers, read as each kind that there is: calls, jobs, profiles, listings, secrets."""

import pickle

from phota_async.answers import (
    find_image_answer,
    read_job,
    read_object,
    read_profile,
    read_profile_id,
    read_profiles,
    read_secret,
)
from phota_async.b64stream import decode_image
from phota_async.errors import PhotaError
from phota_async.jobs import failure_of

SEEDS = (
    b'\x00{"images":["QQ==",null,""],"known_subjects":{"counts":{"anna":1.5}},"download_urls":["https://x/?s=1",3]}',
    b'\x01{"job_id":"job-1","status":"failed","error":{"message":"no","code":"X"},"client_request_id":"c"}',
    b'\x01{"id":7,"status":"done","result":{"images":["data:image/png;base64,QQ=="],"known_subjects":null}}',
    b'\x02{"profile_id":"anna","status":"ERROR","message":"no face","tag":null}',
    b'\x03{"profiles":["anna",{"id":"berta","status":"READY","tag":"t"}]}',
    b'\x04{"webhook_secret":"whsec_x"}',
    b'\x05{"profile_id":"anna"}',
)
WORDS = (
    *(b'"result":', b'"output":', b'"images":', b'"download_urls":', b'"counts":', b'"status":"done"', b'"error":'),
    *(b"null", b"true", b"1e999", b"-1", b"[]", b"{}", b'"\\ud800"', b"\xff", b"99999999999999999999", b"[[[[[[[["),
)


def _image_call(body: bytes) -> object:
    answer = find_image_answer(read_object(body))
    return answer, [decode_image(each, index=0) for each in answer.images if isinstance(each, str)]


def _job(body: bytes) -> object:
    job = read_job(read_object(body), job_id="job-1")
    return job, job.is_done, job.is_failed, job.status.is_terminal, failure_of(job) if job.is_failed else None


READERS = (
    _image_call,
    _job,
    lambda body: read_profile(read_object(body), profile_id="anna"),
    lambda body: read_profiles(read_object(body)),
    lambda body: read_secret(read_object(body)),
    lambda body: read_profile_id(read_object(body)),
)


def check(data: bytes) -> None:
    """Read a body; the first byte says as what."""
    try:
        found = READERS[data[0] % len(READERS) if data else 0](data[1:])
    except PhotaError as error:
        found = error
    assert pickle.loads(pickle.dumps(found)) is not None
    assert str(found) or repr(found)
