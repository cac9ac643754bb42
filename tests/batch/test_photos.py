"""A batch prepares photos before they leave, and its files get what their originals say."""

import asyncio
import base64
import io
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.dom import minidom

import pytest
from photos import samples
from PIL import Image
from support.clients import QUICK
from support.folders import names
from support.peer import until

from phota_async import (
    Batch,
    BatchItem,
    ConfigError,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    InputError,
    Outcome,
    PhotaClient,
    RemixRequest,
    ResponseLostError,
)
from phota_async.batch import photos as module
from phota_async.batch.options import Metadata
from phota_async.batch.photos import PhotoDesk
from phota_async.batch.purchase import Purchase
from phota_async.config import Mode
from phota_async.jobs import Jobs
from phota_async.ledger import Done, Ledger, State
from phota_async.media import files
from phota_async.media.files import PartFile
from phota_async.photos import PhotoWorkers, prepare
from phota_async.photos.preparing import CONTAINERS
from phota_async.requests import AnyRequest
from phota_async.sandbox import Sandbox

TURNED = samples.jpeg(6)
LARGE = samples.encoded(samples.stored(6, (600, 500)), exif=b"Exif\0\0" + samples.exif(6))  # needs a process
MADE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
BY_AI, ALL_AI = MADE + "compositeWithTrainedAlgorithmicMedia", MADE + "trainedAlgorithmicMedia"
DEADLINE = 10.0  # seconds; only what hangs needs them
linux = pytest.mark.skipif(sys.platform != "linux", reason="stops processes")
both_modes = pytest.mark.parametrize("mode", ["job", "sync"])
both_buyers = pytest.mark.parametrize("ledger", [False, True], ids=["plain", "ledger"])


class Studio:
    """A sandbox, a client and a folder."""

    def __init__(self, sandbox: Sandbox, client: PhotaClient, folder: Path) -> None:
        self.sandbox, self.client, self.folder = sandbox, client, folder
        self.output = folder / "out"
        self.photo = folder / "1.jpg"
        self.photo.write_bytes(TURNED)

    def batch(self, *requests: AnyRequest, **options: Any) -> Batch:
        items = [BatchItem(str(number), request) for number, request in enumerate(requests, 1)]
        return Batch(self.client, items, **{"output": self.output, **options})

    async def run(self, *requests: AnyRequest, **options: Any) -> Outcome:
        """Run a batch and return its first item's outcome."""
        async with self.batch(*requests, **options) as outcomes:
            return {outcome.key: outcome async for outcome in outcomes}["1"]

    def received(self) -> list[bytes]:
        """Return the photos that the service got, links left out."""
        bodies = [request.body for request in self.sandbox.requests if request.method == "POST"]
        fields = ("image", "input_image", "reference_image")
        photos = [body[name] for body in bodies for name in fields if name in body]
        photos += [image for body in bodies for image in body.get("images", ())]
        return [base64.b64decode(photo) for photo in photos if not photo.startswith("http")]

    def delivered(self) -> list[bytes]:
        """Return the pictures that the service made."""
        links = self.sandbox._parts.links
        return [path.read_bytes() for path in links._folder.iterdir()]

    @property
    def bought(self) -> int:
        return sum(not charge.refunded for charge in self.sandbox.charges)


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[Studio]:
    async with (
        Sandbox(job_seconds=0.0, picture_scale=0.03) as sandbox,
        PhotaClient(sandbox.api_key, sandbox.base_url, config=QUICK) as client,
    ):
        yield Studio(sandbox, client, tmp_path)


