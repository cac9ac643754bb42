import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from phota_async.sandbox import Fault
from phota_async.sandbox.thread import SandboxThread, running_sandbox

from .conftest import PHOTO, ask


@pytest.fixture
def thread() -> Iterator[SandboxThread]:
    with running_sandbox(time_scale=0, picture_scale=0.05, allow_http_callbacks=True) as running:
        yield running


def test_a_synchronous_program_uses_it(thread: SandboxThread) -> None:
    job = ask(thread, "/generate", {"async": True, "response_mode": "urls"})
    before = thread.clock.time()
    thread.clock.advance(40)
    thread.settle()
    fields = ask(thread, f"/jobs/{job['job_id']}")

    assert fields["status"] == "succeeded"
    assert thread.clock.time() == before + 40
    assert (thread.posts("/generate"), thread.gets()) == (1, 1)
    assert [seen.status for seen in thread.requests] == [202, 200]
    assert [charge.amount for charge in thread.charges] == [Decimal("0.09")]
    assert thread.charged == Decimal("0.09")
    assert list(thread.jobs) == [job["job_id"]]
    assert thread.callbacks == []
    assert thread.keys_on_links == 0
    assert repr(thread) == f"<SandboxThread of {thread.sandbox!r}>"


def test_switches(thread: SandboxThread) -> None:
    thread.add_profile("anna", tag="t")
    thread.set_shape(profile_elements="strings")
    thread.fail(Fault(status=500))
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(thread, "/profiles/ids")
    caught.value.close()

    assert ask(thread, "/profiles/ids") == {"profiles": ["anna"]}
    assert list(thread.profiles) == ["anna"]
    assert ask(thread, "/webhook-secret") == {"webhook_secret": thread.webhook_secret}


def test_uploads(thread: SandboxThread, tmp_path: Path) -> None:
    url = thread.upload(PHOTO, name="me.jpg")
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == PHOTO
    assert url == thread.origin + "/uploads/me.jpg"


def test_an_error_in_a_switch_reaches_the_caller(thread: SandboxThread) -> None:
    with pytest.raises(ValueError, match="expected a route"):
        thread.fail("POST /nowhere", status=500)


def test_a_start_that_fails_is_told() -> None:
    with running_sandbox() as first, pytest.raises(OSError, match="address"):
        SandboxThread(port=first.sandbox.port).start()


def test_a_crash_is_shown_at_the_end() -> None:
    thread = SandboxThread()
    thread.start()
    thread.call(lambda sandbox: sandbox._parts.recorder.crashes.append(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        thread.close()
