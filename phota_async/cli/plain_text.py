"""Make any text fit one line of a terminal: names of files may hold anything. No I/O."""

import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})  # controls, direction marks, halves, line separators
LONGEST = 2000  # characters of a line that is told


def clean(text: str, limit: int = LONGEST) -> str:
    """Return a text on one line, without what could move the cursor, turn the writing or break the encoding."""
    line = text[:limit] + ("…" if len(text) > limit else "")
    if line.isascii() and line.isprintable():
        return line
    return "".join(map(_visible, line))


def clean_lines(text: str, limit: int = LONGEST) -> str:
    """Return a text as `clean` does, with its line's ends and the tabs between its columns.

    Args:
        text: Any text.
        limit: Characters of one column of a line.
    """
    return "\n".join("\t".join(clean(each, limit) for each in line.split("\t")) for line in text.split("\n"))


def _visible(character: str) -> str:
    if character in "\t\n\r":
        return " "
    return REPLACEMENT if unicodedata.category(character) in UNSEEN else character