def told(path: Path) -> dict[str, Any]:
    """Return what a file says, read with parsers that are not ours."""
    image = samples.opened(path.read_bytes())
    exif, packet = image.getexif(), CONTAINERS["jpg"].read(path.read_bytes()).xmp
    properties = minidom.parseString(packet) if packet else minidom.Document()
    subjects = properties.getElementsByTagName("dc:subject")
    items = [item for subject in subjects for item in subject.getElementsByTagName("rdf:li")]
    words = {
        "date": exif.get_ifd(0x8769).get(0x9003),
        "camera": exif.get(0x010F),
        "place": exif.get_ifd(0x8825).get(2, ())[:2],
        "profile": image.info.get("icc_profile"),
        "keywords": [item.firstChild.data for item in items if isinstance(item.firstChild, minidom.Text)],
        "mark": BY_AI if BY_AI.encode() in packet else ALL_AI if ALL_AI.encode() in packet else None,
    }
    return {name: value for name, value in words.items() if value}


EVERYTHING = {
    "date": samples.DATE,
    "camera": samples.CAMERA,
    "place": (48, 51),
    "profile": samples.PROFILE,
    "keywords": ["family", "René & Zoë"],
    "mark": BY_AI,
}


def assert_fit(data: bytes, size: tuple[int, int] = (64, 48)) -> None:
    """Nothing private, upright, and the picture itself."""
    assert samples.leaks(data) == []
    image = samples.opened(data)
    assert image.getexif().get(0x0112, 1) == 1
    assert image.size == size
    assert samples.corners(image) == samples.CORNERS


# On the way in and on the way out


@both_buyers
@both_modes
async def test_photos_leave_prepared_and_files_say_what_their_originals_say(
    studio: Studio, mode: Mode, ledger: bool
) -> None:
    photo, second = studio.photo, samples.png(6)
    requests = (
        EnhanceRequest(image=photo),
        EditRequest(images=(photo, second), prompt="brighter"),
        RemixRequest(input_image=photo, reference_image=second),
    )
    async with studio.batch(*requests, mode=mode, ledger=ledger) as outcomes:
        found = {outcome.key: outcome async for outcome in outcomes}
    assert {outcome.status for outcome in found.values()} == {"done"}
    assert len(studio.received()) == 5
    for data in studio.received():
        assert_fit(data)
    for outcome in found.values():
        assert outcome.uncarried == ()
        assert [told(path) for path in outcome.paths] == [EVERYTHING]
    assert photo.read_bytes() == TURNED
    assert names(studio.output)[-3:] == ["1.enhance-1.jpg", "2.edit-1.jpg", "3.remix-1.jpg"]


@both_modes
async def test_a_generated_picture_is_marked_as_such(studio: Studio, mode: Mode) -> None:
    outcome = await studio.run(GenerateRequest(prompt="a sea", num_output_images=2), mode=mode)
    assert [told(path) for path in outcome.paths] == [{"mark": ALL_AI}] * 2


@both_modes
async def test_results_in_memory_stay_as_they_come(studio: Studio, mode: Mode) -> None:
    outcome = await studio.run(EnhanceRequest(image=studio.photo), mode=mode, output=None)
    assert outcome.result is not None
    [image] = outcome.result.images
    assert image.data
    assert BY_AI.encode() not in image.data
    assert_fit(studio.received()[0])


KINDS: dict[str, Callable[[Path], Any]] = {
    "path": lambda path: path,
    "text": str,
    "bytes": Path.read_bytes,
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "file": io.FileIO,
    "data URI": lambda path: "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode(),
}


@both_buyers
@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_of_input(studio: Studio, kind: str, ledger: bool) -> None:
    photo = KINDS[kind](studio.photo)
    outcome = await studio.run(EnhanceRequest(image=photo), ledger=ledger)
    if isinstance(photo, io.FileIO):
        photo.close()
    assert (outcome.status, outcome.uncarried) == ("done", ())
    assert_fit(studio.received()[0])
    assert told(outcome.paths[0]) == EVERYTHING


@both_buyers
async def test_a_pillow_image_has_nothing_to_carry_over(studio: Studio, ledger: bool) -> None:
    with Image.open(studio.photo) as image:
        outcome = await studio.run(EnhanceRequest(image=image), ledger=ledger)
    assert (outcome.status, outcome.uncarried) == ("done", ())
    assert_fit(studio.received()[0])
    assert told(outcome.paths[0]) == {"mark": BY_AI}


