"""Serve files as a content network does: whole or in part, with a tag that tells them apart."""

import hashlib

from aiohttp import web

from phota_async.sandbox.links import media_type

PARTIAL, NOT_MODIFIED, UNSATISFIABLE = 206, 304, 416


def serve_file(request: web.Request, name: str, data: bytes) -> web.Response:
    """Answer with a file, or the range of it that was asked for (RFC 9110, 13.1 and 14)."""
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes"}
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=NOT_MODIFIED, headers=headers)
    if "Range" not in request.headers or request.headers.get("If-Range", tag) != tag:
        return web.Response(body=data, content_type=media_type(name), headers=headers)
    return _serve_range(request, name, data, headers=headers)


def _serve_range(request: web.Request, name: str, data: bytes, *, headers: dict[str, str]) -> web.Response:
    try:
        start, stop, _ = request.http_range.indices(len(data))
    except ValueError:
        return web.Response(body=data, content_type=media_type(name), headers=headers)  # not understood: the whole
    if start >= len(data):
        return web.Response(status=UNSATISFIABLE, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    place = {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
    return web.Response(
        status=PARTIAL, body=data[start:stop], content_type=media_type(name), headers={**headers, **place}
    )
