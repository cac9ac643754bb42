"""What a row of the matrix says, and the known faults that the matrix set out from."""

from typing import Literal

import msgspec

Layer = Literal["network", "service", "machine", "secrets", "forgery", "fuzzing"]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One fault."""

    id: str
    """Short, unique, the layer first: ``network.reset-before-sending``."""
    what: str
    """What happens."""
    must: str
    """What is required then, in one sentence."""
    layer: Layer
    tests: tuple[str, ...]
    """The tests that prove it, all of them: ``tests/faults/test_x.py::test_y``, without cases."""
    known: tuple[int, ...] = ()
    """The known faults that this row covers."""


KNOWN: dict[int, tuple[Layer, str]] = {
    1: ("network", "DNS fails"),
    2: ("network", "connection refused, no route"),
    3: ("network", "TLS: bad certificate, wrong host, expired, no TLS at all"),
    4: ("network", "no free connection, or none in time"),
    5: ("network", "reset in the middle of an upload"),
    6: ("network", "reset before the answer"),
    7: ("network", "reset within the answer"),
    8: ("network", "a kept connection that is closed meanwhile"),
    9: ("network", "truncated JSON"),
    10: ("network", "a cut body without a length, a cut gzip stream"),
    11: ("service", "base64 that is none, or is no picture"),
    12: ("network", "wrong content type, empty 200, an HTML page with 200"),
    13: ("network", "HTML pages with 502, 503, 504"),
    14: ("network", "429 without Retry-After"),
    15: ("network", "429 and 503 with Retry-After in seconds"),
    16: ("network", "Retry-After as a date"),
    17: ("service", "storms of 500, 503, 504"),
    18: ("network", "a body or head that drips"),
    19: ("network", "a huge body, endless chunks"),
    20: ("network", "a gzip bomb"),
    21: ("network", "huge or double headers, a broken status line"),
    22: ("service", "the key is revoked in the middle of a batch"),
    23: ("service", "the balance ends in the middle of a batch"),
    24: ("service", "403, 404, 422 on one item"),
    25: ("forgery", "a callback comes twice"),
    26: ("forgery", "a callback is replayed"),
    27: ("forgery", "a callback is forged"),
    28: ("forgery", "callbacks late, early, out of order, or none"),
    29: ("machine", "a clock that is a day wrong"),
    30: ("service", "a link has expired"),
    31: ("service", "a job vanishes"),
    32: ("service", "a job's status flaps"),
    33: ("service", "unknown words and fields, missing fields"),
    34: ("network", "a redirect of a call"),
    35: ("network", "a redirect of a download"),
    36: ("network", "a link or a redirect into a private network"),
    37: ("machine", "output names that lead out of the folder"),
    38: ("machine", "an output that exists, two items of one name"),
    39: ("machine", "the disk is full"),
    40: ("machine", "a folder that is unwritable or vanishes, a failing fsync"),
    41: ("machine", "SIGINT, SIGTERM"),
    42: ("machine", "SIGKILL at any instant"),
    43: ("machine", "power is lost"),
    44: ("machine", "two processes on one ledger"),
    45: ("machine", "two ledgers of one batch"),
    46: ("machine", "a batch goes on after days"),
    47: ("machine", "a photo changes between two runs"),
    48: ("machine", "cancellation at any step"),
    49: ("machine", "an event loop that is closed, or another one"),
    50: ("machine", "fork"),
    51: ("service", "the service charged, and its answer is lost"),
    52: ("service", "one id with other parameters"),
    53: ("service", "the key is rotated"),
    54: ("secrets", "the key in logs, tracebacks, reprs, pickles"),
    55: ("network", "a proxy or a netrc from the environment"),
    56: ("machine", "a million items"),
    57: ("service", "all polls at once after a restart"),
}


def make_row(layer: Layer, name: str, what: str, must: str, *tests: str, known: tuple[int, ...] = ()) -> Row:
    """Return a row of a layer: ``row = partial(make_row, "network")`` writes them short."""
    return Row(id=f"{layer}.{name}", what=what, must=must, layer=layer, tests=tests, known=known)
