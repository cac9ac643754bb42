"""The four image requests as values: built once, then sent, submitted as a job, batched or stored."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, BinaryIO, ClassVar, Protocol

import msgspec


class PillowImage(Protocol):
    """What is used of a ``PIL.Image.Image``; Pillow itself is only imported when one is given."""

    @property
    def mode(self) -> str:
        """How its pixels are kept: ``"RGB"``, ``"RGBA"``, ..."""
        ...

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:  # noqa: A002 - Pillow's name
        """Encode into a file object."""
        ...


ImageInput = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | PillowImage
"""A photo: a path, bytes, an ``http(s)`` URL, a ``data:`` URI, a binary file object or a Pillow image.

A ``str`` is a URL when it starts with ``http://`` or ``https://``, a data URI when it starts with ``data:``,
and a path otherwise; never base64 by guess.
"""

_SINGLE = (str, bytes, bytearray, memoryview, os.PathLike)


class ImageRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What the four requests share. `repr` shows neither photos nor prompts: both are private."""

    operation: ClassVar[str] = ""
    """The endpoint's name: ``"edit"``, ``"generate"``, ``"enhance"`` or ``"remix"``."""
    photos: ClassVar[tuple[str, ...]] = ()
    """The fields that hold photos."""

    num_output_images: int = 1
    """Variations, 1 to 4; each is billed."""
    output_format: str = "jpg"
    """``"jpg"`` or ``"png"``."""
    response_mode: str = "bytes"
    """``"bytes"`` for pictures in the answer, ``"urls"`` for signed links that live 24 hours."""
    extra: Mapping[str, Any] = msgspec.field(default_factory=dict)
    """JSON fields that are newer than this client, sent as they are."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} x{self.num_output_images} {self.output_format} {self.response_mode}>"

    def __rich_repr__(self) -> Any:
        yield f"x{self.num_output_images} {self.output_format} {self.response_mode}"


class SizedRequest(ImageRequest, frozen=True, kw_only=True):
    """The fields that only edit and generate have."""

    aspect_ratio: str = "auto"
    """``auto``, ``1:1``, ``3:4``, ``4:3``, ``9:16`` or ``16:9``."""
    resolution: str = "1K"
    """``1K``, ``2K`` or ``4K``; which of them depends on the model."""
    base_model: str = "nb2"
    """``nb2``, ``gpt-image-2``, ``qwen-image-2``, ``flux-2`` or ``reve``."""
    quality: str | None = None
    """``auto``, ``low``, ``medium`` or ``high``, with ``gpt-image-2`` only; ``None`` leaves it out."""


class EditRequest(SizedRequest, frozen=True, tag_field="operation", tag="edit"):
    """Change photos as the prompt says. Source: https://docs.photalabs.com/api/studio/edit."""

    operation: ClassVar[str] = "edit"
    photos: ClassVar[tuple[str, ...]] = ("images",)

    images: Sequence[Any]
    """1 to 10 photos; a single one need not be a list."""
    prompt: str = ""
    """The change in words; ``[[profile_id]]`` names a trained subject."""
    profile_ids: Sequence[str] = ()
    """Candidate profiles of the end user. Fewer candidates match better."""

    def __post_init__(self) -> None:
        _freeze(self, "images")
        _freeze(self, "profile_ids")


class GenerateRequest(SizedRequest, frozen=True, tag_field="operation", tag="generate"):
    """Make a photo from text; subjects are named in the prompt only.

    Source: https://docs.photalabs.com/api/studio/generate
    """

    operation: ClassVar[str] = "generate"

    prompt: str = ""
    """The picture in words; ``[[profile_id]]`` places a trained subject."""


class EnhanceRequest(ImageRequest, frozen=True, tag_field="operation", tag="enhance"):
    """Improve one photo at 2K. Source: https://docs.photalabs.com/api/studio/enhance."""

    operation: ClassVar[str] = "enhance"
    photos: ClassVar[tuple[str, ...]] = ("image",)

    image: Any
    """The photo."""
    prompt: str | None = None
    """A wish in words; ``None`` leaves it out."""
    profile_ids: Sequence[str] = ()
    """Candidate profiles of the end user."""

    def __post_init__(self) -> None:
        _freeze(self, "profile_ids")


class RemixRequest(ImageRequest, frozen=True, tag_field="operation", tag="remix"):
    """Render one photo in the look of another at 2K. Source: https://docs.photalabs.com/guides/remix."""

    operation: ClassVar[str] = "remix"
    photos: ClassVar[tuple[str, ...]] = ("input_image", "reference_image")

    input_image: Any
    """The photo whose content is kept."""
    reference_image: Any
    """The photo whose look is taken."""
    prompt: str | None = None
    """A wish in words; ``None`` leaves it out."""
    profile_ids: Sequence[str] = ()
    """Candidate profiles of the end user."""

    def __post_init__(self) -> None:
        _freeze(self, "profile_ids")


AnyRequest = EditRequest | GenerateRequest | EnhanceRequest | RemixRequest
Ready = Callable[[AnyRequest], AbstractAsyncContextManager[AnyRequest]]
"""Gives a request as it is to be sent, for as long as it is being sent: ``nullcontext`` gives it as it is."""


def images_of(request: AnyRequest) -> tuple[Any, ...]:
    """Return the request's photos in the order they are sent."""
    if isinstance(request, EditRequest):
        return tuple(request.images)
    return tuple(getattr(request, name) for name in request.photos)


def with_images(request: AnyRequest, images: Sequence[Any]) -> AnyRequest:
    """Return the request with other photos, in the order of `images_of`."""
    if isinstance(request, EditRequest):
        return msgspec.structs.replace(request, images=tuple(images))
    return msgspec.structs.replace(request, **dict(zip(request.photos, images, strict=True)))


def names_of(request: AnyRequest) -> tuple[str, ...]:
    """Return what errors call the photos, in the order of `images_of`: ``images[2]``, ``input_image``."""
    if isinstance(request, EditRequest):
        return tuple(f"images[{place}]" for place in range(len(request.images)))
    return request.photos


def _freeze(request: ImageRequest, name: str) -> None:
    """Make a tuple of a field, so that a request cannot change after it was validated or recorded."""
    value = getattr(request, name)
    if isinstance(value, tuple):
        return
    if isinstance(value, _SINGLE) or not isinstance(value, Iterable) or hasattr(value, "read"):
        value = () if value is None else (value,)  # one photo, or one id, stands for a list of one
    msgspec.structs.force_setattr(request, name, tuple(value))
