"""What the demo asks for: one request for each thing the service can do with four photos. No I/O."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import msgspec

from phota_async.pricing import PUBLISHED, estimate
from phota_async.report.rows import money
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

    @classmethod
    def of(cls, profiles: Sequence[str]) -> Self:
        """Cast profiles that were trained elsewhere: the first as the astronaut, the second as the cat."""
        first, second, *_ = (*profiles, None, None)
        return cls(astronaut=first, cat=second, is_in_photos=False)

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
        EditRequest(images=(photos["cat"],), prompt=f"{cat} with a small knitted scarf in warm light"),
    )
    yield (
        "coffee-visitor",
        EditRequest(
            images=(photos["coffee"], photos["cat"]),
            prompt=f"{cat} looks over the rim of the cup, golden light",
            aspect_ratio="4:3",
        ),
    )
    yield (
        "rocket-wave",
        EditRequest(
            images=(photos["rocket"], photos["astronaut"]),
            prompt=f"{astronaut} waves from the launch pad at sunset, the rocket behind",
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
        GenerateRequest(prompt=f"{astronaut} reads at a kitchen table, golden morning", aspect_ratio="4:3"),
    )
    yield "sofa", GenerateRequest(prompt=f"{astronaut} and {cat} on a teal sofa by the window", aspect_ratio="1:1")
    yield (
        "pilot-seat",
        GenerateRequest(prompt=f"{cat} asleep on a pilot's seat under a blue night sky", num_output_images=2),
    )


def _mark(profile_id: str | None, subject: Subject) -> str:
    return f"[[{profile_id}]]" if profile_id else subject.words


def live_estimate(profiles: Sequence[str]) -> str:
    """Say what a live run buys and what it costs, as far as prices are published."""
    requests = list(plan({name: Path(name) for name in PHOTOS}, Cast.of(profiles)).values())
    priced = [request for request in requests if estimate(request)[0] is not None]
    pictures = sum(request.num_output_images for request in requests)
    unpriced = len(requests) - len(priced)
    return (
        f"A live run sends {len(requests)} requests for {pictures} pictures and pays for each that is not in the "
        f"folder yet.\n{len(priced)} enhance and remix requests cost {money(*estimate(priced))} "
        f"by the list of {PUBLISHED.date}; the price of {unpriced} edit and generate requests is not published."
    )
