"""From photos to a profile: paid once, everything stripped, and nothing left in the end, however it ends."""

import asyncio
import logging
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from photos.samples import jpeg, leaks
from support.bucket import Bucket
from support.clients import Connect, quick

from phota_async import (
    CheckError,
    DeadlineError,
    InputError,
    PhotaClient,
    TrainingError,
    UploadError,
)
from phota_async.errors import AuthenticationError, ConfigError, InsufficientCreditsError, NotFoundError
from phota_async.photos import PhotoWorkers
from phota_async.sandbox import Sandbox
from phota_async.training import (
    PublicFolder,
    ShellUploader,
    StoreUploader,
    TrainingProgress,
    Waiting,
    finish_trainings,
    left_over,
    train_photos,
)
from phota_async.training.journal import UploadJournal, journals_in

from .shelf import Shelf

LONG = 10_000.0  # seconds in which the sandbox has trained


class Home:
    """A client, an uploader and a journal's folder, with what was told."""

    def __init__(self, sandbox: Sandbox, client: PhotaClient, workers: PhotoWorkers, path: Path) -> None:
        self.sandbox, self.client, self.workers, self.journals = sandbox, client, workers, path / "state" / "trainings"
        self.shelf = Shelf(sandbox)
        self.told: list[TrainingProgress] = []
        self.on: dict[str, Callable[[TrainingProgress], object]] = {"training": lambda _: sandbox.clock.advance(LONG)}

    def tell(self, progress: TrainingProgress) -> None:
        self.told.append(progress)
        if progress.stage in self.on:
            self.on[progress.stage](progress)

    async def train(self, photos: list[Path], uploader: Any = None, **options: Any) -> Any:
        given: dict[str, Any] = {"tier": "fast", "journal_folder": self.journals, "workers": self.workers} | options
        return await train_photos(
            self.client, photos, uploader or self.shelf, waiting=Waiting(tell=self.tell, timeout=60), **given
        )

    async def finish(self, **options: Any) -> Any:
        return await finish_trainings(
            self.client, self.journals, waiting=Waiting(tell=self.tell, timeout=60), **options
        )

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.journals.iterdir()) if self.journals.exists() else []

    @property
    def stages(self) -> list[str]:
        return list(dict.fromkeys(each.stage for each in self.told))

    @property
    def trainings(self) -> int:
        return sum(charge.operation == "profile" for charge in self.sandbox.charges)


@pytest.fixture
def home(sandbox: Sandbox, connect: Connect, workers: PhotoWorkers, tmp_path: Path) -> Home:
    client = connect(sandbox.base_url, api_key=sandbox.api_key, config=quick(profile_interval=0.005))
    return Home(sandbox, client, workers, tmp_path)


# How it goes well


async def test_a_profile_is_trained_and_nothing_stays(home: Home, photos: list[Path], bucket: Bucket) -> None:
    seen: list[dict[str, bytes]] = []

    def look(_: object) -> None:
        seen.append(bucket.objects)
        home.sandbox.clock.advance(LONG)

    home.on["training"] = look
    training = await home.train(photos, StoreUploader(bucket.address()), tag="u_17")

    profile = home.sandbox.profiles[training.profile.profile_id]
    assert training.profile.status == "READY"
    assert (training.tag, training.tier, training.uploads, training.left) == ("u_17", "fast", 6, {})
    assert (profile.tag, profile.training_tier, profile.fetched) == ("u_17", "fast", 6)
    assert profile.problem is None
    assert home.trainings == 1
    assert [len(each) for each in seen] == [6, 6]  # while it trains they are there, and afterwards not
    assert bucket.objects == {}
    assert home.files == []
    assert home.stages == ["uploading", "creating", "training", "deleting"]
    assert [each.done for each in home.told if each.stage == "uploading"] == [1, 2, 3, 4, 5, 6]


async def test_names_are_random_and_links_signed(home: Home, photos: list[Path], bucket: Bucket) -> None:
    first = await home.train(photos, StoreUploader(bucket.address()))
    second = await home.train(photos, StoreUploader(bucket.address()))
    profiles = [home.sandbox.profiles[each.profile.profile_id] for each in (first, second)]
    links = [link for profile in profiles for link in profile.image_urls]
    names = [re.search(r"/train/([0-9a-f]{32})\.jpg\?.*X-Amz-Signature=[0-9a-f]{64}$", link) for link in links]
    assert len({name[1] for name in names if name}) == 12
    assert first.tag != second.tag  # random as well, so that a lost one is found


