"""Many machines on one batch."""

from .callbacks import CallbackListener, notify

__all__ = ["CallbackListener", "notify"]
