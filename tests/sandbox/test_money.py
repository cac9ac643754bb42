import asyncio
from decimal import Decimal
from typing import Any

import pytest

from phota_async.sandbox import Charge, Sandbox, Shape

from .conftest import BODIES, Api


@pytest.mark.parametrize(
    ("path", "fields", "price"),
    [
        ("/edit", {}, "0.09"),
        ("/edit", {"resolution": "2K", "num_output_images": 3}, "0.36"),
        ("/generate", {"resolution": "4K"}, "0.18"),
        ("/generate", {"prompt": "[[anna]]"}, "0.12"),
        ("/enhance", {}, "0.12"),
        ("/enhance", {"profile_ids": ["anna"], "num_output_images": 2}, "0.30"),
        ("/remix", {}, "0.12"),
        ("/remix", {"profile_ids": ["anna"]}, "0.15"),
    ],
)
async def test_prices(api: Api, path: str, fields: dict[str, Any], price: str) -> None:
    api.sandbox.add_profile("anna")
    await api.post(path, BODIES[path] | fields)

    assert [charge.amount for charge in api.sandbox.charges] == [Decimal(price)]
    assert api.sandbox.charged == Decimal(price)


async def test_a_charge_says_what_for(api: Api) -> None:
    job_id = await api.submit(num_output_images=2, client_request_id="id-1")
    [charge] = api.sandbox.charges

    assert charge == Charge(
        time=api.sandbox.clock.time(),
        operation="generate",
        amount=Decimal("0.18"),
        images=2,
        client_request_id="id-1",
        job_id=job_id,
    )


async def test_identity_is_reserved_and_settled_by_who_was_recognised(api: Api) -> None:
    api.sandbox.add_profile("anna")
    api.sandbox.miss_identity("anna", images=1)
    await api.submit(prompt="[[anna]]", num_output_images=2)
    reserved = api.sandbox.charges[0]
    api.sandbox.clock.advance(40)
    await api.sandbox.settle()
    settled = api.sandbox.charges[0]

    assert (reserved.amount, reserved.settled) == (Decimal("0.24"), False)
    assert (settled.amount, settled.settled) == (Decimal("0.21"), True)


async def test_a_missed_profile(api: Api) -> None:
    api.sandbox.add_profile("anna")
    api.sandbox.add_profile("ben")
    api.sandbox.miss_identity("ben")
    body = BODIES["/edit"] | {
        "profile_ids": ["anna"],
        "prompt": "with [[ben]] and [[anna]]",
        "num_output_images": 2,
    }
    first = await api.post("/edit", body)
    second = await api.post("/edit", body)

    assert first.json["known_subjects"]["counts"] == {"anna": 2}
    assert second.json["known_subjects"]["counts"] == {"anna": 2, "ben": 2}


async def test_nobody_is_recognised(api: Api) -> None:
    api.sandbox.add_profile("anna")
    api.sandbox.miss_identity()
    answer = await api.post("/generate", {"prompt": "[[anna]]"})

    assert answer.json["known_subjects"]["counts"] == {}
    assert api.sandbox.charged == Decimal("0.09")


async def test_an_empty_balance(session: Any) -> None:
    async with Sandbox(balance=Decimal("0.20"), picture_scale=0.05) as sandbox:
        api = Api(sandbox, session)
        statuses = [(await api.post("/generate", {"prompt": "x"})).status for _ in range(3)]
        refused = await api.post("/profiles/add", {"image_urls": ["https://a.example/1.jpg"] * 10})
        free = await api.get("/profiles/ids")
        left = sandbox.balance
        sandbox.balance = Decimal(3)
        paid = await api.post("/profiles/add", {"image_urls": ["https://a.example/1.jpg"] * 10})

    assert statuses == [200, 200, 402]
    assert (refused.status, free.status, paid.status) == (402, 200, 200)
    assert (left, sandbox.balance) == (Decimal("0.02"), Decimal("0.10"))
    assert "Insufficient credits" in refused.json["detail"]
    assert list(sandbox.profiles) == [paid.json["profile_id"]]


