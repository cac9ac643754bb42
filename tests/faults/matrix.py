"""The matrix: what can go wrong, what must happen then, and which tests prove it.

Each module below ``rows`` holds the rows of one layer as ``ROWS``; a new layer is a new module. A layer that has
rows has one at least for each known fault of its own.
"""

import importlib
import pkgutil

from . import rows
from .row import KNOWN, Layer, Row

__all__ = ["KNOWN", "ROWS", "Layer", "Row"]


def _read() -> tuple[Row, ...]:
    names = [each.name for each in pkgutil.iter_modules(rows.__path__)]
    return tuple(row for name in names for row in importlib.import_module(f"{rows.__name__}.{name}").ROWS)


ROWS = _read()
