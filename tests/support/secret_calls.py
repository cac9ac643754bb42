"""Every call of the client, made with secrets in every place that has room for one, against a service of scripts.

    shop = await SecretShop.open(listen)
    for name, call in CALLS.items():
        await call(shop.client(connect, witness), tmp_path)

A new operation is one more line in ``CALLS``.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import anyio
import msgspec

from phota_async import (
    ClientConfig,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    PhotaClient,
    RemixRequest,
)
from phota_async.webhooks import sign_callback

from .canaries import KEY, PASSWORD, QUERY, SECRET, TAG, WISH
from .clients import Connect, Listen, quick
from .peer import Behaviour, Exchange, Peer, answer, by_path, json, redirect
from .pictures import PHOTO, image_answer, job_answer

LINK = f"https://me:{PASSWORD.text}@photos.example/1.jpg{QUERY}"
LINKS = [LINK, *(f"https://photos.example/{number}.jpg" for number in range(9))]
BODY = msgspec.json.encode({"job_id": "job-1", "status": "done", "prompt": WISH.text, "links": [LINK]})
GENERATE = GenerateRequest(prompt=WISH.text)
EDIT = EditRequest([PHOTO, LINK], WISH.text, profile_ids=["anna"], extra={"style": WISH.text})
JOBS = (GENERATE, EDIT, EnhanceRequest(PHOTO, prompt=WISH.text), RemixRequest(PHOTO, LINK, prompt=WISH.text))
GIVEN_UP = 0.03  # seconds
Call = Callable[[PhotaClient, Path], Awaitable[Any]]


async def _watch(watch: Any) -> list[Any]:
    """Return what a watch tells; what is asked for again and again, and never tells, is given up."""
    seen: list[Any] = []
    with anyio.move_on_after(GIVEN_UP):
        async with watch as changes:
            async for change in changes:
                seen += [change]
    return seen


async def _erase(client: PhotaClient) -> Any:
    return await (await client.for_user(TAG.text)).erase()


async def _deliver(client: PhotaClient) -> Any:
    return await client.webhooks.deliver(BODY, sign_callback(BODY, "another secret"))


CALLS: dict[str, Call] = {
    "generate": lambda client, _: client.generate(WISH.text),
    "edit": lambda client, _: client.edit([PHOTO, LINK], WISH.text, profile_ids=["anna"]),
    "enhance": lambda client, _: client.enhance(PHOTO, prompt=WISH.text),
    "remix": lambda client, _: client.remix(PHOTO, LINK, prompt=WISH.text),
    "edit as a job": lambda client, _: client.edit(PHOTO, WISH.text, mode="job"),
    "send to a folder": lambda client, folder: client.send(GENERATE, save_to=folder / "sent", exists="number"),
    "job to a folder": lambda client, folder: client.send(
        GENERATE, mode="job", save_to=folder / "job", exists="number"
    ),
    "submit": lambda client, _: client.jobs.submit(EDIT, callback_url=f"https://me.example/back{QUERY}"),
    "job": lambda client, _: client.jobs.get("job-1"),
    "wait": lambda client, _: client.jobs.wait("job-1", timeout=0.5),
    "watch jobs": lambda client, _: _watch(client.jobs.watch(["job-1"])),
    "create": lambda client, _: client.profiles.create(LINKS, tag=TAG.text),
    "list": lambda client, _: client.profiles.list(TAG.text),
    "status": lambda client, _: client.profiles.status("anna"),
    "wait for a profile": lambda client, _: client.profiles.wait("anna", timeout=0.5, interval=0.001),
    "watch profiles": lambda client, _: _watch(client.profiles.watch(["anna"], interval=0.001)),
    "picture": lambda client, _: client.profiles.picture("anna"),
    "delete": lambda client, _: client.profiles.delete("anna"),
    "erase": lambda client, _: _erase(client),
    "secret": lambda client, _: client.webhooks.secret(),
    "callback": lambda client, _: _deliver(client),
}


class SecretShop:
    """The service, the storage of its pictures, and a third who should hear nothing.

    Attributes:
        service: Its only origin that may know the key.
    """

    def __init__(self, service: Peer, storage: Peer, thief: Peer) -> None:
        self.service, self.storage, self.thief = service, storage, thief
        self.mend()

    @classmethod
    async def open(cls, listen: Listen) -> Self:
        """Start the three."""
        return cls(await listen(), await listen(answer(200, PHOTO)), await listen(json({})))

    def mend(self) -> None:
        """Let everything go well."""
        self.service.script = [by_path(self._routes())]

    def break_down(self, fault: Behaviour) -> None:
        """Let every call meet the same fault."""
        self.service.script = [fault]

    def client(self, connect: Connect, *, hooks: Any = (), config: ClientConfig | None = None) -> PhotaClient:
        """Return a client with the key of the canaries."""
        return connect(self.service, api_key=KEY.text, hooks=hooks, config=config or quick(headers={"X-Team": "blue"}))

    def _routes(self) -> dict[str, Behaviour]:
        link = self.storage.link(f"/1.jpg{QUERY}")
        done = job_answer(status="done", download_urls=[link], prompt=WISH.text)
        sync = answer(200, image_answer(PHOTO, prompt=WISH.text, download_urls=[link]))
        submitted = answer(202, job_answer(prompt=WISH.text, callback_url=f"https://me.example/back{QUERY}"))
        profile = {"profile_id": "anna", "status": "READY", "tag": TAG.text, "message": WISH.text}
        image = _by_mode(sync, submitted)
        return {
            **dict.fromkeys(("/edit", "/generate", "/enhance", "/remix"), image),
            "/job-1": answer(200, done),
            "/ids": json({"profiles": [profile]}),
            "/add": json({"profile_id": "anna"}),
            "/status": json(profile),
            "/profile_picture": redirect(link),
            "/webhook-secret": json({"webhook_secret": SECRET.text}),
            "/anna": json({}),
        }


def _by_mode(sync: Behaviour, job: Behaviour) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.body()
        await (job if exchange.request.json.get("async") else sync)(exchange)

    return behave
