"""The Prometheus example as a fleet: two processes on one ledger, each with the numbers of its own work."""

import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.postgres import url

from phota_async.sandbox.thread import SandboxThread

pytestmark = pytest.mark.system

ROOT = Path(__file__).parent.parent.parent
PHOTO = ROOT / "phota_async" / "demo" / "photos" / "cat.jpg"


@contextmanager
def program(folder: Path, environment: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-W", "error", str(ROOT / "examples" / "prometheus_metrics.py"), str(PHOTO)]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def scraped(address: str) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_what_one_bought_the_other_counts_as_there(phota_sandbox: SandboxThread, dsn: str, tmp_path: Path) -> None:
    told = {"PHOTA_BASE_URL": phota_sandbox.base_url, "PHOTA_API_KEY": phota_sandbox.api_key, "PHOTA_DSN": url(dsn)}
    sums = Counter[tuple[str, ...]]()
    with ExitStack() as scope:
        workers = [scope.enter_context(program(tmp_path, os.environ | told)) for _ in range(2)]
        for worker in workers:
            assert worker.stdin
            assert worker.stdout
            address = worker.stdout.readline().strip()
            assert worker.stdout.readline().startswith("cat.jpg ")
            sums.update(scraped(address))
            worker.stdin.close()
        assert [worker.wait(timeout=20) for worker in workers] == [0, 0]
    assert sums["phota_items_total", "done"] == sums["phota_items_total", "skipped"] == 1
    assert sums["phota_items_running",] == 0
    assert sums["phota_spent_dollars_total",] == pytest.approx(0.12)
    assert sums["phota_calls_total", "202", "POST /enhance"] == phota_sandbox.posts("/enhance") == 1
