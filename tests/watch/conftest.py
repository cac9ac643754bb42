from support.clients import connect, listen

__all__ = ["connect", "listen"]
