"""The control of all searches for secrets: what is planted is found, in every writing and in every place."""

import asyncio
import base64
import gzip
import logging
import pickle
import sqlite3
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from opentelemetry.trace import get_tracer
from support.canaries import KEY, LINKS, PRIVATE, QUERY, SECRETS, SIGNATURE, WISH, Search, written
from support.peer import Peer, Received
from support.witness import Witness, log_everything, witness

from phota_async.events import ImageSaved

from .trial import Trial

__all__ = ["witness"]
NOISE = bytes(range(256))


@pytest.mark.parametrize("canary", PRIVATE.canaries, ids=lambda canary: canary.name)
def test_every_writing_is_found(canary: Any, fault: Trial) -> None:
    for kind, form in written(canary.text):
        fault.tried()
        assert Search(canary).hits(NOISE + form + NOISE), kind


WRAPS: dict[str, Callable[[str], str]] = {
    "lines": lambda text: "\n".join(textwrap.wrap(text, 5)),
    "a box": lambda text: "\n".join(f"│ │ {line:<8} │ │" for line in textwrap.wrap(text, 5)),
    "colours": lambda text: "".join(f"\x1b[33m{letter}\x1b[0m" for letter in text),
    "strings side by side": lambda text: " ".join(repr(line) for line in textwrap.wrap(text, 5)),
    "colons": ":".join,
    "its beginning": lambda text: repr(text[: len(text) // 2 + 2]) + "...",
    "its end": lambda text: "..." + text[len(text) // 2 - 2 :],
    "base64 in lines": lambda text: base64.encodebytes(b"x" * 40 + text.encode()).decode(),
    "hex in pairs": lambda text: text.encode().hex(" "),
    "UTF-16": lambda text: text.encode("utf-16").decode("latin-1"),
    "base64 of a header": lambda text: base64.b64encode(f"X-API-Key: {text}\r\n".encode()).decode(),
}


@pytest.mark.parametrize("wrap", WRAPS)
def test_what_is_wrapped_or_cut_is_found(wrap: str, fault: Trial) -> None:
    for canary in (KEY, WISH, SIGNATURE):
        fault.tried()
        assert Search(canary).hits(WRAPS[wrap](canary.text)), canary.name


def test_what_is_not_there_is_not_found() -> None:
    assert PRIVATE.hits(NOISE, "make Aunt Edith younger", base64.b64encode(NOISE)) == ()


class Leak(Exception):  # noqa: N818 - it is what it says
    """Carries what it should not, in a place of the test's choice."""


def leak_in_locals() -> None:
    headers = MappingProxyType({"X-API-Key": KEY.text})
    raise Leak(f"{len(headers)} headers")


def leak_behind() -> None:
    try:
        leak_in_locals()
    except Leak:
        raise Leak("nothing to see here") from None


def leak_in_words() -> None:
    raise Leak(KEY.text)


@pytest.mark.parametrize("leak", [leak_in_locals, leak_behind, leak_in_words], ids=lambda leak: leak.__name__)
def test_an_error_that_leaks_is_found(leak: Callable[[], None], witness: Witness) -> None:
    with pytest.raises(Leak) as caught:
        leak()
    witness.see_error(caught.value)
    assert "key as plain" in {hit for _, hit in witness.findings()}


class Keeper:
    """Holds the key in the way of the test's choice."""

    def __init__(self, **how: Any) -> None:
        self.__dict__.update(how)


class Shouter(Keeper):
    def __repr__(self) -> str:
        return f"<Shouter {KEY.text}>"


class Packer(Keeper):
    def __reduce__(self) -> Any:
        return (Keeper, (KEY.text,))


OBJECTS = {
    "an attribute": Keeper(key=KEY.text),
    "a repr": Shouter(),
    "a pickle": Packer(),
    "something inside": [{"deep": (Keeper(), [KEY.text.encode()])}],
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_an_object_that_leaks_is_found(kind: str, witness: Witness) -> None:
    witness.see(OBJECTS[kind])
    assert witness.findings()


async def test_a_task_that_holds_the_key_is_found(witness: Witness) -> None:
    begun = asyncio.Event()

    async def hold() -> None:
        header = KEY.text
        begun.set()
        await asyncio.Event().wait()
        header.strip()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(hold())
        await begun.wait()
        witness.see_tasks()
        task.cancel()
    assert ("frames of a task", "key as plain") in witness.findings()


async def test_what_the_event_loop_logs_is_found(witness: Witness) -> None:
    log_everything()
    asyncio.get_running_loop().call_soon(print, KEY.text[:20])  # its arguments are logged, shortened
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert ("log", "key as plain") in witness.findings()


def test_what_is_logged_told_and_traced_is_found(witness: Witness) -> None:
    logging.getLogger("somebody.else").debug("headers: %r", {"X-API-Key": KEY.text})
    logging.getLogger("quiet").debug("sent", extra={"body": WISH.text})
    witness.events.append(ImageSaved(path=QUERY, size=1))
    with get_tracer("test", tracer_provider=witness.provider).start_as_current_span(WISH.text):
        pass
    found = {(where, hit) for where, hit in witness.findings() if hit.endswith("plain")}
    assert {("log", "key as plain"), ("log record", "prompt as plain"), ("span", "prompt as plain")} <= found
    assert ("event", "link's token as plain") in found


def test_what_lies_in_files_is_found(witness: Witness, tmp_path: Path) -> None:
    planted = {
        "a.bin": NOISE + KEY.text.encode(),
        "b.part": KEY.text.encode("utf-16-be"),
        "c.pickle": pickle.dumps({"key": KEY.text}),
        "d.html": f"<img src='https://x/{QUERY}'>".encode(),
    }
    (tmp_path / "deep").mkdir()
    for name, data in planted.items():
        (tmp_path / "deep" / name).write_bytes(data)
    (tmp_path / KEY.text.replace("/", "_")).touch()
    witness.see_folder(tmp_path)
    places = {where for where, _ in witness.findings()}
    assert {f"file {name}" for name in planted} <= places
    assert any(where.startswith("name of phk_") for where in places)
    assert not SECRETS.hits(gzip.compress(KEY.text.encode()))  # nothing of ours packs what it writes


def test_what_a_database_has_in_its_wal_or_has_deleted_is_found(witness: Witness, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    connection.executescript("PRAGMA journal_mode=WAL; CREATE TABLE t (x)")
    connection.execute("INSERT INTO t VALUES (?)", (KEY.text,))
    connection.commit()
    connection.execute("DELETE FROM t")
    connection.commit()
    witness.see_folder(tmp_path)
    connection.close()
    assert ("file a.sqlite-wal", "key as plain") in witness.findings()


def test_what_another_origin_heard_is_found(witness: Witness) -> None:
    head = f"GET / HTTP/1.1\r\nReferer: https://x/{QUERY}\r\n\r\n".encode()
    peer = Peer()
    peer.requests.append(Received(connection=1, method="GET", target="/", headers={}, head=head))
    witness.see_peer(peer)
    assert {hit for _, hit in witness.findings()} >= {"link's token as plain"}
    assert LINKS.hits(head)
