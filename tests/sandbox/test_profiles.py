from typing import Any

import pytest

from phota_async.sandbox import Sandbox
from phota_async.sandbox.profiles import TrainedProfile

from .conftest import BODIES, PHOTO, PHOTO_64, Api, draw_photo

FAR = [f"https://photos.example/{number}.jpg" for number in range(10)]


async def train(api: Api, **fields: Any) -> str:
    answer = await api.post("/profiles/add", {"image_urls": FAR} | fields)
    assert answer.status == 200, answer
    profile_id: str = answer.json["profile_id"]
    return profile_id


async def status_of(api: Api, profile_id: str) -> Any:
    return (await api.get(f"/profiles/{profile_id}/status")).json


async def test_a_training_takes_twenty_minutes(api: Api) -> None:
    profile_id = await train(api)
    seen = []
    for seconds in (0, 59, 1, 119, 1, 1019, 1):
        api.sandbox.clock.advance(seconds)
        seen.append((await status_of(api, profile_id))["status"])

    assert seen == ["VALIDATING", "VALIDATING", "QUEUING", "QUEUING", "IN_PROGRESS", "IN_PROGRESS", "READY"]


async def test_a_fast_training(api: Api) -> None:
    profile_id = await train(api, training_tier="fast", image_urls=FAR[:5])
    api.sandbox.clock.advance(400)

    assert await status_of(api, profile_id) == {"profile_id": profile_id, "status": "READY", "message": ""}
    assert str(api.sandbox.charged) == "1.49"
    assert api.sandbox.charges[0].profile_id == profile_id


async def test_training_photos_come_from_this_machine(api: Api, session: Any) -> None:
    async with Sandbox() as other:
        urls = [other.upload(PHOTO), *[api.sandbox.upload(draw_photo(), name=f"{n}.jpg") for n in range(9)]]
        profile_id = await train(api, image_urls=urls)
    api.sandbox.clock.advance(1200)

    assert (await status_of(api, profile_id))["status"] == "READY"
    assert len(api.sandbox.profiles[profile_id].photos) == 3
    assert api.sandbox.profiles[profile_id].image_urls == urls


async def test_photos_that_cannot_be_read_end_in_error(api: Api) -> None:
    broken = api.sandbox.upload(b"not a photo")
    profile_id = await train(api, image_urls=[broken, *FAR[1:8], "ftp://a/b.jpg", api.sandbox.origin + "/uploads/0"])
    first = await status_of(api, profile_id)
    api.sandbox.clock.advance(60)
    second = await status_of(api, profile_id)

    assert (first["status"], second["status"]) == ("VALIDATING", "ERROR")
    assert all(f"image_urls[{index}]" in second["message"] for index in (0, 8, 9))


async def test_no_subject(api: Api) -> None:
    answer = await api.post("/profiles/add", {"image_urls": ["https://a.example/no-subject/1.jpg", *FAR[1:]]})

    assert answer.status == 400
    assert answer.json["detail"] == "No person, dog or cat was found in image_urls[0]"
    assert api.sandbox.charges == []


@pytest.mark.parametrize(
    "fields",
    [
        {"image_urls": None},
        {"image_urls": FAR[:4]},
        {"image_urls": FAR * 6},
        {"image_urls": FAR[:9]},
        {"image_urls": FAR * 2, "training_tier": "fast"},
        {"image_urls": [PHOTO_64, *FAR]},
        {"training_tier": "slow"},
        {"tag": ""},
        {"tag": "x" * 129},
        {"tag": 1},
        {"name": "Anna"},
    ],
)
async def test_trainings_that_are_not_taken(api: Api, fields: dict[str, Any]) -> None:
    answer = await api.post("/profiles/add", {"image_urls": FAR} | fields)

    assert answer.status == 422
    assert api.sandbox.profiles == {}


async def test_the_next_trainings_fail(api: Api) -> None:
    api.sandbox.fail_training("Too few faces", times=2)
    profile_ids = [await train(api) for _ in range(3)]
    api.sandbox.clock.advance(1200)
    found = [await status_of(api, profile_id) for profile_id in profile_ids]

    assert [profile["status"] for profile in found] == ["ERROR", "ERROR", "READY"]
    assert found[0]["message"] == "Too few faces"


