"""One end user's client names nobody else's profiles, whichever way a call takes; nothing foreign is ever sent."""

import asyncio
import copy
import gc
import logging
import pickle
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.clients import Connect, Listen, connect, listen, quick
from support.peer import Behaviour, Exchange, json, script

from phota_async import (
    Batch,
    BatchItem,
    Budget,
    ConfigError,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    InputError,
    NotFoundError,
    PhotaClient,
    ProfileStatus,
    ResponseLostError,
    ScopeError,
    creating,
)
from phota_async.pricing import Price, PriceTable
from phota_async.protocol import Call
from phota_async.sandbox import Sandbox
from phota_async.scope import Members, UserScope
from phota_async.transport.exchange import Transport
from phota_async.watch.listing import LEAST

__all__ = ["connect", "listen"]
PHOTO = (Path(__file__).parent.parent / "phota_async/demo/photos/cat.jpg").read_bytes()
PRICE = Price(Decimal("0.10"), Decimal("0.10"))
PRICES = PriceTable(date="2026-11-21", images={"generate": PRICE, "edit": PRICE}, training={})


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(time_scale=1000, picture_scale=1 / 16) as running:
        running.add_profile("anna", tag="user-a")
        running.add_profile("anton", tag="user-a", status="IN_PROGRESS")
        running.add_profile("berta", tag="user-b")
        running.add_profile("nobody's")
        yield running


@pytest.fixture
def client(sandbox: Sandbox, connect: Connect) -> PhotaClient:
    return connect(sandbox.base_url, api_key=sandbox.api_key)


@pytest.fixture
async def user(client: PhotaClient, sandbox: Sandbox) -> UserScope:
    opened = await client.for_user("user-a")
    sandbox.requests.clear()
    return opened


Use = Callable[[UserScope], Awaitable[Any]]


# What it knows


async def test_a_scope_knows_its_profiles(user: UserScope, caplog: pytest.LogCaptureFixture) -> None:
    assert user.profile_ids == ("anna", "anton")
    assert user.ready_ids == ("anna",)
    assert "left out" not in caplog.text
    assert user.tag == "user-a"
    assert repr(user) == "<UserScope 2 profiles>"  # a tag may be personal


def test_before_anything_was_listed_nobody_belongs_to_a_scope() -> None:
    members = Members("user-a")
    assert (members.tag, members.ids) == ("user-a", ())
    assert "anna" not in members
    members.remove("anna")


async def test_a_refresh_reads_the_ids_again(user: UserScope, sandbox: Sandbox) -> None:
    sandbox.add_profile("alma", tag="user-a")
    del sandbox.profiles["anna"]
    assert await user.refresh() is user
    assert user.profile_ids == ("anton", "alma")
    with pytest.raises(ScopeError):
        await user.profiles.status("anna")


async def test_a_tag_without_profiles_is_a_scope_too(client: PhotaClient) -> None:
    user = await client.for_user("user-c")
    assert user.profile_ids == user.ready_ids == ()
    with pytest.raises(ScopeError):
        await user.generate("[[anna]]")


@pytest.mark.parametrize("tag", ["", "x" * 129, None, 7])
async def test_a_scope_needs_a_tag(tag: Any, client: PhotaClient, sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match=r"^tag: expected"):
        await client.for_user(tag)
    assert sandbox.requests == []


async def test_a_scope_of_a_scope_is_the_same_or_none(user: UserScope) -> None:
    assert await user.for_user("user-a") is user
    with pytest.raises(ScopeError, match=r"^tag: expected the scope's own, got another") as caught:
        await user.for_user("user-b")
    assert caught.value.hint == "ask the client itself"


async def test_an_address_as_a_tag_is_warned_of(client: PhotaClient, caplog: pytest.LogCaptureFixture) -> None:
    creating._warned.clear()
    with caplog.at_level(logging.WARNING, "phota_async"):
        await client.for_user("anna@example.com")
    assert "e-mail address" in caplog.text
    assert "example.com" not in caplog.text


# Foreign profiles, each way that a call can take