@both_buyers
async def test_heic_is_taken(studio: Studio, ledger: bool) -> None:
    outcome = await studio.run(EnhanceRequest(image=samples.HEIC), ledger=ledger)
    assert outcome.status == "done"
    assert studio.received() == [prepare(samples.HEIC).data]
    assert studio.received()[0].startswith(b"\xff\xd8")
    assert told(outcome.paths[0])["mark"] == BY_AI


async def test_a_large_photo_is_reduced(studio: Studio) -> None:
    large = samples.encoded(samples.picture((5000, 40)))
    assert (await studio.run(EnhanceRequest(image=large))).status == "done"
    assert_fit(studio.received()[0], (4096, 33))


async def test_links_are_left_alone(studio: Studio) -> None:
    link = studio.sandbox.upload(TURNED)
    outcome = await studio.run(EditRequest(images=(link, studio.photo), prompt="brighter"))
    posted = next(request.body for request in studio.sandbox.requests if request.method == "POST")
    assert posted["images"][0] == link
    assert_fit(studio.received()[0])
    assert (told(outcome.paths[0]), outcome.uncarried) == ({"mark": BY_AI}, ())


# Told otherwise


@both_buyers
@both_modes
async def test_photos_as_they_are(studio: Studio, mode: Mode, ledger: bool) -> None:
    request = EnhanceRequest(image=studio.photo)
    outcome = await studio.run(request, prepare=False, mode=mode, ledger=ledger)
    assert studio.received() == [TURNED]
    assert told(outcome.paths[0]) == EVERYTHING


BASIC = {name: EVERYTHING[name] for name in ("date", "camera", "profile", "mark")}
CHOICES: list[tuple[Metadata, bool, dict[str, Any]]] = [
    ("copy", False, {name: value for name, value in EVERYTHING.items() if name != "place"}),
    ("basic", True, BASIC),
    ("none", True, {"mark": BY_AI}),
]


@pytest.mark.parametrize(("metadata", "gps", "expected"), CHOICES)
async def test_less_is_carried_over(studio: Studio, metadata: Metadata, gps: bool, expected: dict[str, Any]) -> None:
    outcome = await studio.run(EnhanceRequest(image=studio.photo), metadata=metadata, gps=gps)
    assert told(outcome.paths[0]) == expected
    assert told((await studio.run(EnhanceRequest(image=studio.photo), output=studio.folder / "2")).paths[0])["place"]


async def test_no_mark(studio: Studio) -> None:
    outcome = await studio.run(EnhanceRequest(image=studio.photo), mark=False)
    assert told(outcome.paths[0]) == {name: value for name, value in EVERYTHING.items() if name != "mark"}


@both_buyers
async def test_files_byte_for_byte_as_they_come(studio: Studio, ledger: bool) -> None:
    outcome = await studio.run(EnhanceRequest(image=studio.photo), metadata="none", mark=False, ledger=ledger)
    assert [path.read_bytes() for path in outcome.paths] == studio.delivered()


@pytest.mark.parametrize(
    "wrong", [{"prepare": "yes"}, {"metadata": "all"}, {"metadata": None}, {"gps": 1}, {"mark": None}]
)
async def test_arguments_that_cannot_be(studio: Studio, wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))}: expected"):
        studio.batch(**wrong)


# What is bought


async def test_preparing_does_not_change_what_is_bought(studio: Studio) -> None:
    options: list[dict[str, Any]] = [{}, {"prepare": False}, {"metadata": "none", "mark": False}, {"gps": False}]
    statuses = [(await studio.run(EnhanceRequest(image=studio.photo), ledger=True, **each)).status for each in options]
    assert statuses == ["done", "skipped", "skipped", "skipped"]
    assert (studio.sandbox.posts(), studio.bought) == (1, 1)


