"""Errors in the words of the command: what the library advises as arguments is an option here. No I/O."""

import re

WORDS = (
    (re.compile(r'exists="number" or exists="replace" changes this'), "choose another name, or say so with --exists"),
    (re.compile(r"resend_unknown=True"), "--resend-unknown"),
    (re.compile(r"check PHOTA_API_KEY or api_key=;"), "store the right key: phota config set-key, or PHOTA_API_KEY;"),
    (re.compile(r"send fewer calls at once \(Limiter\) or wait"), "send fewer at once (-c), or wait"),
    (re.compile(r'mode="job" can be repeated safely'), "--mode job can be repeated safely"),
    (re.compile(r'mode="job" has more of it'), "--mode job has more of it"),
    (re.compile(r"await error\.resume\(\) waits on, as does client\.jobs\.wait\('([^']*)'\)"), r"phota jobs wait \1"),
    (re.compile(r"client\.jobs\.wait\('([^']*)'\)"), r"phota jobs wait \1"),
    (re.compile(r"ClientConfig\(ssl_context=\.\.\.\) takes"), "the variable SSL_CERT_FILE names"),
    (re.compile(r"ClientConfig\(allow_private_downloads=True\) permits it"), "nothing is fetched from there"),
    (
        re.compile(r"await user\.refresh\(\) reads the ids of the tag again"),
        "phota profiles list --tag TAG shows whose",
    ),
    (re.compile(r"Budget\(usd, prices=PriceTable\(\.\.\.\)\) takes prices that you know"), "--price USD tells it"),
    (re.compile(r"await client\.for_user\(tag\) gives a client for one end user"), "--tag names the end user"),
    (re.compile(r"or give this batch a ledger of its own"), "or give another folder: -o"),
)


def in_options(text: object) -> str:
    """Return an error, or what it says, as somebody reads it who has the command and no program."""
    told = str(text)
    for library, command in WORDS:
        told = library.sub(command, told)
    return told
