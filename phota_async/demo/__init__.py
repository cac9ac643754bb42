"""The demo: real photos through every operation, on a sandbox of its own or, when asked, on the real service.

    report = await run_demo(DemoOptions(out=Path("phota-demo")), progress=PlainProgress())

Needs the extras `cli`, `images` and `report`; `phota demo` is its command.
"""

from .options import DemoOptions
from .progress import PlainProgress
from .report import DemoReport
from .run import run_demo

__all__ = ["DemoOptions", "DemoReport", "PlainProgress", "run_demo"]
