"""The asyncio-native client for the Phota API. An independent project, not made by the service's vendor.

    async with PhotaClient() as client:
        result = await client.enhance("photo.jpg")
        await result.save("out")

Names are imported on first use, so that ``import phota_async`` costs next to nothing.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .batch import Batch, BatchItem, Budget, DirectorySink, ItemRunner, ItemSettings, ObjectSink, Outcome, run_item
    from .client import PhotaClient
    from .config import ClientConfig, RetryPolicy
    from .erasing import EraseReceipt
    from .errors import (
        AuthenticationError,
        BadRequestError,
        BudgetExceededError,
        CheckError,
        ConfigError,
        ConflictError,
        ConnectError,
        ContentModerationError,
        DeadlineError,
        DecodeError,
        DownloadError,
        InputError,
        InsufficientCreditsError,
        JobFailedError,
        LedgerError,
        NotFoundError,
        PhotaError,
        RateLimitError,
        ResponseLostError,
        ScopeError,
        ServerError,
        SignatureError,
        StatusError,
        TrainingError,
        TransportError,
        UploadError,
    )
    from .leases import MemoryLeases, PostgresLeases, RedisLeases
    from .ledger import Ledger, PostgresLedger
    from .limiter import Limiter
    from .models import Job, JobStatus, KnownSubjects, Profile, ProfileStatus
    from .pricing import estimate
    from .rates import PostgresRate, RedisRate
    from .requests import EditRequest, EnhanceRequest, GenerateRequest, RemixRequest
    from .results import ImageResult, OutputImage
    from .scope import UserScope

_HOMES = {
    "batch": (
        "Batch",
        "BatchItem",
        "Budget",
        "DirectorySink",
        "ItemRunner",
        "ItemSettings",
        "ObjectSink",
        "Outcome",
        "run_item",
    ),
    "client": ("PhotaClient",),
    "config": ("ClientConfig", "RetryPolicy"),
    "errors": (
        "AuthenticationError",
        "BadRequestError",
        "BudgetExceededError",
        "CheckError",
        "ConfigError",
        "ConflictError",
        "ConnectError",
        "ContentModerationError",
        "DeadlineError",
        "DecodeError",
        "DownloadError",
        "InputError",
        "InsufficientCreditsError",
        "JobFailedError",
        "LedgerError",
        "NotFoundError",
        "PhotaError",
        "RateLimitError",
        "ResponseLostError",
        "ScopeError",
        "ServerError",
        "SignatureError",
        "StatusError",
        "TrainingError",
        "TransportError",
        "UploadError",
    ),
    "erasing": ("EraseReceipt",),
    "leases": ("MemoryLeases", "PostgresLeases", "RedisLeases"),
    "ledger": ("Ledger", "PostgresLedger"),
    "limiter": ("Limiter",),
    "models": ("Job", "JobStatus", "KnownSubjects", "Profile", "ProfileStatus"),
    "pricing": ("estimate",),
    "rates": ("PostgresRate", "RedisRate"),
    "requests": ("EditRequest", "EnhanceRequest", "GenerateRequest", "RemixRequest"),
    "results": ("ImageResult", "OutputImage"),
    "scope": ("UserScope",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AuthenticationError",
    "BadRequestError",
    "Batch",
    "BatchItem",
    "Budget",
    "BudgetExceededError",
    "CheckError",
    "ClientConfig",
    "ConfigError",
    "ConflictError",
    "ConnectError",
    "ContentModerationError",
    "DeadlineError",
    "DecodeError",
    "DirectorySink",
    "DownloadError",
    "EditRequest",
    "EnhanceRequest",
    "EraseReceipt",
    "GenerateRequest",
    "ImageResult",
    "InputError",
    "InsufficientCreditsError",
    "ItemRunner",
    "ItemSettings",
    "Job",
    "JobFailedError",
    "JobStatus",
    "KnownSubjects",
    "Ledger",
    "LedgerError",
    "Limiter",
    "MemoryLeases",
    "NotFoundError",
    "ObjectSink",
    "Outcome",
    "OutputImage",
    "PhotaClient",
    "PhotaError",
    "PostgresLeases",
    "PostgresLedger",
    "PostgresRate",
    "Profile",
    "ProfileStatus",
    "RateLimitError",
    "RedisLeases",
    "RedisRate",
    "RemixRequest",
    "ResponseLostError",
    "RetryPolicy",
    "ScopeError",
    "ServerError",
    "SignatureError",
    "StatusError",
    "TrainingError",
    "TransportError",
    "UploadError",
    "UserScope",
    "__version__",
    "estimate",
    "run_item",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - costs nothing until a name is used

    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
