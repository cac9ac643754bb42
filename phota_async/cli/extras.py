"""Say which extra is missing. Imports nothing but the standard library."""

import importlib.util
from collections.abc import Iterable

EXTRAS = {  # module: (what people call it, the extra that brings it)
    "click": ("click", "cli"),
    "rich": ("rich", "cli"),
    "platformdirs": ("platformdirs", "cli"),
    "PIL": ("Pillow", "images"),
    "psycopg": ("psycopg", "distributed"),
    "procrastinate": ("procrastinate", "distributed"),
    "jinja2": ("Jinja2", "report"),
}


def missing_message(command: str, modules: Iterable[str]) -> str | None:
    """Return the sentence that tells what to install for ``command``, or ``None`` when all is there."""
    absent = [module for module in modules if not _is_there(module)]
    if not absent:
        return None
    names = " and ".join(EXTRAS[module][0] for module in absent)
    extras = ",".join(dict.fromkeys(EXTRAS[module][1] for module in absent))
    return f'{command} needs {names}: pip install "phota-async[{extras}]"'


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # ValueError: a module that was put in place without a spec
        return False
