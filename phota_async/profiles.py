"""Trained people and pets: create, list, follow, look at, delete."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from .answers import read_profile, read_profile_id, read_profiles
from .creating import create_once, warn_of_personal
from .errors import DecodeError, NotFoundError, PhotaError, StatusError, TrainingError
from .events import ProfileChanged
from .media.addresses import follow_redirect
from .media.formats import HEAD, TAIL, is_cut, sniff
from .media.sinks import MemorySink
from .models import Profile, ProfileStatus
from .protocol import Call, create_profile_call, list_profiles_call, profile_call
from .results import OutputImage
from .validation import check_tag, check_training, fail
from .watch import Lister, Pace, Subject, Watch, steady, wait_for

if TYPE_CHECKING:
    import aiohttp

    from .client import PhotaClient

T = TypeVar("T")

WAIT = 3600.0  # seconds; a training takes about 20 minutes: https://docs.photalabs.com/guides/profiles
GOES_ON = "the training goes on at the service: wait for the same id again"
STAGES = ("VALIDATING", "QUEUING", "IN_PROGRESS")  # in their order: https://docs.photalabs.com/guides/profiles
MAX_REDIRECTS = 3
FIRST_REDIRECT, LAST_REDIRECT = 300, 399


class ProfileChange(msgspec.Struct, frozen=True, kw_only=True):
    """A difference between two looks at a profile."""

    profile_id: str
    previous: ProfileStatus | None
    """The status before; ``None`` at the first look."""
    status: ProfileStatus | None
    """The status now; ``None`` when the profile vanished."""
    message: str = ""
    """The service's reason of an ERROR, or ``""``."""
    error: PhotaError | None = None
    """Why the profile cannot be followed any more."""


