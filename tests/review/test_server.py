"""The server as a visitor without a browser sees it: what it tells, what it takes, what it refuses."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from support.reviews import Visitor, make_run, record_with, serving, size_of, write_picture

from phota_async.errors import ConfigError, InputError
from phota_async.review import ReviewServer, read_picks
from phota_async.review.access import HEADERS, TOKEN_HEADER
from phota_async.review.events import event_of
from phota_async.review.handlers import FILES
from phota_async.runs import RunFolder

PAGE = Path(__file__).parent.parent.parent / "phota_async" / "review" / "page"


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return make_run(tmp_path)


@pytest.fixture
async def server(folder: RunFolder) -> AsyncIterator[ReviewServer]:
    async with serving(folder) as opened:
        yield opened


@pytest.fixture
async def visitor(server: ReviewServer) -> AsyncIterator[Visitor]:
    async with Visitor(server) as made:
        yield made


def choices(folder: RunFolder) -> list[str | None]:
    picks = read_picks(folder)
    found = [picks.choice(record.key) for record in folder.records()]
    return [None if choice is None else choice.output or "rejected" for choice in found]


# What it tells and takes


async def test_the_page_is_told_everything_it_shows(visitor: Visitor) -> None:
    state = await visitor.get("/state")
    assert state["folder"] == "out"
    assert [item["key"] for item in state["items"]] == ["set/1.jpg", "set/2.jpg", "set/3.jpg"]
    item = state["items"][0]
    assert item["prompt"] == "in soft light"
    assert item["price"] == "$0.60"
    assert item["sources"] == [{"picture": 0, "name": "1.jpg"}]
    assert [each["name"] for each in item["variations"]] == [f"1.enhance-{number}.jpg" for number in range(1, 5)]
    assert item["variations"][0]["found"] == ["mia"]
    assert item["variations"][0]["price"] == "$0.15"
    assert item["choice"] is None
    assert state["undoable"] is None
    assert "--max-spend" in state["budget"]["reason"]


async def test_nothing_it_tells_is_a_path(visitor: Visitor, tmp_path: Path) -> None:
    assert str(tmp_path) not in str(await visitor.get("/state"))


async def test_a_pick_is_on_the_disk_when_it_is_answered(visitor: Visitor, folder: RunFolder) -> None:
    state = await visitor.get("/state")
    second = state["items"][0]["variations"][1]["picture"]
    await visitor.post("/pick", item=0, picture=second)
    assert choices(folder) == ["set/1.enhance-2.jpg", None, None]
    await visitor.post("/reject", item=1)
    await visitor.post("/pick", item=0, picture=state["items"][0]["variations"][3]["picture"])
    assert choices(folder) == ["set/1.enhance-4.jpg", "rejected", None]
    await visitor.post("/clear", item=1)
    assert choices(folder) == ["set/1.enhance-4.jpg", None, None]
    assert (await visitor.get("/state"))["items"][0]["choice"] == {
        "kind": "picked",
        "picture": state["items"][0]["variations"][3]["picture"],
    }


async def test_undo_says_which_photo_it_was(visitor: Visitor, folder: RunFolder) -> None:
    await visitor.post("/reject", item=2)
    await visitor.post("/reject", item=0)
    assert (await visitor.post("/undo"))["item"] == 0
    assert (await visitor.post("/undo"))["item"] == 2
    assert (await visitor.post("/undo"))["item"] is None
    assert choices(folder) == [None, None, None]


async def test_another_review_goes_on_where_this_one_ended(folder: RunFolder) -> None:
    async with ReviewServer(folder) as server, Visitor(server) as visitor:
        await visitor.post("/reject", item=1)
    async with ReviewServer(folder) as server, Visitor(server) as visitor:
        state = await visitor.get("/state")
        assert state["items"][1]["choice"]["kind"] == "rejected"
        assert state["undoable"] == 1
        await visitor.post("/undo")
    assert choices(folder) == [None, None, None]


async def test_two_pages_see_the_same_and_who_changed_it(server: ReviewServer) -> None:
    async with Visitor(server) as one, Visitor(server) as two:
        version = (await two.get("/state"))["version"]
        waiting = asyncio.create_task(two.get(f"/changes?after={version}"))
        await one.post("/reject", item=1, tab="one")
        news = await waiting
        assert [(item["number"], item["choice"]["kind"], item["tab"]) for item in news["items"]] == [
            (1, "rejected", "one")
        ]
        await two.post("/clear", item=1, tab="two")  # the last one counts, and the other hears of it
        news = await one.get(f"/changes?after={news['version']}")
        assert [(item["choice"], item["tab"]) for item in news["items"]] == [(None, "two")]


async def test_decisions_at_once_are_all_written(visitor: Visitor, folder: RunFolder) -> None:
    await asyncio.gather(*(visitor.post("/reject", item=number % 3) for number in range(30)))
    assert len((folder.path / "picks.jsonl").read_bytes().splitlines()) == 30
    assert (await visitor.get("/state"))["version"] == 30


async def test_done_ends_it_and_pages_hear_of_it(server: ReviewServer, visitor: Visitor) -> None:
    waiting = asyncio.create_task(visitor.get("/changes?after=0"))
    async with Visitor(server) as other:
        answer = await other.post("/finish")
    assert answer["counts"] == {"picked": 0, "rejected": 0, "undecided": 3}
    assert (await waiting)["finished"]
    await server.finished()


async def test_pictures_come_with_their_kind_and_size(visitor: Visitor) -> None:
    status, headers, body = await visitor.ask("GET", "/pictures/1/screen")
    assert (status, headers["Content-Type"], headers["Phota-Picture-Size"]) == (200, "image/jpeg", "60x40")
    assert size_of(body) == (60, 40)


# What it refuses


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/pick", {"item": 99, "picture": 1}),
        ("/pick", {"item": -1, "picture": 1}),
        ("/pick", {"item": 0, "picture": 0}),  # the source
        ("/pick", {"item": 0, "picture": 7}),  # another item's
        ("/reject", {"item": 3}),
        ("/ask", {"item": 0, "id": "a", "price": "0.15"}),  # it is off
        ("/ask", {"item": 0, "id": "../a", "price": "0.15"}),
        ("/ask", {"item": 0, "id": "", "price": "0.15"}),
    ],
)
async def test_what_does_not_exist_changes_nothing(
    visitor: Visitor, folder: RunFolder, path: str, body: dict[str, Any]
) -> None:
    status, _, answer = await visitor.ask("POST", path, body)
    assert status == 409
    assert answer["error"]
    assert (folder.path / "picks.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    "body", [None, [], {}, {"item": "0", "picture": 1}, {"item": 0}, {"item": 0, "picture": 1, "path": "/etc/passwd"}]
)
async def test_another_body_is_refused(visitor: Visitor, body: Any) -> None:
    assert (await visitor.ask("POST", "/pick", body))[0] == 400


async def test_a_large_body_is_refused(visitor: Visitor) -> None:
    assert (await visitor.ask("POST", "/reject", {"item": 0, "tab": "x" * 20_000}))[0] == 413


EVERYTHING = [
    *(("GET", path) for path in ("/state", "/changes?after=0", "/pictures/0/full", "/nothing")),
    *(("POST", path) for path in ("/pick", "/reject", "/clear", "/undo", "/ask", "/finish")),
]


@pytest.mark.parametrize(("method", "path"), EVERYTHING)
async def test_without_the_token_nothing_is_said(visitor: Visitor, method: str, path: str) -> None:
    for token in (None, "", "guess", visitor.token[::-1]):
        status, _, body = await visitor.ask(method, path, {"item": 0}, **{TOKEN_HEADER: token})
        assert (status, body) == (401, {"error": "open the address that the review printed"})


@pytest.mark.parametrize(("method", "path"), [*EVERYTHING, ("GET", "/"), ("GET", "/main.js"), ("POST", "/token")])
async def test_a_foreign_name_or_origin_is_refused_everywhere(visitor: Visitor, method: str, path: str) -> None:
    assert (await visitor.ask(method, path, {"item": 0}, Host="evil.example"))[0] == 421
    assert (await visitor.ask(method, path, {"item": 0}, Origin="http://evil.example"))[0] == 403
    assert (await visitor.ask(method, path, {"item": 0}, Sec_Fetch_Site="cross-site"))[0] == 403


async def test_a_form_cannot_change_anything(visitor: Visitor) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert (await visitor.ask("POST", "/reject", {"item": 0}, Content_Type=kind))[0] == 415
    assert (await visitor.ask("POST", "/reject", {"item": 0}, Origin=None))[0] == 403


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods_are_refused(visitor: Visitor, folder: RunFolder, method: str) -> None:
    status, headers, _ = await visitor.ask(method, "/reject", {"item": 0})
    assert status == 405
    assert "Access-Control-Allow-Origin" not in headers
    assert choices(folder) == [None, None, None]


@pytest.mark.parametrize(
    "path",
    [
        "/pictures/99/full",
        "/pictures/-1/full",
        "/pictures/0/huge",
        "/pictures/1e1/full",
        "/pictures/../../etc/passwd",
        "/pictures/%2e%2e%2f%2e%2e%2fetc%2fpasswd/full",
        "/pictures/..%2f..%2fpyproject.toml/full",
        "/..%2fserver.py",
        "/page/main.js",
        "/%2e%2e/events.py",
        "/pictures/1234567890123/full",
    ],
)
async def test_no_path_leads_out(visitor: Visitor, path: str) -> None:
    status, _, body = await visitor.ask("GET", path)
    assert status in (404, 409)
    assert set(body) == {"error"}


@pytest.mark.parametrize("query", ["", "?after=", "?after=-1", "?after=x", "?after=1e9", "?after=99999999999"])
async def test_a_strange_version_is_refused(visitor: Visitor, query: str) -> None:
    assert (await visitor.ask("GET", "/changes" + query))[0] == 409


async def test_every_answer_carries_the_policy_and_nothing_of_the_server(visitor: Visitor) -> None:
    for method, path in [("GET", "/"), ("GET", "/main.js"), ("GET", "/state"), ("GET", "/no"), ("POST", "/undo")]:
        _, headers, _ = await visitor.ask(method, path, {})
        assert HEADERS.items() <= dict(headers).items()
        assert headers["Server"] == "phota"
        assert "Set-Cookie" not in headers
    _, headers, _ = await visitor.ask("GET", "/pictures/0/full")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_the_open_files_are_the_pages_own_and_say_nothing_of_the_run(visitor: Visitor) -> None:
    assert {name for name, _ in FILES.values()} == {path.name for path in PAGE.iterdir()}
    for path in FILES:
        status, _, body = await visitor.ask("GET", path, **{TOKEN_HEADER: None, "Origin": None})
        assert status == 200
        assert b"set/1" not in body
        assert visitor.token.encode() not in body
        assert b"https://" not in body  # nothing from elsewhere
        assert b"innerHTML" not in body


async def test_a_ticket_gives_the_token_once(server: ReviewServer, visitor: Visitor) -> None:
    ticket = server.url_for_browser().partition("#ticket=")[2]
    assert server.url.endswith(visitor.token)
    assert visitor.token not in server.url_for_browser()
    ticket = server.url_for_browser().partition("#ticket=")[2]
    status, _, body = await visitor.ask("POST", "/token", {"ticket": ticket}, **{TOKEN_HEADER: None})
    assert (status, body) == (200, {"token": visitor.token})
    assert (await visitor.ask("POST", "/token", {"ticket": ticket}, **{TOKEN_HEADER: None}))[0] == 401


# Odd runs


async def test_hostile_names_and_prompts_are_only_words(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="edit")
    name = '<img src=x onerror=alert(1)>"&.jpg'
    write_picture(tmp_path / "out" / "a.jpg")
    prompt = "</script><script>alert(1)</script> [[<b>]]"
    odd = record_with(write_picture(tmp_path / name), name, ["a.jpg"], request={"prompt": prompt})
    folder.append(odd)
    folder.append(record_with(None, "number.jpg", ["a.jpg"], 2, request={"prompt": 7}))
    async with ReviewServer(folder) as server, Visitor(server) as visitor:
        status, headers, _ = await visitor.ask("GET", "/state")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        items = (await visitor.get("/state"))["items"]
        assert (items[0]["key"], items[0]["prompt"], items[0]["sources"][0]["name"]) == (name, prompt, name)
        assert items[1]["prompt"] == "7"


async def test_a_link_is_named_by_its_host_only(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="enhance")
    write_picture(tmp_path / "out" / "a.jpg")
    folder.append(record_with(None, "a", ["a.jpg"], sources=("https://photos.example/secret/a.jpg", "")))
    async with ReviewServer(folder) as server, Visitor(server) as visitor:
        [item] = (await visitor.get("/state"))["items"]
        assert [source["name"] for source in item["sources"]] == ["a photo at photos.example", "a photo from memory"]
        assert "secret" not in str(item)


async def test_a_picked_picture_that_the_run_lost_is_no_error(folder: RunFolder) -> None:
    async with ReviewServer(folder) as server:
        await server.session.note(event_of("pick", "set/1.jpg", output="gone.jpg"))
        await server.session.note(event_of("pick", "gone", output="gone.jpg"))
    async with ReviewServer(folder) as server, Visitor(server) as visitor:
        state = await visitor.get("/state")
        assert state["items"][0]["choice"] == {"kind": "picked", "picture": None}
        assert state["undoable"] is None  # its item is not here
        assert (await visitor.post("/undo"))["item"] is None


async def test_a_run_without_pictures_is_said(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, operation="edit")
    folder.append(record_with(None, "a", [], status="failed"))
    with pytest.raises(InputError, match="expected items with pictures"):
        await ReviewServer(folder).__aenter__()
    write_picture(tmp_path / "a.jpg")
    folder.append(record_with(None, "b", ["a.jpg"]))
    async with ReviewServer(folder) as server, Visitor(server) as visitor:  # nothing was left locked
        assert (await visitor.get("/state"))["pictureless"] == 1


# The server itself


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "example.com", "localhost", ""])
def test_other_machines_are_never_served(folder: RunFolder, host: str) -> None:
    with pytest.raises(ConfigError, match=r"host: expected an address such as 127\.0\.0\.1"):
        ReviewServer(folder, host=host)


async def test_a_taken_port_is_said_and_nothing_stays_locked(folder: RunFolder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1 port {port}"):
            await ReviewServer(folder, port=port).__aenter__()
    async with ReviewServer(folder, port=port) as server:
        assert urlsplit(server.address).port == port


async def test_there_is_one_review_of_a_run_at_a_time(server: ReviewServer, folder: RunFolder) -> None:
    with pytest.raises(InputError, match="another review of this run is open"):
        await ReviewServer(folder).__aenter__()
    with pytest.raises(ConfigError, match="entered once"):
        await server.__aenter__()


async def test_an_error_in_the_block_leaves_as_it_is(folder: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError):
        async with ReviewServer(folder):
            raise ZeroDivisionError
    async with ReviewServer(folder):
        pass


async def test_a_full_disk_is_told_and_the_decision_does_not_count(
    server: ReviewServer, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("phota_async.review.journal.os.write", full)
        status, _, body = await visitor.ask("POST", "/reject", {"item": 0})
    assert status == 507
    assert "No space left" in body["error"]
    assert (await visitor.get("/state"))["items"][0]["choice"] is None
    await visitor.post("/reject", item=0)


def test_reprs_hide_the_token(folder: RunFolder) -> None:
    assert repr(ReviewServer(folder)) == f"<ReviewServer of {folder.run}>"


async def test_a_visitor_who_never_ends_a_request_is_let_go(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phota_async.review.server.IDLE", 0.05)
    async with serving(folder) as server, asyncio.timeout(10):
        port = urlsplit(server.address).port
        for beginning in (b"", b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(beginning)
            assert await reader.read() == b""
            writer.close()


# A run that goes on


def add_item(folder: RunFolder, number: int, **rest: Any) -> None:
    write_picture(folder.output / f"set/{number}.enhance-1.jpg")
    folder.append(record_with(None, f"set/{number}.jpg", [f"set/{number}.enhance-1.jpg"], number, **rest))


async def test_what_the_run_adds_appears_behind_what_is_there(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="enhance")
    add_item(folder, 2)
    async with serving(folder) as server, Visitor(server) as visitor:
        before = await visitor.get("/state")
        assert (len(before["items"]), before["ended"]) == (1, False)
        add_item(folder, 1)
        folder.append(record_with(None, "set/3.jpg", [], 3, status="failed"))
        await server.session.refresh()
        news = await visitor.get("/changes?after=0")
        assert [(item["number"], item["key"]) for item in news["items"]] == [(1, "set/1.jpg")]
        assert (news["pictureless"], news["ended"]) == (1, False)
        await visitor.post("/pick", item=1, picture=news["items"][0]["variations"][0]["picture"])
        folder.finish(exit_code=0)
        await server.session.refresh()
        assert (await visitor.get("/state"))["ended"]
    assert choices(folder)[0] == "set/1.enhance-1.jpg"


async def test_a_photo_that_was_done_again_keeps_what_was_decided(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="enhance")
    add_item(folder, 1)
    async with serving(folder) as server, Visitor(server) as visitor:
        [item] = (await visitor.get("/state"))["items"]
        await visitor.post("/pick", item=0, picture=item["variations"][0]["picture"])
        write_picture(folder.output / "set/1.enhance-2.jpg")
        names = ["set/1.enhance-1.jpg", "set/1.enhance-2.jpg"]
        folder.append(record_with(None, "set/1.jpg", names, 1))
        await server.session.refresh()
        [again] = (await visitor.get("/state"))["items"]
        assert len(again["variations"]) == 2
        assert again["choice"] == {"kind": "picked", "picture": item["variations"][0]["picture"]}


async def test_the_server_looks_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phota_async.review.session.Session.follow.__defaults__", (0.01,))
    folder = RunFolder.create(tmp_path / "out", operation="enhance")
    add_item(folder, 1)
    async with serving(folder) as server, Visitor(server) as visitor, asyncio.timeout(10):
        waiting = asyncio.create_task(visitor.get("/changes?after=0"))
        add_item(folder, 2)
        assert [item["key"] for item in (await waiting)["items"]] == ["set/2.jpg"]


async def test_a_run_without_pictures_yet_says_when_to_come_back(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path / "out", operation="enhance")
    with pytest.raises(InputError, match="got none; start the review when the first is done"):
        async with serving(folder):
            pass
