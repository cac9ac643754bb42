"""Bytes that pass for pictures, and the service's answers around them."""

import base64
import io
import random
from typing import Any

import msgspec

TAILS = {"jpg": b"\xff\xd9", "png": b"\x00\x00\x00\x00IEND\xaeB`\x82", "webp": b"", "heic": b""}
HEADS = {
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "png": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "webp": b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    "heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00",
}


def picture(size: int = 300, kind: str = "jpg", seed: int = 0) -> bytes:
    """Return ``size`` bytes that begin and end as a picture does; another seed gives another one."""
    head, tail = HEADS[kind], TAILS[kind]
    return head + random.Random(seed).randbytes(size - len(head) - len(tail)) + tail


PHOTO = picture()


def real_picture(shade: int = 0) -> bytes:
    """Return a tiny JPEG that decodes; another shade gives another one."""
    from PIL import Image  # noqa: PLC0415 - most tests need bytes only

    buffer = io.BytesIO()
    Image.new("L", (8, 8), shade).save(buffer, "JPEG")
    return buffer.getvalue()


REAL = real_picture()


def image_answer(*pictures: bytes, **fields: Any) -> bytes:
    """Return the JSON of a synchronous image call."""
    images = [base64.b64encode(each).decode() for each in pictures]
    answer = {"known_subjects": {"counts": {}}, "images": images, "download_urls": []}
    return msgspec.json.encode(answer | fields)


def link_answer(*links: str, **fields: Any) -> bytes:
    """Return the JSON of an image call whose pictures are behind links."""
    answer = {"known_subjects": {"counts": {}}, "images": [], "download_urls": list(links)}
    return msgspec.json.encode(answer | fields)


def job_answer(job_id: str = "job-1", status: str = "queued", **fields: Any) -> bytes:
    """Return the JSON of a job."""
    return msgspec.json.encode({"job_id": job_id, "status": status} | fields)