class Profiles:
    """``client.profiles``. Source: https://docs.photalabs.com/guides/profiles."""

    def __init__(self, client: "PhotaClient") -> None:
        self._client = client
        lister = Lister(fetch=self._fetch_listing, tag=lambda profile: profile.tag, stage=_stage)
        self._subject = Subject(look=self._look, is_done=_is_done, tell=self._tell, lister=lister)

    async def create(
        self,
        image_urls: Sequence[str],
        *,
        tag: str | None = None,
        training_tier: str = "standard",
        timeout: float | None = None,
        validate: bool = True,
    ) -> str:
        """Create a profile and start its training, which takes about 20 minutes.

        It is charged and never sent twice. Give each person a tag of their own: when the answer is lost, the
        profile that was made is found by its tag and its id returned as usual. For that the tag's profiles are
        listed before the creation, one free call more. Where it cannot be told what was made, the error's hint
        says what to look at: without a tag, when nothing new is listed, or when several profiles of one tag were
        created at the same time. What another process creates under the same tag at that moment cannot be told
        apart from this.

        Args:
            image_urls: Links that the service can reach: 10 to 50 for ``standard``, 5 to 10 for ``fast``.
            tag: Your label, 1 to 128 characters, which cannot be changed later and leaves your system: use a
                pseudonym, not a name or an e-mail address.
            training_tier: ``"standard"`` or ``"fast"``.
            timeout: Seconds for the call; ``None`` uses the client's. After a lost answer, up to 15 s more.
            validate: Whether these limits are checked here.

        Returns:
            The profile's id.

        Raises:
            ResponseLostError: It may exist and be charged, and the hint says what is known.
            ServerError: As before, after a 500, 502 or 504.
            DecodeError: It was created, the answer does not say as what, and it was not found either.
            BadRequestError: No subject was found in the photos (400).

        Source: https://docs.photalabs.com/api/profiles/add-profile
        """
        urls = _to_urls(image_urls)
        if validate:
            check_training(urls, training_tier)
            if tag is not None:
                check_tag(tag)
        _check_texts(urls)
        warn_of_personal(tag)
        call = create_profile_call(urls, tag=tag, training_tier=training_tier)
        deadline = self._client._deadline(timeout)  # noqa: SLF001 - one package
        return await create_once(
            lambda: self._json(call, read_profile_id, deadline),
            lambda tag, end: self._json(list_profiles_call(tag), read_profiles, end),
            account=self._client.base_url,
            tag=tag,
            deadline=deadline,
        )

    async def list(self, tag: str | None = None) -> "list[Profile]":
        """Return all profiles of the account, or those with a tag.

        Source: https://docs.photalabs.com/api/profiles/get-profile-ids
        """
        if tag is not None:
            check_tag(tag)
        return await self._json(list_profiles_call(tag), read_profiles)

    async def status(self, profile_id: str) -> Profile:
        """Ask once where a profile stands.

        Raises:
            NotFoundError: There is no such profile.

        Source: https://docs.photalabs.com/api/profiles/get-profile-status
        """
        profile, _ = await self._look(profile_id, retries=True)
        return profile

    async def wait(self, profile_id: str, *, timeout: float = WAIT, interval: float | None = None) -> Profile:
        """Wait until a profile is READY. Cancelling the wait, or running out of time, never stops the training.

        However many wait for a profile, it is looked at once; of more than a few profiles one listing tells, where
        the service's listing carries statuses.

        Args:
            profile_id: The profile.
            timeout: Seconds.
            interval: Seconds between two looks; any positive number is honoured. ``None`` uses the config's
                ``profile_interval``, 15 s.

        Raises:
            TrainingError: It ended in ERROR or INACTIVE.
            DeadlineError: It is not READY in time, or no look at it would come before the time is up; wait again.
            ConfigError: The client was closed meanwhile.
        """
        deadline = self._client._deadline(timeout)  # noqa: SLF001
        profile_call(profile_id, "status")  # raises InputError for what is no id
        poller, pace = self._client._pollers.here(), self._pace(interval)  # noqa: SLF001
        what = f"profile {profile_id}"
        profile = await wait_for(poller, self._subject, profile_id, pace, deadline, what=what, hint=GOES_ON)
        if profile.status.is_failure:
            raise TrainingError(profile.profile_id, str(profile.status), profile.message)
        return profile

    def watch(
        self, profile_ids: str | Iterable[str], *, interval: float | None = None
    ) -> Watch[Profile, ProfileChange]:
        """Follow many profiles; see `Watch`.

        Args:
            profile_ids: Their ids; a single one may stand alone.
            interval: Seconds between two looks at one profile, as in `wait`.
        """
        find_poller, pace = self._client._pollers.here, self._pace(interval)  # noqa: SLF001
        return Watch(profile_ids, find_poller, self._subject, pace, _to_change)

    async def picture(self, profile_id: str) -> OutputImage:
        """Return the picture that the service chose for a profile.

        Raises:
            NotFoundError: There is no such profile, or no picture yet: it may not exist before READY.

        Source: https://docs.photalabs.com/api-reference/introduction
        """
        call = profile_call(profile_id, "profile_picture")
        call = msgspec.structs.replace(call, may_redirect=True)
        for _ in range(MAX_REDIRECTS):
            got = await self._send(call, self._receive_picture)
            if isinstance(got, bytes):
                return OutputImage(pieces=(got,))
            target = follow_redirect(self._client._transport.address(call), got)  # noqa: SLF001
            if not self._is_ours(target):
                return await self._download(target)
            call = msgspec.structs.replace(call, address=target)
        raise StatusError(FIRST_REDIRECT, f"expected at most {MAX_REDIRECTS} redirects, got more")

    async def delete(self, profile_id: str) -> None:
        """Delete a profile with all its data, for good.

        A 404 is a success only after an attempt whose answer was lost (a broken connection, silence, a 5xx
        other than 503): that attempt may have deleted it. A 429, a 503 or a connection that was never made
        deleted nothing.

        Raises:
            NotFoundError: There was no such profile before this call.

        Source: https://docs.photalabs.com/api/profiles/delete-profile
        """
        await self._delete(profile_id)

    async def _delete(self, profile_id: str) -> str | None:
        """Delete a profile and return the exchange's mark."""
        from .transport.receive import read_beginning  # noqa: PLC0415 - needs aiohttp

        self._client._check_open()  # noqa: SLF001
        call = profile_call(profile_id, method="DELETE")
        try:
            return (await self._client._transport.send(call, read_beginning)).request_id  # noqa: SLF001
        except NotFoundError as error:
            if not error.is_after_loss:
                raise
            return error.request_id

    def _pace(self, interval: float | None) -> Pace:
        return steady(self._client.config.profile_interval if interval is None else interval)

    async def _look(self, profile_id: str, *, retries: bool = False) -> tuple[Profile, float | None]:
        self._client._check_open()  # noqa: SLF001
        transport = self._client._transport  # noqa: SLF001
        reply = await transport.send(profile_call(profile_id, "status"), transport.read_json, retries=retries)
        return read_profile(reply.value, profile_id=profile_id), reply.retry_after

    async def _json(self, call: Call, read: Callable[[dict[str, Any]], T], deadline: float | None = None) -> T:
        async def receive(response: "aiohttp.ClientResponse") -> T:
            return read(await self._client._transport.read_json(response))  # noqa: SLF001

        value: T = await self._send(call, receive, deadline)
        return value

    async def _send(self, call: Call, receive: Any, deadline: float | None = None, *, retries: bool = True) -> Any:
        self._client._check_open()  # noqa: SLF001
        transport = self._client._transport  # noqa: SLF001
        return (await transport.send(call, receive, deadline=deadline, retries=retries)).value

    async def _receive_picture(self, response: "aiohttp.ClientResponse") -> bytes | str:
        """Return the picture, or where a redirect leads."""
        from .transport.receive import read_bytes  # noqa: PLC0415 - needs aiohttp

        if FIRST_REDIRECT <= response.status <= LAST_REDIRECT:
            return response.headers.get("Location", "")
        data = await read_bytes(response, self._client.config.max_image_bytes)
        if is_cut(data[:HEAD], data[-TAIL:], len(data)):
            raise DecodeError("expected a whole picture, got one that is cut off").with_context(is_cut=True)
        if sniff(data[:HEAD]) is None:
            raise DecodeError("expected a picture, got something else")
        return data

    async def _download(self, url: str) -> OutputImage:
        sink = MemorySink()
        await self._client._get_downloader().fetch(url, sink)  # noqa: SLF001 - a session without the key
        return OutputImage(pieces=sink.pieces)

    def _is_ours(self, url: str) -> bool:
        parts = urlsplit(url)
        return f"{parts.scheme}://{parts.netloc}" == self._client._transport.origin  # noqa: SLF001

    async def _fetch_listing(self, tag: str | None) -> tuple[dict[str, Profile], float | None]:
        """Ask once where all profiles, or those with a tag, stand."""
        self._client._check_open()  # noqa: SLF001
        transport = self._client._transport  # noqa: SLF001
        reply = await transport.send(list_profiles_call(tag), transport.read_json, retries=False)
        return {each.profile_id: each for each in read_profiles(reply.value)}, reply.retry_after

    def _tell(self, profile_id: str, previous: Profile | None, profile: Profile) -> None:
        hooks = self._client._transport.hooks  # noqa: SLF001
        if hooks:
            before = previous.status if previous else None
            hooks(ProfileChanged(profile_id=profile_id, previous=before, status=profile.status))


def _to_change(
    profile_id: str, previous: Profile | None, profile: Profile | None, error: PhotaError | None
) -> ProfileChange:
    before, now = previous.status if previous else None, profile.status if profile else None
    message = profile.message if profile else ""
    return ProfileChange(profile_id=profile_id, previous=before, status=now, message=message, error=error)


def _stage(profile: Profile) -> int | None:
    """Return how far a training has come; all ends count alike."""
    word = profile.status.upper()
    return len(STAGES) if profile.status.is_terminal else STAGES.index(word) if word in STAGES else None


def _is_done(profile: Profile) -> bool:
    return profile.status.is_terminal


def _to_urls(image_urls: object) -> tuple[Any, ...]:
    if isinstance(image_urls, (str, bytes)) or not isinstance(image_urls, Iterable):
        fail("image_urls", "a list of links", image_urls)
    return tuple(image_urls)


def _check_texts(urls: tuple[object, ...]) -> None:
    """Raise `InputError` for what no validation could make a link."""
    for url in urls:
        if not isinstance(url, str):
            fail("image_urls", "links, each a str", url)
