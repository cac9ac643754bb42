"""Send what a guard lets pass, over the connections of another transport."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from ..guard import Bounds, check_call
from ..protocol import Call
from .attempts import Reply
from .exchange import Transport
from .receive import Receive

T = TypeVar("T")


class GuardedTransport(Transport):
    """A transport that shares everything with another one, and looks at each call before it is begun.

    All calls of a client and its views leave through ``send``, so this is the one place that has to be right.
    """

    def __init__(self, inner: Transport, bounds: Bounds) -> None:
        vars(self).update(vars(inner))  # the same connections, limits, budget, hooks and key
        self._bounds = bounds

    def send(self, call: Call, receive: Receive[T], **how: Any) -> Coroutine[Any, Any, Reply[T]]:
        """Send a call as `Transport.send` does.

        Raises:
            ScopeError: It names profiles that it must not; nothing was sent.
        """
        check_call(call, self._bounds)
        return super().send(call, receive, **how)
