"""The sandbox: a local stand-in of the Phota API, with real answers, drawn pictures and scripted failures.

In tests on an event loop take ``Sandbox``; in synchronous programs ``running_sandbox``; in pytest the fixture
``phota_sandbox``; on the command line ``phota sandbox``.
"""

from phota_async.sandbox.accounts import Charge
from phota_async.sandbox.app import Sandbox
from phota_async.sandbox.callbacks import SentCallback
from phota_async.sandbox.clock import Clock
from phota_async.sandbox.errors import ServiceError
from phota_async.sandbox.faults import Fault
from phota_async.sandbox.recorder import SeenRequest
from phota_async.sandbox.shapes import Shape
from phota_async.sandbox.thread import SandboxThread, running_sandbox

__all__ = [
    "Charge",
    "Clock",
    "Fault",
    "Sandbox",
    "SandboxThread",
    "SeenRequest",
    "SentCallback",
    "ServiceError",
    "Shape",
    "running_sandbox",
]
