"""What a request asked for, from its parameters: who was to be matched, and its options in words. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..pricing import NAMED

OPTIONS = ("resolution", "aspect_ratio", "base_model", "quality", "num_output_images", "output_format")
MATCHES_THE_PROMPT = {"edit", "generate"}  # of the others nobody has said that [[id]] in a prompt counts


def candidates_of(operation: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the profiles that the service was given to match, each once."""
    listed = parameters.get("profile_ids")
    found = [each for each in (listed if isinstance(listed, list | tuple) else ()) if isinstance(each, str)]
    named = _named(prompt_of(parameters)) if operation in MATCHES_THE_PROMPT else ()
    return tuple(dict.fromkeys((*found, *named)))


def options_of(parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what differs from the defaults, in words: ``2K``, ``2 pictures``."""
    return tuple(
        f"{parameters[name]} pictures" if name == "num_output_images" else str(parameters[name])
        for name in OPTIONS
        if isinstance(parameters.get(name), str | int)
    )


def prompt_of(parameters: Mapping[str, Any]) -> str:
    """Return the prompt; ``""`` where there is none."""
    prompt = parameters.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def _named(prompt: str) -> Iterator[str]:
    for piece in prompt.split(NAMED)[1:]:
        name, end, _ = piece.partition("]]")
        if end and name.strip():
            yield name.strip()
