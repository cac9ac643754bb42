"""A folder of photos with its results and its ledger, and a batch over it."""

import sqlite3
from pathlib import Path
from typing import Any

from PIL import Image

from phota_async import Batch, BatchItem, EnhanceRequest, PhotaClient
from phota_async.ledger import Ledger, Record
from phota_async.sandbox import Sandbox

from .clients import QUICK


class Folder:
    """Photos, results and a ledger."""

    def __init__(self, path: Path, sandbox: Sandbox) -> None:
        self.photos, self.results, self.ledger = path / "photos", path / "results", path / "ledger.sqlite"
        self.sandbox = sandbox
        self.photos.mkdir()
        self.batch: Batch | None = None

    def add(self, name: str, shade: int = 0) -> Path:
        path = self.photos / name
        Image.new("RGB", (16, 16), (shade, 100, 200)).save(path, "PNG")
        return path

    def items(self) -> list[BatchItem]:
        return [BatchItem(path.name, EnhanceRequest(image=path)) for path in sorted(self.photos.iterdir())]

    async def run(self, config: Any = QUICK, **changes: Any) -> dict[str, Any]:
        options: dict[str, Any] = {"items": self.items(), "output": self.results, "ledger": self.ledger} | changes
        async with PhotaClient(self.sandbox.api_key, self.sandbox.base_url, config=config) as client:
            self.batch = Batch(client, options.pop("items"), **options)
            async with self.batch as outcomes:
                return {outcome.key: outcome async for outcome in outcomes}

    async def records(self) -> list[Record]:
        async with Ledger(self.ledger) as ledger:
            return [record async for record in ledger.records()]

    def edit_record(self, **fields: Any) -> None:
        """Change the ledger behind its back."""
        with sqlite3.connect(self.ledger) as connection:
            for name, value in fields.items():
                connection.execute(f"UPDATE purchase SET {name} = ?", (value,))
        connection.close()

    @property
    def bought(self) -> int:
        return sum(not charge.refunded for charge in self.sandbox.charges)

    @property
    def files(self) -> list[str]:
        return sorted(path.name for path in self.results.rglob("*") if path.is_file())
