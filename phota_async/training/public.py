"""Copy photos into a folder that a web server of the user's shows."""

import os
import threading
from collections import defaultdict
from pathlib import Path
from urllib.parse import urlsplit

from .. import threads
from ..errors import ConfigError, PhotaError, UploadError
from ..media.files import PART, write_file
from ..validation import is_http_url
from .via import Via

READABLE = 0o644  # the web server runs as somebody else


class PublicFolder:
    """Puts photos into a folder that the internet can read under an address of yours.

    The links are not signed: whoever has one can read that photo while it is there, and its random name is what
    keeps it from everybody else. So the server must not list the folder.

    Usage::

        uploader = PublicFolder("https://example.com/training", "/srv/www/training")

    Args:
        base_url: The folder's address.
        folder: The folder; it must exist, for one that is made here is shown by nobody.

    Raises:
        ConfigError: One of them cannot be.
    """

    def __init__(self, base_url: str, folder: str | os.PathLike[str]) -> None:
        if not is_http_url(base_url) or any(urlsplit(base_url)[3:]) or "@" in urlsplit(base_url).netloc:
            raise ConfigError("the public folder's address: expected http(s)://HOST/PATH and no more")
        self.folder = Path(folder).absolute()
        if not self.folder.is_dir():
            raise ConfigError(f"{self.folder}: expected the folder that your server shows, got none there")
        self.base_url = base_url.rstrip("/")
        self.place = str(self.folder)
        """What people call it."""
        self.via = Via(public_base_url=base_url, public_dir=self.place)
        """What `open_uploader` makes an equal one of."""
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __repr__(self) -> str:
        return f"<PublicFolder {self.place}>"

    async def upload(self, name: str, data: bytes) -> str:
        """Write a photo into the folder and return its address."""
        await threads.run(self._write, name, data, self._turns[name])
        return f"{self.base_url}/{name}"

    async def delete(self, name: str) -> None:
        """Remove a photo from the folder, after an upload of it that still runs in its thread."""
        await threads.run(self._remove, name, self._turns[name])

    def _write(self, name: str, data: bytes, turn: threading.Lock) -> None:
        with turn:
            try:
                write_file(self.folder / name, [data], "error").chmod(READABLE)
            except (PhotaError, OSError) as error:
                raise UploadError(name, self.place, str(error)) from None

    def _remove(self, name: str, turn: threading.Lock) -> None:
        with turn:
            try:
                for unfinished in self.folder.glob(f".{name}.*{PART}"):  # of a process that was killed
                    unfinished.unlink(missing_ok=True)
                (self.folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise UploadError(name, self.place, error.strerror or str(error)) from None
