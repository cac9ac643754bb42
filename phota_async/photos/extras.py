"""Import what is optional, late, and say which extra brings it."""

import importlib
from types import ModuleType

from ..errors import ConfigError


def pixels() -> ModuleType:
    """Return the module that decodes pictures."""
    return needed(f"{__package__}.pixels", "decoding a photo needs Pillow", "images")


def looks() -> ModuleType:
    """Return the module that measures pictures."""
    return needed(f"{__package__}.looks", "measuring a photo needs Pillow", "images")


def needed(module: str, sentence: str, extra: str) -> ModuleType:
    """Import a module.

    Raises:
        ConfigError: It cannot be imported; the sentence says so and the hint names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError(sentence).with_context(hint=f'pip install "phota-async[{extra}]"') from None
