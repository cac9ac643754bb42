"""What goes out for each endpoint and field, to the letter; aioresponses stands where sockets were."""

import base64
import io
import pickle
import time
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from PIL import Image
from support.service import BASE_URL, JPEG, KEY, LINKS, PNG, FakeService, image_answer
from support.virtual_time import virtual_time

import phota_async
from phota_async import ClientConfig, PhotaClient, PhotaError, RetryPolicy, creating
from phota_async.errors import (
    AuthenticationError,
    BadRequestError,
    ConfigError,
    ConflictError,
    DecodeError,
    InputError,
    InsufficientCreditsError,
    NotFoundError,
    RateLimitError,
    ResponseLostError,
    ServerError,
    StatusError,
)
from phota_async.requests import AnyRequest, EditRequest, EnhanceRequest, GenerateRequest, RemixRequest
from phota_async.sandbox.document import document_routes, request_schema

Use = Callable[[PhotaClient], Awaitable[Any]]
ALWAYS = {"num_output_images": 1, "output_format": "jpg", "response_mode": "bytes"}
SIZED = {"aspect_ratio": "auto", "resolution": "1K", "base_model": "nb2"}
TEXT = base64.b64encode(JPEG).decode()
URL = "https://example.com/photo.jpg?signature=a%2Fb&c=d"
TRAINING = [f"https://example.com/{number}.jpg" for number in range(10)]
ONE_ATTEMPT = ClientConfig(retry=RetryPolicy(max_attempts=1))

OUTPUT = {"num_output_images": 3, "output_format": "png", "response_mode": "urls"}
SIZE = {"aspect_ratio": "16:9", "resolution": "4K", "base_model": "gpt-image-2", "quality": "high"}
WHO = {"profile_ids": ["p1", "p2"]}
NEWER = {"seed": 7, "nested": {"a": [1, None]}}

# operation: what the user gives at least, and what goes out
LEAST: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "edit": ({"images": URL}, ALWAYS | SIZED | {"prompt": "", "images": [URL]}),
    "generate": ({"prompt": "a hill"}, ALWAYS | SIZED | {"prompt": "a hill"}),
    "enhance": ({"image": JPEG}, ALWAYS | {"image": TEXT}),
    "remix": (
        {"input_image": URL, "reference_image": JPEG},
        ALWAYS | {"input_image": URL, "reference_image": TEXT},
    ),
}
# operation: every argument, and what goes out
MOST: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "edit": (
        {"images": [URL, JPEG], "prompt": '"[[p1]]" ü\n'} | OUTPUT | SIZE | WHO,
        {"images": [URL, TEXT], "prompt": '"[[p1]]" ü\n'} | OUTPUT | SIZE | WHO,
    ),
    "generate": ({"prompt": "[[p1]]"} | OUTPUT | SIZE, {"prompt": "[[p1]]"} | OUTPUT | SIZE),
    "enhance": (
        {"image": JPEG, "prompt": "warmer"} | OUTPUT | WHO,
        {"image": TEXT, "prompt": "warmer"} | OUTPUT | WHO,
    ),
    "remix": (
        {"input_image": URL, "reference_image": JPEG, "prompt": "warmer"} | OUTPUT | WHO,
        {"input_image": URL, "reference_image": TEXT, "prompt": "warmer"} | OUTPUT | WHO,
    ),
}
REQUESTS: dict[str, type[Any]] = {
    "edit": EditRequest,
    "generate": GenerateRequest,
    "enhance": EnhanceRequest,
    "remix": RemixRequest,
}
each_operation = pytest.mark.parametrize("operation", LEAST)


def build(operation: str, **more: Any) -> AnyRequest:
    request: AnyRequest = REQUESTS[operation](**LEAST[operation][0] | more)
    return request


async def call(client: PhotaClient, operation: str, **more: Any) -> Any:
    """Call the method of an operation, as a user would."""
    return await getattr(client, operation)(**LEAST[operation][0] | more)


def expect(service: FakeService, operation: str, **how: Any) -> None:
    """Let the service answer an image call with one picture."""
    service.answer("POST", f"/{operation}", image_answer(images=[TEXT]), **how)


# Image calls


@each_operation
async def test_an_image_call_with_nothing_but_its_photos(
    operation: str, client: PhotaClient, service: FakeService
) -> None:
    expect(service, operation)
    await call(client, operation)
    assert (service.only.method, service.only.url) == ("POST", f"{BASE_URL}/{operation}")
    assert service.only.json == LEAST[operation][1]


@each_operation
async def test_an_image_call_with_every_argument(operation: str, client: PhotaClient, service: FakeService) -> None:
    service.answer("POST", f"/{operation}", image_answer(links=LINKS))
    given, sent = MOST[operation]
    await getattr(client, operation)(**given, extra=NEWER)
    assert service.only.json == sent | NEWER


@each_operation
async def test_a_request_value_goes_out_as_its_method_would(
    operation: str, client: PhotaClient, service: FakeService
) -> None:
    service.answer("POST", f"/{operation}", image_answer(links=LINKS))
    given, sent = MOST[operation]
    await client.send(REQUESTS[operation](**given, extra=NEWER))
    assert service.only.json == sent | NEWER


@each_operation
def test_every_field_of_the_document_is_covered_here(operation: str) -> None:
    of_jobs = {"async", "callback_url", "client_request_id"}
    assert set(MOST[operation][1]) | of_jobs == set(request_schema(operation)["properties"])


@each_operation
async def test_the_headers_and_the_length(operation: str, client: PhotaClient, service: FakeService) -> None:
    expect(service, operation)
    await call(client, operation)
    sent = service.only
    assert sent.headers["X-API-Key"] == KEY
    assert sent.headers["User-Agent"] == f"phota-async/{phota_async.__version__}"
    assert sent.content_type == "application/json"
    assert sent.promised == len(sent.body or b"")
    assert KEY.encode() not in (sent.body or b"")
    assert KEY not in sent.url


@each_operation
async def test_the_headers_of_the_config_go_along(operation: str, service: FakeService) -> None:
    expect(service, operation)
    async with PhotaClient(KEY, config=ClientConfig(headers={"X-Team": "portraits"})) as client:
        await call(client, operation)
    assert service.only.headers["X-Team"] == "portraits"
    assert service.only.headers["X-API-Key"] == KEY


async def test_another_address(service: FakeService) -> None:
    service.answer("GET", "https://staging.example.com/v9/profiles/ids", {"profiles": []})
    async with PhotaClient(KEY, "https://staging.example.com/v9/") as client:
        assert await client.profiles.list() == []


# The answer


