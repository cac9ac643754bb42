"""Links in foreign texts: nobody opens anything with what is left of them."""

import time

import pytest

from phota_async.errors import DownloadError, JobFailedError, shorten
from phota_async.links import without_queries


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("no link", "no link"),
        ("see https://x.example/a.jpg", "see https://x.example/a.jpg"),
        ("see https://x.example/a.jpg?s=1&t=2, please", "see https://x.example/a.jpg?… please"),
        ('"http://me:pw@x.example:80/a#b"', '"http://x.example:80/a?…"'),
        ("HTTPS://X/?a https://y?b", "HTTPS://X/?… https://y?…"),
        ("ftp://x/?a", "ftp://x/?a"),
    ],
)
def test_queries_go(text: str, left: str) -> None:
    assert without_queries(text) == left


def test_errors_speak_without_them() -> None:
    assert shorten("broken: https://x/?s=1") == "broken: https://x/?…"
    assert "s=1" not in f"{JobFailedError('job-1', 'failed', 'https://x/?s=1')} {DownloadError('a', 'https://x/?s=1')}"


@pytest.mark.parametrize("text", ["http://" * 20_000, "http://a@" * 20_000, "https://" + "a" * 100_000 + "@"])
def test_long_texts_take_no_long_time(text: str) -> None:
    begun = time.process_time()
    without_queries(text)
    assert time.process_time() - begun < 1
