"""Hold the API document that the sandbox ships, and ask it what a request may contain."""

import functools
from importlib import resources
from typing import Any

import msgspec

API_PREFIX = "/v1/phota"
REQUEST_SCHEMAS = {
    "edit": "EditRequest",
    "generate": "GenerateRequest",
    "enhance": "EnhanceRequest",
    "remix": "RemixRequest",
    "profile": "AddProfileRequest",
}

Schema = dict[str, Any]


@functools.cache
def load_document() -> Schema:
    """Read the shipped OpenAPI document; treat it as read-only."""
    data = resources.files("phota_async.sandbox").joinpath("openapi.json").read_bytes()
    document: Schema = msgspec.json.decode(data)
    return document


def request_schema(operation: str) -> Schema:
    """Return the JSON schema of an operation's body."""
    schema: Schema = load_document()["components"]["schemas"][REQUEST_SCHEMAS[operation]]
    return schema


def tag_schema() -> Schema:
    """Return the JSON schema of the query parameter ``tag``."""
    parameters = load_document()["paths"]["/profiles/ids"]["get"]["parameters"]
    schema: Schema = next(parameter["schema"] for parameter in parameters if parameter["name"] == "tag")
    return schema


def document_routes() -> list[str]:
    """List the document's routes as ``METHOD /template``."""
    paths = load_document()["paths"]
    return [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]


def document_for(base_url: str) -> Schema:
    """Return the document with this sandbox as its only server, so that no tool meets the real one by it."""
    return {**load_document(), "servers": [{"url": base_url}]}