@each_operation
async def test_pictures_in_the_answer(operation: str, client: PhotaClient, service: FakeService) -> None:
    answer = {
        "known_subjects": {"counts": {"p1": 2}},
        "images": [TEXT, base64.b64encode(PNG).decode()],
        "download_urls": [],
        "newer": {"images": ["x"]},
    }
    service.answer("POST", f"/{operation}", answer, headers={"X-Request-Id": "r1"})
    result = await call(client, operation)
    assert [image.data for image in result.images] == [JPEG, PNG]
    assert [image.format for image in result.images] == ["jpg", "png"]  # from the bytes, not from what was asked for
    assert (result.request_id, result.job_id, result.known_subjects.counts) == ("r1", None, {"p1": 2})


@pytest.mark.parametrize(
    ("body", "headers", "request_id"),
    [({"request_id": "b"}, {"X-Request-Id": "h"}, "b"), ({}, {"X-Request-Id": "h"}, "h"), ({}, {}, None)],
)
async def test_the_request_id_of_an_answer(
    body: dict[str, str], headers: dict[str, str], request_id: str | None, client: PhotaClient, service: FakeService
) -> None:
    service.answer("POST", "/generate", image_answer(images=[TEXT]) | body, headers=headers)
    assert (await client.generate("x")).request_id == request_id


@each_operation
async def test_links_in_the_answer(operation: str, client: PhotaClient, service: FakeService) -> None:
    service.answer("POST", f"/{operation}", image_answer(links=LINKS))
    result = await call(client, operation, response_mode="urls")
    assert [image.url for image in result.images] == LINKS
    assert [image.data for image in result.images] == [None, None]
    assert service.calls == 1  # nothing was downloaded


@pytest.mark.parametrize(
    "answer",
    [
        {"images": [TEXT]},
        {"known_subjects": None, "images": [TEXT], "download_urls": None},
        {"known_subjects": {"counts": None}, "images": [TEXT]},
    ],
)
async def test_what_an_answer_may_leave_out(answer: Any, client: PhotaClient, service: FakeService) -> None:
    service.answer("POST", "/generate", answer)
    result = await client.generate("x", num_output_images=4)
    assert len(result.images) == 1  # fewer than were asked for
    assert result.known_subjects.counts == {}
    assert not result.known_subjects.is_told
    assert result.missing(["p1"]) == ()  # nobody said that p1 was not recognised
    assert not pickle.loads(pickle.dumps(result)).known_subjects.is_told


async def test_who_was_asked_for_and_not_recognised(client: PhotaClient, service: FakeService) -> None:
    service.answer("POST", "/edit", {"known_subjects": {"counts": {"p1": 1, "p3": 0}}, "images": [TEXT]})
    result = await client.edit(JPEG, "[[p3]] and [[p1]]", profile_ids=["p2"])
    assert result.missing() == ("p2", "p3")
    assert result.missing("p1") == ()
    assert result.missing(["p9"]) == ("p9",)


# Photos


def pillow(mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (8, 4), 200 if mode == "L" else None)


async def sent_photo(client: PhotaClient, service: FakeService, photo: Any, **how: Any) -> str:
    """Enhance a photo and return the text that went out for it."""
    expect(service, "enhance")
    await client.enhance(photo, **how)
    assert service.only.promised == len(service.only.body or b"")
    text: str = service.only.json["image"]
    return text


PHOTOS: dict[str, Callable[[Path], Any]] = {
    "str path": str,
    "Path": lambda path: path,
    "bytes": Path.read_bytes,
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "memoryview of words": lambda _path: memoryview(JPEG[:32]).cast("I"),
    "memoryview with holes": lambda path: memoryview(bytes(b for byte in path.read_bytes() for b in (byte, 0)))[::2],
    "data URI": lambda path: "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode(),
    "data URI in capitals": lambda path: "DATA:image/jpeg;BASE64," + base64.b64encode(path.read_bytes()).decode(),
    "data URI with line breaks": lambda path: "data:;base64," + base64.encodebytes(path.read_bytes()).decode(),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "BytesIO, read to the middle": lambda path: _at(io.BytesIO(b"skip" + path.read_bytes()), 4),
    "reader of bytes only": lambda path: _Reader(path.read_bytes()),
}


