"""A callback lets whoever waits look at once; who forges or repeats one gets nothing done, not even a question."""

import asyncio
import json
from typing import Any

import pytest
from aiohttp import web
from support.clients import KEY
from support.service import FakeService, image_answer
from support.virtual_time import near, now, settle, virtual_time

from phota_async import ClientConfig, GenerateRequest, PhotaClient
from phota_async.errors import ConfigError, InputError, ServerError, SignatureError
from phota_async.sandbox import Sandbox
from phota_async.signatures import Form
from phota_async.webhooks import ASK_AGAIN, ASK_EVERY, MEMORY, REMEMBERED, Bodies, sign_callback, verify

SECRET = "the account's secret"
BODY = b'{"job_id": "j1", "status": "succeeded"}'
DONE = {"status": "succeeded", "result": image_answer(links=["https://x/1.jpg"])}


def body(job_id: str = "j1", **fields: Any) -> bytes:
    return json.dumps({"job_id": job_id, "status": "succeeded", **fields}).encode()


def client_with(secret: Any = SECRET) -> PhotaClient:
    return PhotaClient(KEY, config=ClientConfig(webhook_secret=secret))


def asked_for_secret(service: FakeService) -> int:
    return sum(each.path == "/webhook-secret" for each in service.sent)


def looks(service: FakeService) -> int:
    return sum(each.path == "/jobs/j1" for each in service.sent)


# Waking


@virtual_time
async def test_whoever_waits_asks_at_once_and_once(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"status": "running"}, times=1)
    service.answer("GET", "/jobs/j1", DONE)
    async with client_with() as client:
        start = now()
        waits = [asyncio.create_task(client.jobs.wait("j1", interval=1000)) for _ in range(3)]
        await asyncio.sleep(100)
        event = await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
        results = await asyncio.gather(*waits)
        assert now() - start == near(100)
    assert (event.job_id, event.status, event.is_repeated) == ("j1", "succeeded", False)
    assert {result.job_id for result in results} == {"j1"}
    assert looks(service) == 2


@virtual_time
async def test_polling_stays_the_truth(service: FakeService) -> None:
    """The callback says that it is done; the service does not, and is asked again at its usual pace."""
    service.answer("GET", "/jobs/j1", {"status": "running"}, times=3)
    service.answer("GET", "/jobs/j1", DONE)
    async with client_with() as client:
        start = now()
        waiter = asyncio.create_task(client.jobs.wait("j1", interval=10))
        await asyncio.sleep(2)
        await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
        await settle()
        assert looks(service) == 2
        await waiter
        assert 2 + 18 <= now() - start <= 2 + 20


@virtual_time
async def test_a_watch_is_woken_too(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"status": "running"}, times=1)
    service.answer("GET", "/jobs/j1", DONE)
    start = now()
    async with client_with() as client, client.jobs.watch("j1", interval=1000) as changes:
        assert (await anext(changes)).status == "running"
        await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
        assert (await anext(changes)).status == "succeeded"
    assert now() - start == near(0)


@virtual_time
async def test_whoever_waits_through_a_scope_is_woken_too(service: FakeService) -> None:
    """A job's callback does not say whose it is; the job is asked for once, however many views wait for it."""
    service.answer("GET", "/profiles/ids?tag=user-a", {"profiles": []})
    service.answer("GET", "/jobs/j1", {"status": "running"}, times=1)
    service.answer("GET", "/jobs/j1", DONE)
    async with client_with() as client:
        user = await client.for_user("user-a")
        start = now()
        waits = [asyncio.create_task(each.jobs.wait("j1", interval=1000)) for each in (user, client, user)]
        await asyncio.sleep(100)
        await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
        results = await asyncio.gather(*waits)
        assert now() - start == near(100)
    assert [result.job_id for result in results] == ["j1"] * 3
    assert looks(service) == 2


@virtual_time
async def test_a_job_that_nobody_waits_for_is_not_asked_for(service: FakeService) -> None:
    async with client_with() as client:
        event = await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
        assert event.job_id == "j1"
        nobody = b'{"status": "succeeded"}'
        assert (await client.webhooks.deliver(nobody, sign_callback(nobody, SECRET))).job_id is None
    assert service.calls == 0


@virtual_time
async def test_what_comes_twice_changes_nothing(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"status": "running"})
    async with client_with() as client:
        waiter = asyncio.create_task(client.jobs.wait("j1", interval=1000))
        await settle()
        repeated = []
        for second in range(5):  # with time stamps of their own
            event = await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET, now=1000 + second), now=1000)
            repeated.append(event.is_repeated)
            await settle()
        assert repeated == [False, True, True, True, True]
        assert looks(service) == 2
        waiter.cancel()
        await asyncio.wait([waiter])


