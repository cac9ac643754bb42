"""A request's own photos, read whole and held against what was identified. Blocks."""

import hashlib
import io
import os
from typing import Any

from ..errors import InputError
from ..ledger.photos import identify_photo
from ..media.sources import is_link, label_of, raw_pieces
from ..photos.loading import MAX_FILE


def is_local(image: Any) -> bool:
    """Whether a photo is sent from here; the service fetches links itself."""
    return not (isinstance(image, str) and is_link(image))


def is_file(image: Any) -> bool:
    """Whether a photo is bytes somewhere here, which say more than its pixels do; a Pillow image is not."""
    return is_local(image) and not _is_pillow(image)


def read_original(image: Any, name: str, identity: str | None = None) -> tuple[bytes, str]:
    """Read a photo, once.

    Args:
        image: Anything that a request takes, but a link.
        name: The field, for errors.
        identity: What it was identified as; ``None`` when it was not.

    Returns:
        Its bytes, and what identifies it: ``sha256:...``. A Pillow image is encoded, and known by its pixels.

    Raises:
        InputError: It cannot be read, is too large, or has changed since it was identified.
    """
    label = label_of(image, name)
    if (size := size_of(image)) > MAX_FILE:
        raise InputError(f"{label}: expected at most {MAX_FILE} bytes, got {size}")
    data = image if isinstance(image, bytes) else b"".join(raw_pieces(image, name))
    found = identify_photo(image) if _is_pillow(image) else f"sha256:{hashlib.sha256(data).hexdigest()}"
    if identity is not None and found != identity:
        raise InputError(f"{label}: expected the photo as it was identified, got one that has changed since")
    return data, found


def size_of(image: Any) -> int:
    """Return about how many bytes a photo has; 0 where that is not known before it is read."""
    if isinstance(image, (bytes, bytearray, memoryview)):
        return memoryview(image).nbytes
    if isinstance(image, str) and image[:5].lower() == "data:":
        return len(image)
    if isinstance(image, io.BytesIO):
        return image.getbuffer().nbytes
    if _is_pillow(image):
        return int(image.size[0] * image.size[1])
    try:
        place = image if isinstance(image, (str, os.PathLike)) else image.fileno()
        return os.stat(place).st_size  # noqa: PTH116 - also of a descriptor
    except (OSError, ValueError, AttributeError):  # whoever reads it will say what is wrong with it
        return 0


def _is_pillow(image: Any) -> bool:
    return hasattr(image, "save") and hasattr(image, "mode") and not hasattr(image, "read")