FOREIGN: dict[str, Use] = {
    "edit": lambda user: user.edit(PHOTO, "x", profile_ids=["berta"]),
    "edit, own too": lambda user: user.edit(PHOTO, "x", profile_ids=["anna", "berta"]),
    "edit, prompt": lambda user: user.edit(PHOTO, "[[berta]]"),
    "edit, job": lambda user: user.edit(PHOTO, "[[berta]]", mode="job"),
    "edit, unchecked": lambda user: user.edit(PHOTO, "[[berta]]", validate=False),
    "edit, spelling": lambda user: user.edit(PHOTO, "[[ berta ]]"),
    "generate": lambda user: user.generate("[[berta]]"),
    "generate, extra": lambda user: user.generate("x", extra={"profile_ids": ["berta"]}, validate=False),
    "enhance": lambda user: user.enhance(PHOTO, profile_ids=["berta"]),
    "enhance, prompt": lambda user: user.enhance(PHOTO, prompt="[[berta]]"),
    "remix": lambda user: user.remix(PHOTO, PHOTO, profile_ids=["nobody's"]),
    "send": lambda user: user.send(EditRequest(images=[PHOTO], profile_ids=["berta"])),
    "submit": lambda user: user.jobs.submit(EnhanceRequest(image=PHOTO, profile_ids=["berta"])),
    "submit, unchecked": lambda user: user.jobs.submit(GenerateRequest(prompt="[[berta]]"), validate=False),
    "status": lambda user: user.profiles.status("berta"),
    "wait": lambda user: user.profiles.wait("berta"),
    "picture": lambda user: user.profiles.picture("berta"),
    "delete": lambda user: user.profiles.delete("berta"),
    "list": lambda user: user.profiles.list("user-b"),
    "create": lambda user: user.profiles.create(["https://a.example/1.jpg"] * 10, tag="user-b"),
}


@pytest.mark.parametrize("use", FOREIGN.values(), ids=FOREIGN)
async def test_nothing_foreign_is_sent(use: Use, user: UserScope, sandbox: Sandbox) -> None:
    with pytest.raises(ScopeError) as caught:
        await use(user)
    assert caught.value.charged == "no"
    assert sandbox.requests == []
    assert "berta" in sandbox.profiles


@pytest.mark.parametrize("what", ["status", "wait", "picture", "delete"])
async def test_a_refusal_says_what_is_wrong_and_what_to_do(what: str, user: UserScope) -> None:
    with pytest.raises(ScopeError, match=r"^profile_id: expected profiles of this end user, got 'berta'") as caught:
        await FOREIGN[what](user)
    assert "user.refresh()" in caught.value.hint


@pytest.mark.parametrize("what", ["list", "create"])
async def test_another_tag_is_refused(what: str, user: UserScope) -> None:
    with pytest.raises(ScopeError, match=r"^tag: expected the scope's own, got another$"):
        await FOREIGN[what](user)


async def test_a_watch_of_somebody_else_is_refused(user: UserScope, sandbox: Sandbox) -> None:
    for ids in ("berta", ["anna", "berta"], iter(["anna", "berta"])):
        with pytest.raises(ScopeError, match=r"^profile_ids: expected profiles of this end user, got 'berta'"):
            user.profiles.watch(ids)
    with pytest.raises(InputError, match="interval"):
        user.profiles.watch("anna", interval=0)
    assert sandbox.requests == []


# Own profiles


async def test_own_profiles_go_through_every_operation(user: UserScope, sandbox: Sandbox, tmp_path: Path) -> None:
    results = [
        await user.edit(PHOTO, "at the sea", profile_ids=user.ready_ids),
        await user.edit(PHOTO, "[[anna]] at the sea", mode="job"),
        await user.generate("[[anna]] at the sea"),
        await user.enhance(PHOTO, profile_ids=["anna"]),
        await user.remix(PHOTO, PHOTO, profile_ids=["anna"]),
        await user.send(EditRequest(images=[PHOTO], profile_ids=["anna"]), save_to=tmp_path),
        await user.jobs.wait(await user.jobs.submit(GenerateRequest(prompt="[[anna]]"))),
    ]
    assert [result.known_subjects.counts for result in results] == [{"anna": 1}] * len(results)
    assert (await user.generate("a sea without anybody")).images


