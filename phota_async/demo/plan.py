"""What the demo asks for: one request for each thing the service can do with four photos. No I/O."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from phota_async.requests import AnyRequest, EditRequest, EnhanceRequest, GenerateRequest, RemixRequest

from .photos import ASTRONAUT, CAT, PHOTOS, Subject


class Cast(msgspec.Struct, frozen=True, kw_only=True):
    """Who plays the two subjects."""

    astronaut: str | None = None
    """Profile id of the first subject; ``None`` to speak of it in words."""
    cat: str | None = None
    """Profile id of the second subject; ``None`` to speak of it in words."""
    is_in_photos: bool = True
    """Whether the profiles show who is in the demo's photos, so that enhance can look for them."""

    def names(self) -> dict[str, str]:
        """Return what the contact sheet calls each profile."""
        if not self.is_in_photos:
            return {}
        pairs = ((self.astronaut, ASTRONAUT), (self.cat, CAT))
        return {profile_id: subject.name for profile_id, subject in pairs if profile_id is not None}


def plan(photos: Mapping[str, Path], cast: Cast) -> dict[str, AnyRequest]:
    """Return the demo's requests by key: 4 enhance, 4 edit, 3 remix, 3 generate (one of two pictures)."""
    return {
        **dict(_enhance(photos, cast)),
        **dict(_edit(photos, cast)),
        **dict(_remix(photos)),
        **dict(_generate(cast)),
    }


def _enhance(photos: Mapping[str, Path], cast: Cast) -> Iterator[tuple[str, AnyRequest]]:
    shown = {ASTRONAUT.photo: cast.astronaut, CAT.photo: cast.cat} if cast.is_in_photos else {}
    for name in PHOTOS:
        profile_id = shown.get(name)
        yield name, EnhanceRequest(image=photos[name], profile_ids=(profile_id,) if profile_id else ())


def _edit(photos: Mapping[str, Path], cast: Cast) -> Iterator[tuple[str, AnyRequest]]:
    astronaut, cat = _mark(cast.astronaut, ASTRONAUT), _mark(cast.cat, CAT)
    yield (
        "astronaut-beach",
        EditRequest(
            images=(photos["astronaut"],),
            prompt=f"{astronaut} in a denim jacket on a windy beach at sunset",
        ),
    )
    yield (
        "cat-scarf",
        EditRequest(images=(photos["cat"],), prompt=f"{cat} with a small knitted scarf, soft light"),
    )
    yield (
        "coffee-visitor",
        EditRequest(
            images=(photos["coffee"], photos["cat"]),
            prompt=f"{cat} looks over the rim of the cup",
            aspect_ratio="4:3",
        ),
    )
    yield (
        "rocket-wave",
        EditRequest(
            images=(photos["rocket"], photos["astronaut"]),
            prompt=f"{astronaut} waves from the launch pad, the rocket behind",
            aspect_ratio="16:9",
        ),
    )


def _remix(photos: Mapping[str, Path]) -> Iterator[tuple[str, AnyRequest]]:
    for content, look in (("astronaut", "coffee"), ("rocket", "coffee"), ("cat", "rocket")):
        yield (
            f"{content}-in-{look}-look",
            RemixRequest(input_image=photos[content], reference_image=photos[look]),
        )


def _generate(cast: Cast) -> Iterator[tuple[str, AnyRequest]]:
    astronaut, cat = _mark(cast.astronaut, ASTRONAUT), _mark(cast.cat, CAT)
    yield (
        "kitchen",
        GenerateRequest(prompt=f"{astronaut} reads at a kitchen table in the morning", aspect_ratio="4:3"),
    )
    yield "sofa", GenerateRequest(prompt=f"{astronaut} and {cat} on a sofa by the window", aspect_ratio="1:1")
    yield "pilot-seat", GenerateRequest(prompt=f"{cat} asleep on a pilot's seat", num_output_images=2)


def _mark(profile_id: str | None, subject: Subject) -> str:
    return f"[[{profile_id}]]" if profile_id else subject.words
