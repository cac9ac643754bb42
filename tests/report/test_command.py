"""``phota report`` as people run it: a program of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.sheets import MIA, save_photo

from phota_async.runs import ItemRecord, OutputRecord, RunFolder
from phota_async.runs.records import Identity


def phota(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(cwd), "XDG_CONFIG_HOME": str(cwd), **variables}
    return subprocess.run(
        [sys.executable, "-m", "phota_async", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
        env=environment,
    )


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    save_photo(tmp_path / "out/a.edit-1.jpg")
    folder = RunFolder.create(tmp_path / "out", operation="edit")
    identity = Identity(expected=(MIA,), recognised={MIA: 1})
    outputs = (OutputRecord(path="a.edit-1.jpg"),)
    folder.append(ItemRecord(key="a.jpg", operation="edit", status="done", outputs=outputs, identity=identity))
    return folder


def test_the_path_of_the_page_is_all_that_is_printed(run: RunFolder, tmp_path: Path) -> None:
    done = phota("report", "out", "--name", f"{MIA}=Mia Muster", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    page = Path(done.stdout.strip())
    assert page == tmp_path / f"out/.phota/report-{run.run}.html"
    assert "Mia Muster" in page.read_text()


def test_the_folder_one_is_in_is_meant_when_none_is_named(run: RunFolder, tmp_path: Path) -> None:
    arguments = ("--run", run.run, "-o", "../sheet.html", "--title", "Tuesday")
    done = phota("report", *arguments, cwd=tmp_path / "out")
    assert done.stdout == f"{tmp_path / 'sheet.html'}\n"
    assert "<h1>Tuesday</h1>" in (tmp_path / "sheet.html").read_text()
    assert 'href="./out/a.edit-1.jpg"' in (tmp_path / "sheet.html").read_text()


def test_it_is_opened_when_asked(run: RunFolder, tmp_path: Path) -> None:
    browser = f"{sys.executable} -c \"import sys; open('opened', 'w').write(sys.argv[1])\" %s"
    done = phota("report", "out", "--open", cwd=tmp_path, BROWSER=browser)
    assert done.returncode == 0
    assert (tmp_path / "opened").read_text() == Path(done.stdout.strip()).as_uri()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("report", "nowhere"), "nowhere: expected a folder that a run wrote to"),
        (("report", "out", "--run", "1999"), "run: expected one of those below out"),
        (("report", "out", "--name", "Mia"), "--name: expected ID=NAME, got 'Mia'"),
        (("report", "out", "-o", "out/a.edit-1.jpg"), "expected an earlier page of ours or nothing"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    run: RunFolder, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    before = (tmp_path / "out/a.edit-1.jpg").read_bytes()
    done = phota(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "out/a.edit-1.jpg").read_bytes() == before
