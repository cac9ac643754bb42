"""Where results go, and are looked for, when nobody says where."""

from pathlib import Path

DEFAULT = "phota-out"


def usual_folder() -> Path:
    """Return the folder that runs write to if no other is named, or this one where there is none."""
    usual = Path(DEFAULT)
    return usual if (usual / ".phota").is_dir() else Path()
