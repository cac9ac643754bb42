"""Upload to an object store (S3, R2, MinIO, GCS, Azure) and sign links to it. Needs the extra `upload`.

Only obstore's synchronous calls are used, in threads: its asynchronous ones can abort the interpreter at its end.
"""

import contextlib
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from .. import threads
from ..errors import ConfigError, UploadError
from .uploading import media_type
from .via import Via

if TYPE_CHECKING:
    from obstore.store import AzureStore, GCSStore, S3Store

    Store = AzureStore | GCSStore | S3Store

LINK_LIFETIME = 86400.0  # seconds; a training takes 20 minutes, and how long it may queue is not published
TIMEOUT = timedelta(seconds=120)  # for one request to the store
RETRY: Any = {"max_retries": 4, "retry_timeout": timedelta(seconds=180)}
SETTINGS: Mapping[str, Mapping[str, str]] = {  # scheme: what may follow the ?, and obstore's word for it
    "s3": {"endpoint": "endpoint", "region": "region"},
    "gs": {},
    "az": {"account": "account_name", "endpoint": "endpoint"},
}
CREDENTIALS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN where there is one)",
    "gs": "set GOOGLE_SERVICE_ACCOUNT to the path of a service account's key file",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
FORM = "s3://BUCKET/PREFIX?endpoint=URL&region=NAME, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX?account=NAME"


class StoreUploader:
    """Puts photos into a bucket and signs links that live for a day.

    Usage::

        uploader = StoreUploader("s3://bucket/prefix?endpoint=https://ACCOUNT.r2.cloudflarestorage.com&region=auto")

    Credentials come from the environment, as the stores' own tools read them, and never from the address.

    Args:
        address: ``s3://BUCKET/PREFIX?endpoint=URL&region=NAME``, ``gs://BUCKET/PREFIX`` or
            ``az://CONTAINER/PREFIX?account=NAME``. An endpoint of ``http`` is allowed, for a store on this machine.
        lifetime: Seconds that links live. Those of temporary credentials die with the credentials.

    Raises:
        ConfigError: It is no such address, or obstore is missing.
    """

    def __init__(self, address: str, *, lifetime: float = LINK_LIFETIME) -> None:
        if not 0 < lifetime <= timedelta(days=7).total_seconds():  # S3 signs for 7 days at most
            raise ConfigError(f"lifetime: expected more than 0 and at most 604800 seconds, got {lifetime}")
        scheme, self.place, settings = parse_address(address)
        self.via = Via(address=address)
        """What `open_uploader` makes an equal one of."""
        self.lifetime = lifetime
        self._advice = CREDENTIALS[scheme]
        self._store = open_store(self.place, settings)
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def __repr__(self) -> str:
        return f"<StoreUploader {self.place}>"

    async def upload(self, name: str, data: bytes) -> str:
        """Put a photo into the bucket and return a signed link to it."""
        return await threads.network(self._put, name, data, self._turns[name])

    async def delete(self, name: str) -> None:
        """Remove a photo, after an upload of it that still runs in its thread."""
        await threads.network(self._delete, name, self._turns[name])

    def _put(self, name: str, data: bytes, turn: threading.Lock) -> str:
        import obstore  # noqa: PLC0415 - an extra

        with turn:
            attributes: Any = {"Content-Type": media_type(name)}
            # In one piece: the rest of an upload in parts that is cut off would stay in the bucket, unseen.
            self._try(name, lambda: obstore.put(self._store, name, data, attributes=attributes, use_multipart=False))
            lifetime = timedelta(seconds=self.lifetime)
            return str(self._try(name, lambda: obstore.sign(self._store, "GET", name, lifetime)))

    def _delete(self, name: str, turn: threading.Lock) -> None:
        import obstore  # noqa: PLC0415 - an extra

        def remove() -> None:
            with contextlib.suppress(FileNotFoundError):  # gone, with its bucket perhaps
                obstore.delete(self._store, name)

        with turn:
            self._try(name, remove)

    def _try(self, name: str, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - obstore raises its own, OSErrors and ValueErrors
            raise UploadError(name, self.place, reason_of(error)).with_context(hint=self._hint(error)) from None

    def _hint(self, error: Exception) -> str:
        text = str(error)
        if "169.254.169.254" in text or "redential" in text or "token request" in text:
            return self._advice
        return "look at the bucket's name, its region or endpoint, and whether these credentials may write there"


def parse_address(address: str) -> tuple[str, str, dict[str, str]]:
    """Split a store's address into its scheme, the place without settings, and the settings in obstore's words.

    Raises:
        ConfigError: It is none, or holds what it should not.
    """
    parts = urlsplit(address)
    known = SETTINGS.get(parts.scheme)
    if known is None or not parts.hostname or parts.fragment:
        raise ConfigError(f"expected {FORM}, got {_shown(address)}")
    if "@" in parts.netloc:
        raise ConfigError("expected an address without a key in it").with_context(hint=CREDENTIALS[parts.scheme])
    given = dict(parse_qsl(parts.query, keep_blank_values=True))
    unknown = sorted(given.keys() - known.keys())
    if unknown:
        allowed = " and ".join(known) or "nothing"
        raise ConfigError(f"expected {allowed} after the ? of {parts.scheme}://, got {unknown[0]}").with_context(
            hint=f"keys come from the environment: {CREDENTIALS[parts.scheme]}"
        )
    place = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    return parts.scheme, place, {known[name]: value for name, value in given.items()}


def _shown(address: str) -> str:
    return repr(address.split("?", maxsplit=1)[0][:60])


def open_store(place: str, settings: Mapping[str, str]) -> "Store":
    """Open a store by its place and obstore's words for its settings, as `parse_address` gives them.

    Raises:
        ConfigError: It cannot be used, or obstore is missing.
    """
    try:
        from obstore.store import from_url  # noqa: PLC0415 - an extra
    except ImportError:
        raise ConfigError("uploading to a store needs obstore").with_context(
            hint='pip install "phota-async[upload]"'
        ) from None
    options: Any = {"timeout": TIMEOUT, "allow_http": settings.get("endpoint", "").startswith("http://")}
    given: Any = settings
    try:
        store: Any = from_url(place, client_options=options, retry_config=RETRY, **given)
    except Exception as error:  # noqa: BLE001 - whatever it is, the address cannot be used
        raise ConfigError(f"{place}: {reason_of(error)}") from None
    return cast("Store", store)  # by its scheme


def reason_of(error: Exception) -> str:
    """Return what an error of obstore's says, without its innards; it names no key and no signature."""
    return str(error).split("\n\nDebug source", maxsplit=1)[0].split("<?xml", maxsplit=1)[0].strip(" :")
