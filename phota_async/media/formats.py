"""Tell picture formats from their first bytes. No I/O."""

HEAD = 32  # bytes that `sniff` needs

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


def file_name(name: str, image_format: str | None) -> str:
    """Return ``name`` with the suffix that its bytes deserve: ``a.png`` with JPEG bytes is ``a.jpg``."""
    suffixes = SUFFIXES.get(image_format or "", (".bin",))
    stem, dot, suffix = name.rpartition(".")
    if dot and stem and f".{suffix.lower()}" in suffixes:
        return name
    if dot and stem and f".{suffix.lower()}" in KNOWN_SUFFIXES:
        name = stem
    return name + suffixes[0]
