"""``phota jobs``: the real command on a real sandbox."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.pictures import real_picture
from support.programs import PHOTA, Ended, OnTerminal, access, phota, surroundings

from phota_async import EditRequest, PhotaClient
from phota_async.cli.jobs_command import _name
from phota_async.sandbox import SandboxThread, running_sandbox

Run = Callable[..., Ended]


@pytest.fixture
def sandbox() -> Iterator[SandboxThread]:
    with running_sandbox(time_scale=0, picture_scale=0.1) as running:
        yield running


@pytest.fixture
def run(sandbox: SandboxThread, tmp_path: Path) -> Run:
    def started(*arguments: str) -> Ended:
        return phota("jobs", *arguments, env=access(sandbox), cwd=tmp_path)

    return started


def submit(sandbox: SandboxThread, count: int = 1) -> str:
    async def submitted() -> str:
        async with PhotaClient(sandbox.api_key, sandbox.base_url) as client:
            request = EditRequest([real_picture()], "brighter", num_output_images=count)
            return str(await client.jobs.submit(request))

    return asyncio.run(submitted())


def test_a_job_before_and_after(sandbox: SandboxThread, run: Run) -> None:
    job = submit(sandbox, 2)
    assert run("show", job).out == f"{job}\tqueued\t0\t\n"
    sandbox.clock.advance(1000)
    assert run("show", job).out == f"{job}\tsucceeded\t2\t\n"
    told = json.loads(run("show", job, "--json").out)
    assert (told["schema"], told["job_id"], told["pictures"]) == ("phota.job/1", job, 2)
    assert told["is_terminal"] is True
    assert "http" not in json.dumps(told)  # signed links are no news for a log


def test_waiting_saves_pictures_once(sandbox: SandboxThread, run: Run, tmp_path: Path) -> None:
    job, charged = submit(sandbox, 2), sandbox.charged
    sandbox.clock.advance(1000)
    saved = run("wait", job, "-o", "out")
    assert saved.code == 0
    assert saved.out.splitlines() == [f"out/{job}-1.jpg", f"out/{job}-2.jpg"]
    assert all((tmp_path / line).read_bytes().startswith(b"\xff\xd8") for line in saved.out.splitlines())
    again = run("wait", job, "-o", "out")
    assert again.code == 2
    assert "exists" in again.err
    assert sandbox.charged == charged


def test_waiting_shows_the_state_while_it_runs(sandbox: SandboxThread, tmp_path: Path) -> None:
    job = submit(sandbox)
    command = [*PHOTA, "jobs", "wait", job, "-o", "out", "--interval", "0.02"]
    with OnTerminal(command, env=access(sandbox), cwd=tmp_path, piped=True) as shown:
        shown.wait_for(f"{job}  queued")
        sandbox.clock.advance(1000)
    assert shown.code == 0, shown.screen
    assert shown.piped == f"out/{job}-1.jpg\n"


def test_one_that_fails_among_others(sandbox: SandboxThread, run: Run) -> None:
    good = submit(sandbox)
    sandbox.call(lambda inner: inner.fail_jobs())
    bad = submit(sandbox)
    sandbox.clock.advance(1000)
    ended = run("wait", good, bad, "-o", "out")
    assert ended.code == 5
    assert ended.out == f"out/{good}-1.jpg\n"
    assert bad in ended.err
    assert run("wait", bad, "-o", "out", "-q").code == 6
    assert run("wait", "job-nobody", "-o", "out").code == 6


def test_when_the_time_is_up(sandbox: SandboxThread, run: Run) -> None:
    ended = run("wait", submit(sandbox), "-o", "out", "--timeout", "0.1", "--interval", "0.02")
    assert ended.code == 10
    assert "the job goes on" in ended.err


@pytest.mark.parametrize(
    ("job_id", "name"),
    [("job_1-a", "job_1-a-1.jpg"), ("../../etc/passwd", "______etc_passwd-1.jpg"), ("é\x1b", "__-1.jpg")],
)
def test_an_id_is_a_safe_name(job_id: str, name: str) -> None:
    assert _name(job_id) == name
    assert len(_name("x" * 1000)) < 120


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_says_what_goes_on(sandbox: SandboxThread, tmp_path: Path, number: int, code: int) -> None:
    job = submit(sandbox)
    command = [*PHOTA, "jobs", "wait", job, "-o", "out", "--interval", "0.02"]
    env = surroundings(access(sandbox))
    with subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "queued" in process.stderr.readline()
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(60) == code
    assert said == "stopped; the jobs go on and are paid for: wait for the same ids again\n"
