"""Settings are checked once, with expected and got; the key and private headers are never shown."""

import math
import pickle
import re
import ssl
from typing import Any

import pytest

from phota_async.config import (
    DEFAULT_BASE_URL,
    ClientConfig,
    RetryPolicy,
    Secret,
    find_base_url,
    find_key,
    is_loopback,
)
from phota_async.errors import ConfigError

KEY = "key-which-nobody-may-see"
POSITIVE = [name for name in ClientConfig.__struct_fields__ if name.endswith(("timeout", "interval", "_bytes"))]


# RetryPolicy


def test_the_default_policy() -> None:
    policy = RetryPolicy()
    assert (policy.max_attempts, policy.backoff, policy.max_backoff) == (5, 0.5, 20.0)
    assert (policy.tokens, policy.retry_cost, policy.success_refund) == (500, 5, 1)
    assert policy.resend_guard == 48 * 60


@pytest.mark.parametrize("name", RetryPolicy.__struct_fields__)
@pytest.mark.parametrize("value", [-1, math.nan, "5", None])
def test_a_policy_refuses_what_cannot_work(name: str, value: Any) -> None:
    least = 1 if name == "max_attempts" else 0
    with pytest.raises(ConfigError, match=rf"^{name}: expected {least} or more, got {value!r}$"):
        RetryPolicy(**{name: value})


def test_a_policy_needs_one_attempt_and_takes_zeros_elsewhere() -> None:
    with pytest.raises(ConfigError, match="max_attempts: expected 1 or more, got 0"):
        RetryPolicy(max_attempts=0)
    policy = RetryPolicy(max_attempts=1, backoff=0, max_backoff=0, tokens=0, retry_cost=0, resend_guard=0)
    assert policy.backoff == 0


# ClientConfig


def test_the_defaults_outlive_the_service() -> None:
    config = ClientConfig()
    assert config.mode == "sync"
    assert config.answer_timeout > 600  # the service takes up to 600 s
    assert config.timeout > config.answer_timeout
    assert config.profile_interval == 15
    assert (config.job_interval, config.max_job_interval) == (2, 15)
    assert config.ssl_context is None
    assert config.proxy is None


@pytest.mark.parametrize("name", POSITIVE)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, "5", None])
def test_times_and_sizes_are_positive_numbers(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=rf"^{name}: expected more than 0, got {value!r}$"):
        ClientConfig(**{name: value})


def test_every_time_and_size_is_checked() -> None:
    assert len(POSITIVE) == 11


def test_the_mode_is_one_of_two_words() -> None:
    assert ClientConfig(mode="job").mode == "job"
    with pytest.raises(ConfigError, match='mode: expected "sync" or "job", got \'async\''):
        ClientConfig(mode="async")  # type: ignore[arg-type]  # this is what is tested


def test_a_config_hides_its_headers_and_proxy() -> None:
    config = ClientConfig(headers={"Authorization": KEY}, proxy=f"http://user:{KEY}@proxy", timeout=90)
    assert repr(config) == "<ClientConfig mode=sync timeout=90>"
    assert list(config.__rich_repr__()) == [("mode", "sync"), ("timeout", 90)]


@pytest.mark.parametrize("headers", [{"x-API-key": KEY}, {"X-Team": "a\r\nX-API-Key: b"}, {"X\n": "a"}, {"X": "é"}])
def test_headers_are_plain_and_not_the_key(headers: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="headers: expected plain text and not the key") as caught:
        ClientConfig(headers=headers)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("headers", None, "a mapping of names to texts, got NoneType"),
        ("headers", [("X-Team", "a")], "a mapping of names to texts, got list"),
        ("headers", {"X": 1}, "a str for each name and text, got int"),
        ("headers", {b"X": "1"}, "a str for each name and text, got bytes"),
        ("retry", 3, "a RetryPolicy, got int"),
        ("retry", None, "a RetryPolicy, got NoneType"),
        ("ssl_context", "/ca.pem", "an ssl.SSLContext or None, got str"),
        ("ssl_context", False, "an ssl.SSLContext or None, got bool"),
        ("allow_private_downloads", "no", "True, False or None, got str"),
        ("proxy", 5, "http(s)://host:port or None, got int"),
        *(
            ("proxy", address, "http(s)://host:port or None, got str")
            for address in ("", "proxy:3128", "http://", "socks5://proxy", "http://proxy:port", "http://[::1")
        ),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(f'{name}: expected {expected}')}$"):
        ClientConfig(**{name: value})


@pytest.mark.parametrize("proxy", ["http://proxy", "https://proxy:3128", "http://[::1]:3128", f"http://user:{KEY}@p"])
def test_proxies_that_are_taken(proxy: str) -> None:
    assert ClientConfig(proxy=proxy).proxy == proxy


def test_a_refused_proxy_is_not_shown() -> None:
    with pytest.raises(ConfigError, match="proxy: expected") as caught:
        ClientConfig(proxy=f"user:{KEY}@proxy")
    assert KEY not in str(caught.value)


def test_a_config_is_frozen_and_survives_a_pickle() -> None:
    config = ClientConfig(mode="job", headers={"X-Team": "a"})
    assert pickle.loads(pickle.dumps(config)) == config
    with pytest.raises(AttributeError):
        config.mode = "sync"  # type: ignore[misc]  # this is what is tested


