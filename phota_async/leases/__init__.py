"""One limit for all workers: places for jobs at the service, held from submit to their end."""

from typing import TYPE_CHECKING, Any

from .places import Lease, Leases, MemoryLeases

if TYPE_CHECKING:
    from .postgres import PostgresLeases
    from .redis import RedisLeases

__all__ = ["Lease", "Leases", "MemoryLeases", "PostgresLeases", "RedisLeases"]


def __getattr__(name: str) -> Any:
    if name == "PostgresLeases":
        from .postgres import PostgresLeases  # noqa: PLC0415 - of an extra

        return PostgresLeases
    if name != "RedisLeases":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .redis import RedisLeases  # noqa: PLC0415 - of an extra

    return RedisLeases