@virtual_time
async def test_a_forged_one_does_nothing(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"status": "running"})
    async with client_with() as client:
        waiter = asyncio.create_task(client.jobs.wait("j1", interval=1000))
        await settle()
        with pytest.raises(SignatureError):
            await client.webhooks.deliver(BODY, sign_callback(BODY, "a guess"))
        with pytest.raises(InputError, match="raw_body: expected bytes"):
            await client.webhooks.deliver(BODY.decode(), sign_callback(BODY, SECRET))  # type: ignore[arg-type]
        await settle()
        assert looks(service) == 1
        event = await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
        assert not event.is_repeated  # what was refused is not remembered
        waiter.cancel()
        await asyncio.wait([waiter])


@virtual_time
async def test_what_verify_has_seen_is_delivered_all_the_same(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"status": "running"}, times=1)
    service.answer("GET", "/jobs/j1", DONE)
    async with client_with() as client:
        waiter = asyncio.create_task(client.jobs.wait("j1", interval=1000))
        await settle()
        headers = sign_callback(BODY, SECRET)
        assert not client.webhooks.verify(BODY, headers, SECRET).is_repeated
        assert client.webhooks.verify(BODY, headers, SECRET).is_repeated
        assert not (await client.webhooks.deliver(BODY, headers)).is_repeated
        await waiter


# The secret


@virtual_time
async def test_the_secret_is_asked_for_once_and_kept(service: FakeService) -> None:
    service.answer("GET", "/webhook-secret", {"webhook_secret": SECRET})
    async with PhotaClient(KEY) as client:
        each = [body(f"j{number}") for number in range(20)]
        await asyncio.gather(*[client.webhooks.deliver(one, sign_callback(one, SECRET)) for one in each])
        await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
        assert repr(client.webhooks._kept) == "<KeptSecret ****>"
    assert asked_for_secret(service) == 1


@virtual_time
async def test_a_secret_that_was_changed_is_asked_for_again(service: FakeService) -> None:
    service.answer("GET", "/webhook-secret", {"webhook_secret": "old"}, times=1)
    service.answer("GET", "/webhook-secret", {"webhook_secret": "new"})
    async with PhotaClient(KEY) as client:
        client.webhooks._kept._clock = now
        await client.webhooks.deliver(BODY, sign_callback(BODY, "old"))
        with pytest.raises(SignatureError):  # too early to ask again
            await client.webhooks.deliver(BODY, sign_callback(BODY, "new"))
        await asyncio.sleep(ASK_EVERY)
        each = [body(f"j{number}") for number in range(20)]
        await asyncio.gather(*[client.webhooks.deliver(one, sign_callback(one, "new")) for one in each])
    assert asked_for_secret(service) == 2


@virtual_time
async def test_forgers_cannot_make_us_ask_more_than_once_a_minute(service: FakeService) -> None:
    service.answer("GET", "/webhook-secret", {"webhook_secret": SECRET})
    async with PhotaClient(KEY) as client:
        client.webhooks._kept._clock = now
        for _ in range(600):
            with pytest.raises(SignatureError):
                await client.webhooks.deliver(BODY, sign_callback(BODY, "a guess"))
            await asyncio.sleep(1)
        await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
    assert asked_for_secret(service) == 10


@virtual_time
async def test_a_service_that_does_not_tell_the_secret_is_not_hammered(service: FakeService) -> None:
    service.answer("GET", "/webhook-secret", {"detail": "down"}, status=500, times=5)  # one call and its retries
    service.answer("GET", "/webhook-secret", {"webhook_secret": SECRET})
    async with PhotaClient(KEY) as client:
        client.webhooks._kept._clock = now
        assert repr(client.webhooks._kept) == "<KeptSecret unknown>"
        errors = []
        for _ in range(3):
            with pytest.raises(ServerError) as caught:
                await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))
            errors.append(caught.value)
        assert asked_for_secret(service) == 5
        assert len({id(each) for each in errors}) == 3
        await asyncio.sleep(ASK_AGAIN)
        assert (await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET))).job_id == "j1"


@virtual_time
async def test_whoever_waits_has_a_question_that_was_cut_off_asked_again(service: FakeService) -> None:
    async def slow() -> str:
        await asyncio.sleep(10)
        return SECRET

    async with PhotaClient(KEY) as client:
        client.webhooks._kept._ask, client.webhooks._kept._clock = slow, now
        tasks = [
            asyncio.create_task(client.webhooks.deliver(each, sign_callback(each, SECRET)))
            for each in (body("j1"), body("j2"))
        ]
        await asyncio.sleep(1)
        tasks[0].cancel()
        assert (await tasks[1]).job_id == "j2"
    assert service.calls == 0


@pytest.mark.parametrize("secret", [None, "old"])
@virtual_time
async def test_forgers_who_leave_in_the_middle_have_asked_too(secret: str | None) -> None:
    """A framework cancels the handler of whoever hangs up; that must not make their questions free."""
    asked: list[float] = []

    async def slow() -> str:
        asked.append(now())
        await asyncio.sleep(1)
        return SECRET

    client = PhotaClient(KEY)
    client.webhooks._kept._ask, client.webhooks._kept._clock = slow, now
    client.webhooks._kept._secret = secret
    for _ in range(100):
        forger = asyncio.create_task(client.webhooks.deliver(BODY, sign_callback(BODY, "a guess")))
        await asyncio.sleep(0.5)
        forger.cancel()
        with pytest.raises((asyncio.CancelledError, SignatureError)):
            await forger
    assert len(asked) <= 1 + 50 / ASK_AGAIN


