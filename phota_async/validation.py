"""Check a request against what the service documents, before anything is sent. No I/O.

Every failure says expected and got. ``validate=False`` skips all of this: limits rot.

Source: https://docs.photalabs.com/api/studio/edit, https://docs.photalabs.com/guides/base-models
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn
from urllib.parse import urlsplit

from .config import is_loopback
from .errors import InputError
from .requests import AnyRequest, EditRequest, SizedRequest, images_of

MAX_IMAGES = 10  # input photos of an edit
MAX_OUTPUTS = 4
MAX_TAG = 128  # characters
MAX_SHOWN = 128  # characters of a wrong value that an error repeats; longer ones are hardly meant
RESOLUTIONS: Mapping[str, tuple[str, ...]] = {
    "nb2": ("1K", "2K", "4K"),
    "gpt-image-2": ("1K", "2K", "4K"),
    "qwen-image-2": ("1K", "2K"),
    "flux-2": ("1K", "2K"),
    "reve": ("1K",),
}
QUALITIES: Mapping[str, tuple[str, ...]] = {"gpt-image-2": ("auto", "low", "medium", "high")}
ASPECT_RATIOS = ("auto", "1:1", "3:4", "4:3", "9:16", "16:9")
OUTPUT_FORMATS = ("jpg", "png")
RESPONSE_MODES = ("bytes", "urls")
TRAINING_PHOTOS: Mapping[str, tuple[int, int]] = {"standard": (10, 50), "fast": (5, 10)}

_SIZED = frozenset({"aspect_ratio", "resolution", "base_model", "quality"})
NOT_ACCEPTED: Mapping[str, frozenset[str]] = {
    "edit": frozenset({"image", "input_image", "reference_image"}),
    "generate": frozenset({"images", "image", "input_image", "reference_image", "profile_ids"}),
    "enhance": _SIZED | {"images", "input_image", "reference_image"},
    "remix": _SIZED | {"images", "image"},
}


def fail(name: str, expected: str, got: object, hint: str = "") -> NoReturn:
    """Raise the `InputError` that says expected and got."""
    is_short = isinstance(got, (int, float, type(None))) or (isinstance(got, str) and len(got) < MAX_SHOWN)
    shown = repr(got) if is_short else type(got).__name__
    raise InputError(f"{name}: expected {expected}, got {shown}").with_context(hint=hint)


def check_request(request: AnyRequest) -> None:
    """Raise `InputError` when a request breaks a documented rule."""
    _check_images(request)
    _check_texts(request)
    _check_outputs(request)
    if isinstance(request, SizedRequest):
        _check_size(request)
    if not isinstance(request.extra, Mapping):
        fail("extra", "a mapping of field names to values", request.extra)
    refused = NOT_ACCEPTED[request.operation] & request.extra.keys()
    if refused:
        fail("extra", f"fields that {request.operation} accepts", min(refused))


def _check_images(request: AnyRequest) -> None:
    photos = images_of(request)
    if isinstance(request, EditRequest) and not 1 <= len(photos) <= MAX_IMAGES:
        fail("images", f"1 to {MAX_IMAGES} photos", len(photos))


def _check_texts(request: AnyRequest) -> None:
    prompt = request.prompt
    if not isinstance(prompt, str) and not (prompt is None and request.operation in ("enhance", "remix")):
        fail("prompt", "a str", prompt)
    for profile_id in getattr(request, "profile_ids", ()):
        if not isinstance(profile_id, str) or not profile_id:
            fail("profile_ids", "non-empty strings", profile_id)


def _check_outputs(request: AnyRequest) -> None:
    count = request.num_output_images
    if not is_count(count) or not 1 <= count <= MAX_OUTPUTS:
        fail("num_output_images", f"1 to {MAX_OUTPUTS} output images", count)
    hint = 'JPEG is spelled "jpg" here' if request.output_format == "jpeg" else ""
    one_of("output_format", request.output_format, OUTPUT_FORMATS, hint)
    one_of("response_mode", request.response_mode, RESPONSE_MODES)


def _check_size(request: SizedRequest) -> None:
    one_of("aspect_ratio", request.aspect_ratio, ASPECT_RATIOS)
    one_of("base_model", request.base_model, RESOLUTIONS)
    allowed = RESOLUTIONS[request.base_model]
    one_of(f"resolution with {request.base_model}", request.resolution, allowed)
    if request.quality is not None:
        qualities = QUALITIES.get(request.base_model)
        if qualities is None:
            fail(
                "quality",
                f"None with {request.base_model}",
                request.quality,
                "only gpt-image-2 takes a quality",
            )
        one_of("quality", request.quality, qualities)


def check_training(image_urls: Sequence[str], training_tier: str) -> None:
    """Raise `InputError` when a profile cannot be trained from these links."""
    one_of("training_tier", training_tier, TRAINING_PHOTOS)
    least, most = TRAINING_PHOTOS[training_tier]
    if not least <= len(image_urls) <= most:
        fail("image_urls", f"{least} to {most} photos for the {training_tier} tier", len(image_urls))
    for url in image_urls:
        if not is_http_url(url):
            hint = "training takes links that the service can reach: there is no upload endpoint"
            fail("image_urls", "http(s) links", url, hint)


def check_tag(tag: object) -> None:
    """Raise `InputError` when a tag is not 1 to 128 characters."""
    if not isinstance(tag, str):
        fail("tag", f"1 to {MAX_TAG} characters", tag)
    if not 1 <= len(tag) <= MAX_TAG:
        fail("tag", f"1 to {MAX_TAG} characters", len(tag))
    try:
        tag.encode()
    except UnicodeEncodeError:  # a query would lose it without a word
        raise InputError("tag: expected text, got half a character (a lone surrogate)") from None


def check_callback_url(url: object, *, service: str = "") -> None:
    """Raise `InputError` when a callback's address is not https.

    Args:
        url: The address.
        service: The address of the service: one on this machine may call another program on it by http.
    """
    scheme = urlsplit(str(url)).scheme if is_http_url(url) else ""
    if scheme != "https" and not (scheme and _is_here(url) and _is_here(service)):
        fail("callback_url", "an https address", str(url).split(":", 1)[0][:10] if isinstance(url, str) else url)


def is_http_url(url: object) -> bool:
    """Whether a value is an ``http(s)`` address with a host."""
    if not isinstance(url, str) or not url.lower().startswith(("http://", "https://")):
        return False
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False


def _is_here(url: object) -> bool:
    return is_loopback(urlsplit(str(url)).hostname or "")


def is_count(value: Any) -> bool:
    """Whether a value is an integer; ``True`` is not."""
    return isinstance(value, int) and not isinstance(value, bool)


def one_of(name: str, value: object, allowed: Iterable[str], hint: str = "") -> None:
    """Raise `InputError` when a value is not one of the allowed words."""
    words = tuple(allowed)
    if value not in words:
        hint = hint or "validate=False leaves the judgement to the service"
        fail(name, " or ".join(words), value, hint)
