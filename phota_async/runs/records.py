"""The records of a run, as they stand in files and on standard output. No I/O.

One JSON object a line. Fields are only added within a schema's number; money is decimal US dollars as text.
"""

from decimal import Decimal
from typing import Any

import msgspec

from ..hidden import rich_repr

ITEM_SCHEMA = "phota.item/1"
RUN_SCHEMA = "phota.run/1"


class OutputRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that was written, or was there already."""

    path: str
    """Relative to the run's output, with forward slashes, or absolute."""
    format: str | None = None
    """``jpg``, ``png``, ...: from its bytes, or its name where the bytes were not looked at."""
    bytes: int | None = None
    sha256: str | None = None
    """Hexadecimal, where it was computed."""
    recognised: dict[str, int] | None = None
    """Who was recognised in this one picture; ``None`` where the service told it of several together, or not."""


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who was asked for, and who is in it."""

    expected: tuple[str, ...] = ()
    recognised: dict[str, int] | None = None
    """Profile id to appearances in all pictures; ``None`` where the service did not tell."""
    missing: tuple[str, ...] = ()


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars by the price table; ``None`` where no price is known."""

    currency: str = "USD"
    low: Decimal | None = None
    """Of a dry run: the least it would cost."""
    high: Decimal | None = None
    """Of a dry run: the most it would cost."""
    settled: Decimal | None = None
    """What it cost; ``None`` where the charge is not known."""


class RequestMarks(msgspec.Struct, frozen=True, kw_only=True):
    """What to quote to the service."""

    request_id: str | None = None
    job_id: str | None = None
    attempts: int | None = None


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Why an item is not done."""

    type: str
    """The class of the error, for example ``ContentModerationError``."""
    message: str
    hint: str = ""
    """What to do next."""
    status: int | None = None
    """The answer's HTTP status, where there was one."""
    retryable: bool = False
    charged: str = "no"
    """``no``, ``refunded`` or ``unknown``."""


class ItemRecord(msgspec.Struct, frozen=True, kw_only=True):
    """How one item of a run ended."""

    schema: str = ITEM_SCHEMA
    run: str = ""
    number: int = 0
    """Its place in the order of the run, from 1; 0 where nobody counted."""
    key: str
    operation: str
    status: str
    """``done``, ``failed``, ``skipped``, ``unknown``, ``budget`` or ``planned``."""
    sources: tuple[str, ...] = ()
    """Its photos: absolute paths (as ``file:`` addresses where they are not UTF-8), or links without what signs
    them; ``""`` for one that was only in memory."""
    request: dict[str, Any] = {}
    """The service's fields that differ from their defaults, photos excepted. It holds the prompt."""
    outputs: tuple[OutputRecord, ...] = ()
    identity: Identity = Identity()
    cost: Cost = Cost()
    marks: RequestMarks = RequestMarks()
    seconds: float | None = None
    """From its beginning to its end; ``None`` when nobody measured."""
    warnings: tuple[str, ...] = ()
    error: ErrorRecord | None = None

    def __repr__(self) -> str:
        return f"<ItemRecord {self.key} {self.status}>"

    __rich_repr__ = rich_repr

    def without_prompt(self) -> "ItemRecord":
        """Return it as others may read it: without the words of the prompt, also where an error repeats them."""
        prompt, rest = self.request.get("prompt"), {n: v for n, v in self.request.items() if n != "prompt"}
        error = self.error
        if error is not None and isinstance(prompt, str) and prompt:
            error = msgspec.structs.replace(error, message=error.message.replace(prompt, "…"))
        return msgspec.structs.replace(self, request=rest, error=error)


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is about, and how it ended."""

    schema: str = RUN_SCHEMA
    run: str
    """Its name: sorts by time."""
    operation: str
    """``edit``, ``generate``, ``enhance``, ``remix``, or ``mixed``."""
    output: str
    """The absolute path of the folder it wrote to, as it was then; a ``file:`` address where it is not UTF-8."""
    started: str
    """UTC, ISO 8601."""
    ended: str | None = None
    """UTC, ISO 8601; ``None`` while it runs, or when it was killed."""
    exit_code: int | None = None
    version: str = ""
    """Of phota_async."""
    settings: dict[str, Any] = {}
    """What the program that ran it needs to go on; never the key."""
    totals: dict[str, Any] = {}
    """Counts by status, and ``spent``."""

    def __repr__(self) -> str:
        return f"<RunRecord {self.run} {self.operation}>"

    __rich_repr__ = rich_repr


encode = msgspec.json.Encoder().encode
decode_item = msgspec.json.Decoder(ItemRecord).decode
decode_run = msgspec.json.Decoder(RunRecord).decode
