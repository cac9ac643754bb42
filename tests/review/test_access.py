"""Who is refused: foreign names, foreign origins, foreign sites, and whoever has no token."""

from collections.abc import Mapping

import pytest

from phota_async.review.access import HEADERS, MAX_TICKET, TOKEN_HEADER, Access

ACCESS = Access("127.0.0.1", 8123)
HOST, ORIGIN = "127.0.0.1:8123", "http://127.0.0.1:8123"
PAGE = {"Host": HOST, "Origin": ORIGIN, TOKEN_HEADER: ACCESS.token, "Content-Type": "application/json"}


def status(headers: Mapping[str, str], *, method: str = "POST", is_open: bool = False) -> int | None:
    refused = ACCESS.refusal(method, headers, is_open=is_open)
    return refused[0] if refused else None


def test_the_page_itself_is_welcome() -> None:
    assert status(PAGE) is None
    assert status(PAGE | {"Sec-Fetch-Site": "same-origin"}) is None
    assert status({"Host": HOST, TOKEN_HEADER: ACCESS.token}, method="GET") is None
    assert status(PAGE | {"Host": "localhost:8123", "Origin": "http://localhost:8123"}) is None
    assert status({"Host": HOST, "Sec-Fetch-Site": "none"}, method="GET", is_open=True) is None


@pytest.mark.parametrize("host", ["evil.example:8123", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.evil.example:8123", ""])
def test_another_name_for_this_machine_is_refused(host: str) -> None:
    assert status(PAGE | {"Host": host}) == 421
    assert status({"Host": host}, method="GET", is_open=True) == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:9999", "https://127.0.0.1:8123", "http://localhost:8123"],
)
def test_another_origin_is_refused_even_with_the_token(origin: str) -> None:
    assert status(PAGE | {"Origin": origin}) == 403
    assert status(PAGE | {"Origin": origin}, method="GET") == 403
    assert status(PAGE | {"Origin": origin}, method="OPTIONS") == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_another_site_embeds_is_refused(site: str) -> None:
    assert status(PAGE | {"Sec-Fetch-Site": site}, method="GET") == 403
    assert status({"Host": HOST, "Sec-Fetch-Site": site, "Sec-Fetch-Dest": "script"}, method="GET", is_open=True) == 403
    assert status({"Host": HOST, "Sec-Fetch-Site": site, "Sec-Fetch-Dest": "iframe"}, method="GET", is_open=True) == 403
    page = {"Host": HOST, "Sec-Fetch-Site": site, "Sec-Fetch-Dest": "document"}
    assert status(page, method="GET", is_open=True) is None  # a link to the page opens it
    assert status(page | {TOKEN_HEADER: ACCESS.token}, method="GET") == 403


@pytest.mark.parametrize(
    "token",
    ["", "x", "é", ACCESS.token[:-1], ACCESS.token + "x", ACCESS.token.swapcase()],
    ids=["none", "one letter", "no ASCII", "shorter", "longer", "other case"],
)
def test_another_token_is_refused(token: str) -> None:
    assert status(PAGE | {TOKEN_HEADER: token}) == 401
    assert status({"Host": HOST, TOKEN_HEADER: token}, method="GET") == 401


def test_a_change_needs_an_origin_and_json() -> None:
    assert status({name: value for name, value in PAGE.items() if name != "Origin"}) == 403
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        assert status(PAGE | {"Content-Type": kind}) == 415
    assert status(PAGE | {"Content-Type": "application/json; charset=utf-8"}) is None


def test_a_ticket_opens_the_page_once_and_in_time() -> None:
    access = Access("127.0.0.1", 1)
    assert access.redeem("", 0) is None
    ticket = access.issue_ticket(100)
    assert ticket != access.token
    assert access.redeem("another", 100) is None
    assert access.redeem(ticket, 100 + MAX_TICKET) == access.token
    assert access.redeem(ticket, 100) is None
    assert access.redeem(access.issue_ticket(100), 101 + MAX_TICKET) is None


def test_tokens_differ_and_hide() -> None:
    other = Access("::1", 8123)
    assert other.token != ACCESS.token
    assert other.address == "http://[::1]:8123"
    assert len(other.token) >= 43  # 256 bits
    assert other.token not in repr(other)


def test_the_policy_lets_nothing_in_from_elsewhere() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