async def test_nothing_but_the_picture_leaves(home: Home, photos: list[Path], tmp_path: Path) -> None:
    for number in range(5):
        photos[number].write_bytes(jpeg(size=(640, 480 + number)))
    sent: dict[str, bytes] = {}
    home.on["creating"] = lambda _: sent.update(home.shelf.photos)
    await home.train(photos)
    assert len(sent) == 6
    assert not [mark for data in sent.values() for mark in leaks(data)]
    assert not [data for data in sent.values() if b"Exif" in data]


async def test_the_order_of_the_photos_is_kept(home: Home, photos: list[Path]) -> None:
    uploaded: dict[str, bytes] = {}
    home.on["creating"] = lambda _: uploaded.update(home.shelf.photos)
    training = await home.train(photos)
    links = home.sandbox.profiles[training.profile.profile_id].image_urls
    prepared = [(await home.workers.prepare(photo, strip="all")).data for photo in photos]
    assert [uploaded[link.rpartition("/")[2]] for link in links] == prepared


async def test_a_public_folder_and_a_command_do_as_well(home: Home, photos: list[Path], tmp_path: Path) -> None:
    served = tmp_path / "www"
    served.mkdir()

    def serve(_: object) -> None:
        for path in served.iterdir():
            home.sandbox.upload(path)

    home.on["creating"] = serve
    base = f"{home.sandbox.origin}/uploads"
    command = ShellUploader(f"cp {{path}} {served}/{{name}}; echo {base}/{{name}}", delete=f"rm -f {served}/{{name}}")
    for uploader in (PublicFolder(base, served), command):
        training = await home.train(photos, uploader, fetch_back=False)
        assert home.sandbox.profiles[training.profile.profile_id].fetched == 6
        assert list(served.iterdir()) == []
        assert home.files == []


