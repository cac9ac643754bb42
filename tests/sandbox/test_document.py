import json
import os
import re
from pathlib import Path
from typing import Any

import yaml

from phota_async.sandbox import Sandbox
from phota_async.sandbox.document import load_document
from phota_async.sandbox.faults import OWN_ROUTES
from phota_async.sandbox.routes import Routes

from .conftest import Api

BESIDE = Path(__file__).parents[3] / "shared" / "api" / "openapi.yaml"
POINTER = " See contract.md for contradictions and unknowns."  # to a file that is not shipped
ORIGINAL = Path(os.environ.get("PHOTA_OPENAPI_YAML", BESIDE))


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def test_the_sandbox_serves_the_document_and_nothing_else(sandbox: Sandbox) -> None:
    served = {f"{e.method} {e.template}" for e in Routes(sandbox._parts).endpoints()}
    described = {f"{method.upper()} {path}" for path, methods in load_document()["paths"].items() for method in methods}

    assert served == described | set(OWN_ROUTES)


def test_every_reference_leads_somewhere() -> None:
    document = load_document()
    for reference in references(document):
        node = document
        for name in reference.removeprefix("#/").split("/"):
            node = node[name]


def test_every_answer_is_described_with_its_evidence() -> None:
    for path, methods in load_document()["paths"].items():
        for method, operation in methods.items():
            assert re.fullmatch("get|post|delete", method)
            for status, answer in operation["responses"].items():
                assert answer["x-evidence"] in {"documented", "third-party", "inferred"}, (path, status)
                assert "X-Request-Id" in answer["headers"]


async def test_it_is_served_without_a_key_and_names_the_sandbox(api: Api) -> None:
    answer = await api.get(api.sandbox.base_url + "/openapi.json")

    assert answer.json["servers"] == [{"url": api.sandbox.base_url}]
    assert answer.json["paths"] == load_document()["paths"]


if ORIGINAL.exists():  # a plain clone has only the JSON that is shipped

    def test_it_is_the_original_in_another_notation() -> None:
        original = json.loads(json.dumps(yaml.safe_load(ORIGINAL.read_text("utf-8"))))
        original["info"]["description"] = original["info"]["description"].replace(POINTER, "")
        assert load_document() == original
