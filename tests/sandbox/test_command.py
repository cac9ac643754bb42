import os
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest
from click.testing import CliRunner

from phota_async.cli.sandbox_command import sandbox

PROGRAM = "from phota_async.cli.sandbox_command import sandbox; sandbox()"


@pytest.mark.skipif(os.name == "nt", reason="signals to a child are another thing there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_stopped(number: int) -> None:
    command = [sys.executable, "-c", PROGRAM, "--port", "0", "--api-key", "mine", "--balance", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().split()[-1]
        key = process.stdout.readline().split()[-1]
        export = process.stdout.readline()
        request = urllib.request.Request(base_url + "/profiles/ids", headers={"X-API-Key": key})
        with urllib.request.urlopen(request) as answer:
            body = answer.read()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)

    assert (key, body) == ("mine", b'{"profiles":[]}')
    assert export == f"export PHOTA_BASE_URL={base_url} PHOTA_API_KEY=mine\n"
    assert said == "Ctrl-C stops it.\n1 requests, 0 US dollars charged\n"
    assert process.returncode == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", ""])
def test_other_machines_are_kept_out(host: str) -> None:
    result = CliRunner().invoke(sandbox, ["--host", host])

    assert result.exit_code == 2
    assert "--allow-remote" in result.output


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = CliRunner().invoke(sandbox, ["--port", str(taken.getsockname()[1])])

    assert result.exit_code == 1
    assert "address already in use" in result.output
    assert "Traceback" not in result.output


def test_a_remote_host_may_be_allowed() -> None:
    result = CliRunner().invoke(sandbox, ["--host", "192.0.2.1", "--allow-remote", "--port", "0"])

    assert result.exit_code == 1  # not an address of this machine
    assert "--allow-remote" not in result.output
