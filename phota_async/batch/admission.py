"""Which items may begin: those that the service can take, each at a place of its own."""

from pathlib import Path

from ..validation import check_request
from .items import BatchItem
from .names import Places
from .templates import Names


class Admission:
    """Looks at each item of a batch once, in their order, before anything else is done with it.

    Args:
        output: Where the pictures go; ``None`` keeps them in memory, where they need no name.
        names: What they are called there.
        takes: How often an item may be asked for.
    """

    def __init__(self, output: Path | None, names: Names, *, takes: int = 1) -> None:
        self._output = output
        self._names = names
        self._takes = takes
        self._places = Places()

    def admit(self, item: BatchItem) -> None:
        """Check an item and take its name.

        Raises:
            InputError: It breaks a documented rule, its key is no name, or another item or an original has it.
        """
        check_request(item.request)
        if self._output is not None:
            self._names.check_numbers(item, self._takes)
            target = self._names.target(self._output, item)
            self._places.claim(target, item.request, is_numbered=self._names.is_numbered(item))

    def close(self) -> None:
        """Forget the names that were taken."""
        self._places.close()

    def __repr__(self) -> str:
        return f"<Admission below {self._output}>"
