"""Fuzz the answer scanner against json and base64: python tests/fuzz/fuzz_b64stream.py -runs=20000 [CORPUS].

Needs atheris (``pip install atheris``), which no test does. The first byte of an input says how to cut the rest.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from reference_json import Refused, read_by_scanner, read_plainly

from phota_async.errors import DecodeError

# What random bytes seldom come upon.
WORDS = (
    *(b'{"images":["', b'"]}', b'"result":{"images":[', b'"REVG",', b'""', b"null", b"QQ==", b"="),
    *(b"data:image/png;base64,", b"\\u003d", b"\\u0044", b"\\/", b"\\n", b"\\\\", b'\\"', b"\xef\xbb\xbf"),
)


def check(data: bytes) -> None:
    """Read one document both ways and compare what comes out."""
    size, document = data[0] % 32 + 1 if data else 1, data[1:]
    chunks = [document[at : at + size] for at in range(0, len(document), size)]
    expected, found = _plainly(document), _by_scanner(chunks)
    if expected != found:
        raise AssertionError(f"expected {expected!r}, got {found!r}")


def _plainly(document: bytes) -> Any:
    try:
        return read_plainly(document)
    except Refused:
        return Refused


def _by_scanner(chunks: list[bytes]) -> Any:
    try:
        return read_by_scanner(chunks)
    except DecodeError:
        return Refused


def main() -> None:
    """Run libFuzzer with the arguments of the command line."""
    atheris = importlib.import_module("atheris")

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        mutated: bytes = atheris.Mutate(data, max_size)
        if seed % 2:
            return mutated
        at = seed // len(WORDS) % (len(mutated) + 1)
        return (mutated[:at] + WORDS[seed % len(WORDS)] + mutated[at:])[:max_size]

    atheris.instrument_all()
    atheris.Setup(sys.argv, check, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
