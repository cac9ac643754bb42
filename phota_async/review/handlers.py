"""What the server answers: the page's own files, the run's pictures by number, and what people decide."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any, TypeVar, get_args

import msgspec
from aiohttp import web

from ..errors import ConfigError, DownloadError, InputError, PhotaError
from .access import HEADERS, Access
from .previews import Previews, Size
from .session import Session

SCRIPTS = ("dialogs", "dom", "frame", "keys", "lens", "main", "service", "slider", "stage", "store")
FILES = {  # address: (file of the page, its type); nothing else of the disk has an address
    "/": ("index.html", "text/html"),
    "/palette.css": ("palette.css", "text/css"),
    "/review.css": ("review.css", "text/css"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    **{f"/{name}.js": (f"{name}.js", "text/javascript") for name in SCRIPTS},
}
PATIENCE = 25.0  # seconds that a page waits for news at a time
MAX_BODY = 16 * 1024  # bytes
SIZES = frozenset(get_args(Size))

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


class Pick(msgspec.Struct, forbid_unknown_fields=True):
    """A picture is picked."""

    item: int
    picture: int
    tab: str = ""


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """An item is rejected, or made undecided."""

    item: int
    tab: str = ""


class AskFor(msgspec.Struct, forbid_unknown_fields=True):
    """A further variation is asked for."""

    item: int
    id: str
    price: Decimal
    tab: str = ""


class Say(msgspec.Struct, forbid_unknown_fields=True):
    """Something that needs no item."""

    tab: str = ""


class Redeem(msgspec.Struct, forbid_unknown_fields=True):
    """A page that a ticket opened."""

    ticket: str


class Handlers:
    """Answers requests.

    Args:
        session: The review.
        access: Who may ask.
        previews: The pictures.
    """

    def __init__(self, session: Session, access: Access, previews: Previews) -> None:
        self._session, self._access, self._previews = session, access, previews
        self._open = {*FILES, "/token"}

    def application(self) -> web.Application:
        """Return the application that serves them."""
        app = web.Application(middlewares=[self._guard], client_max_size=MAX_BODY)
        app.on_response_prepare.append(_add_headers)
        for address in FILES:
            app.router.add_get(address, self._file)
        app.router.add_post("/token", self._redeem)
        app.router.add_get("/state", self._state)
        app.router.add_get("/changes", self._changes)
        app.router.add_get(r"/pictures/{number:\d{1,9}}/{size}", self._picture)
        for address, handler in self._decisions().items():
            app.router.add_post(address, handler)
        return app

    def _decisions(self) -> dict[str, Handler]:
        return {
            "/pick": self._pick,
            "/reject": self._reject,
            "/clear": self._clear,
            "/undo": self._undo,
            "/ask": self._ask,
            "/finish": self._finish,
        }

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse what is not ours to answer, and say every error as JSON."""
        refused = self._access.refusal(request.method, request.headers, is_open=request.path in self._open)
        if refused is not None:
            return _error(*refused)
        try:
            return await handler(request)
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _error(400, str(error))
        except PhotaError as error:
            return _error(_status_of(error), str(error))

    async def _file(self, request: web.Request) -> web.Response:
        name, media_type = FILES[request.path]
        charset = None if media_type.startswith("image/") else "utf-8"
        return web.Response(body=_page_file(name), content_type=media_type, charset=charset)

    async def _redeem(self, request: web.Request) -> web.Response:
        body = await _body(request, Redeem)
        token = self._access.redeem(body.ticket, asyncio.get_running_loop().time())
        return _error(401, "open the address that the review printed") if token is None else _json({"token": token})

    async def _state(self, _: web.Request) -> web.Response:
        return _json(self._session.state())

    async def _changes(self, request: web.Request) -> web.Response:
        text = request.query.get("after", "")
        if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 - digits of a version
            raise InputError("after: expected a version, got something else")
        await self._session.changes.wait(int(text), PATIENCE)
        return _json(self._session.changed(int(text)))

    async def _picture(self, request: web.Request) -> web.Response:
        size = request.match_info["size"]
        if size not in SIZES:
            raise web.HTTPNotFound
        preview = await self._previews.get(int(request.match_info["number"]), size)  # type: ignore[arg-type]  # looked at
        headers = {} if preview.size is None else {"Phota-Picture-Size": "{}x{}".format(*preview.size)}
        return web.Response(body=preview.data, content_type=preview.media_type, headers=headers)

    async def _pick(self, request: web.Request) -> web.Response:
        body = await _body(request, Pick)
        await self._session.pick(body.item, body.picture, body.tab)
        return self._answer(body.item)

    async def _reject(self, request: web.Request) -> web.Response:
        body = await _body(request, Decide)
        await self._session.reject(body.item, body.tab)
        return self._answer(body.item)

    async def _clear(self, request: web.Request) -> web.Response:
        body = await _body(request, Decide)
        await self._session.clear(body.item, body.tab)
        return self._answer(body.item)

    async def _undo(self, request: web.Request) -> web.Response:
        body = await _body(request, Say)
        return self._answer(await self._session.undo(body.tab))

    async def _ask(self, request: web.Request) -> web.Response:
        body = await _body(request, AskFor)
        await self._session.ask(body.item, body.id, body.price, body.tab)
        return self._answer(body.item)

    async def _finish(self, request: web.Request) -> web.Response:
        await _body(request, Say)
        self._session.finish()
        return _json({"counts": self._session.counts()})

    def _answer(self, item: int | None) -> web.Response:
        """Say that it is written, and about which item."""
        return _json({"item": item, "version": self._session.changes.version})


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers["Server"] = "phota"


async def _body(request: web.Request, kind: type[T]) -> T:
    return msgspec.json.decode(await request.read(), type=kind)


def _json(value: Any) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def _error(status: int, sentence: str) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode({"error": sentence}), content_type="application/json")


def _status_of(error: PhotaError) -> int:
    if isinstance(error, DownloadError):
        return 507  # the disk is full
    return 409 if isinstance(error, (ConfigError, InputError)) else 500


@cache
def _page_file(name: str) -> bytes:
    return resources.files(__package__).joinpath("page", name).read_bytes()