async def test_own_profiles_can_be_looked_at_and_deleted(user: UserScope, sandbox: Sandbox) -> None:
    assert [profile.profile_id for profile in await user.profiles.list()] == ["anna", "anton"]
    assert (await user.profiles.status("anton")).status == "IN_PROGRESS"
    assert (await user.profiles.wait("anna", timeout=5)).status == ProfileStatus.READY
    sandbox.set_profile("anton", status="READY")
    async with user.profiles.watch(user.profile_ids, interval=0.001) as changes:
        assert {change.profile_id async for change in changes} == {"anna", "anton"}
    assert (await user.profiles.picture("anna")).format == "jpg"
    await user.profiles.delete("anna")
    assert list(user.profile_ids) == ["anton"]
    with pytest.raises(ScopeError):
        await user.profiles.status("anna")


async def test_many_profiles_are_listed_by_their_own_tag_only(
    client: PhotaClient, user: UserScope, sandbox: Sandbox
) -> None:
    own = [sandbox.add_profile(f"own-{number}", tag="user-a", status="IN_PROGRESS") for number in range(LEAST)]
    for number in range(LEAST):
        sandbox.add_profile(f"other-{number}", tag="user-b", status="IN_PROGRESS")
    await user.refresh()
    sandbox.requests.clear()
    async with user.profiles.watch(own, interval=0.05) as changes:
        first = [(await anext(changes)).profile_id for _ in own]
        assert [each.mark for each in sandbox.requests] == ["GET /profiles/ids"]  # one listing told of all
        for profile_id in own:
            sandbox.set_profile(profile_id, status="READY")
        ended = {change.profile_id async for change in changes if change.status == "READY"}
    assert sorted(first) == sorted(ended) == own
    listings = [each.query for each in sandbox.requests if each.route == "/profiles/ids"]
    assert listings == [{"tag": "user-a"}] * len(listings)
    assert {each.path.split("/")[-2] for each in sandbox.requests if each.route != "/profiles/ids"} <= {*own}


async def test_a_scope_ends_with_whoever_uses_it(client: PhotaClient, sandbox: Sandbox) -> None:
    """The client keeps nothing of it, though its profiles were waited for: a service may open one a request."""
    user = await client.for_user("user-a")
    await user.profiles.wait("anna", timeout=5)
    scope = weakref.ref(user)
    del user
    await asyncio.sleep(0)  # its look has ended, and is struck off in the loop's next turn
    gc.collect()
    assert scope() is None


async def test_a_profile_that_vanished_belongs_to_nobody(user: UserScope, sandbox: Sandbox) -> None:
    del sandbox.profiles["anna"]
    with pytest.raises(NotFoundError):
        await user.profiles.delete("anna")
    assert list(user.profile_ids) == ["anton"]


async def test_a_new_profile_belongs_to_the_scope_at_once(user: UserScope, sandbox: Sandbox) -> None:
    links = [sandbox.upload(PHOTO) for _ in range(5)]
    made = await user.profiles.create(links, training_tier="fast")

    assert sandbox.profiles[made].tag == "user-a"
    assert [*user.profile_ids] == ["anna", "anton", made]
    assert [*user.ready_ids] == ["anna"]
    await user.profiles.wait(made, interval=0.001)
    await user.refresh()
    assert [*user.ready_ids] == ["anna", made]
    assert [*user.profile_ids] == ["anna", "anton", made]


async def test_what_was_made_here_and_deleted_belongs_to_nobody(user: UserScope, sandbox: Sandbox) -> None:
    """Before any list has shown it."""
    made = await user.profiles.create([sandbox.upload(PHOTO) for _ in range(5)], training_tier="fast")
    await user.profiles.delete(made)
    assert [*user.profile_ids] == ["anna", "anton"]
    with pytest.raises(ScopeError):
        await user.profiles.status(made)


async def test_photos_of_a_new_profile_are_checked_before_anything_is_sent(user: UserScope, sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="image_urls"):
        await user.profiles.create([])
    assert sandbox.requests == []


async def test_a_profile_found_after_a_lost_answer_belongs_to_the_scope(user: UserScope, sandbox: Sandbox) -> None:
    sandbox.fail("POST /profiles/add", reset="after")
    made = await user.profiles.create([sandbox.upload(PHOTO) for _ in range(10)])
    assert made in user.profile_ids


async def test_a_lost_job_is_resumed_within_the_scope(user: UserScope, sandbox: Sandbox, client: PhotaClient) -> None:
    sandbox.fail("POST /generate", reset="after", times=5)
    with pytest.raises(ResponseLostError) as caught:
        await user.generate("[[anna]]", mode="job")
    assert (await caught.value.resume()).known_subjects.counts == {"anna": 1}
    sandbox.fail("POST /generate", reset="after", times=5)
    with pytest.raises(ResponseLostError) as caught:
        await user.jobs.submit(GenerateRequest(prompt="[[anna]]"))
    await user.profiles.delete("anna")
    with pytest.raises(ScopeError):  # she is not this scope's any more
        await caught.value.resume()
    assert len(sandbox.charges) == 2


