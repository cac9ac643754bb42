"""Take profile trainings in: look at the photos, charge, and let the clock do the rest."""

from typing import Any
from urllib.parse import urlsplit

from phota_async.sandbox.accounts import Charge
from phota_async.sandbox.document import request_schema
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.orders import refuse_findings
from phota_async.sandbox.parts import Parts
from phota_async.sandbox.photos import Photo
from phota_async.sandbox.prices import PROFILE_PRICES
from phota_async.sandbox.profiles import TrainedProfile, check_limits
from phota_async.sandbox.validation import check

NO_SUBJECT = "no-subject"  # in the path of a training photo's URL: refused with 400
KEPT_PHOTOS = 3  # of each training, for pictures to come


async def add_profile(parts: Parts, body: Any) -> TrainedProfile:
    """Start a training, or refuse it."""
    refuse_findings(list(check(body, request_schema("profile"))))
    tier = body.get("training_tier", "standard")
    check_limits(body["image_urls"], tier)
    _find_subject(body["image_urls"])
    photos, problem, fetched = await _look_at(parts, body["image_urls"])
    profile = TrainedProfile(
        profile_id=parts.new_id("prof"),
        created_at=parts.clock.time(),
        seconds=_seconds(parts, tier),
        tag=body.get("tag"),
        training_tier=tier,
        image_urls=body["image_urls"],
        photos=photos[:KEPT_PHOTOS],
        fetched=fetched,
        problem=problem or _next_problem(parts),
    )
    _charge(parts, profile)
    parts.profiles.records[profile.profile_id] = profile
    return profile


def _seconds(parts: Parts, tier: str) -> float:
    return parts.rules.training_seconds if tier == "standard" else parts.rules.fast_training_seconds


def _find_subject(image_urls: list[str]) -> None:
    """Refuse photos without a subject: release notes of v0.1.1."""
    for index, url in enumerate(image_urls):
        if NO_SUBJECT in urlsplit(url).path:
            raise ServiceError(400, f"No person, dog or cat was found in image_urls[{index}]")


async def _look_at(parts: Parts, image_urls: list[str]) -> tuple[list[Photo], str | None, int]:
    """Open the photos that are on this machine; what is wrong with one shows up as status ERROR."""
    photos: list[Photo] = []
    problems: list[str] = []
    fetched = 0
    for index, url in enumerate(image_urls):
        try:
            if len(photos) < KEPT_PHOTOS or parts.inputs.is_local(url):
                photos.append(await parts.inputs.read(url))
                fetched += parts.inputs.is_local(url)
        except ServiceError as error:
            problems.append(f"image_urls[{index}]: {error.text}")
    return photos, "; ".join(problems) or None, fetched


def _next_problem(parts: Parts) -> str | None:
    return parts.profiles.problems.pop(0) if parts.profiles.problems else None


def _charge(parts: Parts, profile: TrainedProfile) -> None:
    charge = Charge(
        time=profile.created_at,
        operation="profile",
        amount=PROFILE_PRICES[profile.training_tier],
        profile_id=profile.profile_id,
        settled=True,
    )
    parts.account.reserve(charge)
