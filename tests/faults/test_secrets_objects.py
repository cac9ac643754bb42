"""What the client keeps while it works, and what its parts say: none of it shows a key, a wish, a tag or a link."""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from support.canaries import KEY, QUERY, SECRET, SECRETS, TAG, WISH
from support.clients import Connect, Listen, quick
from support.peer import Behaviour, Peer, answer, by_path, json, script, until
from support.pictures import PHOTO, job_answer
from support.witness import Witness, witness

import phota_async
from phota_async import GenerateRequest, JobFailedError, NotFoundError, PhotaClient, PhotaError
from phota_async.errors import BadRequestError, ScopeError, SignatureError
from phota_async.webhooks import sign_callback

from .trial import Trial

__all__ = ["witness"]
BODY = msgspec.json.encode({"job_id": "job-1", "status": "done", "prompt": WISH.text, "links": [f"https://x/{QUERY}"]})


PROFILE = {"profile_id": "anna", "status": "QUEUING", "tag": TAG.text, "message": WISH.text}
REFUSED = json({"detail": f"no such thing as {WISH.text}", "request_id": "req-1"}, 400)


def routes(peer: Peer) -> dict[str, Behaviour]:
    done = answer(200, job_answer(status="done", download_urls=[peer.link(f"/1.jpg{QUERY}")], prompt=WISH.text))
    failed = answer(200, job_answer("job-2", status="failed", error=f"cannot make {WISH.text}"))
    return {
        "/generate": answer(202, job_answer(download_urls=[], prompt=WISH.text)),
        "/edit": REFUSED,
        "/job-1": script(answer(200, job_answer(status="running")), done),
        "/job-2": failed,
        "/ids": json({"profiles": [PROFILE]}),
        "/status": json(PROFILE),
        ".jpg": answer(200, PHOTO),
        "/webhook-secret": json({"webhook_secret": SECRET.text}),
    }


@pytest.fixture
async def client(listen: Listen, connect: Connect, witness: Witness) -> PhotaClient:
    peer = await listen()
    peer.script = [by_path(routes(peer))]
    return connect(peer, api_key=KEY.text, hooks=witness.hooks, config=quick(webhook_secret=SECRET.text))


async def test_jobs_and_their_failures(client: PhotaClient, witness: Witness, tmp_path: Any) -> None:
    job = await client.jobs.submit(GenerateRequest(prompt=WISH.text))
    result = await client.jobs.wait(job, save_to=tmp_path)
    witness.see(job, result, *result.images, result.images, pickled=SECRETS)  # links are what they are for
    witness.see(client, client.jobs)
    # The caller is told in the service's words; nobody else is.
    with pytest.raises(JobFailedError, match=re.escape(WISH.text)):
        await client.jobs.wait("job-2")
    with pytest.raises(BadRequestError, match=re.escape(WISH.text)):
        await client.edit(PHOTO, WISH.text)
    async with client.jobs.watch(["job-1", "job-2"]) as changes:
        witness.look_at(changes, *[(change.job_id, change.status, change.job) async for change in changes])
    witness.assert_discreet("OperationFinished", "OperationFailed", "JobChanged", "ImageSaved", "AttemptFailed")


async def test_callbacks(client: PhotaClient, witness: Witness) -> None:
    good, forged = sign_callback(BODY, SECRET.text), sign_callback(BODY, "whsec_guess")
    witness.look_at(client.webhooks.verify(BODY, good, SECRET.text), await client.webhooks.deliver(BODY, good))
    cut = BODY[:-1]
    for body, headers in [(cut, sign_callback(cut, SECRET.text)), (b"[]", good), (BODY, forged), (BODY, {})]:
        with pytest.raises(SignatureError) as caught:
            await client.webhooks.deliver(body, headers)
        witness.see_error(caught.value)
    witness.look_at(client.webhooks, client.webhooks._kept, client.webhooks._delivered, client.config)
    assert await client.webhooks.secret() == SECRET.text
    witness.assert_discreet("RequestFinished")