def test_a_config_takes_a_certificate_authority() -> None:
    context = ssl.create_default_context()
    assert ClientConfig(ssl_context=context).ssl_context is context


# The key


async def test_the_key_is_the_argument_before_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHOTA_API_KEY", "from-the-environment")
    assert await find_key("given").get() == "given"
    assert await find_key(None).get() == "from-the-environment"


@pytest.mark.parametrize("variable", [None, ""])
def test_no_key_says_how_to_give_one(variable: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if variable is not None:
        monkeypatch.setenv("PHOTA_API_KEY", variable)
    with pytest.raises(ConfigError, match="no API key") as caught:
        find_key(None)
    assert "PHOTA_API_KEY" in caught.value.hint
    assert "platform.photalabs.com" in caught.value.hint


@pytest.mark.parametrize("name", ["PHOTA_KEY", "PHOTALABS_API_KEY"])
def test_other_variables_are_not_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, KEY)
    with pytest.raises(ConfigError, match="no API key"):
        find_key(None)


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\r\nX: y", "clé", "a\0b", "   "])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    with pytest.raises(ConfigError, match="the API key") as caught:
        find_key(key)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [3, b"bytes", ["k"]])
def test_a_key_is_text_or_a_callable(key: Any) -> None:
    with pytest.raises(ConfigError, match=f"api_key: expected a str or a callable, got {type(key).__name__}"):
        find_key(key)


async def test_a_callable_is_asked_once_and_again_when_told() -> None:
    keys = iter(["first", "second"])
    secret = find_key(lambda: next(keys))
    assert secret.can_change
    assert [await secret.get(), await secret.get()] == ["first", "first"]
    assert await secret.get(anew=True) == "second"
    assert await secret.get() == "second"


async def test_a_callable_may_be_asynchronous() -> None:
    async def fetch() -> str:
        return KEY

    assert await find_key(fetch).get() == KEY


async def test_a_fixed_key_stays() -> None:
    secret = find_key(KEY)
    assert not secret.can_change
    assert await secret.get(anew=True) == KEY


@pytest.mark.parametrize("answer", ["", " k", None, 7, b"k"])
async def test_what_a_callable_gives_is_checked(answer: Any) -> None:
    with pytest.raises(ConfigError, match=r"the API key|the api_key callable failed with TypeError"):
        await find_key(lambda: answer).get()


async def test_what_a_callable_raises_stays_unseen() -> None:
    def refuse() -> str:
        raise RuntimeError(f"vault says: {KEY}")

    with pytest.raises(ConfigError, match="the api_key callable failed with RuntimeError") as caught:
        await find_key(refuse).get()
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_secret_is_neither_shown_nor_pickled() -> None:
    secret = Secret(KEY)
    assert KEY not in repr(secret) + str(secret)
    with pytest.raises(ConfigError, match="cannot be pickled"):
        pickle.dumps(secret)


# The address


def test_the_address_is_the_argument_then_the_variable_then_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_base_url(None) == DEFAULT_BASE_URL == "https://api.photalabs.com/v1/phota"
    monkeypatch.setenv("PHOTA_BASE_URL", "https://staging.example.com/v1/")
    assert find_base_url(None) == "https://staging.example.com/v1"
    assert find_base_url("https://example.com") == "https://example.com"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://example.com/v1/phota/", "https://example.com/v1/phota"),
        ("  https://example.com/v1 ", "https://example.com/v1"),
        ("http://localhost:8080/v1", "http://localhost:8080/v1"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://api.localhost", "http://api.localhost"),
    ],
)
def test_addresses_that_are_taken(given: str, expected: str) -> None:
    assert find_base_url(given) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("example.com", "expected an https address"),
        ("ftp://example.com", "expected an https address"),
        ("https://", "expected an https address"),
        ("https://example.com/?a=b", "expected an https address"),
        ("https://example.com/#a", "expected an https address"),
        ("https://example.com:port", "expected an https address"),
        ("https://example.com:99999", "expected an https address"),
        ("https://[::1", "expected an https address"),
        ("https://exa mple.com", "expected an https address"),
        ("https://example.com\n.evil.com/v1", "expected an https address"),
        ("https://example.com/v1 /phota", "expected an https address"),
        ("https://user:pass@example.com", "without user and password"),
        ("http://example.com", "expected https, got http for example.com"),
        ("http://localhost.evil.com", "expected https"),
        ("http://127.0.0.1.evil.com", "expected https"),
        ("http://127.evil.com", "expected https"),
        ("http://10.0.0.1", "expected https"),
    ],
)
def test_addresses_that_are_refused(given: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=f"base_url: .*{reason}"):
        find_base_url(given)


def test_a_refused_address_shows_no_password() -> None:
    with pytest.raises(ConfigError) as caught:
        find_base_url(f"https://user:{KEY}@example.com/?a=b")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("a.localhost", True), ("127.0.0.1", True), ("127.255.0.9", True), ("::1", True)]
    + [(host, False) for host in ("127.evil.com", "127.0.0.1.nip.io", "localhost.com", "10.0.0.1", "::2", "")],
)
def test_loopback_hosts(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
