"""Photos as items of a batch, made as they are asked for."""

from collections.abc import Callable, Collection, Iterable, Iterator

from ..batch.items import BatchItem
from ..batch.templates import default_template
from ..requests import AnyRequest
from .photos import Photo


class Items(Collection[BatchItem]):
    """An item for each photo. Each iteration, and the first look at its length, reads the photos' names anew.

    Photos that differ in the suffix only get it into their results' names, so that both have one.

    Args:
        photos: Iterable any number of times, as `Photos` is.
        make: Gives the request of a photo.
        names: As in `Batch`.
        take: As in `Batch`.
    """

    def __init__(
        self,
        photos: Iterable[Photo],
        make: Callable[[Photo], AnyRequest],
        *,
        names: str | None = None,
        take: int = 1,
    ) -> None:
        self._photos = photos
        self._make = make
        self._twins = (names or default_template(take)).replace("{stem}", "{name}")
        self._length: int | None = None

    def __iter__(self) -> Iterator[BatchItem]:
        for photo in self._photos:
            yield BatchItem(photo.key, self._make(photo), names=self._twins if photo.is_twin else "")

    def __len__(self) -> int:
        if self._length is None:
            self._length = sum(1 for _ in self._photos)
        return self._length

    def __contains__(self, item: object) -> bool:
        return any(each == item for each in self)

    def __repr__(self) -> str:
        return f"<Items of {self._photos!r}>"
