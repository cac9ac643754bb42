"""Which small pictures stand in the page itself, and which wait at its end until somebody comes near them. No I/O.

A browser makes something of each picture in a page before it is ready. Of thousands, most are never looked at: they
stand as plain text behind the page's words, and the page's program takes them from there.
"""

from collections.abc import Iterator

from .cards import Card
from .rows import SheetPhoto

AT_ONCE = 48  # pictures in the page itself: the first two or three screens
SHELF = 64  # pictures a block of text: what a program takes apart in a millisecond


class Later:
    """Numbers the pictures that wait, each once, in the order of the cards."""

    def __init__(self, cards: list[Card]) -> None:
        listed = [item for card in cards for item in (*card.sources, *card.results) if item.thumbnail is not None]
        self._data: list[str] = []
        self._numbers: dict[SheetPhoto, int] = {}
        self._here = {item.photo for item in listed[:AT_ONCE]} if len(listed) > 2 * AT_ONCE else None
        for item in listed:
            if self.waits(item.photo) and item.photo not in self._numbers and item.thumbnail is not None:
                self._numbers[item.photo] = len(self._data)
                self._data.append(item.thumbnail.data_uri.partition(",")[2])

    @property
    def has_any(self) -> bool:
        """Whether pictures wait at all: then the page has more cards than are laid out at once."""
        return bool(self._data)

    def waits(self, photo: SheetPhoto) -> bool:
        """Whether a picture stands at the end of the page."""
        return self._here is not None and photo not in self._here

    def number(self, photo: SheetPhoto) -> int:
        """Return the number of a picture that waits."""
        return self._numbers[photo]

    def shelves(self) -> Iterator[list[str]]:
        """Yield the pictures that wait as base64, block by block."""
        for start in range(0, len(self._data), SHELF):
            yield self._data[start : start + SHELF]
