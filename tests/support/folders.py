"""What lies in a folder."""

from pathlib import Path


def names(folder: Path) -> list[str]:
    """Return the names in a folder, hidden ones too, in order."""
    return sorted(each.name for each in folder.iterdir())


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, by its path there."""
    found = [each for each in folder.rglob("*") if each.is_file()]
    return {str(each.relative_to(folder)): each.read_bytes() for each in found}
