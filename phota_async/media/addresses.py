"""Which addresses a result link may lead to. No I/O."""

import ipaddress
from urllib.parse import urljoin, urlsplit

from ..config import is_loopback
from ..errors import DownloadError, shorten

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")  # RFC 8215; older Pythons take it for public
MAX_SHOWN = 200  # characters of a link in an error


def is_public(address: str) -> bool:
    """Whether an IP address, as text, is one of the open internet."""
    try:
        parsed = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    inner = _inner_address(parsed)
    return inner.is_global and not inner.is_multicast and inner not in LOCAL_NAT64


def _inner_address(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address.ipv4_mapped or address.sixtofour or address


def is_private(host: str) -> bool:
    """Whether a host, by its spelling alone, is this machine or an address of a private network."""
    return is_loopback(host) or (_is_address(host) and not is_public(host))


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
    if "@" in parts.netloc:
        raise DownloadError(show_link(url), "expected a link without user and password")
    if not allow_private and _is_address(host) and not is_public(host):
        raise DownloadError(show_link(url), "the link leads to a private address").with_context(
            hint="ClientConfig(allow_private_downloads=True) permits it"
        )


def follow_redirect(url: str, target: str) -> str:
    """Return the link that a redirect's ``Location`` means, seen from ``url``; never one that leaves https."""
    try:
        followed = urljoin(url, target)
        is_bare = urlsplit(url).scheme == "https" and urlsplit(followed).scheme == "http"
    except ValueError:
        raise DownloadError(show_link(url), "expected a redirect to a link, got something else") from None
    if is_bare:
        raise DownloadError(show_link(url), "expected a redirect that stays with https, got http")
    return followed


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
