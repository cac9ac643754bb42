"""A client for one end user: it knows the profiles of a tag, and sends nobody else's."""

import logging
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from .answers import read_profiles
from .client import PhotaClient
from .creating import warn_of_personal
from .errors import NotFoundError, ScopeError
from .guard import check_id
from .jobs import Jobs
from .models import Profile
from .profiles import ProfileChange, Profiles
from .protocol import list_profiles_call
from .results import OutputImage
from .validation import check_tag
from .watch import Watch, ids_of

if TYPE_CHECKING:
    from .erasing import EraseReceipt

logger = logging.getLogger("phota_async")

PROVABLE = 2  # characters of a tag that has a beginning, by which a filter can be seen to tell it from others


class Members:
    """The ids of one tag, as far as they are known."""

    hint = "await user.refresh() reads the ids of the tag again"

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self.listed: dict[str, Profile] = {}
        self._made: dict[str, None] = {}  # created here, and not listed yet

    @property
    def tag(self) -> str:
        """The end user's tag."""
        return self._tag

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids, those that are still training included."""
        return (*self.listed, *self._made)

    def __contains__(self, profile_id: object) -> bool:
        return profile_id in self.listed or profile_id in self._made

    def take(self, profiles: Iterable[Profile]) -> None:
        """Note what a list says now."""
        self.listed = {profile.profile_id: profile for profile in profiles}
        self._made = {profile_id: None for profile_id in self._made if profile_id not in self.listed}

    def add(self, profile_id: str) -> None:
        """Note a profile that was created here: a list may show it late."""
        self._made[profile_id] = None

    def remove(self, profile_id: str) -> None:
        """Note that a profile is gone."""
        self.listed.pop(profile_id, None)
        self._made.pop(profile_id, None)


class UserScope(PhotaClient):
    """A view on a client for one end user, made by ``await client.for_user(tag)``.

    Usage::

        user = await client.for_user("user-4711")
        result = await user.edit("photo.jpg", "at the sea", profile_ids=user.ready_ids)
        receipt = await user.erase()

    It does what the client does, over the same connections and limits, and raises `ScopeError` before anything is
    sent that names a profile of somebody else: in ``profile_ids``, as ``[[profile_id]]`` in a prompt, or as the
    subject of a call on profiles. A name that is not spelled just so is refused too, as is text in ``extra``, where
    nobody can tell what the service makes of it. A `Batch` of this view keeps to it with every item.

    Job ids do not say whose they are: store them with the end user, and look there before ``jobs.wait``.

    Closing it does nothing, since its connections are the client's. It needs no closing.
    """

    def __init__(self, client: PhotaClient, tag: str) -> None:
        from .transport.guarded import GuardedTransport  # noqa: PLC0415 - needs aiohttp

        vars(self).update(vars(client))  # a view: whatever the client has, this has
        self._root = client
        self._members = Members(tag)
        self._transport = GuardedTransport(client._open_transport, self._members)  # noqa: SLF001 - one package
        self.jobs = Jobs(self, subject=client.jobs._subject)  # noqa: SLF001
        self.profiles: UserProfiles = UserProfiles(self, self._members)

    @property
    def tag(self) -> str:
        """The end user's tag."""
        return self._members.tag

    @property
    def profile_ids(self) -> tuple[str, ...]:
        """All profiles of the end user, those that are still training included."""
        return self._members.ids

    @property
    def ready_ids(self) -> tuple[str, ...]:
        """The profiles that can be used, as of the last `refresh`: ``profile_ids=user.ready_ids`` names them all."""
        # A list of bare ids has no statuses: then the service is left to judge.
        listed = self._members.listed.values()
        return tuple(each.profile_id for each in listed if not each.status or each.status.is_success)

    async def refresh(self) -> Self:
        """Read the ids of the tag again: another process may have created or deleted some.

        Raises:
            ScopeError: The service does not list by tag, so that a scope cannot be kept.
        """
        await self.profiles.list()
        return self

    async def erase(self) -> "EraseReceipt":
        """Delete all profiles of the end user for good, and look whether any is left.

        It deletes what the tag lists, lists again, and deletes what appeared meanwhile, a few times. It may be
        called again at any time, also after it was cancelled in the middle. Pictures that were made are no part
        of it: the service's links to them live 24 hours.

        Returns:
            The receipt, which keeps what was deleted, and when, also where something else failed:
            ``receipt.is_complete`` says whether nothing is left.

        Raises:
            PhotaError: The tag could not be listed at the beginning; nothing was deleted.
        """
        from .erasing import erase  # noqa: PLC0415 - it imports this module

        return await erase(self)

    async def for_user(self, tag: str) -> "UserScope":
        """Return this scope, read again; another end user's cannot be had from here.

        Raises:
            ScopeError: It is another tag.
        """
        if tag != self.tag:
            raise ScopeError("tag: expected the scope's own, got another").with_context(hint="ask the client itself")
        return await self.refresh()

    async def aclose(self) -> None:
        """Do nothing: the connections are the client's."""

    async def __aenter__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return f"<UserScope {len(self._members.ids)} profiles>"

    def _check_open(self) -> None:
        self._root._check_open()  # noqa: SLF001 - one client in two


