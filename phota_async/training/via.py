"""How photos get to the service, in words: what a person types, and what a journal keeps."""

from typing import TYPE_CHECKING

import msgspec

from ..errors import ConfigError
from ..hidden import rich_repr

if TYPE_CHECKING:
    from .uploading import Uploader

SHELL = "cmd:"
NEEDED = "the service fetches training photos from links: there is no way to send it files"


class Via(msgspec.Struct, frozen=True, kw_only=True):
    """Which uploader, and its settings. It holds no key; commands stand here as they were given."""

    address: str = ""
    """``s3://…``, ``gs://…``, ``az://…``, or ``cmd:COMMAND``."""
    delete: str = ""
    """With ``cmd:``, the command that removes a photo again: ``cmd:COMMAND``."""
    public_base_url: str = ""
    """The address of a folder that a web server shows."""
    public_dir: str = ""
    """That folder."""

    def __repr__(self) -> str:
        kind = self.address.partition(":")[0] or ("public" if self.public_base_url else "nothing")
        return f"<Via {kind}>"

    __rich_repr__ = rich_repr


def open_uploader(via: Via) -> "Uploader":
    """Return the uploader that is meant.

    Raises:
        ConfigError: It is none, or something of it is missing.
    """
    if bool(via.address) == bool(via.public_base_url):
        got = "both" if via.address else "neither"
        raise ConfigError(f"expected a way to upload or the address of a public folder, got {got}").with_context(
            hint=f"{NEEDED}; give --via s3://BUCKET/PREFIX, --via 'cmd:...', or --public-base-url with --public-dir"
        )
    if via.delete and not via.address.startswith(SHELL):
        raise ConfigError("a delete command goes with an upload command (cmd:...) only")
    if bool(via.public_base_url) != bool(via.public_dir):
        raise ConfigError("the address of a public folder and the folder go together, got one of them").with_context(
            hint="photos are copied into the folder --public-dir, which your server shows at --public-base-url"
        )
    if via.public_base_url:
        from .public import PublicFolder  # noqa: PLC0415 - each uploader is imported when it is used

        return PublicFolder(via.public_base_url, via.public_dir)
    if via.address.startswith(SHELL):
        from .shell import ShellUploader  # noqa: PLC0415

        return ShellUploader(via.address.removeprefix(SHELL), delete=via.delete.removeprefix(SHELL))
    from .stores import StoreUploader  # noqa: PLC0415

    return StoreUploader(via.address)
