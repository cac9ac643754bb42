"""Put answers on the wire as a fault wants them: its own, cut short, slow, or a TCP reset instead."""

import asyncio
import os
import socket
import struct

import msgspec
from aiohttp import web

from phota_async.sandbox.clock import Clock
from phota_async.sandbox.faults import Fault

LINGER_OFF = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # closing then sends a reset
SLOW_PIECES = 8  # in which a slow body is sent


def own_answer(fault: Fault) -> web.Response | None:
    """Build the answer that a fault brings along; ``None`` where it leaves the body to the service."""
    if fault.body is None:
        return None
    status = 200 if fault.status is None else fault.status
    if isinstance(fault.body, bytes):
        return web.Response(status=status, body=fault.body, content_type="text/html")
    body = msgspec.json.encode(fault.body)
    return web.Response(status=status, body=body, content_type="application/json")


def reset(request: web.Request) -> web.Response:
    """Drop the connection with a TCP reset; the answer returned here finds no way out."""
    transport = request.transport
    connection = transport.get_extra_info("socket") if transport is not None else None
    if isinstance(transport, asyncio.Transport) and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
        transport.abort()
    return web.Response()


async def send(fault: Fault, request: web.Request, response: web.Response, *, clock: Clock) -> web.StreamResponse:
    """Send an answer cut or slowly; without such a fault leave the sending to aiohttp."""
    if fault.cut_after is None and fault.rate is None:
        return response
    body = response.body if isinstance(response.body, bytes) else b""
    stream = web.StreamResponse(status=response.status, headers=response.headers)
    stream.content_length = len(body)  # the whole, also where less will come
    await stream.prepare(request)
    await _write(stream, body[: fault.cut_after], fault.rate, clock)
    if fault.cut_after is not None and request.transport is not None:
        request.transport.close()
    return stream


async def _write(stream: web.StreamResponse, body: bytes, rate: float | None, clock: Clock) -> None:
    if rate is None:
        await stream.write(body)
        return
    piece = max(1, -(-len(body) // SLOW_PIECES))
    for start in range(0, len(body), piece):
        await clock.sleep(piece / rate)
        await stream.write(body[start : start + piece])
