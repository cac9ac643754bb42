"""Script failures as data: which requests, how often, and what goes wrong."""

import random
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Literal

import msgspec

from phota_async.sandbox.document import document_routes

OWN_ROUTES = ("GET /openapi.json", "GET /cdn/{name}", "GET /uploads/{name}")
ROUTES = (*document_routes(), *OWN_ROUTES)  # what a fault may strike

Reset = Literal["during", "before", "after"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One scripted failure. A request meets the first fault that fits it, and only that one."""

    route: str = "*"
    """``POST /edit``, ``GET /jobs/{job_id}``, ``GET /cdn/{name}``, ``POST *``, or ``*`` for all."""
    when: Mapping[str, Any] = {}
    """Fields that the request's JSON body must contain with just these values."""
    skip: int = 0
    """Fitting requests that pass before the first failure."""
    times: int | None = 1
    """Requests that fail; ``None`` means all from then on."""
    share: float = 1.0
    """Probability that a fitting request fails; drawn from the sandbox's seed."""
    status: int | None = None
    """HTTP status of the answer; ``None`` keeps the real one, or 200 where ``body`` is given."""
    body: bytes | dict[str, Any] | None = None
    """Body of the answer, a dict as JSON; ``None`` is the usual error body of ``status``."""
    headers: Mapping[str, str] = {}
    """Headers added to the answer, such as ``Retry-After`` or ``Content-Type``."""
    process: bool = False
    """Whether the request is processed, and charged, although ``status`` or ``body`` replaces its answer."""
    delay: float = 0.0
    """Seconds of the sandbox's clock before the request is processed."""
    reset: Reset | None = None
    """A TCP reset: ``during`` the request's body, ``before`` the processing, ``after`` it and its charge."""
    cut_after: int | None = None
    """Bytes of the answer's body that are sent before the connection is closed."""
    rate: float | None = None
    """Bytes of the answer's body sent in a second of the sandbox's clock."""

    @property
    def replaces(self) -> bool:
        """Whether the answer is the fault's own."""
        return self.status is not None or self.body is not None

    def fits(self, route: str, body: Any) -> bool:
        """Tell whether a request to ``METHOD /template`` with this JSON body is meant."""
        if not fnmatchcase(route, self.route):
            return False
        fields = body if isinstance(body, dict) else {}
        return all(name in fields and fields[name] == value for name, value in self.when.items())


class FaultScript:
    """The faults still to come, in the order in which they were added."""

    def __init__(self, *, randomness: random.Random) -> None:
        self._randomness = randomness
        self._waiting: list[_Waiting] = []

    def __repr__(self) -> str:
        return f"<FaultScript {len(self.pending)} pending>"

    @property
    def pending(self) -> list[Fault]:
        """Faults that have not struck as often as they should."""
        return [entry.fault for entry in self._waiting]

    def add(self, fault: Fault) -> None:
        """Append a fault to the script; a route that no request can have is a ValueError."""
        if not any(fnmatchcase(route, fault.route) for route in ROUTES):
            raise ValueError(f"expected a route like 'POST /edit', got {fault.route!r}")
        self._waiting.append(_Waiting(fault))

    def clear(self) -> None:
        """Forget all faults."""
        self._waiting.clear()

    def take(self, route: str, body: Any = None, *, unread: bool = False) -> Fault | None:
        """Return the fault that strikes this request, and count it.

        Args:
            route: The request as ``METHOD /template``.
            body: Its JSON, once read.
            unread: Look only for what strikes before the body is read.
        """
        for entry in self._waiting:
            if (entry.fault.reset == "during") == unread and entry.fault.fits(route, body) and self._due(entry):
                return entry.fault
        return None

    def _due(self, entry: "_Waiting") -> bool:
        if entry.skip > 0:
            entry.skip -= 1
            return False
        if entry.fault.share < 1.0 and self._randomness.random() >= entry.fault.share:
            return False
        if entry.times is not None:
            entry.times -= 1
            if entry.times <= 0:
                self._waiting.remove(entry)
        return True


class _Waiting:
    """A fault with its counters."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.skip = fault.skip
        self.times = fault.times
