"""Photos as a library needs them: made fit to leave on the way in, given their dates and places on the way out.

    async with PhotoWorkers() as workers:
        prepared = await workers.prepare("2019/IMG_1.heic")               # upright, at most 4096 px, no place
        await workers.carry_over("2019/IMG_1.heic", "out/IMG_1.edit-1.jpg", operation="edit")

`measure` tells size, sharpness and likeness. All three are the same without an event loop, and block then. Extra
``images`` (Pillow), and ``heic`` for HEIC photos; Pillow is imported when a picture has to be decoded, and not before.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .carrying import CarriedOver, carry_over
    from .measuring import Measures, measure
    from .preparing import Prepared, prepare
    from .workers import PhotoWorkers

__all__ = ["CarriedOver", "Measures", "PhotoWorkers", "Prepared", "carry_over", "measure", "prepare"]

_HOME_OF = {
    "CarriedOver": "carrying",
    "Measures": "measuring",
    "PhotoWorkers": "workers",
    "Prepared": "preparing",
    "carry_over": "carrying",
    "measure": "measuring",
    "prepare": "preparing",
}


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - a worker process starts without asyncio and anyio

    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value
