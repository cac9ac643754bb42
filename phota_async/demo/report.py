"""What a run of the demo made: counts for people, JSON for programs, and whether it went well."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from phota_async.errors import PhotaError
from phota_async.report.rows import SheetRow, money, total
from phota_async.report.thumbnails import human_size

MISSES_SHOWN = 3


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one run."""

    rows: tuple[SheetRow, ...]
    """One for each request, in the order of the plan."""
    broken: tuple[str, ...] = ()
    """Keys of requests that came back with too few pictures, or with one that does not decode."""
    errors: tuple[PhotaError | None, ...] = ()
    """One for each request that did not end well."""
    bytes_written: int = 0
    """Size of all pictures, bytes."""
    seconds: float = 0.0
    """Seconds from the first step to the contact sheet."""
    trained: tuple[str, ...] = ()
    """Profiles that were trained for this run."""
    training_price: Decimal | None = None
    """US dollars that their training costs by the published list."""
    charged: Decimal | None = None
    """US dollars that the sandbox put on its account, with prices of its own where none is published."""
    sheet: Path
    """The contact sheet."""
    summary: Path
    """The JSON summary."""

    @property
    def pictures(self) -> int:
        """How many pictures were written."""
        return sum(len(row.results) for row in self.rows)

    @property
    def done(self) -> int:
        """How many requests ended well, with whole pictures."""
        return len(self.rows) - len({*self.broken, *(row.key for row in self.rows if row.status not in WELL)})

    @property
    def found(self) -> int:
        """How many of the faces asked for were recognised."""
        return sum(len(row.expected) - len(row.missing) for row in self.rows if row.status in WELL)

    @property
    def missed(self) -> dict[str, tuple[str, ...]]:
        """Request key to the profiles that were asked for and not recognised."""
        return {row.key: row.missing for row in self.rows if row.missing}

    @property
    def price(self) -> str:
        """The published price of requests and trainings, as people read it."""
        lows, highs = [row.price_low for row in self.rows], [row.price_high for row in self.rows]
        return money(total([*lows, self.training_price]), total([*highs, self.training_price]))

    def lines(self) -> list[str]:
        """Return the summary for people, line by line."""
        asked = self.found + sum(map(len, self.missed.values()))
        lines = [
            f"requests   {self.done} of {len(self.rows)} done",
            f"pictures   {self.pictures}, {human_size(self.bytes_written)}, every one opened and decoded"
            if not self.broken
            else f"pictures   {self.pictures}, {human_size(self.bytes_written)}; broken: {', '.join(self.broken)}",
            f"identity   {self.found} of {asked} recognised{self._misses()}",
            f"price      {self._price_line()}",
            f"time       {self.seconds:.1f} s",
        ]
        return [line for line in lines if asked or not line.startswith("identity")]

    def to_json(self) -> dict[str, Any]:
        """Return the summary for programs; paths are relative to the folder."""
        folder = self.summary.parent
        return {
            "schema": "phota.demo/1",
            "requests": len(self.rows),
            "done": self.done,
            "pictures": self.pictures,
            "bytes": self.bytes_written,
            "seconds": round(self.seconds, 3),
            "identity": {"found": self.found, "missed": self.missed},
            "price": {
                "published": self.price,
                "unpriced_requests": self._unpriced(),
                "sandbox_charged": self.charged,
            },
            "broken": self.broken,
            "contact_sheet": self.sheet.name,
            "items": [_item(row, folder) for row in self.rows],
        }

    def _misses(self) -> str:
        if not self.missed:
            return ""
        keys = list(self.missed)
        more = f" and {len(keys) - MISSES_SHOWN} more" if len(keys) > MISSES_SHOWN else ""
        return f"; missed in {', '.join(keys[:MISSES_SHOWN])}{more}"

    def _price_line(self) -> str:
        unpriced = self._unpriced()
        published = (
            f"would cost {self.price} by the published list" if self.price else "no price is published"
        )
        rest = f"; {unpriced} edit and generate requests have no published price" if unpriced else ""
        return published + rest

    def _unpriced(self) -> int:
        return sum(row.price_high is None for row in self.rows)


WELL = frozenset({"done", "skipped"})  # a skipped request has its pictures from an earlier run


def _item(row: SheetRow, folder: Path) -> dict[str, Any]:
    return {
        "key": row.key,
        "operation": row.operation,
        "status": row.status,
        "pictures": [Path(str(path)).relative_to(folder).as_posix() for path in row.results],
        "expected": row.expected,
        "recognised": row.found,
        "missing": row.missing,
        "price": {"low": row.price_low, "high": row.price_high},
        "request_id": row.request_id,
        "error": row.error or None,
    }
