"""What a run of the demo made: counts for people, JSON for programs, and whether it went well."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from phota_async.errors import PhotaError
from phota_async.report.rows import SheetRow, money, total
from phota_async.report.shrinking import human_size

MISSES_SHOWN = 3


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """The end of one run."""

    rows: tuple[SheetRow, ...]
    """One for each request, in the order of the plan."""
    broken: tuple[str, ...] = ()
    """Keys of requests that came back with too few pictures, or with one that does not decode."""
    errors: tuple[PhotaError | None, ...] = ()
    """One for each request that did not end well."""
    seconds: float = 0.0
    """Seconds from the first step to the contact sheet."""
    training_price: Decimal | None = None
    """US dollars that the trainings of this run cost by the published list; ``None`` when it trained none."""
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
    def size(self) -> int:
        """Bytes of all pictures."""
        paths = [path for row in self.rows for path in row.results if isinstance(path, Path)]
        return sum(path.stat().st_size for path in paths if path.is_file())

    @property
    def done(self) -> int:
        """How many requests ended well, with whole pictures."""
        return len(self.rows) - len({*self.broken, *(row.key for row in self.rows if row.status not in WELL)})

    @property
    def found(self) -> int:
        """How many of the subjects asked for were recognised."""
        return sum(len(row.expected) - len(row.missing) for row in self.rows if row.status == "done")

    @property
    def missed(self) -> dict[str, tuple[str, ...]]:
        """Request key to the profiles that were asked for and not recognised."""
        return {row.key: row.missing for row in self.rows if row.missing}

    @property
    def price(self) -> str:
        """What the requests cost by the published list, as people read it."""
        return money(total([row.price_low for row in self.rows]), total([row.price_high for row in self.rows]))

    def lines(self) -> list[str]:
        """Return the summary for people, line by line."""
        asked = self.found + sum(map(len, self.missed.values()))
        facts = {
            "requests": f"{self.done} of {len(self.rows)} done",
            "pictures": self._picture_line(),
            "identity": f"{self.found} of {asked} recognised{self._misses()}" if asked else "",
            "price": self._price_line(),
            "time": f"{self.seconds:.1f} s",
            "summary": str(self.summary),
        }
        return [f"{name:<10} {fact}" for name, fact in facts.items() if fact]

    def to_json(self) -> dict[str, Any]:
        """Return the summary for programs; paths are relative to the folder."""
        folder = self.summary.parent
        return {
            "schema": "phota.demo/1",
            "requests": len(self.rows),
            "done": self.done,
            "pictures": self.pictures,
            "bytes": self.size,
            "seconds": round(self.seconds, 3),
            "identity": {"found": self.found, "missed": self.missed},
            "price": {
                "requests": total([row.price_high for row in self.rows]),
                "training": self.training_price,
                "unpriced_requests": self._unpriced(),
                "sandbox_charged": self.charged,
            },
            "broken": self.broken,
            "contact_sheet": self.sheet.name,
            "items": [_item(row, folder) for row in self.rows],
        }

    def _picture_line(self) -> str:
        if not self.pictures:
            return "none"
        whole = f"broken or too few: {', '.join(self.broken)}" if self.broken else "every one opened and decoded"
        return f"{self.pictures}, {human_size(self.size)}, {whole}"

    def _misses(self) -> str:
        if not self.missed:
            return ""
        keys = list(self.missed)
        more = f" and {len(keys) - MISSES_SHOWN} more" if len(keys) > MISSES_SHOWN else ""
        return f"; missed in {', '.join(keys[:MISSES_SHOWN])}{more}"

    def _price_line(self) -> str:
        unpriced = self._unpriced()
        verb = "would cost" if self.charged is not None else "cost"
        line = f"{verb} {self.price or '$0.00'} for {len(self.rows) - unpriced} requests"
        if self.training_price is not None:
            line += f" and {money(self.training_price, self.training_price)} for training"
        return f"{line}; {unpriced} have no published price" if unpriced else line

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
