"""The whole client against a service that another hand wrote from the contract, and that never answers twice alike."""

import itertools
from collections.abc import AsyncIterator

import pytest
from support.clients import Connect
from support.pictures import PHOTO, picture
from support.stranger import FAILURE, PENDING, SUCCESS, TRAINING, Stranger

from phota_async import (
    AuthenticationError,
    ContentModerationError,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    JobFailedError,
    NotFoundError,
    RemixRequest,
)
from phota_async.config import Mode
from phota_async.requests import AnyRequest

LINKS = [f"https://photos.example/{number}.jpg" for number in range(10)]
REQUESTS: list[AnyRequest] = [
    EditRequest(images=(PHOTO,), prompt="at sea", profile_ids=("anna",), num_output_images=2),
    EditRequest(images=(PHOTO, "https://photos.example/1.jpg"), prompt="[[anna]]", output_format="png"),
    GenerateRequest(prompt="a sea", base_model="gpt-image-2", quality="high", resolution="4K"),
    GenerateRequest(prompt="a sea", response_mode="urls"),
    EnhanceRequest(image=PHOTO, profile_ids=("anna",)),
    EnhanceRequest(image=PHOTO, prompt="brighter"),
    RemixRequest(input_image=PHOTO, reference_image=PHOTO),
]


@pytest.fixture
async def stranger() -> AsyncIterator[Stranger]:
    async with Stranger() as running:
        yield running
        assert running.problems == []


@pytest.mark.parametrize("mode", ["sync", "job"])
async def test_every_request_in_every_shape_gives_what_was_bought(
    stranger: Stranger, connect: Connect, mode: Mode
) -> None:
    client = connect(stranger, api_key="key")

    for request in REQUESTS * 6:
        bought = len(stranger.purchases)
        result = await client.send(request, mode=mode)
        assert [await image.read() for image in result.images] == stranger.purchases[bought:]
        assert len(result.images) == request.num_output_images
        assert {image.format for image in result.images} == {request.output_format}
        wanted = getattr(request, "profile_ids", ())
        assert result.known_subjects.counts == dict.fromkeys(wanted, request.num_output_images)
        assert result.job_id is not None if mode == "job" else result.request_id

    assert sum(stranger.posts.values()) == len(REQUESTS) * 6
    assert stranger.in_flight == 0


async def test_jobs_that_fail_in_every_word(stranger: Stranger, connect: Connect) -> None:
    client = connect(stranger, api_key="key")

    for _ in range(2 * len(FAILURE)):
        with pytest.raises(JobFailedError, match="out of luck"):
            await client.generate("fail me", mode="job")


@pytest.mark.parametrize("looks", [0, 1, len(PENDING) + 1])
async def test_jobs_that_take_their_time(connect: Connect, looks: int) -> None:
    async with Stranger(looks=looks) as stranger:
        client = connect(stranger, api_key="key")
        for _ in range(len(SUCCESS)):
            result = await client.generate("a sea", mode="job")
            assert [image.data for image in result.images] == stranger.purchases[-1:]


async def test_nothing_is_bought_twice_though_answers_are_lost(connect: Connect) -> None:
    faults = itertools.cycle(["lose", None, "503", "500", "lose", "429", None, "504", "502", None])
    async with Stranger(faults=faults) as stranger:
        client = connect(stranger, api_key="key")

        results = [await client.generate("a sea", mode="job") for _ in range(30)]

        assert [image.data for result in results for image in result.images] == stranger.purchases
        assert len(stranger.purchases) == 30
        assert stranger.posts["/generate"] > 60


async def test_the_life_of_profiles(stranger: Stranger, connect: Connect) -> None:
    client = connect(stranger, api_key="key")
    tags = ["customer 1/ü&x", None, "customer 1/ü&x"]

    ids = [await client.profiles.create(LINKS, tag=tag) for tag in tags]

    assert len(set(ids)) == 3
    for _ in range(3):
        assert [each.profile_id for each in await client.profiles.list()] == ids
        assert [each.profile_id for each in await client.profiles.list(tag=tags[0])] == [ids[0], ids[2]]
    profile = await client.profiles.wait(ids[0], interval=0.001)
    assert (profile.profile_id, profile.status, profile.message) == (ids[0], "READY", "")
    async with client.profiles.watch(ids[1:], interval=0.001) as changes:
        seen = [(change.profile_id, str(change.status)) async for change in changes]
    assert sorted(seen) == sorted(itertools.product(ids[1:], TRAINING))
    for _ in range(4):
        assert (await client.profiles.picture(ids[0])).data == picture(500, seed=1)
    await client.profiles.delete(ids[0])
    with pytest.raises(NotFoundError):
        await client.profiles.delete(ids[0])
    with pytest.raises(NotFoundError):
        await client.profiles.status(ids[0])
    assert stranger.posts["/profiles/add"] == 3


async def test_links_that_expired_are_renewed_through_the_job(stranger: Stranger, connect: Connect) -> None:
    client = connect(stranger, api_key="key")
    results = [await client.generate("a sea", mode="job", response_mode="urls") for _ in range(4)]

    stranger.expire_links()

    assert [await image.read() for each in results for image in each.images] == stranger.purchases
    assert stranger.posts["/generate"] == 4


async def test_keys_and_refusals(connect: Connect) -> None:
    async with Stranger(faults=itertools.repeat("refuse")) as stranger:
        with pytest.raises(AuthenticationError):
            await connect(stranger, api_key="wrong").generate("a sea")
        with pytest.raises(ContentModerationError):
            await connect(stranger, api_key="key").generate("a sea")
        assert stranger.purchases == []


async def test_the_secret_under_every_name(stranger: Stranger, connect: Connect) -> None:
    client = connect(stranger, api_key="key")

    assert {await client.webhooks.secret() for _ in range(6)} == {"whsec_c2VjcmV0"}