async def test_a_secret_that_was_asked_for(listen: Listen, connect: Connect, witness: Witness) -> None:
    peer = await listen(json({"webhook_secret": SECRET.text}))
    client = connect(peer, api_key=KEY.text, hooks=witness.hooks)
    await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET.text))
    witness.look_at(client.webhooks, client.webhooks._kept)
    with pytest.raises(SignatureError) as caught:
        await client.webhooks.deliver(BODY, sign_callback(BODY, "whsec_guess"))
    witness.see_error(caught.value)
    witness.assert_discreet("RequestFinished")


async def test_scopes(client: PhotaClient, witness: Witness) -> None:
    user = await client.for_user(TAG.text)
    for prompt in (f"{WISH.text} [[berta]]", f"{WISH.text} [ [anna"):
        with pytest.raises(ScopeError) as caught:
            await user.generate(prompt)
        witness.see_error(caught.value)
    with pytest.raises(ScopeError) as caught:
        await user.generate("x", extra={"style": WISH.text})
    witness.see_error(caught.value)
    witness.look_at(user, user.jobs, user.profiles, user._transport, user._members)
    witness.assert_discreet("RequestFinished", "OperationFailed")


async def test_the_poller(client: PhotaClient, witness: Witness) -> None:
    waits = [asyncio.create_task(client.profiles.wait("anna", interval=0.01)) for _ in range(3)]
    poller = client._pollers.here()
    await until(lambda: any(target.seen for group in poller._groups.values() for target in group.targets.values()))
    for group in poller._groups.values():
        witness.look_at(group, group.listing, *group.targets.values(), group.subject.tell)
    witness.look_at(poller, poller.schedule, client._pollers, *waits)
    for each in waits:
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each
    witness.assert_discreet("ProfileChanged")


@pytest.mark.parametrize("status", [401, 402, 404, 500])
async def test_waits_that_fail(status: int, listen: Listen, connect: Connect, witness: Witness) -> None:
    peer = await listen(json({"detail": "no"}, status))
    client = connect(peer, api_key=KEY.text, hooks=witness.hooks, config=quick(headers={"X-Team": SECRET.text}))
    with pytest.raises(PhotaError) as caught:
        await client.jobs.wait("job-1", timeout=0.05)
    assert isinstance(caught.value, NotFoundError) == (status == 404)
    witness.see_error(caught.value)
    witness.assert_discreet("RequestFailed", "AttemptFailed")


# Structs: their own `repr` hides what is private, and rich looks past it unless it is told otherwise.

TELLING = {
    *("prompt", "image", "images", "image_urls", "photo", "photos", "data", "data_uri", "raw", "body", "headers"),
    *("secret", "webhook_secret", "api_key", "key_sent", "exif", "xmp", "iptc", "place", "settings", "request"),
    *("url", "value"),
}
HARMLESS = {
    *("Bought", "BatchItem", "Subject", "Prepared", "Cast", "OperationFinished", "ItemEnded", "PriceTable", "Price"),
    *("Deprecated", "Charge", "Photo", "Fault", "_Plan", "Shape", "Options"),
    *("TrainingLimits", "PhotoFolder", "TrainingProgress"),
}
"""Whose fields of these names are numbers, scripts, or values that hide themselves."""


def structs(kind: Any = msgspec.Struct) -> Iterator[Any]:
    """Yield every struct of the package; a test module's own are none of it."""
    for each in kind.__subclasses__():
        if each.__module__.startswith("phota_async."):
            yield each
        yield from structs(each)


def load_everything() -> None:
    for each in pkgutil.walk_packages(phota_async.__path__, "phota_async."):
        if not each.name.endswith("__main__"):
            importlib.import_module(each.name)


def test_a_struct_that_hides_something_hides_it_from_rich_too(fault: Trial) -> None:
    load_everything()
    plain: Any = msgspec.Struct
    hiding = [each for each in structs() if each.__repr__ is not plain.__repr__]
    fault.tried(len(hiding))
    assert len(hiding) > 20
    assert [each for each in hiding if each.__rich_repr__ is plain.__rich_repr__] == []


def test_a_struct_with_something_private_hides_it(fault: Trial) -> None:
    load_everything()
    telling = [each for each in structs() if TELLING & {*each.__struct_fields__}]
    fault.tried(len(telling))
    assert len(telling) > 20
    plain: Any = msgspec.Struct
    shown = [each.__name__ for each in telling if each.__repr__ is plain.__repr__]
    assert [name for name in shown if name not in HARMLESS] == []