class UserProfiles(Profiles):
    """``user.profiles``: as ``client.profiles``, with the end user's own only."""

    def __init__(self, scope: UserScope, members: Members) -> None:
        super().__init__(scope)
        self._root = scope._root  # noqa: SLF001 - one scope in two
        self._members = members

    async def create(
        self,
        image_urls: Sequence[str],
        *,
        tag: str | None = None,
        training_tier: str = "standard",
        timeout: float | None = None,
        validate: bool = True,
    ) -> str:
        """Create a profile of this end user, which belongs to the scope at once; the tag is filled in.

        Raises:
            ScopeError: Another tag was given.
            PhotaError: As `Profiles.create`.
        """
        how: dict[str, Any] = {"training_tier": training_tier, "timeout": timeout, "validate": validate}
        profile_id = await super().create(image_urls, tag=self._own(tag), **how)
        self._members.add(profile_id)
        return profile_id

    async def list(self, tag: str | None = None) -> "list[Profile]":
        """Return the end user's profiles; the scope knows them from then on.

        Raises:
            ScopeError: Another tag was given, or the service does not list by tag.
        """
        listed = await super().list(self._own(tag))
        own = [profile for profile in listed if profile.tag in (None, self._members.tag)]
        if len(own) < len(listed):
            logger.warning("the service listed profiles of another tag, which are left out")
        if any(profile.tag is None for profile in own):
            await _prove_filter(self._root, self._members.tag, own)
        self._members.take(own)
        return own

    async def wait(self, profile_id: str, **how: Any) -> Profile:
        """Wait as `Profiles.wait` does, for an own profile."""
        check_id("profile_id", profile_id, self._members)
        return await super().wait(profile_id, **how)

    def watch(self, profile_ids: str | Iterable[str], **how: Any) -> Watch[Profile, ProfileChange]:
        """Follow own profiles as `Profiles.watch` does."""
        ids = ids_of(profile_ids)
        for profile_id in ids:
            check_id("profile_ids", profile_id, self._members)
        return super().watch(ids, **how)

    async def status(self, profile_id: str) -> Profile:
        """Ask as `Profiles.status` does, for an own profile."""
        check_id("profile_id", profile_id, self._members)
        return await super().status(profile_id)

    async def picture(self, profile_id: str) -> OutputImage:
        """Return the picture as `Profiles.picture` does, of an own profile."""
        check_id("profile_id", profile_id, self._members)
        return await super().picture(profile_id)

    async def _delete(self, profile_id: str) -> str | None:
        check_id("profile_id", profile_id, self._members)
        try:
            request_id = await super()._delete(profile_id)
        except NotFoundError:
            self._members.remove(profile_id)
            raise
        self._members.remove(profile_id)
        return request_id

    async def _fetch_listing(self, tag: str | None) -> tuple[dict[str, Profile], float | None]:  # noqa: ARG002 - the own
        return await super()._fetch_listing(self._members.tag)

    def _own(self, tag: str | None) -> str:
        if tag is not None and tag != self._members.tag:
            raise ScopeError("tag: expected the scope's own, got another")
        return self._members.tag


async def open_scope(client: PhotaClient, tag: str) -> UserScope:
    """Return a scope that knows its profiles: the one that is in use, so that they are watched once."""
    check_tag(tag)
    warn_of_personal(tag)
    scope = client._scopes.get(tag)  # noqa: SLF001 - one package
    if scope is None:
        scope = client._scopes[tag] = UserScope(client, tag)  # noqa: SLF001
    return await scope.refresh()


async def _prove_filter(client: PhotaClient, tag: str, listed: Sequence[Profile]) -> None:
    """Make sure, once a client, that what is not quite a tag lists none of its profiles: without tags they need trust.

    Without the filter, or with one that takes a tag for a beginning, one end user's scope would hold others, and
    erasing would erase them.
    """
    if client._filters_by_tag:  # noqa: SLF001 - one package
        return
    if len(tag) < PROVABLE:
        raise ScopeError("expected a service that tells tags, or a tag of 2 characters or more, got neither")
    ids = {profile.profile_id for profile in listed}
    transport = client._open_transport  # noqa: SLF001
    for other in _near(tag):
        reply = await transport.send(list_profiles_call(other), transport.read_json)
        if any(profile.profile_id in ids for profile in read_profiles(reply.value)):
            raise ScopeError("expected a service that lists profiles by tag, got one that lists others too")
    client._filters_by_tag = True  # noqa: SLF001


def _near(tag: str) -> Iterable[str]:
    """Return tags that a careless filter would take for a tag: any, one that it begins or ends with, its other case."""
    near = (f"nobody-{uuid.uuid4()}", tag[:-1], tag[1:], tag.swapcase())
    return [each for each in dict.fromkeys(near) if each != tag]