# What is refused before anything is uploaded


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"tier": "standard"}, CheckError, "expected 10 to 50 photos for the standard tier, got 6"),
        ({"tier": "slow"}, InputError, "tier: expected standard or fast"),
        ({"tag": ""}, InputError, "tag: expected 1 to 128 characters"),
    ],
)
async def test_what_cannot_be_is_refused_at_once(
    home: Home, photos: list[Path], options: dict[str, Any], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        await home.train(photos, **options)
    assert home.sandbox.requests == []
    assert home.files == []


async def test_a_wrong_key_is_told_before_photos_leave(home: Home, photos: list[Path], connect: Connect) -> None:
    home.client = connect(home.sandbox.base_url, api_key="wrong")
    with pytest.raises(AuthenticationError):
        await home.train(photos)
    assert home.shelf.photos == {}
    assert home.shelf.deleted == []


async def test_a_journal_that_cannot_be_written_stops_it_all(home: Home, photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(ConfigError, match="what is uploaded cannot be noted"):
        await home.train(photos)
    assert home.shelf.photos == {}


# Failures before the creation: all goes, nothing is paid


async def test_a_failed_upload_takes_the_others_away(home: Home, photos: list[Path]) -> None:
    def fail(name: str) -> None:
        if len(home.shelf.photos) == 3:
            raise UploadError(name, "the shelf", "full")

    home.shelf.before_upload = fail
    with pytest.raises(UploadError, match="full"):
        await home.train(photos)
    assert home.shelf.photos == {}
    assert home.trainings == 0
    assert home.files == []


async def test_an_unreadable_photo_takes_the_others_away(home: Home, photos: list[Path]) -> None:
    photos[4].write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"04\.jpg: expected a picture"):
        await home.train(photos)
    assert home.shelf.photos == {}
    assert home.trainings == 0
    assert home.files == []


@pytest.mark.parametrize("how", ["nowhere", "elsewhere"])
async def test_a_link_that_leads_elsewhere_is_found_before_paying(
    home: Home, photos: list[Path], tmp_path: Path, how: str
) -> None:
    served = tmp_path / "www"
    served.mkdir()
    base = f"{home.sandbox.origin}/uploads"
    if how == "elsewhere":
        other = home.sandbox.upload(photos[1])
        uploader: Any = ShellUploader(f"echo {other} # {{path}} {{name}}", delete="true {name}")
    else:
        uploader = PublicFolder(base, served)
    with pytest.raises(UploadError, match=r"its link .*; the service could not fetch it either"):
        await home.train(photos, uploader)
    assert home.trainings == 0
    assert list(served.iterdir()) == []
    assert home.files == []


async def test_a_refused_creation_takes_the_uploads_away(home: Home, photos: list[Path], bucket: Bucket) -> None:
    home.sandbox.balance = 0  # type: ignore[assignment]  # a number will do
    with pytest.raises(InsufficientCreditsError):
        await home.train(photos, StoreUploader(bucket.address()))
    assert bucket.objects == {}
    assert home.files == []


async def test_what_a_refused_creation_leaves_needs_no_waiting(home: Home, photos: list[Path]) -> None:
    home.sandbox.fail("POST /profiles/add", status=402)
    home.shelf.sticky = 1
    with pytest.raises(InsufficientCreditsError):
        await home.train(photos)
    (left,) = await left_over(home.journals)
    assert (len(left.names), left.sent_at) == (1, None)
    (finished,) = await home.finish(uploader=home.shelf)
    assert (finished.profile_id, finished.deleted) == ("", 1)
    assert home.files == []


async def test_cancelled_while_uploading(home: Home, photos: list[Path]) -> None:
    home.shelf.gate = asyncio.Event()
    uploading = asyncio.Event()
    home.shelf.before_upload = lambda _: uploading.set()
    task = asyncio.create_task(home.train(photos))
    await uploading.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert home.shelf.photos == {}
    assert home.trainings == 0
    assert home.files == []


# How a training ends badly


async def test_a_failed_training_takes_the_uploads_away(home: Home, photos: list[Path], bucket: Bucket) -> None:
    home.sandbox.fail_training("No face was found")
    with pytest.raises(TrainingError, match="ended as ERROR: No face was found"):
        await home.train(photos, StoreUploader(bucket.address()))
    assert bucket.objects == {}
    assert home.files == []


async def test_a_profile_that_is_deleted_meanwhile(home: Home, photos: list[Path]) -> None:
    home.on["training"] = lambda each: home.sandbox.profiles.pop(each.profile_id, None)
    with pytest.raises(NotFoundError):
        await home.train(photos)
    assert home.shelf.photos == {}
    assert home.files == []


async def test_what_cannot_be_deleted_is_named_and_stays_in_the_journal(home: Home, photos: list[Path]) -> None:
    home.shelf.sticky = 2
    training = await home.train(photos)
    assert set(training.left) == set(home.shelf.photos)
    assert set(training.left.values()) == {"403 Forbidden"}
    assert home.told[-1].stage == "left"
    assert home.told[-1].left == training.left
    assert [each.names for each in await left_over(home.journals)] == [tuple(training.left)]
    finished = await home.finish(uploader=home.shelf)
    assert [(each.status, each.deleted, each.left) for each in finished] == [("READY", 2, {})]
    assert home.shelf.photos == {}
    assert home.files == []


async def test_without_a_delete_command_the_names_are_told_once(home: Home, photos: list[Path]) -> None:
    link = home.sandbox.upload(photos[0])
    training = await home.train(photos, ShellUploader(f"echo {link} # {{path}}"), fetch_back=False)
    assert set(training.left.values()) == {"no delete command was given"}
    assert len(training.left) == 6
    assert home.files == []


# Cut off while it trains: it goes on at the service, and so do the uploads


async def stop_while_training(home: Home, photos: list[Path], uploader: Any, **options: Any) -> str:
    """Cancel a training when its first status has come; returns the profile's id."""
    with anyio.CancelScope() as scope:
        home.on["training"] = lambda _: scope.cancel()
        await home.train(photos, uploader, **options)
    assert scope.cancelled_caught
    home.on["training"] = lambda _: home.sandbox.clock.advance(LONG)
    (profile_id,) = home.sandbox.profiles
    return profile_id


async def test_a_cancelled_wait_is_finished_later(home: Home, photos: list[Path], bucket: Bucket) -> None:
    profile_id = await stop_while_training(home, photos, StoreUploader(bucket.address()), tag="u_17")
    assert len(bucket.objects) == 6
    (left,) = await left_over(home.journals)
    assert (left.profile_id, left.tag, left.place) == (profile_id, "u_17", f"s3://{bucket.name}/train")

    (finished,) = await home.finish()
    assert (finished.profile_id, finished.status, finished.deleted) == (profile_id, "READY", 6)
    assert bucket.objects == {}
    assert home.files == []
    assert home.trainings == 1
    assert await home.finish() == []


async def test_the_journal_is_private_and_holds_no_link(home: Home, photos: list[Path], bucket: Bucket) -> None:
    await stop_while_training(home, photos, StoreUploader(bucket.address()))
    (path,) = home.journals.glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.journals.stat().st_mode) == 0o700
    text = path.read_text()
    assert "X-Amz" not in text
    assert "canary" not in text
    assert len(msgspec.json.decode(text)["names"]) == 6


