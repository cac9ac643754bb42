"""The command line: ``phota``. Needs the extra `cli`; nothing in the library imports it."""
