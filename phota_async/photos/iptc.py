"""Read keywords from IPTC records, where programs wrote them before XMP. No I/O.

Source: IPTC-NAA Information Interchange Model 4.2, 1.5 and 2:25; Adobe Photoshop File Formats, image resources.
"""

from collections.abc import Iterator

_UTF8 = b"\x1b%G"
_CHARACTER_SET, _KEYWORD = (1, 90), (2, 25)
_IPTC_BLOCK = 0x0404
MAX_KEYWORDS = 1000


def keywords(records: bytes) -> tuple[str, ...]:
    """Return the keywords; none when the records are broken before them."""
    is_utf8, found = False, list[bytes]()
    for dataset, value in _datasets(records):
        if dataset == _CHARACTER_SET:
            is_utf8 = value == _UTF8
        elif dataset == _KEYWORD and len(found) < MAX_KEYWORDS:
            found.append(value)
    return tuple(dict.fromkeys(_decode(value, is_utf8) for value in found if value))


def _datasets(records: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    at = 0
    while at + 5 <= len(records) and records[at] == 0x1C:  # noqa: PLR2004 - the mark before each
        size = int.from_bytes(records[at + 3 : at + 5], "big")
        if size & 0x8000 or at + 5 + size > len(records):  # larger than any keyword, or cut off
            return
        yield (records[at + 1], records[at + 2]), records[at + 5 : at + 5 + size]
        at += 5 + size


def _decode(value: bytes, is_utf8: bool) -> str:
    try:
        return value.decode()  # many programs write UTF-8 without saying so
    except UnicodeDecodeError:
        return value.decode("utf-8" if is_utf8 else "latin-1", "replace")


def in_photoshop(blocks: bytes) -> bytes:
    """Return the IPTC records among Photoshop's image resources; empty when there are none."""
    at = 0
    while blocks[at : at + 4] == b"8BIM" and at + 12 <= len(blocks):
        kind = int.from_bytes(blocks[at + 4 : at + 6], "big")
        at += 6 + (blocks[at + 6] + 2) // 2 * 2  # the resource's name, padded with its length to an even size
        size = int.from_bytes(blocks[at : at + 4], "big")
        if kind == _IPTC_BLOCK:
            return blocks[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return b""