class _Reader:
    """The least that a binary file object is."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        return self._data


def _at(file: Any, place: int) -> Any:
    file.seek(place)
    return file


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "pho to ü.jpg"
    path.write_bytes(JPEG)
    return path


@pytest.mark.parametrize("kind", PHOTOS)
async def test_every_kind_of_photo_goes_out_as_base64(
    kind: str, photo: Path, client: PhotaClient, service: FakeService
) -> None:
    text = await sent_photo(client, service, PHOTOS[kind](photo))
    assert base64.b64decode(text, validate=True) == (JPEG[:32] if "words" in kind else JPEG)


@pytest.mark.parametrize("buffering", [0, -1])
@pytest.mark.parametrize("place", [0, 3])
async def test_an_open_file_goes_out_from_where_it_stands(
    buffering: int, place: int, photo: Path, client: PhotaClient, service: FakeService
) -> None:
    photo.write_bytes(b"..."[:place] + JPEG)  # noqa: ASYNC240 - a small file
    with photo.open("rb", buffering=buffering) as file:
        file.seek(place)
        text = await sent_photo(client, service, file)
        assert file.tell() == place  # and it may be sent again
    assert base64.b64decode(text) == JPEG


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a.jpg?x=%2F&y=z#f",
        "http://example.com/a.jpg",
        "HTTPS://EXAMPLE.COM/A.JPG",
        'https://example.com/a"b\\c',
        "https://example.com/ü/\u2028",
    ],
)
async def test_a_link_goes_out_as_it_is(url: str, client: PhotaClient, service: FakeService) -> None:
    assert await sent_photo(client, service, url) == url


async def test_a_percent_encoded_data_uri(client: PhotaClient, service: FakeService) -> None:
    uri = "data:image/jpeg," + "".join(f"%{byte:02x}" for byte in JPEG)
    assert base64.b64decode(await sent_photo(client, service, uri)) == JPEG


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("L", "JPEG"), ("RGBA", "PNG"), ("P", "PNG"), ("CMYK", "PNG")]
)
async def test_a_pillow_image(mode: str, kind: str, client: PhotaClient, service: FakeService) -> None:
    data = base64.b64decode(await sent_photo(client, service, pillow(mode)), validate=True)
    with Image.open(io.BytesIO(data)) as sent:
        assert (sent.format, sent.size) == (kind, (8, 4))  # PNG where JPEG would lose something


async def test_a_pillow_image_goes_out_as_it_is_meant_to_be_seen(client: PhotaClient, service: FakeService) -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: lies on its side
    pillow().save(buffer, "JPEG", exif=exif)
    data = base64.b64decode(await sent_photo(client, service, Image.open(buffer)))
    with Image.open(io.BytesIO(data)) as sent:
        assert sent.size == (4, 8)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 196_607, 196_608, 196_609, 1_000_001])
async def test_a_photo_of_any_size_is_whole(
    size: int, tmp_path: Path, client: PhotaClient, service: FakeService
) -> None:
    data = (JPEG * (size // len(JPEG) + 1))[:size]
    path = tmp_path / "photo.jpg"
    path.write_bytes(data)
    expect(service, "edit")
    await client.edit([path, data, io.BytesIO(data)], validate=False)
    assert service.only.promised == len(service.only.body or b"")
    assert [base64.b64decode(text, validate=True) for text in service.only.json["images"]] == [data] * 3


async def test_the_order_of_photos_is_kept(client: PhotaClient, service: FakeService) -> None:
    expect(service, "edit")
    urls = [f"https://example.com/{number}" for number in range(10)]
    await client.edit(urls)
    assert service.only.json["images"] == urls


BAD_PHOTOS: list[tuple[Any, str]] = [
    ("missing.jpg", r"image \(missing.jpg\): expected a picture, got no such file"),
    (Path("missing.jpg"), "got no such file"),
    ("/", "got a directory"),
    ("/dev/null", "got no regular file"),
    ("a\0b", "image"),
    ("A" * 5000, "image"),
    (b"", "expected a picture, got an empty one"),
    (b"no picture", r"expected a picture \(JPEG, PNG, WebP, HEIC\), got something else"),
    (io.BytesIO(b""), "got an empty one"),
    (io.StringIO("text"), "expected a file opened in binary mode, got str"),
    ("data:image/jpeg;base64,====", "expected a data URI, got one that does not decode"),
    ("data:image/jpeg;base64", "image"),
    ("data:,hello", "got something else"),
    ("https://example.com/\ud800", "half a character"),
    ("http://", "expected a link with a host, got 'http://'"),
    ("https:///a.jpg", "expected a link with a host"),
    (7, "expected a path, bytes, a link, a data URI, a binary file or a Pillow image, got int"),
    (None, "expected a path, bytes, .* got NoneType"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_PHOTOS, ids=lambda value: type(value).__name__)
async def test_what_is_no_photo_is_found_before_anything_is_sent(
    bad: Any, reason: str, client: PhotaClient, service: FakeService
) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        await client.enhance(bad)
    assert service.calls == 0
    assert str(caught.value).startswith("image")
    assert len(str(caught.value)) < 500


async def test_without_validation_a_link_may_have_no_host(client: PhotaClient, service: FakeService) -> None:
    expect(service, "enhance")
    await client.enhance("http://", validate=False)
    assert service.only.json["image"] == "http://"
    with pytest.raises(InputError, match="half a character"):
        await client.enhance("https://example.com/\ud800", validate=False)


async def test_the_bad_one_of_many_photos_is_named(client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match=r"^images\[2\] \(missing.jpg\): "):
        await client.edit([URL, JPEG, "missing.jpg"])
    with pytest.raises(InputError, match=r"^reference_image: expected a picture"):
        await client.remix(JPEG, b"no picture")
    assert service.calls == 0


async def test_base64_is_never_guessed(client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match="image") as caught:
        await client.enhance(base64.b64encode(JPEG * 3).decode())
    assert service.calls == 0
    assert TEXT not in str(caught.value)


# Arguments that are refused here, and let through by validate=False

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    *((operation, {"num_output_images": 5}, "num_output_images: expected 1 to 4") for operation in LEAST),
    *((operation, {"output_format": "webp"}, "output_format: expected jpg or png") for operation in LEAST),
    *((operation, {"response_mode": "links"}, "response_mode: expected bytes or urls") for operation in LEAST),
    ("edit", {"images": []}, "images: expected 1 to 10 photos, got 0"),
    ("edit", {"images": [URL] * 11}, "images: expected 1 to 10 photos, got 11"),
    *((name, {"aspect_ratio": "2:3"}, "aspect_ratio: expected auto or 1:1") for name in ("edit", "generate")),
    *((name, {"base_model": "nb3"}, "base_model: expected nb2 or") for name in ("edit", "generate")),
    *((name, {"base_model": "reve", "resolution": "4K"}, "expected 1K, got '4K'") for name in ("edit", "generate")),
    *((name, {"quality": "high"}, "quality: expected None with nb2") for name in ("edit", "generate")),
    *((name, {"profile_ids": [""]}, "profile_ids: expected non-empty") for name in ("edit", "enhance", "remix")),
    *((name, {"extra": {"base_model": "nb2"}}, "extra: expected fields") for name in ("enhance", "remix")),
    *((name, {"extra": {"resolution": "4K"}}, "extra: expected fields") for name in ("enhance", "remix")),
    *((name, {"extra": {"aspect_ratio": "1:1"}}, "extra: expected fields") for name in ("enhance", "remix")),
    *((name, {"extra": {"quality": "low"}}, "extra: expected fields") for name in ("enhance", "remix")),
    ("generate", {"extra": {"images": [URL]}}, "extra: expected fields"),
    ("generate", {"extra": {"profile_ids": ["p1"]}}, "extra: expected fields"),
    ("generate", {"prompt": None}, "prompt: expected a str, got None"),
]


@pytest.mark.parametrize(("operation", "arguments", "reason"), REFUSED)
async def test_a_broken_rule_is_found_before_anything_is_sent(
    operation: str, arguments: dict[str, Any], reason: str, client: PhotaClient, service: FakeService
) -> None:
    with pytest.raises(InputError, match=reason):
        await call(client, operation, **arguments)
    with pytest.raises(InputError, match=reason):
        await call(client, operation, **arguments, mode="job")
    with pytest.raises(InputError, match=reason):
        await client.jobs.submit(build(operation, **arguments))
    assert service.calls == 0


@pytest.mark.parametrize(("operation", "arguments", "reason"), REFUSED)
async def test_without_validation_the_service_has_the_last_word(
    operation: str, arguments: dict[str, Any], reason: str, client: PhotaClient, service: FakeService
) -> None:
    expect(service, operation)
    await call(client, operation, **arguments, validate=False)
    body = service.only.json
    for name, value in {**arguments, **arguments.get("extra", {})}.items():
        if name != "extra" and value is not None:
            assert body[name] == value


async def test_without_validation_a_photo_may_look_like_anything(client: PhotaClient, service: FakeService) -> None:
    text = await sent_photo(client, service, b"no picture", validate=False)
    assert base64.b64decode(text) == b"no picture"


@pytest.mark.parametrize("photos", [[URL], URL, b"x", ()])
async def test_generate_takes_no_photos(photos: Any, client: PhotaClient, service: FakeService) -> None:
    for validate in (True, False):
        with pytest.raises(InputError, match="images: expected none with generate") as caught:
            await client.generate("x", images=photos, validate=validate)
        assert "edit takes photos" in caught.value.hint
    assert service.calls == 0


async def test_generate_takes_no_profile_ids(client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match="profile_ids: expected none with generate") as caught:
        await client.generate("x", profile_ids=["p1"])
    assert "[[profile_id]]" in caught.value.hint
    assert service.calls == 0


@pytest.mark.parametrize("operation", ["enhance", "remix"])
@pytest.mark.parametrize("name", ["aspect_ratio", "resolution", "base_model", "quality"])
async def test_enhance_and_remix_have_no_arguments_of_size(operation: str, name: str, client: PhotaClient) -> None:
    with pytest.raises(TypeError, match=name):
        await call(client, operation, **{name: "x"})


@pytest.mark.parametrize("request_", [None, {"prompt": "x"}, "x", EditRequest, 7])
async def test_only_requests_are_sent(request_: Any, client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match="request: expected an EditRequest, GenerateRequest, EnhanceRequest or Remix"):
        await client.send(request_)
    with pytest.raises(InputError, match="request: expected"):
        await client.jobs.submit(request_)
    assert service.calls == 0


async def test_a_name_that_is_taken_is_found_before_anything_is_sent(
    client: PhotaClient, service: FakeService, tmp_path: Path
) -> None:
    expect(service, "edit")
    (tmp_path / "edit-1.jpg").write_bytes(PNG)
    with pytest.raises(InputError, match=r"edit-1\.jpg"):
        await client.send(EditRequest(images=(JPEG,)), save_to=tmp_path)
    assert service.calls == 0
    result = await client.send(EditRequest(images=(JPEG,)), save_to=tmp_path, exists="number")
    assert result.images[0].path == tmp_path / "edit-1-2.jpg"
    assert (tmp_path / "edit-1-2.jpg").read_bytes() == JPEG


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf"), "5", True])
async def test_a_timeout_is_a_positive_number(timeout: Any, client: PhotaClient, service: FakeService) -> None:
    uses: list[Use] = [
        lambda client: client.generate("x", timeout=timeout),
        lambda client: client.jobs.submit(GenerateRequest(prompt="x"), timeout=timeout),
        lambda client: client.jobs.wait("j1", timeout=timeout),
        lambda client: client.profiles.create(TRAINING, timeout=timeout),
        lambda client: client.profiles.wait("p1", timeout=timeout),
    ]
    for use in uses:
        with pytest.raises(InputError, match="timeout: expected more than 0 seconds, got"):
            await use(client)
    assert service.calls == 0


async def test_a_mode_is_one_of_two_words(client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match='mode: expected "sync" or "job", got \'async\''):
        await client.generate("x", mode="async")  # type: ignore[arg-type]  # this is what is tested
    assert service.calls == 0


# Jobs


@each_operation
async def test_submitting_a_job(operation: str, client: PhotaClient, service: FakeService) -> None:
    service.answer("POST", f"/{operation}", {"job_id": "j1", "status": "queued"}, status=202)
    request = build(operation, extra=NEWER)
    job = await client.jobs.submit(request, callback_url="https://example.com/hook", client_request_id="order-7")
    assert (service.only.method, service.only.path) == ("POST", f"/{operation}")
    assert service.only.json == LEAST[operation][1] | NEWER | {
        "async": True,
        "response_mode": "urls",
        "callback_url": "https://example.com/hook",
        "client_request_id": "order-7",
    }
    assert (job.job_id, job.status, job.client_request_id) == ("j1", "queued", "order-7")


@each_operation
@pytest.mark.parametrize("response_mode", ["bytes", "urls"])
async def test_a_job_gets_an_id_of_its_own_and_asks_for_links(
    operation: str, response_mode: str, client: PhotaClient, service: FakeService
) -> None:
    service.answer("POST", f"/{operation}", {"job_id": "j1", "poll_url": "https://evil.com/j1"}, status=202)
    for _ in range(2):
        await client.jobs.submit(build(operation, response_mode=response_mode))
    bodies = [sent.json for sent in service.sent]
    ids = {body.pop("client_request_id") for body in bodies}
    assert [len(each) for each in ids] == [36, 36]
    assert bodies == [LEAST[operation][1] | {"async": True, "response_mode": "urls"}] * 2
    assert all(sent.headers["X-API-Key"] == KEY for sent in service.sent)


@each_operation
def test_a_call_in_job_mode(operation: str, service: FakeService) -> None:
    @virtual_time
    async def run() -> None:
        service.answer("POST", f"/{operation}", {"job_id": "j/1"}, status=202)
        service.answer("GET", "/jobs/j%2F1", {"status": "queued"}, times=2)
        service.answer("GET", "/jobs/j%2F1", {"status": "done", "output": image_answer(links=LINKS)})
        for link in LINKS:
            service.answer("GET", link, body=JPEG)
        async with PhotaClient(KEY, config=ClientConfig(mode="job")) as client:
            result = await call(client, operation)
        assert result.job_id == "j/1"
        assert [image.data for image in result.images] == [JPEG, JPEG]  # the answer is the same as in mode sync

    run()
    submitted, *polls = service.sent[:4]
    assert submitted.json["async"] is True
    assert [poll.path for poll in polls] == ["/jobs/j%2F1"] * 3
    assert all(poll.headers["X-API-Key"] == KEY and poll.body is None for poll in polls)
    downloads = service.sent[4:]
    assert sorted(sent.url for sent in downloads) == LINKS
    assert not any("x-api-key" in {name.lower() for name in sent.headers} for sent in downloads)
    assert KEY not in repr(downloads)


@virtual_time
async def test_the_mode_of_a_call_goes_before_the_configs(service: FakeService) -> None:
    expect(service, "generate")
    async with PhotaClient(KEY, config=ClientConfig(mode="job")) as client:
        await client.generate("x", mode="sync")
    assert "async" not in service.only.json


@virtual_time
async def test_a_job_is_sent_again_with_the_same_id(service: FakeService) -> None:
    for status in (503, 500, 504):
        service.answer("POST", "/edit", {"detail": "no"}, status=status, times=1)
    service.answer("POST", "/edit", {"job_id": "j1"}, status=202)
    async with PhotaClient(KEY) as client:
        job = await client.jobs.submit(EditRequest(images=(JPEG,)))
    assert len(service.sent) == 4
    assert len({sent.body for sent in service.sent}) == 1
    assert service.sent[0].json["client_request_id"] == job.client_request_id


def lose_answers(service: FakeService, operation: str) -> None:
    """Let every attempt be sent and its answer be lost, and then take the job after all."""
    attempts = RetryPolicy().max_attempts
    service.answer("POST", f"/{operation}", error=aiohttp.ServerDisconnectedError(), times=attempts)
    service.answer("POST", f"/{operation}", {"job_id": "j1"}, status=202)
    service.answer("GET", "/jobs/j1", {"status": "succeeded", "result": image_answer(links=LINKS)})


def bought(service: FakeService) -> set[str]:
    """Return the ids of all jobs that were submitted."""
    return {sent.json["client_request_id"] for sent in service.sent if sent.method == "POST"}


@virtual_time
async def test_a_lost_submission_can_be_resumed(service: FakeService) -> None:
    lose_answers(service, "generate")
    async with PhotaClient(KEY) as client:
        with pytest.raises(ResponseLostError, match="the answer to POST /generate is lost") as caught:
            await client.jobs.submit(GenerateRequest(prompt="x"))
        error = caught.value
        assert (error.attempts, error.charged, error.retryable) == (5, "unknown", True)
        assert "error.resume()" in error.hint
        job = await error.resume()
    assert (job.job_id, job.client_request_id) == ("j1", error.client_request_id)
    assert bought(service) == {error.client_request_id}
    assert len({sent.body for sent in service.sent}) == 1


@virtual_time
async def test_a_lost_call_in_job_mode_can_be_resumed(service: FakeService) -> None:
    lose_answers(service, "edit")
    async with PhotaClient(KEY) as client:
        with pytest.raises(ResponseLostError, match="the answer to POST /edit is lost") as caught:
            await client.edit(JPEG, mode="job", response_mode="urls")
        result = await caught.value.resume()
    assert [image.url for image in result.images] == LINKS
    assert len(bought(service)) == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_job_that_the_service_failed_to_take_can_be_resumed(status: int, service: FakeService) -> None:
    @virtual_time
    async def run() -> None:
        service.answer("POST", "/edit", {"detail": "no"}, status=status, times=5)
        service.answer("POST", "/edit", {"job_id": "j1"}, status=202)
        async with PhotaClient(KEY) as client:
            with pytest.raises(ResponseLostError, match=f"last heard: HTTP {status}") as caught:
                await client.jobs.submit(EditRequest(images=(JPEG,)))
            assert "error.resume()" in caught.value.hint
            assert (await caught.value.resume()).job_id == "j1"

    run()
    assert len(bought(service)) == 1


@virtual_time
async def test_nothing_is_resumed_when_its_id_may_be_forgotten(service: FakeService) -> None:
    lose_answers(service, "generate")
    async with PhotaClient(KEY) as client:
        with pytest.raises(ResponseLostError) as caught:
            await client.jobs.submit(GenerateRequest(prompt="x"))
        assert caught.value.first_sent_at is not None
        caught.value.first_sent_at -= 49 * 60
        sent = service.calls
        with pytest.raises(ResponseLostError, match=r"after 2880 s the service may have forgotten its id") as again:
            await caught.value.resume()
        assert again.value.charged == "unknown"
    assert service.calls == sent


@virtual_time
async def test_a_lost_answer_of_a_synchronous_call_is_the_end(service: FakeService) -> None:
    service.answer("POST", "/edit", error=aiohttp.ServerDisconnectedError())
    async with PhotaClient(KEY) as client:
        with pytest.raises(ResponseLostError, match="the answer to POST /edit is lost") as caught:
            await client.edit(JPEG)
        error = caught.value
        assert (error.attempts, error.charged, error.retryable) == (1, "unknown", False)
        assert 'mode="job"' in error.hint
        with pytest.raises(ConfigError, match="cannot resume"):
            await error.resume()
    assert service.calls == 1
    assert KEY not in "".join(traceback.format_exception(error))


@virtual_time
async def test_a_lost_answer_of_a_creation_says_where_to_look(service: FakeService) -> None:
    service.answer("GET", "/profiles/ids?tag=anna", {"profiles": []})
    service.answer("POST", "/profiles/add", error=aiohttp.ServerDisconnectedError())
    async with PhotaClient(KEY) as client:
        with pytest.raises(ResponseLostError, match="POST /profiles/add") as caught:
            await client.profiles.create(TRAINING, tag="anna")
    assert "profiles.list(tag=" in caught.value.hint
    assert [sent.method for sent in service.sent] == ["GET", "POST", *["GET"] * len(creating.LOOKS)]


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_synchronous_call_is_not_sent_again(status: int, service: FakeService) -> None:
    @virtual_time
    async def run() -> None:
        service.answer("POST", "/edit", {"detail": "no"}, status=status)
        async with PhotaClient(KEY) as client:
            with pytest.raises(ServerError) as caught:
                await client.edit(JPEG)
        assert (caught.value.attempts, caught.value.retryable) == (1, False)
        assert caught.value.charged == ("refunded" if status == 504 else "unknown")

    run()
    assert service.calls == 1


@pytest.mark.parametrize("url", ["http://example.com/hook", "example.com", "", 7])
async def test_a_callback_is_https(url: Any, client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match="callback_url: expected an https address"):
        await client.jobs.submit(GenerateRequest(prompt="x"), callback_url=url)
    assert service.calls == 0


async def test_without_validation_a_callback_may_be_anything(client: PhotaClient, service: FakeService) -> None:
    service.answer("POST", "/generate", {"job_id": "j1"}, status=202)
    await client.jobs.submit(GenerateRequest(prompt="x"), callback_url="http://localhost/hook", validate=False)
    assert service.only.json["callback_url"] == "http://localhost/hook"


@pytest.mark.parametrize("own_id", ["", 7, b"x"])
async def test_an_id_of_ones_own_is_text(own_id: Any, client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match="client_request_id: expected a non-empty str"):
        await client.jobs.submit(GenerateRequest(prompt="x"), client_request_id=own_id)
    assert service.calls == 0


async def test_an_id_that_was_sent_elsewhere_is_sent_while_it_is_remembered(
    client: PhotaClient, service: FakeService
) -> None:
    service.answer("POST", "/generate", {"job_id": "j1"}, status=202)
    request, now = GenerateRequest(prompt="x"), time.time()
    job = await client.jobs.submit(request, client_request_id="order-7", first_sent_at=now - 47 * 60)
    assert job.job_id == "j1"
    with pytest.raises(ResponseLostError, match="too long to be sent again safely") as caught:
        await client.jobs.submit(request, client_request_id="order-7", first_sent_at=now - 49 * 60)
    assert (caught.value.charged, caught.value.first_sent_at) == ("unknown", now - 49 * 60)
    with pytest.raises(ResponseLostError, match="may have forgotten its id"):
        await caught.value.resume()
    assert service.calls == 1


async def test_a_refusal_after_a_sending_elsewhere_does_not_say_that_nothing_is_paid(
    client: PhotaClient, service: FakeService
) -> None:
    service.answer("POST", "/generate", {"detail": "too little"}, status=402)
    with pytest.raises(InsufficientCreditsError) as caught:
        await client.jobs.submit(GenerateRequest(prompt="x"), client_request_id="a", first_sent_at=time.time() - 60)
    assert caught.value.charged == "unknown"


@pytest.mark.parametrize("moment", [0, -1, True, "now", float("nan"), float("inf"), 1.8e12])
async def test_a_first_sending_is_a_moment_of_the_past(moment: Any, client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match="first_sent_at: expected Unix time in seconds, now or earlier"):
        await client.jobs.submit(GenerateRequest(prompt="x"), client_request_id="a", first_sent_at=moment)
    with pytest.raises(InputError, match="client_request_id: expected the one that was sent at first_sent_at"):
        await client.jobs.submit(GenerateRequest(prompt="x"), first_sent_at=time.time())
    assert service.calls == 0


async def test_a_job_has_one_id_only(client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match="extra: expected no client_request_id in a job"):
        await client.generate("x", mode="job", extra={"client_request_id": "order-7"})
    assert service.calls == 0


@pytest.mark.parametrize("name", ["async", "callback_url"])
async def test_what_the_client_manages_is_not_taken_as_extra(
    name: str, client: PhotaClient, service: FakeService
) -> None:
    for validate in (True, False):
        with pytest.raises(InputError, match="extra: expected fields without an argument of their own"):
            await client.generate("x", extra={name: True}, validate=validate)
    assert service.calls == 0


async def test_a_job_that_is_done_is_not_asked_for_again(client: PhotaClient, service: FakeService) -> None:
    service.answer("POST", "/edit", {"job_id": "j1", "status": "done", **image_answer(links=LINKS)}, status=202)
    job = await client.jobs.submit(EditRequest(images=(JPEG,), prompt="[[p1]]"))
    result = await client.jobs.wait(job)
    assert [image.url for image in result.images] == LINKS
    assert result.missing() == ("p1",)  # the job knows whom its request named
    assert service.calls == 1


@virtual_time
async def test_a_job_stands_for_its_id(service: FakeService) -> None:
    service.answer("POST", "/generate", {"job_id": "j1"}, status=202, headers={"X-Request-Id": "r1"})
    service.answer("GET", "/jobs/j1", {"status": "done", "request_id": "r2", **image_answer(links=LINKS)})
    async with PhotaClient(KEY) as client:
        job = await client.jobs.submit(GenerateRequest(prompt="[[p1]]"))
        assert (job.request_id, (await client.jobs.get(job)).request_id) == ("r1", "r2")
        result = await client.jobs.wait(job)
    assert (result.request_id, result.missing()) == ("r2", ("p1",))


@virtual_time
async def test_waiting_for_a_job(service: FakeService) -> None:
    service.answer("GET", "/jobs/j1", {"job_id": "j1", "status": "RUNNING"}, times=1)
    service.answer("GET", "/jobs/j1", {"job_id": "j1", "status": "SUCCEEDED", "result": image_answer(links=LINKS)})
    async with PhotaClient(KEY) as client:
        result = await client.jobs.wait("j1")
    assert [image.url for image in result.images] == LINKS
    assert len(service.sent) == 2


async def test_waiting_for_a_job_may_save_its_pictures(
    client: PhotaClient, service: FakeService, tmp_path: Path
) -> None:
    service.answer("GET", "/jobs/j1", {"status": "succeeded", "result": image_answer(links=LINKS)})
    for link in LINKS:
        service.answer("GET", link, body=PNG)
    result = await client.jobs.wait("j1", save_to=tmp_path / "out")
    assert [image.path for image in result.images] == [tmp_path / "out/image-1.png", tmp_path / "out/image-2.png"]
    assert [path.read_bytes() for path in sorted((tmp_path / "out").iterdir())] == [PNG, PNG]


# Free calls

GETS: dict[str, tuple[Use, str, Any]] = {
    "GET /profiles/ids": (lambda client: client.profiles.list(), "/profiles/ids", {"profiles": []}),
    "GET /profiles/{profile_id}/status": (
        lambda client: client.profiles.status("p/1 ü"),
        "/profiles/p%2F1%20%C3%BC/status",
        {"status": "READY"},
    ),
    "GET /jobs/{job_id}": (lambda client: client.jobs.get("j?1#"), "/jobs/j%3F1%23", {"status": "queued"}),
    "GET /webhook-secret": (lambda client: client.webhooks.secret(), "/webhook-secret", {"webhook_secret": "s"}),
}


@pytest.mark.parametrize("route", GETS)
async def test_a_get_has_a_key_and_no_body(route: str, client: PhotaClient, service: FakeService) -> None:
    use, path, answer = GETS[route]
    service.answer("GET", path, answer)
    await use(client)
    assert (service.only.method, service.only.url, service.only.body) == ("GET", BASE_URL + path, None)
    assert service.only.headers["X-API-Key"] == KEY
    assert service.only.headers["User-Agent"] == f"phota-async/{phota_async.__version__}"


@pytest.mark.parametrize("route", GETS)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_get_is_sent_again(route: str, status: int, service: FakeService) -> None:
    @virtual_time
    async def run() -> None:
        use, path, answer = GETS[route]
        service.answer("GET", path, {"detail": "later"}, status=status, times=4)
        service.answer("GET", path, answer)
        async with PhotaClient(KEY) as client:
            await use(client)

    run()
    assert service.calls == 5


def test_every_route_of_the_document_is_covered_here() -> None:
    others = {
        "POST /profiles/add",
        "GET /profiles/{profile_id}/profile_picture",
        "DELETE /profiles/{profile_id}",
        *(f"POST /{operation}" for operation in LEAST),
    }
    assert others | set(GETS) == set(document_routes())


@pytest.mark.parametrize(
    ("tag", "query"),
    [("anna", "anna"), ("a b&c=d", "a%20b%26c%3Dd"), ("ü/?#+", "%C3%BC%2F%3F%23%2B"), ("x" * 128, "x" * 128)],
)
async def test_listing_profiles_of_a_tag(tag: str, query: str, client: PhotaClient, service: FakeService) -> None:
    service.answer("GET", f"/profiles/ids?tag={query}", {"profiles": [{"profile_id": "p1", "status": "READY"}, "p2"]})
    profiles = await client.profiles.list(tag)
    assert [(profile.profile_id, profile.status) for profile in profiles] == [("p1", "READY"), ("p2", "")]
    assert service.only.body is None


@pytest.mark.parametrize("tag", ["", "x" * 129, 7, "\ud800"])
async def test_a_tag_has_1_to_128_characters(tag: Any, client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match=r"^tag: expected"):
        await client.profiles.list(tag)
    with pytest.raises(InputError, match=r"^tag: expected"):
        await client.profiles.create(TRAINING, tag=tag)
    assert service.calls == 0


@pytest.mark.parametrize("bad_id", ["", None, 7, "..", "x" * 2000])
async def test_an_id_is_checked_before_anything_is_sent(bad_id: Any, client: PhotaClient, service: FakeService) -> None:
    uses: list[Use] = [
        lambda client: client.profiles.status(bad_id),
        lambda client: client.profiles.wait(bad_id),
        lambda client: client.profiles.picture(bad_id),
        lambda client: client.profiles.delete(bad_id),
        lambda client: client.jobs.get(bad_id),
        lambda client: client.jobs.wait(bad_id),
    ]
    for use in uses:
        with pytest.raises(InputError, match="_id: expected"):
            await use(client)
    assert service.calls == 0


# Profiles


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({}, {"training_tier": "standard"}),
        ({"tag": "anna"}, {"training_tier": "standard", "tag": "anna"}),
        ({"training_tier": "fast"}, {"training_tier": "fast"}),
    ],
)
async def test_creating_a_profile(
    arguments: dict[str, Any], sent: dict[str, Any], client: PhotaClient, service: FakeService
) -> None:
    service.answer("GET", "/profiles/ids?tag=anna", {"profiles": []})
    service.answer("POST", "/profiles/add", {"profile_id": "p1"})
    assert await client.profiles.create(TRAINING, **arguments) == "p1"
    *looks, created = service.sent
    assert [look.path for look in looks] == ["/profiles/ids?tag=anna"] * ("tag" in arguments)
    assert (created.method, created.path) == ("POST", "/profiles/add")
    assert created.json == {"image_urls": TRAINING, **sent}
    assert created.headers["X-API-Key"] == KEY


def test_every_field_of_a_new_profile_is_covered_here() -> None:
    assert set(request_schema("profile")["properties"]) == {"image_urls", "training_tier", "tag"}


BAD_TRAININGS: list[tuple[Any, dict[str, Any], str]] = [
    (TRAINING[:9], {}, "image_urls: expected 10 to 50 photos for the standard tier, got 9"),
    (TRAINING * 6, {}, "image_urls: expected 10 to 50 photos for the standard tier, got 60"),
    (TRAINING[:4], {"training_tier": "fast"}, "image_urls: expected 5 to 10 photos for the fast tier, got 4"),
    (TRAINING, {"training_tier": "slow"}, "training_tier: expected standard or fast"),
    ([*TRAINING, "photo.jpg"], {}, r"image_urls: expected http\(s\) links"),
]


@pytest.mark.parametrize(("urls", "arguments", "reason"), BAD_TRAININGS)
async def test_a_training_is_checked_before_anything_is_sent(
    urls: Any, arguments: dict[str, Any], reason: str, client: PhotaClient, service: FakeService
) -> None:
    with pytest.raises(InputError, match=reason):
        await client.profiles.create(urls, **arguments)
    assert service.calls == 0
    service.answer("POST", "/profiles/add", {"profile_id": "p1"})
    assert await client.profiles.create(urls, **arguments, validate=False) == "p1"
    assert service.only.json["image_urls"] == urls


@pytest.mark.parametrize("urls", [TRAINING[0], b"x", None, 7])
async def test_a_training_takes_a_list(urls: Any, client: PhotaClient, service: FakeService) -> None:
    for validate in (True, False):
        with pytest.raises(InputError, match="image_urls: expected a list of links"):
            await client.profiles.create(urls, validate=validate)
    assert service.calls == 0


@pytest.mark.parametrize(("urls", "got"), [([7], "7"), ([None], "None"), ([Path("a.jpg")], "PosixPath")])
async def test_the_links_of_a_training_are_text(urls: Any, got: str, client: PhotaClient, service: FakeService) -> None:
    with pytest.raises(InputError, match=f"image_urls: expected links, each a str, got {got}"):
        await client.profiles.create(urls, validate=False)
    with pytest.raises(InputError, match=rf"image_urls: expected http\(s\) links, got {got}"):
        await client.profiles.create([*TRAINING, *urls])
    assert service.calls == 0


async def test_a_creation_that_does_not_say_its_id_says_where_to_look(
    client: PhotaClient, service: FakeService
) -> None:
    service.answer("POST", "/profiles/add", {"status": "ok"})
    with pytest.raises(DecodeError) as caught:
        await client.profiles.create(TRAINING)
    assert caught.value.charged == "unknown"
    assert "without a tag nobody can tell which it is" in caught.value.hint
    assert service.calls == 1


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_profile_is_not_created_twice(status: int, service: FakeService) -> None:
    @virtual_time
    async def run() -> None:
        service.answer("POST", "/profiles/add", {"detail": "no"}, status=status)
        async with PhotaClient(KEY) as client:
            with pytest.raises(ServerError) as caught:
                await client.profiles.create(TRAINING)
        assert caught.value.charged == "unknown"
        assert "without a tag nobody can tell which it is" in caught.value.hint

    run()
    assert service.calls == 1


async def test_the_picture_of_a_profile(client: PhotaClient, service: FakeService) -> None:
    service.answer("GET", "/profiles/p1/profile_picture", body=JPEG)
    picture = await client.profiles.picture("p1")
    assert (picture.data, picture.format, picture.size) == (JPEG, "jpg", len(JPEG))
    assert service.only.headers["X-API-Key"] == KEY


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_picture_behind_a_foreign_redirect_is_fetched_without_the_key(
    status: int, client: PhotaClient, service: FakeService
) -> None:
    service.answer("GET", "/profiles/p1/profile_picture", status=status, headers={"Location": LINKS[0]})
    service.answer("GET", LINKS[0], body=JPEG)
    assert (await client.profiles.picture("p1")).data == JPEG
    assert KEY in service.sent[0].headers.values()
    assert KEY not in repr(service.sent[1])


async def test_a_picture_behind_a_redirect_of_the_service_keeps_the_key(
    client: PhotaClient, service: FakeService
) -> None:
    service.answer("GET", "/profiles/p1/profile_picture", status=302, headers={"Location": "/v1/phota/pictures/9"})
    service.answer("GET", "/pictures/9", body=PNG)
    assert (await client.profiles.picture("p1")).format == "png"
    assert service.sent[1].headers["X-API-Key"] == KEY


@virtual_time
async def test_a_picture_that_is_none(service: FakeService) -> None:
    service.answer("GET", "/profiles/p1/profile_picture", body=b"<html>")
    async with PhotaClient(KEY) as client:
        with pytest.raises(DecodeError, match="expected a picture, got something else"):
            await client.profiles.picture("p1")


async def test_redirects_in_a_ring_end(client: PhotaClient, service: FakeService) -> None:
    location = {"Location": "/v1/phota/profiles/p1/profile_picture"}
    service.answer("GET", "/profiles/p1/profile_picture", status=302, headers=location)
    with pytest.raises(StatusError, match="expected at most 3 redirects, got more"):
        await client.profiles.picture("p1")


async def test_deleting_a_profile(client: PhotaClient, service: FakeService) -> None:
    service.answer("DELETE", "/profiles/p%2F1", {"profile_id": "p/1", "status": "ok"})
    await client.profiles.delete("p/1")
    assert (service.only.method, service.only.body) == ("DELETE", None)
    assert service.only.headers["X-API-Key"] == KEY


async def test_deleting_what_is_not_there(client: PhotaClient, service: FakeService) -> None:
    service.answer("DELETE", "/profiles/p1", {"detail": "Not Found"}, status=404)
    with pytest.raises(NotFoundError):
        await client.profiles.delete("p1")


@virtual_time
async def test_a_404_after_a_lost_answer_means_deleted(service: FakeService) -> None:
    service.answer("DELETE", "/profiles/p1", {"detail": "no"}, status=502, times=1)
    service.answer("DELETE", "/profiles/p1", {"detail": "Not Found"}, status=404)
    async with PhotaClient(KEY) as client:
        await client.profiles.delete("p1")
    assert service.calls == 2


@pytest.mark.parametrize(
    "passing",
    [
        {"status": 503},
        {"status": 429},
        {"error": aiohttp.ClientConnectorError(cast("Any", SimpleNamespace(ssl=None)), OSError("refused"))},
    ],
)
def test_a_404_after_what_did_nothing_is_a_404(passing: dict[str, Any], service: FakeService) -> None:
    @virtual_time
    async def run() -> None:
        service.answer("DELETE", "/profiles/p1", {"detail": "no"}, times=1, **passing)
        service.answer("DELETE", "/profiles/p1", {"detail": "Not Found"}, status=404)
        async with PhotaClient(KEY) as client:
            with pytest.raises(NotFoundError) as caught:
                await client.profiles.delete("p1")
        assert caught.value.attempts == 2

    run()


# Errors through the client

STATUSES: dict[int, type[PhotaError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: AuthenticationError,
    404: NotFoundError,
    409: ConflictError,
    422: BadRequestError,
    429: RateLimitError,
    500: ServerError,
    503: ServerError,
    504: ServerError,
    302: StatusError,
}
USES: dict[str, tuple[str, str, Use]] = {
    "sync": ("POST", "/edit", lambda client: client.edit(JPEG)),
    "status": ("GET", "/profiles/p1/status", lambda client: client.profiles.status("p1")),
    "create": ("POST", "/profiles/add", lambda client: client.profiles.create(TRAINING)),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("name", USES)
async def test_an_error_status_is_its_error_and_never_shows_the_key(
    status: int, name: str, service: FakeService
) -> None:
    method, path, use = USES[name]
    headers = {"X-Request-Id": "r1", "Location": "https://evil.com"}
    service.answer(method, path, {"detail": "no", "code": "NO"}, status=status, headers=headers)
    async with PhotaClient(KEY, config=ONE_ATTEMPT) as client:
        with pytest.raises(STATUSES[status]) as caught:
            await use(client)
    error = caught.value
    assert (error.request_id, error.attempts) == ("r1", 1)
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + repr(client)
    assert KEY not in shown
    assert KEY.encode() not in pickle.dumps(error)
    assert error.__cause__ is error.__context__ is None
    assert service.calls == 1


@each_operation
async def test_a_redirect_is_not_followed(operation: str, client: PhotaClient, service: FakeService) -> None:
    service.answer("POST", f"/{operation}", status=307, headers={"Location": "https://evil.com/edit"})
    service.answer("POST", "https://evil.com/edit", image_answer(images=[TEXT]))
    with pytest.raises(StatusError, match=r"a redirect to https://evil\.com/edit is not followed"):
        await call(client, operation)
    assert service.only.url == f"{BASE_URL}/{operation}"


# The client itself


async def test_a_closed_client_says_so(service: FakeService) -> None:
    client = PhotaClient(KEY)
    await client.aclose()
    await client.aclose()
    uses: list[Use] = [
        lambda client: client.generate("x"),
        lambda client: client.jobs.submit(GenerateRequest(prompt="x")),
        lambda client: client.jobs.get("j1"),
        lambda client: client.profiles.list(),
        lambda client: client.webhooks.secret(),
    ]
    for use in uses:
        with pytest.raises(ConfigError, match="the client is closed"):
            await use(client)
    assert service.calls == 0
    assert repr(client) == "<PhotaClient api.photalabs.com closed <Limiter 0/64 running, 0 waiting>>"


async def test_a_closed_client_can_be_entered_again(service: FakeService) -> None:
    service.answer("GET", "/profiles/ids", {"profiles": []})
    client = PhotaClient(KEY)
    for _ in range(2):
        async with client:
            assert await client.profiles.list() == []


async def test_a_client_works_without_a_block(service: FakeService) -> None:
    service.answer("GET", "/profiles/ids", {"profiles": []})
    client = PhotaClient(KEY)
    try:
        assert await client.profiles.list() == []
    finally:
        await client.aclose()


async def test_a_client_may_be_entered_again(service: FakeService) -> None:
    service.answer("GET", "/profiles/ids", {"profiles": []})
    client = PhotaClient(KEY)
    for _ in range(2):
        async with client:
            assert await client.profiles.list() == []
        with pytest.raises(ConfigError, match="the client is closed"):
            await client.profiles.list()


def test_a_client_is_not_pickled() -> None:
    with pytest.raises(ConfigError, match="a client cannot be pickled"):
        pickle.dumps(PhotaClient(KEY))


def test_a_client_needs_a_key_and_settings_of_ours() -> None:
    with pytest.raises(ConfigError, match="no API key"):
        PhotaClient()
    with pytest.raises(ConfigError, match="config: expected a ClientConfig, got dict"):
        PhotaClient(KEY, config={"timeout": 3})  # type: ignore[arg-type]  # this is what is tested


async def _hook(_event: Any) -> None: ...


class _AsyncHook:
    async def __call__(self, _event: Any) -> None: ...


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"limiter": 8}, "limiter: expected a Limiter, got int"),
        ({"session": "x"}, "session: expected an aiohttp.ClientSession, got str"),
        ({"session": aiohttp.ClientSession}, "session: expected an aiohttp.ClientSession, got "),
        ({"hooks": print}, "hooks: expected a list of callables, got builtin_function_or_method"),
        ({"hooks": "ab"}, "hooks: expected a list of callables, got str in it"),
        ({"hooks": [print, None]}, "hooks: expected a list of callables, got NoneType in it"),
        ({"hooks": [_hook]}, "hooks: expected plain functions, got an asynchronous one"),
        ({"hooks": [partial(_hook)]}, "hooks: expected plain functions, got an asynchronous one"),
        ({"hooks": [_AsyncHook()]}, "hooks: expected plain functions, got an asynchronous one"),
    ],
)
def test_a_setting_that_cannot_work_is_found_at_once(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        PhotaClient(KEY, **settings)


async def test_no_hooks_and_hooks_of_any_kind(service: FakeService) -> None:
    service.answer("GET", "/profiles/ids", {"profiles": []})
    told: list[Any] = []
    every_kind: list[Any] = [None, (), [told.append], iter([told.append, _Hook(told), print])]
    for hooks in every_kind:
        async with PhotaClient(KEY, hooks=hooks) as client:
            await client.profiles.list()
    assert len(told) == 6


class _Hook:
    def __init__(self, told: list[Any]) -> None:
        self.told = told

    def __call__(self, event: Any) -> None:
        self.told.append(event)

    with pytest.raises(ConfigError, match="base_url: expected https"):
        PhotaClient(KEY, "http://example.com")


def test_a_client_shows_no_key() -> None:
    client = PhotaClient(KEY)
    assert repr(client) == "<PhotaClient api.photalabs.com <Limiter 0/64 running, 0 waiting>>"
    assert KEY not in repr(vars(client)) + repr(vars(client._transport))
