"""Read a body into an order, or refuse it: 422 by the schema, 400 by the service's own rules. No I/O."""

import hashlib
import re
from typing import Any

import msgspec

from phota_async.hidden import rich_repr
from phota_async.sandbox.document import request_schema
from phota_async.sandbox.errors import MODERATION, ServiceError, moderated
from phota_async.sandbox.sizes import RESOLUTIONS
from phota_async.sandbox.validation import Finding, check, is_url

SUBJECT = re.compile(r"\[\[([^\[\]]+)\]\]")  # [[profile_id]] in a prompt
PROMPT_NAMES_SUBJECTS = {"edit", "generate"}  # the others take profile_ids only
MODERATED_OUTPUT = "MODERATED_OUTPUT"  # in a prompt: the finished picture is blocked
WORK_FAILS = "WORK_FAILS"  # in a prompt: the work fails at its end and is refunded


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An image call whose fields are in order; its photos are not opened yet."""

    operation: str
    """``edit``, ``generate``, ``enhance`` or ``remix``."""
    prompt: str
    """The words, empty without any."""
    images: tuple[str, ...]
    """Image strings in the order of their use."""
    profile_ids: tuple[str, ...]
    """Named profiles, from the field and from the prompt, each once."""
    num_output_images: int
    """1 to 4."""
    aspect_ratio: str
    """One of the documented ratios, or ``auto``."""
    resolution: str
    """1K, 2K or 4K."""
    output_format: str
    """``png`` or ``jpg``."""
    response_mode: str
    """``bytes`` or ``urls``."""
    is_async: bool
    """Whether a job is wanted."""
    callback_url: str | None
    """Who is told of the job's end."""
    client_request_id: str | None
    """The idempotency value."""
    digest: str
    """Tells whether two bodies are the same, the idempotency value left out."""

    def __repr__(self) -> str:
        return f"<Order {self.operation} x{self.num_output_images}>"

    __rich_repr__ = rich_repr


def read_order(operation: str, body: Any, *, allow_http_callbacks: bool = False) -> Order:
    """Validate a body and return the order in it."""
    refuse_findings(find_faults(operation, body, allow_http_callbacks=allow_http_callbacks))
    check_rules(operation, body)
    profile_ids = [*body.get("profile_ids", [])]
    if operation in PROMPT_NAMES_SUBJECTS:
        profile_ids += SUBJECT.findall(body.get("prompt", ""))
    fixed = operation in {"enhance", "remix"}
    return Order(
        operation=operation,
        prompt=body.get("prompt", ""),
        images=_images(operation, body),
        profile_ids=tuple(dict.fromkeys(profile_ids)),
        num_output_images=int(body.get("num_output_images", 1)),
        aspect_ratio=body.get("aspect_ratio", "auto"),
        resolution="2K" if fixed else body.get("resolution", "1K"),
        output_format=body.get("output_format", "jpg"),  # the announced default since 2026-05-08
        response_mode=body.get("response_mode", "bytes"),
        is_async=body.get("async", False),
        callback_url=body.get("callback_url"),
        client_request_id=body.get("client_request_id"),
        digest=_digest(operation, body),
    )


def find_faults(operation: str, body: Any, *, allow_http_callbacks: bool = False) -> list[Finding]:
    """List what the schema does not allow."""
    findings = list(check(body, request_schema(operation)))
    if allow_http_callbacks and isinstance(body, dict) and is_url(str(body.get("callback_url", ""))):
        findings = [item for item in findings if item["loc"] != ["body", "callback_url"]]
    return findings


def refuse_findings(findings: list[Finding]) -> None:
    """Raise the 422 for a list of findings, if there are any."""
    if findings:
        raise ServiceError(422, findings)


def check_rules(operation: str, body: dict[str, Any]) -> None:
    """Refuse with 400 what the schema allows and the service does not."""
    if body.get("async") and body.get("response_mode", "bytes") != "urls":
        raise ServiceError(400, "async needs response_mode 'urls'")
    if "callback_url" in body and not body.get("async"):
        raise ServiceError(400, "callback_url is only allowed together with async")
    if operation == "edit" and not body.get("images"):
        raise ServiceError(400, "At least one image is required")
    model = body.get("base_model", "nb2")
    if body.get("resolution", "1K") not in RESOLUTIONS[model]:
        raise ServiceError(400, f"Model {model!r} does not support resolution {body['resolution']!r}")
    if body.get("quality") is not None and model != "gpt-image-2":
        raise ServiceError(400, "quality is only supported by base_model 'gpt-image-2'")
    if MODERATION in body.get("prompt", ""):
        raise moderated("the prompt")


def planned_failure(prompt: str) -> ServiceError | None:
    """Return how the work on a prompt will fail; ``None`` when it will not."""
    if MODERATED_OUTPUT in prompt:
        return moderated("the output")
    return ServiceError(500, "The model failed") if WORK_FAILS in prompt else None


def _images(operation: str, body: dict[str, Any]) -> tuple[str, ...]:
    if operation == "edit":
        return tuple(body["images"])
    names = {"enhance": ("image",), "remix": ("input_image", "reference_image")}
    return tuple(body[name] for name in names.get(operation, ()))


def _digest(operation: str, body: dict[str, Any]) -> str:
    fields = sorted((name, value) for name, value in body.items() if name != "client_request_id")
    return hashlib.sha256(msgspec.json.encode([operation, fields])).hexdigest()
