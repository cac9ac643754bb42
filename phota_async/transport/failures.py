"""Translate what aiohttp raises into errors of ours: the one border for foreign exceptions.

What is returned here holds text only. It is raised outside of the ``except`` block, since an error's context
would otherwise keep aiohttp's exception, and with it the request's headers.
"""

import ssl

import aiohttp

from ..errors import ConfigError, ConnectError, DeadlineError, PhotaError, ResponseLostError, TransportError
from ..protocol import Call
from .upload import StreamedBody

RESUME_HINT = "await error.resume() asks for the same job again without paying twice"
SYNC_HINT = 'it may have been charged and is not sent again; mode="job" can be repeated safely'
CREATE_HINT = "look for the profile with profiles.list(tag=...) before creating it again"


def translate(  # noqa: PLR0911 - a border has many gates
    error: Exception, call: Call, origin: str, body: StreamedBody | None
) -> PhotaError:
    """Return our error for what broke an attempt."""
    if body is not None and body.error is not None:
        return body.error
    is_unsent = body is None or not body.started
    if is_unsent and isinstance(error, aiohttp.InvalidURL | UnicodeError):  # the latter: a host that IDNA refuses
        return ConfigError(f"the address of {call.route} is not valid; check base_url")
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        return _tls_error(error, origin)
    if isinstance(
        error,
        aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError | aiohttp.ClientProxyConnectionError,
    ):
        return ConnectError(origin, _reason(error))
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return ConnectError(origin, f"the proxy answered HTTP {error.status}")
    if body is not None and not body.started and isinstance(error, TimeoutError) and type(error) is TimeoutError:
        return DeadlineError(f"{call.route}: out of time before it was sent")
    if body is not None and not body.started:
        return ConnectError(origin, _reason(error))
    if isinstance(error, TimeoutError):
        return silence(call, "the service said nothing for too long")
    return lost(call, _reason(error))


def lost(call: Call, reason: str) -> TransportError:
    """Return the error for an answer that broke off."""
    error = ResponseLostError(call.route, reason).with_context(client_request_id=call.client_request_id)
    match call.kind:
        case "free":
            return error.with_context(charged="no", retryable=True)
        case "job":
            return error.with_context(retryable=True, hint=RESUME_HINT)
        case "create":
            return error.with_context(hint=CREATE_HINT)
    return error.with_context(hint=SYNC_HINT)


def silence(call: Call, reason: str) -> TransportError:
    """Return the error for time that ran out after sending: a free call has only lost time."""
    return DeadlineError(f"{call.route}: {reason}") if call.kind == "free" else lost(call, reason)


def _tls_error(error: Exception, origin: str) -> ConnectError:
    """A certificate does not become valid by trying again; another TLS fault may."""
    certificate = isinstance(error, aiohttp.ClientConnectorCertificateError)
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    certificate = certificate or isinstance(cause, ssl.SSLCertVerificationError)
    reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None) or type(cause).__name__
    return ConnectError(origin, f"TLS: {reason}").with_context(
        retryable=not certificate,
        hint="ClientConfig(ssl_context=...) takes your certificate authority" if certificate else "",
    )


def _reason(error: Exception) -> str:
    """Return a foreign error's own words where they are harmless: those of the operating system."""
    cause = getattr(error, "os_error", error)
    return getattr(cause, "strerror", None) or _WORDS.get(type(error), type(error).__name__)


_WORDS: dict[type[Exception], str] = {
    aiohttp.ServerDisconnectedError: "the service closed the connection",
    aiohttp.ClientPayloadError: "the answer is cut off",
    aiohttp.ClientResponseError: "what came is no HTTP",  # its own words repeat what came
    aiohttp.ConnectionTimeoutError: "no connection in time",
    aiohttp.ClientConnectionResetError: "the connection was reset",
}
