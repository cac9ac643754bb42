"""Run the command line: ``python -m phota_async`` is ``phota``."""

import sys

from phota_async.cli.extras import missing_message


def main() -> None:
    """Start the command, or say what to install first."""
    message = missing_message("phota", ["click"])
    if message:
        sys.stderr.write(f"{message}\n")
        sys.exit(2)
    try:
        from phota_async.cli.main import main as run  # noqa: PLC0415 - click may be missing

        run()
    except KeyboardInterrupt:  # before click could take care of it
        sys.exit(130)


if __name__ == "__main__":
    main()
