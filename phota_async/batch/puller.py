"""Take items one by one from what the user gave: an iterable or an asynchronous one."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

from ..errors import InputError, PhotaError
from ..requests import AnyRequest
from .items import BatchItem

END = object()
Items = Iterable[BatchItem] | AsyncIterable[BatchItem]


class Puller:
    """Gives the next item, or ``None`` at the end; never asked for two at once."""

    def __init__(self, items: Items) -> None:
        if isinstance(items, AsyncIterable):
            self._asynchronous: AsyncIterator[BatchItem] | None = aiter(items)
            self._plain: Iterator[BatchItem] = iter(())
        elif isinstance(items, Iterable):
            self._asynchronous, self._plain = None, iter(items)
        else:
            raise InputError(f"items: expected an iterable of BatchItem, got {type(items).__name__}")
        self._ended = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing has to be waited for: then `next_nowait` is enough."""
        return self._asynchronous is None

    async def next(self) -> BatchItem | None:
        """Return the next item, or ``None`` when there are no more.

        Raises:
            InputError: The iterator failed, or gave something else.
        """
        if self._asynchronous is None:
            return self.next_nowait()
        try:
            item = END if self._ended else await anext(self._asynchronous, END)
        except PhotaError:
            self._ended = True
            raise
        except Exception as error:
            raise self._broken(error) from error
        return self._checked(item)

    def next_nowait(self) -> BatchItem | None:
        """Do as `next` does, with a plain iterable."""
        try:
            item = END if self._ended else next(self._plain, END)
        except PhotaError:
            self._ended = True
            raise
        except Exception as error:
            raise self._broken(error) from error
        return self._checked(item)

    def _checked(self, item: object) -> BatchItem | None:
        if isinstance(item, BatchItem) and isinstance(item.request, AnyRequest):
            return item
        self._ended = True
        if item is END:
            return None
        got = f"one with a {type(item.request).__name__}" if isinstance(item, BatchItem) else type(item).__name__
        raise InputError(f"items: expected BatchItem values with a request, got {got}")

    def _broken(self, error: Exception) -> InputError:
        """End; what the user's iterator raises must not cancel what is under way."""
        self._ended = True
        return InputError(f"items: the iterator failed with {type(error).__name__}: {error}")