async def test_a_wait_that_runs_out_of_time_is_finished_later(home: Home, photos: list[Path]) -> None:
    home.on.clear()
    waiting = Waiting(tell=home.tell, timeout=0.05, interval=0.01)
    with pytest.raises(DeadlineError, match=r"not READY after 0.05 s; the training goes on"):
        await train_photos(home.client, photos, home.shelf, tier="fast", waiting=waiting, journal_folder=home.journals)
    assert len(home.shelf.photos) == 6
    home.sandbox.fail_training()
    home.sandbox.clock.advance(LONG)
    (finished,) = await home.finish(uploader=home.shelf)
    assert finished.status == "READY"
    assert home.shelf.photos == {}


async def test_without_a_journal_what_stays_is_logged(
    home: Home, photos: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "phota_async"):
        await stop_while_training(home, photos, home.shelf, journal_folder=None)
    assert all(name in caplog.text for name in home.shelf.photos)
    assert home.files == []


@pytest.mark.parametrize("same", ["photos", "tag"])
async def test_what_was_cut_off_is_not_paid_twice(home: Home, photos: list[Path], same: str) -> None:
    profile_id = await stop_while_training(home, photos, home.shelf, tag="u_17")
    again, tag = (photos[::-1], None) if same == "photos" else (photos[:5], "u_17")
    for _ in range(2):
        with pytest.raises(InputError, match=f"has been paid already: profile {profile_id}; finish it first"):
            await home.train(again, tag=tag)
    assert home.trainings == 1
    await home.finish(uploader=home.shelf)
    await home.train(again, tag=tag)  # once more, when somebody wants it
    assert home.trainings == 2


async def test_a_training_that_goes_on_is_not_begun_again(home: Home, photos: list[Path]) -> None:
    refused: list[BaseException] = []

    async def train_again() -> None:
        with pytest.raises(InputError, match="an unfinished training of these photos") as caught:
            await train_photos(home.client, photos, home.shelf, tier="fast", journal_folder=home.journals)
        refused.append(caught.value)
        home.sandbox.clock.advance(LONG)

    begun: list[str] = []
    async with anyio.create_task_group() as tasks:

        def begin_again(progress: TrainingProgress) -> None:
            if not begun:
                begun.append(progress.status)
                tasks.start_soon(train_again)

        home.on["training"] = begin_again
        await home.train(photos)
    assert len(refused) == 1
    assert home.trainings == 1


async def test_of_two_that_begin_together_none_is_paid_twice(home: Home, photos: list[Path]) -> None:
    other = Home(home.sandbox, home.client, home.workers, home.journals.parent.parent)
    uploading: set[int] = set()
    together = asyncio.Event()  # both have looked for another when the first photo is sent
    refused: list[InputError] = []

    async def train(each: Home) -> None:
        each.on["training"] = lambda _: finish() if refused else None
        try:
            await each.train(photos)
        except InputError as error:
            refused.append(error)
            finish()

    def finish() -> None:
        home.sandbox.clock.advance(LONG)

    for number, each in enumerate((home, other)):
        each.shelf.gate = together

        def note(_: str, number: int = number) -> None:
            uploading.add(number)
            if len(uploading) > 1:
                together.set()

        each.shelf.before_upload = note
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(train, home)
        tasks.start_soon(train, other)
    assert home.trainings + len(refused) == 2
    assert home.trainings <= 1
    assert home.shelf.photos == other.shelf.photos == {}
    assert home.files == []


async def test_a_failed_training_is_finished_too(home: Home, photos: list[Path]) -> None:
    home.sandbox.fail_training("No face was found")
    await stop_while_training(home, photos, home.shelf)
    (finished,) = await home.finish(uploader=home.shelf)
    assert (finished.status, finished.message, finished.deleted) == ("ERROR", "No face was found", 6)
    assert home.shelf.photos == {}


async def test_a_profile_that_is_gone_needs_no_uploads(home: Home, photos: list[Path]) -> None:
    profile_id = await stop_while_training(home, photos, home.shelf)
    del home.sandbox.profiles[profile_id]
    (finished,) = await home.finish(uploader=home.shelf)
    assert (finished.status, finished.deleted) == ("DELETED", 6)
    assert home.shelf.photos == {}


