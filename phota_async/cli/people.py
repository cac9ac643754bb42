"""Who is meant: names that people type, as the profile ids that the service knows."""

from collections.abc import Sequence

from .settings import Settings


def resolve_people(settings: Settings, names: Sequence[str]) -> list[str]:  # noqa: ARG001 - ids stand for themselves
    """Return the profile ids that names stand for."""
    return list(names)


def resolve_prompt(settings: Settings, prompt: str) -> str:  # noqa: ARG001 - ids stand for themselves
    """Return a prompt whose ``[[name]]`` are ``[[profile_id]]``."""
    return prompt
