"""Cut off a link what opens it: its query, which is its signature, and user and password. No I/O."""

import re

_LINK = re.compile(r"(?i)\b(https?://)(?:[^\s/@\"'<>]*@)?([^\s?#\"'<>]*)([?#][^\s\"'<>]*)?")


def without_queries(text: str) -> str:
    """Return a text, such as the service's reason for a refusal, whose links open nothing any more."""
    return _LINK.sub(_bare, text) if "://" in text else text


def _bare(link: re.Match[str]) -> str:
    return f"{link[1]}{link[2]}{'?…' if link[3] else ''}"
