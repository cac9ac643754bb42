"""One rate for all workers: paid calls a minute, asked for right before each is sent."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .postgres import PostgresRate
    from .redis import RedisRate

__all__ = ["PostgresRate", "RedisRate"]


def __getattr__(name: str) -> Any:
    if name == "PostgresRate":
        from .postgres import PostgresRate  # noqa: PLC0415 - of an extra

        return PostgresRate
    if name != "RedisRate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .redis import RedisRate  # noqa: PLC0415 - of an extra

    return RedisRate
