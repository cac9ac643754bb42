"""Say what is bought, as an id: equal for equal photos and parameters, wherever and whenever. No I/O.

Nothing of a path, a time or a process goes in, so that a renamed photo is not bought again, an edited photo is,
and even a lost ledger leads to the same ids.
"""

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from ..errors import InputError
from ..requests import AnyRequest

SCHEME = 1  # goes into every id: a change of the recipe must not be mistaken for the same purchase
NOT_BOUGHT = frozenset({"response_mode", "extra"})  # how pictures travel; extra= is taken apart below
ID_BYTES = 16  # of a digest: as long as a UUID


def parameters_of(request: AnyRequest) -> dict[str, Any]:
    """Return the fields that differ from their defaults: a newer client's new fields change no older id."""
    given: dict[str, Any] = {}
    for name, default in _defaults(type(request)):
        value = getattr(request, name)
        if value != default:
            given[name] = value
    return given | dict(request.extra)


def purchase_of(request: AnyRequest, photos: Sequence[str], *, batch: str, take: int, variation: int = 1) -> str:
    """Return the id of a purchase: 32 hexadecimal digits.

    Args:
        request: What is asked for; its photos are not looked at.
        photos: What identifies each of them: ``sha256:...`` of its bytes, or ``link:...``.
        batch: The batch's name: the same photo in two batches is two purchases.
        take: 1, or more where the same is asked for again because somebody was not recognised.
        variation: 1, or more where an item's variations are requests of their own. The first of them is what an
            item of one picture buys: whoever asks for more later has it already.
    """
    what = [SCHEME, batch, request.operation, take, list(photos), parameters_of(request)]
    if variation > 1:
        what.append(variation)
    try:
        text = msgspec.json.encode(what, order="sorted")
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(f"extra: expected values that JSON can carry, got {type(error).__name__}") from None
    return _digest(text)


def request_id_of(purchase: str, copy: int, generation: int) -> str:
    """Return the ``client_request_id``: shaped like a UUID, 36 characters.

    Args:
        purchase: What `purchase_of` returned.
        copy: 1, or more where one batch asks for the very same several times.
        generation: 0, and one more after each job that the service called failed.
    """
    digits = _digest(f"{purchase}:{copy}:{generation}".encode())
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


@cache
def _defaults(kind: type[AnyRequest]) -> tuple[tuple[str, Any], ...]:
    """Return the fields that say what is bought, with their defaults; reading them costs more than all the rest."""
    fields = msgspec.structs.fields(kind)
    return tuple((each.name, each.default) for each in fields if each.name not in NOT_BOUGHT | set(kind.photos))


def _digest(text: bytes) -> str:
    return hashlib.blake2b(text, digest_size=ID_BYTES, person=b"phota ledger").hexdigest()
