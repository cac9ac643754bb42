"""The names in one folder: photos and folders, in the order people expect. Blocks."""

import os

import msgspec

from .keys import natural
from .patterns import Filter, is_own_result

MAX_TOLD = 10  # folders that could not be read, by name


class Passed(msgspec.Struct, kw_only=True):
    """What was passed over on the way, for those who wonder where a photo is."""

    folders: int = 0
    """Folders that were not looked into."""
    outputs: int = 0
    """Folders that runs write to."""
    results: int = 0
    """Results of runs that lie beside originals."""
    others: int = 0
    """Files that are no photos, or were excluded."""
    unreadable: list[str] = []
    """Folders that cannot be read, the first ten."""


class Listing(msgspec.Struct):
    """What is in a folder."""

    files: list[str]
    folders: list[str]

    def leave_out_results(self, passed: Passed) -> None:
        """Take out what has a result's name."""
        kept = [name for name in self.files if not is_own_result(name)]
        passed.results += len(self.files) - len(kept)
        self.files = kept


def list_folder(folder: str, root: str, chosen: Filter, passed: Passed) -> Listing:
    """Return the photos and folders in a folder; hidden ones are none.

    Args:
        folder: The folder.
        root: The folder that was given; patterns are about paths below it.
        chosen: What is taken.
        passed: Is told what is not.
    """
    listing = Listing([], [])
    below = os.path.relpath(folder, root).replace(os.sep, "/")
    prefix = "" if folder == root else f"{below}/"
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    _sort_in(entry, prefix + entry.name, listing, chosen, passed)
    except OSError as error:
        if len(passed.unreadable) < MAX_TOLD:
            passed.unreadable.append(f"{folder}: {error.strerror or error}")
    listing.files.sort(key=natural)
    listing.folders.sort(key=natural)
    return listing


def _sort_in(entry: "os.DirEntry[str]", path: str, listing: Listing, chosen: Filter, passed: Passed) -> None:
    if entry.is_dir():
        if chosen.enters(entry.name, path):
            listing.folders.append(entry.name)
    elif chosen.takes(entry.name, path) and entry.is_file():
        listing.files.append(entry.name)
    else:
        passed.others += 1
