"""Paths as JSON can hold them: a name that is not UTF-8 survives as a ``file:`` address. No I/O."""

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

from ..results import StrPath

FILE = "file://"


def to_text(path: StrPath) -> str:
    """Return an absolute path as text; ``..`` is resolved, links are not."""
    absolute = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - pathlib leaves ".." where it is
    try:
        absolute.encode()
    except UnicodeEncodeError:
        return Path(absolute).as_uri()
    return absolute


def from_text(text: str) -> str:
    """Return the path that `to_text` made a text of; other text, such as a link, stays as it is."""
    return os.fsdecode(unquote_to_bytes(text.removeprefix(FILE))) if text.startswith(FILE) else text
