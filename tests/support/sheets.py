"""Rows and photos for the tests of the contact sheet."""

from decimal import Decimal
from pathlib import Path

from PIL import Image

from phota_async.report import SheetRow

MIA, OTTO = "prof_mia", "prof_otto"
NAMES = {MIA: "Mia", OTTO: "Otto"}
COLOURS = ("teal", "indigo", "firebrick", "olive", "orchid", "sienna")


def save_photo(path: Path, size: tuple[int, int] = (64, 48), colour: str = "teal", **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **options)  # type: ignore[arg-type]  # Pillow's own options
    return path


def row(key: str = "one", **fields: object) -> SheetRow:
    values: dict[str, object] = {"operation": "edit", "status": "done", **fields}
    return SheetRow(key=key, **values)  # type: ignore[arg-type]  # the tests name any field


def album(folder: Path, count: int = 12) -> list[SheetRow]:
    """Return rows with photos: the third failed, the fifth misses Otto, the sixth is over the cap."""
    rows = []
    for number in range(1, count + 1):
        colour = COLOURS[number % len(COLOURS)]
        source = save_photo(folder / f"photos/{number}.jpg", (1200, 900), colour)
        result = save_photo(folder / f"{number}.edit-1.jpg", (1024, 768), colour)
        status = {3: "failed", 6: "budget"}.get(number, "done")
        rows.append(
            row(
                f"photo {number}",
                status=status,
                picked=0 if number == 2 else None,
                is_rejected=number == 4,
                prompt=f"[[{MIA}]] at the sea, wave {number}",
                sources=(source,),
                results=(result,) if status == "done" else (),
                expected=(MIA, OTTO) if number == 5 else (MIA,),
                found={MIA: 1},
                price_low=Decimal("0.12"),
                price_high=Decimal("0.15") + number,
                seconds=float(count - number),
                error="HTTP 503: busy" if status == "failed" else "",
                hint="try again in a minute" if status == "failed" else "",
                charged="no" if status == "failed" else "",
            )
        )
    return rows