async def test_a_scopes_calls_are_sent_as_the_clients_are(user: UserScope, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines, policies and whatever else goes with a call."""
    given: list[dict[str, Any]] = []
    real = Transport.send

    def noted(transport: Transport, call: Call, receive: Any, **how: Any) -> Any:
        given.append(how)
        return real(transport, call, receive, **how)

    monkeypatch.setattr(Transport, "send", noted)
    for client in (user, user._root):
        await client.generate("a sea", timeout=50.0)
    assert given[0].keys() == given[1].keys() != set()
    assert given[0]["deadline"] <= asyncio.get_running_loop().time() + 50.0


# Batches


async def run(user: PhotaClient, items: list[BatchItem], **options: Any) -> dict[str, tuple[str, str]]:
    async with Batch(user, items, **options) as outcomes:
        return {each.key: (each.status, type(each.error).__name__) async for each in outcomes}


@pytest.mark.parametrize("mode", ["sync", "job"])
@pytest.mark.parametrize("ledger", [None, True])
async def test_every_item_of_a_batch_is_checked(
    mode: Any, ledger: Any, user: UserScope, sandbox: Sandbox, tmp_path: Path
) -> None:
    items = [
        BatchItem("own", GenerateRequest(prompt="[[anna]]")),
        BatchItem("nobody", GenerateRequest(prompt="a sea")),
        BatchItem("foreign", GenerateRequest(prompt="[[berta]]")),
        BatchItem("ids", EditRequest(images=[PHOTO], profile_ids=["anna", "berta"])),
        BatchItem("unclear", GenerateRequest(prompt="[ [berta")),
    ]
    budget = Budget(usd=5, prices=PRICES)
    ends = await run(user, items, mode=mode, ledger=ledger, output=tmp_path, budget=budget, retry_missed=1)

    refused = ("failed", "ScopeError")
    assert {key: end for key, end in ends.items() if end[0] == "done"} == {
        "own": ("done", "NoneType"),
        "nobody": ("done", "NoneType"),
    }
    assert [ends[key] for key in ("foreign", "ids", "unclear")] == [refused] * 3
    assert len(sandbox.charges) == 2
    assert budget.spent == Decimal("0.20")
    assert "berta" not in repr([request.body for request in sandbox.requests])


async def test_a_refused_item_is_bought_by_the_right_user_later(
    user: UserScope, client: PhotaClient, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The ledger has written it down as refused, which costs nothing and stands in nobody's way."""
    items = [BatchItem("a", GenerateRequest(prompt="[[berta]]"))]
    assert await run(user, items, ledger=True, output=tmp_path) == {"a": ("failed", "ScopeError")}
    other = await client.for_user("user-b")
    assert await run(other, items, ledger=True, output=tmp_path) == {"a": ("done", "NoneType")}
    assert len(sandbox.charges) == 1


async def test_refusals_of_the_service_are_heard_by_a_batch_in_a_scope(user: UserScope, sandbox: Sandbox) -> None:
    sandbox.fail("POST /generate", status=503, times=2, headers={"Retry-After": "0"})
    items = [BatchItem(str(number), GenerateRequest(prompt=f"[[anna]] {number}")) for number in range(6)]
    batch = Batch(user, items, max_concurrency=4)
    async with batch as outcomes:
        ends = [(outcome.status, batch.statistics().limit) async for outcome in outcomes]
    assert {status for status, _ in ends} == {"done"}
    assert min(limit for _, limit in ends) < 4


# One client, many scopes


async def test_scopes_side_by_side_do_not_mix(client: PhotaClient, sandbox: Sandbox) -> None:
    anna, berta = await asyncio.gather(client.for_user("user-a"), client.for_user("user-b"))

    async def meet(user: UserScope, own: str, other: str) -> None:
        assert (await user.generate(f"[[{own}]]")).known_subjects.counts == {own: 1}
        with pytest.raises(ScopeError):
            await user.generate(f"[[{other}]]")

    await asyncio.gather(
        *(meet(anna, "anna", "berta") for _ in range(4)), *(meet(berta, "berta", "anna") for _ in "ab")
    )
    assert anna.profile_ids == ("anna", "anton")
    assert (await client.generate("[[anna]] and [[berta]]")).images  # the client itself is free


async def test_all_who_ask_for_one_tag_share_a_scope_and_its_looks(client: PhotaClient, sandbox: Sandbox) -> None:
    one, two = [await client.for_user("user-a") for _ in range(2)]
    sandbox.requests.clear()
    waits = [asyncio.create_task(each.profiles.wait("anton", interval=0.02)) for each in (one, two, one, two)]
    await sandbox.wait_for_requests(2)
    assert repr(client._pollers.here()).startswith("<Poller 1 watched")
    sandbox.set_profile("anton", status="READY")
    assert {(await each).status for each in waits} == {"READY"}


async def test_jobs_are_looked_at_once_for_the_client_and_its_scopes(client: PhotaClient, user: UserScope) -> None:
    assert user.jobs._subject is client.jobs._subject


async def test_a_scope_that_nobody_uses_is_forgotten(client: PhotaClient) -> None:
    for number in range(20):
        await (await client.for_user(f"user-{number}")).profiles.list()
    gc.collect()
    assert not client._scopes
    assert not client._pollers.here()._groups


async def test_a_closed_client_opens_no_scope(client: PhotaClient, sandbox: Sandbox) -> None:
    await client.aclose()
    with pytest.raises(ConfigError, match="closed"):
        await client.for_user("user-a")
    assert sandbox.requests == []


async def test_a_scope_is_not_pickled_or_copied(user: UserScope) -> None:
    for dump in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(ConfigError, match="cannot be pickled"):
            dump(user)


async def test_a_scope_shares_the_clients_life(client: PhotaClient, sandbox: Sandbox) -> None:
    user = await client.for_user("user-a")
    async with user as same:
        assert same is user
    await user.aclose()
    assert await client.profiles.list("user-a")  # still open
    await client.aclose()
    with pytest.raises(ConfigError, match="closed"):
        await user.generate("a sea")
    async with client:
        assert (await user.generate("[[anna]]")).images


# A service that does not filter


def profiles(*elements: Any) -> Any:
    return json({"profiles": list(elements)})


async def test_profiles_of_another_tag_are_left_out(
    listen: Listen, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    own = {"profile_id": "anna", "status": "READY", "tag": "user-a"}
    peer = await listen(profiles(own, {"profile_id": "berta", "status": "READY", "tag": "user-b"}))
    user = await connect(peer).for_user("user-a")
    assert user.profile_ids == ("anna",)
    assert "left out" in caplog.text
    assert "user-" not in caplog.text
    assert len(peer.requests) == 1


async def test_a_list_without_tags_is_believed_once_it_was_seen_to_filter(listen: Listen, connect: Connect) -> None:
    peer = await listen(lister_of(lambda tag, asked: tag == asked))
    client = connect(peer)
    user = await client.for_user("user-a")
    assert user.profile_ids == user.ready_ids == ("anna", "anton")  # no statuses: the service is left to judge
    await client.for_user("user-ab")
    first, nobody, *near = [request.query["tag"] for request in peer.requests]
    assert first == "user-a"
    assert nobody.startswith("nobody-")
    assert near == ["user-", "ser-a", "USER-A", "user-ab"]


CARELESS: dict[str, Callable[[str, str], bool]] = {
    "everybody": lambda tag, asked: True,
    "beginnings": lambda tag, asked: tag.startswith(asked),
    "endings": lambda tag, asked: tag.endswith(asked),
    "parts": lambda tag, asked: asked in tag,
    "any case": lambda tag, asked: tag.lower() == asked.lower(),
}


@pytest.mark.parametrize("takes", CARELESS.values(), ids=CARELESS)
async def test_a_service_that_lists_others_too_gets_no_scope(takes: Any, listen: Listen, connect: Connect) -> None:
    """Else one user's scope would hold others, and erasing would erase them."""
    peer = await listen(lister_of(takes))
    with pytest.raises(ScopeError, match=r"^expected a service that lists profiles by tag, got one that lists others"):
        await connect(peer).for_user("user-a")
    assert {request.method for request in peer.requests} == {"GET"}


async def test_a_tag_without_a_beginning_is_not_taken_on_trust(listen: Listen, connect: Connect) -> None:
    peer = await listen(profiles("anna"))
    with pytest.raises(ScopeError, match=r"^expected a service that tells tags, or a tag of 2 characters"):
        await connect(peer).for_user("a")
    assert len(peer.requests) == 1


async def test_two_characters_have_a_beginning(listen: Listen, connect: Connect) -> None:
    user = await connect(await listen(lister_of(lambda _, asked: asked == "ab"))).for_user("ab")
    assert user.profile_ids == tuple(TAGS)


TAGS = {"anna": "user-a", "anton": "user-a", "berta": "user-ab", "bert": "my-user-a", "carl": "USER-A"}


def lister_of(takes: Callable[[str, str], bool]) -> Behaviour:
    """List bare ids, of the tags that a filter takes."""

    async def behave(exchange: Exchange) -> None:
        asked = exchange.request.query["tag"]
        await profiles(*[name for name, tag in TAGS.items() if takes(tag, asked)])(exchange)

    return behave


async def test_a_list_that_fails_leaves_what_was_known(listen: Listen, connect: Connect) -> None:
    own = {"profile_id": "anna", "status": "READY", "tag": "user-a"}
    peer = await listen(script(profiles(own), json({"detail": "no"}, 400)))
    user = await connect(peer, config=quick()).for_user("user-a")
    with pytest.raises(Exception, match="HTTP 400"):
        await user.refresh()
    assert user.profile_ids == ("anna",)


# require_scope

NAMING: dict[str, Callable[[PhotaClient], Awaitable[Any]]] = {
    "edit": lambda client: client.edit(PHOTO, "x", profile_ids=["anna"]),
    "generate": lambda client: client.generate("[[anna]]"),
    "send": lambda client: client.send(GenerateRequest(prompt="[[anna]]"), mode="job"),
    "submit": lambda client: client.jobs.submit(EnhanceRequest(image=PHOTO, profile_ids=["anna"])),
    "list": lambda client: client.profiles.list(),
    "list of a tag": lambda client: client.profiles.list("user-a"),
    "status": lambda client: client.profiles.status("anna"),
    "wait": lambda client: client.profiles.wait("anna"),
    "picture": lambda client: client.profiles.picture("anna"),
    "delete": lambda client: client.profiles.delete("anna"),
    "create": lambda client: client.profiles.create(["https://a.example/1.jpg"] * 10),
    "create with a tag": lambda client: client.profiles.create(["https://a.example/1.jpg"] * 10, tag="user-a"),
}


@pytest.fixture
def strict(sandbox: Sandbox, connect: Connect) -> PhotaClient:
    return connect(sandbox.base_url, api_key=sandbox.api_key, require_scope=True)


@pytest.mark.parametrize("use", NAMING.values(), ids=NAMING)
async def test_outside_of_a_scope_nobody_is_named(use: Any, strict: PhotaClient, sandbox: Sandbox) -> None:
    with pytest.raises(ScopeError, match=r"for_user\(tag\)"):
        await use(strict)
    assert sandbox.requests == []


async def test_what_names_nobody_needs_no_scope(strict: PhotaClient) -> None:
    assert (await strict.generate("a sea")).images
    job = await strict.jobs.submit(EnhanceRequest(image=PHOTO))
    assert (await strict.jobs.wait(job.job_id)).images
    assert await strict.webhooks.secret()


async def test_a_strict_client_works_within_scopes(strict: PhotaClient, sandbox: Sandbox) -> None:
    user = await strict.for_user("user-a")
    assert (await user.generate("[[anna]]")).known_subjects.counts == {"anna": 1}
    with pytest.raises(ScopeError):
        await user.generate("[[berta]]")
    assert (await user.erase()).is_complete


async def test_a_batch_outside_of_a_scope_names_nobody(strict: PhotaClient, sandbox: Sandbox) -> None:
    items = [BatchItem("a", GenerateRequest(prompt="[[anna]]")), BatchItem("b", GenerateRequest(prompt="a sea"))]
    assert await run(strict, items) == {"a": ("failed", "ScopeError"), "b": ("done", "NoneType")}
    assert len(sandbox.charges) == 1


def test_require_scope_is_a_switch() -> None:
    with pytest.raises(ConfigError, match="require_scope: expected True or False"):
        PhotaClient("key", require_scope="yes")  # type: ignore[arg-type]  # that is what is tested
