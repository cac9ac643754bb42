"""Tell picture formats from their first bytes, and whole pictures by their last ones. No I/O."""

HEAD = 32  # bytes that `sniff` needs
TAIL = 1024  # bytes in which `is_cut` looks for a picture's end: what some programs put behind it is shorter

_SIGNATURES = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"BM", "bmp"),
)
_BRANDS = {  # ISO base media files name their format in the ftyp box
    b"avif": "avif",
    b"avis": "avif",
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "heic"),
}
SUFFIXES = {
    "jpg": (".jpg", ".jpeg", ".jpe"),
    "png": (".png",),
    "webp": (".webp",),
    "gif": (".gif",),
    "tiff": (".tiff", ".tif"),
    "bmp": (".bmp",),
    "heic": (".heic", ".heif"),
    "avif": (".avif",),
}
KNOWN_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


def sniff(head: bytes) -> str | None:
    """Return ``"jpg"``, ``"png"``, ``"webp"``, ... from a picture's first 32 bytes, or ``None``."""
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        brands = (head[8:12], *(head[at : at + 4] for at in range(16, len(head) - 3, 4)))
        return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
    return None


def is_cut(head: bytes, tail: bytes, size: int) -> bool:
    """Whether a picture ends before its end; formats that have no mark of it are taken for whole.

    Args:
        head: Its first 32 bytes.
        tail: Its last 1024 bytes.
        size: All its bytes.
    """
    match sniff(head):
        case "jpg":
            return b"\xff\xd9" not in tail  # compressed data cannot hold these two; a thumbnail that ends here can
        case "png":
            return b"IEND\xaeB`\x82" not in tail
        case "webp":
            return size < 8 + int.from_bytes(head[4:8], "little")
    return False


def file_name(name: str, image_format: str | None) -> str:
    """Return ``name`` with the suffix that its bytes deserve: ``a.png`` with JPEG bytes is ``a.jpg``."""
    suffixes = SUFFIXES.get(image_format or "", (".bin",))
    stem, dot, suffix = name.rpartition(".")
    if dot and stem and f".{suffix.lower()}" in suffixes:
        return name
    if dot and stem and f".{suffix.lower()}" in KNOWN_SUFFIXES:
        name = stem
    return name + suffixes[0]
