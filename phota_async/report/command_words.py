"""What the library advises, in the words of the command: people who type ``phota`` write no Python. No I/O.

A hint is one clause or several with ``;`` between them. Clauses about Python are put in the command's words where it
has a way, and left out where it has none.
"""

import re

BETWEEN = "; "
_WHICH = re.compile(r"this is (variation \d+ of \d+), .*")  # no advice, but what the reason is about
_COMMANDS = (
    (re.compile(r'mode="job" can be repeated safely'), "--mode job can be repeated safely"),
    (re.compile(r'mode="job" has more of it'), "--mode job has more of it"),
    (re.compile(r".*(?:\.resume\(\)|jobs\.wait\().*"), "resume the run, which waits on"),
    (re.compile(r".*\bPriceTable\(.*"), "--price USD takes a price that you know"),
    (re.compile(r".*\bLimiter\b.*"), "ask for fewer at once with --concurrency, or wait"),
    (re.compile(r".*\bfor_user\(.*|.*\buser\.refresh\(.*"), "look at --tag and at the people of that end user"),
)
_PYTHON = re.compile(r"\w\(|\bawait\b|\b[a-z_]+=|\bclient\.|\bClientConfig\b|\bclient_request_id\b")


def advice_of(hint: str) -> str:
    """Return a hint without what only Python can do; ``""`` where nothing is left."""
    clauses = [_in_command(each) for each in hint.split(BETWEEN) if each and not _WHICH.fullmatch(each)]
    return BETWEEN.join(dict.fromkeys(each for each in clauses if not _PYTHON.search(each)))


def reason_of(message: str, hint: str) -> str:
    """Return why something failed, and in which of several variations."""
    found = next((match for each in hint.split(BETWEEN) if (match := _WHICH.fullmatch(each))), None)
    return f"{found[1]}: {message}" if found and message else message


def _in_command(clause: str) -> str:
    for pattern, words in _COMMANDS:
        if pattern.search(clause):
            return pattern.sub(words, clause)
    return clause