async def test_a_balance_without_limit(sandbox: Sandbox) -> None:
    assert sandbox.balance is None
    sandbox.balance = Decimal(1)
    sandbox.balance = None
    assert sandbox.balance is None


async def test_failed_work_is_refunded(api: Api) -> None:
    sync = await api.post("/generate", {"prompt": "WORK_FAILS"})
    await api.submit(prompt="WORK_FAILS")
    api.sandbox.clock.advance(40)
    await api.sandbox.settle()

    assert sync.status == 500
    assert [charge.refunded for charge in api.sandbox.charges] == [True, True]
    assert api.sandbox.charged == 0


async def test_a_synchronous_call_past_its_limit(session: Any) -> None:
    async with Sandbox(time_scale=1e6, sync_seconds=700, picture_scale=0.05) as sandbox:
        answer = await Api(sandbox, session).post("/generate", {"prompt": "x"})

    assert answer.status == 504
    assert [charge.refunded for charge in sandbox.charges] == [True]


async def test_fewer_images_cost_less(api: Api) -> None:
    api.sandbox.shape = Shape(images_short=1)
    answer = await api.post("/generate", {"num_output_images": 3})

    assert len(answer.json["images"]) == 2
    assert api.sandbox.charged == Decimal("0.18")


# The same client_request_id again


@pytest.mark.parametrize("path", BODIES)
async def test_the_original_job_comes_back(api: Api, path: str) -> None:
    fields = {**BODIES[path], "client_request_id": "same", "response_mode": "urls"}
    first = await api.submit(path, **fields)
    again = await api.submit(path, **fields)
    api.sandbox.clock.advance(40)
    late = await api.submit(path, **fields)

    assert first == again == late
    assert len(api.sandbox.charges) == len(api.sandbox.jobs) == 1


async def test_a_synchronous_result_comes_back(api: Api) -> None:
    body = {"prompt": "x", "client_request_id": "same"}
    first = await api.post("/generate", body)
    again = await api.post("/generate", body)

    assert first.json == again.json
    assert len(api.sandbox.charges) == 1


async def test_twins_at_the_same_time_are_one(api: Api) -> None:
    body = BODIES["/enhance"] | {"client_request_id": "same"}
    one, other = await asyncio.gather(api.post("/enhance", body), api.post("/enhance", body))

    assert one.json == other.json
    assert len(api.sandbox.charges) == 1
    assert api.sandbox.most_at_once == 2


async def test_another_body_is_a_conflict(api: Api) -> None:
    await api.submit(client_request_id="same")
    answers = [
        await api.post("/generate", {"prompt": "other", "client_request_id": "same"}),
        await api.post("/enhance", BODIES["/enhance"] | {"client_request_id": "same"}),
    ]

    assert [answer.status for answer in answers] == [409, 409]
    assert len(api.sandbox.charges) == 1


async def test_an_id_is_forgotten(api: Api) -> None:
    first = await api.submit(client_request_id="same")
    api.sandbox.clock.advance(3600)
    within = await api.submit(client_request_id="same")
    api.sandbox.clock.advance(1)
    after = await api.submit(client_request_id="same")

    assert first == within != after
    assert len(api.sandbox.charges) == 2


async def test_a_refused_or_failed_call_leaves_its_id_free(api: Api) -> None:
    refused = await api.post("/generate", {"prompt": "CONTENT_MODERATION", "client_request_id": "same"})
    api.sandbox.fail_jobs()
    failed = await api.post("/generate", {"prompt": "x", "client_request_id": "same"})
    done = await api.post("/generate", {"prompt": "x", "client_request_id": "same"})

    assert (refused.status, failed.status, done.status) == (400, 500, 200)


async def test_a_failed_job_comes_back(api: Api) -> None:
    api.sandbox.fail_jobs()
    first = await api.submit(client_request_id="same")
    api.sandbox.clock.advance(40)
    again = await api.submit(client_request_id="same")

    assert first == again
    assert (await api.get(f"/jobs/{again}")).json["status"] == "failed"