@pytest.mark.parametrize("before", [True, False])
async def test_an_answer_that_was_lost_is_found_as_it_was_sent(studio: Studio, before: bool) -> None:
    """The service takes one body for one id: sent otherwise it is refused, and never bought again."""
    request = EnhanceRequest(image=studio.photo)
    studio.sandbox.fail("POST /enhance", reset="after", times=5)
    lost = await studio.run(request, ledger=True, prepare=before)
    otherwise = await studio.run(request, ledger=True, prepare=not before)
    assert (lost.status, otherwise.status) == ("unknown", "unknown")
    assert "with the same prepare= as then" in str(otherwise.error)
    assert (await studio.run(request, ledger=True, prepare=before)).status == "done"
    assert studio.bought == 1


async def test_a_photo_that_changes_before_it_is_sent_is_not_sent(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = PhotoDesk.room_in

    async def change(desk: PhotoDesk, images: Any) -> Any:
        studio.photo.write_bytes(samples.jpeg(3))
        return await real(desk, images)

    with monkeypatch.context() as patched:
        patched.setattr(PhotoDesk, "room_in", change)
        outcome = await studio.run(EnhanceRequest(image=studio.photo), ledger=True)
    assert isinstance(outcome.error, InputError)
    assert "changed since" in str(outcome.error)
    assert (outcome.status, outcome.spent, studio.sandbox.posts()) == ("failed", Decimal(0), 0)
    async with Ledger(studio.output / ".phota" / "ledger.sqlite") as ledger:
        assert [(each.state, each.committed) async for each in ledger.records()] == [(State.FAILED, 0)]
    assert (await studio.run(EnhanceRequest(image=studio.photo), ledger=True)).status == "done"


BROKEN = {
    "cut": TURNED[:600],
    "no picture": b"hello" * 20,
    "empty": b"",
    "a broken HEIC": samples.HEIC.read_bytes()[:400],
}


@both_buyers
@pytest.mark.parametrize("broken", BROKEN)
async def test_a_photo_that_cannot_be_prepared_is_not_sent(studio: Studio, broken: str, ledger: bool) -> None:
    studio.photo.write_bytes(BROKEN[broken])
    outcome = await studio.run(EnhanceRequest(image=studio.photo), ledger=ledger)
    assert (outcome.status, outcome.spent, studio.sandbox.posts()) == ("failed", Decimal(0), 0)
    assert isinstance(outcome.error, InputError)
    assert str(outcome.error).startswith(f"image ({studio.photo}): expected")


async def test_a_photo_of_endless_size_is_not_read(studio: Studio) -> None:
    os.truncate(studio.photo, 2**30)
    outcome = await studio.run(EnhanceRequest(image=studio.photo))
    assert "expected at most" in str(outcome.error)


@both_buyers
async def test_without_the_extra(studio: Studio, ledger: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs no decoding is done; what does fails before anything is bought, and names the extra."""
    monkeypatch.setitem(sys.modules, "phota_async.photos.pixels", None)
    upright = await studio.run(EnhanceRequest(image=samples.jpeg()), ledger=ledger)
    assert (upright.status, told(upright.paths[0])) == ("done", EVERYTHING)
    assert_fit(studio.received()[0])
    turned = await studio.run(EnhanceRequest(image=TURNED), ledger=ledger, output=studio.folder / "turned")
    assert isinstance(turned.error, ConfigError)
    assert 'pip install "phota-async[images]"' in str(turned.error)
    assert (turned.status, turned.spent, studio.sandbox.posts()) == ("failed", Decimal(0), 1)


# Results are published, whatever happens


def while_waiting(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something when the job is bought and its pictures have not come."""
    real = Jobs._until_done

    async def wait(jobs: Jobs, job_id: str, deadline: float, interval: float | None = None) -> Any:
        act()
        return await real(jobs, job_id, deadline, interval)

    monkeypatch.setattr(Jobs, "_until_done", wait)


@both_buyers
@pytest.mark.parametrize("how", ["gone", "changed"])
async def test_an_original_that_is_not_there_any_more(
    studio: Studio, ledger: bool, how: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = how == "gone"
    while_waiting(monkeypatch, studio.photo.unlink if gone else lambda: studio.photo.write_bytes(samples.jpeg(3)))
    outcome = await studio.run(EnhanceRequest(image=studio.photo), ledger=ledger)
    assert (outcome.status, outcome.uncarried) == ("done", outcome.paths)
    assert [told(path) for path in outcome.paths] == [{"mark": BY_AI}]
    assert studio.bought == 1
    [record] = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert record.getMessage() == "1.enhance-1.jpg: not all metadata could be put in (InputError)"


async def test_variations_say_together_which_files_lack_something(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.sandbox.add_profile("anna")
    monkeypatch.setattr(module, "merged", _breaks)
    request = EnhanceRequest(image=studio.photo, profile_ids=("anna",), num_output_images=2)
    outcome = await studio.run(request)
    assert (outcome.status, len(outcome.paths)) == ("done", 2)
    assert outcome.uncarried == outcome.paths


async def test_an_original_that_changes_while_it_is_sent_as_it_is(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_waiting(monkeypatch, lambda: studio.photo.write_bytes(samples.jpeg(3)))
    outcome = await studio.run(EnhanceRequest(image=studio.photo), prepare=False)
    assert (outcome.status, outcome.uncarried) == ("done", outcome.paths)
    assert told(outcome.paths[0]) == {"mark": BY_AI}


def _breaks(*_: object) -> Any:
    raise KeyError(samples.TOWN)


@both_buyers
@both_modes
async def test_a_result_that_takes_nothing_is_published_as_it_came(
    studio: Studio, ledger: bool, mode: Mode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "merged", _breaks)
    outcome = await studio.run(EnhanceRequest(image=studio.photo), ledger=ledger, mode=mode)
    assert (outcome.status, outcome.uncarried, len(outcome.paths)) == ("done", outcome.paths, 1)
    assert samples.opened(outcome.paths[0].read_bytes()).format == "JPEG"
    assert BY_AI.encode() not in outcome.paths[0].read_bytes()
    assert samples.TOWN.decode() not in caplog.text
    assert (await studio.run(EnhanceRequest(image=studio.photo), ledger=ledger, mode=mode)).status == "skipped"


@both_buyers
async def test_no_room_on_the_disk_for_more_than_the_picture(
    studio: Studio, ledger: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = files._write_all

    def full(descriptor: int, pieces: Any) -> None:
        if any(samples.CAMERA.encode() in piece for piece in pieces):
            raise OSError(28, "No space left on device")
        real(descriptor, pieces)

    monkeypatch.setattr(files, "_write_all", full)
    outcome = await studio.run(EnhanceRequest(image=studio.photo), ledger=ledger)
    assert (outcome.status, outcome.uncarried) == ("done", outcome.paths)
    assert [path.read_bytes() for path in outcome.paths] == studio.delivered()
    assert names(studio.output) == [*([".phota"] * ledger), "1.enhance-1.jpg"]


async def test_a_format_that_takes_nothing(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(CONTAINERS, "jpg")
    outcome = await studio.run(EnhanceRequest(image=studio.photo), prepare=False)
    assert (outcome.status, outcome.uncarried) == ("done", outcome.paths)
    assert [path.read_bytes() for path in outcome.paths] == studio.delivered()


# Runs that die


async def _dies(*_: object) -> Any:
    raise RuntimeError("the process dies here")


async def test_a_file_that_was_named_and_not_recorded_is_found_again(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is carried over is the same each time, so the file is known by its content."""
    real = Ledger.change

    async def dies_before_done(ledger: Ledger, record: Any, change: Any) -> Any:
        return await (_dies() if isinstance(change, Done) else real(ledger, record, change))

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "change", dies_before_done)
        with pytest.raises(BaseExceptionGroup):
            await studio.run(EnhanceRequest(image=studio.photo), ledger=True)
    before = (studio.output / "1.enhance-1.jpg").read_bytes()
    outcome = await studio.run(EnhanceRequest(image=studio.photo), ledger=True)
    assert (outcome.status, outcome.paths) == ("done", (studio.output / "1.enhance-1.jpg",))
    assert outcome.paths[0].read_bytes() == before
    assert told(outcome.paths[0]) == EVERYTHING
    assert names(studio.output) == [".phota", "1.enhance-1.jpg"]
    async with Ledger(studio.output / ".phota" / "ledger.sqlite") as ledger:
        [record] = [each async for each in ledger.records()]
    assert record.files[0].size == len(before)
    assert studio.bought == 1


async def test_a_job_is_fetched_though_its_photo_is_gone(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    request = EnhanceRequest(image=studio.photo)
    with monkeypatch.context() as patched:
        patched.setattr(Purchase, "finish", _dies)
        with pytest.raises(BaseExceptionGroup):
            await studio.run(request, ledger=True)
    studio.photo.unlink()
    left = PartFile(studio.output, "1.enhance-1.jpg")  # of the run that died
    outcome = await studio.run(request, ledger=True)
    assert (outcome.status, outcome.spent, outcome.uncarried) == ("done", Decimal("0.12"), outcome.paths)
    assert told(outcome.paths[0]) == {"mark": BY_AI}
    assert names(studio.output) == [".phota", "1.enhance-1.jpg"]
    left.discard()
    assert (studio.bought, studio.sandbox.posts()) == (1, 1)
    again = await studio.run(request, ledger=True)
    assert (again.status, type(again.error)) == ("failed", InputError)
    studio.photo.write_bytes(TURNED)
    assert (await studio.run(request, ledger=True)).status == "skipped"


async def test_a_lost_answer_is_asked_for_again_when_the_batch_is_over(studio: Studio) -> None:
    studio.photo.write_bytes(LARGE)
    studio.sandbox.fail("POST /enhance", reset="after", times=5)
    outcome = await studio.run(EnhanceRequest(image=studio.photo))
    assert isinstance(outcome.error, ResponseLostError)
    result = await outcome.error.resume()
    assert told(result.images[0].path)["place"] == EVERYTHING["place"]
    assert set(studio.received()) == {prepare(studio.photo).data}
    assert (studio.sandbox.posts(), studio.bought) == (6, 1)
    studio.photo.write_bytes(TURNED)
    with pytest.raises(InputError, match="changed since"):
        await outcome.error.resume()


# Beside the event loop


@linux
@both_buyers
async def test_a_photo_being_decoded_holds_nobody(
    studio: Studio, ledger: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that decodes one photo is stopped: all others go their way, and so does the loop."""
    made: list[PhotoWorkers] = []
    real = PhotoWorkers.__aenter__

    async def enter(workers: PhotoWorkers) -> PhotoWorkers:
        made.append(workers)
        return await real(workers)

    monkeypatch.setattr(PhotoWorkers, "__aenter__", enter)
    studio.photo.write_bytes(LARGE)
    others = [EnhanceRequest(image=samples.encoded(samples.picture((64, 40 + n)))) for n in range(20)]
    async with studio.batch(EnhanceRequest(image=studio.photo), *others, ledger=ledger) as outcomes:
        await until(lambda: made and made[0]._busy)
        (decoder,) = made[0]._busy
        os.kill(decoder.pid, signal.SIGSTOP)
        assert [(await anext(outcomes)).status for _ in others] == ["done"] * 20
        os.kill(decoder.pid, signal.SIGCONT)
        outcome = await anext(outcomes)
    assert (outcome.key, outcome.status) == ("1", "done")
    assert_fit(studio.received()[-1], (600, 500))
    assert len(made) == 1
    assert not decoder.is_alive


@linux
@both_buyers
@pytest.mark.parametrize("room", [module.ROOM_IN, 1], ids=["waiting for a decoder", "waiting for room"])
async def test_leaving_ends_what_is_being_decoded(
    studio: Studio, ledger: bool, room: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM_IN", room)
    studio.photo.write_bytes(LARGE)
    started: list[PhotoWorkers] = []
    monkeypatch.setattr(PhotoWorkers, "__aenter__", lambda workers: _entered(workers, started))
    async with asyncio.timeout(DEADLINE):
        async with studio.batch(*[EnhanceRequest(image=studio.photo)] * 9, ledger=ledger):
            await until(lambda: started and started[0]._busy)
            decoders = list(started[0]._busy)
            for decoder in decoders:
                os.kill(decoder.pid, signal.SIGSTOP)
    assert not any(decoder.is_alive for decoder in decoders)
    assert started[0].statistics().processes == 0
    assert studio.sandbox.requests == []
    if ledger:
        async with Ledger(studio.output / ".phota" / "ledger.sqlite") as opened:
            assert {each.state async for each in opened.records()} == {State.FAILED}


async def _entered(workers: PhotoWorkers, started: list[PhotoWorkers]) -> PhotoWorkers:
    started.append(workers)
    workers._state = "open"
    return workers


async def test_no_process_is_started_for_nothing(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PhotoWorkers, "__aenter__", _dies)
    link = studio.sandbox.upload(TURNED)
    requests = (GenerateRequest(prompt="a sea"), EnhanceRequest(image=link))
    assert (await studio.run(*requests)).status == "done"


# Memory


class Counted(bytes):
    """A prepared photo whose life is watched."""

    alive = most = 0

    def __init__(self, *_: object) -> None:
        Counted.alive += 1
        Counted.most = max(Counted.most, Counted.alive)

    def __del__(self) -> None:
        Counted.alive -= 1


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> type[Counted]:
    real = PhotoDesk.prepare

    async def count(desk: PhotoDesk, data: bytes, label: str) -> bytes:
        return Counted(await real(desk, data, label))

    monkeypatch.setattr(PhotoDesk, "prepare", count)
    Counted.most = Counted.alive = 0
    return Counted


@both_buyers
async def test_nothing_is_held_while_jobs_are_waited_for(
    studio: Studio, ledger: bool, counted: type[Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, go_on = 0, asyncio.Event()
    real = Jobs._until_done

    async def wait(jobs: Jobs, job_id: str, deadline: float, interval: float | None = None) -> Any:
        nonlocal waiting
        waiting += 1
        await go_on.wait()
        return await real(jobs, job_id, deadline, interval)

    monkeypatch.setattr(Jobs, "_until_done", wait)
    async with studio.batch(*[EnhanceRequest(image=studio.photo)] * 8, ledger=ledger) as outcomes:
        await until(lambda: waiting == 8)
        assert (counted.alive, counted.most > 0) == (0, True)
        go_on.set()
        assert {outcome.status async for outcome in outcomes} == {"done"}


@both_buyers
async def test_photos_in_memory_are_bounded(
    studio: Studio, ledger: bool, counted: type[Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many items run: with room for two, no third is read before one is uploaded."""
    monkeypatch.setattr(module, "ROOM_IN", 2 * module.SHARE * len(TURNED))
    async with studio.batch(*[EnhanceRequest(image=studio.photo)] * 12, ledger=ledger) as outcomes:
        assert {outcome.status async for outcome in outcomes} == {"done"}
    assert counted.most == 2


async def test_calls_held_open_do_not_keep_others_from_being_prepared(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOM_IN", 1)
    studio.sandbox.fail("POST /enhance", delay=60, times=None)
    async with asyncio.timeout(DEADLINE), studio.batch(*[EnhanceRequest(image=studio.photo)] * 6, mode="sync"):
        await studio.sandbox.wait_for_requests(6)
