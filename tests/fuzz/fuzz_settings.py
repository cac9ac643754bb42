"""Settings: a project file of a stranger's, the own ones, and the file of keys, as TOML of any kind."""

import os
import tempfile
from pathlib import Path
from typing import Any

from phota_async.cli.config_files import read_config, read_project
from phota_async.cli.credentials import Credential, read_credentials
from phota_async.cli.sources import Found, Sources
from phota_async.errors import ConfigError

KEY = "phk-fuzz-canary-9921"
SEEDS = (
    b'\x00base_url = "https://evil.example/v1"\nmax_spend = "20"\nconcurrency = 4\n[people]\nmia = "prof_1"\n',
    b'\x00api_key = "phk-fuzz-canary-9921"\n',
    b'\x01account = "work"\nupload = "s3://b/x"\n[accounts.work]\nbase_url = "https://a.example/v1"\nmax_spend = 3.5\n',
    b'\x02api_key = "phk-fuzz-canary-9921"\nbase_url = "https://a.example/v1"\n[accounts.work]\napi_key = "k2"\n',
    b'\x00max_spend = "1e999999999"\n',
    b'\x01max_spend = "1e-999999999"\n',
    b"\x00people = { mia = 'prof_1' }\nstate_dir = '/etc'\n",
)
WORDS = (
    *(b"api_key", b"base_url = ", b"account = ", b"[accounts.", b"[people]\n", b"max_spend = ", b"concurrency = "),
    *(
        b"nan",
        b"inf",
        b'max_spend = "1e999999999"\n',
        b"1e999",
        b"1979-05-27T07:32:00Z",
        b"0x7f",
        b"9" * 5000,
        b'"""',
        b"'''",
        b'"\\u0000"',
        b"[[",
    ),
    *(b"[" * 2000, b"{a=" * 500, b"a." * 2000, b"\x1b[2J", b"\xff", b"\0", b"=", b"\n", b'"http://[::1"', b"true"),
)


def check(data: bytes) -> None:
    """Read a file as what the first byte says, then put all settings together with it in its place."""
    kind = data[0] % 3 if data else 0
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112
    with tempfile.TemporaryDirectory(dir=base) as folder:
        path = Path(folder) / "file.toml"
        path.touch(mode=0o600)
        path.write_bytes(data[1:])
        try:
            _put_together(kind, (read_project, read_config, read_credentials)[kind](path))
        except ConfigError as error:
            told = f"{error} {error!r} {error.hint}"
            is_clean = "\x1b" not in told and (kind < 2 or KEY not in told)
        else:
            is_clean = True
        assert is_clean


def _put_together(kind: int, file: Any) -> None:
    assert repr(file)
    files: list[Any] = [None, None, {None: Credential(KEY)}]
    files[kind] = file
    found = Found(Sources({}, *files), None)
    assert repr((found.values, found.people(), found.address(), found.key()[1]))
