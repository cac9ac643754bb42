"""Which addresses a result link may lead to. No I/O."""

import ipaddress
from urllib.parse import urljoin, urlsplit

from ..errors import DownloadError, shorten

MAX_SHOWN = 200  # characters of a link in an error


def is_public(address: str) -> bool:
    """Whether an IP address, as text, is one of the open internet."""
    try:
        parsed = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return (mapped or parsed).is_global and not parsed.is_multicast


def check_link(url: str, *, allow_private: bool) -> None:
    """Raise `DownloadError` when a link is not http(s) or spells a private address.

    Host names are judged when they are resolved; this is for what no resolver sees: addresses in the link.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        raise DownloadError(show_link(url), "expected an http(s) link, got something else") from None
    if parts.scheme not in ("http", "https") or not host:
        raise DownloadError(show_link(url), "expected an http(s) link, got something else")
    if parts.username or parts.password:
        raise DownloadError(show_link(url), "expected a link without user and password")
    if not allow_private and _is_address(host) and not is_public(host):
        raise DownloadError(show_link(url), "the link leads to a private address").with_context(
            hint="ClientConfig(allow_private_downloads=True) permits it"
        )


def follow_redirect(url: str, target: str) -> str:
    """Return the link that a redirect's ``Location`` means, seen from ``url``."""
    try:
        return urljoin(url, target)
    except ValueError:
        raise DownloadError(show_link(url), "expected a redirect to a link, got something else") from None


def _is_address(host: str) -> bool:
    """Whether a host is an address in any spelling that a C library would take: 127.1, 0x7f.1, 2130706433."""
    last = host.rsplit(".", 1)[-1]
    return ":" in host or last[:1].isdigit()


def show_link(url: str) -> str:
    """Return a link without its query, which is its signature, and without user and password."""
    bare = url.split("?", maxsplit=1)[0].split("#", maxsplit=1)[0]
    scheme, mark, rest = bare.partition("://")
    host, slash, path = rest.partition("/")
    shown = f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"
    return shorten(shown, MAX_SHOWN)