async def test_an_uploader_of_ones_own_has_to_be_given_again(home: Home, photos: list[Path]) -> None:
    await stop_while_training(home, photos, home.shelf)
    (finished,) = await home.finish()
    assert isinstance(finished.error, ConfigError)
    assert len(home.shelf.photos) == 6
    assert len(await left_over(home.journals)) == 1


async def test_another_service_is_not_asked(home: Home, photos: list[Path], connect: Connect) -> None:
    await stop_while_training(home, photos, home.shelf)
    home.client = connect("http://127.0.0.1:9/v1/phota")
    (finished,) = await home.finish(uploader=home.shelf)
    assert "this client talks to http://127.0.0.1:9" in str(finished.error)
    assert len(home.shelf.photos) == 6


async def test_a_training_whose_process_lives_is_let_alone(home: Home, photos: list[Path]) -> None:
    seen: list[Any] = []

    def look(_: object) -> None:
        seen.extend(journal.record for journal in journals_in(home.journals))
        home.sandbox.clock.advance(LONG)

    home.on["training"] = look
    await home.train(photos)
    assert seen == []


# Cut off while it is created


async def test_a_cancelled_creation_is_waited_for(home: Home, photos: list[Path]) -> None:
    with anyio.CancelScope() as scope:
        home.on["creating"] = lambda _: scope.cancel()
        await home.train(photos)
    assert scope.cancelled_caught
    (left,) = await left_over(home.journals)
    assert [left.profile_id] == list(home.sandbox.profiles)
    assert len(home.shelf.photos) == 6


async def lose_the_answer(home: Home, photos: list[Path], **options: Any) -> None:
    """Cancel the task itself while the creation is under way: its answer is lost."""
    task: asyncio.Task[Any]
    home.sandbox.fail("POST /profiles/add", delay=30.0)
    task = asyncio.create_task(home.train(photos, **options))
    while not home.sandbox.posts("/profiles/add"):
        await home.sandbox.wait_for_requests(len(home.sandbox.requests) + 1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_a_lost_creation_is_found_by_its_tag(home: Home, photos: list[Path]) -> None:
    old = home.sandbox.add_profile(tag="u_17")
    await lose_the_answer(home, photos, tag="u_17")
    assert len(home.shelf.photos) == 6
    new = home.sandbox.add_profile(tag="u_17", status=None, training_seconds=100)
    (finished,) = await home.finish(uploader=home.shelf)
    assert (finished.profile_id, finished.status) == (new, "READY")
    assert finished.profile_id != old
    assert home.shelf.photos == {}


async def test_a_lost_creation_that_made_nothing(home: Home, photos: list[Path]) -> None:
    await lose_the_answer(home, photos)
    (finished,) = await home.finish(uploader=home.shelf)
    assert isinstance(finished.error, DeadlineError)
    assert "may still appear; try again in 15 minutes" in str(finished.error)
    assert len(home.shelf.photos) == 6

    for journal in journals_in(home.journals):
        await journal.note(sent_at=(journal.record.sent_at or 0) - 1000)
        journal.close()
    (finished,) = await home.finish(uploader=home.shelf)
    assert (finished.profile_id, finished.status, finished.deleted) == ("", "", 6)
    assert home.shelf.photos == {}


async def test_an_unclear_creation_keeps_the_uploads(home: Home, photos: list[Path], monkeypatch: Any) -> None:
    monkeypatch.setattr("phota_async.creating.LOOKS", (0.0,))
    home.sandbox.fail("POST /profiles/add", status=502)
    with pytest.raises(Exception, match="502"):
        await home.train(photos)
    assert len(home.shelf.photos) == 6
    (left,) = await left_over(home.journals)
    assert (left.profile_id, left.sent_at is not None) == ("", True)


# Killed


class Killed(BaseException):
    """Nothing that anybody handles."""


async def test_uploads_of_a_killed_process_are_deleted(home: Home, photos: list[Path], bucket: Bucket) -> None:
    """A journal is there before the first upload, so that a process which dies at once leaves nothing unknown."""
    uploader = StoreUploader(bucket.address())
    note = UploadJournal.note_upload

    async def die(journal: UploadJournal, name: str) -> None:
        await note(journal, name)
        await uploader.upload(name, b"photo")
        journal.close()
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UploadJournal, "note_upload", die)
        patch.setattr("phota_async.training.running.clean", lambda *_: asyncio.sleep(0))
        with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever it is, the process is gone
            await home.train(photos, uploader)
    assert bucket.objects
    finished = await home.finish()
    assert [(each.profile_id, each.error) for each in finished] == [("", None)]
    assert bucket.objects == {}
    assert home.files == []
