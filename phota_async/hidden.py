"""Texts that no ``repr`` shows: not in headers, not in settings, not where a traceback prints local variables.

Error reporters print the local variables of every frame, also of other libraries' frames that a key passes through.
So the key is hidden from the moment it comes in, and stays a `str` for whoever sends it.
"""

from collections.abc import Sequence
from typing import Any, NoReturn, SupportsIndex

from .errors import ConfigError

MASK = "'****'"


class HiddenText(str):
    """A text whose value is seen by those who use it, and by nobody who looks at it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK

    def __getitem__(self, place: SupportsIndex | slice) -> "HiddenText":  # what is shortened before it is shown
        return HiddenText(super().__getitem__(place))

    def __deepcopy__(self, memo: object) -> "HiddenText":
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise ConfigError("a hidden text cannot be pickled: it is to stay in this process")


class HiddenBytes(bytes):
    """Bytes where a text was expected: somebody's key, read from a file."""

    __slots__ = ()

    def __repr__(self) -> str:
        return MASK

    def __getitem__(self, place: Any) -> Any:
        part = super().__getitem__(place)
        return HiddenBytes(part) if isinstance(part, bytes) else part


def hide(value: Any) -> Any:
    """Return a text or bytes so that no ``repr`` shows them, and anything else as it is.

    Usage: ``api_key = hide(api_key)``, first of all, so that no frame keeps the plain one.
    """
    if isinstance(value, str):
        return HiddenText(value)
    return HiddenBytes(value) if isinstance(value, (bytes, bytearray)) else value


def hide_all(secret: str | Sequence[str] | None) -> Any:
    """Return one text or several as `hide` does; what is no such thing comes back as it is, to be refused."""
    return tuple(map(hide, secret)) if isinstance(secret, (tuple, list)) else hide(secret)


def rich_repr(self: object) -> Any:
    """Be the ``__rich_repr__`` of a struct that hides fields: rich looks into structs by itself, past their ``repr``.

    Usage: ``__rich_repr__ = rich_repr``, beside the ``__repr__`` that it shows.
    """
    yield repr(self)