def test_the_kept_secret_outlives_its_event_loop(service: FakeService) -> None:
    service.answer("GET", "/webhook-secret", {"webhook_secret": SECRET})
    client = PhotaClient(KEY)
    for number in range(3):
        one = body(f"j{number}")
        event = asyncio.run(client.webhooks.deliver(one, sign_callback(one, SECRET)))
        assert event.job_id == f"j{number}"
    assert asked_for_secret(service) == 1


@virtual_time
async def test_a_secret_that_is_given_or_configured_is_not_asked_for(service: FakeService) -> None:
    async with client_with(("new", SECRET)) as client:
        for secret in (SECRET, "new"):
            await client.webhooks.deliver(body(secret), sign_callback(body(secret), secret))
        await client.webhooks.deliver(BODY, sign_callback(BODY, "given"), "given")
        with pytest.raises(SignatureError):
            await client.webhooks.deliver(BODY, sign_callback(BODY, SECRET), ["given", "other"])
    assert service.calls == 0


@pytest.mark.parametrize("wrong", ["", (), ("",), [SECRET], 7, (SECRET, None), b"x"])
def test_a_configured_secret_is_a_text_or_several(wrong: Any) -> None:
    with pytest.raises(ConfigError, match="webhook_secret: expected a non-empty str, a tuple of them, or None, got"):
        ClientConfig(webhook_secret=wrong)


def test_a_configured_secret_is_not_shown() -> None:
    config = ClientConfig(webhook_secret=SECRET)
    assert SECRET not in repr(config) + str(config) + repr(PhotaClient(KEY, config=config))


# What is remembered


def test_so_many_bodies_are_remembered_for_so_long() -> None:
    bodies = Bodies()
    event = verify(BODY, sign_callback(BODY, SECRET, form="hex"), SECRET)
    assert not bodies.mark(event, b"first", 0.0).is_repeated
    assert bodies.mark(event, b"first", MEMORY).is_repeated
    assert not bodies.mark(event, b"first", MEMORY + 1).is_repeated
    for number in range(2 * REMEMBERED):
        assert not bodies.mark(event, str(number).encode(), MEMORY + 2).is_repeated
    assert repr(bodies) == f"<Bodies {REMEMBERED} remembered>"
    assert not bodies.mark(event, b"first", MEMORY + 3).is_repeated
    assert bodies.mark(event, str(2 * REMEMBERED - 1).encode(), MEMORY + 3).is_repeated


# Signing, for users' tests


@pytest.mark.parametrize("form", ["timestamp", "sha256", "hex", "v1", "base64"])
@pytest.mark.parametrize("secret", [SECRET, "whsec_AAECAw=="])
def test_what_is_signed_verifies(form: Form, secret: str) -> None:
    headers = sign_callback(BODY, secret, form=form, now=1000.9)
    assert [*headers] == ["X-Phota-Signature"]
    assert verify(BODY, headers, secret, now=1001).job_id == "j1"
    with pytest.raises(SignatureError):
        verify(BODY + b" ", headers, secret, now=1001)
    with pytest.raises(SignatureError):
        verify(BODY, headers, "another", now=1001)


def test_a_signature_is_stamped_with_now() -> None:
    assert verify(BODY, sign_callback(BODY, SECRET), SECRET).job_id == "j1"


# Over real HTTP


async def test_the_services_own_callbacks_wake_who_waits() -> None:
    """Each comes twice; the job is asked for when the wait begins and when it is told to be done."""
    async with Sandbox(
        time_scale=0, picture_scale=0.02, allow_http_callbacks=True, callback_copies=2, callback_scheme="timestamp"
    ) as sandbox:
        client = PhotaClient(sandbox.api_key, sandbox.base_url)
        events = []

        async def receive(request: web.Request) -> web.Response:
            events.append(await client.webhooks.deliver(await request.read(), request.headers))
            return web.Response()

        app = web.Application()
        app.router.add_post("/callbacks", receive)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/callbacks"
            async with client:
                request = GenerateRequest(prompt="a sea")
                job = await client.jobs.submit(request, callback_url=url, validate=False)
                waiter = asyncio.create_task(client.jobs.wait(job.job_id, interval=1000))
                await sandbox.wait_for_requests(2)
                sandbox.clock.advance(40)
                result = await asyncio.wait_for(waiter, 20)
                await sandbox.settle()
        finally:
            await runner.cleanup()
    assert result.images[0].url is not None
    assert [event.job_id for event in events] == [job.job_id] * 2
    assert sorted(event.is_repeated for event in events) == [False, True]
    assert sandbox.gets("/jobs/{job_id}") == 2
    assert sandbox.gets("/webhook-secret") == 1
    assert len(sandbox.charges) == 1
