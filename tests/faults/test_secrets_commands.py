"""Every verb in turn, with a key, a bucket's key and signed links: what each prints, logs and leaves in any folder.

A new verb, or another way to call one, is a line in ``STEPS``.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from support.bucket import Bucket, running_storage
from support.canaries import KEY, LINKS, PLACE, QUERY, TAG, WISH, Canary, Search
from support.pictures import REAL
from support.reviews import Visitor, make_run, record_with
from support.witness import Witness, witness
from training.conftest import fill

from phota_async.cli.main import COMMANDS
from phota_async.review import ReviewServer
from phota_async.review.handlers import FILES
from phota_async.sandbox.thread import SandboxThread, running_sandbox

from .test_secrets_programs import LOUD
from .trial import Trial

__all__ = ["witness"]
BUCKET_KEY = Canary("bucket's key", "bK7/Storchennest+Qv81zR40xW")
SIGNED = Canary("upload's signature", "X-Amz-Signature")
SAID = Search(*LINKS.canaries, BUCKET_KEY, SIGNED)
LOGGED = Search(*SAID.canaries, WISH, PLACE)
"""What verbs say of their work; results may hold prompts."""
PAID = ("--price", "0.1", "-y", "-v")


class Step(NamedTuple):
    """A command line, and what it ends with."""

    line: tuple[str, ...]
    code: int = 0
    given: str = ""
    """Standard input."""

    @property
    def name(self) -> str:
        return " ".join(self.line[:3])


STEPS = (
    Step(("check", "mia", "--tier", "fast", "--json")),
    Step(("train", "mia", "--tier", "fast", "--tag", TAG.text, "--via", "{bucket}", "-n")),
    Step(("train", "mia", "--tier", "fast", "--tag", TAG.text, "--via", "{bucket}", "-y", "--interval", "0.02")),
    Step(("train", "mia", "--tier", "fast", "--via", "{nowhere}", "-y"), 9),
    Step(("profiles", "list", "--json")),
    Step(("profiles", "show", "id:anna")),
    Step(("profiles", "wait", "id:anna")),
    Step(("profiles", "picture", "id:anna", "-o", "anna.jpg")),
    Step(("edit", "{link}", "-p", WISH.text, "-P", "id:anna", "-o", "out", *PAID)),
    Step(("generate", "-p", WISH.text, "-o", "out", "-k", "2", *PAID)),
    Step(("enhance", "a.jpg", "-o", "out", "--json", "--jsonl", "lines.jsonl", *PAID)),
    Step(("remix", "a.jpg", "--reference", "{link}", "-p", WISH.text, "-o", "out", *PAID)),
    Step(("resume", "out", "-v"), 2),
    Step(("jobs", "show", "job-of-nobody"), 6),
    Step(("report", "out")),
    Step(("review", "out", "--json")),
    Step(("review", "out", "--export", "picked")),
    Step(("spend", "out", "--json")),
    Step(("ledger", "migrate", "out", f"postgresql://studio:{BUCKET_KEY.text}@127.0.0.1:1/photos"), 2),
    Step(("ledger", "migrate", "out", f"postgresql://studio:{quote(BUCKET_KEY.text, safe='')}@127.0.0.1:1/photos"), 2),
    Step(("worker", "--dsn", f"postgresql://studio:{quote(BUCKET_KEY.text, safe='')}@127.0.0.1:1/photos"), 2),
    Step(("status", "--dsn", f"postgresql://studio:{quote(BUCKET_KEY.text, safe='')}@127.0.0.1:1/photos"), 2),
    Step(("enhance", "a.jpg", "--on", f"postgresql://studio:{quote(BUCKET_KEY.text, safe='')}@127.0.0.1:1/photos"), 2),
    Step(("doctor", "--json")),
    Step(("config", "show")),
    Step(("config", "path")),
    Step(("config", "set-key", "--account", "work"), given=KEY.text + "\n"),
    Step(("completion", "bash")),
    Step(("profiles", "delete", "id:anna", "-y")),
    Step(("profiles", "erase", "--tag", TAG.text, "-y")),
)
ELSEWHERE = {"demo", "sandbox"}  # in test_secrets_programs
KEPT = Path("config") / "phota" / "credentials.toml"  # where a key belongs


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxThread]:
    with running_sandbox(api_key=KEY.text, time_scale=10_000, picture_scale=1 / 16) as running:
        running.add_profile("anna", photo=REAL)
        yield running


@pytest.fixture(scope="module")
def places(sandbox: SandboxThread) -> Iterator[dict[str, str]]:
    with running_storage() as origin:
        bucket = Bucket(origin).address()
        link = sandbox.upload(REAL) + QUERY
        yield {"bucket": bucket, "nowhere": "s3://nobody?endpoint=http://127.0.0.1:9&region=x", "link": link}


def test_every_verb_is_tried() -> None:
    assert {step.line[0] for step in STEPS} | ELSEWHERE == {*COMMANDS}


def test_verbs(sandbox: SandboxThread, places: dict[str, str], tmp_path: Path, witness: Witness, fault: Trial) -> None:
    fill(tmp_path / "mia", 6)
    (tmp_path / "a.jpg").write_bytes(REAL)
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "PHOTA_STATE_DIR": str(tmp_path / "s")}
    bucket = {"AWS_ACCESS_KEY_ID": "AKIASTORCH", "AWS_SECRET_ACCESS_KEY": BUCKET_KEY.text}
    environment = {"PATH": "/usr/bin:/bin", "PHOTA_BASE_URL": sandbox.base_url, **LOUD, **home, **bucket}
    for step in STEPS:
        fault.tried()
        command = [sys.executable, "-m", "phota_async", *(each.format(**places) for each in step.line)]
        how: dict[str, Any] = {"cwd": tmp_path, "env": environment, "timeout": 60, "input": step.given.encode()}
        done = subprocess.run(command, capture_output=True, check=False, **how)
        assert done.returncode == step.code, (step.name, done.returncode, done.stderr.decode()[-2000:])
        witness.see_text(f"results of {step.name}", done.stdout, SAID)
        witness.see_text(f"words of {step.name}", done.stderr, LOGGED)
    assert KEY.text.replace('"', '\\"') in (tmp_path / KEPT).read_text()
    (tmp_path / KEPT).unlink()
    witness.see_folder(tmp_path, SAID)
    witness.assert_discreet()


def test_a_training_that_is_left_keeps_names_and_no_link(
    places: dict[str, str], tmp_path: Path, witness: Witness, fault: Trial
) -> None:
    """Its journal lies there for as long as it trains."""
    fill(tmp_path / "mia", 6)
    fault.tried()
    line = ("train", "mia", "--tier", "fast", "--tag", TAG.text, "--via", places["bucket"], "-y", "--timeout", "0.2")
    bucket = {"AWS_ACCESS_KEY_ID": "AKIASTORCH", "AWS_SECRET_ACCESS_KEY": BUCKET_KEY.text}
    with running_sandbox(api_key=KEY.text, time_scale=0, picture_scale=1 / 16) as standing:
        environment = {"PATH": "/usr/bin:/bin", "PHOTA_BASE_URL": standing.base_url, "HOME": str(tmp_path)}
        environment |= {**LOUD, **bucket, "PHOTA_STATE_DIR": str(tmp_path / "state")}
        command = [sys.executable, "-m", "phota_async", *line]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert list((tmp_path / "state").rglob("*.uploads.json"))
    witness.see_text("what it said", done.stdout + done.stderr, SAID)
    witness.see_folder(tmp_path, SAID)
    witness.assert_discreet()


ANSWERS: tuple[tuple[str, str, Any], ...] = (
    *(("GET", path, None) for path in [*FILES, "/state", "/pictures/0/screen", "/pictures/0/full"]),
    *(("GET", path, None) for path in ("/nothing", "/pictures/99/full", "/changes?after=x")),
    *(("POST", path, {"item": 0}) for path in ("/reject", "/clear", "/nothing")),
    ("POST", "/pick", {"item": 0, "picture": 1}),
    ("POST", "/ask", {"item": 0, "id": "x", "price": "0.15"}),
    ("POST", "/token", {"ticket": "no"}),
    *(("POST", path, {}) for path in ("/undo", "/finish")),
    ("GET", "/changes?after=0", None),  # at once, now that there are some
)


async def test_all_answers_of_a_review(
    tmp_path: Path, witness: Witness, fault: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTA_API_KEY", KEY.text)
    folder = make_run(tmp_path, items=1)
    link = f"https://photos.example/1.jpg{QUERY}"
    folder.append(record_with(None, "b.jpg", ["set/1.enhance-1.jpg"], 2, sources=(link, ""), warnings=(link,)))
    async with ReviewServer(folder) as server, Visitor(server) as visitor:
        for method, path, body in ANSWERS:
            fault.tried()
            status, headers, answer = await visitor.ask(method, path, body)
            assert status < 500
            said = f"{dict(headers)} {answer!r}"
            witness.see_text(f"{method} {path}", said, LINKS)
            assert visitor.token not in said
        witness.look_at(server, server.session, visitor.sent)
    witness.see_text("picks", (folder.path / "picks.jsonl").read_bytes(), LINKS)
    witness.assert_discreet()
