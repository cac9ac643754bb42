"""``phota report`` lays a batch on a page that several machines carried out, by what their ledger knows."""

from pathlib import Path

import pytest
from support.clients import Connect
from support.pictures import real_picture
from support.postgres import url
from support.programs import Ended, phota

from phota_async import Batch, BatchItem, EnhanceRequest, GenerateRequest
from phota_async.runs import RunFolder
from phota_async.sandbox import Sandbox

pytestmark = pytest.mark.system


@pytest.fixture
async def folder(tmp_path: Path, dsn: str, sandbox: Sandbox, connect: Connect) -> Path:
    """A folder with photos, and the results of two batches on one ledger."""
    client = connect(sandbox.base_url, api_key=sandbox.api_key)
    photo = tmp_path / "photos" / "a.jpg"
    photo.parent.mkdir()
    photo.write_bytes(real_picture(1))
    batches = {
        "summer": [BatchItem("a.jpg", EnhanceRequest(photo)), BatchItem("b.jpg", GenerateRequest(prompt="a secret"))],
        "winter": [BatchItem("c.jpg", GenerateRequest(prompt="snow"))],
    }
    sandbox.fail("POST /generate", status=400)
    for name, items in batches.items():
        async with Batch(client, items, output=tmp_path / "out", ledger=url(dsn), name=name) as outcomes:
            async for _ in outcomes:
                pass
    return tmp_path


def report(folder: Path, dsn: str, *arguments: str, **env: str) -> Ended:
    return phota("report", "out", *(["--dsn", url(dsn)] if dsn else []), *arguments, cwd=folder, env=env)


def test_a_batch_is_shown_with_its_sources_and_what_went_wrong(folder: Path, dsn: str) -> None:
    done = report(folder, dsn, "--batch", "summer", "--photos", "photos")
    assert (done.code, done.err) == (0, "")
    page = Path(done.out.strip())
    assert page == folder / "out/.phota/report-summer.html"
    assert page.stat().st_mode & 0o077 == 0
    text = page.read_text()
    assert "Photos in summer" in text
    assert "../a.enhance-1.jpg" in text
    assert "photos/a.jpg" in text
    assert "BadRequestError 400" in text
    assert "c.jpg" not in text
    assert "a secret" not in text


def test_where_a_ledger_has_several_one_must_be_named(folder: Path, dsn: str) -> None:
    done = report(folder, dsn)
    assert done.code == 2
    assert "--batch: expected one of the ledger's 2 ('summer', 'winter'), got none" in done.err
    done = report(folder, dsn, "--batch", "autumn")
    assert (done.code, done.out) == (2, "")
    assert "purchases of the batch 'autumn', got none" in done.err


def test_a_run_of_the_folders_own_goes_before_the_environment(folder: Path, dsn: str) -> None:
    environment = {"PHOTA_DSN": url(dsn)}
    assert report(folder, "", "--batch", "winter", **environment).out.strip().endswith("report-winter.html")
    run = RunFolder.create(folder / "out", operation="edit")
    assert report(folder, "", **environment).out.strip().endswith(f"report-{run.run}.html")


@pytest.mark.parametrize(
    "arguments", [("--batch", "b"), ("--photos", "p"), ("--dsn", "postgresql://db/x", "--run", "r")]
)
def test_options_that_do_not_fit_are_said(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = phota("report", ".", *arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "--dsn" in done.err
