"""Every example runs as a program against the sandbox, and leaves what it promises."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from phota_async.media.formats import sniff
from phota_async.sandbox.thread import SandboxThread

EXAMPLES = Path(__file__).parent.parent / "examples"
PHOTO = Path(__file__).parent.parent / "phota_async" / "demo" / "photos" / "cat.jpg"
Run = Callable[..., str]


@pytest.fixture
def run(phota_sandbox: SandboxThread, tmp_path: Path) -> Run:
    def start(name: str, *arguments: object) -> str:
        environment = os.environ | {
            "PHOTA_BASE_URL": phota_sandbox.base_url,
            "PHOTA_API_KEY": phota_sandbox.api_key,
            "POLL_SECONDS": "0.1",
        }
        done = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return start


def is_picture(path: Path) -> bool:
    return sniff(path.read_bytes()[:32]) == "jpg"


def test_quickstart_saves_an_enhanced_photo(run: Run, tmp_path: Path) -> None:
    assert run("quickstart", PHOTO).split() == ["out/enhanced-1.jpg"]
    assert is_picture(tmp_path / "out/enhanced-1.jpg")


def test_train_and_edit_watches_and_recognises(run: Run, phota_sandbox: SandboxThread, tmp_path: Path) -> None:
    links = [phota_sandbox.call(lambda sandbox: sandbox.upload(PHOTO)) for _ in range(5)]
    printed = run("train_and_edit", PHOTO, *links)
    assert "IN_PROGRESS" in printed
    assert "READY" in printed
    assert "missing: ()" in printed
    assert is_picture(tmp_path / "out/edited-2.jpg")


def test_batch_folder_mirrors_the_tree_and_skips_what_is_there(
    run: Run, phota_sandbox: SandboxThread, tmp_path: Path
) -> None:
    (tmp_path / "photos/deep").mkdir(parents=True)
    for name in ("a.jpg", "deep/b.jpg"):
        (tmp_path / "photos" / name).write_bytes(PHOTO.read_bytes())
    assert "2 photos, 0.24 to 0.24 US dollars" in run("batch_folder", "photos", "results")
    assert is_picture(tmp_path / "results/deep/b.enhance-1.jpg")
    assert run("batch_folder", "photos", "results").count("skipped") == 3  # two outcomes and the counters
    assert phota_sandbox.posts("/enhance") == 2


def test_csv_of_prompts_goes_on_where_it_was(run: Run, phota_sandbox: SandboxThread, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(PHOTO.read_bytes())
    (tmp_path / "prompts.csv").write_text("photo,prompt\na.jpg,brighter\n")
    assert "done a.jpg" in run("csv_of_prompts", "prompts.csv", "results")
    (tmp_path / "prompts.csv").write_text("photo,prompt\na.jpg,brighter\nb.jpg,darker\n")
    printed = run("csv_of_prompts", "prompts.csv", "results")
    assert "skipped a.jpg" in printed
    assert "done b.jpg" in printed
    assert is_picture(tmp_path / "results/b.edit-1.jpg")
    assert phota_sandbox.posts("/edit") == 2


def test_jobs_submits_and_fetches_in_another_process(run: Run, tmp_path: Path) -> None:
    job_id = run("jobs", "submit", PHOTO).strip()
    assert run("jobs", "fetch", job_id).split() == ["out/image-1.jpg"]
    assert is_picture(tmp_path / "out/image-1.jpg")


def test_errors_and_hooks_shows_events(run: Run) -> None:
    printed = run("errors_and_hooks", PHOTO)
    assert "RequestFinished" in printed
    assert "ImageResult 1 images" in printed


def test_prometheus_metrics_can_be_scraped(phota_sandbox: SandboxThread, tmp_path: Path) -> None:
    phota_sandbox.fail("POST /enhance", status=503, headers={"Retry-After": "0"})
    environment = os.environ | {"PHOTA_BASE_URL": phota_sandbox.base_url, "PHOTA_API_KEY": phota_sandbox.api_key}
    with subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLES / "prometheus_metrics.py", PHOTO],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin
        assert program.stdout
        address = program.stdout.readline().strip()
        assert program.stdout.readline() == "cat.jpg done\n"
        with urllib.request.urlopen(address, timeout=10) as answer:
            scraped = answer.read().decode()
        program.stdin.close()
        assert program.wait(timeout=20) == 0

    families = text_string_to_metric_families(scraped)
    samples = [sample for family in families for sample in family.samples]
    by_name = {(sample.name, *sorted(sample.labels.values())): sample.value for sample in samples}
    assert by_name["phota_items_running",] == 0
    assert by_name["phota_items_total", "done"] == by_name["phota_item_seconds_count", "done"] == 1
    assert by_name["phota_spent_dollars_total",] == pytest.approx(0.12)
    assert by_name["phota_unpriced_items_total",] == 0
    assert by_name["phota_calls_total", "202", "POST /enhance"] == 1
    assert by_name["phota_operations_total", "enhance", "ok"] == 1
    assert by_name["phota_operations_begun_total", "enhance"] == 1
    assert by_name["phota_images_total", "enhance"] == 1
    assert by_name["phota_operation_seconds_count", "enhance"] == 1
    assert by_name["phota_failed_attempts_total", "POST /enhance", "ServerError"] == 1
    assert by_name["phota_large_bodies_total", "sent"] == 2  # with the refused attempt's
    assert not {name for name in by_name if name[0].startswith("phota_unclear_charges_")}


def test_every_example_is_tested() -> None:
    tested = {
        *("quickstart", "train_and_edit", "batch_folder", "csv_of_prompts", "jobs", "errors_and_hooks"),
        "prometheus_metrics",
    }
    in_test_recipes = {"recipe_arq", "recipe_celery", "recipe_runner", "recipe_taskiq"}
    in_test_web_examples = {"web_fastapi", "web_starlette", "web_aiohttp", "web_ten_lines", "edits", "job_store"}
    in_test_fleet_example = {"fleet", "fleet_web", "fleet_worker", "order_store", "local_postgres"}
    in_test_command = {"own_worker"}
    elsewhere = in_test_recipes | in_test_web_examples | in_test_fleet_example | in_test_command
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested | elsewhere


def test_the_readme_shows_the_ten_lines_as_they_are() -> None:
    program = (EXAMPLES / "web_ten_lines.py").read_text()
    lines = program[program.index("client = PhotaClient()") :]
    assert lines in (EXAMPLES.parent / "README.md").read_text()