async def test_tags(api: Api) -> None:
    anna, other = await train(api, tag="anna & co"), await train(api, tag=None)
    tagged = await api.get("/profiles/ids", params={"tag": "anna & co"})
    everybody = await api.get("/profiles/ids")
    nobody = await api.get("/profiles/ids", params={"tag": "nobody"})

    assert tagged.json == {"profiles": [{"profile_id": anna, "status": "VALIDATING", "tag": "anna & co"}]}
    assert [profile["profile_id"] for profile in everybody.json["profiles"]] == [anna, other]
    assert nobody.json == {"profiles": []}


@pytest.mark.parametrize("tag", ["", "x" * 129])
async def test_a_wrong_tag(api: Api, tag: str) -> None:
    answer = await api.get("/profiles/ids", params={"tag": tag})

    assert answer.status == 422
    assert answer.json["detail"][0]["loc"] == ["query", "tag"]


async def test_the_picture_comes_with_ready(api: Api) -> None:
    url = api.sandbox.upload(draw_photo(300, 200))
    profile_id = await train(api, image_urls=[url] * 10)
    early = await api.get(f"/profiles/{profile_id}/profile_picture")
    api.sandbox.clock.advance(1200)
    answer = await api.get(f"/profiles/{profile_id}/profile_picture")

    assert early.status == 404
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.picture().format == "JPEG"


async def test_deleting(api: Api) -> None:
    api.sandbox.add_profile("ids")  # a fixed path of another method is a profile's id as well
    first = await api.delete("/profiles/ids")
    second = await api.delete("/profiles/ids")

    assert first.json == {"profile_id": "ids", "status": "ok"}
    assert second.status == 404


async def test_an_id_is_decoded(api: Api) -> None:
    api.sandbox.add_profile("an/na %41")

    assert (await status_of(api, "an%2Fna%20%2541"))["profile_id"] == "an/na %41"


async def test_a_profile_is_put_in_place(api: Api) -> None:
    named = api.sandbox.add_profile("anna", tag="t", photo=PHOTO)
    unnamed = api.sandbox.add_profile(status="INACTIVE", message="asleep")

    assert (await status_of(api, named))["status"] == "READY"
    assert await status_of(api, unnamed) == {"profile_id": unnamed, "status": "INACTIVE", "message": "asleep"}
    assert api.sandbox.charges == []


async def test_a_status_is_forced_and_freed(api: Api) -> None:
    profile_id = await train(api)
    api.sandbox.set_profile(profile_id, status="PAUSED", message="later")
    forced = await status_of(api, profile_id)
    api.sandbox.set_profile(profile_id, status=None)

    assert (forced["status"], forced["message"]) == ("PAUSED", "later")
    assert (await status_of(api, profile_id))["status"] == "VALIDATING"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/edit", {"profile_ids": ["{}"]}),
        ("/edit", {"prompt": "[[{}]]"}),
        ("/generate", {"prompt": "one [[{}]] two"}),
        ("/enhance", {"profile_ids": ["{}"]}),
        ("/remix", {"profile_ids": ["{}"]}),
    ],
)
async def test_profiles_in_image_calls(api: Api, path: str, fields: dict[str, Any]) -> None:
    def naming(profile_id: str) -> dict[str, Any]:
        text = {name: value for name, value in fields.items() if isinstance(value, str)}
        lists = {name: [profile_id] for name, value in fields.items() if isinstance(value, list)}
        return BODIES[path] | {name: value.format(profile_id) for name, value in text.items()} | lists

    api.sandbox.add_profile("anna")
    api.sandbox.add_profile("ben", status="IN_PROGRESS")
    ready = await api.post(path, naming("anna"))
    training = await api.post(path, naming("ben"))
    unknown = await api.post(path, naming("nobody"))

    assert (ready.status, training.status, unknown.status) == (200, 400, 404)
    assert ready.json["known_subjects"]["counts"] == {"anna": 1}
    assert "IN_PROGRESS" in training.json["detail"]


def test_no_time_at_all() -> None:
    assert TrainedProfile(profile_id="a", created_at=0, seconds=0).status(0) == "READY"
