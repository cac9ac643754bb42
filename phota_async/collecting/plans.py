"""What is wished of every photo, before there is one: the fields of all four operations, made into requests."""

from collections.abc import Sequence
from typing import Any, Self

import msgspec

from ..errors import InputError
from ..hidden import rich_repr
from ..requests import (
    AnyRequest,
    EditRequest,
    EnhanceRequest,
    GenerateRequest,
    ImageRequest,
    RemixRequest,
    SizedRequest,
)

KINDS: dict[str, type[AnyRequest]] = {
    kind.operation: kind for kind in (EditRequest, GenerateRequest, EnhanceRequest, RemixRequest)
}


class RequestPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A request without its photos. ``None`` leaves a field to the service's default."""

    operation: str
    prompt: str | None = None
    people: tuple[str, ...] = ()
    """Profile ids."""
    variations: int = 1
    resolution: str | None = None
    aspect: str | None = None
    model: str | None = None
    quality: str | None = None
    reference: str | None = None
    """The photo whose look remix takes."""
    output_format: str = "jpg"

    def build(self, photos: Sequence[Any]) -> AnyRequest:
        """Return the request for photos; fields that the operation does not have are left out.

        Raises:
            InputError: The operation is none, or needs more, or fewer, photos.
        """
        kind = KINDS.get(self.operation)
        if kind is None:
            raise InputError(f"operation: expected {' or '.join(KINDS)}, got {self.operation!r}")
        self._check_photos(photos)
        return kind(**self._photos(photos), **self._fields(kind))

    def replace(self, **changes: Any) -> Self:
        """Return it with changes."""
        return msgspec.structs.replace(self, **changes)

    def __repr__(self) -> str:
        return f"<RequestPlan {self.operation} x{self.variations}>"

    __rich_repr__ = rich_repr

    def _check_photos(self, photos: Sequence[Any]) -> None:
        needed = {"generate": 0, "edit": max(1, len(photos))}.get(self.operation, 1)
        if len(photos) != needed:
            raise InputError(f"images: expected {needed} with {self.operation}, got {len(photos)}")
        if self.operation == "remix" and not self.reference:
            raise InputError("reference_image: expected the photo whose look is taken, got none")
        if self.operation == "generate" and self.people:
            raise InputError("profile_ids: expected none with generate, which names people in its prompt: [[id]]")
        if self.operation in ("edit", "generate") and not (self.prompt or "").strip():
            raise InputError(f"prompt: expected what to {self.operation}, got nothing")

    def _photos(self, photos: Sequence[Any]) -> dict[str, Any]:
        if self.operation == "edit":
            return {"images": tuple(photos)}
        if self.operation == "enhance":
            return {"image": photos[0]}
        if self.operation == "remix":
            return {"input_image": photos[0], "reference_image": self.reference}
        return {}

    def _fields(self, kind: type[ImageRequest]) -> dict[str, Any]:
        fields: dict[str, Any] = {"num_output_images": self.variations, "output_format": self.output_format}
        if self.prompt is not None:
            fields["prompt"] = self.prompt
        if self.operation != "generate":
            fields["profile_ids"] = self.people
        if issubclass(kind, SizedRequest):
            sized = {"resolution": self.resolution, "aspect_ratio": self.aspect, "base_model": self.model}
            fields |= {name: value for name, value in (sized | {"quality": self.quality}).items() if value is not None}
        return fields
