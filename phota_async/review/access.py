"""Who may ask the server of a review for what. No I/O.

The server listens on this machine only, which keeps out other machines and nobody else: every page that the browser
shows can send requests to it, and every program here can. So:

* The address has to be ours as it was printed: a name that a stranger's DNS leads here (DNS rebinding) is refused.
* The page proves itself with a token in a header. Browsers send no header on their own, as they send cookies, also to
  other ports of this machine; and a page of another origin that tries is stopped by its own browser first, since we
  answer no preflight.
* The token travels in the address's fragment, which is in no request, no log and no ``Referer``.
* Without the token there are the page's own files only: they hold nothing of the run.
"""

import secrets
from collections.abc import Mapping

TOKEN_HEADER = "Phota-Review-Token"  # noqa: S105 - a name
MAX_TICKET = 60.0  # seconds that the browser has to start

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""What every answer carries."""


class Access:
    """Judges requests.

    Args:
        host: The address that the server listens on.
        port: Its port.
    """

    def __init__(self, host: str, port: int) -> None:
        spelled = f"[{host}]" if ":" in host else host
        self.address = f"http://{spelled}:{port}"
        self.token = secrets.token_urlsafe(32)
        self._hosts = {f"{spelled}:{port}", f"localhost:{port}"}
        self._ticket: tuple[str, float] | None = None

    def refusal(self, method: str, headers: Mapping[str, str], *, is_open: bool) -> tuple[int, str] | None:
        """Return the status and the sentence with which a request is refused, or ``None``.

        Args:
            method: The request's method.
            headers: Its headers; names in any case.
            is_open: Whether what it asks for needs no token.
        """
        host, origin = headers.get("Host", ""), headers.get("Origin")
        if host not in self._hosts:
            return 421, "expected this server's own address in Host, got another one"
        if origin is not None and origin != f"http://{host}":
            return 403, "expected a request of this page, got one of another origin"
        if not self._is_own_site(headers, is_open=is_open):
            return 403, "expected a request of this page, got one of another site"
        if not is_open and not self._has_token(headers):
            return 401, "open the address that the review printed"
        if method not in ("GET", "HEAD"):
            return self._refusal_to_change(headers)
        return None

    def issue_ticket(self, now: float) -> str:
        """Return what opens the page once, for the command line of a browser, which others here can read.

        Args:
            now: Seconds of any steady clock.
        """
        ticket = secrets.token_urlsafe(32)
        self._ticket = (ticket, now + MAX_TICKET)
        return ticket

    def redeem(self, ticket: str, now: float) -> str | None:
        """Return the token for a ticket, the first time and in time; else ``None``."""
        if self._ticket is None:
            return None
        expected, until = self._ticket
        if not _are_equal(ticket, expected):
            return None
        self._ticket = None
        return self.token if now <= until else None

    def _has_token(self, headers: Mapping[str, str]) -> bool:
        return _are_equal(headers.get(TOKEN_HEADER, ""), self.token)

    @staticmethod
    def _is_own_site(headers: Mapping[str, str], *, is_open: bool) -> bool:
        """Whether the browser, where it says so, sends this for our own page, or shows our page as a whole."""
        site = headers.get("Sec-Fetch-Site")
        is_page = headers.get("Sec-Fetch-Dest") == "document"
        return site in (None, "same-origin", "none") or (is_open and is_page)

    @staticmethod
    def _refusal_to_change(headers: Mapping[str, str]) -> tuple[int, str] | None:
        if "Origin" not in headers:
            return 403, "expected an Origin, got none"
        if headers.get("Content-Type", "").split(";")[0].strip().lower() != "application/json":
            return 415, "expected JSON, got something else"
        return None

    def __repr__(self) -> str:
        return f"<Access {self.address}>"


def _are_equal(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode(errors="replace"), expected.encode())
