"""A key, a webhook secret, a wish and a signed link: whatever happens, nothing that is shown or passed on has them."""

import asyncio
import logging
import pickle
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.clients import KEY, Connect, Listen, connect, listen, quick
from support.peer import Behaviour, Peer, answer, by_path, json, script, until
from support.pictures import PHOTO, job_answer

from phota_async import GenerateRequest, JobFailedError, NotFoundError, PhotaClient, PhotaError
from phota_async.errors import BadRequestError, ScopeError, SignatureError
from phota_async.events import Event
from phota_async.hooks import logging_hook
from phota_async.otel import TracingHook
from phota_async.webhooks import sign_callback

__all__ = ["connect", "listen"]
WISH, SECRET, SIGNATURE = "a private wish", "whsec_canary", "s3cr3t"
CANARIES = (KEY, WISH, SECRET, SIGNATURE)
BODY = msgspec.json.encode({"job_id": "job-1", "status": "done", "prompt": WISH, "links": ["https://x/?s=s3cr3t"]})


class Witness:
    """Everything that a client with hooks passes on: events, log lines, spans; and what a test shows it."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        self._caplog = caplog
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.events: list[Event] = []
        self.hooks = [self.events.append, logging_hook(level=logging.DEBUG), TracingHook(self.provider)]
        self.shown: list[str] = []

    def see(self, *things: object) -> None:
        self.shown += [f"{each!r} {each}" for each in things]

    def see_error(self, error: PhotaError) -> None:
        self.see(error, error.__dict__, pickle.dumps(error), error.__cause__, error.__context__)

    def texts(self) -> Iterator[str]:
        yield from self.shown
        yield from map(repr, self.events)
        yield from (span.to_json() for span in self._exporter.get_finished_spans())
        yield from (f"{record.getMessage()} {record.__dict__!r}" for record in self._caplog.records)
        yield self._caplog.text

    def assert_discreet(self, *kinds: str) -> None:
        """Nothing has a canary; events of these kinds were among what was told."""
        assert {*kinds} <= {type(event).__name__ for event in self.events}
        assert [(canary, text) for text in self.texts() for canary in CANARIES if canary in text] == []


@pytest.fixture
def witness(caplog: pytest.LogCaptureFixture) -> Iterator[Witness]:
    made = Witness(caplog)
    yield made
    made.provider.shutdown()


PROFILE = {"profile_id": "anna", "status": "QUEUING", "tag": "user-a", "message": WISH}
REFUSED = json({"detail": f"no such thing as {WISH}", "request_id": "req-1"}, 400)


def routes(peer: Peer) -> dict[str, Behaviour]:
    done = answer(200, job_answer(status="done", download_urls=[peer.link()], prompt=WISH))
    failed = answer(200, job_answer("job-2", status="failed", error=f"cannot make {WISH}"))
    return {
        "/generate": answer(202, job_answer(download_urls=[], prompt=WISH)),
        "/edit": REFUSED,
        "/job-1": script(answer(200, job_answer(status="running")), done),
        "/job-2": failed,
        "/ids": json({"profiles": [PROFILE]}),
        "/status": json(PROFILE),
        ".jpg": answer(200, PHOTO),
        "/webhook-secret": json({"webhook_secret": SECRET}),
    }


@pytest.fixture
async def client(listen: Listen, connect: Connect, witness: Witness) -> PhotaClient:
    peer = await listen()
    peer.script = [by_path(routes(peer))]
    return connect(peer, hooks=witness.hooks, config=quick(webhook_secret=SECRET))


async def test_jobs_and_their_failures(client: PhotaClient, witness: Witness, tmp_path: Any) -> None:
    job = await client.jobs.submit(GenerateRequest(prompt=WISH))
    result = await client.jobs.wait(job, save_to=tmp_path)
    witness.see(job, result, *result.images, result.images, client, client.jobs)
    with pytest.raises(JobFailedError, match=WISH):  # the caller is told in the service's words; nobody else is
        await client.jobs.wait("job-2")
    with pytest.raises(BadRequestError, match=WISH):
        await client.edit(PHOTO, WISH)
    async with client.jobs.watch(["job-1", "job-2"]) as changes:
        witness.see(changes, *[(change.job_id, change.status, change.job) async for change in changes])
    witness.assert_discreet("OperationFinished", "OperationFailed", "JobChanged", "ImageSaved", "AttemptFailed")


async def test_callbacks(client: PhotaClient, witness: Witness) -> None:
    good, forged = sign_callback(BODY, SECRET), sign_callback(BODY, "whsec_guess")
    witness.see(client.webhooks.verify(BODY, good, SECRET), await client.webhooks.deliver(BODY, good))
    cut = BODY[:-1]
    for body, headers in [(cut, sign_callback(cut, SECRET)), (b"[]", good), (BODY, forged), (BODY, {})]:
        with pytest.raises(SignatureError) as caught:
            await client.webhooks.deliver(body, headers)
        witness.see_error(caught.value)
    witness.see(client.webhooks, client.webhooks._kept, client.webhooks._delivered, client.config)
    assert await client.webhooks.secret() == SECRET
    witness.assert_discreet("RequestFinished")


async def test_a_secret_that_was_asked_for(listen: Listen, connect: Connect, witness: Witness) -> None:
    peer = await listen(json({"webhook_secret": SECRET}))
    client = connect(peer, hooks=witness.hooks)
    await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
    witness.see(client.webhooks, client.webhooks._kept)
    with pytest.raises(SignatureError) as caught:
        await client.webhooks.deliver(BODY, sign_callback(BODY, "whsec_guess"))
    witness.see_error(caught.value)
    witness.assert_discreet("RequestFinished")


async def test_scopes(client: PhotaClient, witness: Witness) -> None:
    user = await client.for_user("user-a")
    for prompt in (f"{WISH} [[berta]]", f"{WISH} [ [anna"):
        with pytest.raises(ScopeError) as caught:
            await user.generate(prompt)
        witness.see_error(caught.value)
    with pytest.raises(ScopeError) as caught:
        await user.generate("x", extra={"style": WISH})
    witness.see_error(caught.value)
    witness.see(user, user.jobs, user.profiles, user._transport, user._members)
    assert not [text for text in witness.texts() if "user-a" in text]  # a tag may be personal
    witness.assert_discreet("RequestFinished", "OperationFailed")


async def test_the_poller(client: PhotaClient, witness: Witness) -> None:
    waits = [asyncio.create_task(client.profiles.wait("anna", interval=0.01)) for _ in range(3)]
    poller = client._pollers.here()
    await until(lambda: any(target.seen for group in poller._groups.values() for target in group.targets.values()))
    for group in poller._groups.values():
        witness.see(group, group.listing, *group.targets.values(), group.subject.tell)
    witness.see(poller, poller.schedule, client._pollers, *waits)
    for each in waits:
        each.cancel()
        with suppress(asyncio.CancelledError):
            await each
    witness.assert_discreet("ProfileChanged")


@pytest.mark.parametrize("status", [401, 402, 404, 500])
async def test_waits_that_fail(status: int, listen: Listen, connect: Connect, witness: Witness) -> None:
    peer = await listen(json({"detail": "no"}, status))
    client = connect(peer, hooks=witness.hooks, config=quick(headers={"X-Team": SECRET}))
    with pytest.raises(PhotaError) as caught:
        await client.jobs.wait("job-1", timeout=0.05)
    assert isinstance(caught.value, NotFoundError) == (status == 404)
    witness.see_error(caught.value)
    witness.assert_discreet("RequestFailed", "AttemptFailed")
