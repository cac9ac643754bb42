"""The items of a run that somebody can decide about: those with pictures, each picture with its number."""

from collections.abc import Iterable, Iterator

import msgspec

from ..runs import ItemRecord, OutputRecord
from .pictures import Pictures


class Variation(msgspec.Struct, frozen=True, kw_only=True):
    """One picture to pick."""

    picture: int
    """Its number."""
    output: str
    """Its path, as the run's records name it."""
    record: ItemRecord
    """Of the item, or of the ask that made it."""
    recognised: dict[str, int] | None = None
    """Who was recognised in this one picture; ``None`` where nobody told."""
    is_further: bool = False
    """Whether it was asked for on the page."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Who was asked for and is known not to be in it."""
        if self.recognised is None:
            return ()
        return tuple(name for name in self.record.identity.expected if not self.recognised.get(name))


class ReviewItem:
    """One item: its sources and the variations to choose from.

    Args:
        number: Its place on the page, from 0.
        record: What the run tells of it.
        pictures: Gives its pictures their numbers.
    """

    def __init__(self, number: int, record: ItemRecord, pictures: Pictures) -> None:
        self.number = number
        self.record = record
        self.sources = [(source, pictures.add_source(source)) for source in record.sources]
        self.variations = list(_variations(record, pictures, is_further=False))

    @property
    def key(self) -> str:
        """The item's key in the run."""
        return self.record.key

    def update(self, record: ItemRecord, pictures: Pictures) -> None:
        """Take what the run tells of it now; what was asked for on the page stays."""
        self.record = record
        self.sources = [(source, pictures.add_source(source)) for source in record.sources]
        further = [variation for variation in self.variations if variation.is_further]
        self.variations = [*_variations(record, pictures, is_further=False), *further]

    def add(self, record: ItemRecord, pictures: Pictures) -> None:
        """Take what an ask made."""
        known = {variation.output for variation in self.variations}
        new = _variations(record, pictures, is_further=True)
        self.variations += [variation for variation in new if variation.output not in known]

    def picture_of(self, output: str) -> int | None:
        """Return the number of a variation by its path; ``None`` for one that the item does not have."""
        return next((each.picture for each in self.variations if each.output == output), None)

    def output_of(self, picture: int) -> str | None:
        """Return the path of a variation by its number; ``None`` for one that the item does not have."""
        return next((each.output for each in self.variations if each.picture == picture), None)

    def __repr__(self) -> str:
        return f"<ReviewItem {self.key} {len(self.variations)} variations>"


def items_of(records: Iterable[ItemRecord], pictures: Pictures) -> list[ReviewItem]:
    """Return the items that have pictures, in the run's order."""
    return [ReviewItem(number, record, pictures) for number, record in enumerate(with_pictures(records))]


def with_pictures(records: Iterable[ItemRecord]) -> Iterator[ItemRecord]:
    """Yield the records that somebody can decide about."""
    return (record for record in records if record.outputs and record.status != "planned")


def _variations(record: ItemRecord, pictures: Pictures, *, is_further: bool) -> Iterator[Variation]:
    for output in record.outputs:
        yield Variation(
            picture=pictures.add_output(output.path),
            output=output.path,
            record=record,
            recognised=_recognised(record, output),
            is_further=is_further,
        )


def _recognised(record: ItemRecord, output: OutputRecord) -> dict[str, int] | None:
    """Return who is in a picture; of the only one of a record, what was told of all."""
    if output.recognised is None and len(record.outputs) == 1:
        return record.identity.recognised
    return output.recognised
