"""Check that a wheel holds the package and nothing else: ``python wheel_contents.py WHEEL``."""

import sys
import zipfile

NEEDED = {"phota_async/py.typed", "phota_async/sandbox/openapi.json", "phota_async/demo/photos/cat.jpg"}


def main(path: str) -> None:
    names = set(zipfile.ZipFile(path).namelist())
    strays = sorted(
        name
        for name in names
        if not name.startswith("phota_async") or name.endswith((".pyc", ".part")) or "__pycache__" in name
    )
    missing = sorted(NEEDED - names)
    if strays or missing:
        sys.exit(f"stray files: {strays}; missing files: {missing}")
    print(f"the wheel holds {len(names)} files, none of them stray")


if __name__ == "__main__":
    main(sys.argv[1])
